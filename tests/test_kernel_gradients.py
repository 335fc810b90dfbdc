"""Gradients by kernels of few taps, with compiled kernels and without."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax


@pytest.fixture(autouse=True, params=[True, False], ids=["kernels", "plain"], scope="module")
def form(request: pytest.FixtureRequest) -> None:
    """The engine that is compiled, and XLA's."""
    if not request.param:
        request.getfixturevalue("without_kernels")


# Shape, filtered axis, taps, axes with a kernel for each entry.
LANES = [
    ((300, 20), 0, 4, (1,)),
    ((300, 20), 0, 5, ()),
    ((3, 60, 20), 1, 4, (2,)),
    ((3, 100, 6, 5), 1, 4, (3,)),
    ((3, 100, 6, 5), 1, 4, ()),
    ((2, 100, 16), 1, 16, (2,)),
]
SEGMENTS = [
    ((600,), 0, 3, ()),
    ((7, 600), 1, 5, ()),
    ((7, 601), 1, 4, (0,)),
    ((2, 3, 1100), 2, 16, (0,)),
    ((3, 170), 1, 2, ()),
]
OTHERS = [((3, 100, 20), 1, 1, (2,)), ((300,), 0, 40, ()), ((9, 20), 1, 4, ())]
MODES: tuple[Any, ...] = ("same", "causal", "valid", "full", (-3, 1), (2, -2))


def gradient(
    x: np.ndarray, y: np.ndarray, axis: int, taps: int, own: tuple[int, ...],
    low: int, stride: int, dilation: int,
) -> np.ndarray:  # fmt: skip
    """The sum over outputs of each with the sample that a tap meets there, tap by tap."""
    x, y = np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)
    room = y.shape[-1] * stride + taps * dilation + 10
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(room, room)])
    first = room - low
    met = [y * padded[..., first + t * dilation :: stride][..., : y.shape[-1]] for t in range(taps)]
    shared = tuple(a for a in range(x.ndim) if a not in (*own, axis))
    moved = [a - (a > axis) for a in shared]
    rows = [m.sum(axis=(*moved, m.ndim - 1), keepdims=True) for m in met]
    return np.moveaxis(np.concatenate(rows, axis=-1), -1, axis)


def operands(shape: Any, axis: int, taps: int, own: Any) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    sizes = [size if a in own else 1 for a, size in enumerate(shape)]
    sizes[axis] = taps
    return rng.standard_normal(shape), rng.standard_normal(sizes)


# Every mode on one case of each kind, and one mode on every other.
KINDS = [LANES, SEGMENTS, OTHERS]
CHOSEN = [(*kind[1], mode) for kind in KINDS for mode in MODES]
CHOSEN += [
    (*case, MODES[number % len(MODES)])
    for kind in KINDS
    for number, case in enumerate(kind)
    if number != 1
]


@pytest.mark.parametrize(("shape", "axis", "taps", "own", "mode"), CHOSEN)
def test_against_sums_tap_by_tap(shape: Any, axis: int, taps: int, own: Any, mode: Any) -> None:
    x, h = operands(shape, axis, taps, own)
    low = {"same": taps // 2, "valid": 0}.get(mode, taps - 1)
    low = mode[0] if isinstance(mode, tuple) else low

    def run(h: jax.Array) -> jax.Array:
        return filtrax.correlate(x, h, mode, axes=axis, method="shift")

    y = np.random.default_rng(1).standard_normal(jax.eval_shape(run, h).shape)
    (got,) = jax.jit(lambda h, y: jax.vjp(run, h)[1](y))(jnp.asarray(h), y)
    want = gradient(x, y, axis, taps, own, low, 1, 1)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize(("shape", "axis", "taps", "own"), LANES + SEGMENTS)
@pytest.mark.parametrize("mode", ["same", "causal"])
def test_each_tap_sees_its_own_samples(
    shape: Any, axis: int, taps: int, own: Any, mode: Any, number: float
) -> None:
    """One sample that is no number, near either end of time: in the taps that meet it."""
    x, h = operands(shape, axis, taps, own)
    y = np.random.default_rng(1).standard_normal(shape)
    low = taps // 2 if mode == "same" else taps - 1

    @jax.jit
    def by_kernel(x: jax.Array) -> jax.Array:
        run = partial(filtrax.correlate, x, mode=mode, axes=axis, method="shift")
        return jax.vjp(run, h)[1](jnp.asarray(y))[0]

    for place in (0, 1, taps - 1, taps, 2 * taps, -2 * taps, -taps, -2, -1):
        wrong = x.copy()
        at = tuple(place if each == axis else size // 2 for each, size in enumerate(shape))
        wrong[at] = number
        want = gradient(wrong, y, axis, taps, own, low, 1, 1)
        got = by_kernel(wrong)
        np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
        np.testing.assert_array_equal(np.isposinf(got), np.isposinf(want))


@pytest.mark.parametrize(("shape", "axis", "taps"), [LANES[1][:3], SEGMENTS[0][:3]])
def test_dilation(shape: Any, axis: int, taps: int) -> None:
    x, h = operands(shape, axis, taps, ())

    def run(h: jax.Array) -> jax.Array:
        return filtrax.correlate(x, h, "causal", axes=axis, dilation=3, method="shift")

    y = np.random.default_rng(1).standard_normal(shape)
    (got,) = jax.jit(lambda h, y: jax.vjp(run, h)[1](y))(jnp.asarray(h), y)
    want = gradient(x, y, axis, taps, (), 3 * (taps - 1), 1, 3)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)


@pytest.mark.parametrize("stride", [2, 3])
def test_strides(stride: int) -> None:
    x, h = operands((5, 900), 1, 4, ())

    def run(h: jax.Array) -> jax.Array:
        return filtrax.correlate(x, h, "full", axes=1, stride=stride, method="shift")

    y = np.random.default_rng(1).standard_normal(jax.eval_shape(run, h).shape)
    (got,) = jax.vjp(run, jnp.asarray(h))[1](jnp.asarray(y))
    want = gradient(x, y, 1, 4, (), 3, stride, 1)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)


IMAGES = [
    ((70, 50), (3, 3), "same", 1),
    ((70, 50), (2, 5), "full", 1),
    ((2, 40, 9), (4, 4), "valid", 1),
    ((2, 40, 9), (4, 2), ((1, 5), (-3, 7)), 1),
    ((90, 33), (3, 5), "causal", (2, 3)),
    ((2, 30, 9, 7), (2, 3, 2), "same", 1),
]


@pytest.mark.parametrize(("shape", "taps", "mode", "dilation"), IMAGES)
def test_images(shape: Any, taps: Any, mode: Any, dilation: Any) -> None:
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal(shape), rng.standard_normal(taps)
    axes = tuple(range(-len(taps), 0))

    def run(h: jax.Array) -> jax.Array:
        return filtrax.correlate(x, h, mode, axes=axes, dilation=dilation, method="shift")

    y = rng.standard_normal(jax.eval_shape(run, h).shape)
    (got,) = jax.jit(lambda h, y: jax.vjp(run, h)[1](y))(jnp.asarray(h), y)

    steps = np.broadcast_to(dilation, len(taps)).tolist()
    lead = len(shape) - len(taps)
    modes: Any = [mode] * len(taps) if isinstance(mode, str) else mode
    low = [
        each[0] if isinstance(each, tuple) else {"same": k // 2, "valid": 0}.get(each, (k - 1) * d)
        for each, k, d in zip(modes, taps, steps, strict=True)
    ]
    room = 20
    padded = np.pad(x, [(0, 0)] * lead + [(room, room)] * len(taps))
    want = np.zeros(taps)
    for at in np.ndindex(*taps):
        met = tuple(
            slice(room - lo + tap * step, room - lo + tap * step + m)
            for lo, tap, m, step in zip(low, at, y.shape[lead:], steps, strict=True)
        )
        want[at] = (padded[(..., *met)] * y).sum()
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)


def test_halves_are_summed_in_float32() -> None:
    rng = np.random.default_rng(0)
    x, y = (jnp.asarray(rng.standard_normal((40, 600)), jnp.bfloat16) for _ in range(2))
    h = jnp.ones(3, jnp.bfloat16)
    (got,) = jax.vjp(lambda h: filtrax.filter_rows(x, h, operation="correlate", method="shift"), h)[
        1
    ](y)
    wide = [np.asarray(each, np.float64) for each in (x, y)]
    want = gradient(wide[0], wide[1], 1, 3, (0,), 1, 1, 1).sum(0)
    np.testing.assert_allclose(np.asarray(got, np.float64), want, rtol=2**-8)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32])
def test_few_outputs_of_integers_wrap_around(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for shape in ((300,), (60, 50), (70, 9)):
        x, h = (
            rng.integers(0, 100, size).astype(dtype) for size in (shape, [n - 1 for n in shape])
        )
        axes = tuple(range(len(shape)))
        got = filtrax.correlate(x, h, "valid", axes=axes, method="shift")
        want = np.zeros(got.shape, np.int64)
        for at in np.ndindex(*got.shape):
            met = tuple(slice(a, a + k) for a, k in zip(at, h.shape, strict=True))
            want[at] = (x[met].astype(np.int64) * h).sum()
        np.testing.assert_array_equal(got, want.astype(dtype))
