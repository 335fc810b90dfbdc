"""A filter forward and then backward in time, in a single pass over blocks.

Going backward takes in what came forward: in each block its samples times a matrix and the state
at its start times another. Both matrices multiplied with those of the way back, no signal is
written in between: the samples and the states at both ends of a block give its result.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import ad, batching, mlir

from filtrax import _sharding
from filtrax.iir import _blocks, _steps
from filtrax.iir._by_coefficients import bind
from filtrax.iir._primitive import automatic, batch, define
from filtrax.iir._tables import Tables

_product = partial(jnp.matmul, precision=lax.Precision.HIGHEST)


def there_and_back(
    x: jax.Array, b: jax.Array, a: jax.Array, tables: Tables
) -> tuple[jax.Array, jax.Array]:
    """Filters x forward from rest, and what that is above its last sample backward from rest.

    Args:
        x: signals (G, B, T), whole blocks.
        b: numerators of the sections (G, S, K), of x's dtype.
        a: their denominators (G, S, K).
        tables: of both.

    Returns:
        The signals, and that last sample (G, B, 1).
    """
    leaves, structure = jax.tree.flatten(tables)
    return two_way_p.bind(*_sharding.vary_alike(x, b, a, *leaves), structure=structure)


def in_turn(
    run: Callable[[jax.Array, bool], jax.Array], x: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The same by a function that filters signals in either direction of time."""
    y = run(x, False)
    last = y[..., -1:]
    return run(y - last, True), last


def _by_recurrences(
    x: jax.Array, b: jax.Array, a: jax.Array, tables: Tables
) -> tuple[jax.Array, jax.Array]:
    """In two passes, whose derivatives are those of the whole."""

    def run(x: jax.Array, reverse: bool) -> jax.Array:
        return bind(x, b, a, tables, length=x.shape[-1], reverse=reverse)

    return in_turn(run, x)


def _in_one_pass(
    x: jax.Array, b: jax.Array, a: jax.Array, *leaves: jax.Array, structure: Any
) -> tuple[jax.Array, jax.Array]:
    """The lowering."""
    tables = jax.tree.unflatten(structure, leaves)
    size, order = tables.response.shape[-1], tables.intake.shape[1]
    blocks = x.reshape(*x.shape[:2], -1, size)
    there, back = (_blocks.weights(tables, 0, reverse) for reverse in (False, True))
    # From samples, and from the state before them, to the way back: to its state and its samples.
    onward = _product(back.intake, jnp.swapaxes(there.triangle, 1, 2))
    passed = _product(back.intake, there.readout)
    heard = _product(jnp.swapaxes(back.triangle, 1, 2), there.readout)
    triangle = _product(there.triangle, back.triangle)

    entered = _blocks.grouped(blocks, jnp.concatenate([there.intake, onward], 1), transposed=True)
    before, after = _blocks.carry(entered[..., :order], there.levels)
    last = jnp.sum(blocks[:, :, -1] * there.triangle[:, None, :, -1], -1)
    last = last + jnp.sum(before[:, :, -1] * there.readout[:, None, -1], -1)
    # It is taken from all samples, so from all blocks the same.
    less = -last[:, :, None, None]
    entered = entered[..., order:] + _blocks.grouped(before, passed, transposed=True)
    entered = entered + less * back.intake.sum(2)[:, None, None]
    behind, first = _blocks.carry(entered[:, :, ::-1], back.levels)

    # Side by side, or the compiler would fuse each with the product, and that takes longer.
    less = jnp.broadcast_to(less, (*before.shape[:3], 1))
    ends = jnp.concatenate([before, behind[:, :, ::-1], less], -1)
    released = jnp.concatenate([heard, back.readout, back.triangle.sum(1)[..., None]], -1)
    sound = jnp.isfinite(after).all() & jnp.isfinite(first).all()
    sound &= jnp.isfinite(tables.response[:, 0]).all()

    def by_blocks(x: jax.Array, ends: jax.Array, last: jax.Array) -> tuple[jax.Array, jax.Array]:
        own = _blocks.grouped(x.reshape(blocks.shape), triangle)
        return (own + _blocks.released(ends, released)).reshape(-1, size), last

    def one_by_one(signal: jax.Array, *_: jax.Array) -> tuple[jax.Array, jax.Array]:
        def run(x: jax.Array, reverse: bool) -> jax.Array:
            return _steps.run(x, b, a, x.shape[-1], reverse, careful=True)

        y, last = in_turn(run, signal.reshape(x.shape))
        return y.ravel().reshape(-1, size), last[..., 0]

    y, last = lax.cond(sound, by_blocks, one_by_one, x.reshape(-1, size), ends, last)
    return y.reshape(x.shape), last[..., None]


def _abstract(x: Any, b: Any, a: Any, *leaves: Any, **_: Any) -> list[Any]:
    labels = ["GB", *["G"] * (2 + len(leaves))]
    sharding = _sharding.output_sharding((x, b, a, *leaves), labels, ("G", "B", ""))
    out = x.update(weak_type=False, sharding=sharding)
    return [out, out.update(shape=(*x.shape[:2], 1))]


def _lowered(*operands: jax.Array, **params: Any) -> list[jax.Array]:
    outs = [each.sharding for each in _abstract(*map(jax.typeof, operands), **params)]
    return automatic(lambda *each: list(_in_one_pass(*each, **params)), outs, *operands)


def _jvp(primals: Any, tangents: Any, *, structure: Any) -> tuple[Any, Any]:
    out = two_way_p.bind(*primals, structure=structure)
    x, b, a, *leaves = primals
    dx, *changes = tangents[:3]
    tables = jax.tree.unflatten(structure, leaves)
    if all(isinstance(each, ad.Zero) for each in changes):
        return out, list(_by_recurrences(ad.instantiate_zeros(dx), b, a, tables))
    moved = [ad.instantiate_zeros(each) for each in (dx, *changes)]
    found = jax.jvp(lambda x, b, a: _by_recurrences(x, b, a, tables), (x, b, a), tuple(moved))
    return out, list(found[1])


two_way_p = define(
    "filtrax_two_way",
    _abstract,
    mlir.lower_fun(_lowered, multiple_results=True),
    multiple_results=True,
)
ad.primitive_jvps[two_way_p] = _jvp
batching.primitive_batchers[two_way_p] = partial(batch, two_way_p)
