"""Recursive layers: what they compute, that they stay stable, and that they can be fitted."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal as scipys

import filtrax
from filtrax import fit, nn

#: Its annotations are of another array type.
signal: Any = scipys

F = np.linspace(0.01, 0.99, 300)


def analog(kind: str, q: float, gain_db: float) -> tuple[list[float], list[float]]:
    """The cookbook's prototypes, which its formulas are the bilinear transforms of."""
    root = 10 ** (gain_db / 40)
    slope = root**0.5 / q
    return {
        "lowpass": ([0, 0, 1], [1, 1 / q, 1]),
        "highpass": ([1, 0, 0], [1, 1 / q, 1]),
        "bandpass": ([0, 1 / q, 0], [1, 1 / q, 1]),
        "notch": ([1, 0, 1], [1, 1 / q, 1]),
        "allpass": ([1, -1 / q, 1], [1, 1 / q, 1]),
        "peaking": ([1, root / q, 1], [1, 1 / (root * q), 1]),
        "lowshelf": ([root, root * slope, root * root], [root, slope, 1]),
        "highshelf": ([root * root, root * slope, root], [1, slope, root]),
    }[kind]


KINDS = ("lowpass", "highpass", "bandpass", "notch", "allpass", "peaking", "lowshelf", "highshelf")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frequency", [0.001, 0.3, 0.9])
def test_cookbook_sections(kind: str, frequency: float) -> None:
    for q, gain in ((0.5, 6.0), (3.0, -9.0)):
        numerator, denominator = analog(kind, q, gain)
        # Leading zeros of a numerator say that it falls off; SciPy warns of them.
        b, a = signal.bilinear(
            np.trim_zeros(numerator, "f"), denominator, 0.5 / np.tan(np.pi * frequency / 2)
        )
        got = filtrax.iir.biquad(kind, frequency, q, gain)
        np.testing.assert_allclose(got, np.concatenate([b, a]), rtol=1e-9, atol=1e-13)
    hertz = filtrax.iir.biquad(kind, frequency * 180, 2.0, fs=360)
    np.testing.assert_allclose(hertz, filtrax.iir.biquad(kind, frequency, 2.0), rtol=1e-12)


def test_cookbook_sections_are_designs_of_scipy() -> None:
    for kind, name in (("low", "lowpass"), ("high", "highpass")):
        expected = np.concatenate(signal.butter(2, 0.2, kind))
        np.testing.assert_allclose(filtrax.iir.biquad(name, 0.2), expected, rtol=1e-12)
    many = filtrax.iir.biquad("peaking", jnp.array([[0.1, 0.2]]), jnp.array([[1.0], [2.0]]), 3.0)
    assert many.shape == (2, 2, 6)
    with pytest.raises(ValueError, match="kind"):
        filtrax.iir.biquad("tilt", 0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_have_derivatives(kind: str) -> None:
    def f(p: Any) -> Any:
        return filtrax.iir.biquad(kind, p[0], p[1], p[2])

    at = np.array([0.2, 1.5, 4.0])
    found = jax.jacfwd(f)(jnp.asarray(at))
    for i, size in enumerate((1e-6, 1e-6, 1e-6)):
        up, down = (np.asarray(f(jnp.asarray(at + s * size * np.eye(3)[i]))) for s in (1, -1))
        np.testing.assert_allclose(found[:, i], (up - down) / (2 * size), atol=1e-8)


def test_frequency_response() -> None:
    sos = signal.ellip(5, 1, 40, 0.3, output="sos")
    _, expected = signal.sosfreqz(sos, F * np.pi)
    np.testing.assert_allclose(filtrax.iir.frequency_response(sos, F), expected, rtol=1e-9)
    shaped = filtrax.iir.frequency_response(sos, 180 * F.reshape(3, 100), fs=360)
    np.testing.assert_allclose(shaped.ravel(), expected, rtol=1e-9)


DESIGNS: dict[str, tuple[tuple[Any, ...], Any]] = {
    "butter": ((5, 0.2), None),
    "cheby1": ((4, 1, [0.2, 0.4], "bandpass"), None),
    "cheby2": ((6, 40, 0.3, "highpass"), None),
    "ellip": ((4, 1, 40, 0.1), None),
    "bessel": ((3, 0.2), None),
    "iirpeak": ((0.2, 5.0), True),
    "iirnotch": ((0.2, 30.0), True),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_a_layer_from_a_design_is_that_design(name: str) -> None:
    args, as_polynomials = DESIGNS[name]
    function = getattr(signal, name)
    sos = signal.tf2sos(*function(*args)) if as_polynomials else function(*args, output="sos")
    layer = nn.SOS.design(name, *args)
    np.testing.assert_allclose(layer.sos, sos, rtol=1e-9, atol=1e-9)
    x = np.random.default_rng(0).standard_normal((2, 300))
    np.testing.assert_allclose(layer(x), signal.sosfilt(sos, x), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        eqx.filter_jit(layer)(x.T, axis=0), signal.sosfilt(sos, x.T, 0), atol=1e-7
    )
    zi = np.zeros((len(sos), 2, 2))
    y, zf = layer(x, zi)
    expected = signal.sosfilt(sos, x, zi=zi)
    np.testing.assert_allclose(y, expected[0], atol=1e-7)
    np.testing.assert_allclose(zf, expected[1], atol=1e-6)
    _, response = signal.sosfreqz(sos, F * np.pi)
    np.testing.assert_allclose(layer.frequency_response(F), response, atol=1e-7)


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("size", [1.0, 10.0, 1e4])
def test_no_parameters_make_a_layer_unstable(size: float, x64: bool) -> None:
    with jax.enable_x64(x64):
        layers = (nn.SOS.design("butter", 8, 0.2), nn.Biquads(KINDS, [0.1] * 8, 2.0, 3.0))
        for layer in layers:
            parameters, rest = eqx.partition(layer, eqx.is_inexact_array)
            for seed in range(20):
                rng = np.random.default_rng(seed)
                noise = jax.tree.map(
                    lambda p, r=rng: jnp.asarray(r.normal(0, size, p.shape), p.dtype), parameters
                )
                # A gain of 1e4 dB is no number in float32; the sections' poles are the point.
                if isinstance(noise, nn.Biquads):
                    noise = eqx.tree_at(lambda b: b.gain_db, noise, noise.gain_db / size)
                    noise = eqx.tree_at(lambda b: b.log_q, noise, jnp.clip(noise.log_q, -20, 20))
                moved = eqx.combine(noise, rest)
                sos = np.asarray(moved.sos, float)
                assert (np.abs(sos[:, 5]) < 1).all()
                assert (np.abs(sos[:, 4]) < 1 + sos[:, 5]).all()


def test_what_a_layer_refuses() -> None:
    for call, message in (
        (lambda: nn.SOS(np.ones((2, 5))), "sos: .*shape"),
        (lambda: nn.SOS([[1, 0, 0, 1, 0, 1.0]]), "sos: .*unit circle"),
        (lambda: nn.SOS.design("firwin", 3), "name"),
        (lambda: nn.Biquads(["tilt"], [0.1]), "kinds"),
        (lambda: nn.Biquads([], []), "kinds"),
        (lambda: nn.Biquads(["notch"], [1.0]), "frequency"),
        (lambda: nn.Biquads(["notch"], [0.5], 0.0), "q: "),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_known_system_is_recovered_from_its_input_and_output() -> None:
    sos = signal.cheby1(4, 1, 0.25, output="sos")
    x = np.random.default_rng(0).standard_normal((2, 800))
    y = signal.sosfilt(sos, x)
    fitted = fit.fit(
        nn.SOS.design("butter", 4, 0.3), x, y, optimizer="gauss-newton", steps=50, progress=False
    )
    found, errors = fitted.model, fitted.losses
    assert fitted.best < 1e-20 * np.mean(y**2)
    assert (np.diff(errors) <= 0).all()
    _, expected = signal.sosfreqz(sos, F * np.pi)
    np.testing.assert_allclose(found.frequency_response(F), expected, atol=1e-8)
    assert (np.abs(found.poles()) < 1).all()


def test_settings_are_found_from_a_response() -> None:
    wanted = nn.Biquads(["lowshelf", "peaking"], [0.05, 0.4], [0.8, 3.0], [5.0, -8.0])
    target = np.abs(signal.sosfreqz(np.asarray(wanted.sos), F * np.pi)[1])
    start = nn.Biquads(["lowshelf", "peaking"], [0.08, 0.35], 1.0, [3.0, -5.0])
    fitted = fit.fit_response(start, F, target, scale="db")
    found = fitted.model
    assert fitted.best < 1e-16
    np.testing.assert_allclose(found.frequency, wanted.frequency, rtol=1e-6)
    np.testing.assert_allclose(found.gain_db, wanted.gain_db, rtol=1e-6)
    complex_target = signal.sosfreqz(signal.butter(2, 0.3, output="sos"), F * np.pi)[1]
    assert fit.fit_response(nn.SOS.design("butter", 2, 0.5), F, complex_target).best < 1e-20


def test_a_layer_learns_by_gradients_too() -> None:
    layer = nn.SOS.design("butter", 4, 0.3)
    x = jnp.asarray(np.random.default_rng(0).standard_normal(400))
    y = jnp.asarray(signal.sosfilt(signal.butter(4, 0.25, output="sos"), x))

    @eqx.filter_value_and_grad
    def loss(layer: nn.SOS) -> jax.Array:
        return jnp.mean((layer(x) - y) ** 2)

    before, gradient = eqx.filter_jit(loss)(layer)
    moved = eqx.apply_updates(layer, jax.tree.map(lambda g: -1e-4 * g, gradient))
    after, _ = eqx.filter_jit(loss)(moved)
    assert after < before


def test_the_picture_shows_all_three() -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    figure = nn.SOS.design("ellip", 4, 1, 40, 0.1, fs=360).plot(points=64)
    labels = [axes.get_xlabel() for axes in figure.axes]
    assert labels == ["frequency", "frequency", "real part"]
    drawn = figure.axes[2].lines[2].get_xydata()
    expected = signal.tf2zpk(*signal.ellip(4, 1, 40, 0.1, fs=360))[1]
    np.testing.assert_allclose(np.sort(drawn[:, 0]), np.sort(expected.real), atol=1e-6)
