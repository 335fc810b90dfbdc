"""What comes out of which dtypes, with x64 on and off, and what is said where bits are lost."""

import itertools
import re
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

import filtrax
from filtrax import PrecisionWarning
from filtrax.compat import numpy as fnumpy
from filtrax.compat import scipy_ndimage, scipy_signal

INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
PAIRS = list(itertools.combinations_with_replacement(("bool", *INTEGERS), 2))


def full_range(dtype: str, count: int, seed: int = 0) -> np.ndarray:
    """Integers from end to end of the dtype's range, so that sums wrap around."""
    rng = np.random.default_rng([seed, count])
    if dtype == "bool":
        return rng.random(count) < 0.5
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, count, dtype, endpoint=True)


def test_integers_and_booleans_as_numpy_to_the_last_bit() -> None:
    for function, first, second in itertools.product(
        ("convolve", "correlate"), ("bool", *INTEGERS), ("bool", *INTEGERS)
    ):
        a, v = full_range(first, 5), full_range(second, 3)
        want = getattr(np, function)(a, v, "full")
        got = getattr(fnumpy, function)(a, v, "full")
        assert got.dtype == want.dtype, (first, second)
        if want.dtype.kind == "f":
            # uint64 beside a signed integer: NumPy has no integer for both, and takes float64.
            np.testing.assert_allclose(got, want, rtol=1e-14)
        else:
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("method", ["direct", "shift"])
def test_core_integers_wrap_as_numpys(method: Any) -> None:
    for dtype in INTEGERS:
        x, h = full_range(dtype, 6), full_range(dtype, 3, 1)
        for mode in ("full", "valid"):
            got = filtrax.convolve(x, h, mode, method=method)
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, np.convolve(x, h, mode))


def test_core_booleans() -> None:
    x, h = full_range("bool", 9), np.array([True, False, True])
    got = filtrax.convolve(x, h)
    assert got.dtype == bool
    np.testing.assert_array_equal(got, np.convolve(x, h))
    got = filtrax.correlate(x, h, "same", boundary="wrap")
    np.testing.assert_array_equal(got, scipy.ndimage.correlate1d(x * 1, h * 1, mode="wrap") > 0)
    counts = filtrax.convolve(x, h, preferred_element_type=jnp.int32)
    assert counts.dtype == jnp.int32
    np.testing.assert_array_equal(counts, np.convolve(x * 1, h * 1))
    with jax.numpy_dtype_promotion("standard"):
        mean = filtrax.filter_rows(x, jnp.array([0.5, 0.5], jnp.float32))
    assert mean.dtype == jnp.float32
    np.testing.assert_array_equal(mean, np.convolve(x, [0.5, 0.5])[:9])


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_core_promotes_integers_exactly_or_refuses(first: str, second: str) -> None:
    a, v = full_range(first, 4), full_range(second, 2)
    with jax.numpy_dtype_promotion("standard"):
        if {first, second} & {"uint64"} and {first, second} & {"int8", "int16", "int32", "int64"}:
            with pytest.raises(TypeError, match=r"^x, h: expected integers .* uint64"):
                filtrax.convolve(a, v)
            return
        got = filtrax.convolve(a, v)
    want = np.convolve(a, v)
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want)


def test_lists_and_numbers_take_the_other_dtype() -> None:
    """Under strict promotion, too: a list of Python's numbers is as weak as a number."""
    for dtype in ("float16", "bfloat16", "float32", "float64", "complex64"):
        x = jnp.arange(5, dtype=dtype)
        for taps in ([1, 2, 1], [0.25, 0.5, 0.25], (1, 0.5)):
            for function in (filtrax.convolve, filtrax.correlate, filtrax.filter_rows):
                assert function(x, taps).dtype == dtype
            assert filtrax.filter_separable(x, [taps], axes=[0]).dtype == dtype
    x8 = jnp.arange(5, dtype="int8")
    assert filtrax.convolve(x8, [1, 2]).dtype == jnp.int8
    assert filtrax.convolve([1, 2], x8).dtype == jnp.int8
    with pytest.raises(ValueError, match=r"^h: expected integers that fit .*int8"):
        filtrax.convolve(x8, [1, 200])
    with pytest.raises(Exception, match="strict"):
        filtrax.convolve(x8, [0.5, 0.5])
    with jax.numpy_dtype_promotion("standard"):
        assert filtrax.convolve(x8, [0.5, 0.5]).dtype == jnp.float64
    assert filtrax.convolve([1, 2], [3]).dtype == jnp.int64
    assert filtrax.convolve([1, 2], [3.0]).dtype == jnp.float64


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_halves_sum_in_single_and_return_what_is_asked(half: str) -> None:
    rng = np.random.default_rng(1)
    x, h = jnp.asarray(rng.normal(size=300), half), jnp.asarray(rng.normal(size=40), half)
    exact = np.convolve(np.asarray(x, np.float64), np.asarray(h, np.float64))
    wide = filtrax.convolve(x, h, preferred_element_type=jnp.float32)
    assert wide.dtype == jnp.float32
    np.testing.assert_allclose(wide, exact, atol=1e-5)
    narrow = filtrax.convolve(x, h)
    assert narrow.dtype == half
    eps = float(jnp.finfo(half).eps)
    assert np.all(np.abs(np.asarray(narrow, float) - exact) <= eps * np.abs(exact) + 1e-5)


def test_preferred_element_type() -> None:
    x = full_range("int8", 8)
    got = filtrax.correlate(x, x[:3], "valid", preferred_element_type="int32")
    assert got.dtype == jnp.int32
    np.testing.assert_array_equal(got, np.correlate(x.astype(int), x[:3].astype(int)))
    rows = filtrax.filter_rows(jnp.ones((2, 4), jnp.float16), jnp.ones(2, jnp.float16),
                               preferred_element_type=jnp.float64)  # fmt: skip
    assert rows.dtype == jnp.float64
    # Complex where neither operand is.
    x32, h32 = np.array([1, 2], "float32"), np.array([3, 1], "float32")
    wide = filtrax.convolve(x32, h32, preferred_element_type="c16")
    assert wide.dtype == jnp.complex128
    np.testing.assert_array_equal(wide, [3, 7, 2])
    # JAX promotes floats of 8 bits to nothing by itself.
    narrow = jnp.array([1, 2, 240], "float8_e4m3fn")
    wide = filtrax.convolve(narrow, narrow, preferred_element_type="float32")
    np.testing.assert_array_equal(wide, np.convolve([1.0, 2, 240], [1, 2, 240]))
    slope = jax.grad(lambda h: filtrax.convolve(
        jnp.ones(3, jnp.float16), h, preferred_element_type=jnp.float32).sum())  # fmt: skip
    assert slope(jnp.ones(2, jnp.float16)).dtype == jnp.float16
    for wrong in ("int16", "float16"):
        with pytest.raises(ValueError, match=r"^preferred_element_type: .* float32 is promoted"):
            filtrax.convolve(jnp.ones(3, "float32"), [1.0], preferred_element_type=wrong)
    with pytest.raises(TypeError, match=r"^preferred_element_type: expected a dtype"):
        filtrax.convolve([1], [1], preferred_element_type="number")
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"^preferred.*jax_enable_x64"):
        filtrax.convolve([1.0], [1.0], preferred_element_type="float64")


def test_real_beside_complex_stays_real() -> None:
    x, h = np.arange(4.0), np.array([1 + 2j, 3 - 1j])
    for call in (
        fnumpy.convolve,
        lambda a, b: scipy_signal.correlate(a, b, method="direct"),
        scipy_ndimage.convolve1d,
    ):
        for a, b in ((x, h), (h, x)):
            text = str(jax.make_jaxpr(call)(a, b))
            products = [line for line in text.splitlines() if "= filtrax_correlate[" in line]
            assert len(products) == 2
            assert all(":f64[" in line for line in products), text


WIDE = ("float64", "complex128", "int64", "uint64")


@pytest.mark.parametrize("dtype", WIDE)
def test_nothing_is_narrowed_without_a_word(dtype: str) -> None:
    x = np.arange(5, dtype=dtype)
    calls: list[Any] = [
        lambda: filtrax.convolve(x, [1]),
        lambda: filtrax.filter_rows(x, [1]),
        lambda: fnumpy.convolve(x, x),
        lambda: scipy_signal.fftconvolve(x, x),
        lambda: scipy_ndimage.correlate1d(x, [1, 1]),
        lambda: filtrax.lfilter([1.0], [1.0, -0.5], x),
        lambda: filtrax.sosfiltfilt([[1.0, 0, 0, 1, -0.5, 0]], x, padlen=0),
    ]
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        for call in calls:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                call()
            told = [each for each in caught if each.category is PrecisionWarning]
            assert re.search(f": {dtype} becomes", str(told[0].message))
            assert {each.filename for each in told} == {__file__}
        # What is no array of NumPy's has no dtype to lose (and warnings are errors here).
        assert filtrax.convolve(jnp.ones(3, jnp.float32), [1.0, 2.0]).dtype == jnp.float32
        assert filtrax.convolve([1, 2], [3]).dtype == jnp.int32
    for call in calls:
        call()  # With x64 on there is nothing to say.


def test_promotion_that_would_lose_says_so() -> None:
    with jax.enable_x64(False):
        signed, unsigned = jnp.array([1, -2], jnp.int32), jnp.array([2**31], jnp.uint32)
        for function in (fnumpy.convolve, scipy_signal.convolve):
            with pytest.warns(PrecisionWarning, match="int64 becomes int32"):
                function(signed, unsigned)
        with jax.numpy_dtype_promotion("standard"), pytest.raises(TypeError, match="x, h: expect"):
            filtrax.convolve(signed, unsigned)
        with pytest.warns(PrecisionWarning, match="float64 becomes float32"):
            scipy_signal.fftconvolve(signed, signed)
        # What float32 holds is no loss.
        small = jnp.array([1, -2], jnp.int16)
        assert scipy_signal.fftconvolve(small, small).dtype == jnp.float32


def test_integers_that_do_not_fit_are_an_error() -> None:
    with jax.enable_x64(False):
        for function in (filtrax.convolve, fnumpy.convolve, scipy_signal.convolve):
            for x in (np.array([2**40]), [2**40]):
                with pytest.raises(ValueError, match=r"integers that fit int32"):
                    function(x, [1])


def test_ndimage_integers_without_x64() -> None:
    """Sums of integers stay integers there, where a float32 would lose them."""
    x = np.array([2**24 + 1, 2**24 + 3, -(2**24) - 1, 5], "int32")
    with jax.enable_x64(False):
        weights = np.array([1, -2, 1], "int8")
        got = scipy_ndimage.correlate1d(x, weights, mode="constant", cval=3)
        np.testing.assert_array_equal(
            got, scipy.ndimage.correlate1d(x, weights, mode="constant", cval=3)
        )
        np.testing.assert_array_equal(scipy_ndimage.sobel(x), scipy.ndimage.sobel(x))
        with pytest.warns(PrecisionWarning, match="summed in float32"):
            scipy_ndimage.gaussian_filter(x, 1.0)
