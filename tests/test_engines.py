"""What single engines do beside the contract: lengths, long problems, isolation, prices."""

import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
import scipy.signal
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import filtrax
from filtrax._choose import counts_of, engines_for
from filtrax._costs import MEASURED, prices_for
from filtrax._engines import Correlation
from filtrax._engines.compiled import is_compiled
from filtrax._engines.spectral import fast_length
from filtrax._geometry import Axis

ROWS = np.random.default_rng(0).standard_normal((8, 5001))


def test_fast_lengths_are_the_least_of_small_factors() -> None:
    for n in (*range(1, 3000), 65537, 999_937, 1_000_001):
        assert fast_length(n) == scipy.fft.next_fast_len(n), n


@pytest.mark.parametrize("first", [0.5, 3 * float(np.finfo(np.float64).tiny)])
@pytest.mark.parametrize("shape", [(9001,), (9000,), (5, 5001)])
def test_long_shifts_whatever_the_first_tap(first: float, shape: tuple[int, ...]) -> None:
    """From 4096 outputs on, the loop runs in a branch that one value of a tap does not take."""
    x = np.random.default_rng(1).standard_normal(shape)
    h = np.array([first, 2.0, -1.0])
    got = filtrax.filter_rows(x, h, operation="correlate", method="shift")
    padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 1)])
    want = sum(tap * padded[..., m : m + shape[-1]] for m, tap in enumerate(h))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-14)


def test_long_shifts_of_integers() -> None:
    x = np.random.default_rng(2).integers(-128, 128, 9001).astype(np.int8)
    h = np.array([113, -5, 113], np.int8)
    np.testing.assert_array_equal(
        filtrax.filter_rows(x, h, method="shift"), np.convolve(x, h, "same")
    )


def test_long_shifts_on_a_mesh() -> None:
    mesh = jax.make_mesh((8,), ("rows",), axis_types=(AxisType.Auto,))
    split = jax.shard_map(
        lambda x, h: filtrax.filter_rows(x, h, method="shift"),
        mesh=mesh, in_specs=(P("rows"), P()), out_specs=P("rows"), check_vma=True,
    )  # fmt: skip
    h = np.random.default_rng(3).standard_normal(5)
    y = np.stack([np.convolve(row, h, "same") for row in ROWS])
    np.testing.assert_allclose(jax.jit(split)(ROWS, h), y, atol=1e-13)
    slope = jax.jit(jax.grad(lambda h: jnp.sum(split(jnp.asarray(ROWS), h) ** 2)))(jnp.asarray(h))
    padded = np.pad(ROWS, [(0, 0), (2, 2)])
    want = [2 * np.sum(y * padded[:, 4 - m : 4 - m + 5001]) for m in range(5)]
    np.testing.assert_allclose(slope, want, rtol=1e-12)


@pytest.mark.parametrize("engine", ["auto", "toeplitz", "fft", "overlap"])
@pytest.mark.parametrize(("n", "k"), [(30000, 700), (40001, 9001), (9001, 9001)])
def test_long_kernels(engine: Any, n: int, k: int) -> None:
    rng = np.random.default_rng(4)
    x, h, weights = rng.standard_normal(n), rng.standard_normal(k), rng.standard_normal(n + k - 1)
    got, pull = jax.vjp(lambda x, h: filtrax.convolve(x, h, method=engine), x, h)
    scale = float(np.linalg.norm(x) * np.linalg.norm(h))
    np.testing.assert_allclose(got, scipy.signal.fftconvolve(x, h), atol=1e-14 * scale)
    by_x, by_h = pull(jnp.asarray(weights))
    scale = float(np.linalg.norm(weights) * np.linalg.norm(x))
    want_x = scipy.signal.fftconvolve(weights, h[::-1], "valid")
    want_h = scipy.signal.fftconvolve(weights, x[::-1], "valid")
    np.testing.assert_allclose(by_x, want_x, atol=1e-14 * scale)
    np.testing.assert_allclose(by_h, want_h, atol=1e-14 * scale)


def test_a_long_kernel_is_not_left_to_sums() -> None:
    plan = filtrax.plan((1, 1_000_000), (20_000,), mode="same", platform="cpu")
    assert plan.engine in ("fft", "overlap")
    assert filtrax.plan((1, 100_000), (20_000,), "int32", platform="cpu").engine == "direct"


@pytest.mark.parametrize("dtype", ["float64", "complex64", "int32"])
@pytest.mark.parametrize("method", ["shift", "direct"])
def test_many_kernels_of_their_own(method: Any, dtype: str) -> None:
    """XLA's CPU library would make one kernel of them all, here of some 10 GB."""
    rng = np.random.default_rng(5)
    x, h = (rng.integers(-9, 9, (20_000, n)).astype(dtype) for n in (16, 3))

    def filtered(x: Any, h: Any) -> jax.Array:
        return filtrax.filter_rows(x, h, method=method)

    held = jax.jit(filtered).lower(x, h).compile().memory_analysis()
    assert held is not None
    assert held.temp_size_in_bytes < 10 * x.nbytes
    padded = np.pad(x, [(0, 0), (1, 1)])
    want = sum(h[:, 2 - m, None] * padded[:, m : m + 16] for m in range(3))
    np.testing.assert_array_equal(filtered(x, h), want)


TABLES = [(platform, dtype) for platform, table in MEASURED.items() for dtype in table]


@pytest.mark.parametrize(("platform", "dtype"), [*TABLES, ("cuda", "float32")])
def test_every_count_has_a_price(platform: str, dtype: str) -> None:
    name, *kinds = platform.split()
    compiled = "compiled" in kinds
    sizes = itertools.product((1, 3), (1, 4), (1, 2), (1, 5), ((9, 3, 7), (9, 7, 3)))
    for g, b, c, o, (n, k, m) in sizes:
        problem = Correlation(g, b, c, o, (Axis(n, k, m, 0),), jnp.dtype(dtype))
        for engine in engines_for(problem, compiled).values():
            counts = counts_of(engine, problem)
            prices = prices_for(name, dtype, is_compiled(engine))
            assert len(counts) == len(prices[engine.name])
            # For so little only plain sums are chosen unasked, and XLA's of few outputs.
            never = engine.name in ("toeplitz", "fft", "overlap")
            never = never and problem.multiplications < 2**14
            if engine.name == "shift" and not compiled:
                never = problem.is_short and problem.outputs > 32
            assert counts[0] == (math.inf if never else 1)
            assert min(counts) >= 0
