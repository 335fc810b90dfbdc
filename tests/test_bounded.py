"""Large arrays with margins are filtered in bands: against NumPy's padding and SciPy's sums."""

from collections.abc import Iterator
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

import filtrax
from filtrax import _bounded, _native

pytestmark = pytest.mark.skipif(not _native.available(), reason="no kernels were compiled")

#: Shape, kernel, boundaries, and what else: rows, images whole and cut, volumes, strides, spaced
#: taps, axes behind, and margins of several times the signal.
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], Any, dict[str, Any]]] = {
    "one row": ((1000,), (7,), "reflect", {}),
    "rows": ((33, 50), (5,), "wrap", {}),
    "few long rows": ((3, 700), (4,), "symmetric", {}),
    "image": ((61, 43), (3, 5), "edge", {}),
    "image, each axis another": ((61, 43), (3, 5), ("wrap", "reflect"), {}),
    "image, one axis with zeros": ((61, 43), (3, 5), ("wrap", "zero"), {}),
    "zeros along the axis that is cut": ((61, 43), (3, 5), ("zero", "wrap"), {}),
    "images": ((37, 6, 7), (3, 3), "reflect", {}),
    "large images": ((3, 40, 30), (4, 3), "symmetric", {}),
    "volume": ((20, 11, 12), (3, 2, 3), "wrap", {}),
    "strided": ((61, 43), (3, 5), "reflect", {"stride": (2, 3)}),
    "spaced": ((61, 43), (3, 5), "reflect", {"dilation": (3, 2)}),
    "strided and spaced row": ((2, 901), (5,), "edge", {"stride": 3, "dilation": 4}),
    "down columns": ((200, 30), (5,), "reflect", {"axes": 0}),
    "in the middle": ((2, 90, 8), (6,), "symmetric", {"axes": 1}),
    "apart": ((40, 5, 30), (3, 4), "edge", {"axes": (0, 2)}),
    "margins longer than the signal": ((5, 60), (17, 3), "wrap", {}),
    "dropped before": ((300,), (5,), "wrap", {"mode": [(-3, 4)]}),
    "dropped after": ((300,), (5,), "reflect", {"mode": [(9, -3)]}),
    "wide": ((40, 30), (3, 3), "reflect", {"mode": [(7, 2), (0, 9)]}),
}  # fmt: skip
#: What is not cut: where an axis has zeros around it, or a band would be all.
WHOLE = ("zeros along the axis that is cut", "margins longer than the signal")


@pytest.fixture(autouse=True)
def small_bands(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_bounded, "_LARGE", 0)
    monkeypatch.setattr(_bounded, "_BAND", 600)
    jax.clear_caches()
    yield
    jax.clear_caches()


def sums(
    x: np.ndarray, h: np.ndarray, boundary: Any, axes: Any = None, stride: Any = 1,
    dilation: Any = 1, mode: Any = "same",
) -> np.ndarray:  # fmt: skip
    rank = h.ndim
    filtered = (axes,) if isinstance(axes, int) else axes or tuple(range(x.ndim - rank, x.ndim))
    each = [value if isinstance(value, tuple) else (value,) * rank for value in (stride, dilation)]
    boundaries = (boundary,) * rank if isinstance(boundary, str) else boundary
    shape, cut = [1] * x.ndim, [slice(None)] * x.ndim
    spaced_shape = [(k - 1) * d + 1 for k, d in zip(h.shape, each[1], strict=True)]
    spaced = np.zeros(spaced_shape, h.dtype)
    spaced[tuple(slice(None, None, d) for d in each[1])] = h
    for number, axis in enumerate(filtered):
        span = spaced_shape[number]
        lo, hi = (span // 2, span - 1 - span // 2) if mode == "same" else mode[number]
        if mode == "same":
            # The tap K//2 stands on the output.
            lo = h.shape[number] // 2 * each[1][number]
            hi = span - 1 - lo
        widths = [(0, 0)] * x.ndim
        widths[axis] = (max(lo, 0), max(hi, 0))
        kind: Any = boundaries[number]
        x = np.pad(x, widths) if kind == "zero" else np.pad(x, widths, mode=kind)
        x = np.take(x, range(max(-lo, 0), x.shape[axis] - max(-hi, 0)), axis)
        shape[axis], cut[axis] = span, slice(None, None, each[0][number])
    return scipy.signal.correlate(x, spaced.reshape(shape).conj(), "valid", method="direct")[
        tuple(cut)
    ]


def operands(shape: tuple[int, ...], kernel: tuple[int, ...], dtype: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    if dtype == "int32":
        return rng.integers(-9, 9, shape, dtype), rng.integers(-9, 9, kernel, dtype)
    x, h = rng.standard_normal(shape), rng.standard_normal(kernel)
    if dtype.startswith("complex"):
        x, h = x + 1j * rng.standard_normal(shape), h + 1j * rng.standard_normal(kernel)
    return x.astype(dtype), h.astype(dtype)


def text_of(f: Any, *args: Any) -> str:
    return jax.jit(f).lower(*args).as_text()


@pytest.mark.whole
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "int32"])
@pytest.mark.parametrize("case", CASES)
def test_each_geometry(case: str, dtype: str) -> None:
    shape, kernel, boundary, options = CASES[case]
    x, h = operands(shape, kernel, dtype)

    def apply(x: Any, h: Any) -> Any:
        return filtrax.correlate(
            x, h, **{"mode": "same", "conjugate": False, **options},
            boundary=boundary, method="shift",
        )  # fmt: skip

    want = sums(x, h, boundary, **options)
    got = np.asarray(apply(x, h))
    assert got.shape == want.shape
    tolerance = 1e-12 if dtype in ("float64", "complex128") else 1e-5
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * np.abs(want).max())
    # Complex numbers of so small arrays are two real ones.
    in_bands = case not in WHOLE and not dtype.startswith("complex")
    assert ("filtrax_bands" in text_of(apply, x, h)) == in_bands or dtype.startswith("complex")


def test_half_precision() -> None:
    x, h = (jnp.asarray(a, jnp.bfloat16) for a in operands((61, 43), (3, 5), "float32"))
    want = sums(np.asarray(x, np.float64), np.asarray(h, np.float64), "reflect")
    got = filtrax.correlate(x, h, mode="same", boundary="reflect", method="shift")
    assert got.dtype == jnp.bfloat16
    error = np.abs(np.asarray(got, np.float64) - want).max()
    assert error <= 2**-8 * np.abs(want).max()


@pytest.mark.whole
@pytest.mark.parametrize("case", ["one row", "images", "image", "strided", "in the middle"])
def test_derivatives(case: str) -> None:
    shape, kernel, boundary, options = CASES[case]
    x, h = operands(shape, kernel, "float64")
    dx, dh = operands(shape, kernel, "float64")[0][::-1], np.ones(kernel)

    def apply(x: Any, h: Any) -> Any:
        return filtrax.correlate(x, h, mode="same", boundary=boundary, method="shift", **options)

    # It is linear in each.
    y, tangent = jax.jvp(apply, (x, h), (dx, dh))
    want = sums(dx, h, boundary, **options) + sums(x, dh, boundary, **options)
    np.testing.assert_allclose(tangent, want, atol=1e-11)
    ct = np.random.default_rng(1).standard_normal(y.shape)
    _, back = jax.vjp(apply, x, h)
    by_x, by_h = back(jnp.asarray(ct))
    np.testing.assert_allclose(np.vdot(by_x, dx), np.vdot(ct, apply(dx, h)), rtol=1e-11)
    np.testing.assert_allclose(np.vdot(by_h, dh), np.vdot(ct, apply(x, dh)), rtol=1e-11)

    def loss(x: Any, h: Any) -> Any:
        return jnp.sum(apply(x, h) ** 3)

    second = jax.grad(lambda x, h: jnp.vdot(jax.grad(loss)(x, h), dx))(x, h)
    # d²/dx² of the sum of y³ along dx: the transpose of 6 y (h * dx).
    along = 6 * np.asarray(y) * sums(dx, h, boundary, **options)
    np.testing.assert_allclose(
        np.vdot(second, dx), np.vdot(along, sums(dx, h, boundary, **options)), rtol=1e-10
    )


@pytest.mark.parametrize("in_axes", [(0, None), (2, None), (None, 0), (1, 0)])
def test_vmap_is_a_loop(in_axes: tuple[int | None, int | None]) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((21, 19) if in_axes[0] is None else (5, 21, 19))
    h = rng.standard_normal((3, 3) if in_axes[1] is None else (21, 3, 3))

    def apply(x: Any, h: Any) -> Any:
        return filtrax.correlate(x, h, mode="same", boundary="reflect", method="shift")

    got = jax.vmap(apply, in_axes)(x, h)

    def taken(array: Any, axis: int | None, i: int) -> Any:
        return array if axis is None else np.take(array, i, axis)

    want = np.stack([
        sums(taken(x, in_axes[0], i), taken(h, in_axes[1], i), "reflect")
        for i in range(got.shape[0])
    ])  # fmt: skip
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_inside_of_loops_and_over_devices() -> None:
    x, h = operands((8, 21, 19), (3, 3), "float64")

    def apply(x: Any, h: Any) -> Any:
        return filtrax.correlate(x, h, mode="same", boundary="wrap", method="shift")

    want = sums(x, h, "wrap")
    _, scanned = jax.lax.scan(lambda carry, image: (carry, apply(image, h)), 0.0, x)
    np.testing.assert_allclose(scanned, want, atol=1e-12)
    mesh = jax.make_mesh((8,), ("b",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.shard_map(
        apply, mesh=mesh, in_specs=(jax.P("b"), jax.P()), out_specs=jax.P("b"), check_vma=True
    )
    np.testing.assert_allclose(jax.jit(split)(x, h), want, atol=1e-12)

    def loss(x: Any, h: Any) -> Any:
        return jnp.sum(split(x, h) ** 2)

    by_h = jax.jit(jax.grad(loss, argnums=1))(x, h)
    np.testing.assert_allclose(by_h, jax.grad(lambda h: jnp.sum(apply(x, h) ** 2))(h), rtol=1e-11)


@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_an_array_divided_over_devices(kind: str) -> None:
    x, h = operands((8, 24, 16), (3, 3), "float64")
    mesh = jax.make_mesh((8,), ("b",), axis_types=(getattr(jax.sharding.AxisType, kind),))

    def apply(x: Any, h: Any) -> Any:
        return filtrax.correlate(x, h, mode="same", boundary="symmetric", method="shift")

    want = sums(x, h, "symmetric")
    with jax.set_mesh(mesh):
        for spec in (jax.P("b"), jax.P(None, "b")):
            divided = jax.device_put(x, jax.NamedSharding(mesh, spec))
            np.testing.assert_allclose(jax.jit(apply)(divided, h), want, atol=1e-12)


def test_without_kernels_it_is_two_steps() -> None:
    x, h = operands((61, 43), (3, 5), "float64")

    def apply(x: Any, h: Any) -> Any:
        return filtrax.correlate(x, h, mode="same", boundary="edge", method="shift")

    exported = jax.export.export(jax.jit(apply))(x, h)
    assert "filtrax_bands" not in exported.mlir_module()
    np.testing.assert_allclose(exported.call(x, h), sums(x, h, "edge"), atol=1e-12)
    with jax.disable_jit():
        np.testing.assert_allclose(apply(x, h), sums(x, h, "edge"), atol=1e-12)


def test_a_value_that_is_no_number_spoils_what_it_spoils_in_whole() -> None:
    x, h = operands((61, 43), (3, 5), "float64")
    x[1, 2], x[40, 42] = np.nan, np.inf
    got = filtrax.correlate(x, h, mode="same", boundary="reflect", method="shift")
    want = np.isfinite(scipy.ndimage.correlate(x, h, mode="mirror"))
    np.testing.assert_array_equal(np.isfinite(got), want)


def test_derivatives_of_matrices_and_in_pieces() -> None:
    x, h = (jnp.asarray(each) for each in operands((31, 23), (3, 3), "float64"))

    def apply(h: Any) -> Any:
        return filtrax.correlate(x, h, mode="same", boundary="wrap", method="shift")

    # It is linear in h: each column of the Jacobian is the result of one tap.
    taps = np.eye(9).reshape(9, 3, 3)
    columns = np.stack([sums(np.asarray(x), tap, "wrap") for tap in taps], -1)
    for jacobian in (jax.jacfwd, jax.jacrev):
        np.testing.assert_allclose(jacobian(apply)(h).reshape(31, 23, 9), columns, atol=1e-12)
    hessian = jax.hessian(lambda h: jnp.sum(apply(h) ** 2))(h).reshape(9, 9)
    flat = columns.reshape(-1, 9)
    np.testing.assert_allclose(hessian, 2 * flat.T @ flat, rtol=1e-10, atol=1e-8)
    again = jax.grad(lambda h: jnp.sum(jax.checkpoint(apply)(h) ** 2))(h)
    np.testing.assert_allclose(again, jax.grad(lambda h: jnp.sum(apply(h) ** 2))(h), rtol=1e-12)
