"""`filtrax.compat.scipy_signal` against the SciPy installed: values, shapes, dtypes and errors.

Random calls are in `test_agreement.py`.
"""

import itertools
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import filtrax
from filtrax.compat import scipy_signal

MODES = ("full", "same", "valid")
DTYPES = (
    "bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float32", "float64",
    "complex64", "complex128",
)  # fmt: skip


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Random samples; 8-bit ones often overflow in a sum, which must wrap as NumPy's."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.4
    if kind in "iu":
        return rng.integers(0 if kind == "u" else -99, 100, shape).astype(dtype)
    x = rng.normal(size=shape)
    return (x + 1j * rng.normal(size=shape) if kind == "c" else x).astype(dtype)


def peer(name: str, *args: Any, **options: Any) -> np.ndarray:
    """SciPy's result; by its direct method, which is the definition, where it has one."""
    if name in ("convolve", "correlate"):
        options.setdefault("method", "direct")
    with warnings.catch_warnings():
        # SciPy casts what happens to lie in an output that it has just allocated.
        warnings.filterwarnings("ignore", "invalid value encountered in cast", RuntimeWarning)
        return getattr(scipy.signal, name)(*args, **options)


def check(name: str, a: np.ndarray, b: np.ndarray, *args: Any, **options: Any) -> None:
    """The same shape, dtype and values: integers exactly, others to the rounding of the sums."""
    want = np.asarray(peer(name, a, b, *args, **options))
    got = getattr(scipy_signal, name)(a, b, *args, **options)
    assert got.shape == want.shape
    assert got.dtype == want.dtype
    if want.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, want)
        return
    # No output is a sum of more than the products of the norms bound, by Cauchy and Schwarz.
    size = np.linalg.norm(np.abs(a.astype(complex)).ravel()) + 3 * abs(
        options.get("fillvalue", 0)
    ) * np.sqrt(b.size)
    bound = size * np.linalg.norm(np.abs(b.astype(complex)).ravel())
    repeats = 8 * max(1, b.size / max(a.size, 1)) if options.get("boundary") else 8
    eps = np.finfo(want.dtype).eps
    if name in ("fftconvolve", "oaconvolve"):
        # SciPy transforms each operand in its own precision.
        inexact = [x.dtype for x in (a, b) if x.dtype.kind in "fc"]
        eps = max(eps, *(np.finfo(dtype).eps for dtype in inexact), 0)
    error = np.max(np.abs(np.asarray(got) - want), initial=0)
    assert error <= repeats * eps * bound


def orderable(n: tuple[int, ...], k: tuple[int, ...]) -> bool:
    return all(i >= j for i, j in zip(n, k, strict=True)) or all(
        i <= j for i, j in zip(n, k, strict=True)
    )


@pytest.mark.parametrize("name", ["convolve", "correlate"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("taps", range(1, 9))
def test_vectors_of_every_length(name: str, mode: str, taps: int) -> None:
    rng = np.random.default_rng(taps)
    for samples in range(1, 10):
        check(name, draw(rng, (samples,), "int64"), draw(rng, (taps,), "int64"), mode)


@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", MODES)
def test_matrices_and_boundaries_of_every_length(name: str, boundary: str, mode: str) -> None:
    rng = np.random.default_rng(1)
    for taps in range(1, 9):
        samples, other = ((3, 2), (1, 4))[taps % 2], 9 - taps
        if mode == "valid":
            # No boundary is met, so one is enough for the longer kernels.
            if boundary != "fill" and taps > 2:
                continue
            other = samples[1]
        a, b = draw(rng, samples, "int64"), draw(rng, (taps, other), "int64")
        if mode == "valid" and not orderable(a.shape, b.shape):
            b = b[: samples[0], : samples[1]]
        check(name, a, b, mode, boundary=boundary, fillvalue=2)


@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", DTYPES)
def test_dtypes(first: str, second: str) -> None:
    rng = np.random.default_rng(2)
    a, b = draw(rng, (4,), first), draw(rng, (2,), second)
    for name in ("convolve", "correlate", "fftconvolve", "oaconvolve"):
        check(name, a, b)
    if not first == second == "bool":
        for name in ("convolve", "correlate2d"):
            check(name, a.reshape(2, 2), b[None])


def test_row_broadcast() -> None:
    rng = np.random.default_rng(6)
    rows, kernels = rng.normal(size=(1, 100)), rng.normal(size=(7, 10))
    for mode, pair in itertools.product(MODES, ((rows, kernels), (kernels, rows))):
        check("fftconvolve", *pair, mode, axes=1)
        check("oaconvolve", *pair, mode, axes=1)


@pytest.mark.parametrize("method", ["auto", "fft"])
def test_methods_agree(method: str) -> None:
    rng = np.random.default_rng(7)
    for dtype in ("int16", "float64", "complex128"):
        a, b = draw(rng, (9,), dtype), draw(rng, (4,), dtype)
        for name in ("convolve", "correlate"):
            check(name, a, b, method=method)


def test_scalars() -> None:
    for a, b in ((3, 4), (2.5, 4), (True, False), (1j, 2j)):
        for name in ("convolve", "correlate", "fftconvolve", "oaconvolve"):
            check(name, np.asarray(a), np.asarray(b))


EMPTY = [
    ("fftconvolve", (0,), (3,), "full"),
    ("oaconvolve", (3, 3), (2, 0), "same"),
    ("convolve", (0,), (3,), "same"),
    ("correlate", (0, 3), (2, 2), "same"),
    ("convolve", (3, 3), (2, 0), "valid"),
    ("correlate", (0, 2), (1, 2), "valid"),
    ("correlate2d", (0, 3), (2, 2), "same"),
]


@pytest.mark.parametrize(("name", "n", "k", "mode"), EMPTY)
def test_empty_operands(name: str, n: Any, k: Any, mode: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        check(name, np.zeros(n), np.zeros(k), mode)


def test_beyond_scipy() -> None:
    """What SciPy refuses, by the definition."""
    a = np.array([[True, False], [True, True]])
    got = scipy_signal.convolve(a, a)
    assert got.dtype == bool
    np.testing.assert_array_equal(got, scipy.signal.convolve(a.astype(int), a.astype(int)) > 0)
    half = scipy_signal.convolve(a.astype("float16"), a.astype("float16"))
    assert half.dtype == np.float16
    np.testing.assert_array_equal(half, scipy.signal.convolve(a.astype(int), a.astype(int)))
    brain = scipy_signal.convolve(jnp.ones(3, jnp.bfloat16), jnp.ones(2, jnp.float32))
    assert brain.dtype == np.float32


def test_nan_stays_in_its_window() -> None:
    x = np.arange(9.0)
    x[4] = np.nan
    got = np.isnan(scipy_signal.fftconvolve(x, np.ones(3), "same"))
    np.testing.assert_array_equal(np.flatnonzero(got), [3, 4, 5])


def test_without_x64() -> None:
    with jax.enable_x64(False), warnings.catch_warnings():
        warnings.simplefilter("ignore", filtrax.PrecisionWarning)  # See `test_dtypes.py`.
        for a, b, dtype in (
            (np.arange(3), np.arange(2.0), "float32"),
            (np.arange(3), np.arange(2), "int32"),
            (np.arange(3) * 1j, np.arange(2), "complex64"),
        ):
            got = scipy_signal.convolve(a, b)
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, scipy.signal.convolve(a, b))
        assert scipy_signal.fftconvolve([1, 2, 3], [1, 2]).dtype == "float32"


def test_long_kernel_is_exchanged() -> None:
    """A short signal under a long kernel must not cost the product of their squares."""
    rng = np.random.default_rng(8)
    a, b = rng.normal(size=5), rng.normal(size=20_000)
    for name, mode in itertools.product(("convolve", "correlate"), MODES):
        check(name, a, b, mode)
        jaxpr = jax.make_jaxpr(lambda x, y, n=name, m=mode: getattr(scipy_signal, n)(x, y, m))
        assert "k=5," in str(jaxpr(a, b))


@pytest.mark.parametrize("fill", [1.5, 2 + 1j, True, [3], np.float32(2.5), np.nan])
@pytest.mark.parametrize("dtype", ["int8", "float64", "complex128"])
def test_fillvalue(fill: Any, dtype: str) -> None:
    rng = np.random.default_rng(9)
    a, b = draw(rng, (2, 3), dtype), draw(rng, (2, 2), dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SciPy tries a lossy cast before it refuses.
            want = scipy.signal.convolve2d(a, b, fillvalue=fill)
    except ValueError:
        with pytest.raises(ValueError, match="fillvalue"):
            scipy_signal.convolve2d(a, b, fillvalue=fill)  # type: ignore[arg-type]
        return
    got = scipy_signal.convolve2d(a, b, fillvalue=fill)  # type: ignore[arg-type]
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)


def test_traced_fillvalue() -> None:
    a, b = np.ones((2, 2)), np.ones((2, 2))
    slope = jax.grad(lambda fill: scipy_signal.convolve2d(a, b, fillvalue=fill).sum())(1.0)
    step = [scipy.signal.convolve2d(a, b, fillvalue=fill).sum() for fill in (0, 1)]
    np.testing.assert_allclose(slope, step[1] - step[0])


def test_correlation_lags() -> None:
    for n, k, mode in itertools.product(range(10), range(10), MODES):
        got, want = (f.correlation_lags(n, k, mode) for f in (scipy_signal, scipy.signal))
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


class Shaped:
    """An array to SciPy's estimate, which looks at shape, size and dtype only."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.array = np.broadcast_to(np.float32(1), shape)


def test_choose_conv_method() -> None:
    rng = np.random.default_rng(10)
    answers = set()
    for _ in range(2000):
        rank = int(rng.integers(1, 3))
        top = {1: 6.0, 2: 3.0}[rank]
        n, k = (tuple(int(10 ** rng.uniform(0, top)) for _ in range(rank)) for _ in range(2))
        mode = str(rng.choice(MODES))
        from filtrax.compat._scipy_choice import fft_is_cheaper

        a, b = Shaped(n).array, Shaped(k).array
        want = scipy.signal.choose_conv_method(a, b, mode)
        got = "fft" if fft_is_cheaper(n, k, mode) else "direct"
        answers.add(want)
        assert got == want, (n, k, mode)
    assert answers == {"fft", "direct"}


def test_choose_conv_method_by_value() -> None:
    big = np.full(20_000, 2**40)
    ones = np.ones(20_000, int)
    for a, b in ((big, big), (ones, ones), (ones > 0, ones > 0), (ones * 1.0, big)):
        want = scipy.signal.choose_conv_method(a, b)
        assert scipy_signal.choose_conv_method(a, b) == want
    assert jax.jit(lambda a: a + len(scipy_signal.choose_conv_method(a, a)))(ones)[0] == 7
    chosen, times = scipy_signal.choose_conv_method(ones[:9], ones[:3], measure=True)
    assert chosen in times
    assert set(times) == {"fft", "direct"}


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
def test_jit_and_grad(name: str) -> None:
    rng = np.random.default_rng(11)
    a, b, weights = rng.normal(size=6), rng.normal(size=3), rng.normal(size=6)
    function = getattr(scipy_signal, name)
    jitted = jax.jit(lambda x, h: function(x, h, "same"))
    np.testing.assert_allclose(jitted(a, b), peer(name, a, b, "same"), rtol=1e-12, atol=1e-12)

    def loss(f: Any, h: Any) -> Any:
        return (weights * f(a, h, "same")).sum()

    slope = jax.grad(lambda h: loss(function, h))(b)
    for i, step in enumerate(np.eye(3)):
        # The loss is linear, so the difference quotient is exact.
        want = loss(getattr(scipy.signal, name), step)
        np.testing.assert_allclose(slope[i], want, rtol=1e-10, atol=1e-12)


def test_jit_and_grad_of_matrices() -> None:
    rng = np.random.default_rng(12)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(2, 5))
    for name, boundary in itertools.product(("convolve2d", "correlate2d"), ("wrap", "symm")):
        function = getattr(scipy_signal, name)
        loss = jax.jit(lambda x, f=function, o=boundary: f(x, b, "same", o).sum())
        slope = jax.grad(loss)(a)
        for i, j in np.ndindex(3, 4):
            step = np.zeros((3, 4))
            step[i, j] = 1
            want = getattr(scipy.signal, name)(step, b, "same", boundary).sum()
            np.testing.assert_allclose(slope[i, j], want, rtol=1e-10, atol=1e-12)
