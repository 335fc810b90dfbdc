"""Fitting by steps of an optimiser: what is found, what is kept, and how it ends."""

import importlib
import signal
import threading
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import signal as scipys

from filtrax import fit, nn

#: Its annotations are of another array type.
reference: Any = scipys
RNG = np.random.default_rng(0)
H = RNG.standard_normal(5)
X = RNG.standard_normal((12, 64))
Y = np.stack([np.convolve(row, H, "same") for row in X])


def start() -> nn.FIR:
    """A layer that does nothing yet, in the precision of the test."""
    return nn.FIR(np.eye(5)[2])


def quiet(model: Any = None, x: Any = X, y: Any = Y, **options: Any) -> fit.Fitted[Any]:
    model = start() if model is None else model
    return fit.fit(model, x, y, **{"progress": False, **options})


@pytest.mark.parametrize(
    ("optimizer", "steps", "error"),
    [("adam", 1500, 1e-6), ("lbfgs", 20, 1e-9), ("gauss-newton", 20, 1e-12),
     (optax.sgd(0.2, momentum=0.5), 400, 1e-9)],
)  # fmt: skip
def test_a_kernel_is_found(optimizer: Any, steps: int, error: float) -> None:
    found = quiet(optimizer=optimizer, steps=steps)
    np.testing.assert_allclose(found.model.kernel, H, atol=error)
    assert found.losses.shape == (steps,)
    # The first loss is that of the start, by NumPy.
    np.testing.assert_allclose(found.losses[0], np.mean((X - Y) ** 2))
    np.testing.assert_allclose(found.checked[0], found.losses[0])
    assert found.stopped == "steps"
    assert found.checks[-1] == steps


def test_least_squares_is_where_gauss_newton_ends() -> None:
    noisy = Y + RNG.standard_normal(Y.shape)
    frames = np.concatenate(
        [np.stack([np.pad(r, 2)[4 - m : 4 - m + 64] for m in range(5)], 1) for r in X]
    )
    expected = np.linalg.lstsq(frames, noisy.ravel())[0]
    found = quiet(y=noisy, optimizer="gauss-newton", steps=10)
    np.testing.assert_allclose(found.model.kernel, expected, atol=1e-10)


def test_the_steps_are_those_of_optax() -> None:
    found = quiet(steps=30, check_every=7)
    optimizer, h = optax.adam(1e-2), jnp.asarray(np.eye(5)[2])

    def loss(h: jax.Array) -> jax.Array:
        return jnp.mean((jax.vmap(lambda row: jnp.convolve(row, h, mode="same"))(X) - Y) ** 2)

    with jax.numpy_dtype_promotion("standard"):
        state, losses, slope_of = optimizer.init(h), [], jax.jit(jax.value_and_grad(loss))
        for _ in range(30):
            value, slope = slope_of(h)
            losses.append(float(value))
            change, state = optimizer.update(slope, state)
            h = jnp.asarray(optax.apply_updates(h, change))
    np.testing.assert_allclose(found.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(found.model.kernel, h, atol=1e-10)
    np.testing.assert_array_equal(found.checks, [0, 7, 14, 21, 28, 30])


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "gauss-newton"])
def test_complex_and_single_precision(optimizer: str) -> None:
    h = H + 1j * H[::-1]
    x = X[:2] + 1j * X[2:4]
    y = np.stack([np.convolve(row, h, "same") for row in x])
    model = nn.FIR(np.eye(5)[2].astype(complex))
    steps = 1500 if optimizer == "adam" else 30
    found = quiet(model, x, y, optimizer=optimizer, steps=steps)
    np.testing.assert_allclose(found.model.kernel, h, atol=1e-5)
    single = [each.astype(np.float32) for each in (X[:2], Y[:2])]
    for x64 in (True, False):
        with jax.enable_x64(x64):
            model = nn.FIR(np.eye(5, dtype=np.float32)[2])
            found = quiet(model, *single, optimizer=optimizer, steps=30)
            assert found.model.kernel.dtype == np.float32
            assert found.best < found.losses[0]


def test_the_same_key_gives_the_same_fit() -> None:
    first, again, other = (quiet(steps=60, batch=3, key=jax.random.key(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.losses, again.losses)
    np.testing.assert_array_equal(first.model.kernel, again.model.kernel)
    assert np.any(first.losses != other.losses)
    # A batch is a part of the rows: its loss is none of all rows.
    assert abs(first.losses[0] - np.mean((X - Y) ** 2)) > 1e-6
    np.testing.assert_allclose(first.checked[0], np.mean((X - Y) ** 2))
    assert first.best < 0.2 * first.checked[0]


def test_the_best_model_is_kept_and_patience_ends() -> None:
    # A rate that is far too high, after a good start.
    found = quiet(
        nn.FIR(H + 0.01), optimizer=optax.adam(1.0), steps=1000, check_every=5, patience=20
    )
    assert found.stopped == "patience"
    assert found.best_step == 0
    assert len(found.losses) == 20
    np.testing.assert_array_equal(found.model.kernel, H + 0.01)
    assert found.best == found.checked[0]


def test_the_best_is_judged_by_the_validation_data() -> None:
    # Learned data want H, the validation data want the start.
    found = quiet(validation=(X[:2], X[:2]), steps=100, check_every=10)
    np.testing.assert_array_equal(found.model.kernel, np.eye(5)[2])
    assert found.checked[0] == 0
    assert found.losses[-1] < found.losses[0]


def test_losses_that_become_nan_name_the_step() -> None:
    def loss(prediction: jax.Array, target: jax.Array) -> jax.Array:
        value = jnp.mean((prediction - target) ** 2)
        return jnp.where(value < first / 2, jnp.nan, value)

    plain = quiet(steps=200)
    first = plain.losses[0]
    step = int(np.argmax(plain.losses < first / 2))
    with pytest.raises(FloatingPointError, match=f"got nan at step {step} .* before"):
        quiet(loss=loss, steps=200)
    with pytest.raises(FloatingPointError, match=r"inf at step 0 \(the given model\)"):
        quiet(loss=lambda p, t: jnp.asarray(jnp.inf), steps=200)


def test_ctrl_c_returns_the_best_so_far() -> None:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    seen = threading.Event()
    timer = threading.Timer(2.0, lambda: (seen.set(), signal.raise_signal(signal.SIGINT)))
    try:
        timer.start()
        found = quiet(steps=10_000_000, optimizer=optax.adam(1e-3))
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, previous)
    assert seen.is_set()
    assert found.stopped == "interrupted"
    assert found.best <= found.checked[0]
    # The model and its loss belong together.
    np.testing.assert_allclose(
        np.mean((np.asarray(found.model(X)) - Y) ** 2), found.best, rtol=1e-6, atol=1e-20
    )


def test_the_bar_shows_the_loss(capsys) -> None:
    found = fit.fit(start(), X, Y, steps=100)
    shown = capsys.readouterr().err
    assert "100/100" in shown
    assert f"loss={found.checked[-1]:.3g}" in shown


def test_what_is_missing_is_named(monkeypatch) -> None:
    for module, call in (
        ("tqdm", lambda: fit.fit(start(), X, Y, steps=1, optimizer="gauss-newton")),
        ("optax", lambda: fit.stepper(lambda a, b: a, "adam")),
    ):

        def without(name: str, module: str = module) -> Any:
            if name.startswith(module):
                raise ImportError(name)
            return importlib.import_module(name)

        monkeypatch.setattr("filtrax.fit._extra.import_module", without)
        with pytest.raises(ImportError, match=rf"needs {module} .*filtrax\[fit\]"):
            call()


def test_a_loop_of_ones_own() -> None:
    init, step = fit.stepper(fit.MSE(skip=3), "lbfgs")
    model: Any = start()
    x, y, loss = jnp.asarray(X), jnp.asarray(Y), np.inf
    state, run = init(model, x, y), eqx.filter_jit(step)
    for _ in range(15):
        model, state, loss = run(model, state, x, y)
    np.testing.assert_allclose(model.kernel, H, atol=1e-6)
    assert loss < 1e-9
    # The same request is the same functions, so that nothing is compiled twice.
    assert fit.stepper(fit.MSE(skip=3), "lbfgs") is fit.stepper(fit.MSE(skip=3), "lbfgs")


def test_any_equinox_model() -> None:
    model = eqx.nn.Sequential([
        nn.FilterBank(nn.init.random(jax.random.key(0), (3, 5)), mode="causal"),
        eqx.nn.Lambda(jax.nn.relu), eqx.nn.Lambda(lambda x: jnp.sum(x, -2)),
    ])  # fmt: skip
    found = quiet(model, X, np.maximum(Y, 0), steps=200)
    assert found.best < 0.5 * found.checked[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"x": np.where(X > 2, np.nan, X)},
            r"x: expected finite values, got nan at index .* of 768 not finite",
        ),
        ({"y": np.where(X > 2, np.inf, Y)}, "y: expected finite values, got inf"),
        ({"y": Y[:, 1:]}, "y: expected the shape of what the model makes of x"),
        ({"y": Y[0]}, "y: expected the shape"),
        ({"x": X[:0], "y": Y[:0]}, "x: expected at least one sample"),
        ({"model": 3.0}, "model: "),
        ({"model": jnp.sin}, "model: expected at least one floating"),
        ({"optimizer": "newton"}, "optimizer: "),
        ({"optimizer": 0.01}, "optimizer: "),
        ({"optimizer": "gauss-newton", "loss": fit.MultiResolutionSTFT((16,))}, "loss: "),
        ({"loss": lambda p, t: p - t}, "loss: .*one real number"),
        ({"steps": 0}, "steps: "),
        ({"steps": 1.5}, "steps: "),
        ({"patience": 0}, "patience: "),
        ({"check_every": 0}, "check_every: "),
        ({"batch": 13}, "batch: expected 1 to 12"),
        ({"batch": 2, "optimizer": "lbfgs"}, "batch: "),
        ({"batch": 2, "y": Y[:5]}, "y: "),
        ({"key": 3, "batch": 2}, "key: expected a key"),
        ({"validation": X}, "validation: "),
        ({"validation": (X, X * np.nan)}, r"validation\[1\]: "),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        quiet(**options)


def test_fewer_samples_than_taps() -> None:
    with pytest.raises(ValueError, match="no longer than the signal"):
        quiet(nn.FIR(H, mode="valid"), X[:, :3])
    with pytest.warns(fit.IdentifiabilityWarning, match="y: holds 4 numbers, fewer than the 5 par"):
        quiet(nn.FIR(H), X[0, :4], Y[0, :4], steps=1)


@pytest.mark.parametrize(("level", "words"), [(0.0, "x: is zero"), (2.0, "x: is constant")])
def test_an_input_that_tells_nothing(level: float, words: str) -> None:
    with pytest.warns(fit.IdentifiabilityWarning, match=words) as seen:
        quiet(x=np.full_like(X, level), steps=1)
    assert seen[0].filename == __file__


def test_not_under_jit() -> None:
    with pytest.raises(TypeError, match=r"x: expected numbers that are known.*stepper"):
        jax.jit(lambda x: quiet(x=x))(X)


def test_mean_square_and_log_spectral() -> None:
    a, b = X[:3], Y[:3]
    np.testing.assert_allclose(fit.MSE()(a, b), np.mean((a - b) ** 2))
    np.testing.assert_allclose(fit.MSE(skip=10)(a, b), np.mean((a - b)[:, 10:] ** 2))
    np.testing.assert_allclose(fit.MSE()(a + 1j * b, b), np.mean(np.abs(a + 1j * b - b) ** 2))
    spectra = [20 * np.log10(np.abs(np.fft.rfft(each))) for each in (a, b)]
    expected = np.mean((spectra[0] - spectra[1]) ** 2)
    np.testing.assert_allclose(fit.LogSpectral(floor_db=-300)(a, b), expected, rtol=1e-9)
    assert fit.LogSpectral()(a, b) < expected
    assert np.isfinite(fit.LogSpectral()(0 * a, 0 * b))
    with pytest.raises(ValueError, match="skip"):
        fit.MSE(skip=64)(a, b)
    with pytest.raises(ValueError, match="skip"):
        fit.MSE(skip=-1)


def test_short_time_spectra_against_scipy() -> None:
    a, b = RNG.standard_normal((2, 2, 300))
    sizes, expected = (16, 64), []
    for size in sizes:
        window = reference.get_window("hann", size)
        magnitudes = []
        for each in (a, b):
            starts = range(0, 300 - size + 1, size // 4)
            frames = np.stack([each[:, s : s + size] * window for s in starts], 1)
            magnitudes.append(np.abs(np.fft.rfft(frames)))
        got, wanted = magnitudes
        apart = np.linalg.norm((wanted - got).ravel()) / np.linalg.norm(wanted.ravel())
        expected.append(apart + np.mean(np.abs(np.log(wanted) - np.log(got))))
    loss = fit.MultiResolutionSTFT(sizes, floor_db=-250)
    value_and_slope = jax.jit(jax.value_and_grad(loss))
    np.testing.assert_allclose(value_and_slope(a, b)[0], np.mean(expected), rtol=1e-9)
    zero, slope = value_and_slope(b, b)
    assert zero == 0
    assert np.isfinite(slope).all()
    for sizes in ((6,), (), (2,)):
        with pytest.raises(ValueError, match="sizes"):
            fit.MultiResolutionSTFT(sizes)
    with pytest.raises(ValueError, match="sizes"):
        fit.MultiResolutionSTFT((512,))(a, b)
    learned = quiet(loss=fit.MultiResolutionSTFT((16, 32)), steps=200)
    assert learned.best < 0.5 * learned.checked[0]
