"""Rounding, overflow and NaN in recursive filters, against SciPy in extended precision."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal as scipys

import filtrax

#: Its annotations are of another array type.
signal: Any = scipys

SAMPLES = 20_000


def biquad(radius: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    poles = radius * np.exp([1j * angle, -1j * angle])
    return np.array([1.0, 0.3, 0.1]), np.poly(poles).real


def band(order: int, kind: str, edge: Any, btype: str = "low") -> np.ndarray:
    ripples = {"butter": (), "cheby1": (1,), "ellip": (0.5, 60)}[kind]
    return getattr(signal, kind)(order, *ripples, edge, btype, output="sos")


#: Coefficients, and an angle where it hurts.
FILTERS: dict[str, tuple[tuple[np.ndarray, ...], float]] = {
    "biquad .9999 1": (biquad(0.9999, 1.0), 1.0),
    "biquad .99999 .01": (biquad(0.99999, 0.01), 0.01),
    "biquad .99999 1": (biquad(0.99999, 1.0), 1.0),
    "biquad .999 .001": (biquad(0.999, 0.001), 0.001),
    "butter8": ((band(8, "butter", 0.001),), 0.003),
    "butter8 high": ((band(8, "butter", 0.001, "high"),), 0.003),
    "butter16": ((band(16, "butter", 0.1),), 0.3),
    "cheby8": ((band(8, "cheby1", 0.001),), 0.003),
    "cheby16": ((band(16, "cheby1", 0.01),), 0.03),
    "ellip8": ((band(8, "ellip", 0.001),), 0.003),
    "ellip16": ((band(16, "ellip", 0.01),), 0.03),
    "stop": ((band(4, "butter", [0.1, 0.11], "bandstop"),), 0.33),
    "pass": ((band(4, "butter", [0.1, 0.101], "bandpass"),), 0.315),
    # As one fraction. Rounded to float32 the lower ones are other filters, and unstable.
    "fraction 2": (signal.butter(2, 4.5e-5), 1e-4),
    "fraction 4": (signal.butter(4, 0.001), 0.003),
    "fraction 6": (signal.butter(6, 0.01), 0.03),
    "fraction 6, ellip": (signal.ellip(6, 1, 60, 0.1), 0.3),
    "fraction 12": (signal.butter(12, 0.3), 0.9),
}
ONLY_FLOAT64 = ("fraction 4", "fraction 6")


def inputs(angle: float) -> np.ndarray:
    """White noise, a sine at the edge, a constant, and an impulse of 1e6 with noise."""
    rng = np.random.default_rng(0)
    n = np.arange(SAMPLES)
    impulse = rng.standard_normal(SAMPLES)
    impulse[100] = 1e6
    return np.stack([rng.standard_normal(SAMPLES), np.sin(angle * n), np.ones(SAMPLES), impulse])


def error(y: Any, exact: np.ndarray) -> float:
    wrong = np.asarray(y).astype(exact.dtype) - exact
    return float(np.sqrt((wrong**2).mean(-1) / (exact**2).mean(-1)).max())


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, np.float64) for name in FILTERS),
     *((name, np.float32) for name in FILTERS if name not in ONLY_FLOAT64)],
)  # fmt: skip
def test_accuracy_is_that_of_scipys_loop_or_better(name: str, dtype: Any, traced: bool) -> None:
    coefficients, angle = FILTERS[name]
    # float32 samples in both, and coefficients of the dtype: only the arithmetic differs.
    x = inputs(angle).astype(np.float32).astype(dtype)
    coefficients = tuple(each.astype(dtype) for each in coefficients)
    is_cascade = len(coefficients) == 1
    peer: Callable[..., Any] = signal.sosfilt if is_cascade else signal.lfilter
    ours: Callable[..., Any] = filtrax.sosfilt if is_cascade else filtrax.lfilter
    exact = peer(*(each.astype(np.longdouble) for each in (*coefficients, x)))
    with jax.enable_x64(dtype is np.float64):
        got = (jax.jit(ours) if traced else ours)(*coefficients, x)
        got = np.asarray(got)
    theirs = error(peer(*coefficients, x), exact)
    allowed = max(3 * theirs, 1e-6) if dtype is np.float32 else 2 * theirs
    assert error(got, exact) <= allowed


def both_ways(coefficients: tuple[np.ndarray, ...], x: np.ndarray, edge: int) -> np.ndarray:
    """Forward and backward as a user would write it, in the dtype of the operands."""
    forward: Callable[..., Any] = signal.sosfilt if len(coefficients) == 1 else signal.lfilter
    sides = np.split(coefficients[0], 2, -1) if len(coefficients) == 1 else coefficients
    gain = np.prod(sides[0].sum(-1) / sides[1].sum(-1))
    left, right = 2 * x[:, :1] - x[:, edge:0:-1], 2 * x[:, -1:] - x[:, -2 : -edge - 2 : -1]
    y = np.concatenate([left, x, right], -1)
    for _ in range(2):
        # What it differs by from a constant, which only meets the gain.
        y = (forward(*coefficients, y - y[:, :1]) + gain * y[:, :1])[:, ::-1]
    return y[:, edge:-edge]


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, np.float64) for name in FILTERS),
     # Rounded to float32, the low one has a pole at z = 1.
     *((name, np.float32) for name in FILTERS if name not in (*ONLY_FLOAT64, "fraction 2"))],
)  # fmt: skip
def test_both_ways_are_as_accurate_as_scipys_or_better(name: str, dtype: Any, traced: bool) -> None:
    coefficients, angle = FILTERS[name]
    # On a level, which a high-pass must take away.
    x = (inputs(angle)[[0, 1, 3]] + 100).astype(np.float32).astype(dtype)
    coefficients = tuple(each.astype(dtype) for each in coefficients)
    is_cascade = len(coefficients) == 1
    peer: Callable[..., Any] = signal.sosfiltfilt if is_cascade else signal.filtfilt
    ours: Callable[..., Any] = filtrax.sosfiltfilt if is_cascade else filtrax.filtfilt
    run = partial(ours, padlen=50)
    wide, *polynomials = [each.astype(np.longdouble) for each in (x, *coefficients)]
    exact = both_ways(tuple(polynomials), wide, 50)
    with jax.enable_x64(dtype is np.float64):
        got = np.asarray((jax.jit(run) if traced else run)(*coefficients, x))
    theirs = error(peer(*coefficients, x, padlen=50), exact)
    allowed = max(3 * theirs, 1e-6) if dtype is np.float32 else 2 * theirs
    assert error(got, exact) <= allowed


@pytest.mark.parametrize("radius", [1.0, 1.01, 1.3, 2.5, 40.0, 1e5])
@pytest.mark.parametrize("traced", [False, True])
def test_unstable_filters_grow_as_scipys(radius: float, traced: bool) -> None:
    b, a = biquad(radius, 0.7)
    b, a = b.astype(np.float32), a.astype(np.float32)
    x = np.random.default_rng(0).standard_normal((3, 12_000)).astype(np.float32)
    x[2] = 0
    run = jax.jit(filtrax.lfilter) if traced else filtrax.lfilter
    with jax.enable_x64(False):
        got = np.asarray(run(b, a, x))
    with np.errstate(all="ignore"):
        expected = signal.lfilter(b, a, x)
        exact = signal.lfilter(*(each.astype(np.longdouble) for each in (b, a, x)))
    assert got[2].any() == expected[2].any()
    for row in range(2):
        finite = np.isfinite(expected[row])
        first = finite.argmin() if not finite.all() else finite.size
        np.testing.assert_array_equal(np.isfinite(got[row]), finite)
        wrong = np.abs(got[row, :first] - exact[row, :first])
        theirs = np.abs(expected[row, :first] - exact[row, :first])
        # Relative to the growth so far, or each would be judged by its first samples.
        scale = np.maximum.accumulate(np.abs(exact[row, :first]))
        assert (wrong / scale).max() <= max(3 * (theirs / scale).max(), 1e-6)


@pytest.mark.parametrize("radius", [1.0, 1.2])
@pytest.mark.parametrize("traced", [False, True])
def test_unstable_cascades_grow_as_scipys(radius: float, traced: bool) -> None:
    sections = [np.concatenate(biquad(r, 0.7)) for r in (0.9, radius)]
    sos = np.stack(sections).astype(np.float32)
    x = np.random.default_rng(0).standard_normal((2, 1500)).astype(np.float32)
    run = partial(filtrax.sosfilt, method="block")
    with jax.enable_x64(False):
        got = np.asarray((jax.jit(run) if traced else run)(sos, x))
    with np.errstate(all="ignore"):
        expected = signal.sosfilt(sos, x)
        exact = signal.sosfilt(sos.astype(np.longdouble), x.astype(np.longdouble))
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(got), finite)
    scale = np.maximum.accumulate(np.abs(exact), -1)
    wrong, theirs = (
        (np.abs(np.where(finite, each, 0) - np.where(finite, exact, 0)) / scale).max()
        for each in (got, expected)
    )
    assert wrong <= max(3 * theirs, 1e-6)


TRACED_CASCADE = jax.jit(partial(filtrax.sosfilt, method="block"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", [0, 63, 64, 100, 700, 999])
def test_a_sample_that_is_no_number_spoils_nothing_before_it(value: float, where: int) -> None:
    b, a = signal.butter(3, 0.2)
    sos = signal.butter(5, 0.2, output="sos")
    x = np.random.default_rng(0).standard_normal((2, 1000))
    x[1, where] = value
    with np.errstate(all="ignore"):
        for got, expected in (
            (filtrax.lfilter(b, a, x, method="block"), signal.lfilter(b, a, x)),
            (filtrax.lfilter(b, a, x, method="scan"), signal.lfilter(b, a, x)),
            (filtrax.sosfilt(sos, x, method="block"), signal.sosfilt(sos, x)),
            (TRACED_CASCADE(sos, x), signal.sosfilt(sos, x)),
        ):
            np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected))
            finite = np.isfinite(expected)
            np.testing.assert_allclose(np.asarray(got)[finite], expected[finite], atol=1e-12)


def test_a_gradient_meets_nan_only_where_time_carries_it() -> None:
    # Backwards in time: a cotangent that is no number spoils the samples before it, none after.
    b, a = signal.butter(2, 0.2)
    ct = np.ones(500)
    ct[200] = np.nan
    run = partial(filtrax.lfilter, b, a, method="block")
    (got,) = jax.vjp(run, jnp.zeros(500))[1](jnp.asarray(ct))
    assert np.isnan(got[:201]).all()
    assert np.isfinite(got[201:]).all()


def test_coefficients_that_are_no_numbers() -> None:
    x = np.ones(300)
    for bad in (np.nan, np.inf):
        for method in ("block", "scan"):
            run = partial(filtrax.lfilter, x=x, method=method)
            assert not np.isfinite(run([1.0, bad], [1.0, 0.5])[1:]).any()
        assert not np.isfinite(filtrax.lfilter([1.0], [1.0, 0.5, bad], x)[2:]).any()


def test_a_design_of_double_precision_serves_float32_signals() -> None:
    # Rounded to float32 these polynomials are other filters, unstable ones.
    b, a = signal.butter(6, 0.01)
    x = np.random.default_rng(0).standard_normal(5000).astype(np.float32)
    expected = signal.lfilter(b, a, x.astype(float))
    with jax.enable_x64(False):
        got = np.asarray(filtrax.lfilter(b, a, x))
        both = np.asarray(filtrax.filtfilt(b, a, x))
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() <= 2e-6 * np.abs(expected).max()
    twice = signal.filtfilt(b, a, x.astype(float))
    assert np.abs(both - twice).max() <= 1e-5 * np.abs(twice).max()


def gradient(sos: np.ndarray, x: np.ndarray, ct: np.ndarray) -> np.ndarray:
    """By the sections: each coefficient's share of the output, one section changed at a time."""
    y, found = signal.sosfilt(sos, x), np.zeros(sos.shape, x.dtype)
    for s, section in enumerate(sos):
        without = sos.copy()
        without[s, :3] = 1, 0, 0
        pairs = ((signal.sosfilt(without, x), 1), (signal.lfilter([1], section[3:], y), -1))
        for half, (share, sign) in enumerate(pairs):
            for k in range(3):
                late = ct[..., k:] * share[..., : ct.shape[-1] - k]
                found[s, 3 * half + k] = sign * late.sum()
    return found


GRADIENTS: dict[str, tuple[np.ndarray, type]] = {
    "biquad .9999 1": (np.concatenate(biquad(0.9999, 1.0))[None], np.float32),
    "butter8": (band(8, "butter", 0.1), np.float32),
    "ellip8": (band(8, "ellip", 0.1), np.float32),
    "cheby8 high": (band(8, "cheby1", 0.05, "high"), np.float32),
    "butter4": (band(4, "butter", 0.1), np.float64),
    # Its tables are no numbers: the gradient goes sample by sample.
    "unstable": (np.stack([np.concatenate(biquad(r, 0.7)) for r in (0.9, 1.001)]), np.float32),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_by_all_sections_keep_their_digits(name: str) -> None:
    sos, dtype = GRADIENTS[name]
    x, ct = np.random.default_rng(0).standard_normal((2, 2, 3001)).astype(dtype)
    sos = sos.astype(dtype)
    wanted = gradient(*(each.astype(np.longdouble) for each in (sos, x, ct)))
    with jax.enable_x64(dtype is np.float64):
        found = jax.jit(lambda s: jax.vjp(lambda s: TRACED_CASCADE(s, x), s)[1](ct)[0])(sos)
        found = np.asarray(found, float)
    # A section's three coefficients of a side act alike; of different sections they may not.
    wrong, size = (np.abs(each).reshape(-1, 3).max(-1) for each in (found - wanted, wanted))
    assert (wrong <= (1e-5 if dtype is np.float32 else 1e-11) * size).all()
