"""Lags, fewer lags, normalised correlation and templates, against loops, NumPy and SciPy."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import filtrax
from filtrax._moments import Window, sliding_moments

RNG = np.random.default_rng(7)


def by_loops(x: np.ndarray, h: np.ndarray, lags: list[range], normalize: Any, least: int) -> Any:
    """One row: at each lag, the samples that overlap, and their statistics by NumPy."""
    y = np.zeros([len(each) for each in lags], np.result_type(x, h, float))
    for place in np.ndindex(*y.shape):
        lag = [each[i] for each, i in zip(lags, place, strict=True)]
        first = [max(at, 0) for at in lag]
        last = [min(at + k, n) for at, k, n in zip(lag, h.shape, x.shape, strict=True)]
        if any(a >= b for a, b in zip(first, last, strict=True)):
            continue
        a = x[tuple(slice(f, e) for f, e in zip(first, last, strict=True))]
        b = h[tuple(slice(f - at, e - at) for f, e, at in zip(first, last, lag, strict=True))]
        if normalize == "coeff":
            y[place] = np.sum(a * b.conj()) / (np.linalg.norm(x) * np.linalg.norm(h))
        elif normalize is None:
            y[place] = np.sum(a * b.conj())
        elif a.size >= least and normalize == "unbiased":
            y[place] = np.mean(a * b.conj())
        elif a.size >= least and a.std() > 0 and b.std() > 0:
            a, b = a - a.mean(), b - b.mean()
            y[place] = np.mean(a * b.conj()) / (a.std() * b.std())
    return y


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 3), (6, 4), (3, 8), (7, 7)])
def test_lags_are_those_of_scipy_and_say_where_the_kernel_stands(n: int, k: int) -> None:
    for mode in ("full", "valid") if n >= k else ("full",):
        lags = filtrax.correlation_lags(n, k, mode)
        np.testing.assert_array_equal(lags, scipy.signal.correlation_lags(n, k, mode))
    x = RNG.integers(-9, 9, n)
    h = RNG.integers(-9, 9, k)
    for mode in ("full", "same", "causal", (2, k), (k, 0)):
        y = filtrax.correlate(x, h, mode)
        for lag, value in zip(filtrax.correlation_lags(n, k, mode), y.tolist(), strict=True):
            pairs = [(i, i - lag) for i in range(n) if 0 <= i - lag < k]
            assert value == sum(x[i] * h[m] for i, m in pairs)


def test_a_positive_lag_says_that_x_is_late() -> None:
    h = np.array([3.0, -1.0, 2.0, 5.0])
    x = np.concatenate([np.zeros(6), h, np.zeros(2)])
    c = filtrax.cross_correlate(x, h)
    assert filtrax.correlation_lags(x.size, h.size)[int(jnp.argmax(c))] == 6
    np.testing.assert_allclose(c, np.correlate(x, h, "full"), atol=1e-12)
    np.testing.assert_allclose(c, scipy.signal.correlate(x, h), atol=1e-12)


NORMALIZATIONS = (None, "unbiased", "coeff", "pearson")


@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize(
    ("n", "k", "max_lag", "mode"),
    [(9, 5, None, "full"), (9, 5, None, "valid"), (4, 7, None, "same"), (6, 6, 2, "full"),
     (5, 3, 11, "full"), (12, 2, 0, "full")],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [float, complex])
def test_one_axis_is_a_loop(
    n: int, k: int, max_lag: Any, mode: Any, normalize: Any, dtype: Any
) -> None:
    x, h = RNG.normal(size=n) + 3, RNG.normal(size=k) - 5
    if dtype is complex:
        x, h = x + 1j * RNG.normal(size=n), h - 1j * RNG.normal(size=k)
    got = filtrax.cross_correlate(x, h, mode, max_lag=max_lag, normalize=normalize, min_overlap=3)
    lags = filtrax.correlation_lags(n, k, mode, max_lag=max_lag)
    if max_lag is not None:
        np.testing.assert_array_equal(lags, np.arange(-max_lag, max_lag + 1))
    expected = by_loops(x, h, [range(lags[0], lags[-1] + 1)], normalize, 3)
    np.testing.assert_allclose(got, expected, atol=1e-11)


@pytest.mark.parametrize("normalize", NORMALIZATIONS[1:])
def test_several_axes_and_pairs_of_rows(normalize: Any) -> None:
    x, h = RNG.normal(size=(5, 2, 4)), RNG.normal(size=(3, 2, 3))
    got = filtrax.cross_correlate(x, h, max_lag=(1, 2), normalize=normalize, axes=(0, 2))
    assert got.shape == (3, 2, 5)
    for row in range(2):
        expected = by_loops(x[:, row], h[:, row], [range(-1, 2), range(-2, 3)], normalize, 2)
        np.testing.assert_allclose(got[:, row], expected, atol=1e-11)
    # One template for all rows, its dimensions in the order of the axes.
    shared = filtrax.cross_correlate(x, h[:, 0].T, normalize=normalize, axes=(2, 0))
    for row in range(2):
        expected = by_loops(x[:, row], h[:, 0], [range(-2, 5), range(-2, 4)], normalize, 2)
        np.testing.assert_allclose(shared[:, row], expected, atol=1e-11)


def test_rows_broadcast_and_map() -> None:
    x, h = RNG.normal(size=(1, 20)), RNG.normal(size=(3, 6))
    got = filtrax.cross_correlate(x, h, "valid", normalize="pearson", axes=-1)
    looped = [filtrax.cross_correlate(x[0], row, "valid", normalize="pearson") for row in h]
    np.testing.assert_allclose(got, np.stack(looped), atol=1e-12)
    mapped = jax.vmap(lambda row: filtrax.cross_correlate(x[0], row, "valid", normalize="pearson"))
    np.testing.assert_allclose(mapped(jnp.asarray(h)), got, atol=1e-12)


def test_templates_are_those_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with the extra `parity`")
    image = RNG.normal(size=(40, 33)).astype(np.float32)
    template = image[7:16, 20:27] * 3 - 100
    theirs = cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED)
    ours = filtrax.cross_correlate(image, template, "valid", normalize="pearson")
    np.testing.assert_allclose(ours, theirs, atol=2e-4)
    assert np.unravel_index(int(jnp.argmax(ours)), ours.shape) == (7, 20)
    assert abs(float(ours[7, 20]) - 1) < 1e-5


@pytest.mark.parametrize("lags", [3, 40])
def test_lags_that_are_not_asked_for_are_not_computed(lags: int) -> None:
    n, k = 3000, 2500
    x, h = np.zeros(n, np.float32), np.zeros(k, np.float32)
    jaxpr = str(jax.make_jaxpr(lambda x, h: filtrax.cross_correlate(x, h, max_lag=lags))(x, h))
    assert f"m={2 * lags + 1}," in jaxpr.replace(" ", "")
    few = filtrax.plan((n,), (k,), operation="correlate", mode=(lags, lags + k - n), platform="cpu")
    whole = filtrax.plan((n,), (k,), operation="correlate", platform="cpu")
    assert min(few.cost.values()) < min(whole.cost.values())


@pytest.mark.parametrize("normalize", ["pearson", "coeff"])
def test_without_variance_there_is_zero_with_a_zero_gradient(normalize: Any) -> None:
    def total(a: Any, b: Any) -> Any:
        value = filtrax.cross_correlate(a, b, normalize=normalize)
        return jnp.sum(value**2), value

    run = jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))
    varied = RNG.normal(size=6)
    for x in (np.full(6, 7.3), np.full(6, 1e30), np.zeros(6)):
        for first, second in ((x, varied), (varied, x), (x, x)):
            (_, value), slopes = run(first, second)
            assert np.isfinite(value).all()
            assert all(np.isfinite(slope).all() for slope in slopes)
            if normalize == "pearson":
                assert not value.any()
                assert not any(slope.any() for slope in slopes)


def test_flat_stretches_far_from_zero_are_flat_in_float32() -> None:
    # Squares of 1000 in float32 are off by more than the variance; merged deviations are not.
    x = np.full(300, 1000.0, np.float32)
    x[100:120] += RNG.normal(size=20).astype(np.float32) * 1e-2
    x[200:] = -1000
    h = x[100:120]
    got = filtrax.cross_correlate(x, h, "valid", normalize="pearson")
    flat = [lag for lag in range(281) if x[lag : lag + 20].std() == 0]
    assert len(flat) > 200
    assert not np.asarray(got)[flat].any()
    assert int(jnp.argmax(got)) == 100


def test_large_and_small_numbers_neither_overflow_nor_vanish() -> None:
    x, h = RNG.normal(size=30).astype(np.float32), RNG.normal(size=9).astype(np.float32)
    for normalize in ("pearson", "coeff"):
        expected = filtrax.cross_correlate(x, h, normalize=normalize)
        for a, b in itertools.product((1e-30, 1e30), repeat=2):
            got = filtrax.cross_correlate(x * np.float32(a), h * np.float32(b), normalize=normalize)
            np.testing.assert_allclose(got, expected, atol=1e-5)


def test_a_nan_spoils_the_lags_that_see_it() -> None:
    x, h = RNG.normal(size=40), RNG.normal(size=5)
    clean = filtrax.cross_correlate(x, h, "valid", normalize="pearson", method="shift")
    x[20] = np.nan
    got = filtrax.cross_correlate(x, h, "valid", normalize="pearson", method="shift")
    seen = np.arange(36)
    seen = (seen <= 20) & (seen + 5 > 20)
    np.testing.assert_array_equal(np.isnan(got), seen)
    np.testing.assert_allclose(np.asarray(got)[~seen], np.asarray(clean)[~seen], atol=1e-12)


@pytest.mark.parametrize("normalize", NORMALIZATIONS[1:])
@pytest.mark.parametrize("kind", [float, complex])
def test_gradients_are_those_of_finite_differences(normalize: Any, kind: Any) -> None:
    x, h, w = RNG.normal(size=7), RNG.normal(size=4), RNG.normal(size=10)
    u = RNG.normal(size=7)

    def total(x: Any, h: Any) -> Any:
        signal = x if kind is float else jax.lax.complex(x, jnp.asarray(u))
        # A real signal beside a complex one stays real.
        with jax.numpy_dtype_promotion("standard"):
            y = filtrax.cross_correlate(signal, h, normalize=normalize, min_overlap=3)
        return jnp.sum(y.real * w) + (0 if kind is float else jnp.sum(jnp.sin(y.imag) * w))

    value = jax.jit(total)
    slopes = jax.jit(jax.grad(total, (0, 1)))(x, h)
    for number, slope in enumerate(slopes):
        for i in range(slope.size):
            step = [np.zeros(7), np.zeros(4)]
            step[number][i] = 1e-6
            rise = value(x + step[0], h + step[1]) - value(x - step[0], h - step[1])
            assert abs(float(rise) / 2e-6 - float(slope[i])) < 1e-7


@pytest.mark.parametrize(
    ("x", "h", "expected"),
    [("int8", "int8", "float64"), ("float32", "float32", "float32"),
     ("bfloat16", "bfloat16", "bfloat16"), ("complex64", "complex64", "complex64")],
)  # fmt: skip
def test_dtypes(x: str, h: str, expected: str) -> None:
    a, b = jnp.asarray([1, 2, 4, 1]).astype(x), jnp.asarray([1, 2]).astype(h)
    assert filtrax.cross_correlate(a, b).dtype == x
    for normalize in NORMALIZATIONS[1:]:
        assert filtrax.cross_correlate(a, b, normalize=normalize).dtype == expected


@pytest.mark.parametrize(
    ("n", "start", "count", "width"),
    [(10, -3, 12, 4), (10, -3, 4, 12), (7, 0, 4, 4), (7, 0, 1, 7), (5, -20, 8, 3), (5, -8, 3, 30),
     (9, 2, 3, 3), (1, 0, 1, 1), (6, -5, 11, 6), (8, -1, 6, 6)],
)  # fmt: skip
def test_sliding_moments_are_those_of_each_window(
    n: int, start: int, count: int, width: int
) -> None:
    x = RNG.normal(size=(n, 2)) + 1j * RNG.normal(size=(n, 2))
    windows = {0: Window(start, count, width)}
    moments = jax.jit(lambda x: sliding_moments(x, windows))(x)
    mean, variance = (np.broadcast_to(each, (count, 2)) for each in moments)
    for i in range(count):
        seen = x[max(start + i, 0) : max(start + i + width, 0)]
        expected = (seen.mean(0), seen.var(0)) if seen.size else (0, 0)
        np.testing.assert_allclose(mean[i], expected[0], atol=1e-13)
        np.testing.assert_allclose(variance[i], expected[1], atol=1e-13)
