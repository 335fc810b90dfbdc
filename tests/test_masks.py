"""Masks: samples that do not count leave no trace, and the others are weighed as the loops do."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax
import oracle
from filtrax._engines import ENGINES

engines = pytest.mark.parametrize("engine", sorted(ENGINES))
RNG = np.random.default_rng(0)
N, K = 17, 5
MASK = RNG.random((3, N)) < 0.6
X = RNG.standard_normal((3, N))
#: What counts is X; the rest is what no arithmetic survives.
SPOILT = np.where(MASK, X, RNG.choice([np.nan, np.inf, -np.inf], (3, N)))
H = RNG.uniform(0.5, 1.5, K)
CELLS = [
    {"mode": mode, "boundary": boundary}
    for mode, boundary in itertools.product(("full", "same", "valid", (2, -1)),
                                            ("zero", 0.0, 1.5, "edge", "reflect", "wrap"))
]  # fmt: skip
#: In turn, and the other way round for every other mode: each mode and boundary meets both.
TURNS = [("convolve", "correlate")[(at + at // 6) % 2] for at in range(len(CELLS))]


def weighed(x: Any, mask: Any, h: Any, operation: str, boundary: Any, **options: Any) -> np.ndarray:
    """Sum of the taps, times sum of h x over sum of h, both over what counts, by loops."""
    outside = boundary if isinstance(boundary, str) else 1.0
    # The loops take any number for a constant; that of the name is no sample.
    top = oracle.slide(np.where(mask, x, 0), h, operation, boundary=boundary, **options)
    bottom = oracle.slide(np.asarray(mask, float), h, operation, boundary=outside, **options)
    taps = np.conj(h) if operation == "correlate" else h
    none = bottom == 0
    return np.where(none, np.nan, top / np.where(none, 1, bottom)) * taps.sum()


def in_turn(engine: Any, **options: Any) -> list[jax.Array]:
    """The cells as one program."""

    def run(x: Any, h: Any, mask: Any) -> Any:
        return [
            getattr(filtrax, operation)(x, h, method=engine, where=mask, **cell, **options)
            for operation, cell in zip(TURNS, CELLS, strict=True)
        ]

    return jax.jit(run)(SPOILT, H, MASK)


@engines
def test_what_does_not_count_contributes_nothing(engine: Any) -> None:
    got = in_turn(engine)
    for operation, cell, y in zip(TURNS, CELLS, got, strict=True):
        expected = oracle.slide(np.where(MASK, X, 0), H, operation, **cell)
        oracle.check(y, expected, 1e-13, f"{engine} {cell}")


@engines
def test_normalized_is_the_weighted_mean_of_what_counts(engine: Any) -> None:
    got = in_turn(engine, normalize=True)
    for operation, cell, y in zip(TURNS, CELLS, got, strict=True):
        expected = weighed(X, MASK, H, operation, **cell)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
        np.testing.assert_allclose(y, expected.astype(float), rtol=1e-11, atol=1e-12)


def test_by_the_formula_itself() -> None:
    x, h = [1.0, np.nan, 4.0, 2.0], np.array([0.5, 1.0, 0.25])
    y = filtrax.correlate(x, h, "same", where=~np.isnan(x), normalize=True)
    total = h.sum()
    expected = [
        total * (1 * 1.0) / 1.0,
        total * (0.5 * 1.0 + 0.25 * 4.0) / 0.75,
        total * (1 * 4.0 + 0.25 * 2.0) / 1.25,
        total * (0.5 * 4.0 + 1 * 2.0) / 1.5,
    ]
    np.testing.assert_allclose(y, expected, rtol=1e-14)
    # A number outside counts, also zero.
    y = filtrax.correlate(x, h, "same", where=~np.isnan(x), normalize=True, boundary=0.0)
    np.testing.assert_allclose(y[0], total * (1 * 1.0 + 0.5 * 0) / 1.5, rtol=1e-14)


def test_without_a_mask_the_edges_are_normalized() -> None:
    y = filtrax.filter_rows(jnp.ones((2, 9)), jnp.ones(4), normalize=True)
    np.testing.assert_allclose(y, np.full((2, 9), 4.0))


@pytest.mark.parametrize("engine", ["auto", *sorted(ENGINES)])
def test_where_nothing_counts_there_is_nan_and_a_gradient_of_zero(engine: Any) -> None:
    mask = np.ones(20, bool)
    mask[5:15] = False

    def filtered(x: Any, h: Any) -> Any:
        return filtrax.convolve(x, h, "same", where=mask, normalize=True, method=engine)

    y, pull = jax.vjp(filtered, jnp.arange(20.0), jnp.ones(3))
    assert np.flatnonzero(np.isnan(y)).tolist() == list(range(6, 14))
    # Whatever is done with the outputs, NaN and all.
    by_x, by_h = pull(2 * y)
    assert np.isfinite(by_x).all()
    assert np.isfinite(by_h).all()
    assert not np.any(by_x[5:15])


@engines
@pytest.mark.parametrize("normalize", [False, True])
def test_gradients_are_finite_and_right(engine: Any, normalize: bool) -> None:
    weights = np.random.default_rng(1).standard_normal(X.shape)

    @jax.jit
    def loss(x: Any, h: Any, mask: Any) -> Any:
        y = filtrax.convolve(
            x, h, "same", boundary="reflect", where=mask, normalize=normalize, method=engine
        )
        return jnp.sum(weights * jnp.where(jnp.isnan(y), 0, y) ** 2)

    by_x, by_h = jax.jit(jax.grad(loss, (0, 1)))(SPOILT, H, MASK)
    assert np.isfinite(by_x).all()
    assert not np.any(np.asarray(by_x)[~MASK]), "what does not count has no slope"
    step = 1e-6
    for place in [(0, int(np.flatnonzero(MASK[0])[3])), (2, int(np.flatnonzero(MASK[2])[0]))]:
        nudge = np.zeros_like(X)
        nudge[place] = step
        slope = (loss(SPOILT + nudge, H, MASK) - loss(SPOILT - nudge, H, MASK)) / (2 * step)
        np.testing.assert_allclose(by_x[place], slope, rtol=1e-6, atol=1e-6)
    for tap in (0, 3):
        nudge = step * np.eye(K)[tap]
        slope = (loss(SPOILT, H + nudge, MASK) - loss(SPOILT, H - nudge, MASK)) / (2 * step)
        np.testing.assert_allclose(by_h[tap], slope, rtol=1e-6, atol=1e-6)


def test_forward_mode_second_order_and_vmap() -> None:
    def filtered(x: Any, mask: Any) -> Any:
        return filtrax.convolve(x, H, "same", where=mask, normalize=True, boundary="wrap")

    _, slope = jax.jvp(lambda x: filtered(x, MASK), (jnp.asarray(SPOILT),), (jnp.ones_like(X),))
    # In x it is linear: along ones it moves by the sum of the taps, wherever something counts.
    covered = ~np.isnan(filtered(SPOILT, MASK))
    np.testing.assert_allclose(np.asarray(slope)[covered], H.sum(), rtol=1e-12)
    rows = jax.vmap(filtered)(SPOILT, MASK)
    np.testing.assert_allclose(rows, filtered(SPOILT, MASK), rtol=1e-12)
    curved = jax.hessian(lambda h: jnp.sum(filtrax.convolve(
        SPOILT, h, "valid", where=MASK, normalize=False) ** 2))(jnp.asarray(H))  # fmt: skip
    clean = np.where(MASK, X, 0)
    shifts = [clean[:, K - 1 - m : N - m] for m in range(K)]
    expected = [[2 * np.sum(a * b) for b in shifts] for a in shifts]
    np.testing.assert_allclose(curved, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(N,), (1, N), (3, 1), (1, 1), ()])
def test_a_mask_broadcasts_against_the_signal(shape: tuple[int, ...]) -> None:
    mask = np.random.default_rng(2).random(shape) < 0.7
    full = np.broadcast_to(mask, X.shape)
    for own in (H, np.stack([H, 2 * H[::-1], H**2])):
        got = filtrax.filter_rows(X, own, where=mask, normalize=True)
        rows = own if own.ndim == 2 else [own] * 3
        expected = [
            weighed(x, m, h, "convolve", "zero", mode="same")
            for x, m, h in zip(X, full, rows, strict=True)
        ]
        np.testing.assert_allclose(got, np.array(expected, float), rtol=1e-12)


def test_one_row_and_several_kernels() -> None:
    kernels = np.stack([H, 2 * H[::-1], H**2])
    got = filtrax.filter_rows(X[:1], kernels, where=MASK[:1], normalize=True, mode="full")
    expected = [weighed(X[0], MASK[0], h, "convolve", "zero", mode="full") for h in kernels]
    np.testing.assert_allclose(got, np.array(expected, float), rtol=1e-12)


def test_any_axes_stride_and_dilation() -> None:
    rng = np.random.default_rng(3)
    x, mask = rng.standard_normal((2, 9, 3, 8)), rng.random((9, 1, 8)) < 0.6
    h = rng.uniform(0.5, 1.5, (3, 2))
    options: dict[str, Any] = {"axes": (1, 3), "stride": (2, 1), "dilation": (1, 2), "mode": "same"}
    boundary = ("edge", 1.0)
    got = filtrax.correlate(x, h, where=mask, normalize=True, boundary=boundary, **options)
    full = np.broadcast_to(mask, x.shape)
    top = oracle.slide(np.where(full, x, 0), h, "correlate", boundary=boundary, **options)
    bottom = oracle.slide(full.astype(float), h, "correlate", boundary=boundary, **options)
    np.testing.assert_allclose(got, (top / bottom * h.sum()).astype(float), rtol=1e-12)


def test_separable() -> None:
    rng = np.random.default_rng(4)
    x, mask = rng.standard_normal((7, 8)), rng.random((7, 8)) < 0.7
    u, v = rng.uniform(0.5, 1.5, 3), rng.uniform(0.5, 1.5, 4)
    both = np.outer(u, v)
    bad = np.where(mask, x, np.nan)
    for boundary in ("zero", 0.0, 2.0, "symmetric"):
        for normalize in (False, True):
            got = filtrax.filter_separable(
                bad, (u, v), (0, 1), where=mask, normalize=normalize, boundary=boundary
            )
            expected = weighed(x, mask, both, "convolve", boundary, mode="same")
            if not normalize:
                expected = oracle.slide(
                    np.where(mask, x, 0), both, "convolve", "same", boundary=boundary
                )
            np.testing.assert_allclose(got, expected.astype(float), rtol=1e-12)


def test_complex_and_integer() -> None:
    z, taps = X + 1j * X[:, ::-1], H * np.exp(1j * np.arange(K))
    for x, h in ((z, H), (z, taps), (X, taps)):
        with jax.numpy_dtype_promotion("standard"):
            got = filtrax.correlate(x, h, "same", where=MASK, normalize=True)
        expected = weighed(x, MASK, h, "correlate", "zero", mode="same")
        np.testing.assert_allclose(got, expected.astype(complex), rtol=1e-10)
    whole = RNG.integers(-9, 10, (3, N))
    got = filtrax.convolve(whole, np.arange(3), "same", where=MASK)
    kept = [np.convolve(row, np.arange(3), "same") for row in np.where(MASK, whole, 0)]
    np.testing.assert_array_equal(got, kept)


def test_half_precision_is_rounded_once() -> None:
    x, h = X.astype(jnp.bfloat16), H.astype(jnp.bfloat16)
    got = filtrax.filter_rows(x, h, where=MASK, normalize=True)
    assert got.dtype == jnp.bfloat16
    expected = weighed(x, MASK, h.astype(float), "convolve", "zero", mode="same").astype(float)
    error = np.abs(np.asarray(got, float) - expected)
    np.testing.assert_array_less(error, np.abs(expected) * 2.0**-8 * 1.01 + 1e-6)


def test_a_mask_is_checked() -> None:
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"where": np.ones((3, N))}, TypeError, r"^where: expected an array of booleans"),
        ({"where": "mask"}, TypeError, r"^where: expected an array of booleans"),
        ({"where": np.ones(N + 1, bool)}, ValueError, r"^where: .*\(3, 17\), got \(18,\)"),
        ({"where": np.ones((2, 3, N), bool)}, ValueError, r"^where: .*got \(2, 3, 17\)"),
        ({"normalize": 1}, TypeError, r"^normalize: expected True or False, got 1"),
    ]
    for options, kind, message in wrong:
        for call in (filtrax.convolve, filtrax.filter_rows):
            with pytest.raises(kind, match=message):
                call(X, H, **options)
        with pytest.raises(kind, match=message):
            filtrax.filter_separable(X, [H], (1,), **options)
    with pytest.raises(TypeError, match=r"^normalize: expected False for integers .*int64"):
        filtrax.convolve(np.arange(9), np.arange(3), normalize=True)


def test_a_normalized_filter_is_not_left_to_a_transform() -> None:
    """Zero weight is told from little by its value, which a transform would blur."""
    x = np.zeros((1, 40_000), np.float32)
    h = np.ones(5000, np.float32)
    assert filtrax.plan(x.shape, h.shape).engine in ("fft", "overlap")
    mask = np.zeros(40_000, bool)
    mask[20_000] = True
    covered = ~np.isnan(filtrax.filter_rows(x, h, where=mask, normalize=True))[0]
    assert np.flatnonzero(covered)[[0, -1]].tolist() == [17_501, 22_500]
    assert covered.sum() == 5000
