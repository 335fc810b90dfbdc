"""The real tf.nn.conv1d and conv2d against the table, the translations and the compat layer."""

import itertools
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from filtrax.compat import tensorflow as ftf
from filtrax.conventions import CONVENTIONS, apply, identify
from peers import PEERS, apply_together, cases_of_translation, check_translation, signals
from random_cases import CHUNK, CHUNKS, Case, UnsupportedError, check_chunk, numbers

tf: Any = pytest.importorskip("tensorflow", reason="needs the `parity` extra")
pytestmark = pytest.mark.parity

NAME = "tensorflow.nn.conv1d"


def call(function: Any, *arguments: Any, **options: Any) -> np.ndarray:
    """The function's result as a NumPy array; a refusal is a ValueError."""
    try:
        return function(*arguments, **options).numpy()
    except tf.errors.UnimplementedError as error:
        raise UnsupportedError(str(error)) from error
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(str(error)) from error


def one_row(x: np.ndarray, h: np.ndarray, mode: str) -> np.ndarray:
    x, h = np.ascontiguousarray(x), np.ascontiguousarray(h)
    return call(tf.nn.conv1d, x[None, :, None], h[:, None, None], 1, mode)[0, :, 0]


ALL = {**PEERS, NAME: one_row}


@pytest.mark.parametrize("mode", CONVENTIONS[NAME].modes)
@pytest.mark.parametrize("k", range(1, 9))
def test_the_convention(k: int, mode: str) -> None:
    pairs = [signals(n, k) for n in range(1, 10)]
    for (x, h), got in zip(pairs, apply_together(pairs, NAME, mode), strict=True):
        try:
            expected = one_row(x, h, mode)
        except ValueError:
            assert mode == "VALID"
            assert k > len(x) + 1
            assert str(got).startswith("h: expected a kernel that fits")
            continue
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-13)
        if len(x) == 6 and k in (3, 4):
            assert (NAME, mode) in [(m.convention, m.mode) for m in identify(x, h, expected)]


@pytest.mark.parametrize("peer", ALL)
def test_translations_to_and_from(peer: str) -> None:
    to = cases_of_translation({peer: ALL[peer]}, {NAME: one_row}, complex_too=False)
    back = cases_of_translation({NAME: one_row}, {peer: ALL[peer]}, complex_too=False)
    done = [check_translation(*case, ALL) for case in itertools.chain(to, back)]
    assert sum(done) >= 30


def test_the_numbers_of_the_question() -> None:
    x, h = np.array([1.0, 0, 2, 3, 0, 1, 1]), np.array([2.0, 1, 3])
    assert one_row(x, h, "VALID").tolist() == [8, 11, 7, 9, 4]
    assert apply(x, h, NAME, "VALID").tolist() == [8, 11, 7, 9, 4]
    assert one_row(x, h[::-1], "SAME").tolist() == np.convolve(x, h, "same").tolist()


def random_case(rng: np.random.Generator) -> Case:
    """Any call of conv1d or conv2d that one could write."""
    rank = int(rng.choice([1, 1, 2]))
    dtype = str(rng.choice(["float32", "float64", "float16", "bfloat16", "int32"]))
    groups, inner, outer = (int(v) for v in rng.integers(1, 3, 3))
    if rng.random() < 0.5:
        groups = 1
    batch = tuple(rng.integers(1, 3, rng.choice([1, 1, 2])))
    space = tuple(rng.integers(1, 15 if rank == 1 else 8, rank))
    taps = tuple(rng.integers(1, 9 if rank == 1 else 5, rank))
    stride = [int(v) for v in rng.integers(1, 4, rank)]
    dilation = [int(v) for v in rng.choice([1, 1, 2, 3], rank)]
    padding: Any = str(rng.choice(["SAME", "VALID"]))
    explicit = rank == 2 and rng.random() < 0.4
    if explicit or padding == "VALID":
        # What does not fit has a test of its own, below.
        spans = [(k - 1) * d + 1 for k, d in zip(taps, dilation, strict=True)]
        space = tuple(max(n, span) for n, span in zip(space, spans, strict=True))
    last = rng.random() < 0.6
    if explicit:
        pairs = [[int(v) for v in rng.integers(0, 4, 2)] for _ in range(rank)]
        padding = [[0, 0], *pairs, [0, 0]]
    # The peer runs channels-last only on a CPU; there the other layout is its transpose.
    peer_options = {"padding": padding, "dilations": dilation}
    options: dict[str, Any] = {"padding": padding, "dilations": dilation}
    if not last:
        options["data_format"] = "NCW" if rank == 1 else "NCHW"
        if not isinstance(padding, str):
            options["padding"] = [[0, 0], [0, 0], *padding[1:3]]
    step: Any = stride if rng.random() < 0.7 else ([1, *stride, 1] if last else [1, 1, *stride])
    name = ("conv1d", "conv2d")[rank - 1]
    ours = partial(_ours, name=name, stride=step, last=last, options=options)
    peer = partial(_peer, name=name, stride=stride, options=peer_options)
    x = numbers(rng, (*batch, *space, groups * inner), dtype)
    h = numbers(rng, (*taps, inner, groups * outer), dtype)
    note = f"tf.nn.{name} {x.shape} {h.shape} {dtype} stride {step} {options}"
    return Case(note, [x, h], dtype, ours, peer, int(np.prod(taps)) * inner)


def _ours(x: Any, h: Any, *, name: str, stride: Any, last: bool, options: Any) -> Any:
    rank = h.ndim - 2
    if last:
        return getattr(ftf, name)(x, h, stride, **options)
    y = getattr(ftf, name)(jnp.moveaxis(x, -1, -1 - rank), h, stride, **options)
    return jnp.moveaxis(y, -1 - rank, -1)


def _peer(x: np.ndarray, h: np.ndarray, *, name: str, stride: Any, options: Any) -> np.ndarray:
    return call(getattr(tf.nn, name), x, h, stride, **options)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_random_cases(chunk: int) -> None:
    rng = np.random.default_rng([3, chunk])
    assert check_chunk(chunk, [random_case(rng) for _ in range(CHUNK)]) > 0.8 * CHUNK


X, H = np.ones((2, 7, 4), np.float32), np.ones((3, 4, 4), np.float32)
X2, H2 = X[:, None], H[None]


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("conv1d", (X, H, 1, "full"), {}),
        ("conv1d", (X, H, 1, "same"), {}),
        ("conv1d", (X[:, :1], H, 1, "VALID"), {}),
        ("conv1d", (X, H[:, :3], 1, "VALID"), {}),
        ("conv1d", (X, H[:, :2, :3], 1, "VALID"), {}),
        ("conv1d", (X, H, 0, "SAME"), {}),
        ("conv1d", (X, H, 1, "SAME"), {"dilations": 0}),
        ("conv1d", (X[0], H, 1, "SAME"), {}),
        ("conv1d", (X, H[0], 1, "SAME"), {}),
        ("conv1d", (X, H, 1, [[0, 0], [1, 1], [0, 0]]), {}),
        ("conv1d", (X, H.astype(np.float64), 1, "SAME"), {}),
        ("conv1d", (X, H, [1, 2], "SAME"), {}),
        ("conv2d", (X2, H2, 1, "LOWER"), {}),
        ("conv2d", (X2, H2, [2, 1, 1, 1], "SAME"), {}),
        ("conv2d", (X2, H2, [1, 2, 3], "SAME"), {}),
        ("conv2d", (X2, H2, 1, [[0, 0], [1, 1]]), {}),
        ("conv2d", (X2, H2, 1, [[1, 0], [0, 0], [0, 0], [0, 0]]), {}),
        ("conv2d", (X2, H2, 1, [[0, 0], [-1, 0], [0, 0], [0, 0]]), {}),
        ("conv2d", (X, H2, 1, "SAME"), {}),
    ],
)
def test_what_the_peer_refuses_is_refused(name: str, arguments: Any, options: Any) -> None:
    with pytest.raises((ValueError, TypeError, UnsupportedError)):
        call(getattr(tf.nn, name), *arguments, **options)
    with pytest.raises((ValueError, TypeError), match=r"^\w+: expected "):
        getattr(ftf, name)(*arguments, **options)


def test_a_kernel_that_does_not_fit_between_strides() -> None:
    """TensorFlow refuses a number of outputs below zero, after its division by the stride."""
    for n, k, stride in itertools.product(range(1, 5), range(1, 9), range(1, 4)):
        x, h = np.ones((1, 1, n, 1), np.float32), np.ones((1, k, 1, 1), np.float32)
        for padding in ("VALID", [[0, 0], [0, 0], [1, 0], [0, 0]]):
            try:
                expected = call(tf.nn.conv2d, x, h, stride, padding)
            except ValueError:
                with pytest.raises(ValueError, match=r"^\w+: expected "):
                    ftf.conv2d(x, h, stride, padding)
                continue
            assert ftf.conv2d(x, h, stride, padding).shape == expected.shape, (n, k, stride)
