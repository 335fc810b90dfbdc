"""The heart of the recursive filters: a recurrence as a primitive, linear in the signal.

    a * y = b * x   from rest, for n = 0 .. length-1

Its transpose is the same recurrence backwards in time, and its derivative by the coefficients is
the all-pole recurrence 1/A of ``db * x - da * y``. So the primitive is closed under every
transformation, to any order, and a gradient keeps the signal and the output, not the states.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import ad, batching, mlir

from filtrax import _sharding
from filtrax._correlate import convolve, correlate
from filtrax.iir import _blocks, _choose, _steps
from filtrax.iir._primitive import batch_size, define, fold, unfold
from filtrax.iir._tables import Tables, flat, of_sections, unflat


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
    operands = _sharding.vary_alike(x, b, a, *([] if tables is None else flat(tables)))
    return recurrence_p.bind(*operands, length=length, reverse=reverse, all_pole=all_pole)


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
    return _by_blocks(x, b, a, unflat(tables), length, reverse, all_pole)


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
    padded = _extended(x, own * size)

    def carried(padded: jax.Array) -> tuple[jax.Array, jax.Array]:
        blocks = padded.reshape(shape)
        before, after = _blocks.states(blocks, tables, max(own, wanted), reverse)
        # An infinity or NaN in the signal, or an overflow, meets the zeros of the matrices and
        # would spoil its whole block. Wherever it stands, it has reached the last state.
        sound = jnp.isfinite(after).all() & jnp.isfinite(tables.response[:, readout]).all()
        return before, sound

    # Both ways give blocks: written as one long vector they would take twice the time.
    def by_blocks(padded: jax.Array, before: jax.Array) -> jax.Array:
        y = _blocks.outputs(padded.reshape(shape), before, tables, readout, wanted, reverse)
        return y.reshape(-1, size)

    # A vector has one layout in memory. Else a loop's, time first, would be forced on the blocks.
    def one_by_one(padded: jax.Array, _: jax.Array) -> jax.Array:
        x = padded.reshape(*shape[:2], own * size)[..., :samples]
        y = _steps.run(x, b, a, length, reverse, careful=True)
        return _extended(y, wanted * size).ravel().reshape(-1, size)

    def mended(padded: jax.Array, before: jax.Array) -> jax.Array:
        # What follows a NaN is NaN; without it the blocks may serve as well.
        missing = jnp.isnan(padded)
        clean = jnp.where(missing, 0, padded)
        before, sound = carried(clean)
        y = lax.cond(sound, by_blocks, lambda _, __: one_by_one(padded, before), clean, before)
        reached = _reached(missing.reshape(*shape[:2], own * size), wanted * size)
        return jnp.where(reached.reshape(-1, size) & sound, jnp.nan, y)

    before, sound = carried(padded)
    # In a derivative a NaN is everywhere; to compile another way for it would take long.
    otherwise = one_by_one if reverse or all_pole else mended
    y = lax.cond(sound, by_blocks, otherwise, padded.ravel(), before)
    return y.reshape(*shape[:2], wanted * size)[..., :length]


def _reached(missing: jax.Array, length: int) -> jax.Array:
    """Which samples of each row come at or after a missing one."""
    reached = jnp.arange(length) >= missing.argmax(-1)[..., None]
    return reached & missing.any(-1, keepdims=True)


def _jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
    x, b, a, *tables = primals
    dx, db, da, *_ = tangents
    kept = unflat(tables) if tables else None
    if b.shape[1] > 1 and not (isinstance(db, ad.Zero) and isinstance(da, ad.Zero)):
        return _jvp_of_sections(primals, tangents, kept, **params)
    y = bind(x, b, a, kept, **params)
    parts = []
    if not isinstance(dx, ad.Zero):
        parts.append(bind(ad.instantiate_zeros(dx), b, a, kept, **params))
    driven = _driven(x, b, a, kept, y, db, da, **params)
    if driven is not None:
        parts.append(bind(driven, b, a, kept, **{**params, "all_pole": True}))
    if not parts:
        return y, ad.Zero(jax.typeof(y).to_tangent_aval())
    return y, sum(parts[1:], parts[0])


def _jvp_of_sections(
    primals: Any, tangents: Any, kept: Tables | None, **params: Any
) -> tuple[jax.Array, Any]:
    """By its coefficients the derivative of a cascade needs what each section hands on."""
    x, b, a, *_ = primals
    dx, db, da, *_ = tangents
    db, da = ad.instantiate_zeros(db), ad.instantiate_zeros(da)
    count = b.shape[1]
    each: tuple[Tables | None, ...] = (None,) * count
    if kept is not None:
        block = kept.response.shape[-1]
        radices = _choose.radices(params["length"], block, b.shape[2] - 1)
        each = of_sections(b, a, block, radices)
    for s in range(count):
        own = slice(s, s + 1)
        tables = each[s]

        def section(x: jax.Array, b: jax.Array, a: jax.Array, tables: Any = tables) -> jax.Array:
            return bind(x, b, a, tables, **params)

        if isinstance(dx, ad.Zero):
            run = partial(section, x)
            x, dx = jax.jvp(run, (b[:, own], a[:, own]), (db[:, own], da[:, own]))
        else:
            x, dx = jax.jvp(
                section, (x, b[:, own], a[:, own]), (dx, db[:, own], da[:, own])
            )  # fmt: skip
    return x, dx


def _driven(
    x: jax.Array,
    b: jax.Array,
    a: jax.Array,
    tables: Tables | None,
    y: jax.Array,
    db: Any,
    da: Any,
    *,
    length: int,
    reverse: bool,
    all_pole: bool,
) -> jax.Array | None:
    """``db * x - da * y``: what drives the derivative by the coefficients."""
    by_b = not isinstance(db, ad.Zero) and not all_pole
    by_a = not isinstance(da, ad.Zero)
    if not (by_a or by_b):
        return None
    # Backwards in time, a sample needs the outputs after it, also those beyond the result.
    samples = max(length, x.shape[-1])
    if reverse and length < samples:
        y = bind(x, b, a, tables, length=samples, reverse=reverse, all_pole=all_pole)
    driven = None
    if by_b:
        driven = _fir(_extended(x, samples), ad.instantiate_zeros(db), reverse)
    if by_a:
        fed_back = _fir(_extended(y, samples), ad.instantiate_zeros(da), reverse)
        driven = -fed_back if driven is None else driven - fed_back
    return driven


def _extended(x: jax.Array, samples: int) -> jax.Array:
    if x.shape[-1] == samples:
        return x
    return jnp.pad(x, ((0, 0), (0, 0), (0, samples - x.shape[-1])))


def _fir(x: jax.Array, h: jax.Array, reverse: bool) -> jax.Array:
    """Slides h (G, 1, K) over x (G, B, T), causal in the direction of time."""
    if reverse:
        return correlate(x, h, (0, h.shape[-1] - 1), axes=-1, conjugate=False)
    return convolve(x, h, "causal", axes=-1)


def _transpose(
    ct: Any, x: Any, b: Any, a: Any, *tables: Any, length: int, reverse: bool, all_pole: bool
) -> list[Any]:
    kept = unflat(tables) if tables else None
    found = bind(
        ad.instantiate_zeros(ct), b, a, kept,
        length=x.aval.shape[-1], reverse=not reverse, all_pole=all_pole,
    )  # fmt: skip
    return [_sharding.like(found, x.aval), None, None, *(None for _ in tables)]


def _batch(args: Any, dims: Any, **params: Any) -> tuple[jax.Array, int]:
    """Folds a batch into the rows, or into the groups if coefficients have it, too."""
    if all(dim is None for dim in dims[1:]):
        x = jnp.moveaxis(args[0], dims[0], 1)
        rows = x.shape[1:3]
        operands = (lax.collapse(x, 1, 3), *args[1:])
        y = recurrence_p.bind(*_sharding.vary_alike(*operands), **params)
        return y.reshape(y.shape[0], *rows, *y.shape[2:]), 1
    y = recurrence_p.bind(*fold(args, dims), **params)
    return unfold(y, batch_size(args, dims)), 0


recurrence_p = define(
    "filtrax_recurrence", _abstract, mlir.lower_fun(_lowered, multiple_results=False)
)
ad.primitive_jvps[recurrence_p] = _jvp
ad.primitive_transposes[recurrence_p] = _transpose
batching.primitive_batchers[recurrence_p] = _batch
