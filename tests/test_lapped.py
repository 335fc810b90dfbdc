"""Matrix products of the signal's own blocks, which overlap: every extent, how far a NaN goes."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax
from filtrax._engines import lapped, pieces, toeplitz

pytestmark = pytest.mark.usefixtures("without_kernels")

# Samples, taps, padding, dilation.
CASES = [
    (256, 129, (64, 64), 1),
    (300, 129, (128, 128), 1),
    (1000, 65, (0, 0), 1),
    (999, 66, (65, 0), 1),
    (700, 130, (65, 64), 1),
    (1300, 600, (300, 299), 1),
    (400, 101, (150, 3), 1),
    (400, 101, (-20, -7), 1),
    (400, 101, (300, 200), 1),
    (320, 33, (16, 16), 1),
    (500, 34, (50, 49), 3),
]


def reference(x: np.ndarray, h: np.ndarray, pads: tuple[int, int], dilation: int) -> np.ndarray:
    """A sum over taps of each padded row; h has a row for each row of x, or one for all."""
    lo, hi = pads
    cut = x[:, max(-lo, 0) : x.shape[1] - max(-hi, 0)]
    padded = np.pad(cut, [(0, 0), (max(lo, 0), max(hi, 0))])
    m = padded.shape[1] - (h.shape[1] - 1) * dilation
    windows = (padded[:, t * dilation : t * dilation + m] for t in range(h.shape[1]))
    return sum(h[:, t, None] * window for t, window in enumerate(windows))  # type: ignore[return-value]


def operands(n: int, k: int, rows: int, kernels: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n + k)
    x, h = rng.standard_normal((2, rows, n)), rng.standard_normal((2, kernels, k))
    is_complex = dtype.startswith("complex")
    return tuple((a[0] + 1j * a[1] if is_complex else a[0]).astype(dtype) for a in (x, h))  # type: ignore[return-value]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The shapes of the signals that went this way: otherwise other code would be tested."""
    seen: list[Any] = []
    original = lapped.run

    def spy(axes: Any, lhs: Any, *rest: Any) -> Any:
        seen.append(lhs.shape)
        return original(axes, lhs, *rest)

    monkeypatch.setattr(toeplitz.lapped, "run", spy)
    return seen


@pytest.mark.parametrize("kernels", [1, 3])
@pytest.mark.parametrize(("n", "k", "pads", "dilation"), CASES)
def test_every_extent(
    n: int, k: int, pads: tuple[int, int], dilation: int, kernels: int, ran: list[Any]
) -> None:
    dtype = "complex128" if n % 3 == 0 else "float64"
    x, h = operands(n, k, 3, kernels, dtype)
    got = jax.jit(lambda x, h: filtrax.correlate(
        x, h if kernels > 1 else h[0], pads, axes=1, dilation=dilation, conjugate=False,
        method="toeplitz"))(x, h)  # fmt: skip
    assert ran
    np.testing.assert_allclose(got, reference(x, h, pads, dilation), rtol=0, atol=1e-12)


def test_in_pieces(monkeypatch: pytest.MonkeyPatch, ran: list[Any]) -> None:
    """A few rows at a time, where there are many: the products of all would be large."""
    x, h = operands(330, 70, 12, 1, "float64")
    monkeypatch.setattr(pieces, "PIECE", 8000)
    got = filtrax.correlate(x, h[0], "same", axes=1, method="toeplitz")
    assert ran[0] == (1, 3, 1, 330)
    np.testing.assert_allclose(got, reference(x, h, (35, 34), 1), rtol=0, atol=1e-12)


def test_derivatives(ran: list[Any]) -> None:
    """The adjoint against the definition: <y, A x> is <A* y, x>, for x and for h."""
    x, h = operands(512, 90, 4, 1, "float64")
    y, other = np.random.default_rng(1).standard_normal((2, 4, 512))

    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.correlate(x, h, "same", axes=1, method="toeplitz")

    by_x, by_h = jax.jit(lambda x, h, y: jax.vjp(run, x, h)[1](y))(x, h[0], jnp.asarray(y))
    assert ran
    np.testing.assert_allclose(
        np.sum(by_x * other), np.sum(y * reference(other, h, (45, 44), 1)), rtol=1e-11
    )
    np.testing.assert_allclose(
        np.sum(by_h * h[0, ::-1]), np.sum(y * reference(x, h[:, ::-1], (45, 44), 1)), rtol=1e-11
    )


@pytest.mark.parametrize("pads", [(64, 64), (128, 0), (64, 0)])
def test_a_nan_spreads_as_far_as_the_plan_says(pads: tuple[int, int]) -> None:
    x, h = operands(1024, 129 if sum(pads) > 64 else 65, 1, 1, "float32")
    lost = np.zeros(x.shape[1], bool)
    plan = filtrax.plan(x.shape, h.shape[1:], mode=pads, method="toeplitz")
    assert plan.block == h.shape[1] // 2
    run = jax.jit(lambda x: filtrax.correlate(x, h[0], pads, axes=1, method="toeplitz"))
    clean = np.asarray(run(x))
    for at in (0, 500, 639, 640, 1023):
        spoilt = x.copy()
        spoilt[0, at] = np.nan
        got = np.asarray(run(spoilt))
        lost = np.isnan(got[0])
        where = np.flatnonzero(lost)
        assert where[-1] - where[0] < plan.spread[0]
        np.testing.assert_array_equal(got[0, ~lost], clean[0, ~lost])
        # A block holds everything that its samples reach.
        first = max(at - (h.shape[1] - 1) + pads[0], 0)
        assert where[0] <= first
        assert min(at + pads[0], got.shape[1] - 1) <= where[-1]
