"""The heart of the recursive filters: a recurrence as a primitive, linear in the signal.

    a * y = b * x   from rest, for n = 0 .. length-1

Its transpose is the same recurrence backwards in time. What its coefficients do is the matter of
`_by_coefficients`, where its derivative is registered.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import ad, batching, mlir

from filtrax import _sharding
from filtrax.iir import _blocks, _steps
from filtrax.iir._primitive import batch, define
from filtrax.iir._tables import Tables


def bind(
    x: jax.Array,
    b: jax.Array,
    a: jax.Array,
    tables: Tables | None,
    *,
    length: int,
    reverse: bool = False,
    all_pole: bool = False,
) -> jax.Array:
    """Filters x from rest.

    Args:
        x: signals (G, B, T), taken as zero from T on.
        b: numerators of the sections (G, S, K), of x's dtype.
        a: their denominators (G, S, K), whose first coefficients are 1.
        tables: for the block form; ``None`` for the sequential one. They must be those of b and
            a, whose derivatives stand for theirs.
        length: samples of the result.
        reverse: time runs backwards, from the last sample of x to the first.
        all_pole: with 1 in the place of the numerator; one section only.
    """
    leaves, structure = jax.tree.flatten(tables)
    return recurrence_p.bind(
        *_sharding.vary_alike(x, b, a, *leaves),
        length=length, reverse=reverse, all_pole=all_pole, structure=structure,
    )  # fmt: skip


def _abstract(x: Any, b: Any, a: Any, *tables: Any, length: int, **_: Any) -> Any:
    operands = (x, b, a, *tables)
    labels = ["GB", *["G"] * (len(operands) - 1)]
    sharding = _sharding.output_sharding(operands, labels, ("G", "B", ""))
    return x.update(shape=(*x.shape[:2], length), weak_type=False, sharding=sharding)


def _lowered(*operands: jax.Array, **params: Any) -> jax.Array:
    types = [jax.typeof(operand) for operand in operands]
    out = _abstract(*types, **params).sharding
    return _sharding.automatic(partial(_execute, **params), out, *operands)


def _execute(
    x: jax.Array,
    b: jax.Array,
    a: jax.Array,
    *tables: jax.Array,
    length: int,
    reverse: bool,
    all_pole: bool,
    structure: Any,
) -> jax.Array:
    """One pass as plain JAX."""
    # Symbolic sizes, in an export, are not compared.
    if any(isinstance(size, int) and not size for size in (*x.shape, length)):
        # Made of an operand, so that it varies over a mesh as they do.
        return jnp.zeros((*x.shape[:2], length), x.dtype) + jnp.sum(x)
    if all_pole:
        b = jnp.zeros_like(b).at[..., 0].set(1)
    if not tables:
        return _steps.run(x, b, a, length, reverse)
    known = jax.tree.unflatten(structure, tables)
    return _by_blocks(x, b, a, known, length, reverse, all_pole)


def _by_blocks(
    x: jax.Array,
    b: jax.Array,
    a: jax.Array,
    tables: Tables,
    length: int,
    reverse: bool,
    all_pole: bool,
) -> jax.Array:
    size, readout = tables.response.shape[-1], int(all_pole)
    own, wanted = (-(-samples // size) for samples in (x.shape[-1], length))
    samples, shape = x.shape[-1], (*x.shape[:2], own, size)
    padded = extended(x, own * size)
    weights = _blocks.weights(tables, readout, reverse)

    blocks = padded.reshape(shape)
    before, after = _blocks.states(blocks, weights, max(own, wanted), reverse)
    # An infinity or NaN in the signal, or an overflow, meets the zeros of the matrices and would
    # spoil its whole block. Wherever it stands, it has reached the last state.
    sound = jnp.isfinite(after).all() & jnp.isfinite(tables.response[:, readout]).all()

    # Both ways give blocks: written as one long vector they would take twice the time.
    def by_blocks(padded: jax.Array, before: jax.Array) -> jax.Array:
        y = _blocks.outputs(padded.reshape(shape), before, weights, wanted)
        return y.reshape(-1, size)

    # A vector has one layout in memory. Else a loop's, time first, would be forced on the blocks.
    def one_by_one(padded: jax.Array, _: jax.Array) -> jax.Array:
        x = padded.reshape(*shape[:2], own * size)[..., :samples]
        y = _steps.run(x, b, a, length, reverse, careful=True)
        return extended(y, wanted * size).ravel().reshape(-1, size)

    y = lax.cond(sound, by_blocks, one_by_one, padded.reshape(-1, size), before)
    return y.reshape(*shape[:2], wanted * size)[..., :length]


def extended(x: jax.Array, samples: int) -> jax.Array:
    """With zeros behind, up to so many samples."""
    if x.shape[-1] == samples:
        return x
    return jnp.pad(x, ((0, 0), (0, 0), (0, samples - x.shape[-1])))


def _transpose(
    ct: Any, x: Any, b: Any, a: Any, *tables: Any, length: int, reverse: bool, **params: Any
) -> list[Any]:
    found = recurrence_p.bind(
        *_sharding.vary_alike(ad.instantiate_zeros(ct), b, a, *tables),
        length=x.aval.shape[-1], reverse=not reverse, **params,
    )  # fmt: skip
    return [_sharding.like(found, x.aval), None, None, *(None for _ in tables)]


recurrence_p = define(
    "filtrax_recurrence", _abstract, mlir.lower_fun(_lowered, multiple_results=False)
)
ad.primitive_transposes[recurrence_p] = _transpose
batching.primitive_batchers[recurrence_p] = partial(batch, recurrence_p)
