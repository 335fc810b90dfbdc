"""Each engine's error stays below the bound that the documentation states, whatever the range.

The reference is extended precision. `FILTRAX_ERROR_CASES` is the number of random shapes.
"""

import itertools
import math
import os
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax
from filtrax import _native
from filtrax._engines import ENGINES, Correlation, tiles
from filtrax._engines.compiled import COMPILED
from filtrax._geometry import Axis

CASES = int(os.environ.get("FILTRAX_ERROR_CASES", "3"))
engines = pytest.mark.parametrize("engine", sorted(ENGINES))


def convolved(x: np.ndarray, h: np.ndarray, mode: Any = "full") -> np.ndarray:
    """np.convolve along the last axis in extended precision, a loop over the taps."""
    wide = np.clongdouble if np.iscomplexobj(x) or np.iscomplexobj(h) else np.longdouble
    x, h = x.astype(wide), h.astype(wide)
    n, k = x.shape[-1], h.shape[-1]
    out = np.zeros((*x.shape[:-1], n + k - 1), wide)
    for tap in range(k):
        out[..., tap : tap + n] += h[tap] * x
    return out[..., k - 1 : n] if mode == "valid" else out


def window_bound(x: np.ndarray, h: np.ndarray, mode: Any, eps: float, terms: int) -> np.ndarray:
    """(terms + 2) eps times the sum of |h| |x| over each output's own window."""
    own = convolved(np.abs(x), np.abs(h), mode)
    complex_arithmetic = np.iscomplexobj(x) and np.iscomplexobj(h)
    return (2 if complex_arithmetic else 1) * (terms + 2) * eps * own


def block_bound(x: np.ndarray, h: np.ndarray, eps: float, length: int, outputs: int) -> np.ndarray:
    """2 eps log2(L) times the norms of the kernel and of the samples in reach of a block."""
    power = np.pad(np.abs(x).astype(np.longdouble) ** 2, [(0, 0), (length, length + outputs)])
    sums = np.cumsum(power, axis=-1)
    at = np.arange(outputs)
    # A block begins less than its length before an output, and ends less than that after it.
    near = sums[:, at + 2 * length] - sums[:, at]
    return 2 * eps * math.log2(length) * np.sqrt(near) * np.linalg.norm(h)


def spans(n: int, span: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Signals over a range of magnitudes: one huge sample, a slope, and huge samples at random."""
    spike = np.ones((1, n))
    spike[0, n // 3] = span
    slope = span ** np.linspace(0, 1, n)[None]
    burst = np.where(rng.random((1, n)) < 0.01, span, 1.0)
    return [size * rng.standard_normal((1, n)) for size in (spike, slope, burst)]


@engines
@pytest.mark.parametrize("dtype", ["float32", "complex64", "float64"])
@pytest.mark.parametrize(("n", "k"), [(3000, 9), (2500, 300)])
def test_the_bound_holds_over_any_range(engine: Any, dtype: str, n: int, k: int) -> None:
    rng = np.random.default_rng(k)
    h = rng.standard_normal(k)
    if dtype == "complex64":
        h = h + 1j * rng.standard_normal(k)
    h = h.astype(dtype)
    eps = float(np.finfo(dtype).eps)
    run = jax.jit(lambda x, h: filtrax.convolve(x, h, "full", method=engine))
    plan = filtrax.plan((1, n), (k,), dtype, method=engine)
    outputs = n + k - 1
    for span in (1.0, 1e4, 1e8):
        for real in spans(n, span, rng):
            x = real.astype(dtype)
            if dtype == "complex64":
                x = (real + 1j * real[:, ::-1]).astype(dtype)
            error = np.abs(np.asarray(run(x, h)) - convolved(x, h))
            if plan.scale == "window":
                bound = window_bound(x, h, "full", eps, k)
            elif plan.scale == "block":
                assert plan.block is not None
                bound = block_bound(x, h, eps, plan.block, outputs)
            else:
                norms = np.linalg.norm(x.astype(np.clongdouble)) * np.linalg.norm(h)
                bound = np.full(outputs, 2 * eps * math.log2(outputs) * norms)
            assert np.all(error <= bound), (span, float((error / bound).max()))


@engines
@pytest.mark.parametrize("shape", [(6, 500), (1, 3000)])
def test_the_bound_holds_for_the_gradient_by_the_kernel(engine: Any, shape: Any) -> None:
    rng = np.random.default_rng(7)
    k, eps = 6, float(np.finfo(np.float32).eps)
    plan = filtrax.plan(shape, (k,), mode="valid", method=engine, derivative="h")
    pull = jax.jit(
        lambda x, ct: jax.vjp(
            lambda h: filtrax.correlate(x, h, "valid", method=engine), jnp.zeros(k, jnp.float32)
        )[1](ct)[0]
    )
    for span in (1.0, 1e8):
        x = np.concatenate(spans(shape[1], span, rng) * 2)[: shape[0]].astype(np.float32)
        ct = rng.standard_normal((shape[0], shape[1] - k + 1)).astype(np.float32)
        wide, long = x.astype(np.longdouble), ct.astype(np.longdouble)
        m = ct.shape[1]
        exact = np.array([np.sum(wide[:, i : i + m] * long) for i in range(k)])
        own = np.array([np.sum(np.abs(wide[:, i : i + m] * long)) for i in range(k)])
        error = np.abs(np.asarray(pull(x, ct)) - exact)
        if plan.scale == "window":
            bound = (ct.size + 2) * eps * own
        else:
            bound = 2 * eps * math.log2(x.size) * np.linalg.norm(wide) * np.linalg.norm(long)
        assert np.all(error <= bound), (span, float((error / bound).max()))


def test_a_huge_signal_beside_others_does_not_spoil_their_sums() -> None:
    """Channels behind time: sums run over all signals, and nothing that crosses them is in them."""
    rng = np.random.default_rng(8)
    b, n, c, k = 4, 300, 32, 3
    eps = float(np.finfo(np.float32).eps)
    x = rng.standard_normal((b, n, c)).astype(np.float32)
    x[1] *= 1e8
    ct = rng.standard_normal((b, n, c)).astype(np.float32)
    # The huge signal is weighed with zeros, so that each tap's own products are small.
    ct[1] = 0

    def filtered(h: Any, **options: Any) -> Any:
        return filtrax.convolve(x, h, "causal", axes=1, **options)

    shapes: dict[str, Any] = {"axes": 1, "mode": "causal", "derivative": "h"}
    plan = filtrax.plan((b, n, c), (1, k, c), method="shift", **shapes)
    assert plan.scale == "window"
    h = jnp.ones((1, k, c), jnp.float32)
    padded = np.pad(x, [(0, 0), (k - 1, 0), (0, 0)]).astype(np.longdouble)
    met = [padded[:, k - 1 - m : k - 1 - m + n] for m in range(k)]
    exact = np.stack([np.sum(each * ct, axis=(0, 1)) for each in met])
    own = np.stack([np.sum(np.abs(each * ct), axis=(0, 1)) for each in met])
    for method, accuracy in (("shift", "row"), ("auto", "window")):
        pull = jax.vjp(partial(filtered, method=method, accuracy=accuracy), h)[1]
        (got,) = pull(jnp.asarray(ct))
        assert np.all(np.abs(np.asarray(got[0]) - exact) <= (b * n + 2) * eps * own)


@engines
@pytest.mark.parametrize("case", range(CASES))
def test_the_error_expected_is_the_error_found(engine: Any, case: int) -> None:
    """For well-scaled data of random signs, within the factors that the documentation states."""
    rng = np.random.default_rng(case)
    for derivative in (None, "h"):
        b, n = int(rng.integers(1, 5)), int(math.exp(rng.uniform(math.log(500), math.log(20_000))))
        k = int(math.exp(rng.uniform(math.log(16), math.log(250))))
        x = rng.standard_normal((b, n)).astype(np.float32)
        h = rng.standard_normal(k).astype(np.float32)
        plan = filtrax.plan((b, n), (k,), mode="valid", method=engine, derivative=derivative)
        if derivative is None:
            got = filtrax.convolve(x, h, "valid", method=engine)
            exact = convolved(x, h, "valid")
        else:
            ct = rng.standard_normal((b, n - k + 1)).astype(np.float32)
            _, pull = jax.vjp(lambda h: filtrax.correlate(x, h, "valid", method=engine), h)  # noqa: B023
            (got,) = pull(jnp.asarray(ct))
            m = ct.shape[1]
            wide = x.astype(np.longdouble)
            exact = np.array([np.sum(wide[:, i : i + m] * ct) for i in range(k)])
        error = np.abs(np.asarray(got) - exact)
        found = float(error.max() / np.abs(exact).max())
        assert plan.error / 20 <= found <= 3 * plan.error, (b, n, k, derivative)


def test_a_range_that_a_transform_would_lose_is_kept_on_request() -> None:
    rng = np.random.default_rng(9)
    n, k = 100_000, 1500
    x = rng.standard_normal((1, n)).astype(np.float32)
    x[0, 1000] = 1e8
    h = rng.uniform(0.5, 1, k).astype(np.float32)
    assert filtrax.plan(x.shape, h.shape, platform="cpu").engine in ("fft", "overlap")
    careful = filtrax.plan(x.shape, h.shape, accuracy="window", platform="cpu")
    assert careful.engine not in ("fft", "overlap")
    assert "leaves out" in careful.reason
    clean = x.copy()
    clean[0, 1000] = 0
    # Far from the sample that is huge, the rest is what counts.
    far = np.s_[:, 50_000 : n - k]
    exact = np.stack([np.convolve(clean[0].astype(float), h.astype(float), "same")])
    size = np.abs(exact[far]).max()

    def error(**options: Any) -> float:
        got = np.asarray(filtrax.filter_rows(x, h, **options))
        return float(np.abs(got[far] - exact[far]).max() / size)

    assert error(accuracy="window") < 1e-5
    assert error(method="fft") > 1e-2
    assert error(method="overlap", accuracy="block") < 1e-5


def test_accuracy_is_kept_by_every_pass_or_refused() -> None:
    shapes = (1, 1_000_000), (20_000,)
    assert filtrax.plan(*shapes, platform="cpu").scale != "window"
    for derivative in (None, "x", "h"):
        plan = filtrax.plan(*shapes, platform="cpu", derivative=derivative, accuracy="window")
        assert plan.scale == "window"
    least = filtrax.plan(*shapes, platform="cpu", method="overlap").error
    assert filtrax.plan(*shapes, platform="cpu", accuracy=1.01 * least).engine == "overlap"
    with pytest.raises(ValueError, match=r"^accuracy: expected one that some engine keeps, got .*"
                       r"fft: an error of .* in float32"):  # fmt: skip
        filtrax.plan(*shapes, platform="cpu", accuracy=1e-9)
    assert filtrax.plan(*shapes, "float64", platform="cpu", accuracy=1e-9).error < 1e-9
    with pytest.raises(ValueError, match=r"^accuracy: .*method='fft' keeps, got 'window': .*row"):
        filtrax.plan(*shapes, method="fft", accuracy="window")
    with pytest.raises(ValueError, match=r"^accuracy: .*method='fft'"):
        filtrax.filter_rows(np.ones(100), np.ones(9), method="fft", accuracy="window")
    # Integers are exact, whatever is asked for.
    assert filtrax.plan((9,), (3,), "int32", accuracy=1e-30).error == 0
    # It holds in a gradient that has long sums, too.
    loss = jax.grad(lambda h: filtrax.convolve(
        jnp.ones((1, 70_000), jnp.float32), h, "valid", accuracy=1.2e-7).sum())  # fmt: skip
    with pytest.raises(ValueError, match=r"^accuracy: expected one that some engine keeps"):
        jax.jit(loss).lower(jnp.ones(5, jnp.float32))


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("rows", ValueError, r"^accuracy: expected one of 'window', 'block', 'row', got 'rows'"),
        (None, TypeError, r"^accuracy: expected one of .*, or a number, got None"),
        (True, TypeError, r"^accuracy: .*got True"),
        (0, ValueError, r"^accuracy: expected a finite number above 0, got 0"),
        (math.nan, ValueError, r"^accuracy: expected a finite number above 0, got nan"),
    ],
)
def test_accuracy_is_checked(value: Any, kind: type[Exception], message: str) -> None:
    calls = (
        lambda: filtrax.convolve(np.ones(9), np.ones(3), accuracy=value),
        lambda: filtrax.filter_rows(np.ones(9), np.ones(3), accuracy=value),
        lambda: filtrax.filter_separable(np.ones(9), [np.ones(3)], (0,), accuracy=value),
        lambda: filtrax.plan((9,), (3,), accuracy=value),
    )
    for call in calls:
        with pytest.raises(kind, match=message):
            call()


@pytest.mark.skipif(not _native.available(), reason="small blocks are compiled only")
@pytest.mark.parametrize("k", [2, 3, 4, 5])
@pytest.mark.parametrize("axes", [1, 2])
def test_the_bound_holds_for_small_blocks(axes: int, k: int) -> None:
    # Of banks: the norms are over all channels.
    rng = np.random.default_rng(k)
    engine = COMPILED["overlap"]
    assert engine.run_as is not None
    slid = (Axis(30, k, 30, k // 2),) * axes
    problem = Correlation(1, 1, 16, 16, slid, jnp.dtype("float32"))
    length = engine.block(problem)
    assert length == tiles.POINTS
    h = rng.standard_normal((1, 16, 16, *(k,) * axes)).astype(np.float32)
    norm = np.sqrt(np.sum(np.square(h, dtype=float), axis=tuple(range(2, h.ndim))))
    for span in (1.0, 1e4, 1e8):
        spike, burst = np.ones((30,) * axes), np.where(rng.random((30,) * axes) < 0.02, span, 1.0)
        spike[11] = span
        for size in (spike, burst, np.broadcast_to(span ** np.linspace(0, 1, 30), spike.shape)):
            x = (size * rng.standard_normal((1, 1, 16, *size.shape))).astype(np.float32)
            wanted = np.zeros((1, 1, 16, *size.shape))
            padded = np.pad(x.astype(float), [(0, 0)] * 3 + [(k // 2, k)] * axes)
            for tap in itertools.product(range(k), repeat=axes):
                met = padded[(..., *(slice(t, t + 30) for t in tap))]
                wanted += np.einsum("goc,gbc...->gbo...", h[(..., *tap)].astype(float), met)
            # The samples less than a block away.
            power = np.sum(np.square(x, dtype=float), axis=2, keepdims=True)
            near = np.pad(power, [(0, 0)] * 3 + [(length - 1, length - 1)] * axes)
            for axis in range(3, 3 + axes):
                windows = np.lib.stride_tricks.sliding_window_view(near, 2 * length - 1, axis=axis)
                near = windows.sum(-1)
            eps = float(np.finfo(np.float32).eps)
            bound = (
                2 * eps * math.log2(length) * np.sqrt(near) * norm.reshape(1, 1, 16, *(1,) * axes)
            )
            error = np.abs(
                np.asarray(engine.run_as(problem, jnp.asarray(x), jnp.asarray(h))) - wanted
            )
            assert np.all(error <= bound)
