"""The recursive filters give what SciPy gives, and fail where it fails."""

import inspect
import itertools
import math
import os
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal as scipys

import filtrax
from filtrax.compat import scipy_signal
from filtrax.iir import _choose
from filtrax.iir._choose import radices

#: Its annotations are of another array type.
signal: Any = scipys

METHODS = ("block", "scan")


def poles(rng: np.random.Generator, order: int, kind: str, largest: float) -> np.ndarray:
    """Points in a disc; in conjugate pairs unless they may be complex."""
    if kind == "c":
        return largest * np.sqrt(rng.random(order)) * np.exp(2j * np.pi * rng.random(order))
    pairs = poles(rng, order // 2, "c", largest)
    single = rng.uniform(-largest, largest, order % 2)
    return np.concatenate([pairs, pairs.conj(), single])


def polynomial(rng: np.random.Generator, order: int, kind: str, largest: float) -> np.ndarray:
    found = np.atleast_1d(np.poly(poles(rng, order, kind, largest)))
    return found if kind == "c" else found.real


def stable(rng: np.random.Generator, order: int, kind: str = "f") -> tuple[Any, Any]:
    """A random filter whose longer polynomial has this order; a[0] is not 1."""
    shorter = int(rng.integers(0, order + 1))
    orders = (order, shorter) if rng.random() < 0.3 else (shorter, order)
    b, a = polynomial(rng, orders[0], kind, 1.2), polynomial(rng, orders[1], kind, 0.95)
    return b * rng.uniform(0.1, 3), a * rng.choice([-2.0, 0.5, 1.0, 3.0])


def samples(rng: np.random.Generator, shape: tuple[int, ...], kind: str = "f") -> np.ndarray:
    x = rng.standard_normal(shape)
    return x + 1j * rng.standard_normal(shape) if kind == "c" else x


def close(got: Any, expected: Any, tolerance: float = 1e-10) -> None:
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    if expected.size:
        assert np.abs(got - expected).max() <= tolerance * np.abs(expected).max()


#: Draws of each test of random filters: FILTRAX_FULL=1 gives 6,240 filters in all.
DRAWS = 4 if os.environ.get("FILTRAX_FULL") else 1
#: Filters of one call, as many as are prepared on the host.
SETS = 40
#: Programs are made for these orders; the others are padded with zeros.
ORDERS = {order: min(top for top in (1, 3, 6, 12) if top >= order) for order in range(13)}


@pytest.mark.parametrize("order", ORDERS)
def test_random_stable_filters(order: int) -> None:
    # By name: for signals so short the plan would take the loop.
    for draw, (shape, axis, method) in itertools.product(
        range(DRAWS),
        (((90, SETS, 1), 0, "scan"), ((SETS, 2, 300), -1, "block"), ((300, SETS, 2), 0, "block")),
    ):
        rng = np.random.default_rng((order, draw, axis + 1, len(method)))
        pad = 1 + ORDERS[order]
        sets = [stable(rng, order) for _ in range(SETS)]
        b, a = (
            np.stack([np.pad(each[i], (0, pad - each[i].size)) for each in sets])[:, None]
            for i in (0, 1)
        )
        x = samples(rng, shape)
        rows = np.moveaxis(x, axis, -1)
        if axis == 0:
            got = np.moveaxis(np.asarray(filtrax.lfilter(b, a, x, axis, method=method)), 0, -1)
            for own, p, q, row in zip(got, b[:, 0], a[:, 0], rows, strict=True):
                close(own, signal.lfilter(p, q, row))
            continue
        zi = samples(rng, (SETS, 2, pad - 1))
        y, zf = filtrax.lfilter(b, a, x, axis, zi, method=method)
        for i in range(SETS):
            expected, after = signal.lfilter(b[i, 0], a[i, 0], x[i], zi=zi[i])
            close(y[i], expected)
            close(zf[i], after)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kinds", ["ff", "fc", "cf", "cc"])
def test_each_axis_with_and_without_state(method: str, kinds: str) -> None:
    rng = np.random.default_rng(7)
    # Each axis, and each order, with some order or axis: every pair is a program to compile.
    pairs = [(0, 0), (1, 1), (5, 2), (2, -1), (3, -2), (4, -3)]
    for order, axis in pairs if kinds == "ff" else pairs[1:4]:
        shape = [2, 3, 2]
        shape[axis] = 140
        b, a = stable(rng, order, kinds[0])
        x = samples(rng, tuple(shape), kinds[1])
        close(filtrax.lfilter(b, a, x, axis, method=method), signal.lfilter(b, a, x, axis))
        shape[axis] = order
        zi = samples(rng, tuple(shape), kinds[1])
        got = filtrax.lfilter(b, a, x, axis, zi, method=method)
        for each, expected in zip(got, signal.lfilter(b, a, x, axis, zi), strict=True):
            close(each, expected)


@pytest.mark.parametrize(
    ("length", "method"),
    [*((n, "block") for n in (0, 1, 2, 3, 63, 64, 65, 127, 128, 129, 257, 1009, 5003)),
     *((n, "scan") for n in (1, 3, 129))],
)  # fmt: skip
def test_awkward_lengths(length: int, method: str) -> None:
    rng = np.random.default_rng(length)
    b, a = stable(rng, 4)
    x, zi = samples(rng, (2, length)), samples(rng, (2, 4))
    if not length:
        assert filtrax.lfilter(b, a, x).shape == (2, 0)
        close(filtrax.lfilter(b, a, x, zi=zi)[1], zi)
        return
    for got, expected in zip(
        filtrax.lfilter(b, a, x, zi=zi, method=method),
        signal.lfilter(b, a, x, zi=zi),
        strict=True,
    ):
        close(got, expected)
    if method == "block" and length % 2:
        close(filtrax.filtfilt(b, a, x, padtype=None), signal.filtfilt(b, a, x, padtype=None))


#: Sections, whether they are traced, the form, and with what: every program takes seconds to
#: compile, those of traced coefficients the most.
CASCADES = [
    *((count, False, method, "real complex zi") for count in (1, 2, 5) for method in METHODS),
    *((count, True, "scan", "real zi") for count in (1, 2, 5)),
    (1, True, "block", "zi"),
    (2, True, "block", "complex zi"),
    (5, True, "block", "real"),
]


@pytest.mark.parametrize(("count", "traced", "method", "kinds"), CASCADES)
def test_cascades(count: int, traced: bool, method: str, kinds: str) -> None:
    rng = np.random.default_rng(count)
    run = partial(filtrax.sosfilt, method=method)
    if traced:
        run = jax.jit(run, static_argnames="axis")
    for shape, axis in (((300,), -1), ((2, 200, 2), 1))[traced:]:
        quadratics = [polynomial(rng, 2, "f", r) for r in (1.2, 0.95) for _ in range(count)]
        sos = np.hstack([np.stack(quadratics[:count]), np.stack(quadratics[count:])])
        for kind in set(kinds.split()) & {"real", "complex"}:
            x = samples(rng, shape, kind.replace("real", "f")[0])
            close(run(sos, x, axis=axis), signal.sosfilt(sos, x, axis=axis))
        if "zi" not in kinds:
            continue
        x, inner = samples(rng, shape), list(shape)
        inner[axis] = 2
        zi = samples(rng, (count, *inner))
        got, expected = run(sos, x, axis=axis, zi=zi), signal.sosfilt(sos, x, axis=axis, zi=zi)
        for each, wanted in zip(got, expected, strict=True):
            close(each, wanted)


DESIGNS = {
    "low": signal.butter(4, 0.2, output="sos"),
    "high": signal.cheby1(5, 1, 0.1, "high", output="sos"),
    "stop": signal.ellip(3, 1, 40, [0.2, 0.3], "stop", output="sos"),
    "first order": signal.butter(1, 0.3, output="sos"),
}


@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("padtype", ["odd", "even", "constant", None])
def test_forward_and_backward(name: str, padtype: str | None) -> None:
    rng = np.random.default_rng(3)
    sos = DESIGNS[name]
    b, a = signal.sos2tf(sos)
    x = samples(rng, (2, 150, 2)) + 5
    # Each length with a filter of its own: every pair is a program to compile.
    for padlen, p, q in ((None, b, a), (0, b, [2.0]), (20, [1.0], a)):
        close(
            filtrax.sosfiltfilt(sos, x, 1, padtype, padlen),
            signal.sosfiltfilt(sos, x, 1, padtype, padlen),
        )
        close(
            filtrax.filtfilt(p, q, x, 1, padtype, padlen),
            signal.filtfilt(p, q, x, 1, padtype, padlen),
            1e-9,  # SciPy solves for its initial state.
        )


def test_forward_and_backward_in_every_form() -> None:
    x = samples(np.random.default_rng(4), (16, 2000))
    assert filtrax.iir.plan(x.shape, 2, "float64", traced=True, platform="cpu").engine == "block"
    b, a = signal.butter(2, 0.2)
    two = x + 1j * x[::-1]
    close(filtrax.filtfilt(b, a, two), signal.filtfilt(b, a, two))
    # Sections one after the other: too many for one, or not stable.
    many = signal.butter(34, 0.4, output="sos")
    close(filtrax.sosfiltfilt(many, x), signal.sosfiltfilt(many, x), 1e-9)
    grows = np.concatenate([signal.butter(2, 0.4, output="sos"), [[1.0, 0, 0, 1, -1.01, 0]]])
    close(filtrax.sosfiltfilt(grows, x), signal.sosfiltfilt(grows, x), 1e-9)
    # Coefficients that are traced, a set for each row.
    filters = [signal.butter(2, width) for width in np.linspace(0.1, 0.4, len(x))]
    b, a = (np.stack(each) for each in zip(*filters, strict=True))
    expected = [signal.filtfilt(*each) for each in zip(b, a, x, strict=True)]
    close(jax.vmap(filtrax.filtfilt)(b, a, x), np.stack(expected))
    # A batch of cascades for the same signals, and one of signals for a known cascade.
    sos = np.stack([DESIGNS["low"]] * 2)
    sos[1, :, 0] *= 2
    run = jax.vmap(lambda sos, x: filtrax.sosfiltfilt(sos, x, padlen=20), (0, None))
    each = [signal.sosfiltfilt(one, x, padlen=20) for one in sos]
    close(jax.jit(run)(sos, x), np.stack(each))
    known = jax.vmap(lambda x: filtrax.sosfiltfilt(sos[1], x, padlen=20), 1, 1)
    close(known(x.T), signal.sosfiltfilt(sos[1], x, padlen=20).T)


@pytest.mark.parametrize(
    ("length", "padlen"), [(129, 0), (191, 1), (192, 64), (193, 63), (999, 100), (1000, 12)]
)
def test_forward_and_backward_over_any_blocks(
    length: int, padlen: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The other form has no blocks, and with fewer rows each way would be a pass of its own.
    monkeypatch.setitem(_choose._PRICES["cpu"], "scan", (1e12, 0.0, 0.0))
    x = samples(np.random.default_rng(6), (64, length)) + 1
    for name, padtype in (("low", "odd"), ("stop", "even"), ("first order", "constant")):
        sos = DESIGNS[name]
        close(
            filtrax.sosfiltfilt(sos, x, 1, padtype, padlen),
            signal.sosfiltfilt(sos, x, 1, padtype, padlen),
        )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_forward_and_backward_a_row_is_spoilt_alone(value: float) -> None:
    x = samples(np.random.default_rng(5), (16, 2000))
    x[1, 100] = value
    b, a = signal.butter(2, 0.2)
    got = np.asarray(filtrax.filtfilt(b, a, x))
    expected = signal.filtfilt(b, a, x)
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected))
    assert not np.isfinite(got[1]).any()
    close(got[::2], expected[::2])


@pytest.mark.parametrize("irlen", [None, 20, 40, 74, 75, 76, 500])
def test_gustafsson(irlen: int | None) -> None:
    x = samples(np.random.default_rng(1), (2, 150, 3))
    for b, a in (signal.butter(3, 0.2), (np.array([1.0, 2.0]), np.array([2.0])), ([2.0], [1.0])):
        close(
            filtrax.filtfilt(b, a, x, 1, method="gust", irlen=irlen),
            signal.filtfilt(b, a, x, 1, method="gust", irlen=irlen),
        )
    xc = x + 1j * x[::-1]
    b, a = signal.butter(2, 0.3)
    close(
        filtrax.filtfilt(b, a, xc, 1, method="gust", irlen=irlen),
        signal.filtfilt(b, a, xc, 1, method="gust", irlen=irlen),
    )


def test_states() -> None:
    rng = np.random.default_rng(0)
    for order in range(1, 9):
        b, a = stable(rng, order)
        close(filtrax.lfilter_zi(b, a), signal.lfilter_zi(b, a))
        close(jax.jit(filtrax.lfilter_zi)(b, a), signal.lfilter_zi(b, a))
        for given_past in (0, 1, order, order + 3):
            y, x = samples(rng, (given_past,)), samples(rng, (given_past,))
            close(filtrax.lfiltic(b, a, y, x), signal.lfiltic(b, a, y, x))
            close(filtrax.lfiltic(b, a, y), signal.lfiltic(b, a, y))
    for sos in DESIGNS.values():
        close(filtrax.sosfilt_zi(sos), signal.sosfilt_zi(sos))
        close(jax.jit(filtrax.sosfilt_zi)(sos), signal.sosfilt_zi(sos))


def test_a_set_of_coefficients_for_each_row() -> None:
    rng = np.random.default_rng(5)
    x = samples(rng, (4, 3, 150))
    sets = [stable(rng, 3) for _ in range(3)]
    b, a = (np.stack([np.pad(s[i], (0, 4 - s[i].size)) for s in sets]) for i in (0, 1))
    expected = np.stack([signal.lfilter(b[i], a[i], x[:, i]) for i in range(3)], 1)
    close(filtrax.lfilter(b, a, x), expected)
    close(filtrax.lfilter(b[:, None], a, np.moveaxis(x, 1, 0)[:, :3], 2), [
        [signal.lfilter(b[i], a[j], x[j, i]) for j in range(3)] for i in range(3)
    ])  # fmt: skip
    close(filtrax.lfilter(b, a[0], x[:, :1]), np.stack(
        [signal.lfilter(each, a[0], x[:, 0]) for each in b], 1
    ))  # fmt: skip
    zi = samples(rng, (4, 3, 3))
    y, zf = filtrax.lfilter(b, a, np.moveaxis(x, 2, 0), 0, np.moveaxis(zi, 2, 0))
    pairs = [signal.lfilter(b[i], a[i], x[:, i], zi=zi[:, i]) for i in range(3)]
    close(y, np.moveaxis(np.stack([p[0] for p in pairs], 1), 2, 0))
    close(zf, np.moveaxis(np.stack([p[1] for p in pairs], 1), 2, 0))
    sos = np.stack([DESIGNS["low"], DESIGNS["low"][::-1], 2 * DESIGNS["low"] - [0, 0, 0, 1, 0, 0]])
    sos[2, :, 4:] /= 2
    close(filtrax.sosfilt(sos, x), np.stack(
        [signal.sosfilt(sos[i], x[:, i]) for i in range(3)], 1
    ))  # fmt: skip
    # More sets than are prepared on the host.
    many = np.broadcast_to(b[0], (70, 4)), np.broadcast_to(a[0], (70, 4))
    wide = samples(rng, (70, 200))
    close(filtrax.lfilter(*many, wide), signal.lfilter(b[0], a[0], wide))


#: Each length is a program of its own to compile, for each order and method.
LENGTHS = st.lists(st.sampled_from([0, 1, 7, 130]), min_size=1, max_size=6)


@given(LENGTHS, st.sampled_from([1, 5]), st.sampled_from(METHODS), st.integers(0, 2**16))
def test_any_split_gives_the_samples_of_one_call(
    lengths: list[int], order: int, method: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    b, a = polynomial(rng, order, "f", 1.2), polynomial(rng, order, "f", 0.95)
    x, state = samples(rng, (2, sum(lengths))), samples(rng, (2, order))
    expected, last = signal.lfilter(b, a, x, zi=state)
    if not x.size:
        last = state  # SciPy's own is memory that nothing was written to.
    parts = np.split(x, np.cumsum(lengths)[:-1], axis=-1)
    found = []
    for part in parts:
        y, state = filtrax.lfilter(b, a, part, zi=state, method=method)
        found.append(np.asarray(y))
    close(np.concatenate(found, -1), expected)
    close(state, last)


@given(st.lists(st.sampled_from([0, 1, 130]), min_size=1, max_size=6), st.integers(0, 2**16))
def test_any_split_of_a_cascade_gives_the_samples_of_one_call(
    lengths: list[int], seed: int
) -> None:
    count = 2
    rng = np.random.default_rng(seed)
    sos = np.stack([
        np.concatenate([polynomial(rng, 2, "f", radius) for radius in (1.2, 0.95)])
        for _ in range(count)
    ])  # fmt: skip
    x, state = samples(rng, (2, sum(lengths))), samples(rng, (count, 2, 2))
    if not x.size:
        return
    expected, last = signal.sosfilt(sos, x, zi=state)
    found = []
    for part in np.split(x, np.cumsum(lengths)[:-1], axis=-1):
        y, state = filtrax.sosfilt(sos, part, zi=state)
        found.append(np.asarray(y))
    close(np.concatenate(found, -1), expected)
    close(state, last)


def test_the_state_is_a_carry_of_scan() -> None:
    rng = np.random.default_rng(2)
    b, a = stable(rng, 3)
    sos = DESIGNS["low"]
    x = jnp.asarray(samples(rng, (10, 2, 30)))
    whole = np.moveaxis(np.asarray(x), 0, 1).reshape(2, 300)

    def step(carry: Any, part: jax.Array) -> Any:
        y, z = filtrax.lfilter(b, a, part, zi=carry[0])
        w, zs = filtrax.sosfilt(sos, part, zi=carry[1])
        return (z, zs), (y, w)

    start = jnp.zeros((2, 3)), jnp.zeros((len(sos), 2, 2))
    _, (y, w) = jax.jit(lambda x: jax.lax.scan(step, start, x))(x)
    for got, expected in ((y, signal.lfilter(b, a, whole)), (w, signal.sosfilt(sos, whole))):
        close(np.moveaxis(np.asarray(got), 0, 1).reshape(2, 300), expected)


def test_dtypes_are_numpys() -> None:
    b, a, x = [1.0, 2.0], [1.0, 0.5], np.arange(5)
    kinds = ("int8", "int32", "uint8", "float32", "float64", "complex64", "complex128", "bool")
    for of_b, of_x in itertools.product(kinds, kinds):
        p, q = np.asarray(b).astype(of_b), np.asarray(a).astype("float32")
        wanted = np.result_type(p, q, x.astype(of_x))
        assert filtrax.lfilter(p, q, x.astype(of_x)).dtype == wanted
    whole = filtrax.lfilter([1, 2], [1, 1], [1, 2, 3])
    close(whole, signal.lfilter([1.0, 2], [1, 1], [1.0, 2, 3]))
    p, q, v = (jnp.asarray(each, jnp.bfloat16) for each in (b, a, x))
    half = filtrax.lfilter(p, q, v)
    assert half.dtype == jnp.bfloat16
    with pytest.warns(filtrax.PrecisionWarning, match="the widest there is"):
        wide = filtrax.lfilter(b, a, np.asarray(x, np.longdouble))
    assert wide.dtype == np.float64
    np.testing.assert_allclose(
        np.asarray(half, float), signal.lfilter(b, a, x.astype(float)), rtol=1e-2
    )
    with jax.enable_x64(False), pytest.warns(filtrax.PrecisionWarning, match="becomes float32"):
        assert filtrax.lfilter(b, a, x).dtype == np.float32


NAMES = ("filtfilt", "lfilter", "lfilter_zi", "lfiltic", "sosfilt", "sosfilt_zi", "sosfiltfilt")


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_scipys(name: str) -> None:
    ours = inspect.signature(getattr(filtrax, name)).parameters
    theirs = inspect.signature(getattr(signal, name)).parameters
    shared = list(ours)[: len(theirs)]
    assert shared == list(theirs)
    assert all(ours[each].default == theirs[each].default for each in shared)
    assert all(ours[n].kind == inspect.Parameter.KEYWORD_ONLY for n in list(ours)[len(theirs) :])


def test_the_compat_functions_are_ours() -> None:
    b, a = signal.butter(2, 0.3)
    x, zi = samples(np.random.default_rng(0), (2, 90)), np.ones((2, 2))
    for each, expected in zip(
        scipy_signal.lfilter(b, a, x, -1, zi), signal.lfilter(b, a, x, -1, zi), strict=True
    ):
        close(each, expected)
    close(scipy_signal.sosfilt(SOS, x.T, 0), signal.sosfilt(SOS, x.T, 0))
    with pytest.raises(TypeError, match="method"):
        scipy_signal.lfilter(b, a, x, method="scan")
    for name in set(NAMES) - {"lfilter", "sosfilt"}:
        assert getattr(scipy_signal, name) is getattr(filtrax, name)


X = np.arange(12.0)
SOS = signal.butter(4, 0.2, output="sos")
BAD: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "empty b": ("lfilter", ([], [1.0], X), {}, "b: .*coefficient"),
    "empty a": ("lfilter", ([1.0], [], X), {}, "a: .*coefficient"),
    "zero a0": ("lfilter", ([1.0], [0.0, 1.0], X), {}, "a: .*not 0"),
    "scalar x": ("lfilter", ([1.0], [1.0, 0.5], 3.0), {}, "x: .*dimension"),
    "axis": ("lfilter", ([1.0], [1.0, 0.5], X), {"axis": 1}, "axis"),
    "long zi": ("lfilter", ([1.0], [1.0, 0.5], X), {"zi": np.zeros(2)}, "zi: .*shape"),
    "short zi": ("lfilter", ([1.0, 2.0], [1.0], X), {"zi": np.zeros(0)}, "zi: .*shape"),
    "flat zi": ("lfilter", ([1.0], [1.0, 0.5], X[None]), {"zi": np.zeros(1)}, "zi: .*shape"),
    "matrix of b": ("lfilter", (np.ones((2, 2)), [1.0, 0.5], X), {}, "b, a: .*dimensions"),
    "five columns": ("sosfilt", (SOS[:, :5], X), {}, "sos: .*shape"),
    "flat sos": ("sosfilt", (np.ones(5), X), {}, "sos: .*shape"),
    "a0 of a section": ("sosfilt", (2 * SOS, X), {}, "sos: .*1 in"),
    "zi of sos": ("sosfilt", (SOS, X), {"zi": np.zeros((2, 3))}, "zi: .*shape"),
    "zi of one": ("sosfilt", (SOS, X[None]), {"zi": np.zeros((1, 1, 2))}, "zi: .*shape"),
    "padlen": ("filtfilt", ([1.0], [1.0, 0.5], X), {"padlen": 12}, "x: .*padlen, which is 12"),
    "default padlen": ("filtfilt", ([1.0], np.r_[1.0, np.zeros(3)], X), {}, "x: .*padlen"),
    "sos padlen": ("sosfiltfilt", (SOS, X), {}, "x: .*padlen"),
    "padtype": ("filtfilt", ([1.0], [1.0, 0.5], X), {"padtype": "wrap"}, "padtype"),
    "method": ("filtfilt", ([1.0], [1.0, 0.5], X), {"method": "fast"}, "method"),
    "zi of a matrix": ("lfilter_zi", (np.ones((2, 2)), [1.0]), {}, "b: .*one dimension"),
    # SciPy up to 1.17 drops leading zeros here.
    "zi, zero a0": ("lfilter_zi", ([1.0, 2.0], [0.0, 2.0, 1.0]), {}, "a: .*not 0"),
    "zi of zeros": ("lfilter_zi", ([1.0], [0.0, 0.0]), {}, "a: .*not 0"),
    "pole at 1": ("lfilter_zi", ([1.0], [1.0, -1.0]), {}, "a: .*pole"),
    "sos of rank 3": ("sosfilt_zi", (SOS[None],), {}, "sos: .*shape"),
    "past of a matrix": ("lfiltic", (np.ones((2, 2)), [1.0], X), {}, "b: .*one dimension"),
    "past, zero a0": ("lfiltic", ([1.0], [0.0, 1.0], X), {}, "a: .*not 0"),
}


OLD = ("1.14", "1.15", "1.16", "1.17")
REFUSED_LATER = ("zi, zero a0",) if scipy.__version__.startswith(OLD) else ()


@pytest.mark.parametrize("name", BAD)
def test_what_scipy_refuses_is_refused_by_name(name: str) -> None:
    function, args, kwargs, message = BAD[name]
    # SciPy divides by a zero a[0] of some, with a warning, and would read NaN.
    if name not in REFUSED_LATER:
        with np.errstate(all="ignore"), pytest.raises((ValueError, IndexError, ZeroDivisionError)):
            getattr(signal, function)(*args, **kwargs)
    with pytest.raises(ValueError, match=message):
        getattr(filtrax, function)(*args, **kwargs)


def test_what_only_we_refuse() -> None:
    for call, message in (
        (lambda: filtrax.lfilter([1.0], [1.0, 0.5], X, method="fft"), "method"),
        (lambda: filtrax.lfilter([1.0], [1.0, -1e30], X, method="block"), "method: .*overflow"),
        (lambda: filtrax.filtfilt([1.0], [1.0, 0.5], X, padlen=-1), "padlen: .*at least 0"),
        (lambda: filtrax.filtfilt([1.0], [1.0, 0.5], X, method="gust", irlen=0), "irlen"),
        (lambda: filtrax.filtfilt([1.0], [1.0, -1.0], X), "a: .*pole"),
        (lambda: jax.jit(filtrax.sosfiltfilt)(SOS, X), "padlen: .*traced"),
        (lambda: filtrax.sosfilt(np.ones((0, 6)), X), "sos: "),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    wrong_axis: Any = filtrax.lfilter
    for call in (
        lambda: filtrax.lfilter(["x"], [1.0], X),
        lambda: filtrax.lfilter([1.0], [1.0], "x"),
        lambda: wrong_axis([1.0], [1.0], X, axis=0.5),
    ):
        with pytest.raises(TypeError):
            call()


def test_the_plan_says_what_is_used() -> None:
    assert filtrax.iir.plan((256, 4096), 2, platform="cpu").engine == "block"
    many = filtrax.iir.plan((3,), 4, traced=True, platform="cpu")
    assert many.engine == "scan"
    assert set(many.cost) == {"block", "scan"}
    assert many.block is None
    assert filtrax.iir.plan((256, 4096), 2, method="scan").reason == "asked for by method="


def test_the_carry_has_as_few_levels_as_it_can() -> None:
    for order, widest in ((1, 64), (2, 64), (4, 32), (16, 8), (100, 8)):
        for steps in (*range(1, 200), 4097, 15626, 300_000):
            found = radices(64 * steps, 64, order)
            assert math.prod(found) >= steps > math.prod(found[:-1]) or steps == 1
            assert all(2 <= radix <= widest for radix in found)
            assert steps == 1 or widest ** (len(found) - 1) < steps
