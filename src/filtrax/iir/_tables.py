"""What the block form needs of a filter: responses over one block, and powers that carry a state.

Built above the working precision and rounded once: for float32 in float64, for float64 in pairs
of it. For coefficients that are known while tracing that happens with NumPy, and the result is
kept; for traced ones inside a primitive of its own, where no transformation can narrow it.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.interpreters import batching, mlir

from filtrax import _sharding
from filtrax.iir._cascade import Joint, joint
from filtrax.iir._double import (
    Double,
    join,
    loop,
    matmul,
    move,
    pad,
    power_of_two,
    rounded,
    scaled,
    where,
)
from filtrax.iir._primitive import automatic, batch_size, define, fold, unfold
from filtrax.iir._sensitivity import Sensitivity, sensitivity, shapes


class Tables(NamedTuple):
    """One filter over blocks of L samples, for outputs of B/A and of 1/A.

    Attributes:
        response: the impulse responses, (G, 2, L).
        readout: from the state at a block's start to its samples, (G, 2, L, N).
        intake: from a block's samples to the state after it, (G, N, L).
        powers: for each level of the carry, powers 0 to M of that level's step, (G, M+1, N, N).
        sensitivity: for the gradient by coefficients, if those are traced.
    """

    response: Any
    readout: Any
    intake: Any
    powers: tuple[Any, ...]
    sensitivity: Sensitivity | None = None


def expand(
    cascade: Joint, block: int, radices: tuple[int, ...], *, sensitive: bool = False
) -> Tables:
    """The tables of a cascade."""
    step = cascade.step
    order = step.shape[-1] - 1
    # Powers of the matrix from outputs, states and input to the same, a sample later, hold all.
    size = None
    if isinstance(step, Double):
        # Its products share a scale along a row: the outputs may be far larger than the rest.
        size = abs(rounded(step[:, :2])).max(-1, keepdims=True)
        size = power_of_two(where(size > 0, size, 1.0))
        step = join([scaled(step[:, :2], 1 / size), step[:, 2:]], 1)
    step = pad(step, ((0, 0), (0, 1), (2, 0)))
    # Those of the states alone are a part of them, so one program makes the carry's, too.
    run, *levels = _powers(step, (block, *radices))
    later = run[:, 1:]
    response, readout = (move(later[:, :, :2, at], 1, 2) for at in (-1, slice(2, -1)))
    if size is not None:
        response, readout = scaled(response, size), scaled(readout, size[..., None])
    intake = move(later[:, :, 2:-1, -1], 1, 2)[..., ::-1]
    powers = tuple(level[:, :, 2 : 2 + order, 2:-1] for level in levels)
    if not sensitive:
        return Tables(response, readout, intake, powers)
    steps = rounded(run[:, :block, 2 : 2 + order, 2:-1])
    return Tables(response, readout, intake, powers, sensitivity(cascade, steps))


def _powers(step: Any, counts: tuple[int, ...]) -> list[Any]:
    """Powers 0 to n of a matrix (G, N, N), for the first count n; then of its n-th power, and on.

    One loop within another: as a chain of products they would take long to compile.
    """
    groups, order, _ = step.shape
    most = max(counts)
    exponents = np.arange(most + 1)
    bits = (exponents >> np.arange(most.bit_length())[:, None]) & 1 == 1
    start = step[:, None] * 0.0 + (np.zeros((most + 1, 1, 1)) + np.eye(order))

    def level(hop: Any, count: Any) -> tuple[Any, Any]:
        def square(carry: Any, bit: Any) -> tuple[Any, None]:
            run, hop = carry
            flat = run.reshape(groups, (most + 1) * order, order)
            found = matmul(join([flat, hop], 1), hop)
            longer = found[:, :-order].reshape(groups, most + 1, order, order)
            return (where(bit[:, None, None], longer, run), found[:, -order:]), None

        (run, _), _ = loop(square, (start, hop), bits)
        return run[:, count], run

    _, runs = loop(level, step, np.array(counts))
    return [runs[i][:, : count + 1] for i, count in enumerate(counts)]


def on_host(b: Double, a: Double, block: int, radices: tuple[int, ...], dtype: Any) -> Tables:
    """Tables of known coefficients (G, S, K), rounded to a dtype; of S sections those of all."""
    keys = tuple(part.tobytes() for part in jax.tree.leaves((b, a)))
    kinds = tuple(part.dtype.char for part in jax.tree.leaves((b, a)))
    return _on_host(keys, kinds, b.shape, block, radices, np.dtype(dtype))


@lru_cache(maxsize=256)
def _on_host(
    keys: tuple[bytes, ...],
    kinds: tuple[str, ...],
    shape: tuple[int, ...],
    block: int,
    radices: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Tables:
    parts = [np.frombuffer(k, c).reshape(shape) for k, c in zip(keys, kinds, strict=True)]
    # What overflows says so by its infinities; the engine looks for them.
    with np.errstate(all="ignore"):
        tables = expand(
            joint(Double(*parts[:2]), Double(*parts[2:]), unstable=True), block, radices
        )
        return _mapped(lambda array: _fixed(rounded(array).astype(dtype)), tables)


def _fixed(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _mapped(function: Callable[[Any], Any], tables: Tables) -> Tables:
    """Each array, of either precision, through a function."""
    return jax.tree.map(function, tables, is_leaf=lambda each: isinstance(each, Double))


def traced(b: jax.Array, a: jax.Array, block: int, radices: tuple[int, ...]) -> Tables:
    """Tables of traced coefficients (G, S, K), in their dtype but computed above its precision.

    They are no function that derivatives see: the recurrence that uses them has rules of its own.
    Where a filter is not stable, those of several sections in one are no numbers, nor are those
    in float64: then the recurrence goes sample by sample.
    """
    b, a = _sharding.vary_alike(lax.stop_gradient(b), lax.stop_gradient(a))
    found = tables_p.bind(b, a, block=block, radices=radices)
    structure = jax.tree.structure(_shapes(b.shape, block, radices), is_leaf=_is_shape)
    return jax.tree.unflatten(structure, found)


def of_sections(
    b: jax.Array, a: jax.Array, block: int, radices: tuple[int, ...]
) -> tuple[Tables, ...]:
    """Tables of each section of traced coefficients (G, S, K)."""
    count = b.shape[1]
    if count == 1:
        return (traced(b, a, block, radices),)
    # All at once: a program for each would take long to compile.
    make = jax.vmap(lambda b, a: traced(b[:, None], a[:, None], block, radices), in_axes=1)
    together = make(b, a)
    return tuple(jax.tree.map(lambda array, s=s: array[s], together) for s in range(count))


def _shapes(of: tuple[int, ...], block: int, radices: tuple[int, ...]) -> Tables:
    groups, sections, taps = of
    states = sections * (taps - 1)
    return Tables(
        (groups, 2, block),
        (groups, 2, block, states),
        (groups, states, block),
        tuple((groups, radix + 1, states, states) for radix in radices),
        shapes(groups, sections, taps, block),
    )


def _is_shape(node: Any) -> bool:
    return isinstance(node, tuple) and bool(node) and isinstance(node[0], int)


def _abstract(b: Any, a: Any, *, block: int, radices: tuple[int, ...]) -> list[Any]:
    return [
        b.update(
            shape=shape,
            weak_type=False,
            sharding=_sharding.output_sharding((b, a), "GG", ("G", *[""] * (len(shape) - 1))),
        )
        for shape in jax.tree.leaves(_shapes(b.shape, block, radices), is_leaf=_is_shape)
    ]


def _wide(b: jax.Array, a: jax.Array, *, block: int, radices: tuple[int, ...]) -> list[jax.Array]:
    """The lowering: traced and lowered with 64 bits on, whatever the setting."""
    dtype = b.dtype
    wide = jnp.complex128 if jnp.issubdtype(dtype, jnp.complexfloating) else jnp.float64
    p, q = lax.convert_element_type(b, wide), lax.convert_element_type(a, wide)
    doubled = jnp.finfo(dtype).bits == 64
    if doubled:
        p, q = Double(p, p * 0), Double(q, q * 0)
    tables = expand(joint(p, q, unstable=not doubled), block, radices, sensitive=True)
    return jax.tree.leaves(
        _mapped(lambda array: lax.convert_element_type(rounded(array), dtype), tables)
    )


def _lower(context: Any, *operands: Any, **params: Any) -> Any:
    def body(b: jax.Array, a: jax.Array) -> list[jax.Array]:
        outs = [aval.sharding for aval in _abstract(jax.typeof(b), jax.typeof(a), **params)]
        return automatic(partial(_wide, **params), outs, b, a)

    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        return mlir.lower_fun(body, multiple_results=True)(context, *operands)


def _batch(args: Any, dims: Any, **params: Any) -> tuple[list[jax.Array], list[int]]:
    """Folds a batch into the groups, and out again."""
    size = batch_size(args, dims)
    outs = tables_p.bind(*fold(args, dims), **params)
    return [unfold(out, size) for out in outs], [0] * len(outs)


tables_p = define("filtrax_iir_tables", _abstract, _lower, multiple_results=True)
batching.primitive_batchers[tables_p] = _batch


@lru_cache(maxsize=256)
def _radius(a: bytes, shape: tuple[int, ...], kind: str) -> float:
    polynomials = np.frombuffer(a, kind).reshape(-1, shape[-1])
    if not np.isfinite(polynomials).all():
        return float("nan")
    roots = [np.roots(each) for each in polynomials]
    return max((float(np.abs(each).max(initial=0.0)) for each in roots), default=0.0)


def radius(a: np.ndarray) -> float:
    """The largest absolute value of a pole of known denominators (..., K)."""
    return _radius(a.tobytes(), a.shape, a.dtype.char)
