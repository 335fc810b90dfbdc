"""`filtrax.compat.scipy_ndimage` against the SciPy installed: values, shapes, dtypes and errors.

Random calls are in `test_agreement.py`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

import filtrax
from filtrax.compat import scipy_ndimage

MODES = (
    "reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap",
)  # fmt: skip
DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
DTYPES += ("float32", "float64", "complex64", "complex128")


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Random samples; 8-bit ones often overflow in a sum, which must wrap as SciPy's."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.4
    if kind in "iu":
        return rng.integers(0 if kind == "u" else -99, 100, shape).astype(dtype)
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if kind == "c" else x).astype(dtype)


def check(name: str, x: np.ndarray, second: Any, **options: Any) -> None:
    """The same shape, dtype and values.

    Floats agree to the rounding of the sums. So do integers, that is exactly, except where SciPy's
    own sum lies so near an integer that rounding decides to which one it is cut off.
    """
    function, peer = getattr(scipy_ndimage, name), getattr(scipy.ndimage, name)
    want, got = peer(x, second, **options), function(x, second, **options)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    if x.size == 0:
        return
    if want.dtype.kind in "fc":
        # Bounded by the absolute sum of weights times the largest sample, or the constant.
        gain = 1.0
        if name.startswith("gaussian"):
            gain = 2.0 ** (2 * np.max(options.get("order", 0)) + 2)
        elif not name.startswith("uniform"):
            gain = np.abs(second).sum()
        largest = max(np.abs(x).max(), abs(options.get("cval", 0)))
        error = np.max(np.abs(np.asarray(got) - want))
        assert error <= 16 * np.finfo(want.dtype).eps * float(gain) * float(largest)
        return
    if want.dtype.kind == "b":
        # SciPy leaves bytes other than 0 and 1 in its booleans, which compare as unequal.
        want = want.view(np.uint8) != 0
    off = np.abs(np.asarray(got).astype(object) - want.astype(object))
    if np.any(off):
        # Sums of integers have no rounding; neither have their averages, which divide once.
        assert name.startswith("gaussian") or np.asarray(second).dtype.kind in "fc"
        near = passes_near_an_integer(name, x, second, options)
        assert np.max(off) <= len(near), (got, want)
        assert len(near) > 1 or np.all(near[0][off > 0]), (got, want)


def passes_near_an_integer(
    name: str, x: np.ndarray, second: Any, options: dict[str, Any]
) -> list[np.ndarray]:
    """Where each of SciPy's passes meets a sum that is an integer but for rounding, if it does."""
    output = options.get("output", x.dtype)
    steps = [(name, second, options)]
    if name in ("gaussian_filter", "uniform_filter"):
        axes = options.get("axes") or range(x.ndim)
        steps = []
        for i, axis in enumerate(axes):
            one = {key: v[i] if isinstance(v, list) else v for key, v in options.items()}
            one.pop("axes", None)
            steps.append((name + "1d", np.broadcast_to(second, len(axes))[i], one | {"axis": axis}))
    found = []
    for name_1d, value, one in steps:
        if np.ndim(value) == 0 and value == 0:
            continue
        peer = getattr(scipy.ndimage, name_1d)
        sums = peer(x, value, **{**one, "output": np.float64})
        slack = 1e-13 * max(1, np.abs(sums).max())
        near = np.abs(sums - np.round(sums)) < slack
        found += [near] if np.any(near) else []
        x = peer(x, value, **{**one, "output": np.dtype(output).type})
    return found


@pytest.mark.parametrize("name", ["correlate1d", "convolve1d", "correlate", "convolve"])
@pytest.mark.parametrize("mode", MODES[:5])
@pytest.mark.parametrize("taps", range(1, 9))
def test_vectors_of_every_length(name: str, mode: str, taps: int) -> None:
    rng = np.random.default_rng(taps)
    for samples in (1, 2, 5, 9):
        check(name, draw(rng, (samples,), "int32"), draw(rng, (taps,), "int8"), mode=mode, cval=2)


@pytest.mark.parametrize("name", ["correlate1d", "convolve1d", "correlate", "convolve"])
@pytest.mark.parametrize("taps", [1, 2, 3, 4, 7])
def test_every_origin(name: str, taps: int) -> None:
    rng = np.random.default_rng(1)
    for origin in range(-(taps // 2), (taps - 1) // 2 + 1):
        check(name, draw(rng, (5,), "float64"), draw(rng, (taps,), "float64"), origin=origin)
    for outside in (-(taps // 2) - 1, (taps - 1) // 2 + 1):
        for module in (scipy.ndimage, scipy_ndimage):
            with pytest.raises(ValueError, match="origin"):
                getattr(module, name)(np.ones(5), np.ones(taps), origin=outside)


@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", DTYPES)
def test_dtypes(first: str, second: str) -> None:
    rng = np.random.default_rng(2)
    x, weights = draw(rng, (5,), first), draw(rng, (2,), second)
    for name in ("correlate1d", "convolve"):
        check(name, x, weights)


@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("output", DTYPES)
def test_output_dtypes(first: str, output: str) -> None:
    rng = np.random.default_rng(3)
    x = draw(rng, (6,), first)
    for name, second in (("correlate1d", [0.5, 0.25]), ("uniform_filter1d", 2)):
        if (first[0] == "c") == (output[0] == "c"):
            check(name, x, second, output=np.dtype(output).type)
            if output != "bool":
                check(name, x, second, output=output)
        elif output[0] == "c":
            for module in (scipy.ndimage, scipy_ndimage):
                with pytest.raises(RuntimeError):
                    getattr(module, name)(x, second, output=output)
        else:
            for module in (scipy.ndimage, scipy_ndimage):
                with pytest.raises(RuntimeError, match="output"):
                    getattr(module, name)(x, second, output=output if output != "bool" else "f4")
                with pytest.warns(UserWarning, match="promoting"):
                    y = getattr(module, name)(x, second, output=np.dtype(output).type)
                assert y.dtype == np.promote_types(output, "complex64")


def test_casts_wrap() -> None:
    x = np.array([300.7, -300.7, 1e5, -1e5, 2e9, -2e9, -0.5, 0.5, 0.0])
    for output in DTYPES[:9]:
        kind = np.dtype(output).type
        check("correlate1d", x, [1.0], output=kind)
        check("correlate1d", x, [-1.0], output=kind)


@pytest.mark.parametrize("order", range(6))
def test_gaussian_orders(order: int) -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=40)
    for sigma, radius in ((0.8, None), (2.5, None), (1.5, 3), (-1.0, 2)):
        options: dict[str, Any] = {"order": order, "radius": radius}
        check("gaussian_filter1d", x, sigma, **options)


def test_scalars_and_no_axes() -> None:
    x = np.arange(6.0).reshape(2, 3)
    for y, axes in ((np.array(3.0), None), (x, ())):
        for name, second in (
            ("correlate", np.array(2.0)), ("convolve", np.array(2.0)), ("gaussian_filter", 1.0),
            ("uniform_filter", 3),
        ):  # fmt: skip
            check(name, y, second, axes=axes)
    check("gaussian_filter", x.astype("int8"), 0, output=np.float32)
    check("uniform_filter", x, (1, -3), output="int16")


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_input(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, "int16")
    check("correlate1d", x, [1.0, 2.0])
    check("convolve", x, np.ones((2,) * len(shape)), mode="constant")
    check("gaussian_filter", x, 1)
    check("uniform_filter1d", x, 3)


def test_cval() -> None:
    x = np.arange(3.0)
    for cval in (1, 2.5, True, np.float32(2), np.array(2.0), np.nan):
        for name, second in (("correlate1d", [1.0, 2, 3]), ("uniform_filter", 3)):
            if np.isnan(cval) and name == "uniform_filter":
                continue  # SciPy's running sum carries it on: see the module's docstring.
            want = getattr(scipy.ndimage, name)(x, second, mode="constant", cval=cval)
            got = getattr(scipy_ndimage, name)(x, second, mode="constant", cval=cval)
            np.testing.assert_allclose(got, want, rtol=1e-15)
    for cval in (1j, 2 + 3j):
        check("correlate1d", x * 1j, [1.0, 2j, 3], mode="constant", cval=cval)
        check("convolve", x * 1j, [1.0, 2, 3], mode="constant", cval=cval)
    whole = np.arange(5, dtype="int16")
    check("uniform_filter1d", whole, 3, mode="constant", cval=1.7)


def test_later_passes_keep_cval() -> None:
    """SciPy gives every pass the same constant, though the first has scaled what it stands for."""
    check("gaussian_filter", np.ones((4, 4)), 1.0, order=1, mode="constant", cval=5)


def test_booleans_are_bytes_between_passes() -> None:
    """SciPy's first pass may leave a 2 in a boolean, which its second pass takes for a 2."""
    x = np.array([[1, 0, 1], [0, 1, 0], [0, 1, 0]], bool)
    check("gaussian_filter", x, 0.54, order=2, mode="constant", cval=2)


def test_constant_integers() -> None:
    """Averages of integers are exact, whatever the number of samples."""
    for size in range(1, 12):
        check("uniform_filter1d", np.full(9, 7, "int32"), size)


@pytest.mark.parametrize(
    ("image", "weights"), [("int16", "uint64"), ("uint8", "int8"), ("int64", "int64")]
)
def test_integers_of_many_weights_are_exact(image: str, weights: str) -> None:
    """A transform's sum that is an integer but for rounding would be cut off to the one below."""
    rng = np.random.default_rng(11)
    x = rng.integers(0, 200, (90, 90)).astype(image)
    w = rng.integers(0, 100, (21, 21)).astype(weights)
    for name, second in (("convolve", w), ("correlate1d", w.ravel())):
        want = getattr(scipy.ndimage, name)(x, second, mode="nearest")
        got = getattr(scipy_ndimage, name)(x, second, mode="nearest")
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


def test_nan_stays_in_its_window() -> None:
    x = np.where(np.arange(9) == 3, np.nan, np.arange(9.0))
    for function, second in (("uniform_filter1d", 3), ("correlate", np.array([0.0, 1, 1]))):
        got = np.isnan(getattr(scipy_ndimage, function)(x, second))
        np.testing.assert_array_equal(np.flatnonzero(got), [2, 3, 4])


def test_beyond_scipy() -> None:
    """What SciPy refuses or gets wrong, by the definition."""
    half = scipy_ndimage.correlate1d(np.arange(4, dtype="float16"), [1.0, 2.0])
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, scipy.ndimage.correlate1d(np.arange(4.0), [1.0, 2.0]))
    brain = scipy_ndimage.uniform_filter(jnp.ones((3, 3), jnp.bfloat16), 3)
    assert brain.dtype == jnp.bfloat16
    x, weights = np.array([1.0, 2.0]), np.arange(1.0, 12)
    for name in ("correlate", "convolve"):
        for origin in range(-5, 6):
            want = getattr(scipy.ndimage, name + "1d")(x, weights, origin=origin)
            got = getattr(scipy_ndimage, name)(x, weights, origin=origin)
            np.testing.assert_array_equal(got, want)
    image = np.arange(6.0).reshape(2, 3)
    want = scipy.ndimage.correlate(image, [1.0, 2.0], axes=1)
    np.testing.assert_array_equal(scipy_ndimage.correlate(image, [1.0, 2.0], axes=-1), want)
    tiny = scipy_ndimage.correlate(np.ones(3), [1e-17, 1e-17])
    np.testing.assert_array_equal(tiny, np.full(3, 2e-17))


def test_without_x64() -> None:
    with jax.enable_x64(False):
        x = np.arange(8, dtype="uint8")
        want = scipy.ndimage.gaussian_filter(x, 1.2)
        got = scipy_ndimage.gaussian_filter(x, 1.2)
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)
        with pytest.warns(filtrax.PrecisionWarning, match="input: float64 becomes float32"):
            wide = scipy_ndimage.correlate1d(np.arange(4.0), [1, 2])
        assert wide.dtype == np.float32
        four = np.arange(4, dtype="int32")
        with pytest.warns(filtrax.PrecisionWarning, match="output: float64 becomes float32"):
            wide = scipy_ndimage.correlate1d(four, [1, 2], output=np.float64)
        assert wide.dtype == np.float32
        assert scipy_ndimage.correlate1d(four, [1, 2], output=float).dtype == np.float32


def test_sigma_is_differentiable() -> None:
    rng = np.random.default_rng(8)
    x, weights = rng.normal(size=(5, 6)), rng.normal(size=(5, 6))
    for order, mode in ((0, "reflect"), (1, "wrap"), (2, "constant")):

        def loss(f: Any, sigma: Any, order: int = order, mode: str = mode) -> Any:
            return (weights * f(x, sigma, order, mode=mode, cval=1.5, radius=4)).sum()

        slope = jax.grad(lambda s, loss=loss: loss(scipy_ndimage.gaussian_filter, s))(1.3)
        high, low = (loss(scipy.ndimage.gaussian_filter, 1.3 + d) for d in (1e-5, -1e-5))
        np.testing.assert_allclose(slope, (high - low) / 2e-5, rtol=1e-7)
        value = jax.jit(lambda s, loss=loss: loss(scipy_ndimage.gaussian_filter, s))(1.3)
        np.testing.assert_allclose(value, loss(scipy.ndimage.gaussian_filter, 1.3), rtol=1e-12)
    sigmas = jnp.array([0.7, 1.3])
    got = jax.jit(lambda s: scipy_ndimage.gaussian_filter(x, s, radius=3))(sigmas)
    want = scipy.ndimage.gaussian_filter(x, [0.7, 1.3], radius=3)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    whole = jax.jit(lambda s: scipy_ndimage.gaussian_filter1d(x, s, radius=3))(2)
    np.testing.assert_allclose(whole, scipy.ndimage.gaussian_filter1d(x, 2, radius=3), rtol=1e-12)


BOX = np.array([[1.0, 2.0, -1.0], [0.5, 3.0, 4.0]])
LINEAR = [
    ("correlate1d", BOX[1]),
    ("convolve1d", BOX.ravel()),
    ("correlate", BOX),
    ("convolve", BOX),
    ("gaussian_filter1d", 1.1),
    ("gaussian_filter", 1.1),
    ("uniform_filter1d", 4),
    ("uniform_filter", 4),
]


@pytest.mark.parametrize(("name", "second"), LINEAR)
def test_jit_and_grad(name: str, second: Any) -> None:
    rng = np.random.default_rng(9)
    x, weights = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    function, peer = getattr(scipy_ndimage, name), getattr(scipy.ndimage, name)
    got = jax.jit(lambda x: function(x, second))(x)
    np.testing.assert_allclose(got, peer(x, second), rtol=1e-12, atol=1e-13)
    slope = jax.grad(lambda x: (weights * function(x, second)).sum())(x)
    for i, j in np.ndindex(3, 4):
        step = np.zeros((3, 4))
        step[i, j] = 1
        # The filter is linear, so its answer to one sample is the derivative.
        want = (weights * peer(step, second)).sum()
        np.testing.assert_allclose(slope[i, j], want, rtol=1e-10, atol=1e-12)


def test_grad_by_weights_under_jit() -> None:
    rng = np.random.default_rng(10)
    x, weights = rng.normal(size=7), rng.normal(size=4)
    slope = jax.jit(jax.grad(lambda w: scipy_ndimage.convolve1d(x, w, mode="mirror").sum()))
    for got, step in zip(slope(weights), np.eye(4), strict=True):
        want = scipy.ndimage.convolve1d(x, step, mode="mirror").sum()
        np.testing.assert_allclose(got, want, rtol=1e-10)
