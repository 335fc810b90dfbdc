"""Derivatives of the recursive filters, against complex steps through SciPy's own loop.

A complex step ``f(p + ih).imag / h`` has no cancellation, so it is exact to rounding; second
derivatives are differences of such steps.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from scipy import signal as scipys

import filtrax
from filtrax.iir import _choose

#: Its annotations are of another array type.
signal: Any = scipys

STEP = 1e-30
METHODS = ("block", "scan")
#: Lengths of one block, and of several with a remainder.
LENGTHS = (40, 205)


def gradient(f: Callable[..., Any], args: tuple[np.ndarray, ...], which: int) -> np.ndarray:
    """Of a real function of real arrays by one of them, by complex steps."""
    found = np.zeros(args[which].shape)
    for index in np.ndindex(found.shape):
        stepped = args[which].astype(complex)
        stepped[index] += 1j * STEP
        found[index] = f(*args[:which], stepped, *args[which + 1 :]).imag / STEP
    return found


def hessian_columns(
    f: Callable[..., Any], args: tuple[np.ndarray, ...], which: int, by: int, size: float = 1e-6
) -> np.ndarray:
    """Differences of `gradient`."""
    columns = []
    for index in np.ndindex(args[by].shape):
        sides = []
        for sign in (1, -1):
            moved = args[by].copy()
            moved[index] += sign * size
            sides.append(gradient(f, (*args[:by], moved, *args[by + 1 :]), which))
        columns.append((sides[0] - sides[1]) / (2 * size))
    return np.stack(columns, -1).reshape(*args[which].shape, *args[by].shape)


def problem(length: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(length)
    b, a = signal.butter(2, 0.3)
    return b * 2, a * 2, rng.standard_normal(length), rng.standard_normal(2)


def energy(xp: Any, y: Any, zf: Any) -> Any:
    """Some scalar that no symmetry makes zero."""
    weights = xp.linspace(0.1, 1.0, y.shape[-1])
    return xp.sum(weights * y * y * y) + xp.sum(xp.sin(zf) * xp.sum(y))


def theirs(b: Any, a: Any, x: Any, zi: Any) -> Any:
    return energy(np, *signal.lfilter(b, a, x, zi=zi))


def ours(method: Any) -> Callable[..., jax.Array]:
    return lambda b, a, x, zi: energy(jnp, *filtrax.lfilter(b, a, x, zi=zi, method=method))


def near(got: Any, expected: np.ndarray, tolerance: float) -> None:
    assert np.abs(np.asarray(got) - expected).max() <= tolerance * np.abs(expected).max()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("method", METHODS)
def test_gradients_in_both_modes(method: str, length: int) -> None:
    args = problem(length)
    everything = (0, 1, 2, 3)
    backward = jax.jit(jax.jacrev(ours(method), everything))(*args)
    forward = jax.jit(jax.jacfwd(ours(method), everything))(*args)
    for which in everything:
        expected = gradient(theirs, args, which)
        near(backward[which], expected, 1e-11)
        near(forward[which], expected, 1e-11)


MODES = {
    "forward over reverse": lambda f, n: jax.jacfwd(jax.jacrev(f, n), n),
    "reverse over reverse": lambda f, n: jax.jacrev(jax.jacrev(f, n), n),
    "reverse over forward": lambda f, n: jax.jacrev(jax.jacfwd(f, n), n),
}


def of_one_vector(f: Callable[..., Any], x: np.ndarray) -> Callable[..., Any]:
    """A function of b, a and zi, joined: every pair of them is in one Hessian."""
    return lambda p: f(p[:3], p[3:6], x, p[6:8])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
def test_hessians(method: str, mode: str) -> None:
    # Long enough for a carry; the state's rows are short.
    b, a, x, zi = problem(140)
    joined = np.concatenate([b, a, zi])
    found = jax.jit(MODES[mode](of_one_vector(ours(method), x), 0))(joined)
    near(found, hessian_columns(of_one_vector(theirs, x), (joined,), 0, 0), 1e-7)


def test_hessian_by_the_signal() -> None:
    args = problem(150)
    mixed = jax.jit(jax.jacfwd(jax.grad(ours("block"), 2), (0, 1, 3)))(*args)
    for got, by in zip(mixed, (0, 1, 3), strict=True):
        near(got, hessian_columns(theirs, args, 2, by), 1e-7)
    short = tuple(each[:12] for each in args)
    own = jax.jit(jax.hessian(ours("block"), 2))(*short)
    near(own, hessian_columns(theirs, short, 2, 2), 1e-7)


def test_third_order() -> None:
    rng = np.random.default_rng(0)
    joined, x = np.array([1.5, 0.4, 2.0, -0.9, 0.7]), rng.standard_normal(20)
    way = np.linspace(0.5, -0.3, joined.size)

    def line(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda p: f(p[:2], p[2:4], x, p[4:])

    f, g = line(ours("block")), line(theirs)
    pushed = jax.jit(jax.grad(lambda p: jax.jvp(jax.grad(f), (p,), (way,))[1] @ way))(joined)
    # The second derivative along a line, of gradients exact to rounding.
    size = 1e-4
    ahead, here, behind = (gradient(g, (joined + s * size * way,), 0) for s in (1, 0, -1))
    near(pushed, (ahead - 2 * here + behind) / size**2, 1e-6)


def test_the_coefficients_are_known_or_traced_alike() -> None:
    # Known coefficients have tables from the host: derivatives by x and zi go through them.
    b, a, x, zi = problem(205)
    known = jax.grad(lambda x, zi: ours("block")(b, a, x, zi), (0, 1))(x, zi)
    for which, got in zip((2, 3), known, strict=True):
        near(got, gradient(theirs, (b, a, x, zi), which), 1e-11)


def test_cascades() -> None:
    rng = np.random.default_rng(0)
    sos = signal.butter(4, 0.3, output="sos")
    x, zi = rng.standard_normal(140), rng.standard_normal((2, 2))

    def expected(sos: Any, x: Any, zi: Any) -> Any:
        y, zf = signal.sosfilt(sos, x, zi=zi)
        return energy(np, y, zf)

    def got(sos: Any, x: Any, zi: Any) -> Any:
        y, zf = filtrax.sosfilt(sos, x, zi=zi)
        return energy(jnp, y, zf)

    args = (sos, x, zi)
    free = np.array([True, True, True, False, True, True])  # a0 is 1, not a parameter.
    found = jax.jit(jax.grad(got, (0, 1, 2)))(*args)
    for which in (1, 2):
        near(found[which], gradient(expected, args, which), 1e-11)

    def restricted(free_part: Any, x: Any, zi: Any) -> Any:
        kind = np.asarray(free_part).dtype
        whole = np.ascontiguousarray(np.insert(free_part.astype(kind), 3, 1, axis=1))
        return expected(whole, x, zi)

    by_sos = gradient(restricted, (sos[:, free], x, zi), 0)
    near(np.asarray(found[0])[:, free], by_sos, 1e-11)
    # A known cascade runs in one pass, which has a derivative by the signal only.
    joint = jax.grad(lambda x: jnp.sum(filtrax.sosfilt(sos, x) ** 3))(x)
    near(joint, gradient(lambda x: np.sum(signal.sosfilt(sos, x) ** 3), (x,), 0), 1e-11)
    second = jax.jit(jax.hessian(lambda s: got(s, x, zi)))(sos)
    size = 1e-6
    moved = [restricted_gradient(got, sos, sign * size, x, zi) for sign in (1, -1)]
    near(np.asarray(second)[..., 0, 0], (moved[0] - moved[1]) / (2 * size), 1e-6)


def restricted_gradient(f: Any, sos: np.ndarray, change: float, x: Any, zi: Any) -> np.ndarray:
    moved = sos.copy()
    moved[0, 0] += change
    return np.asarray(jax.grad(f)(moved, x, zi))


@pytest.mark.parametrize("method", ["pad", "gust"])
def test_forward_and_backward(method: str) -> None:
    b, a, x, _ = problem(60)

    def loss(xp: Any, y: Any) -> Any:
        return xp.sum(xp.linspace(0.1, 1, y.shape[-1]) * y**3)

    found = jax.jit(
        jax.grad(lambda *args: loss(jnp, filtrax.filtfilt(*args, method=method)), (0, 1, 2))
    )(b, a, x)
    size = 1e-6
    for which, args in itertools.product(range(3), [(b, a, x)]):
        expected = np.zeros(args[which].shape)
        for i in range(expected.size):
            sides = []
            for sign in (1, -1):
                moved = [each.copy() for each in args]
                moved[which][i] += sign * size
                sides.append(loss(np, signal.filtfilt(*moved, method=method)))
            expected[i] = (sides[0] - sides[1]) / (2 * size)
        near(found[which], expected, 1e-7)


def test_second_derivatives_forward_and_backward() -> None:
    # Of several blocks, by all coefficients and by a change of the signal at once.
    b, a, _, _ = problem(3)
    x, change = np.random.default_rng(6).standard_normal((2, 16, 1500)) + 2
    assert filtrax.iir.plan(x.shape, 2, "float64", traced=True, platform="cpu").engine == "block"

    def loss(xp: Any, filtered: Any, p: Any) -> Any:
        y = filtered(p[:3], p[3:6], x + p[6] * change)
        return xp.sum(xp.linspace(0.1, 1, y.shape[-1]) * y**3) / y.size

    point = np.concatenate([b, a, [0.1]])
    own, reference = partial(loss, jnp, filtrax.filtfilt), partial(loss, np, signal.filtfilt)
    both = jax.jit(lambda p: (jax.grad(own)(p), jax.jacfwd(jax.grad(own))(p)))
    found, second = both(point)
    near(found, gradient(reference, (point,), 0), 1e-10)
    near(jax.jit(jax.jacfwd(own))(point), found, 1e-12)
    near(second, hessian_columns(reference, (point,), 0, 0), 1e-6)


def test_initial_states() -> None:
    b, a = signal.butter(3, 0.2)
    for function, peer in ((filtrax.lfilter_zi, signal.lfilter_zi),):
        found = jax.jacrev(function, (0, 1))(b, a)
        for which in (0, 1):
            for i in range(4):
                sides = []
                for sign in (1, -1):
                    moved = [b.copy(), a.copy()]
                    moved[which][i] += sign * 1e-6
                    sides.append(peer(*moved))
                near(found[which][:, i], (sides[0] - sides[1]) / 2e-6, 1e-7)


def test_complex_derivatives_are_jaxs() -> None:
    # grad gives the conjugate of the derivative of a holomorphic function; linear in x: exact.
    rng = np.random.default_rng(0)
    b, a, x, _ = problem(140)
    b = b + 1j * rng.standard_normal(3)
    a = np.poly([0.5 + 0.3j, -0.2 - 0.6j])
    x = x + 1j * rng.standard_normal(140)
    for method in METHODS:
        _, pull = jax.vjp(lambda b, a, x, m=method: filtrax.lfilter(b, a, x, method=m), b, a, x)
        _, push = jax.jvp(
            lambda b, a, x, m=method: filtrax.lfilter(b, a, x, method=m), (b, a, x), (b, a, x)
        )
        size = 1e-6
        up, down = (
            signal.lfilter(b * s, a * s, x * s) for s in (1 + size, 1 - size)
        )  # fmt: skip
        near(push, (up - down) / (2 * size), 1e-8)
        ct = rng.standard_normal(140) + 1j * rng.standard_normal(140)
        moved = sum(np.sum(np.asarray(g) * v) for g, v in zip(pull(ct), (b, a, x), strict=True))
        np.testing.assert_allclose(moved, np.sum(ct * np.asarray(push)), rtol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_vmap_is_a_loop(method: Any) -> None:
    # In float32, whose tables take a third of the time to compile.
    rng = np.random.default_rng(1)
    designs = [signal.butter(2, w) for w in (0.1, 0.2, 0.3)]
    b, a = (np.stack([each[i] for each in designs]).astype(np.float32) for i in (0, 1))
    x, zi = (rng.standard_normal((3, n)).astype(np.float32) for n in (140, 2))

    def run(b: Any, a: Any, x: Any, zi: Any) -> Any:
        return filtrax.lfilter(b, a, x, zi=zi, method=method)

    n = None
    for mapped in ((0, n, n, n), (n, 0, 0, n), (n, n, 0, n), (n, n, n, 0), (0, 0, 0, 0)):
        args = [v if m == 0 else v[0] for v, m in zip((b, a, x, zi), mapped, strict=True)]
        y, zf = jax.jit(jax.vmap(run, mapped))(*args)
        for i in range(3):
            row = [v[i] if m == 0 else v for v, m in zip(args, mapped, strict=True)]
            wanted = signal.lfilter(*row[:3], zi=row[3])
            near(y[i], wanted[0], 2e-6)
            near(zf[i], wanted[1], 2e-6)


def test_vmapped_gradients() -> None:
    b, a, x, zi = problem(140)
    sets = np.stack([a, 2 * a, a * [1, 0.9, 0.9]])
    by_row = jax.jit(jax.vmap(jax.grad(ours("block"), (0, 1)), (None, 0, None, None)))
    found = by_row(b, sets, x, zi)
    for i in range(3):
        for which in (0, 1):
            near(found[which][i], gradient(theirs, (b, sets[i], x, zi), which), 1e-11)


@pytest.mark.parametrize("known", [False, True])
def test_memory_of_a_gradient(known: bool) -> None:
    # Beside signal, cotangent and result: about one signal more. The steps of a loop, kept for its
    # derivative, would be several states for every sample.
    b, a = (each.astype(np.float32) for each in signal.butter(2, 0.3))
    samples = 1_000_000

    def pull(b: Any, a: Any, x: Any, ct: Any) -> Any:
        if known:
            p, q = signal.butter(2, 0.3)
            return jax.vjp(lambda x: filtrax.lfilter(p, q, x), x)[1](ct)
        return jax.vjp(filtrax.lfilter, b, a, x)[1](ct)

    with jax.enable_x64(False):
        x = jax.ShapeDtypeStruct((1, samples), jnp.float32)
        held = jax.jit(pull).lower(b, a, x, x).compile().memory_analysis()
    assert held is not None
    assert held.temp_size_in_bytes <= 2 * 4 * samples


def mesh(kind: AxisType) -> Mesh:
    return jax.make_mesh((4,), ("rows",), axis_types=(kind,))


def sharded_problem() -> tuple[Any, ...]:
    b, a = signal.butter(2, 0.2)
    x = np.random.default_rng(0).standard_normal((8, 300))
    gradients = jax.grad(total, (0, 1, 2))(b, a, x)
    return b, a, x, signal.lfilter(b, a, x), gradients


def total(b: Any, a: Any, x: Any) -> jax.Array:
    return jnp.sum(filtrax.lfilter(b, a, x) ** 3)


def test_shard_map() -> None:
    b, a, x, expected, gradients = sharded_problem()
    shared, divided = PartitionSpec(), PartitionSpec("rows")
    with jax.set_mesh(mesh(AxisType.Auto)):
        run: Any = jax.shard_map(
            filtrax.lfilter, in_specs=(shared, shared, divided), out_specs=divided
        )  # fmt: skip
        near(jax.jit(run)(b, a, x), expected, 1e-12)
        summed: Any = jax.shard_map(
            lambda b, a, x: jax.lax.psum(total(b, a, x), "rows"),
            in_specs=(shared, shared, divided), out_specs=shared,
        )  # fmt: skip
        for got, wanted in zip(
            jax.jit(jax.grad(summed, (0, 1, 2)))(b, a, x), gradients, strict=True
        ):
            near(got, np.asarray(wanted), 1e-12)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_rows_divided_over_devices(kind: AxisType) -> None:
    b, a, x, expected, gradients = sharded_problem()
    with jax.set_mesh(mesh(kind)):
        rows = jax.device_put(x, NamedSharding(mesh(kind), PartitionSpec("rows")))
        compiled = jax.jit(filtrax.lfilter).lower(b, a, rows).compile()
        assert "all-gather" not in str(compiled.as_text())
        near(compiled(b, a, rows), expected, 1e-12)
        found = jax.jit(jax.grad(total, (0, 1, 2)))(jnp.asarray(b), jnp.asarray(a), rows)
        for got, wanted in zip(found, gradients, strict=True):
            near(got, np.asarray(wanted), 1e-12)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
@pytest.mark.parametrize("traced", [False, True])
def test_both_ways_over_rows_divided_over_devices(
    kind: AxisType, traced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    b, a = signal.butter(2, 0.2)
    # Enough for a single pass on each device.
    x = np.random.default_rng(0).standard_normal((32, 1100))
    monkeypatch.setitem(_choose._PRICES["cpu"], "scan", (1e12, 0.0, 0.0))
    expected = signal.filtfilt(b, a, x)
    weights = np.linspace(0.1, 1, x.shape[-1])

    def cubes(xp: Any, y: Any) -> Any:
        return xp.sum(weights * y**3)

    # The operator is its own mirror: the gradient is that of a matrix, made column by column.
    matrix = signal.filtfilt(b, a, np.eye(x.shape[-1]), axis=0)
    slope = (3 * weights * expected**2) @ matrix
    with jax.set_mesh(mesh(kind)):
        rows = jax.device_put(x, NamedSharding(mesh(kind), PartitionSpec("rows")))
        p, q = (jnp.asarray(b), jnp.asarray(a)) if traced else (b, a)

        def run(p: Any, q: Any, x: Any) -> Any:
            return filtrax.filtfilt(p, q, x)

        whole = jax.jit(run if traced else partial(run, b, a))
        operands = (p, q, rows) if traced else (rows,)
        compiled = whole.lower(*operands).compile()
        assert "all-gather" not in str(compiled.as_text())
        near(compiled(*operands), expected, 1e-12)
        found = jax.jit(jax.grad(lambda x: cubes(jnp, run(p, q, x))))(rows)
        near(found, slope, 1e-12)
        shared, divided = PartitionSpec(), PartitionSpec("rows")
    with jax.set_mesh(mesh(AxisType.Auto)):
        mapped: Any = jax.shard_map(run, in_specs=(shared, shared, divided), out_specs=divided)
        near(jax.jit(mapped)(b, a, x), expected, 1e-12)
        total: Any = jax.shard_map(
            lambda p, q, x: jax.lax.psum(cubes(jnp, run(p, q, x)), "rows"),
            in_specs=(shared, shared, divided), out_specs=shared,
        )  # fmt: skip
        for i, found in enumerate(jax.jit(jax.grad(total, (0, 1, 2)))(b, a, x)):
            near(found, gradient(lambda *each: cubes(np, signal.filtfilt(*each)), (b, a, x), i)
                 if i < 2 else slope, 1e-7 if i < 2 else 1e-12)  # fmt: skip


def test_export_leaves_the_number_of_rows_open() -> None:
    b, a = signal.butter(2, 0.2)
    (n,) = jax.export.symbolic_shape("n")
    exported = jax.export.export(jax.jit(lambda x: filtrax.lfilter(b, a, x)))(
        jax.ShapeDtypeStruct((n, 300), jnp.float64)
    )
    x = np.random.default_rng(0).standard_normal((5, 300))
    near(exported.call(x), signal.lfilter(b, a, x), 1e-12)
