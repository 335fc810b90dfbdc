"""Kernels in closed form, against numpy.linalg.lstsq on the matrix, and finite differences."""

import os
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import filtrax
from filtrax import nn
from filtrax.fit import IdentifiabilityWarning, fit, fit_fir

#: The random sweep: FILTRAX_FULL=1 runs many more.
SWEEPS = 400 if os.environ.get("FILTRAX_FULL") else 2


def design(x: np.ndarray, taps: int, mode: Any, delay: int = 0, boundary: Any = "zero"
           ) -> np.ndarray:  # fmt: skip
    """The matrix of the least-squares problem, entry by entry from the definition."""
    n = len(x)
    extents: Any = {
        "full": (taps - 1, taps - 1), "valid": (0, 0), "causal": (taps - 1, 0),
        "same": (taps // 2, (taps - 1) // 2),
    }  # fmt: skip
    lo, hi = extents.get(mode, mode)
    outputs = n + lo + hi - taps + 1
    wide = n + taps + abs(delay)
    if isinstance(boundary, str):
        names: Any = {"zero": "constant"}
        outside: Any = np.pad(x, wide, mode=names.get(boundary, boundary))
    else:
        outside = np.pad(x, wide, constant_values=boundary)
    return np.array(
        [
            [outside[wide + i - lo - delay + taps - 1 - m] for m in range(taps)]
            for i in range(outputs)
        ]
    )


def least(a: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(a, y, rcond=None)[0]


def close(found: Any, wanted: Any, tolerance: float = 1e-11) -> None:
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)


PLACES = [("causal", 0), ("causal", 3), ("causal", -2), ("same", 0), ("same", -2), ("full", 3),
          ("valid", 0), ("valid", 3), ((5, -2), 0)]  # fmt: skip


@pytest.mark.parametrize(("mode", "delay"), PLACES)
def test_it_is_the_least_squares_of_the_explicit_matrix(mode, delay):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(60)
    a = design(x, 6, mode, delay)
    y = rng.standard_normal(len(a))
    found = fit_fir(x, y, 6, mode=mode, delay=delay)
    h = least(a, y)
    close(found.kernel, h)
    close(found.residual, y - a @ h)
    close(found(x), a @ h)
    assert float(found.condition) == pytest.approx(np.linalg.cond(a), rel=1e-6)
    assert int(found.rank) == 6
    freedom = len(a) - 6
    error = np.sqrt(np.sum((y - a @ h) ** 2) / freedom * np.diag(np.linalg.inv(a.T @ a)))
    close(found.standard_error, error, 1e-9)


@pytest.mark.parametrize("boundary", ["reflect", "wrap", "edge", 1.5])
def test_what_lies_outside(boundary):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 30))
    found = fit_fir(x, y, 5, mode="same", boundary=boundary)
    close(found.kernel, least(design(x, 5, "same", 0, boundary), y))


def test_rows_share_a_kernel_or_have_one_each():
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((2, 2, 3, 40))
    matrices = [design(row, 4, "causal") for row in x.reshape(6, 40)]
    close(fit_fir(x, y, 4).kernel, least(np.concatenate(matrices), y.ravel()))
    found = fit_fir(x, y, 4, per_row=True)
    assert found.kernel.shape == found.standard_error.shape == (2, 3, 4)
    assert found.condition.shape == found.rank.shape == (2, 3)
    for i, (a, row) in enumerate(zip(matrices, y.reshape(6, 40), strict=True)):
        close(found.kernel.reshape(6, 4)[i], least(a, row))
    close(found(x), filtrax.filter_rows(x, np.asarray(found.kernel), mode="causal"))


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
def test_complex_signals(operation):
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((2, 50)) + 1j * rng.standard_normal((2, 50))
    for u, v in ((x, y), (x.real, y), (x, y.real)):
        found = fit_fir(u, v, 4, operation=operation)
        h = least(design(u, 4, "causal"), v)
        wanted = h if operation == "convolve" else np.conj(h)[::-1]
        close(found.kernel, wanted)
        run = getattr(filtrax, operation)
        u = u.astype(complex)  # noqa: PLW2901
        close(found.residual, v - np.asarray(run(u, wanted, "causal")))
        close(found(u), np.asarray(run(u, wanted, "causal")))


def test_a_ridge():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((2, 40))
    a = design(x, 6, "causal")
    wide = np.concatenate([a, np.sqrt(3.0) * np.eye(6)])
    found = fit_fir(x, y, 6, ridge=3.0)
    close(found.kernel, least(wide, np.append(y, np.zeros(6))))
    assert float(found.condition) == pytest.approx(np.linalg.cond(wide), rel=1e-6)
    # With more taps than samples, too.
    few = fit_fir(x[:6], y[:1], 6, mode="valid", ridge=0.5).kernel
    row = design(x[:6], 6, "valid")
    close(few, row.T @ y[:1] / (row @ row.T + 0.5)[0, 0])


def test_weights():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 3, 40))
    a = np.concatenate([design(row, 5, "same") for row in x])
    for shape in ((3, 1), (40,), (3, 40)):
        w = rng.uniform(0, 2, shape)
        w[rng.uniform(size=shape) < 0.2] = 0
        root = np.sqrt(np.broadcast_to(w, (3, 40))).ravel()
        found = fit_fir(x, y, 5, mode="same", weights=w)
        h = least(a * root[:, None], y.ravel() * root)
        close(found.kernel, h)
        close(found.residual.ravel(), y.ravel() - a @ h)
        assert float(found.condition) == pytest.approx(np.linalg.cond(a * root[:, None]), rel=1e-6)
    # A masked sample has no influence, and none on the error estimate.
    x, y = x[0], y[0]
    keep = rng.uniform(size=40) > 0.3
    a = design(x, 5, "same")[keep]
    wild = np.where(keep, y, 1e3)
    found = fit_fir(x, wild, 5, mode="same", weights=keep.astype(float))
    h = least(a, y[keep])
    close(found.kernel, h)
    power = np.sum((y[keep] - a @ h) ** 2) / (keep.sum() - 5)
    close(found.standard_error, np.sqrt(power * np.diag(np.linalg.inv(a.T @ a))), 1e-9)
    rows = np.stack([x, x[::-1]])
    one = fit_fir(rows, np.stack([y, y]), 5, weights=np.ones((2, 40)), per_row=True)
    close(one.kernel, fit_fir(rows, np.stack([y, y]), 5, per_row=True).kernel)


def constrained(a: np.ndarray, y: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """The Lagrange conditions, solved as they stand."""
    k, q = a.shape[1], len(c)
    whole = np.block([[a.T @ a, c.T], [c, np.zeros((q, q))]])
    return np.linalg.lstsq(whole, np.append(a.T @ y, d), rcond=None)[0][:k]


def equations(promise: Any, taps: int) -> tuple[np.ndarray, np.ndarray]:
    """What a promise says, as it would be written down; each is one of the taps' equations."""
    eye, ones = np.eye(taps), np.ones((1, taps))
    centre = (taps - 1) // 2  # of mode "same"
    if isinstance(promise, tuple):
        return promise
    return {
        nn.Symmetric(): (eye - eye[::-1], np.zeros(taps)),
        nn.Antisymmetric(): (eye + eye[::-1], np.zeros(taps)),
        nn.UnitSum(): (ones, np.ones(1)),
        nn.ZeroSum(): (ones, np.zeros(1)),
        nn.Causal(): (eye[:centre], np.zeros(centre)),
        nn.AntiCausal(): (eye[centre + 1 :], np.zeros(taps - centre - 1)),
    }[promise]


PAIR = (np.array([[1.0, 2, 0, 0, 0]]), np.array([0.75]))
WIDE = (np.array([[1.0, 2, 0, 0, 0, 0]]), np.array([0.75]))
CONSTRAINTS: Any = [
    ([nn.Symmetric()], 5), ([nn.Symmetric()], 6), ([nn.Antisymmetric()], 5),
    ([nn.Antisymmetric()], 6), ([nn.UnitSum()], 5), ([nn.ZeroSum()], 5), ([nn.AntiCausal()], 5),
    ([nn.Symmetric(), nn.UnitSum()], 5), ([PAIR], 5), ([nn.UnitSum(), PAIR, nn.AntiCausal()], 5),
    ([nn.Antisymmetric(), WIDE], 6),
    # An equation that a promise keeps already.
    ([nn.Antisymmetric(), (np.ones(6), 0.0)], 6),
]  # fmt: skip


@pytest.mark.parametrize(
    ("constraint", "taps", "edges"),
    [(*each, "exact") for each in CONSTRAINTS] + [(*CONSTRAINTS[-2], "stationary")],
)
def test_constraints(constraint, taps, edges):
    rng = np.random.default_rng(6)
    # The full window has no edges: there both forms are the same problem.
    x, y = rng.standard_normal(50), rng.standard_normal(50 + taps - 1)
    c, d = (
        np.concatenate([np.atleast_1d(each) for each in parts])
        for parts in zip(
            *((np.atleast_2d(a), b) for a, b in (equations(e, taps) for e in constraint)),
            strict=True,
        )
    )
    given = constraint if len(constraint) > 1 else constraint[0]
    found = fit_fir(x, y, taps, mode="full", constraint=given, edges=edges)
    close(found.kernel, constrained(design(x, taps, "full"), y, c, d))
    np.testing.assert_allclose(c @ found.kernel, d, atol=1e-14)


@pytest.mark.parametrize("promises", [
    (nn.BandLimited(0.0, 0.5, leakage=1e-2), nn.UnitSum()), (nn.Causal("correlate"), nn.ZeroSum()),
], ids=str)  # fmt: skip
def test_a_promise_is_the_same_by_gradient(promises):
    """One vocabulary: the best kernel that keeps promises is where a fit by gradient ends."""
    rng = np.random.default_rng(18)
    operation: Any = "correlate" if nn.Causal("correlate") in promises else "convolve"
    x, y = rng.standard_normal((2, 3, 40))
    found = fit_fir(x, y, 11, mode="same", constraint=promises, operation=operation)
    start = nn.Constrained(rng.standard_normal(11), *promises)
    layer = nn.FIR(start, operation=operation)
    other = fit(layer, x, y, optimizer="gauss-newton", steps=20, progress=False).model
    close(found.kernel, other.taps, 1e-9)


def test_a_constraint_is_on_the_kernel_that_is_returned():
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((2, 40)) + 1j * rng.standard_normal((2, 40))
    a, b = np.array([[1, 2j, 0, 0]]), np.array([0.5 - 1j])
    for operation in ("convolve", "correlate"):
        found = fit_fir(x, y, 4, constraint=(a, b), operation=operation)
        np.testing.assert_allclose(a @ found.kernel, b, atol=1e-14)


def test_stationary_is_the_yule_walker_form():
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((2, 3, 80))
    modes: Any = (("causal", 1.0), ("valid", 75 / 80))
    for mode, factor in modes:
        z = y if mode == "causal" else y[:, 5:]
        lags = sum(np.correlate(r, r, "full")[79 : 79 + 6] for r in x) * factor
        cross = sum(design(r, 6, mode).T @ v for r, v in zip(x, z, strict=True))
        wanted = scipy.linalg.solve_toeplitz(lags, cross)
        found = fit_fir(x, z, 6, mode=mode, edges="stationary")
        close(found.kernel, wanted)
        close(found.residual, z - np.stack([design(r, 6, mode) @ wanted for r in x]))


def coloured(n: int, pole: float, rng: np.random.Generator) -> np.ndarray:
    return scipy.signal.lfilter([1], [1, -pole], rng.standard_normal(n))


@pytest.mark.parametrize("pole", [0.0, 0.9, 0.99, 0.999])
def test_known_taps_come_back(pole):
    rng = np.random.default_rng(9)
    x, h = coloured(6000, pole, rng), rng.standard_normal(129)
    y = np.convolve(x.astype(np.longdouble), h.astype(np.longdouble))[:6000].astype(float)
    found = fit_fir(x, y, 129)
    assert np.abs(found.kernel - h).max() < 1e-10
    columns = [np.concatenate([np.zeros(m), x[: 6000 - m]]) for m in range(129)]
    theirs = np.abs(least(np.stack(columns, 1), y) - h).max()
    assert np.abs(found.kernel - h).max() < 10 * theirs


def test_the_error_is_that_of_an_orthogonal_factorisation():
    """With a large residual and conditions up to 1e6, against a solution in extended precision."""
    rng = np.random.default_rng(10)
    for taps, pole in ((8, 0.9), (16, 0.999), (16, 0.999999)):
        x = coloured(400, pole, rng) + 10 * (pole > 0.9999)
        a, y = design(x, taps, "valid"), rng.standard_normal(400 - taps + 1)
        q, r = np.linalg.qr(a)
        exact = np.linalg.solve(r, q.T @ y).astype(np.longdouble)
        for _ in range(5):
            wrong = y.astype(np.longdouble) - a.astype(np.longdouble) @ exact
            slope = (a.astype(np.longdouble).T @ wrong).astype(float)
            exact = exact + np.linalg.solve(r, np.linalg.solve(r.T, slope))
        ours = np.abs(np.asarray(fit_fir(x, y, taps, mode="valid").kernel) - exact).max()
        theirs = np.abs(least(a, y) - exact).max()
        assert ours < 10 * theirs, (np.linalg.cond(a), ours, theirs)


def test_noise_costs_what_the_cramer_rao_bound_says():
    rng = np.random.default_rng(11)
    taps, sigma, runs = 5, 0.3, 4000
    x = coloured(60, 0.7, rng)
    a, h = design(x, taps, "causal"), rng.standard_normal(taps)
    y = a @ h + sigma * rng.standard_normal((runs, 60))
    found = fit_fir(np.broadcast_to(x, y.shape), y, taps, per_row=True)
    bound = sigma**2 * np.diag(np.linalg.inv(a.T @ a))
    spread = np.mean((np.asarray(found.kernel) - h) ** 2, 0)
    np.testing.assert_allclose(spread, bound, rtol=0.1)
    np.testing.assert_allclose(np.mean(np.asarray(found.standard_error) ** 2, 0), bound, rtol=0.1)


@pytest.mark.parametrize("options", [
    {}, {"mode": "same", "boundary": "reflect"}, {"edges": "stationary"},
    {"constraint": [nn.Symmetric(), nn.UnitSum()]}, {"per_row": True},
], ids=str)  # fmt: skip
def test_derivatives(options):
    rng = np.random.default_rng(12)
    x, y, dx, dy = rng.standard_normal((4, 2, 12))
    w, dw = rng.uniform(0.5, 2, (2, 2, 1 if "edges" in options else 12))
    c = rng.standard_normal((2, 3) if "per_row" in options else 3)

    def loss(x: Any, y: Any, ridge: Any, w: Any) -> Any:
        found = fit_fir(x, y, 3, ridge=ridge, weights=w, **options)
        return jnp.sum(found.kernel**2 * c) + jnp.sum(jnp.sin(found.residual))

    point, way = (x, y, 0.3, w), (dx, dy, 1.0, dw)
    run = jax.jit(loss)

    def along(t: float) -> float:
        return float(run(*(p + t * d for p, d in zip(point, way, strict=True))))

    step = 1e-3
    numeric = (8 * (along(step) - along(-step)) - along(2 * step) + along(-2 * step)) / (12 * step)
    slopes = jax.jit(jax.grad(loss, (0, 1, 2, 3)))(*point)
    assert sum(float(jnp.sum(s * d)) for s, d in zip(slopes, way, strict=True)) == pytest.approx(
        numeric, rel=1e-8
    )
    if not options:
        assert float(jax.jvp(loss, point, way)[1]) == pytest.approx(numeric, rel=1e-8)


def test_second_derivatives_and_complex_ones():
    rng = np.random.default_rng(13)
    x, y, dx = rng.standard_normal((3, 10))

    def loss(x: Any) -> Any:
        return jnp.sum(fit_fir(x, y, 3).kernel ** 2)

    step = 1e-4
    slope = jax.jit(jax.grad(loss))
    numeric = (slope(x + step * dx) - slope(x - step * dx)) / (2 * step)
    product = jax.jvp(jax.grad(loss), (x,), (dx,))[1]
    close(product, numeric, 1e-6)

    z = y + 1j * x[::-1]

    def parts(re: Any, im: Any) -> Any:
        found = fit_fir(jax.lax.complex(re, im), z, 3, constraint=nn.UnitSum())
        return jnp.sum(jnp.abs(found.kernel - jnp.asarray(0.2j)) ** 2)

    run = jax.jit(parts)
    for number in (0, 1):
        found = jnp.vdot(jax.jit(jax.grad(parts, number))(x, y), dx)
        ends = [
            run(*(p + (i == number) * s * dx for i, p in enumerate((x, y)))) for s in (step, -step)
        ]
        assert float(found) == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=1e-6)


def test_transformations_give_the_same_kernels():
    rng = np.random.default_rng(14)
    x, y = rng.standard_normal((2, 3, 30))
    each = fit_fir(x, y, 4, per_row=True).kernel
    close(jax.vmap(lambda x, y: fit_fir(x, y, 4).kernel)(x, y), each)
    close(jax.jit(lambda x, y: fit_fir(x, y, 4, per_row=True).kernel)(x, y), each)
    close(jax.vmap(lambda r: fit_fir(x[0], y[0], 4, ridge=r).kernel)(jnp.array([0.0, 1.0]))[1],
          fit_fir(x[0], y[0], 4, ridge=1.0).kernel)  # fmt: skip


def test_precisions():
    rng = np.random.default_rng(15)
    x, h = rng.standard_normal(3000), rng.standard_normal(9)
    y = np.convolve(x, h)[:3000]
    for dtype, tolerance in (("float32", 2e-6), ("float16", 2e-2), ("bfloat16", 2e-1)):
        with jax.enable_x64(False):
            found = fit_fir(jnp.asarray(x, dtype), jnp.asarray(y, dtype), 9)
        assert found.kernel.dtype == jnp.float32
        assert np.abs(np.asarray(found.kernel) - h).max() < tolerance
    whole = fit_fir(np.arange(10) ** 2 % 7, np.arange(10) ** 2 % 7 * 3, 1)
    assert whole.kernel.dtype == jnp.float64
    close(whole.kernel, [3.0])


def test_an_input_that_does_not_tell_the_taps_apart():
    t = np.arange(200)
    sine = np.sin(0.3 * t)
    y = np.convolve(sine, [1, 2, 3, 4])[3:200]
    with pytest.warns(IdentifiabilityWarning, match="2 of 4 combinations"):
        found = fit_fir(sine, y, 4, mode="valid")
    close(found.kernel, least(design(sine, 4, "valid"), y), 1e-6)
    assert int(found.rank) == 2
    assert np.isinf(float(found.condition))
    assert np.isinf(np.asarray(found.standard_error)).all()
    assert np.abs(found.residual).max() < 1e-9
    with pytest.warns(IdentifiabilityWarning) as seen:
        zero = fit_fir(np.zeros(20), np.ones(20), 3)
    assert {str(w.message).split(",")[0] for w in seen} == {
        "x: is zero and so tells one tap from another at its ends at most",
        "x: does not determine the taps: 0 of 3 combinations of them can be told from the data "
        "in float64; fit fewer taps",
    }
    np.testing.assert_array_equal(zero.kernel, np.zeros(3))
    with pytest.warns(IdentifiabilityWarning, match="x: is constant and") as seen:
        fit_fir(np.ones(20), np.ones(20), 3)
    assert seen[0].filename == __file__
    rows = np.stack([sine + t % 7, np.ones(200)])
    with pytest.warns(IdentifiabilityWarning, match="x: is constant in a row"):
        fit_fir(rows, rows, 3, per_row=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_fir(sine, y, 4, mode="valid", ridge=1.0)


def test_at_random():
    rng = np.random.default_rng(16)
    for _ in range(SWEEPS):
        taps = int(rng.integers(1, 7))
        n = int(rng.integers(3 * taps + 8, 40))
        mode: Any = ["causal", "same", "full", "valid"][rng.integers(4)]
        delay = int(rng.integers(-2, 3))
        x = rng.standard_normal((2, n))
        matrices = [design(row, taps, mode, delay) for row in x]
        y = rng.standard_normal((2, len(matrices[0])))
        per_row = bool(rng.integers(2))
        found = fit_fir(x, y, taps, mode=mode, delay=delay, per_row=per_row).kernel
        if per_row:
            close(found, np.stack([least(a, v) for a, v in zip(matrices, y, strict=True)]), 1e-9)
        else:
            close(found, least(np.concatenate(matrices), y.ravel()), 1e-9)


X, Y = np.random.default_rng(17).standard_normal((2, 10))
NAN = np.where(np.arange(10) == 4, np.nan, X)
BAD = [
    ({"y": Y[:9]}, ValueError, r"^y: expected shape \(10,\), which mode 'causal' gives .*\(9,\)"),
    ({"y": Y[None]}, ValueError, r"^y: expected the rows of x.*got shape \(1, 10\)"),
    ({"x": X[None], "y": np.ones((2, 10))}, ValueError, r"^y: expected the rows of x"),
    ({"mode": "valid"}, ValueError, r"^y: expected shape \(8,\), which mode 'valid' gives"),
    ({"num_taps": 11}, ValueError, r"^x: expected at least as many samples as taps, 11, got 10"),
    ({"num_taps": 0}, ValueError, r"^num_taps: expected at least 1, got 0"),
    ({"num_taps": 3.0}, TypeError, r"^num_taps: expected an integer"),
    ({"num_taps": 8, "mode": "valid", "y": Y[:3]}, ValueError,
     r"^y: expected at least as many samples as there are taps to fit, 8 \(or a ridge\), got 3"),
    ({"x": NAN}, ValueError, r"^x: expected finite values, got nan at index 4 \(1 of 10"),
    ({"y": NAN[::-1]}, ValueError, r"^y: expected finite values, got nan at index 5"),
    ({"y": np.append(Y[:9], np.inf)}, ValueError, r"^y: expected finite values, got inf"),
    ({"x": X[0], "y": Y[0]}, ValueError, r"^x: expected at least one dimension"),
    ({"x": X[:0], "y": Y[:0]}, ValueError, r"^x: expected at least one sample"),
    ({"x": "abc"}, TypeError, r"^x: expected an array of numbers"),
    ({"y": None}, TypeError, r"^y: expected an array of numbers"),
    ({"mode": "Causal"}, ValueError, r"^mode: expected one of"),
    ({"delay": 10}, ValueError, r"^delay: expected less than the signal's 10 samples, got 10"),
    ({"delay": 0.5}, TypeError, r"^delay: expected an integer"),
    ({"boundary": "mirror"}, ValueError, r"^boundary: expected one of"),
    ({"edges": "covariance"}, ValueError, r"^edges: expected one of 'exact', 'stationary'"),
    ({"operation": "conv"}, ValueError, r"^operation: expected one of"),
    ({"ridge": -1.0}, ValueError, r"^ridge: expected a finite number of at least 0, got -1.0"),
    ({"ridge": np.nan}, ValueError, r"^ridge: expected a finite number"),
    ({"ridge": [1.0, 2.0]}, ValueError, r"^ridge: expected one number"),
    ({"ridge": 1j}, TypeError, r"^ridge: expected a real number"),
    ({"weights": -np.ones(10)}, ValueError, r"^weights: expected values of at least 0"),
    ({"weights": np.zeros(10)}, ValueError, r"^weights: expected values of at least 0, not all 0"),
    ({"weights": np.ones(9)}, ValueError, r"^weights: expected a shape that broadcasts"),
    ({"weights": 2.0}, ValueError, r"^weights: expected a shape that broadcasts"),
    ({"weights": np.full(10, np.nan)}, ValueError, r"^weights: expected finite values"),
    ({"weights": np.ones(10), "edges": "stationary"}, ValueError,
     r"^weights: expected one for each row with edges='stationary'"),
    ({"constraint": "symmetric"}, TypeError, r"^constraint: expected a promise .*nn.Symmetric\(\)"),
    ({"constraint": nn.NonNegative()}, ValueError, r"^constraint: .*filtrax.fit.fit with"),
    ({"constraint": [nn.Symmetric(), 3]}, TypeError, r"^constraint: expected a promise"),
    ({"constraint": []}, TypeError, r"^constraint: expected a promise"),
    ({"constraint": [nn.UnitSum(), nn.ZeroSum()]}, ValueError, r"^constraint: .* keep together"),
    ({"constraint": [nn.Antisymmetric(), nn.UnitSum()]}, ValueError, r"^constraint: .* together"),
    ({"constraint": [nn.Symmetric(), nn.Antisymmetric()]}, ValueError, r"^constraint: .*together"),
    ({"constraint": nn.Causal("correlate")}, ValueError, r"^constraint: .*made for 'convolve'"),
    ({"constraint": nn.BandLimited(0.0, 0.1)}, ValueError, r"^constraint: .*leaks at most"),
    ({"constraint": [nn.UnitSum(), (np.ones(3), 2.0)]}, ValueError,
     r"^constraint: expected equations that some kernel satisfies"),
    ({"constraint": [nn.Antisymmetric(), (np.ones(3), 1.0)]}, ValueError,
     r"^constraint: expected equations that some kernel satisfies"),
    ({"constraint": (np.eye(3), np.ones(3))}, ValueError,
     r"^constraint: expected equations that leave something to fit"),
    ({"constraint": (np.ones((1, 3)), [1j])}, TypeError, r"^constraint: expected real equations"),
    ({"constraint": (np.ones((1, 4)), np.ones(1))}, ValueError, r"^constraint\[0\]: .*\(Q, 3\)"),
    ({"constraint": (np.ones((1, 3)), np.ones(2))}, ValueError, r"^constraint\[1\]: .*\(1,\)"),
    ({"constraint": (np.full((1, 3), np.nan), np.ones(1))}, ValueError,
     r"^constraint\[0\]: .*finite"),
    ({"constraint": (np.ones(3), np.nan)}, ValueError, r"^constraint\[1\]: .*finite"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "error", "words"), BAD, ids=lambda v: str(v)[:40])
def test_bad_input(changed, error, words):
    given = {"x": X, "y": Y, "num_taps": 3, **changed}
    with pytest.raises(error, match=words) as caught:
        fit_fir(**given)
    assert ", got " in str(caught.value)


def test_under_jit_values_are_not_looked_at():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = jax.jit(lambda x, y: fit_fir(x, y, 3))(np.zeros(10), Y)
        assert not np.isnan(np.asarray(found.kernel)).any()
        assert np.isnan(np.asarray(jax.jit(lambda x: fit_fir(x, Y, 3).kernel)(NAN))).all()
    with pytest.raises(ValueError, match=r"^y: expected shape"):
        jax.jit(lambda x: fit_fir(x, Y[:9], 3))(X)
    with pytest.raises(TypeError, match=r"^constraint\[0\]: expected an array known at trace time"):
        jax.jit(lambda a: fit_fir(X, Y, 3, constraint=(a, np.ones(1))))(np.ones((1, 3)))
    bound = jax.jit(lambda b: fit_fir(X, Y, 3, constraint=(np.ones((1, 3)), b)).kernel)
    assert float(bound(np.array([2.0])).sum()) == pytest.approx(2)
