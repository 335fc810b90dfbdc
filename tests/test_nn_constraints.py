"""Constrained kernels keep their promises after any step, and say so when they cannot."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal as scipys

from filtrax import nn

#: Its annotations are of another array type.
signal: Any = scipys
Check = Callable[[np.ndarray, float], None]


def close(value: Any, wanted: Any, room: float) -> None:
    np.testing.assert_allclose(value, wanted, rtol=0, atol=room)


def symmetric(h: np.ndarray, eps: float) -> None:
    close(h, np.flip(h), 4 * eps * np.abs(h).max())


def antisymmetric(h: np.ndarray, eps: float) -> None:
    close(h, -np.flip(h), 4 * eps * np.abs(h).max())


def causal(h: np.ndarray, _: float) -> None:
    assert not h[: (h.size - 1) // 2].any()


def anticausal_correlate(h: np.ndarray, _: float) -> None:
    assert not h[: h.size // 2].any()


def unit_sum(h: np.ndarray, eps: float) -> None:
    close(h.sum(), 1, 8 * eps * (1 + np.abs(h).sum()))


def zero_sum(h: np.ndarray, eps: float) -> None:
    close(h.sum(), 0, 8 * eps * np.abs(h).sum())


def unit_energy(h: np.ndarray, eps: float) -> None:
    close((h**2).sum(), 1, 8 * eps)


def non_negative(h: np.ndarray, _: float) -> None:
    assert (h >= 0).all()


def band_limited(h: np.ndarray, eps: float) -> None:
    power = np.abs(np.fft.rfft(h, 1 << 14)) ** 2
    f = np.linspace(0, 1, power.size)
    outside = power[(f < 0.1) | (f > 0.5)].sum() / power.sum()
    # 1e-3 was promised; the sum is not the integral, to parts in a thousand.
    assert outside <= 1.01e-3 + 100 * eps


def minimum_phase(h: np.ndarray, eps: float) -> None:
    # Roots of a polynomial move by a root of its rounding.
    assert np.abs(np.roots(h)).max() < 1 + 100 * eps**0.5


def low_rank(h: np.ndarray, eps: float) -> None:
    values = np.linalg.svd(h, compute_uv=False)
    assert values[2] <= 8 * eps * values[0]


CASES: dict[str, tuple[tuple[int, ...], tuple[nn.Constraint, ...], tuple[Check, ...]]] = {
    "type I": ((7,), (nn.Symmetric(),), (symmetric,)),
    "type II": ((8,), (nn.Symmetric(),), (symmetric,)),
    "type III": ((7,), (nn.Antisymmetric(),), (antisymmetric, zero_sum)),
    "type IV": ((8,), (nn.Antisymmetric(),), (antisymmetric, zero_sum)),
    "unit sum": ((7,), (nn.UnitSum(),), (unit_sum,)),
    "unit energy": ((7,), (nn.UnitEnergy(),), (unit_energy,)),
    "zero sum": ((7,), (nn.ZeroSum(),), (zero_sum,)),
    "non-negative": ((7,), (nn.NonNegative(),), (non_negative,)),
    "causal": ((8,), (nn.Causal(),), (causal,)),
    "anti-causal": ((8,), (nn.AntiCausal("correlate"),), (anticausal_correlate,)),
    "minimum phase": ((9,), (nn.MinimumPhase(),), (minimum_phase,)),
    "band": ((33,), (nn.BandLimited(0.1, 0.5, leakage=1e-3),), (band_limited,)),
    "rank": ((6, 9), (nn.LowRank(2),), (low_rank,)),
    "smoothing": (
        (9,), (nn.NonNegative(), nn.UnitSum(), nn.Symmetric()), (non_negative, unit_sum, symmetric)
    ),
    "smoothing, causal": (
        (9,), (nn.NonNegative(), nn.UnitEnergy(), nn.Causal()), (non_negative, unit_energy, causal)
    ),
    "wavelet": (
        (33,),
        (nn.UnitEnergy(), nn.BandLimited(0.1, 0.5, leakage=1e-3), nn.ZeroSum(), nn.Symmetric()),
        (symmetric, zero_sum, unit_energy, band_limited),
    ),
    "sum and energy": (
        (7,), (nn.UnitSum(), nn.UnitEnergy(), nn.Symmetric()), (unit_sum, unit_energy, symmetric)
    ),
    "causal unit sum": ((8,), (nn.UnitSum(), nn.Causal()), (unit_sum, causal)),
    "minimum phase unit sum": ((9,), (nn.MinimumPhase(), nn.UnitSum()), (minimum_phase, unit_sum)),
    "minimum phase energy": (
        (9,), (nn.MinimumPhase(), nn.UnitEnergy()), (minimum_phase, unit_energy)
    ),
    "rank, smoothing": (
        (6, 9), (nn.LowRank(2), nn.NonNegative(), nn.UnitSum()), (low_rank, non_negative, unit_sum)
    ),
    "rank, energy": ((6, 9), (nn.LowRank(2), nn.UnitEnergy()), (low_rank, unit_energy)),
    "2-D": ((5, 6), (nn.Symmetric(), nn.ZeroSum()), (symmetric, zero_sum)),
}  # fmt: skip


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_promises_hold_after_any_steps(name: str, x64: bool) -> None:
    shape, constraints, checks = CASES[name]
    with jax.enable_x64(x64):
        eps = float(jnp.finfo(jnp.result_type(float)).eps)
        start = np.random.default_rng(1).standard_normal(shape)
        kernel = nn.Constrained(start, *constraints)
        assert kernel.value.shape == shape
        target = jnp.asarray(np.random.default_rng(2).standard_normal(shape), kernel.value.dtype)

        @jax.jit
        def step(free: Any, rate: Any) -> Any:
            def loss(free: Any) -> jax.Array:
                moved = eqx.tree_at(lambda k: k.free, kernel, free)
                return jnp.sum((moved.value - target) ** 2)

            slope = jax.grad(loss)(free)
            return jax.tree.map(lambda p, g: p - rate * g, free, slope)

        value = jax.jit(lambda free: eqx.tree_at(lambda k: k.free, kernel, free).value)
        free = kernel.free
        for rate in (0.0, 1e-3, 0.1, 0.1, 1.0):
            free = step(free, jnp.asarray(rate, kernel.value.dtype))
            h = np.asarray(value(free), float)
            assert np.isfinite(h).all()
            for check in checks:
                check(h, eps)
        # Whatever an optimiser might do.
        for seed in range(5):
            rng = np.random.default_rng(seed)
            free = jax.tree.map(
                lambda p, r=rng: jnp.asarray(3 * r.normal(size=p.shape), p.dtype), free
            )
            h = np.asarray(value(free), float)
            for check in checks:
                check(h, eps)


@pytest.mark.parametrize("name", ["type I", "type III", "zero sum", "causal", "2-D"])
def test_the_start_is_the_nearest_kernel(name: str) -> None:
    shape, constraints, _ = CASES[name]
    start = np.random.default_rng(1).standard_normal(shape)
    got = np.asarray(nn.Constrained(start, *constraints).value)
    # A projection: again nothing changes, and what was taken off is orthogonal to what is left.
    np.testing.assert_allclose(nn.Constrained(got, *constraints).value, got, atol=1e-12)
    assert abs(np.sum((start - got) * got)) < 1e-12


def test_starts_that_keep_the_promise_are_kept() -> None:
    box = np.full(5, 0.2)
    for constraints in (
        (nn.UnitSum(), nn.Symmetric()), (nn.NonNegative(), nn.UnitSum()), (nn.NonNegative(),),
    ):  # fmt: skip
        np.testing.assert_allclose(nn.Constrained(box, *constraints).value, box, atol=1e-9)
    half = signal.minimum_phase(signal.firwin(31, 0.3), half=False)
    np.testing.assert_allclose(
        np.abs(np.fft.rfft(nn.Constrained(half, nn.MinimumPhase()).value, 256)),
        np.abs(np.fft.rfft(half, 256)), atol=2e-3,
    )  # fmt: skip
    outer = np.outer([1.0, 2, 1], [1.0, 0, -1])
    np.testing.assert_allclose(nn.Constrained(outer, nn.LowRank(1)).value, outer, atol=1e-12)


def test_minimum_phase_keeps_the_magnitude_of_its_start() -> None:
    h = np.poly([0.5, -2.0, 1.6j, -1.6j, 0.3])
    got = np.asarray(nn.Constrained(h, nn.MinimumPhase()).value)
    # Zeros outside go to their mirror images.
    expected = np.poly([0.5, -0.5, 1j / 1.6, -1j / 1.6, 0.3]).real * 2 * 1.6**2
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_rows_keep_their_promises_one_by_one() -> None:
    start = np.random.default_rng(0).standard_normal((2, 3, 5))
    for constraints in ((nn.Symmetric(), nn.UnitSum()), (nn.NonNegative(),), (nn.MinimumPhase(),)):
        many = nn.Constrained(start, *constraints, ndim=1)
        assert many.value.shape == (2, 3, 5)
        one = nn.Constrained(start[1, 2], *constraints)
        np.testing.assert_allclose(many.value[1, 2], one.value, atol=1e-12)
    images = nn.Constrained(start, nn.LowRank(1), ndim=2)
    u, s, vh = np.linalg.svd(start[1])
    np.testing.assert_allclose(images.value[1], s[0] * np.outer(u[:, 0], vh[0]), atol=1e-12)


def test_linear_phase_is_a_constant_delay() -> None:
    for k in (8, 9):
        for side in (nn.Symmetric(), nn.Antisymmetric()):
            kernel = nn.Constrained(np.random.default_rng(k).standard_normal(k), side)
            delay = nn.FIR(kernel, mode="causal").group_delay(np.linspace(0.05, 0.95, 40))
            np.testing.assert_allclose(delay, (k - 1) / 2, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "constraints", "message"),
    [
        ((5,), (nn.Symmetric(), nn.Antisymmetric()), "together.*Antisymmetric"),
        ((5,), (nn.Antisymmetric(), nn.UnitSum()), "together"),
        ((5,), (nn.ZeroSum(), nn.UnitSum()), "together"),
        ((2,), (nn.Symmetric(), nn.ZeroSum()), "together"),
        ((3,), (nn.Antisymmetric(), nn.Causal()), "together"),
        ((1,), (nn.UnitSum(),), "something to learn"),
        ((5,), (nn.NonNegative(), nn.ZeroSum()), "beside NonNegative.*ZeroSum"),
        ((5,), (nn.NonNegative(), nn.UnitSum(), nn.UnitEnergy()), "one of UnitSum"),
        ((5,), (nn.NonNegative(), nn.Antisymmetric()), "together"),
        ((5,), (nn.MinimumPhase(), nn.Symmetric()), "beside MinimumPhase.*Symmetric"),
        ((5,), (nn.LowRank(1),), "two dimensions"),
        ((5, 2), (nn.LowRank(3),), "at least 3"),
        ((5, 5), (nn.LowRank(1), nn.UnitSum()), "NonNegative beside"),
        ((5, 5), (nn.MinimumPhase(),), "1-D kernel"),
        ((5,), (nn.BandLimited(0.0, 0.1),), "leaks at most"),
        ((31,), (nn.BandLimited(0.0, 0.4), nn.BandLimited(0.2, 0.6)), "one BandLimited"),
        ((5,), ("symmetric",), r"constraints\[0\]"),
    ],
)
def test_what_cannot_be_promised(shape: Any, constraints: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        nn.Constrained(np.ones(shape), *constraints)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Constrained([1.0, np.nan]), "kernel: "),
        (lambda: nn.Constrained([1.0, 1j]), "kernel: "),
        (lambda: nn.Constrained(np.zeros(3), nn.UnitEnergy()), "kernel: "),
        (lambda: nn.Constrained([1.0, 1.0], nn.Antisymmetric(), nn.UnitEnergy()), "kernel: "),
        (lambda: nn.Constrained([1.0, 1.0], ndim=2), "ndim: "),
        (lambda: nn.Causal("flip"), "operation: "),
        (lambda: nn.BandLimited(0.5, 0.2), "low, high: "),
        (lambda: nn.BandLimited(0.1, 0.2, leakage=0), "leakage: "),
        (lambda: nn.LowRank(0), "rank: "),
    ],
)
def test_what_is_refused(call: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()
