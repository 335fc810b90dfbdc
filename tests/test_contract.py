"""What every engine owes: one suite, which a new engine joins by appearing in ENGINES."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax
import oracle
from filtrax import _correlate, _engines, _native
from filtrax._engines import ENGINES, Correlation, Engine, compiled
from filtrax._engines.compiled import COMPILED
from filtrax._geometry import resolve_axis
from filtrax._spec import OPERATIONS, make_spec

DTYPES = ("int8", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64",
          "complex64", "complex128")  # fmt: skip
#: Engines that sum the products themselves: their error is that of each output's own terms.
#: Any other is held to the norms of signal and kernel, as a transform must be.
ELEMENTWISE = ("direct", "shift", "toeplitz")
#: (N, K, stride, dilation): odd and even, one sample, one tap, kernel longer than the signal.
GEOMETRIES = (
    (9, 3, 1, 1), (8, 4, 1, 1), (8, 3, 2, 1), (9, 2, 1, 2), (11, 4, 3, 2), (5, 1, 1, 1),
    (4, 7, 1, 1), (3, 6, 2, 1), (1, 3, 1, 1), (1, 1, 1, 1), (12, 5, 2, 2), (7, 7, 1, 1),
    (13, 3, 1, 3), (9, 1, 4, 2), (6, 20, 3, 1),
)  # fmt: skip

engines = pytest.mark.parametrize("engine", sorted(ENGINES))
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def tolerance(engine: Any, x: Any, h: Any, dtype: Any, terms: int) -> float:
    return oracle.rounding(x, h, dtype, terms=terms, normwise=engine not in ELEMENTWISE)


def random(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    return oracle.samples(np.random.default_rng(seed), shape, jnp.dtype(dtype))


def fits(n: int, k: int, stride: int, dilation: int, mode: Any) -> bool:
    return oracle.outputs(n, k, "convolve", mode, 0, stride, dilation)[1] > 0


def compare(engine: Any, operation: str, x: Any, h: Any, cells: list[dict[str, Any]]) -> None:
    """Runs cells of one signal and kernel as one program, and checks each against the loop.

    ``"turns"`` takes both operations in turn: no engine hears of them. An engine that refuses
    the problem must say so when asked by name.
    """
    turns = OPERATIONS if operation == "turns" else (operation,)
    operations = list(itertools.islice(itertools.cycle(turns), len(cells)))

    def run(x: Any, h: Any) -> list[jax.Array]:
        return [
            getattr(filtrax, name)(x, h, method=engine, **cell)
            for name, cell in zip(operations, cells, strict=True)
        ]

    if refused(engine, x.dtype):
        with pytest.raises(ValueError, match=f"^method: .*{engine}"):
            run(x, h)
        return
    for name, cell, got in zip(operations, cells, jax.jit(run)(x, h), strict=True):
        expected = oracle.slide(x, h, name, **cell)
        assert got.dtype == x.dtype
        oracle.check(got, expected, tolerance(engine, x, h, x.dtype, h.size), f"{name} {cell}")


def refused(engine: Any, dtype: Any) -> bool:
    axis = resolve_axis(make_spec(1, "correlate", "valid")[0].axes[0], "correlate", 9, 3)
    problem = Correlation(1, 2, 1, 1, (axis,), jnp.dtype(dtype))
    return ENGINES[engine].refuses(problem, jax.default_backend()) is not None


@engines
def test_floating_point_is_served(engine: Any) -> None:
    for dtype in ("float32", "float64", "complex64", "complex128"):
        assert not refused(engine, dtype), dtype


def test_integers_are_served_by_some_engine() -> None:
    for dtype in DTYPES:
        assert not all(refused(engine, dtype) for engine in ENGINES), dtype


@engines
@dtypes
def test_each_mode_boundary_and_dtype(engine: Any, dtype: str) -> None:
    # The geometry turns with the cell, so that each dtype meets every one under some boundary.
    # A dtype takes every other cell, and the next dtype the others: modes and boundaries are
    # resolved before any engine runs, by code that asks for no dtype but that of a constant.
    by_geometry: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    small = GEOMETRIES[:8]
    number = DTYPES.index(dtype)
    for turn, (mode, boundary) in enumerate(itertools.product(oracle.MODES, oracle.BOUNDARIES)):
        if (oracle.MODES.index(mode) + oracle.BOUNDARIES.index(boundary) + number) % 2:
            continue
        at = turn + 3 * number
        # One geometry for three cells in a row; the next that the mode fits.
        geometry = next(
            g
            for step in range(len(small))
            if fits(*(g := small[(at // 3 + step) % len(small)]), mode)
        )
        cell = {"mode": mode, "boundary": boundary, "stride": geometry[2], "dilation": geometry[3]}
        by_geometry.setdefault(geometry, []).append(cell)
    for (n, k, *_), cells in by_geometry.items():
        compare(engine, "turns", random((2, n), dtype), random((k,), dtype, 1), cells)


@engines
@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_each_geometry_and_mode(engine: Any, dtype: str) -> None:
    for n, k, stride, dilation in GEOMETRIES:
        cells = [
            {"mode": mode, "stride": stride, "dilation": dilation}
            for mode in oracle.MODES
            if fits(n, k, stride, dilation, mode)
        ]
        compare(engine, "turns", random((3, n), dtype), random((k,), dtype, 1), cells)


@engines
@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_origin(engine: Any, operation: str) -> None:
    for k in (1, 2, 5, 6):
        centre = k // 2 if operation == "correlate" else (k - 1) // 2
        cells = [
            {"mode": "same", "origin": origin, "boundary": boundary}
            for origin in range(-centre, k - centre)
            for boundary in ("zero", "reflect")
        ]
        compare(engine, operation, random((7,), "float64"), random((k,), "float64", 1), cells)


@engines
@pytest.mark.parametrize("dtype", ["int32", "float64", "complex128"])
def test_two_dimensions(engine: Any, dtype: str) -> None:
    cells: list[dict[str, Any]] = [
        {"mode": mode, "boundary": boundary}
        for mode, boundary in zip(oracle.MODES, itertools.cycle(oracle.BOUNDARIES), strict=False)
    ]
    cells += [
        {"mode": ["full", "valid"], "boundary": ["wrap", "zero"], "stride": [2, 1]},
        {"mode": [(1, 2), "same"], "boundary": [1, "edge"], "dilation": (1, 2), "origin": (0, -1)},
        {"mode": "same", "axes": (1, 0), "boundary": ("symmetric", 2), "stride": (1, 3)},
        {"mode": "causal", "axes": (-1, -2), "stride": 2},
    ]
    compare(engine, "turns", random((6, 5), dtype), random((2, 3), dtype, 1), cells)


@engines
def test_three_dimensions(engine: Any) -> None:
    cells: list[dict[str, Any]] = [
        {"mode": mode, "boundary": boundary}
        for mode, boundary in zip(oracle.MODES[:5], oracle.BOUNDARIES[1:], strict=True)
    ]
    cells.append({"mode": ["same", "full", "valid"], "stride": [1, 2, 1], "dilation": [2, 1, 1]})
    x, h = random((2, 4, 3, 5), "float64"), random((2, 3, 2), "float64", 1)
    compare(engine, "turns", x, h, cells)


def test_constants_meet_at_a_corner_as_in_repeated_pads() -> None:
    # Each axis is extended in turn, so at a corner the last constant stands; 0 is no exception.
    x, h = random((3, 4), "float64"), random((3, 3), "float64", 1)
    for boundary in itertools.product(("zero", 2.0, "edge"), repeat=2):
        extended = x
        for axis, outside in enumerate(boundary):
            width = [(2, 2) if a == axis else (0, 0) for a in (0, 1)]
            if outside == "edge":
                extended = np.pad(extended, width, mode="edge")
            else:
                fill = 0.0 if outside == "zero" else outside
                extended = np.pad(extended, width, constant_values=fill)
        expected = oracle.slide(extended, h, "convolve", "valid")
        got = filtrax.convolve(x, h, "full", boundary=boundary)
        np.testing.assert_allclose(got, expected.astype(float), rtol=1e-12, atol=1e-12)
        traced: Any = tuple(jnp.asarray(0.0) if b == "zero" else b for b in boundary)
        np.testing.assert_allclose(filtrax.convolve(x, h, "full", boundary=traced), got, rtol=1e-12)


#: (shape of x, shape of h, axes, shape of the output in "same"): the axes rule in examples.
BATCHES = (
    ((100,), (10,), None, (100,)),
    ((7, 20), (5,), None, (7, 20)),
    ((2, 3, 20), (5,), None, (2, 3, 20)),
    ((7, 20), (7, 5), 1, (7, 20)),
    ((1, 100), (7, 10), 1, (7, 100)),
    ((7, 20), (1, 5), -1, (7, 20)),
    ((20, 3), (5,), 0, (20, 3)),
    ((20, 3), (5, 3), 0, (20, 3)),
    ((20, 1), (5, 3), 0, (20, 3)),
    ((3, 6, 2, 7), (3, 2), (1, 3), (3, 6, 2, 7)),
    ((3, 6, 1, 7), (1, 3, 4, 2), (1, 3), (3, 6, 4, 7)),
    ((2, 3, 1, 9), (1, 3, 4, 5), -1, (2, 3, 4, 9)),
    ((1, 3, 2, 9), (4, 1, 2, 5), 3, (4, 3, 2, 9)),
    ((2, 4, 5), (2, 3), (2, 1), (2, 4, 5)),
    ((0, 9), (3,), None, (0, 9)),
)


@engines
@pytest.mark.parametrize("x_shape, h_shape, axes, y_shape", BATCHES)  # noqa: PT006
def test_the_axes_rule(
    engine: Any, x_shape: tuple[int, ...], h_shape: tuple[int, ...], axes: Any, y_shape: Any
) -> None:
    x, h = random(x_shape, "float64"), random(h_shape, "float64", 1)
    got = filtrax.convolve(x, h, "same", axes=axes, method=engine)
    assert got.shape == y_shape
    if x.size:
        expected = oracle.slide(x, h, "convolve", "same", axes=axes)
        oracle.check(got, expected, tolerance(engine, x, h, x.dtype, h.size))


@engines
def test_a_kernel_for_each_row_is_a_loop_over_rows(engine: Any) -> None:
    x, h = random((4, 30), "float64"), random((4, 6), "float64", 1)
    got = filtrax.convolve(x, h, "full", axes=1, method=engine)
    rows = [np.convolve(row, kernel) for row, kernel in zip(x, h, strict=True)]
    np.testing.assert_allclose(got, rows, rtol=1e-12, atol=1e-12)


@engines
@pytest.mark.parametrize("dtype", ["float64", "int32", "complex64", "bfloat16"])
@pytest.mark.parametrize("size", [(1, 2, 3, 1), (1, 2, 3, 4), (2, 1, 2, 3), (3, 2, 1, 2)])
def test_channels_are_summed(engine: Any, dtype: str, size: tuple[int, ...]) -> None:
    g, b, c, o = size
    x, h = random((g, b, c, 7), dtype), random((g, o, c, 3), dtype, 1)
    if refused(engine, x.dtype):
        pytest.skip(f"{engine} refuses {dtype}")
    choices = (
        ("correlate", "valid", 1, 1), ("convolve", "same", 2, 1), ("convolve", (3, -1), 1, 2),
    )  # fmt: skip
    # All of them in float64; another dtype meets one for each size, and so each with some size.
    if dtype != "float64":
        turn = ("int32", "complex64", "bfloat16").index(dtype) + c + o
        choices = (choices[turn % 3],)
    for operation, mode, stride, dilation in choices:
        got = canonical(x, h, operation, mode, stride, dilation, engine)
        expected = oracle.channels(x, h, operation, mode, stride=stride, dilation=dilation)
        oracle.check(got, expected, tolerance(engine, x, h, dtype, c * 3), f"{operation} {mode}")


def canonical(
    x: Any, h: Any, operation: str, mode: Any, stride: int, dilation: int, engine: Any
) -> jax.Array:
    spec, fills = make_spec(x.ndim - 3, operation, mode, stride=stride, dilation=dilation)
    axes = tuple(
        resolve_axis(choices, operation, n, k)
        for choices, n, k in zip(spec.axes, x.shape[3:], h.shape[3:], strict=True)
    )
    assert not any(fills)
    return _correlate.channels(
        jnp.asarray(x), jnp.asarray(h), spec, axes, fills, engine, jax.lax.Precision.HIGHEST
    )


@engines
def test_channels_in_two_dimensions(engine: Any) -> None:
    x, h = random((2, 2, 3, 4, 5), "float64"), random((2, 2, 3, 2, 3), "float64", 1)
    got = canonical(x, h, "correlate", "same", 1, 1, engine)
    expected = oracle.channels(x, h, "correlate", "same")
    oracle.check(got, expected, tolerance(engine, x, h, x.dtype, 18))


@engines
@pytest.mark.parametrize("taps", [15, 16, 17, 255, 256, 257, 300])
def test_many_taps(engine: Any, taps: int) -> None:
    # Around the sizes at which an engine may group taps, loop over them or cut blocks.
    x, h = random((2, 331), "float64"), random((taps,), "float64", 1)
    cells: list[dict[str, Any]] = [
        {"mode": "valid"}, {"mode": "full"}, {"mode": "same", "stride": 3},
    ]  # fmt: skip
    got = jax.jit(
        lambda x, h: [filtrax.convolve(x, h, method=engine, **cell) for cell in cells]
    )(x, h)  # fmt: skip
    full = np.stack([np.convolve(row, h) for row in x])
    same = full[:, (taps - 1) // 2 :][:, :331]
    for y, expected in zip(got, (full[:, taps - 1 : 331], full, same[:, ::3]), strict=True):
        oracle.check(y, expected, tolerance(engine, x, h, x.dtype, taps))


@engines
@pytest.mark.parametrize("samples", [1, 2, 63, 64, 65, 257, 1009])
def test_awkward_lengths(engine: Any, samples: int) -> None:
    x, h = random((samples,), "float32"), random((9,), "float32", 1)
    expected = np.convolve(oracle.wide(x), oracle.wide(h))
    oracle.check(
        filtrax.convolve(x, h, method=engine), expected, tolerance(engine, x, h, x.dtype, 9)
    )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_conjugation_is_numpys_and_can_be_chosen(operation: str) -> None:
    x, h = random((9,), "complex128"), random((4,), "complex128", 1)
    peer: Callable[..., Any] = getattr(np, operation)
    function = getattr(filtrax, operation)
    np.testing.assert_allclose(function(x, h, "full"), peer(x, h, "full"), rtol=1e-12)
    for conjugate in (True, False):
        expected = oracle.slide(x, h, operation, "same", conjugate=conjugate)
        got = function(x, h, "same", conjugate=conjugate)
        np.testing.assert_allclose(got, expected.astype(complex), rtol=1e-12)


@engines
@pytest.mark.parametrize("pair", [("complex128", "float64"), ("float64", "complex128")])
def test_one_complex_operand(engine: Any, pair: tuple[str, str]) -> None:
    x, h = random((2, 8), pair[0]), random((3,), pair[1], 1)
    for operation in OPERATIONS:
        with jax.numpy_dtype_promotion("standard"):
            got = getattr(filtrax, operation)(x, h, "same", boundary="wrap", method=engine)
        assert got.dtype == jnp.complex128
        expected = oracle.slide(x, h, operation, "same", boundary="wrap")
        oracle.check(got, expected, tolerance(engine, x, h, got.dtype, 3))


def test_real_beside_complex_runs_real_filters() -> None:
    with jax.numpy_dtype_promotion("standard"):
        jaxpr = jax.make_jaxpr(filtrax.convolve)(jnp.ones(8, complex), jnp.ones(3)).pretty_print()
    bound = [line for line in jaxpr.splitlines() if "filtrax_correlate" in line]
    assert bound
    assert not any("c128" in line for line in bound)


def test_one_not_a_number_spoils_only_the_outputs_that_it_reaches() -> None:
    x = random((40,), "float64")
    x[20] = np.nan
    names: list[Any] = sorted(set(ENGINES) & set(ELEMENTWISE[:2]))
    for engine in names:
        y = filtrax.convolve(x, np.ones(5), "full", method=engine)
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(y)), np.arange(20, 25))


def test_half_precision_is_summed_in_float32() -> None:
    # 2048 + 1 is 2048 in float16; a sum kept there would never grow.
    x = np.array([2048] + [1] * 64, np.float16)
    names: list[Any] = sorted(ENGINES)
    for engine in names:
        y = filtrax.convolve(x, np.ones(65, np.float16), "valid", method=engine)
        assert float(y[0]) == 2112, engine


@engines
def test_the_engine_asked_for_is_the_one_that_runs(
    engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def spied(each: Engine) -> Engine:
        def noted(run: Any) -> Any:
            def noting(*args: Any) -> jax.Array:
                ran.append(each.name)
                return run(*args)

            return noting if run else None

        return replace(each, run=noted(each.run), run_as=noted(each.run_as))

    spies = {name: spied(each) for name, each in ENGINES.items()}
    for name, spy in spies.items():
        monkeypatch.setitem(_engines.ENGINES, name, spy)
    for name, each in COMPILED.items():
        monkeypatch.setitem(compiled.COMPILED, name, spied(each))
    # Shapes that no other test uses, so that nothing is cached.
    x, h = random((3, 41), "float64"), random((5,), "float64", 1)
    filtrax.convolve(x, h, method=engine)
    assert set(ran) == {engine}
    ran.clear()

    def loss(x: Any, h: Any) -> jax.Array:
        return jnp.sum(filtrax.correlate(x, h, "same", method=engine) ** 2)

    jax.jit(jax.grad(loss, (0, 1))).lower(x, h)
    assert ran.count(engine) == len(ran) >= 3  # The value and both derivatives.


@pytest.mark.parametrize(
    ("engine", "instruction"),
    [
        ("direct", "stablehlo.convolution"),
        ("shift", "filtrax_compiled" if _native.available() else "stablehlo.slice"),
    ],
)
def test_the_program_shows_the_engine(engine: Any, instruction: str) -> None:
    text = jax.jit(
        lambda x, h: filtrax.convolve(x, h, "valid", method=engine)
    ).lower(jnp.ones((2, 33)), jnp.ones(4)).as_text()  # fmt: skip
    assert instruction in text
    assert ("stablehlo.convolution" in text) == (engine == "direct")


def test_a_new_engine_joins_by_its_name_alone() -> None:
    assert set(_correlate.METHODS) == {"auto", *ENGINES}
    assert all(name == engine.name for name, engine in ENGINES.items())
