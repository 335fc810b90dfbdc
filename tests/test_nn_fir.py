"""Layers of sliding kernels: what they compute, what they say of themselves, what they refuse."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pytest
from scipy import signal as scipys

from filtrax import nn as layers

mpl.use("Agg")
#: Its annotations are of another array type.
signal: Any = scipys
#: Wrong arguments are given on purpose.
nn: Any = layers
RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4, 40))
FIVE = RNG.standard_normal(5)


def test_a_layer_computes_what_the_operation_does() -> None:
    layer = nn.FIR(FIVE)
    expected = np.stack([[np.convolve(row, FIVE, "same") for row in rows] for rows in X])
    np.testing.assert_allclose(layer(X), expected, atol=1e-12)
    np.testing.assert_allclose(eqx.filter_jit(layer)(X), expected, atol=1e-12)
    np.testing.assert_allclose(jax.vmap(layer)(jnp.asarray(X)), expected, atol=1e-12)
    layer = nn.FIR(FIVE, operation="correlate", mode="valid", boundary="wrap")
    np.testing.assert_allclose(layer(X[0, 0]), np.correlate(X[0, 0], FIVE, "valid"), atol=1e-12)


def test_several_axes_and_a_kernel_per_row() -> None:
    square = RNG.standard_normal((3, 5))
    expected = np.stack([signal.convolve2d(image, square, "same") for image in X])
    np.testing.assert_allclose(nn.FIR(square)(X), expected, atol=1e-12)
    rows = RNG.standard_normal((4, 5))
    layer = nn.FIR(rows, axes=-1, mode="causal")
    expected = np.stack(
        [[signal.lfilter(h, 1, row) for h, row in zip(rows, image, strict=True)] for image in X]
    )
    np.testing.assert_allclose(layer(X), expected, atol=1e-12)
    columns = nn.FIR(rows.T, axes=-2, mode="causal")
    np.testing.assert_allclose(
        columns(X.swapaxes(1, 2)), expected.swapaxes(1, 2), atol=1e-12
    )  # fmt: skip
    np.testing.assert_allclose(columns.frequency_response(9), layer.frequency_response(9))


def test_a_bank_meets_each_signal_with_each_kernel() -> None:
    kernels = RNG.standard_normal((6, 5))
    expected = np.stack([[[np.convolve(r, h, "full") for h in kernels] for r in i] for i in X])
    bank = nn.FilterBank(kernels, mode="full")
    np.testing.assert_allclose(bank(X), expected, atol=1e-12)
    np.testing.assert_allclose(bank(X[0, 0]), expected[0, 0], atol=1e-12)
    squares = RNG.standard_normal((2, 3, 5))
    expected = np.stack([[signal.correlate2d(i, h, "same") for h in squares] for i in X])
    # SciPy's centre of an odd kernel is ours.
    np.testing.assert_allclose(
        nn.FilterBank(squares, operation="correlate")(X), expected, atol=1e-12
    )


@pytest.mark.parametrize("terms", [1, 3])
def test_separable_is_its_full_kernel(terms: int) -> None:
    factors = [RNG.standard_normal((terms, n)) for n in (3, 5)]
    full = np.einsum("ti,tj->ij", *factors)
    layer = nn.Separable(factors if terms > 1 else [f[0] for f in factors])
    np.testing.assert_allclose(layer.taps, full, atol=1e-12)
    expected = np.stack([signal.convolve2d(image, full, "same") for image in X])
    np.testing.assert_allclose(layer(X), expected, atol=1e-12)
    cube = nn.Separable([RNG.standard_normal(n) for n in (2, 3, 4)], mode="valid")
    np.testing.assert_allclose(
        cube(X), signal.convolve(X, np.asarray(cube.taps), "valid"), atol=1e-12
    )
    assert cube.cost == (9, 24)


def test_the_response_is_what_happens_to_a_sinusoid() -> None:
    n, i = 60, 30
    cases = [
        (mode, *each)
        for mode in ("same", "full", "causal", "valid", (3, -1))
        for each in ((4, "convolve"), (5, "correlate"))
    ]
    # An even kernel has another centre when it is not reversed.
    for mode, k, operation in [*cases, ("same", 4, "correlate"), ("same", 5, "convolve")]:
        h = RNG.standard_normal(k) + 1j * RNG.standard_normal(k)
        layer = nn.FIR(h, operation=operation, mode=mode, fs=100.0)
        f = np.array([3.0, 17.0, 49.0])
        x = np.exp(2j * np.pi * np.outer(f, np.arange(n)) / 100)
        np.testing.assert_allclose(
            layer.frequency_response(f), layer(x)[:, i] / x[:, i], atol=1e-12
        )
    _, expected = signal.freqz(FIVE, worN=64)
    causal = nn.FIR(FIVE, mode="causal")
    np.testing.assert_allclose(causal.frequency_response(64), expected, atol=1e-12)
    _, delay = signal.group_delay((FIVE, 1), w=64)
    np.testing.assert_allclose(causal.group_delay(64), delay, atol=1e-8)
    sos = nn.SOS.design("cheby1", 2, 1.0, 0.3)
    _, delay = signal.group_delay(signal.cheby1(2, 1.0, 0.3), w=64)
    np.testing.assert_allclose(sos.group_delay(64), delay, atol=1e-6)
    assert np.isnan(nn.FIR([1.0, 1.0]).group_delay([1.0]))


def test_the_response_of_several_kernels_and_axes() -> None:
    square = RNG.standard_normal((3, 5))
    f, g = np.array([0.1, 0.7]), np.array([-0.3, 0.2, 0.9])
    got = nn.FIR(square, mode="full").frequency_response((f, g))
    waves = [np.exp(-1j * np.pi * np.outer(p, np.arange(n))) for p, n in ((f, 3), (g, 5))]
    np.testing.assert_allclose(got, waves[0] @ square @ waves[1].T, atol=1e-12)
    factors = [RNG.standard_normal(3), RNG.standard_normal(5)]
    np.testing.assert_allclose(
        nn.Separable(factors).frequency_response((f, g)),
        nn.FIR(np.outer(*factors)).frequency_response((f, g)), atol=1e-12,
    )  # fmt: skip
    bank = nn.FilterBank([FIVE, 2 * FIVE], mode="full")
    _, expected = signal.freqz(FIVE, worN=16)
    np.testing.assert_allclose(bank.frequency_response(16), [expected, 2 * expected], atol=1e-12)


def test_gradients_reach_the_leaf() -> None:
    layer, x = nn.FIR(FIVE), jnp.asarray(X[0])

    def loss(layer: layers.FIR) -> jax.Array:
        return jnp.mean(layer(x) ** 2)

    slope = eqx.filter_grad(loss)(layer)
    assert isinstance(slope.kernel, jax.Array)
    for i, step in enumerate(1e-6 * np.eye(5)):
        up, down = (float(loss(nn.FIR(FIVE + s * step))) for s in (1, -1))
        np.testing.assert_allclose(slope.kernel[i], (up - down) / 2e-6, rtol=1e-6)
    moved = eqx.tree_at(lambda m: m.kernel, layer, jnp.zeros(5))
    assert not np.any(moved(x))


def test_a_model_is_saved_and_read_again(tmp_path) -> None:
    def model(scale: float) -> eqx.nn.Sequential:
        kernel = nn.Constrained(scale * np.array([0.2, 0.5, 0.9]), nn.Symmetric())
        return eqx.nn.Sequential(
            [
                nn.FIR(kernel),
                nn.FilterBank(scale * np.ones((2, 3))),
                nn.SOS.design("butter", 2, 0.2),
            ]
        )

    wanted, other, x = model(2.0), model(0.5), jnp.asarray(X)
    eqx.tree_serialise_leaves(tmp_path / "model.eqx", wanted)
    read = eqx.tree_deserialise_leaves(tmp_path / "model.eqx", other)
    np.testing.assert_array_equal(read(x), wanted(x))
    assert np.any(np.asarray(other(x)) != np.asarray(wanted(x)))


def test_layers_print_what_they_are() -> None:
    row = nn.Constrained(np.ones((4, 3)), nn.NonNegative(), nn.UnitSum(), ndim=1)
    shown = {
        "FIR(5 taps, convolve, mode='same', boundary='zero')": nn.FIR(FIVE),
        "FIR(3x5 taps, correlate, mode='valid', boundary='wrap')": nn.FIR(
            np.ones((3, 5)), operation="correlate", mode="valid", boundary="wrap"
        ),
        "FIR(4 kernels of 3 taps, NonNegative(), UnitSum(), convolve, mode=(1, 1), boundary=0.5)": (
            nn.FIR(row, axes=-1, mode=(1, 1), boundary=0.5)
        ),
        "FilterBank(4 kernels of 3 taps, NonNegative(), UnitSum(), convolve, mode='same', "
        "boundary='zero')": nn.FilterBank(row),
        "Separable(2 terms of 3x5 taps, convolve, mode='same', boundary='zero')": nn.Separable(
            [np.ones((2, 3)), np.ones((2, 5))]
        ),
    }
    for text, layer in shown.items():
        assert repr(layer) == text
    assert "layers=(FIR(5 taps," in repr(eqx.nn.Sequential([nn.FIR(FIVE)]))


def test_kernels_to_start_from() -> None:
    x = jnp.asarray(X[0])
    for k in (4, 5):
        np.testing.assert_array_equal(nn.FIR(nn.init.delta(k))(x), x)
        centre = nn.init.delta(k, k // 2)
        np.testing.assert_array_equal(nn.FIR(centre, operation="correlate")(x), x)
        np.testing.assert_array_equal(nn.FIR(nn.init.delta(k, 0), mode="causal")(x), x)
    np.testing.assert_array_equal(nn.FIR(nn.init.delta((3, 4)))(x), x)
    for name, arguments, function in (
        ("firwin", (31, 0.2), signal.firwin),
        ("remez", (31, [0, 0.2, 0.3, 0.5], [1, 0]), signal.remez),
        ("savgol", (7, 2), signal.savgol_coeffs),
    ):
        np.testing.assert_allclose(nn.init.design(name, *arguments), function(*arguments))
    taps = nn.init.random(jax.random.key(0), (400, 100))
    assert abs(float(jnp.var(taps)) - 0.01) < 2e-4
    assert nn.FIR([1, 2, 1]).kernel.dtype == float
    half = nn.FIR(np.ones(3, np.float32))
    assert half.kernel.dtype == np.float32
    assert half.frequency_response(np.array([0.1], np.float32)).dtype == np.complex64


def test_pictures() -> None:
    figure = nn.FIR(nn.init.design("firwin", 31, 0.2), fs=100.0).plot(points=64)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "value", "magnitude (dB)", "phase (rad)", "group delay (samples)",
    ]  # fmt: skip
    _, gain = signal.freqz(signal.firwin(31, 0.2), 1, np.linspace(0, np.pi, 64))
    drawn = figure.axes[1].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, 20 * np.log10(np.abs(gain)), atol=1e-6)
    np.testing.assert_allclose(np.nanmax(np.abs(figure.axes[3].lines[0].get_ydata())), 0, atol=1e-6)
    assert len(nn.FilterBank(np.eye(3)).plot(points=16).axes[1].lines) == 3
    assert figure.axes[1].get_xlim()[1] > 50
    assert len(nn.FIR(np.outer([1.0, 2, 1], [1.0, 0, -1])).plot(points=16).axes) == 4
    assert nn.FIR(FIVE + 1j).plot(points=16)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.FIR(1.0), "kernel: expected at least one dimension"),
        (lambda: nn.FIR([]), "kernel: expected at least one dimension"),
        (lambda: nn.FIR("taps"), "kernel: expected an array of numbers"),
        (lambda: nn.FIR(FIVE, operation="flip"), "operation: "),
        (lambda: nn.FIR(FIVE, mode="middle"), "mode: "),
        (lambda: nn.FIR(FIVE, boundary="mirror"), "boundary: "),
        (lambda: nn.FIR(FIVE, fs=0.0), "fs: "),
        (lambda: nn.FIR(FIVE, fs="8k"), "fs: "),
        (lambda: nn.FIR(FIVE, axes=0), "axes: .*from -1 to -1"),
        (lambda: nn.FIR(np.ones((2, 3)), axes=(-1, -1)), "axes: "),
        (lambda: nn.FIR(np.ones((2, 3)))(X[0, 0]), "x: expected at least 2 dimensions"),
        (lambda: nn.FIR(FIVE, mode="valid")(X[0, 0, :3]), "mode: "),
        (lambda: nn.FilterBank(FIVE), "kernel: .*channels"),
        (lambda: nn.Separable([]), "kernels: "),
        (lambda: nn.Separable([FIVE, np.ones((2, 3))]), "kernels: "),
        (lambda: nn.Separable([FIVE, FIVE])(X[0, 0]), "x: "),
        (lambda: nn.FIR(nn.Constrained(FIVE, nn.Causal()), operation="correlate"), "kernel: "),
        (lambda: nn.FIR(FIVE).frequency_response(0), "worN: "),
        (lambda: nn.FIR(np.ones((2, 3))).frequency_response((1, 2, 3)), "worN: "),
        (lambda: nn.FIR(np.ones((2, 3))).group_delay(), "self: "),
        (lambda: nn.FIR(np.ones((2, 2, 3))).plot(), "self: "),
        (lambda: nn.init.delta(0), "shape: "),
        (lambda: nn.init.delta(3, 3), "at: "),
        (lambda: nn.init.delta((3, 4), (1,)), "at: "),
        (lambda: nn.init.design("butter", 3, 0.1), "name: "),
    ],
)
def test_what_a_layer_refuses(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_in_half_precision() -> None:
    with jax.enable_x64(False):
        layer = nn.FIR(jnp.asarray([0.25, 0.5, 0.25], jnp.bfloat16))
        assert layer(jnp.ones(8, jnp.bfloat16)).dtype == jnp.bfloat16
        assert layer.frequency_response(4).shape == (4,)
