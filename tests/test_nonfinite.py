"""How far one NaN or infinity spreads: to the window, the block or the row, as the plan says."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax
import oracle
from filtrax._engines import ENGINES
from filtrax.compat import numpy as fnumpy

engines = pytest.mark.parametrize("engine", sorted(ENGINES))
#: (N, K, mode, stride, dilation)
CASES = (
    (300, 9, "same", 1, 1), (301, 40, "valid", 2, 1), (200, 5, "full", 3, 2),
    (260, 6, "causal", 1, 3),
)  # fmt: skip


def spoilt(run: Callable[[Any], Any], x: np.ndarray, value: float) -> np.ndarray:
    """Which outputs of each row are spoilt by a bad sample, of which row r has one at r.

    Those that are not must be the very numbers that come without it.
    """
    bad = x.copy()
    np.fill_diagonal(bad, value)
    clean, got = np.asarray(run(x)), np.asarray(run(bad))
    assert np.isfinite(clean).all()
    lost = ~np.isfinite(got)
    np.testing.assert_array_equal(got[~lost], clean[~lost])
    return lost


def extents(lost: np.ndarray) -> np.ndarray:
    """From the first spoilt output of each row to the last."""
    last = lost.shape[1] - np.argmax(lost[:, ::-1], axis=1)
    return np.where(lost.any(axis=1), last - np.argmax(lost, axis=1), 0)


@engines
@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_bad_sample_spoils_what_the_plan_says(engine: Any, case: Any) -> None:
    n, k, mode, stride, dilation = case
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal((n, n)), rng.uniform(0.5, 1, k)
    options = {"mode": mode, "stride": stride, "dilation": dilation, "method": engine}
    plan = filtrax.plan(x.shape, h.shape, "float64", **options)
    table, _ = oracle.outputs(n, k, "convolve", mode, 0, stride, dilation)
    # Which outputs sum a sample, and which have it between their first tap and their last.
    met = np.array([[p in positions for positions in table] for p in range(n)])
    window = np.array([[min(t) <= p <= max(t) for t in table] for p in range(n)])
    run = jax.jit(lambda x: filtrax.convolve(x, h, **options))
    for value in (np.nan, -np.inf):
        lost = spoilt(run, x, value)
        assert not np.any(met & ~lost), "a NaN must not get lost"
        if engine in ("direct", "shift"):
            assert not np.any(lost & ~window)
        # The plan's figure is reached, and never passed.
        assert extents(lost).max() == plan.spread[0]


@engines
def test_backwards_too(engine: Any) -> None:
    n, k = 260, 7
    rng = np.random.default_rng(1)
    x, h = rng.standard_normal((n, n)), rng.uniform(0.5, 1, k)
    _, pull = jax.vjp(lambda x: filtrax.convolve(x, h, "same", stride=1, method=engine), x)
    plan = filtrax.plan(x.shape, h.shape, "float64", mode="same", method=engine, derivative="x")
    lost = spoilt(jax.jit(lambda y: pull(y)[0]), x, np.nan)
    assert extents(lost).max() == plan.spread[0]
    # The gradient by a signal does not depend on it, so what the signal holds cannot spoil it.
    x[3, 5] = np.nan
    by_x = jax.grad(lambda x: filtrax.convolve(x, h, "same", method=engine).sum())(x)
    assert np.isfinite(by_x).all()


@engines
def test_in_two_dimensions(engine: Any) -> None:
    rng = np.random.default_rng(2)
    x, h = rng.standard_normal((150, 6, 150)), rng.uniform(0.5, 1, (3, 4))
    bad = x.copy()
    for row in range(150):
        bad[row, row % 6, row] = np.nan
    run = jax.jit(lambda x: filtrax.convolve(x, h, "same", method=engine))
    lost = ~np.isfinite(np.asarray(run(bad)))
    np.testing.assert_array_equal(np.asarray(run(bad))[~lost], np.asarray(run(x))[~lost])
    plan = filtrax.plan(x.shape, h.shape, "float64", mode="same", method=engine)
    for axis, other in ((0, 2), (1, 1)):
        assert extents(np.logical_or.reduce(lost, other)).max() == plan.spread[axis]


@engines
def test_along_the_first_axis(engine: Any) -> None:
    n = 260
    rng = np.random.default_rng(3)
    x, h = rng.standard_normal((n, n)), rng.uniform(0.5, 1, 9)
    run = jax.jit(lambda x: filtrax.filter_rows(x, h, axis=0, method=engine).T)
    plan = filtrax.plan(x.shape, h.shape, "float64", axes=0, mode="same", method=engine)
    assert len(plan.spread) == 1
    assert extents(spoilt(run, x, np.nan)).max() == plan.spread[0]


@pytest.mark.parametrize("n", [20_000, 70_001])
def test_within_one_long_row(n: int) -> None:
    """One row is read in place in pieces, and transformed in stretches."""
    rng = np.random.default_rng(4)
    x, h = rng.standard_normal(n).astype(np.float32), np.ones(5, np.float32)
    bad = x.copy()
    bad[[0, n // 2, n - 1]] = np.nan
    for engine in ("direct", "shift"):
        got = np.asarray(filtrax.convolve(bad, h, "same", method=engine))
        lost = np.flatnonzero(~np.isfinite(got))
        middle = n // 2
        assert lost.tolist() == [0, 1, 2, *range(middle - 2, middle + 3), n - 3, n - 2, n - 1]


def test_the_gradient_by_a_kernel_sums_over_everything() -> None:
    for engine in ENGINES:
        plan = filtrax.plan((4, 100), (9,), method=engine, derivative="h")  # type: ignore[arg-type]
        assert plan.spread == (9,)


def test_an_infinity_stays_one_where_the_sum_has_one_sign() -> None:
    x = jnp.array([1.0, 2.0, jnp.inf, 4.0, 5.0, 6.0, 7.0])
    for engine in ("direct", "shift"):
        y = filtrax.convolve(x, jnp.array([1.0, 0.5, 1.0]), "valid", method=engine)  # type: ignore[arg-type]
        np.testing.assert_array_equal(y, [np.inf, np.inf, np.inf, 12.5, 15.0])


def test_a_bad_tap_may_meet_the_zeros_beyond_the_ends() -> None:
    """Zero times infinity is NaN; no output is wrong, and those that meet no zero are NumPy's."""
    ends = [0, 1, 6, 7]
    for dtype in ("float32", "float64"):
        x, h = np.arange(1, 7, dtype=dtype), np.array([1, np.inf, 2], dtype)
        want = np.convolve(x, h)
        found = [filtrax.convolve(x, h, method=method) for method in ("auto", "direct", "shift")]
        for got in map(np.asarray, (*found, fnumpy.convolve(h, x))):
            np.testing.assert_array_equal(got[2:6], want[2:6])
            assert np.all(np.isnan(got[ends]) | (got[ends] == want[ends]))
