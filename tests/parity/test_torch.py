"""The real torch.nn.functional.conv1d and conv2d against the table and the compat layer."""

import itertools
import warnings
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from filtrax.compat import torch as ftorch
from filtrax.conventions import CONVENTIONS, identify
from peers import PEERS, apply_together, cases_of_translation, check_translation, signals
from random_cases import CHUNK, CHUNKS, Case, UnsupportedError, check_chunk, numbers

torch: Any = pytest.importorskip("torch", reason="needs the `parity` extra")
# oneDNN, which torch uses by default, dies with a segmentation fault at some float16 sizes, such
# as (1, 1, 4, 1) with (2, 1, 3, 1), padding (1, 3), dilation (1, 3). torch's own kernels do not.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="TF32 acceleration on top of oneDNN")
    torch.backends.mkldnn.set_flags(False)
pytestmark = [
    pytest.mark.parity,
    # Of torch itself: that it pads an even kernel's 'same' by a copy.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths"),
]

NAME = "torch.nn.functional.conv1d"


def call(name: str, *arguments: Any, **options: Any) -> np.ndarray:
    """The function's result as a NumPy array; a refusal is a ValueError."""
    tensors = [tensor(a) if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        y = getattr(torch.nn.functional, name)(*tensors, **options)
    except NotImplementedError as error:
        raise UnsupportedError(str(error)) from error
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    if y.dtype == torch.bfloat16:
        return y.to(torch.float32).numpy().astype(jnp.bfloat16)
    return y.numpy()


def tensor(array: np.ndarray) -> Any:
    if array.dtype == jnp.bfloat16:
        return torch.tensor(array.astype(np.float32)).to(torch.bfloat16)
    return torch.tensor(np.ascontiguousarray(array))


def one_row(x: np.ndarray, h: np.ndarray, mode: Any) -> np.ndarray:
    return call("conv1d", x[None, None], h[None, None], padding=mode)[0, 0]


ALL = {**PEERS, NAME: one_row}


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("mode", [*CONVENTIONS[NAME].modes, 0, 1, 2, 5])
@pytest.mark.parametrize("k", range(1, 9))
def test_the_convention(k: int, mode: Any, dtype: str) -> None:
    pairs = [signals(n, k, dtype) for n in (range(1, 10) if dtype == "float64" else (3, 6))]
    for (x, h), got in zip(pairs, apply_together(pairs, NAME, mode), strict=True):
        try:
            expected = one_row(x, h, mode)
        except ValueError:
            assert k > len(x)
            assert str(got).startswith("h: expected a kernel that fits")
            continue
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-13)
        if len(x) == 6 and k in (3, 4) and mode != 0:
            assert (NAME, mode) in [(m.convention, m.mode) for m in identify(x, h, expected)]


@pytest.mark.parametrize("peer", ALL)
def test_translations_to_and_from(peer: str) -> None:
    to = cases_of_translation({peer: ALL[peer]}, {NAME: one_row})
    back = cases_of_translation({NAME: one_row}, {peer: ALL[peer]})
    done = [check_translation(*case, ALL) for case in itertools.chain(to, back)]
    assert sum(done) >= 80


def random_case(rng: np.random.Generator) -> Case:
    """Any call of conv1d or conv2d that one could write, a few of them impossible."""
    rank = int(rng.choice([1, 1, 2]))
    dtype = str(rng.choice(["float32", "float64", "float16", "bfloat16", "complex64", "int64"]))
    groups, inner, outer = (int(v) for v in rng.integers(1, 3, 3))
    batch = tuple(rng.integers(1, 3, rng.choice([0, 1, 1])))
    taps = rng.integers(1, 9 if rank == 1 else 5, rank)
    stride, dilation = rng.integers(1, 4, rank), rng.choice([1, 1, 2, 3], rank)
    amounts = rng.integers(0, 4, rank)
    space = rng.integers(1, 15 if rank == 1 else 8, rank)
    padding: Any = rng.choice(np.array(["same", "valid", "amounts"], object))
    if padding == "same" and rng.random() < 0.9:
        stride[:] = 1
    if padding != "same" and rng.random() < 0.9:
        # Most kernels fit, a few do not.
        zeros = 2 * amounts if padding == "amounts" else 0
        space = np.maximum(space, (taps - 1) * dilation + 1 - zeros).clip(1)
    if padding == "amounts":
        padding = _spelled(rng, amounts)
    operands = [
        numbers(rng, (*batch, groups * inner, *space), dtype),
        numbers(rng, (groups * outer, inner, *taps), dtype),
    ]
    biased = rng.random() < 0.5
    if biased:
        operands.append(numbers(rng, (groups * outer,), dtype))
    options = {
        "stride": _spelled(rng, stride),
        "padding": padding,
        "dilation": _spelled(rng, dilation),
        "groups": groups,
    }
    name = ("conv1d", "conv2d")[rank - 1]
    note = f"{name} {[a.shape for a in operands]} {dtype} {options}"
    ours, peer = partial(getattr(ftorch, name), **options), partial(call, name, **options)
    return Case(note, operands, dtype, ours, peer, int(np.prod(taps)) * inner + 1)


def _spelled(rng: np.random.Generator, values: np.ndarray) -> Any:
    """One integer where it can stand for all of them, else a tuple."""
    if np.all(values == values[0]) and rng.random() < 0.5:
        return int(values[0])
    return tuple(int(value) for value in values)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_random_cases(chunk: int) -> None:
    rng = np.random.default_rng([4, chunk])
    assert check_chunk(chunk, [random_case(rng) for _ in range(CHUNK)]) > 0.75 * CHUNK


X, H = np.ones((2, 4, 7), np.float32), np.ones((6, 4, 3), np.float32)


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((X[..., :2], H), {}),
        ((X[..., :0], H), {"padding": 2}),
        ((X, H), {"padding": "same", "stride": 2}),
        ((X, H), {"padding": "SAME"}),
        ((X, H), {"padding": -1}),
        ((X, H), {"stride": 0}),
        ((X, H), {"dilation": 0}),
        ((X, H), {"groups": 0}),
        ((X, H), {"groups": 2}),
        ((X, H[:5, :2]), {"groups": 2}),
        ((X, H, np.ones(5, np.float32)), {}),
        ((X, H, np.ones(6)), {}),
        ((X, H.astype(np.float64)), {}),
        ((X[0, 0], H), {}),
        ((X, H[0]), {}),
    ],
)
def test_what_the_peer_refuses_is_refused(arguments: Any, options: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        call("conv1d", *arguments, **options)
    with pytest.raises((ValueError, TypeError), match=r"^\w+: expected "):
        ftorch.conv1d(*arguments, **options)
