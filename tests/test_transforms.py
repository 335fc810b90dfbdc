"""What JAX may do to a call: compile, map, loop, export, shard, and compile only once."""

import itertools
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export, lax
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import filtrax
import oracle
from filtrax._engines import ENGINES

engines = pytest.mark.parametrize("engine", sorted(ENGINES))


def random(shape: tuple[int, ...], dtype: Any = "float64", seed: int = 0) -> Any:
    return oracle.samples(np.random.default_rng(seed), shape, jnp.dtype(dtype))


def loop(x: Any, h: Any, mode: Any = "full", **options: Any) -> np.ndarray:
    return oracle.slide(x, h, "convolve", mode, **options).astype(np.result_type(x, h))


def close(got: Any, expected: Any, note: str = "") -> None:
    assert got.shape == np.shape(expected), note
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11, err_msg=note)


#: (in_axes, shape of x, shape of h): x only, h only, both, mapped along other axes than the first.
MAPPED = (
    ((0, None), (4, 9), (3,)),
    ((1, None), (9, 4), (3,)),
    ((None, 0), (9,), (4, 3)),
    ((None, 1), (9,), (3, 4)),
    ((0, 0), (4, 9), (4, 3)),
    ((1, 0), (9, 4), (4, 3)),
    ((-1, -1), (9, 4), (3, 4)),
    ((1, None), (2, 4, 9), (3,)),
    ((0, 0), (0, 9), (0, 3)),
    ((0, None), (0, 9), (3,)),
    ((None, 0), (9,), (0, 3)),
)


@engines
def test_vmap_is_a_loop(engine: Any) -> None:
    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, "same", boundary="wrap", stride=2, method=engine)

    for in_axes, x_shape, h_shape in MAPPED:
        x, h = random(x_shape), random(h_shape, seed=1)
        got = jax.vmap(run, in_axes)(x, h)
        x_axis, h_axis = in_axes
        size = x.shape[x_axis] if x_axis is not None else h.shape[h_axis or 0]
        rows = [
            loop(
                x if x_axis is None else np.take(x, i, x_axis),
                h if h_axis is None else np.take(h, i, h_axis),
                "same", boundary="wrap", stride=2,
            )
            for i in range(size)
        ]  # fmt: skip
        note = f"{in_axes} {x_shape} {h_shape}"
        if size:
            close(got, np.stack(rows), note)
        else:
            assert got.shape == (0, 5), note


@engines
def test_vmap_puts_the_mapped_axis_where_it_is_asked_for(engine: Any) -> None:
    x, h = random((4, 9)), random((4, 3), seed=1)
    run = jax.vmap(lambda x, h: filtrax.convolve(x, h, method=engine), out_axes=1)
    close(run(x, h), np.stack([np.convolve(a, b) for a, b in zip(x, h, strict=True)], axis=1))


@engines
def test_nested_vmap_is_an_outer_product_of_filters(engine: Any) -> None:
    x, h = random((4, 9)), random((2, 3), seed=1)

    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, method=engine)

    expected = np.stack([[np.convolve(row, kernel) for kernel in h] for row in x])
    close(jax.vmap(jax.vmap(run, (None, 0)), (0, None))(x, h), expected)
    close(jax.vmap(jax.vmap(run, (0, None)), (None, 0))(x, h), expected.swapaxes(0, 1))
    many = random((2, 3, 8)), random((2, 3, 4), seed=1)
    rows = [[np.convolve(a, b) for a, b in zip(*pair, strict=True)]
            for pair in zip(*many, strict=True)]  # fmt: skip
    close(jax.vmap(jax.vmap(run))(*many), rows)


@engines
def test_vmap_of_rows_that_have_kernels_of_their_own(engine: Any) -> None:
    x, h = random((3, 2, 7)), random((3, 2, 4), seed=1)
    run = jax.vmap(lambda x, h: filtrax.convolve(x, h, axes=1, method=engine))
    close(run(x, h), loop(x, h, axes=2))
    shared = jax.vmap(lambda x, h: filtrax.convolve(x, h, axes=1, method=engine), (0, None))
    close(shared(x, h[0]), loop(x, h[:1], axes=2))


@engines
def test_gradients_for_each_example(engine: Any) -> None:
    x, h, z = random((3, 8)), random((4,), seed=1), random((3, 11), seed=2)

    def loss(x: jax.Array, h: jax.Array, z: jax.Array) -> jax.Array:
        return jnp.vdot(z, filtrax.convolve(x, h, method=engine))

    by_x, by_h = jax.vmap(jax.grad(loss, (0, 1)), (0, None, 0))(x, h, z)
    for i in range(3):
        # <z, x * h> by h is z correlated with x, and the other way round.
        close(by_x[i], np.correlate(z[i], h, "valid"))
        close(by_h[i], np.correlate(z[i], x[i], "valid"))
    empty = jax.vmap(jax.grad(loss, (0, 1)), (0, None, 0))(x[:0], h, z[:0])
    assert [g.shape for g in empty] == [(0, 8), (0, 4)]


@engines
def test_inside_scan(engine: Any) -> None:
    x, kernels = random((6,)), random((3, 3), seed=1)

    def final(x: jax.Array, kernels: jax.Array) -> jax.Array:
        def step(carry: jax.Array, h: jax.Array) -> tuple[jax.Array, jax.Array]:
            y = filtrax.convolve(carry, h, "same", method=engine)
            return y, y.sum()

        return lax.scan(step, x, kernels)[0]

    expected = x
    for h in kernels:
        expected = loop(expected, h, "same")
    close(jax.jit(final)(x, kernels), expected)
    # The map is linear in x: its transpose, applied to ones, by differences of the loop.
    columns = []
    for i in range(6):
        column = np.eye(6)[i]
        for h in kernels:
            column = loop(column, h, "same")
        columns.append(column.sum())
    close(jax.jit(jax.grad(lambda x: final(x, kernels).sum()))(x), columns)


@engines
def test_inside_fori_loop_while_and_cond(engine: Any) -> None:
    x, h = random((6,)), random((3,), seed=1)

    def run(x: jax.Array, h: jax.Array, times: int) -> jax.Array:
        def once(_: Any, y: jax.Array) -> jax.Array:
            return filtrax.convolve(y, h, "causal", method=engine)

        y = lax.fori_loop(0, times, once, x)  # A traced bound: a while loop.
        return lax.cond(times > 1, lambda y: once(0, y), lambda y: y, y)

    expected = loop(loop(loop(x, h, "causal"), h, "causal"), h, "causal")
    close(jax.jit(run)(x, h, 2), expected)
    close(jax.jit(run)(x, h, 1), loop(x, h, "causal"))


@engines
def test_checkpoint(engine: Any) -> None:
    x, h = random((6,)), random((3,), seed=1)

    @jax.checkpoint
    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, method=engine)

    got = jax.jit(jax.grad(lambda x, h: (run(x, h) ** 2).sum() / 2, (0, 1)))(x, h)
    y = np.convolve(x, h)
    close(got[0], np.correlate(y, h, "valid"))
    close(got[1], np.correlate(y, x, "valid"))


@engines
def test_export_with_a_symbolic_batch(engine: Any) -> None:
    batch = export.symbolic_shape("batch")[0]
    h = random((3,), seed=1)

    def run(x: jax.Array, h: jax.Array) -> tuple[jax.Array, jax.Array]:
        def loss(h: jax.Array) -> jax.Array:
            return filtrax.convolve(x, h, "same", boundary="reflect", method=engine).sum()

        return filtrax.convolve(x, h, "full", method=engine), jax.grad(loss)(h)

    shapes = jax.ShapeDtypeStruct((batch, 8), "float64"), jax.ShapeDtypeStruct((3,), "float64")
    exported = export.export(jax.jit(run))(*shapes)
    # Called as it is: to write it to disk JAX needs a library that is no part of the extras.
    for size in (1, 2, 5):
        x = random((size, 8))
        y, by_h = exported.call(x, h)
        close(y, np.stack([np.convolve(row, h) for row in x]))
        expected = [loop(x, tap, "same", boundary="reflect").sum() for tap in np.eye(3)]
        close(by_h, expected)


def test_a_second_call_of_the_same_shapes_does_not_trace() -> None:
    @jax.jit
    @chex.assert_max_traces(n=1)
    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, "same", boundary="edge")

    for seed in range(3):
        run(random((3, 23), seed=seed), random((5,), seed=seed))


def test_eager_calls_of_the_same_shapes_compile_once(compilations: list[str]) -> None:
    x, h = jnp.asarray(random((3, 29))), jnp.asarray(random((5,)))

    def loss(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, "same", boundary="edge").sum()

    gradients = jax.grad(loss, (0, 1))
    filtrax.convolve(x, h, "same", boundary="edge")
    gradients(x, h)
    assert compilations
    compilations.clear()
    for _ in range(3):
        filtrax.convolve(x, h, "same", boundary="edge")
        gradients(x, h)
    assert compilations == []


@pytest.fixture
def compilations() -> Iterator[list[str]]:
    """What JAX says that it compiles during a test."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().startswith("Compiling"):
                lines.append(record.getMessage())

    collector, logger = Collector(), logging.getLogger("jax")
    logger.addHandler(collector)
    try:
        with jax.log_compiles(True):
            yield lines
    finally:
        logger.removeHandler(collector)


def mesh(**sizes: int) -> jax.sharding.Mesh:
    kinds = (AxisType.Auto,) * len(sizes)
    return jax.make_mesh(tuple(sizes.values()), tuple(sizes), axis_types=kinds)


@engines
def test_shard_map_values_and_the_gradient_by_a_replicated_kernel(engine: Any) -> None:
    x, h, z = random((16, 9)), random((3,), seed=1), random((16, 11), seed=2)
    devices = mesh(rows=8)

    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, method=engine)

    split = jax.shard_map(
        run, mesh=devices, in_specs=(P("rows"), P()), out_specs=P("rows"), check_vma=True
    )
    close(jax.jit(split)(x, h), np.stack([np.convolve(row, h) for row in x]))

    def loss(x: jax.Array, h: jax.Array) -> jax.Array:
        return jnp.vdot(z, split(x, h))

    by_x, by_h = jax.jit(jax.grad(loss, (0, 1)))(x, h)
    close(by_x, np.stack([np.correlate(row, h, "valid") for row in z]))
    close(by_h, sum(np.correlate(a, b, "valid") for a, b in zip(z, x, strict=True)))
    # By the kernel alone: the sum over the devices must not depend on x being differentiated.
    close(jax.jit(jax.grad(loss, 1))(x, h), by_h)


@engines
def test_the_gradient_taken_inside_shard_map_is_summed_over_devices(engine: Any) -> None:
    x, h, z = random((16, 9)), random((3,), seed=1), random((16, 11), seed=2)

    def inside(x: jax.Array, h: jax.Array, z: jax.Array) -> jax.Array:
        return jax.grad(lambda h: jnp.vdot(z, filtrax.convolve(x, h, method=engine)))(h)

    specs = (P("rows"), P(), P("rows"))
    split = jax.shard_map(
        inside, mesh=mesh(rows=8), in_specs=specs, out_specs=P(), check_vma=True
    )  # fmt: skip
    expected = sum(np.correlate(a, b, "valid") for a, b in zip(z, x, strict=True))
    close(jax.jit(split)(x, h, z), expected)


@engines
@pytest.mark.parametrize("taps", [3, 300])
def test_shard_map_over_two_mesh_axes(engine: Any, taps: int) -> None:
    # Signals vary over one axis, kernels over the other; 300 taps reach the loops of engines.
    x, h = random((4, 310)), random((2, taps), seed=1)
    boundary = jnp.asarray(1.0)

    def run(x: jax.Array, h: jax.Array, boundary: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h[0], "same", boundary=boundary, method=engine)[:, None]

    split = jax.shard_map(
        run,
        mesh=mesh(rows=4, kernels=2),
        in_specs=(P("rows"), P("kernels"), P()),
        out_specs=P("rows", "kernels"),
        check_vma=True,
    )
    got = jax.jit(split)(x, h, boundary)
    padded = np.pad(x, ((0, 0), (taps, taps)), constant_values=1.0)
    start = taps + (taps - 1) // 2
    expected = [[np.convolve(row, k)[start : start + 310] for k in h] for row in padded]
    close(got, np.array(expected))
    weights = random(got.shape, seed=3)

    def loss(x: jax.Array, h: jax.Array) -> jax.Array:
        return jnp.vdot(weights, split(x, h, boundary))

    by_x, by_h = jax.jit(jax.grad(loss, (0, 1)))(x, h)
    # Output i meets tap m at sample i + (taps - 1) // 2 - m.
    want_h = [
        [
            sum(weights[r, j] @ padded[r][start - m : start - m + 310] for r in range(4))
            for m in range(taps)
        ]
        for j in range(2)
    ]
    close(by_h, np.array(want_h))
    want_x = np.zeros((4, 310 + 2 * taps))
    for r, j, m in itertools.product(range(4), range(2), range(taps)):
        want_x[r, start - m : start - m + 310] += h[j, m] * weights[r, j]
    close(by_x, want_x[:, taps:-taps])


@engines
def test_rows_sharded_by_hand_stay_where_they_are(engine: Any) -> None:
    if engine in ("fft", "overlap") and jax.__version_info__ < (0, 11):
        pytest.skip("the compiler of JAX 0.10 gathers the rows of a transform")
    x, h = random((16, 33)), random((5,), seed=1)
    rows = NamedSharding(mesh(rows=8), P("rows"))
    run = jax.jit(lambda x, h: filtrax.convolve(x, h, "same", method=engine))
    placed = jax.device_put(x, rows)
    got = run(placed, h)
    close(got, np.stack([np.convolve(row, h, "same") for row in x]))
    assert got.sharding.is_equivalent_to(rows, 2)
    assert "all-gather" not in str(run.lower(placed, h).compile().as_text())


def explicit() -> tuple[jax.sharding.Mesh, np.ndarray, np.ndarray]:
    devices = jax.make_mesh((8,), ("rows",), axis_types=(AxisType.Explicit,))
    return devices, random((16, 9)), random((3,), seed=1)


@engines
def test_explicit_sharding_follows_the_rows(engine: Any) -> None:
    devices, x, h = explicit()
    with jax.set_mesh(devices):
        placed = jax.device_put(x, NamedSharding(devices, P("rows", None)))
        kernel = jax.device_put(h, NamedSharding(devices, P(None)))
        got = jax.jit(lambda x, h: filtrax.convolve(x, h, method=engine))(placed, kernel)
        assert jax.typeof(got).sharding.spec == P("rows", None)
        close(got, np.stack([np.convolve(row, h) for row in x]))


@engines
def test_the_gradient_under_explicit_sharding(engine: Any) -> None:
    devices, x, h = explicit()
    with jax.set_mesh(devices):
        placed = jax.device_put(x, NamedSharding(devices, P("rows", None)))
        kernel = jax.device_put(h, NamedSharding(devices, P(None)))

        def loss(h: jax.Array) -> jax.Array:
            return (filtrax.convolve(placed, h, method=engine) ** 2).sum()

        expected = sum(2 * np.correlate(np.convolve(row, h), row, "valid") for row in x)
        close(jax.jit(jax.grad(loss))(kernel), expected)


def test_results_are_strongly_typed() -> None:
    weak = lax.full((3,), 2.0)
    assert weak.weak_type
    for x, h in (([1, 2, 3], [1, 1]), (jnp.ones(3, "float32"), jnp.ones(2, "float32")),
                 (weak, weak), (weak, jnp.ones(2, "float32"))):  # fmt: skip
        assert not filtrax.convolve(x, h).weak_type
        assert not jax.jit(filtrax.convolve)(x, h).weak_type


def test_a_weak_operand_or_boundary_widens_nothing() -> None:
    weak, kernel = lax.full((3,), 2.0), jnp.ones(2, "float32")
    assert filtrax.convolve(weak, kernel).dtype == jnp.float32
    assert filtrax.convolve(jnp.ones(3, "float32"), kernel, boundary=1.5).dtype == jnp.float32


@pytest.mark.parametrize(
    ("x", "h", "result"),
    [
        ("int8", "int8", "int8"),
        ("uint8", "int8", "int16"),
        ("int32", "int64", "int64"),
        ("int32", "float32", "float32"),
        ("int64", "float16", "float16"),
        ("float16", "bfloat16", "float32"),
        ("bfloat16", "float32", "float32"),
        ("float32", "float64", "float64"),
        ("float32", "complex64", "complex64"),
        ("complex64", "float64", "complex128"),
        ("int32", "complex64", "complex64"),
    ],
)
def test_dtypes_promote_as_in_jax(x: str, h: str, result: str) -> None:
    # Small integers, exact in every dtype.
    rng = np.random.default_rng(0)
    whole, taps = rng.integers(0, 6, (2, 7)), rng.integers(0, 6, 3)
    a, b = jnp.asarray(whole).astype(x), jnp.asarray(taps).astype(h)
    with jax.numpy_dtype_promotion("standard"):
        assert jnp.promote_types(x, h) == result
        y = filtrax.convolve(a, b, "same")
        z = filtrax.convolve(b, a[0], "full")
    assert y.dtype == z.dtype == jnp.dtype(result)
    expected = oracle.slide(whole, taps, "convolve", "same")
    np.testing.assert_array_equal(np.asarray(y).astype(complex), expected)


def test_strict_promotion_refuses_to_guess() -> None:
    with pytest.raises(jax.dtypes.TypePromotionError):
        filtrax.convolve(jnp.ones(3, "float32"), jnp.ones(2, "float64"))
    # Where nothing must be guessed, nothing is refused: no internal mixing of dtypes.
    for dtype in ("int8", "uint8", "int32", "bfloat16", "float16", "float32", "complex64"):
        x, h = jnp.ones((2, 5), dtype), jnp.ones(3, dtype)
        for boundary in oracle.BOUNDARIES:
            run = partial(filtrax.convolve, mode="same", boundary=boundary)
            got = jax.eval_shape(run, x, h)
            assert got.dtype == x.dtype


def test_without_x64_nothing_is_wide() -> None:
    with jax.enable_x64(False):
        for dtype, narrow in (("float64", "float32"), ("int64", "int32"),
                              ("complex128", "complex64")):  # fmt: skip
            x, h = np.arange(5).astype(dtype), np.arange(1, 4).astype(dtype)
            with pytest.warns(filtrax.PrecisionWarning, match=f"{dtype} becomes {narrow}"):
                y = filtrax.convolve(x, h, boundary="wrap")
            assert y.dtype == jnp.dtype(narrow)
            expected = oracle.slide(x, h, "convolve", boundary="wrap")
            np.testing.assert_allclose(np.asarray(y), expected.astype(narrow), rtol=1e-6)
        value = jax.jit(jax.grad(lambda h: filtrax.convolve(jnp.ones(5), h).sum()))
        assert value(jnp.ones(3)).dtype == jnp.float32


def test_lists_and_numpy_arrays_are_taken_as_they_are() -> None:
    assert filtrax.convolve([1, 2, 3], [1, 1]).dtype == jnp.int64
    assert filtrax.convolve([1.0, 2, 3], (1.0, 1)).dtype == jnp.float64
    assert filtrax.convolve(np.ones(3, np.float32), np.ones(2, np.float32)).dtype == jnp.float32


def test_without_jit() -> None:
    x, h = random((4, 9)), random((3,), seed=1)
    with jax.disable_jit():
        got = filtrax.convolve(x, h, "same", boundary="wrap")
    close(got, np.stack([np.convolve(np.pad(row, 1, "wrap"), h, "valid") for row in x]))
