"""What the coefficients do to a recurrence: its derivative, as a primitive and its transpose.

The derivative by the coefficients of one section is the all-pole recurrence 1/A of
``db * x - da * y``; in a cascade it passes through the sections that follow. That is how the
tangent is computed, and what the derivatives of both primitives are derived from: so they are
closed under every transformation, to any order. Their own rule is the one that matters most, the
gradient: from the ends of the blocks alone (`_sensitivity`), whatever the number of sections.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.interpreters import ad, batching, mlir

from filtrax import _sharding
from filtrax._correlate import convolve, correlate
from filtrax.iir import _blocks, _choose, _sensitivity, _steps
from filtrax.iir._primitive import automatic, batch_size, define, fold, unfold
from filtrax.iir._recurrence import bind, extended, recurrence_p
from filtrax.iir._tables import Tables, of_sections

__all__ = ["bind"]


def _jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
    """Of the recurrence itself."""
    dx, db, da, *_ = tangents
    y = recurrence_p.bind(*primals, **params)
    parts = []
    if not isinstance(dx, ad.Zero):
        operands = _sharding.vary_alike(ad.instantiate_zeros(dx), *primals[1:])
        parts.append(recurrence_p.bind(*operands, **params))
    if not (isinstance(db, ad.Zero) and isinstance(da, ad.Zero)):
        changes = ad.instantiate_zeros(db), ad.instantiate_zeros(da)
        parts.append(tangent_p.bind(*_sharding.vary_alike(*changes, *primals), **params))
    if not parts:
        return y, ad.Zero(jax.typeof(y).to_tangent_aval())
    return y, sum(parts[1:], parts[0])


def _by_sections(
    db: jax.Array, da: jax.Array, x: jax.Array, b: jax.Array, a: jax.Array, *leaves: Any,
    structure: Any, length: int, reverse: bool, all_pole: bool,
) -> jax.Array:  # fmt: skip
    """The tangent, linear in db and da: what each section hands on, and its change."""
    tables = jax.tree.unflatten(structure, leaves)
    count, order = b.shape[1], b.shape[2] - 1
    each: tuple[Tables | None, ...] = (tables,)
    if count > 1:
        each = (None,) * count
        if tables is not None:
            block = tables.response.shape[-1]
            each = of_sections(b, a, block, _choose.radices(length, block, order))
    dy = None
    for s, kept in enumerate(each):
        own = slice(s, s + 1)
        section, changes = (b[:, own], a[:, own]), (db[:, own], da[:, own])
        params: dict[str, Any] = {"reverse": reverse, "all_pole": all_pole}
        # Backwards in time, a sample needs the outputs after it, also those beyond the result.
        samples = max(length, x.shape[-1]) if reverse else length
        y = bind(x, *section, kept, length=samples, **params)
        driven = _driven(extended(x, samples)[..., :samples], y, *changes, reverse, all_pole)
        change = bind(driven, *section, kept, length=length, reverse=reverse, all_pole=True)
        if dy is not None:
            change = change + bind(dy, *section, kept, length=length, **params)
        x, dy = y[..., :length], change
    assert dy is not None
    return dy


def _driven(
    x: jax.Array, y: jax.Array, db: jax.Array, da: jax.Array, reverse: bool, all_pole: bool
) -> jax.Array:
    """``db * x - da * y``: what drives the derivative by the coefficients of a section."""
    fed_back = _fir(y, da, reverse)
    return -fed_back if all_pole else _fir(x, db, reverse) - fed_back


def _fir(x: jax.Array, h: jax.Array, reverse: bool) -> jax.Array:
    """Slides h (G, 1, K) over x (G, B, T), causal in the direction of time."""
    if reverse:
        return correlate(x, h, (0, h.shape[-1] - 1), axes=-1, conjugate=False)
    return convolve(x, h, "causal", axes=-1)


def _by_transposition(
    ct: jax.Array, x: jax.Array, b: jax.Array, a: jax.Array, *leaves: Any, **params: Any
) -> list[Any]:
    """The gradients by b and a, section by section."""

    def tangent(db: jax.Array, da: jax.Array) -> jax.Array:
        return _by_sections(db, da, x, b, a, *leaves, **params)

    return list(jax.linear_transpose(tangent, b, a)(ct))


def _by_ends(
    ct: jax.Array, x: jax.Array, b: jax.Array, a: jax.Array, *leaves: Any,
    structure: Any, length: int, reverse: bool, all_pole: bool,
) -> list[Any]:  # fmt: skip
    """The same from the ends of the blocks, as plain JAX."""
    tables = jax.tree.unflatten(structure, leaves)
    if any(isinstance(size, int) and not size for size in (*x.shape, *ct.shape)):
        return [jnp.zeros_like(b) + jnp.sum(x), jnp.zeros_like(a) + jnp.sum(x)]
    if tables is None or tables.sensitivity is None:
        return _by_transposition(
            ct, x, b, a, *leaves,
            structure=structure, length=length, reverse=reverse, all_pole=all_pole,
        )  # fmt: skip
    if reverse:
        # Of two signals, one filtered backwards is as much as the other forwards.
        x, ct = ct, x
    size, readout, known = tables.response.shape[-1], int(all_pole), tables.sensitivity
    if all_pole:
        known = known._replace(taken=known.taken.at[:, 0, -1].set(1))
    wanted = -(-ct.shape[-1] // size)
    x = x[..., : ct.shape[-1]]

    def blocks(signal: jax.Array) -> jax.Array:
        count = -(-signal.shape[-1] // size)
        return extended(signal, count * size).reshape(*signal.shape[:2], count, size)

    inputs, targets = blocks(x), blocks(ct)
    weights = _blocks.weights(tables, readout, reverse=False)
    starts, _ = _blocks.states(inputs, weights, wanted, reverse=False)
    ends = _blocks.ends(targets, weights)
    found = _sensitivity.gradient(
        starts, inputs, ends, targets, tables.readout[:, readout], tables.intake, known
    )

    def one_by_one(*sides: jax.Array) -> jax.Array:
        one = jnp.zeros_like(b).at[..., 0].set(1) if all_pole else b
        x, ct = (each.reshape(*inputs.shape[:2], -1) for each in sides)
        return _steps.gradient(ct, x, one, a)

    sides = (each.reshape(-1, size) for each in (inputs, targets))
    found = lax.cond(jnp.isfinite(found).all(), lambda *_: found, one_by_one, *sides)
    by_b, by_a = found[:, 0], found[:, 1]
    return [jnp.zeros_like(by_b) if all_pole else by_b, by_a]


def _tangent_abstract(db: Any, da: Any, x: Any, *operands: Any, length: int, **_: Any) -> Any:
    labels = ["G", "G", "GB", *["G"] * len(operands)]
    sharding = _sharding.output_sharding((db, da, x, *operands), labels, ("G", "B", ""))
    return x.update(shape=(*x.shape[:2], length), weak_type=False, sharding=sharding)


def _tangent_lowered(*operands: jax.Array, **params: Any) -> jax.Array:
    out = _tangent_abstract(*map(jax.typeof, operands), **params).sharding
    return _sharding.automatic(lambda *each: _by_sections(*each, **params), out, *operands)


def _tangent_jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
    out = tangent_p.bind(*primals, **params)
    if all(isinstance(each, ad.Zero) for each in tangents[2:]):
        changes = [ad.instantiate_zeros(each) for each in tangents[:2]]
        return out, tangent_p.bind(*_sharding.vary_alike(*changes, *primals[2:]), **params)
    return out, _pushed(_by_sections, 5, primals, tangents, params)


def _pushed(function: Any, count: int, primals: Any, tangents: Any, params: Any) -> Any:
    """The tangent of a function that tables, behind the first operands, do not change."""

    def free(*operands: jax.Array) -> Any:
        return function(*operands, *primals[count:], **params)

    changes = [ad.instantiate_zeros(each) for each in tangents[:count]]
    return jax.jvp(free, tuple(primals[:count]), tuple(changes))[1]


def _tangent_transpose(
    ct: Any, db: Any, da: Any, x: Any, b: Any, a: Any, *leaves: Any, **params: Any
) -> list[Any]:
    operands = _sharding.vary_alike(ad.instantiate_zeros(ct), x, b, a, *leaves)
    found = gradient_p.bind(*operands, **params)
    pairs = zip(found, (db, da), strict=True)
    own = [_sharding.like(each, of.aval) if ad.is_undefined_primal(of) else None
           for each, of in pairs]  # fmt: skip
    return [*own, *(None for _ in range(3 + len(leaves)))]


def _tangent_batch(args: Any, dims: Any, **params: Any) -> tuple[jax.Array, int]:
    run = jax.vmap(lambda *each: _by_sections(*each, **params), tuple(dims))
    return run(*args), 0


def _gradient_abstract(ct: Any, x: Any, b: Any, a: Any, *leaves: Any, **_: Any) -> list[Any]:
    labels = ["GB", "GB", *["G"] * (2 + len(leaves))]
    sharding = _sharding.output_sharding((ct, x, b, a, *leaves), labels, ("G", "", ""))
    return [each.update(weak_type=False, sharding=sharding) for each in (b, a)]


def _gradient_lowered(*operands: jax.Array, **params: Any) -> list[jax.Array]:
    outs = [each.sharding for each in _gradient_abstract(*map(jax.typeof, operands), **params)]
    return automatic(lambda *each: _by_ends(*each, **params), outs, *operands)


def _gradient_jvp(primals: Any, tangents: Any, **params: Any) -> tuple[Any, Any]:
    out = gradient_p.bind(*primals, **params)
    return out, _pushed(_by_transposition, 4, primals, tangents, params)


def _gradient_batch(args: Any, dims: Any, **params: Any) -> tuple[list[jax.Array], list[int]]:
    size = batch_size(args, dims)
    found = gradient_p.bind(*fold(args, dims), **params)
    return [unfold(each, size) for each in found], [0, 0]


ad.primitive_jvps[recurrence_p] = _jvp

tangent_p = define(
    "filtrax_recurrence_tangent",
    _tangent_abstract,
    mlir.lower_fun(_tangent_lowered, multiple_results=False),
)
ad.primitive_jvps[tangent_p] = _tangent_jvp
ad.primitive_transposes[tangent_p] = _tangent_transpose
batching.primitive_batchers[tangent_p] = _tangent_batch

gradient_p = define(
    "filtrax_recurrence_gradient",
    _gradient_abstract,
    mlir.lower_fun(_gradient_lowered, multiple_results=True),
    multiple_results=True,
)
ad.primitive_jvps[gradient_p] = _gradient_jvp
batching.primitive_batchers[gradient_p] = _gradient_batch
