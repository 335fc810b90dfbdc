"""Wiener filters and deconvolution, against SciPy's Toeplitz solver and dense least squares."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.signal

from filtrax.fit import ConvergenceWarning, IdentifiabilityWarning, deconvolve, wiener, wiener_hopf


def close(found: Any, wanted: Any, tolerance: float = 1e-11) -> None:
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=0, atol=tolerance * scale)


def slope_along(run: Any, point: tuple[Any, ...], way: tuple[Any, ...], step: float = 1e-3) -> Any:
    def at(t: float) -> float:
        return float(run(*(p + t * d for p, d in zip(point, way, strict=True))))

    return (8 * (at(step) - at(-step)) - at(2 * step) + at(-2 * step)) / (12 * step)


def test_wiener_hopf_is_scipys_toeplitz_solution():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(60) + 1j * rng.standard_normal(60)
    lags = np.correlate(x, x, "full")[59 : 59 + 7]
    p = rng.standard_normal(7) + 1j * rng.standard_normal(7)
    close(wiener_hopf(lags, p), scipy.linalg.solve_toeplitz(lags, p))
    loaded = lags + 5 * np.eye(1, 7)[0]
    close(wiener_hopf(lags, p, ridge=5.0), scipy.linalg.solve_toeplitz(loaded, p))
    real = np.stack([lags.real, 2 * lags.real + 1 * np.eye(1, 7)[0]])
    found = wiener_hopf(real, p.real)
    close(found, np.stack([scipy.linalg.solve_toeplitz(r, p.real) for r in real]))


def test_wiener_hopf_has_derivatives():
    rng = np.random.default_rng(1)
    r = 0.6 ** np.arange(4)
    p, dr, dp = rng.standard_normal((3, 4))

    def loss(r: Any, p: Any, ridge: Any) -> Any:
        return jnp.sum(wiener_hopf(r, p, ridge=ridge) ** 2)

    point, way = (r, p, 0.2), (dr, dp, 1.0)
    numeric = slope_along(jax.jit(loss), point, way)
    slopes = jax.jit(jax.grad(loss, (0, 1, 2)))(*point)
    assert sum(float(jnp.sum(s * d)) for s, d in zip(slopes, way, strict=True)) == pytest.approx(
        numeric, rel=1e-8
    )


@pytest.mark.parametrize("n", [64, 63])
@pytest.mark.parametrize("delay", [0, 3, -2])
def test_taps_from_spectra(n, delay):
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, n))
    fx, fy = np.fft.fft(x), np.fft.fft(y)
    r, p = np.fft.ifft(abs(fx) ** 2).real, np.fft.ifft(fy * fx.conj()).real
    # By the definition of a circular correlation.
    assert p[2] == pytest.approx(sum(y[(i + 2) % n] * x[i] for i in range(n)))
    wanted = scipy.linalg.solve_toeplitz(r[:8], [p[(k - delay) % n] for k in range(8)])
    auto, cross = abs(np.fft.rfft(x)) ** 2, np.fft.rfft(y) * np.fft.rfft(x).conj()
    close(wiener(auto, cross, 8, delay=delay, n=n), wanted)
    close(wiener(abs(fx) ** 2, fy * fx.conj(), 8, delay=delay, n=n), wanted)
    close(wiener(auto, cross, ridge=2.0), cross / (auto + 2))


def test_scipys_estimates_of_spectra_identify_a_filter():
    rng = np.random.default_rng(3)
    h = np.array([0.2, -0.5, 1.0, 0.7])
    x = rng.standard_normal(200_000)
    y = np.convolve(x, h)[: x.size] + 0.1 * rng.standard_normal(x.size)
    options: Any = {"nperseg": 256, "return_onesided": False}
    auto = scipy.signal.welch(x, **options)[1]
    cross = scipy.signal.csd(x, y, **options)[1]
    np.testing.assert_allclose(wiener(auto[:129], cross[:129], 4), h, atol=0.02)
    points = np.fft.fft(h, 256)
    np.testing.assert_allclose(wiener(auto, cross, n=256), points, atol=0.05)


def test_the_error_of_a_wiener_filter_is_the_least_that_theory_allows():
    """A first-order process in white noise, whose best filter's error is known in closed form."""
    rng = np.random.default_rng(4)
    pole, noise, taps, late = 0.9, 1.0, 9, 4
    r = pole ** np.arange(taps) / (1 - pole**2)
    p = pole ** np.abs(np.arange(taps) - late) / (1 - pole**2)
    h = np.asarray(wiener_hopf(r, p, ridge=noise))
    y: Any = scipy.signal.lfilter([1], [1, -pole], rng.standard_normal(400_000))
    x = y + np.sqrt(noise) * rng.standard_normal(len(y))
    wrong = np.convolve(x, h)[late : len(y)] - y[: len(y) - late]
    assert np.mean(wrong**2) == pytest.approx(r[0] - p @ h, rel=0.02)


def test_spectra_that_determine_nothing():
    with pytest.warns(IdentifiabilityWarning, match="zero at a frequency"):
        found = wiener([1.0, 0.0, 1.0], [1.0, 0.0, 2.0])
    close(found, [1, 0, 2])
    with pytest.warns(IdentifiabilityWarning, match="1 of 3 combinations"):
        close(wiener_hopf([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]), np.full(3, 1 / 3))


BAD_WIENER: Any = [
    (lambda: wiener_hopf([1.0, 0.5], [1.0]), ValueError, r"^cross: expected as many lags"),
    (lambda: wiener_hopf(1.0, [1.0]), ValueError, r"^auto: expected at least one lag"),
    (lambda: wiener_hopf([], []), ValueError, r"^auto: expected at least one lag"),
    (lambda: wiener_hopf([1.0], [1.0], ridge=-1), ValueError, r"^ridge: expected a finite"),
    (lambda: wiener_hopf("a", [1.0]), TypeError, r"^auto: expected an array of numbers"),
    (lambda: wiener_hopf([np.nan, 0.0], [1.0, 0.0]), ValueError, r"^auto: expected finite"),
    (lambda: wiener([1.0, -1.0], [1.0, 1.0]), ValueError, r"^auto: expected powers of at least 0"),
    (lambda: wiener([1.0, 1j], [1.0, 1.0]), TypeError, r"^auto: expected a real power"),
    (lambda: wiener([1.0], [1.0]), ValueError, r"^auto: expected at least two"),
    (lambda: wiener([1.0, 1.0], [1.0]), ValueError, r"^cross: expected the frequencies of auto"),
    (lambda: wiener([1.0, 1.0, 1.0], [1.0, 1.0, np.inf]), ValueError, r"^cross: expected finite"),
    (lambda: wiener(np.ones(9), np.ones(9), 9), ValueError, r"^num_taps: expected 1 to 8"),
    (lambda: wiener(np.ones(9), np.ones(9), 2, delay=9), ValueError, r"^delay: expected -8 to 8"),
    (lambda: wiener(np.ones(9), np.ones(9), n=10), ValueError, r"^n: expected 9, 16 or 17"),
]


@pytest.mark.parametrize(("call", "error", "words"), BAD_WIENER)
def test_bad_statistics(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert ", got " in str(caught.value)


def columns(run: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The matrix of a linear map that NumPy or SciPy compute."""
    eye = np.eye(int(np.prod(shape)))
    return np.stack([np.ravel(run(column.reshape(shape))) for column in eye], 1)


def tikhonov(a: np.ndarray, y: np.ndarray, ridge: float, b: np.ndarray) -> np.ndarray:
    whole = np.concatenate([a, np.sqrt(ridge) * b])
    return np.linalg.lstsq(whole, np.append(y.ravel(), np.zeros(len(b))), rcond=None)[0]


@pytest.mark.parametrize("penalty", [None, [1.0, -2.0, 1.0]])
@pytest.mark.parametrize("mode", ["same", "full", "valid"])
def test_deconvolution_is_dense_least_squares(mode, penalty):
    rng = np.random.default_rng(5)
    h = np.array([1.0, 2.0, 3.0, 1.0, 0.5])
    a = columns(lambda x: np.convolve(x, h, mode), (30,))
    y = rng.standard_normal(len(a))
    b = np.eye(30)
    if penalty is not None:
        b = columns(lambda x: np.convolve(x, penalty, "valid"), (30,))
    found = deconvolve(y, h, mode=mode, ridge=0.3, penalty=penalty, tolerance=1e-13)
    wanted = tikhonov(a, y, 0.3, b)
    close(found.signal, wanted, 1e-10)
    close(found.residual, y - a @ wanted, 1e-10)
    assert float(found.error) <= 1e-13


def test_deconvolution_of_images_and_rows():
    rng = np.random.default_rng(6)
    h = rng.standard_normal((3, 4))
    # Reflected at the edge: SciPy's boundary 'symm' is NumPy's 'symmetric'.
    a = columns(lambda x: scipy.signal.convolve2d(x, h, "same", boundary="symm"), (7, 8))
    y = rng.standard_normal((2, 7, 8))
    found = deconvolve(y, h, ridge=0.5, boundary="symmetric", tolerance=1e-12).signal
    for each, image in zip(found, y, strict=True):
        close(each.ravel(), tikhonov(a, image, 0.5, np.eye(56)), 1e-9)
    kernels = rng.standard_normal((2, 3))
    rows = rng.standard_normal((2, 20))
    found = deconvolve(rows, kernels, axes=1, ridge=0.5, operation="correlate", tolerance=1e-12)
    for each, k, row in zip(found.signal, kernels, rows, strict=True):
        a = columns(lambda x, k=k: np.correlate(x, k, "same"), (20,))
        close(each, tikhonov(a, row, 0.5, np.eye(20)), 1e-9)


@pytest.mark.parametrize("penalty", [None, [1.0, -2.0, 1.0]])
def test_on_a_circle_one_transform_does_it(penalty):
    rng = np.random.default_rng(7)
    h, y = rng.standard_normal(4), rng.standard_normal(24)

    def circular(x: np.ndarray, h: Any) -> np.ndarray:
        taps = np.zeros(24)
        taps[: len(h)] = h
        return np.array([sum(taps[m] * x[(i - m) % 24] for m in range(24)) for i in range(24)])

    a = columns(lambda x: circular(x, h), (24,))
    b = np.eye(24) if penalty is None else columns(lambda x: circular(x, penalty), (24,))
    wanted = tikhonov(a, y, 0.2, b)
    options: Any = {"mode": "causal", "boundary": "wrap", "ridge": 0.2, "penalty": penalty}
    close(deconvolve(y, h, **options).signal, wanted)
    close(deconvolve(y, h, method="cg", tolerance=1e-13, **options).signal, wanted)
    z = y + 1j * y[::-1]
    found = deconvolve(z, h, **options)
    close(found.signal, wanted + 1j * tikhonov(a, y[::-1], 0.2, b))


@pytest.mark.parametrize("boundary", ["zero", "wrap"])
def test_deconvolution_has_derivatives(boundary):
    rng = np.random.default_rng(8)
    y, dy = rng.standard_normal((2, 12))
    h, dh = rng.standard_normal((2, 3))

    def loss(y: Any, h: Any, ridge: Any) -> Any:
        found = deconvolve(y, h, ridge=ridge, boundary=boundary, tolerance=1e-13)
        return jnp.sum(jnp.sin(found.signal))

    point, way = (y, h, 0.5), (dy, dh, 1.0)
    numeric = slope_along(jax.jit(loss), point, way)
    slopes = jax.jit(jax.grad(loss, (0, 1, 2)))(*point)
    assert sum(float(jnp.sum(s * d)) for s, d in zip(slopes, way, strict=True)) == pytest.approx(
        numeric, rel=1e-7
    )


def test_few_steps_are_enough_and_too_few_are_said():
    rng = np.random.default_rng(9)
    h = np.hanning(11)[1:-1]
    y = np.convolve(rng.standard_normal(5000), h / h.sum(), "same")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        deconvolve(y, h / h.sum(), ridge=1e-3, steps=30)
    with pytest.warns(ConvergenceWarning, match="instead of"):
        deconvolve(y, h / h.sum(), ridge=1e-6, steps=2)


Y, H = np.random.default_rng(10).standard_normal((2, 9))
BAD: Any = [
    ({"y": np.append(Y, np.nan)}, ValueError, r"^y: expected finite values, got nan at index 9"),
    ({"h": [np.inf]}, ValueError, r"^h: expected finite values"),
    ({"y": 1.0}, ValueError, r"^y: expected at least one dimension"),
    ({"h": "a"}, TypeError, r"^h: expected an array of numbers"),
    ({"ridge": -0.1}, ValueError, r"^ridge: expected a finite number of at least 0"),
    ({"mode": "full", "h": np.ones(12)}, ValueError, r"^y: expected at least 12 samples"),
    ({"mode": "most"}, ValueError, r"^mode: expected one of"),
    ({"boundary": 1.0}, ValueError, r"^boundary: expected a name"),
    ({"method": "fft"}, ValueError, r"^method: expected 'cg'"),
    ({"method": "wiener"}, ValueError, r"^method: expected one of 'auto'"),
    ({"steps": 0}, ValueError, r"^steps: expected at least 1, got 0"),
    ({"operation": "x"}, ValueError, r"^operation: expected one of"),
    ({"penalty": np.ones((2, 2))}, ValueError, r"^penalty: expected at most 1 dim"),
]


@pytest.mark.parametrize(("changed", "error", "words"), BAD, ids=lambda v: str(v)[:40])
def test_bad_deconvolutions(changed, error, words):
    given: Any = {"y": Y, "h": H[:3], "ridge": 0.1, **changed}
    with pytest.raises(error, match=words) as caught:
        deconvolve(given.pop("y"), given.pop("h"), **given)
    assert ", got " in str(caught.value)
