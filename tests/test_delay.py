"""Delays of known shifts, against closed forms, and their derivatives against differences."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax

RNG = np.random.default_rng(3)


def late(y: np.ndarray, delay: float) -> np.ndarray:
    """A band-limited copy, ``delay`` samples later, of a signal with silence around it."""
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(y.size) * delay)
    return np.fft.irfft(np.fft.rfft(y) * turns, y.size)


def burst(n: int = 256, width: float = 0.08) -> np.ndarray:
    """Noise of a limited band, faded in and out within the middle."""
    spectrum = np.fft.rfft(RNG.normal(size=n))
    spectrum *= np.exp(-0.5 * ((np.fft.rfftfreq(n) - 0.15) / width) ** 2)
    t = np.arange(n) - n / 2
    return np.fft.irfft(spectrum, n) * np.exp(-0.5 * (t / (n / 16)) ** 2)


@pytest.mark.parametrize("weighting", ["phat", "none"])
@pytest.mark.parametrize("subsample", ["fourier", "parabola", "none"])
def test_whole_shifts(weighting: str, subsample: str) -> None:
    y = RNG.normal(size=60)
    for delay in (-20, 0, 7):
        x = np.zeros(90)
        first = max(delay, 0)
        x[first : 60 + delay] = y[first - delay :]
        got = filtrax.estimate_delay(x, y, weighting=weighting, subsample=subsample)
        assert abs(float(got) - delay) < {"none": 1e-12}.get(subsample, 0.12)
        # Exchanged, the other is early.
        back = filtrax.estimate_delay(y, x, weighting=weighting, subsample=subsample)
        np.testing.assert_allclose(back, -got, atol=1e-6)


def test_fractions_of_a_sample() -> None:
    y = burst()
    worst = {"fourier": 0.0, "parabola": 0.0}
    for delay in (-30.5, -3.25, 0.1, 0.49, 12.75):
        x = late(y, delay)
        for subsample in ("fourier", "parabola"):
            got = filtrax.estimate_delay(x, y, weighting="none", subsample=subsample)
            worst[subsample] = max(worst[subsample], abs(float(got) - delay))
    assert worst["fourier"] < 1e-5
    assert worst["parabola"] < 0.05


def test_the_bias_of_the_parabola_on_a_whitened_peak_is_as_documented() -> None:
    # White noise, shifted as a whole: the peak is a sinc, of which a parabola knows the summit
    # to 0.107 samples at a quarter of a sample. The other way is exact but for the ends.
    y = np.pad(RNG.normal(size=4096), 64)
    x = late(y, 0.25)
    parabola = float(filtrax.estimate_delay(x, y, subsample="parabola"))
    fourier = float(filtrax.estimate_delay(x, y))
    assert 0.08 < abs(parabola - 0.25) < 0.115
    assert abs(fourier - 0.25) < 0.01


def test_phase_finds_what_a_resonance_hides() -> None:
    # Both channels ring at one frequency, so the plain correlation has many peaks of one height.
    t = np.arange(2000)
    y = RNG.normal(size=2000) + 8 * np.sin(0.3 * t)
    x = np.concatenate([np.zeros(37), y])[:2000] + 0.3 * RNG.normal(size=2000)
    assert abs(float(filtrax.estimate_delay(x, y)) - 37) < 0.1


def test_images() -> None:
    image = RNG.normal(size=(48, 40))
    moved = np.zeros((48, 40))
    moved[5:, :-3] = image[:-5, 3:]
    got = filtrax.estimate_delay(moved, image, axes=(0, 1))
    np.testing.assert_allclose(got, [5, -3], atol=0.05)
    turned = filtrax.estimate_delay(moved, image, axes=(1, 0), weighting="none", subsample="none")
    np.testing.assert_array_equal(turned, [-3, 5])


def test_rows_broadcast() -> None:
    y = RNG.normal(size=50)
    delays = np.array([[0, 3], [-4, 11]])
    x = np.stack([[np.roll(np.pad(y, 20), d) for d in row] for row in delays])
    got = filtrax.estimate_delay(x, np.pad(y, 20))
    assert got.shape == (2, 2)
    np.testing.assert_allclose(got, delays, atol=0.05)
    columns = filtrax.estimate_delay(np.moveaxis(x, -1, 0), np.pad(y, 20), axes=0)
    np.testing.assert_allclose(columns, got, atol=1e-9)
    one = filtrax.estimate_delay(x, np.pad(y, 20)[None, None], axes=[-1])
    np.testing.assert_allclose(one[..., 0], got, atol=1e-9)
    mapped = jax.vmap(jax.vmap(filtrax.estimate_delay, (0, None)), (0, None))
    np.testing.assert_allclose(mapped(x, np.pad(y, 20)), got, atol=1e-9)
    assert filtrax.estimate_delay(x[:0], y).shape == (0, 2)
    assert filtrax.estimate_delay(x[:, :0], y[None, None], axes=[-1]).shape == (2, 0, 1)


def test_only_the_lags_asked_for() -> None:
    y = RNG.normal(size=80)
    x = np.pad(y, (0, 60)) + 2 * np.pad(y, (40, 20))
    assert abs(float(filtrax.estimate_delay(x, y)) - 40) < 0.1
    assert abs(float(filtrax.estimate_delay(x, y, max_lag=20))) < 0.1
    assert filtrax.estimate_delay(x, y, max_lag=0, subsample="none") == 0


@pytest.mark.parametrize("weighting", ["phat", "none"])
@pytest.mark.parametrize("subsample", ["fourier", "parabola"])
def test_the_derivative_is_that_of_the_summit(weighting: str, subsample: str) -> None:
    y = burst(64, 0.3)
    x = late(y, 2.3) + 0.02 * RNG.normal(size=64)

    @jax.jit
    def delay(x: Any, y: Any) -> Any:
        return filtrax.estimate_delay(x, y, weighting=weighting, subsample=subsample)

    slopes = jax.grad(delay, (0, 1))(x, y)
    direction = RNG.normal(size=(2, 64))
    rise = [delay(x + s * direction[0], y + s * direction[1]) for s in (1e-6, -1e-6)]
    expected = float(rise[0] - rise[1]) / 2e-6
    got = float(sum(np.vdot(d, slope) for d, slope in zip(direction, slopes, strict=True)))
    assert abs(got - expected) < 1e-5 * max(1, abs(expected))


def test_the_derivative_by_a_true_delay_is_one() -> None:
    y = jnp.asarray(burst())
    turns = 2 * np.pi * np.fft.rfftfreq(256)

    def estimate(delay: Any) -> Any:
        angle = -turns * delay
        x = jnp.fft.irfft(jnp.fft.rfft(y) * jax.lax.complex(jnp.cos(angle), jnp.sin(angle)), 256)
        return filtrax.estimate_delay(x, y, weighting="none")

    value, slope = jax.value_and_grad(estimate)(4.3)
    assert abs(float(value) - 4.3) < 1e-5
    assert abs(float(slope) - 1) < 1e-4


def test_signals_without_variance_and_with_nan() -> None:
    y = RNG.normal(size=20)
    for x in (np.zeros(20), np.full(20, 3.5)):
        value, slope = jax.value_and_grad(filtrax.estimate_delay)(jnp.asarray(x), y)
        assert value == 0
        assert np.isfinite(slope).all()
    x = y.copy()
    x[3] = np.nan
    assert np.isnan(filtrax.estimate_delay(x, y))
    assert filtrax.estimate_delay([2.0], [3.0]) == 0


def test_long_signals_in_float32_and_other_dtypes() -> None:
    y = RNG.normal(size=100_000).astype(np.float32)
    x = np.concatenate([np.zeros(54_321, np.float32), y])
    got = filtrax.estimate_delay(x, y)
    assert got.dtype == jnp.float32
    assert abs(float(got) - 54_321) < 0.01
    assert filtrax.estimate_delay(np.arange(9) ** 2, np.arange(9) ** 2).dtype == jnp.float64
    z: Any = burst() * np.exp(0.7j)
    shifted = np.roll(z, 9) * np.exp(0.4j)  # A turn of phase is no delay.
    # The means that are removed stay where they are, and pull a little.
    assert abs(float(filtrax.estimate_delay(shifted, z, weighting="none")) - 9) < 1e-4
