"""Signals read where they lie: the shift engine without a padded copy, on every kind of edge."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import filtrax
from filtrax._engines import inplace, shift

pytestmark = pytest.mark.usefixtures("without_kernels")


@pytest.fixture(autouse=True, scope="module")
def small_problems_are_large() -> Iterator[None]:
    """In place are read large signals only; programs made before know nothing of this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shift, "_LARGE", 1 << 12)
        jax.clear_caches()
        yield
    jax.clear_caches()


# Shape, filtered axes, taps along them, kernels for each entry of these axes.
CASES = [
    ((40, 301), (1,), (5,), ()),
    ((40, 300), (1,), (4,), ()),
    ((30, 512), (1,), (33,), ()),
    ((13, 1009), (1,), (5,), ()),
    ((3, 5, 400), (2,), (9,), ()),
    ((12000,), (0,), (7,), ()),
    ((9973,), (0,), (7,), ()),
    ((1, 12000), (1,), (6,), ()),
    ((60, 301), (1,), (3,), (0,)),
    ((4, 20, 301), (2,), (3,), (0,)),
    ((6, 2048), (1,), (21,), (0,)),
    ((4, 3, 2304), (2,), (18,), (0,)),
    ((4, 3, 2304), (2,), (18,), (1,)),
    ((400, 30), (0,), (5,), ()),
    ((400, 30), (0,), (4,), (1,)),
    ((3, 200, 30), (1,), (4,), ()),
    ((3, 200, 30), (1,), (4,), (2,)),
    ((20, 100, 5), (1,), (4,), (2,)),
    ((20, 100, 5), (1,), (4,), ()),
    ((4, 20, 301), (2,), (3,), (1,)),
    ((4, 5, 6, 301), (3,), (3,), (0, 2)),
    ((4, 5, 90, 30), (2,), (3,), (1,)),
    ((4, 5, 90, 30), (2,), (3,), (1, 3)),
    ((40, 40, 9), (0,), (3,), (2,)),
    ((40, 40, 9), (0,), (3,), (1,)),
    ((90, 80), (0, 1), (3, 5), ()),
    ((3, 90, 80), (1, 2), (4, 3), ()),
    ((20, 40, 50), (1, 2), (3, 4), ()),
    ((90, 80, 3), (0, 1), (3, 5), ()),
    ((90, 4, 80), (0, 2), (3, 5), ()),
    ((2, 30, 31, 32), (1, 2, 3), (3, 2, 3), ()),
    ((90, 80), (0, 1), (1, 5), ()),
    ((90, 80), (0, 1), (5, 1), ()),
    # Too many taps, or too long an axis, to select: strips near edges, and many of them.
    ((60, 301), (1,), (15,), (0,)),
    ((4, 20, 301), (2,), (14,), (1,)),
    ((900, 300), (1,), (21,), ()),
    ((12, 9000), (1,), (5,), ()),
    ((20, 9001), (1,), (4,), (0,)),
    ((3, 9000, 7), (1,), (4,), ()),
    ((3, 9000, 7), (1,), (4,), (2,)),
    ((90, 80), (0, 1), (4, 5), ()),
    ((3, 90, 80), (1, 2), (4, 4), ()),
    ((20, 80, 70), (1, 2), (5, 4), ()),
    ((90, 80, 3), (0, 1), (5, 5), ()),
]


def reference(x: np.ndarray, h: np.ndarray, axes: tuple[int, ...], shape: tuple[int, ...],
              lo: tuple[int, ...]) -> np.ndarray:  # fmt: skip
    """A sum over taps of a padded signal; h has ones along the axes where it is shared."""
    right = [k - 1 - low for k, low in zip((h.shape[a] for a in axes), lo, strict=True)]
    pads = [(0, 0)] * x.ndim
    for axis, low, high in zip(axes, lo, right, strict=True):
        pads[axis] = (low, high)
    padded = np.pad(x, pads)
    total = np.zeros(shape)
    for tap in np.ndindex(*(h.shape[a] for a in axes)):
        window: list[Any] = [slice(None)] * x.ndim
        weight: list[Any] = [slice(None)] * x.ndim
        for axis, t in zip(axes, tap, strict=True):
            window[axis] = slice(t, t + shape[axis])
            weight[axis] = slice(t, t + 1)
        total += h[tuple(weight)] * padded[tuple(window)]
    return total


def problem(shape: tuple[int, ...], axes: tuple[int, ...], taps: tuple[int, ...],
            own: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    rng = np.random.default_rng(0)
    sizes = [shape[a] if a in own else 1 for a in range(len(shape))]
    for axis, k in zip(axes, taps, strict=True):
        sizes[axis] = k
    return rng.standard_normal(shape), rng.standard_normal(sizes)


@pytest.mark.parametrize("mode", ["same", "causal"])
@pytest.mark.parametrize(("shape", "axes", "taps", "own"), CASES)
def test_every_edge(shape: Any, axes: Any, taps: Any, own: Any, mode: Any) -> None:
    x, h = problem(shape, axes, taps, own)
    lo = tuple(k // 2 if mode == "same" else k - 1 for k in taps)
    want = reference(x, h, axes, shape, lo)
    got = filtrax.correlate(x, h, mode, axes=axes, method="shift")
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("shape", "axes", "taps", "own"), CASES)
def test_nothing_comes_over_an_edge(shape: Any, axes: Any, taps: Any, own: Any) -> None:
    """NaN at both ends of every axis: in the outputs whose windows hold them, and in no other."""
    x, h = problem(shape, axes, taps, own)
    middle = [slice(size // 2, size // 2 + 1) for size in shape]
    for axis, size in enumerate(shape):
        for end in (0, size - 1):
            x[tuple(slice(end, end + 1) if a == axis else middle[a] for a in range(x.ndim))] = (
                np.nan
            )
    x[(0,) * x.ndim] = x[(-1,) * x.ndim] = np.nan
    want = reference(x, h, axes, shape, tuple(k // 2 for k in taps))
    got = filtrax.correlate(x, h, "same", axes=axes, method="shift")
    np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


def test_most_of_them_are_read_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the test above would test something else."""
    found: list[bool] = []
    original = inplace.find_rows

    def spy(*args: Any) -> Any:
        rows = original(*args)
        found.append(rows is not None)
        return rows

    monkeypatch.setattr(shift.inplace, "find_rows", spy)
    in_place = 0
    for shape, axes, taps, own in CASES:
        x, h = problem(shape, axes, taps, own)
        jax.jit(lambda x, h, axes=axes: filtrax.correlate(
            x, h, "same", axes=axes, method="shift")).lower(x, h)  # fmt: skip
        # Asked for prices as well as for the program, it says the same.
        in_place += found[-1]
    # A prime length has no equal pieces; three short axes and a short batch are mostly edges.
    assert in_place >= len(CASES) - 5


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "complex64", "int32", "uint8"])
@pytest.mark.parametrize(("taps", "own"), [(5, ()), (33, ()), (5, (0,)), (21, (0,))])
def test_every_dtype(dtype: Any, taps: int, own: tuple[int, ...]) -> None:
    """Pieces pass as other bits; half precision, with many taps, is converted before its loop."""
    x, h = (np.rint(4 * each) for each in problem((30, 512), (1,), (taps,), own))
    if dtype == "uint8":
        x, h = x % 16, h % 2
    want = reference(x, h, (1,), x.shape, (taps // 2,))
    if dtype == "complex64":
        x, h, want = x * (1 + 2j), h * (2 - 1j), want * (1 + 2j) * (2 - 1j)
    got = filtrax.correlate(jnp.asarray(x, dtype), jnp.asarray(h, dtype), "same", axes=1,
                            method="shift", conjugate=False)  # fmt: skip
    assert got.dtype == dtype
    if dtype in ("bfloat16", "float16"):
        # Whole numbers, whose sum is exact; only the result is rounded.
        want = np.asarray(jnp.asarray(want, dtype), np.float64)
    np.testing.assert_array_equal(np.asarray(got.astype("complex64")), want.astype("complex64"))


def test_dilation_and_origin() -> None:
    x, h = problem((40, 301), (1,), (5,), ())
    got = filtrax.correlate(x, h, "same", axes=1, dilation=3, origin=2, method="shift")
    spread = np.zeros((1, 13))
    spread[:, ::3] = h
    want = scipy.ndimage.correlate1d(x, spread[0], axis=1, mode="constant", origin=2)
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("shape", "axes", "taps", "own"), CASES[::3])
def test_derivatives(shape: Any, axes: Any, taps: Any, own: Any) -> None:
    """The adjoint against the definition: <y, A x> is <A* y, x>, for x and for h."""
    x, h = problem(shape, axes, taps, own)
    y = np.random.default_rng(1).standard_normal(shape)
    lo = tuple(k // 2 for k in taps)

    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.correlate(x, h, "same", axes=axes)

    by_x, by_h = jax.jit(lambda x, h, y: jax.vjp(run, x, h)[1](y))(x, h, jnp.asarray(y))
    other_x, other_h = problem(shape, axes, taps, own)
    other_x, other_h = other_x[..., ::-1].copy(), other_h * 2 + 1
    np.testing.assert_allclose(
        np.sum(by_x * other_x), np.sum(y * reference(other_x, h, axes, shape, lo)), rtol=1e-9
    )
    np.testing.assert_allclose(
        np.sum(by_h * other_h), np.sum(y * reference(x, other_h, axes, shape, lo)), rtol=1e-9
    )


@pytest.mark.parametrize("engine", ["direct", "shift", "toeplitz", "fft", "overlap"])
@pytest.mark.parametrize(("shape", "axes", "taps", "own"), [
    ((20, 4), (0,), (3,), (1,)),
    ((2, 20, 4, 3), (1,), (3,), (3,)),
    ((2, 20, 4, 3), (1,), (3,), (2,)),
    ((20, 3, 21), (0, 2), (3, 4), (1,)),
    ((20, 3, 21), (0, 2), (3, 4), ()),
    ((5, 4), (0,), (1,), (1,)),
])  # fmt: skip
def test_axes_behind_the_filtered_one(
    engine: Any, shape: Any, axes: Any, taps: Any, own: Any
) -> None:
    """Every engine, with its derivatives, on axes that stay where they are."""
    x, h = problem(shape, axes, taps, own)
    y = np.random.default_rng(1).standard_normal(shape)
    lo = tuple(k // 2 for k in taps)
    got, pull = jax.vjp(
        lambda x, h: filtrax.correlate(x, h, "same", axes=axes, method=engine), x, h
    )
    np.testing.assert_allclose(got, reference(x, h, axes, shape, lo), rtol=0, atol=1e-13)
    by_x, by_h = pull(jnp.asarray(y))
    for place in np.ndindex(h.shape):
        unit = np.zeros(h.shape)
        unit[place] = 1
        want = np.sum(y * reference(x, unit, axes, shape, lo))
        np.testing.assert_allclose(by_h[place], want, rtol=0, atol=1e-11)
    for place in list(np.ndindex(x.shape))[::17]:
        unit = np.zeros(x.shape)
        unit[place] = 1
        want = np.sum(y * reference(unit, h, axes, shape, lo))
        np.testing.assert_allclose(by_x[place], want, rtol=0, atol=1e-11)


def test_a_divided_axis_behind_the_filtered_one() -> None:
    """Under an explicit mesh a carried axis keeps its division."""
    mesh = jax.make_mesh((8,), ("d",), axis_types=(AxisType.Explicit,))
    x, h = problem((300, 16), (0,), (3,), (1,))
    with jax.set_mesh(mesh):
        placed = jax.device_put(x, P(None, "d"))
        kernels = jax.device_put(h, P(None, "d"))
        got = jax.jit(lambda x, h: filtrax.correlate(x, h, "same", axes=0))(placed, kernels)
        assert jax.typeof(got).sharding.spec == P(None, "d")
        by_h = jax.jit(jax.grad(lambda h: jnp.sum(
            filtrax.correlate(placed, h, "same", axes=0) ** 2)))(kernels)  # fmt: skip
        assert jax.typeof(by_h).sharding.spec == P(None, "d")
    np.testing.assert_allclose(got, reference(x, h, (0,), (300, 16), (1,)), rtol=0, atol=1e-13)


@pytest.mark.parametrize("boundary", ["zero", "edge", 2.0])
@pytest.mark.parametrize("shape", [(9973,), (12000,), (3, 5009), (90, 91)])
@pytest.mark.parametrize("derivative", [False, True])
def test_the_loop_stays_in_its_branch(
    shape: tuple[int, ...], boundary: Any, derivative: bool
) -> None:
    """The compiler must not know which branch is taken, as it would of a sample of padding."""
    h = jnp.ones(4, jnp.float32)

    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.correlate(x, h, "same", axes=-1, boundary=boundary, method="shift")

    def by_kernel(x: jax.Array, h: jax.Array, y: jax.Array) -> jax.Array:
        return jax.vjp(run, x, h)[1](y)[1]

    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    lowered = jax.jit(by_kernel).lower(x, h, x) if derivative else jax.jit(run).lower(x, h)
    assert " conditional(" in str(lowered.compile().as_text())
