"""What the block form needs of a filter: responses over one block, and powers that carry a state.

Built above the working precision and rounded once. For coefficients that are known while tracing
that happens in NumPy's extended precision, and the result is kept; for traced ones it happens in
float64 inside a primitive of its own, where no transformation can narrow it.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from filtrax import _sharding
from filtrax.iir._cascade import joint
from filtrax.iir._lattice import StateSpace, state_space


class Tables(NamedTuple):
    """One filter over blocks of L samples, for outputs of B/A and of 1/A.

    Attributes:
        response: the impulse responses, (G, 2, L).
        readout: from the state at a block's start to its samples, (G, 2, L, N).
        intake: from a block's samples to the state after it, (G, N, L).
        powers: for each level of the carry, powers 0 to M of that level's step, (G, M+1, N, N).
    """

    response: Any
    readout: Any
    intake: Any
    powers: tuple[Any, ...]


def expand(system: StateSpace, block: int, radices: tuple[int, ...], xp: Any) -> Tables:
    """The tables of a state space, by repeated doubling."""
    step, column = system.A, system.B
    rows, columns = system.C[..., None, :], column
    size = 1
    # The rows of both outputs are doubled together.
    wide = step[..., None, :, :]
    while size < block:
        rows = xp.concatenate([rows, xp.matmul(rows, wide)], -2)
        columns = xp.concatenate([columns, xp.matmul(wide[..., 0, :, :], columns)], -1)
        wide = xp.matmul(wide, wide)
        size *= 2
    rows, columns = rows[..., :block, :], columns[..., :block]
    later = xp.matmul(rows[..., : block - 1, :], column[..., None, :, :])[..., 0]
    response = xp.concatenate([system.D[..., None], later], -1)
    powers = []
    # More than one block: then the block is a power of two, and `wide` is the step over it.
    hop = wide[..., 0, :, :]
    for radix in radices:
        run = _powers(hop, radix, xp)
        powers.append(run)
        hop = run[..., radix, :, :]
    return Tables(response, rows, columns[..., ::-1], tuple(powers))


def _powers(step: Any, count: int, xp: Any) -> Any:
    """Powers 0 to ``count``, (..., count + 1, N, N)."""
    identity = xp.broadcast_to(xp.eye(step.shape[-1]).astype(step.dtype), step.shape)
    run, hop = identity[..., None, :, :], step[..., None, :, :]
    while run.shape[-3] <= count:
        run = xp.concatenate([run, xp.matmul(run, hop)], -3)
        hop = xp.matmul(hop, hop)
    return run[..., : count + 1, :, :]


def on_host(
    b: np.ndarray, a: np.ndarray, block: int, radices: tuple[int, ...], dtype: Any
) -> Tables:
    """Tables of known coefficients (G, S, K), in extended precision, rounded to a dtype."""
    dtype = np.dtype(dtype)
    return _on_host(b.tobytes(), a.tobytes(), b.shape, b.dtype.char, block, radices, dtype)


@lru_cache(maxsize=256)
def _on_host(
    b: bytes,
    a: bytes,
    shape: tuple[int, ...],
    kind: str,
    block: int,
    radices: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Tables:
    numerators, denominators = (np.frombuffer(each, kind).reshape(shape) for each in (b, a))
    # What overflows says so by its infinities; the engine looks for them.
    with np.errstate(all="ignore"):
        if shape[1] > 1:
            system = joint(numerators, denominators)
        else:
            system = state_space(numerators[:, 0], denominators[:, 0], np)
        tables = expand(system, block, radices, np)
        arrays = [_fixed(np.asarray(array).astype(dtype)) for array in flat(tables)]
    return unflat(arrays)


def _fixed(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def flat(tables: Tables) -> list[Any]:
    """The arrays of some tables in order."""
    return [tables.response, tables.readout, tables.intake, *tables.powers]


def unflat(arrays: Any) -> Tables:
    """The tables of arrays in order."""
    response, readout, intake, *powers = arrays
    return Tables(response, readout, intake, tuple(powers))


tables_p = Primitive("filtrax_iir_tables")
tables_p.multiple_results = True


def traced(b: jax.Array, a: jax.Array, block: int, radices: tuple[int, ...]) -> Tables:
    """Tables of traced coefficients (G, 1, K), in their dtype but computed in float64.

    They are no function that derivatives see: the recurrence that uses them has rules of its own.
    """
    b, a = _sharding.vary_alike(lax.stop_gradient(b), lax.stop_gradient(a))
    return unflat(tables_p.bind(b, a, block=block, radices=radices))


def _shapes(groups: int, order: int, block: int, radices: tuple[int, ...]) -> list[tuple[int, ...]]:
    shapes = [(groups, 2, block), (groups, 2, block, order), (groups, order, block)]
    return shapes + [(groups, radix + 1, order, order) for radix in radices]


def _abstract(b: Any, a: Any, *, block: int, radices: tuple[int, ...]) -> list[Any]:
    shapes = _shapes(b.shape[0], b.shape[-1] - 1, block, radices)
    return [
        b.update(
            shape=shape,
            weak_type=False,
            sharding=_sharding.output_sharding((b, a), "GG", ("G", *[""] * (len(shape) - 1))),
        )
        for shape in shapes
    ]


def _wide(b: jax.Array, a: jax.Array, *, block: int, radices: tuple[int, ...]) -> list[jax.Array]:
    """The lowering: traced and lowered with 64 bits on, whatever the setting."""
    dtype = b.dtype
    wide = jnp.complex128 if jnp.issubdtype(dtype, jnp.complexfloating) else jnp.float64
    b, a = lax.convert_element_type(b, wide), lax.convert_element_type(a, wide)
    precise = _Precise()
    tables = expand(state_space(b[:, 0], a[:, 0], precise), block, radices, precise)
    return [lax.convert_element_type(array, dtype) for array in flat(tables)]


class _Precise:
    """``jax.numpy`` with matrix products in full precision."""

    matmul = staticmethod(partial(jnp.matmul, precision=lax.Precision.HIGHEST))

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


def _lower(context: Any, *operands: Any, **params: Any) -> Any:
    def body(b: jax.Array, a: jax.Array) -> list[jax.Array]:
        outs = [
            _sharding.output_sharding((jax.typeof(b),), "G", ("G", *[""] * (len(shape) - 1)))
            for shape in _shapes(b.shape[0], b.shape[-1] - 1, **params)
        ]
        return _automatic(partial(_wide, **params), outs, b, a)

    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        return mlir.lower_fun(body, multiple_results=True)(context, *operands)


def _automatic(function: Any, outs: list[Any], *operands: jax.Array) -> list[jax.Array]:
    """`_sharding.automatic` for several results."""
    axes = _sharding.explicit_axes(*operands)
    if not axes:
        return function(*operands)
    run: Any = jax.sharding.auto_axes(function, axes=axes, out_sharding=outs)
    with jax.sharding.use_abstract_mesh(outs[0].mesh):
        return run(*operands)


@lru_cache(maxsize=256)
def _compiled(**params: Any) -> Callable[..., list[jax.Array]]:
    return jax.jit(partial(tables_p.bind, **params))


def _eager(b: jax.Array, a: jax.Array, **params: Any) -> list[jax.Array]:
    with jax.disable_jit(False):
        return _compiled(**params)(b, a)


def _batch(args: Any, dims: Any, **params: Any) -> tuple[list[jax.Array], list[int]]:
    """Folds a batch into the groups, and out again."""
    size = next(
        arg.shape[dim] for arg, dim in zip(args, dims, strict=True) if dim is not None
    )  # fmt: skip
    folded = []
    for arg, dim in zip(args, dims, strict=True):
        full = (
            jnp.broadcast_to(arg[None], (size, *arg.shape))
            if dim is None
            else jnp.moveaxis(arg, dim, 0)
        )
        folded.append(lax.collapse(full, 0, 2))
    b, a = _sharding.vary_alike(*folded)
    outs = tables_p.bind(b, a, **params)
    return [out.reshape(size, -1, *out.shape[1:]) for out in outs], [0] * len(outs)


def _register() -> None:
    tables_p.def_impl(_eager)
    tables_p.def_abstract_eval(_abstract)
    batching.primitive_batchers[tables_p] = _batch
    mlir.register_lowering(tables_p, _lower)


_register()


@lru_cache(maxsize=256)
def _radius(a: bytes, shape: tuple[int, ...], kind: str) -> float:
    polynomials = np.frombuffer(a, kind).reshape(-1, shape[-1])
    narrow = np.complex128 if kind == "G" else np.float64
    if not np.isfinite(polynomials).all():
        return float("nan")
    roots = [np.roots(each) for each in polynomials.astype(narrow)]
    return max((float(np.abs(each).max(initial=0.0)) for each in roots), default=0.0)


def radius(a: np.ndarray) -> float:
    """The largest absolute value of a pole of known denominators (..., K)."""
    return _radius(a.tobytes(), a.shape, a.dtype.char)
