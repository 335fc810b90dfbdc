"""Correlating an array with margins as a JAX primitive, so that a large one need not be copied.

On a CPU a compiled kernel makes the margins of a band of outputs at a time, in the cache.
Elsewhere, and in derivatives, `_margins.extend` comes before `_primitive.bind`.
"""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from filtrax import _margins, _native, _primitive, _sharding
from filtrax._choose import choose, engines_for
from filtrax._engines import tap_counts
from filtrax._engines.base import Correlation, correlation_for
from filtrax._engines.compiled import is_compiled
from filtrax._geometry import Axis
from filtrax._margins import Margin

#: Bytes of samples from which bands are worth it, those of a band, and how many times as long as
#: the kernel this is at least, as its ends are made twice.
_LARGE, _BAND, _LONGER = 1 << 19, 1 << 17, 4

#: Bytes of a line of the first cache, and after how many rows fall on the same place of it.
_LINE, _WAY = 64, 1 << 12

bounded_p = Primitive("filtrax_bounded")


def bind(
    x: jax.Array,
    h: jax.Array,
    *,
    margins: tuple[Margin, ...],
    axes: tuple[Axis, ...],
    method: str,
    precision: lax.Precision,
    accuracy: str | float,
) -> jax.Array:
    """The correlation of x with its margins.

    Args:
        x: signal (G, B, C, *N), without margins.
        h: kernel (G, O, C, *K), of x's dtype.
        margins: one for each axis of x.
        axes: the index relations of the signal with its margins.
        method: see `_primitive.bind`.
        precision: see there.
        accuracy: see there.
    """
    params: dict[str, Any] = {
        "margins": margins, "axes": axes, "method": method, "precision": precision,
        "accuracy": accuracy,
    }  # fmt: skip
    if not _may_be_cut(x, h, **params):
        return _whole(x, h, **params)
    x, h = _sharding.vary_alike(x, h)
    return bounded_p.bind(x, h, **params)


def _may_be_cut(
    x: Any, h: Any, *, margins: tuple[Margin, ...], axes: tuple[Axis, ...], method: str, **_: Any
) -> bool:
    """Whether it is a large array that one kernel filters."""
    known = all(isinstance(n, int) for n in (*x.shape, *h.shape))
    if not known or method not in ("auto", "shift") or all(margin.is_none for margin in margins):
        return False
    alone = x.shape[0] == x.shape[2] == h.shape[1] == 1
    paired = any(axis.paired for axis in axes)
    return alone and not paired and x.size * x.dtype.itemsize >= _LARGE


def _whole(x: jax.Array, h: jax.Array, *, margins: tuple[Margin, ...], **params: Any) -> jax.Array:
    return _primitive.bind(_margins.extend(x, margins), h, **params)


def _bands(
    x: Any, h: Any, *, margins: tuple[Margin, ...], axes: tuple[Axis, ...], method: str,
    precision: lax.Precision, accuracy: str | float,
) -> dict[str, Any] | None:  # fmt: skip
    """What `_native.call_in_bands` is told, or none where another way is better."""
    images, *sizes = x.shape[1], *x.shape[3:]
    problem = correlation_for("y", (1, images, 1, 1), axes, x.dtype)
    plan = choose(problem, method, "cpu", accuracy, precision.name.lower(), compiled=True)
    if plan.engine != "shift" or not is_compiled(engines_for(problem, True)["shift"]):
        return None
    behind = math.prod(axis.n for axis in axes[1:]) * x.dtype.itemsize
    outputs = math.prod(axis.m for axis in axes)
    if axes[0].n * behind <= _BAND:
        # Whole arrays, several at a time.
        each, count = _even(images, _BAND // (axes[0].n * behind))
        parts = [replace(problem, b=b) for b in (each, images - (count - 1) * each)]
        bands = (1, x.size, problem.outputs, count, each, each, parts[1].b, each * outputs)
        extended = ((images, 0, 0, 0), *_margins.merged(tuple(sizes), margins[3:]))
    else:
        first = axes[0]
        if first.lo != 0 or first.hi > 0:
            return None
        most = max(_BAND // behind, _LONGER * first.span) // first.stride
        each, count = _even(first.m, most)
        margins, axes = _uncrowded(margins, axes, x.dtype.itemsize)
        problem = replace(problem, axes=axes)
        parts = [
            replace(problem, b=1, axes=(_part(first, m), *axes[1:]))
            for m in (each, first.m - (count - 1) * each)
        ]
        reads = [part.axes[0].n for part in parts]
        written = each * outputs // first.m
        bands = (images, x.size // images, outputs, count, each * first.stride, *reads, written)
        extended = _margins.merged(tuple(sizes[:1]), margins[3:4])
        extended = (*extended, *_margins.merged(tuple(sizes[1:]), margins[4:]))
    found = [_rows(part) for part in parts]
    if count * bands[0] == 1 or len(extended) > _native.MARGIN_AXES or not all(found):
        return None
    return {
        "algorithm": _native.TAPS, "problems": tuple(found), "axes": extended, "bands": bands,
        "shape": problem.shape,
    }  # fmt: skip


def _even(total: int, most: int) -> tuple[int, int]:
    """The length of parts that are nearly alike, and how many there are."""
    count = -(-total // max(most, 1))
    each = -(-total // count)
    return each, -(-total // each)


def _uncrowded(
    margins: tuple[Margin, ...], axes: tuple[Axis, ...], itemsize: int
) -> tuple[tuple[Margin, ...], tuple[Axis, ...]]:
    """Rows of images an odd number of lines apart, if they would crowd each other out of the cache.

    What is added behind them is not read.
    """
    last, margin = axes[-1], margins[-1]
    beside = last.n * itemsize % _WAY
    if len(axes) < 2 or margin.is_none or min(beside, _WAY - beside) >= 4 * _LINE:
        return margins, axes
    n = (-(-last.n * itemsize // _LINE) | 1) * _LINE // itemsize
    longer = replace(margin, after=margin.after + n - last.n)
    return (*margins[:-1], longer), (*axes[:-1], replace(last, n=n))


def _part(axis: Axis, m: int) -> Axis:
    """The axis of so many neighbouring outputs, and of what they read."""
    return replace(axis, n=(m - 1) * axis.stride + axis.span, m=m)


def _rows(problem: Correlation) -> tuple[int, ...] | None:
    """The numbers of a sum over taps, if kernels serve the problem as it is."""
    if tap_counts.served(problem) is not problem:
        return None
    found = tap_counts.rows_of(problem)
    return found[1].numbers if found and found[0] == _native.TAPS else None


def _abstract(x: Any, h: Any, *, margins: tuple[Margin, ...], **params: Any) -> Any:
    extended = _margins.abstract(x, margins=margins, back=False)
    return _primitive.abstract(extended, h, role="y", batch_first=False, **params)


def _transpose_x(
    ct: Any, x: Any, h: Any, *, margins: tuple[Margin, ...], **params: Any
) -> jax.Array:
    by_extended = _primitive.bind(ct, h, role="x", **params)
    return _sharding.like(_margins.fold_p.bind(by_extended, margins=margins), x.aval)


def _transpose_h(
    ct: Any, x: Any, h: Any, *, margins: tuple[Margin, ...], **params: Any
) -> jax.Array:
    found = _primitive.bind(_margins.extend(x, margins), ct, role="h", **params)
    return _sharding.like(found, h.aval)


def _jvp(primals: Any, tangents: Any, **params: Any) -> tuple[jax.Array, jax.Array]:
    """By the kernel the whole array with margins is needed, which then serves the value, too."""
    (x, h), (dx, dh) = primals, tangents
    if isinstance(dh, ad.Zero):
        return bounded_p.bind(x, h, **params), bounded_p.bind(dx, h, **params)
    margins = params.pop("margins")
    extended = _margins.extend(x, margins)
    y, tangent = (_primitive.bind(extended, each, **params) for each in (h, dh))
    if isinstance(dx, ad.Zero):
        return y, tangent
    return y, tangent + bounded_p.bind(dx, h, margins=margins, **params)


def _batch(args: Any, dims: Any, **params: Any) -> tuple[jax.Array, int]:
    """More arrays for one kernel; with more kernels it is as two steps."""
    (x, h), (dim, dim_h) = args, dims
    if dim_h is not None:
        return jax.vmap(partial(_whole, **params), in_axes=dims)(x, h), 0
    moved = jnp.moveaxis(x, dim, 1)
    out = bounded_p.bind(lax.collapse(moved, 1, 3), h, **params)
    return out.reshape(out.shape[0], *moved.shape[1:3], *out.shape[2:]), 1


def _lower(platform: str, ctx: Any, x: Any, h: Any, **params: Any) -> Any:
    kernels = _primitive.may_call_kernels(platform, ctx)
    told = _bands(*ctx.avals_in, **params) if kernels else None
    if told is None:
        return mlir.lower_fun(partial(_whole, **params), multiple_results=False)(ctx, x, h)

    def lowered(x: jax.Array, h: jax.Array) -> jax.Array:
        out = _abstract(jax.typeof(x), jax.typeof(h), **params).sharding
        return _sharding.automatic(lambda x, h: _native.call_in_bands(x=x, h=h, **told), out, x, h)

    return mlir.lower_fun(lowered, multiple_results=False)(ctx, x, h)


def _register() -> None:
    _primitive.run_by_lowering(bounded_p)
    bounded_p.def_abstract_eval(_abstract)
    ad.defbilinear(bounded_p, _transpose_x, _transpose_h)
    ad.primitive_jvps[bounded_p] = _jvp
    batching.primitive_batchers[bounded_p] = _batch
    for platform in _primitive.PLATFORMS:
        mlir.register_lowering(bounded_p, partial(_lower, platform), platform=platform)


_register()
