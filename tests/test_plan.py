"""The plan: a pure answer from shapes, which is also what runs."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import filtrax
from filtrax import _choose, _primitive
from filtrax._choose import choose
from filtrax._engines import ENGINES, Correlation
from filtrax._geometry import Axis

SHAPES: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((1, 1000), (9,), {}),
    ((1, 1000), (700,), {"mode": "same"}),
    ((256, 64), (31,), {"mode": "valid"}),
    ((64, 64), (64, 5), {"axes": 1}),
    ((1, 64), (32, 5), {"axes": 1}),
    ((5, 5), (3, 3), {"stride": 2}),
    ((3,), (7,), {"mode": "causal", "dilation": 2}),
)


@pytest.mark.parametrize(("x", "h", "options"), SHAPES)
@pytest.mark.parametrize("derivative", [None, "x", "h"])
def test_a_plan_names_an_engine_a_reason_and_costs(
    x: Any, h: Any, options: Any, derivative: Any
) -> None:
    plan = filtrax.plan(x, h, platform="cpu", derivative=derivative, **options)
    assert plan.engine in ENGINES
    assert plan.reason
    assert plan.engine in plan.cost
    assert set(plan.cost) <= set(ENGINES)
    assert all(cost > 0 for cost in plan.cost.values())
    assert plan.cost[plan.engine] == min(plan.cost.values()) < math.inf
    assert plan.memory >= 0
    assert 0 < plan.error < 1e-4
    # Nothing but the arguments matters.
    assert plan == filtrax.plan(x, h, platform="cpu", derivative=derivative, **options)


def test_integers_are_exact_and_halves_are_not() -> None:
    assert filtrax.plan((9,), (3,), "int32").error == 0
    half = filtrax.plan((9,), (3,), "bfloat16").error
    assert 2.0**-9 < half < 2.0**-7 < 1e6 * filtrax.plan((9,), (3,), "float32").error


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize(("n", "k"), [(20_000, 9), (20_000, 129), (50_000, 1000)])
def test_the_error_is_of_the_order_that_the_plan_says(engine: Any, n: int, k: int) -> None:
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal(n).astype(np.float32), rng.standard_normal(k).astype(np.float32)
    exact = scipy.signal.fftconvolve(x.astype(float), h.astype(float))
    got = filtrax.convolve(x, h, method=engine)
    error = np.abs(np.asarray(got) - exact).max() / np.abs(exact).max()
    assert error < 4 * filtrax.plan((n,), (k,), method=engine).error


def test_a_plan_is_frozen() -> None:
    plan = filtrax.plan((9,), (3,))
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.engine = "other"  # type: ignore[misc]


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_method_asked_for_is_the_plan(engine: str) -> None:
    plan = filtrax.plan((8, 100), (9,), method=engine, platform="cpu")  # type: ignore[arg-type]
    assert plan.engine == engine
    assert "method=" in plan.reason


@pytest.mark.parametrize("platform", _primitive.PLATFORMS)
@pytest.mark.parametrize("dtype", ["int32", "float32", "bfloat16", "complex64"])
def test_every_platform_and_dtype_has_an_engine(platform: str, dtype: str) -> None:
    plan = filtrax.plan((8, 100), (9,), dtype, platform=platform)
    problem = Correlation(1, 8, 1, 1, (Axis(100, 9, 108, 8),), jnp.dtype(dtype))
    assert ENGINES[plan.engine].refuses(problem, platform) is None


@pytest.mark.parametrize(("channels", "outputs"), [(1000, 1000), (64, 3), (1, 40)])
def test_one_tap_of_channels_is_a_product(channels: int, outputs: int) -> None:
    """XLA's convolution takes hundreds of times as long in a loop (jax#12868)."""
    problem = Correlation(1, 2, channels, outputs, (Axis(1024, 1, 1024, 0),), jnp.dtype("float32"))
    assert choose(problem, "auto", "cpu").engine == "shift"


def test_gpu_is_cuda() -> None:
    assert filtrax.plan((9,), (3,), platform="gpu") == filtrax.plan((9,), (3,), platform="cuda")


def test_integers_on_a_gpu_are_refused_by_lax_and_the_reason_is_told() -> None:
    with pytest.raises(ValueError, match=r"^method: .*'shift'.*'direct': .*int32.*cuda"):
        filtrax.plan((9,), (3,), "int32", method="direct", platform="cuda")
    assert "direct" not in filtrax.plan((9,), (3,), "int32", platform="cuda").cost


def test_no_array_is_touched() -> None:
    with jax.transfer_guard("disallow"):
        filtrax.plan((10**9, 10**6), (10**5,), platform="cpu")


@pytest.mark.parametrize(("x", "h", "options"), SHAPES)
def test_the_plan_is_what_runs(
    x: Any, h: Any, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Correlation, str]] = []

    def spy(problem: Correlation, *options: Any) -> _choose.Plan:
        plan = choose(problem, *options)
        seen.append((problem, plan.engine))
        return plan

    monkeypatch.setattr(_primitive, "choose", spy)

    def loss(x: jax.Array, h: jax.Array) -> jax.Array:
        return (filtrax.convolve(x, h, **options) ** 2).sum()

    arrays = jax.ShapeDtypeStruct(x, "float32"), jax.ShapeDtypeStruct(h, "float32")
    jax.jit(jax.grad(loss, (0, 1))).lower(*arrays)
    planned = {
        filtrax.plan(x, h, "float32", derivative=derivative, platform="cpu", **options).engine
        for derivative in (None, "x", "h")
    }
    assert len(seen) >= 3
    assert {engine for _, engine in seen} == planned


def test_the_problem_counts_its_products() -> None:
    problem = Correlation(2, 3, 4, 5, (Axis(9, 3, 7, 0), Axis(8, 2, 7, 0)), jnp.dtype("float32"))
    outputs = np.zeros((2, 3, 5, 7, 7)).size
    assert problem.outputs == outputs
    assert problem.taps == 6
    assert problem.multiplications == outputs * 6 * 4
