"""The sum over taps, on a padded copy of the signal."""

import itertools
import math
from collections.abc import Iterable
from functools import reduce

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._geometry import Axis

#: Taps summed in one expression: enough to hide the loads, few enough for the registers.
GROUP = 16
#: Beyond this many taps a loop keeps the program short.
UNROLL = 256


def padded_sum(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, precision: lax.Precision
) -> jax.Array:
    """The correlation as a sum of scaled slices of the signal with its padding around it."""
    spatial = range(3, lhs.ndim)
    # A barrier keeps XLA from folding the padding into every tap's load.
    padded = lax.optimization_barrier(pad_all(lhs, axes))
    offsets = tap_offsets(axes)
    taps = tap_table(axes, rhs)
    strides = (1, 1, 1, *(axis.stride for axis in axes))
    extent = (*lhs.shape[:3], *((axis.m - 1) * axis.stride + 1 for axis in axes))

    def term(number: int) -> jax.Array:
        start = (0, 0, 0, *offsets[number])
        stop = tuple(s + e for s, e in zip(start, extent, strict=True))
        window = lax.slice(padded, start, stop, strides)
        return _weigh(lax.index_in_dim(taps, number, keepdims=False), window, precision)

    if len(offsets) <= UNROLL:
        total = grouped_sum(term(number) for number in range(len(offsets)))
        return total.astype(lhs.dtype)

    starts = jnp.array(offsets, jnp.int32)

    def accumulate(index: jax.Array, total: jax.Array) -> jax.Array:
        where = (jnp.int32(0),) * 3 + tuple(starts[index, axis - 3] for axis in spatial)
        window = lax.dynamic_slice(padded, where, extent)
        window = lax.slice(window, (0,) * window.ndim, window.shape, strides)
        tap = lax.dynamic_index_in_dim(taps, index, axis=0, keepdims=False)
        return total + _weigh(tap, window, precision)

    # Start from the first term, not from zeros: it already varies over the mesh as the rest does.
    total = lax.fori_loop(1, len(offsets), accumulate, term(0))
    return total.astype(lhs.dtype)


def window_sums(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, precision: lax.Precision
) -> jax.Array:
    """The correlation as one sum of products for each output, of which there are few."""
    signal = pad_all(lhs, axes)
    sizes = [1 if axis.paired else axis.m for axis in axes]
    starts = jnp.array(
        [
            [place * axis.stride for place, axis in zip(at, axes, strict=True)]
            for at in itertools.product(*map(range, sizes))
        ],
        jnp.int32,
    )
    extent = (*lhs.shape[:3], *(axis.n if axis.paired else axis.span for axis in axes))
    steps = (1, 1, 1, *(1 if axis.paired else axis.dilation for axis in axes))
    # What has a kernel for each entry is kept, all else is summed.
    kept = "".join(chr(ord("A") + number) for number, axis in enumerate(axes) if axis.paired)
    letters = "".join(chr(ord("A") + number) for number in range(len(axes)))
    subscripts = f"gbc{letters},goc{letters}->gbo{kept}"
    taps = widened(rhs)

    def output(start: jax.Array) -> jax.Array:
        where = (*(jnp.int32(0),) * 3, *start)
        met = lax.dynamic_slice(signal, where, extent)[tuple(slice(None, None, s) for s in steps)]
        return jnp.einsum(subscripts, widened(met), taps, precision=precision)

    out = lax.map(output, starts)
    slid = [number for number, axis in enumerate(axes) if not axis.paired]
    out = out.reshape(*(sizes[number] for number in slid), *out.shape[1:])
    out = jnp.moveaxis(out, range(len(slid)), [3 + number for number in slid])
    return out.astype(lhs.dtype)


def tap_offsets(axes: tuple[Axis, ...]) -> list[tuple[int, ...]]:
    """Where each tap stands, in samples from the first, in the order of `tap_table`."""
    return list(itertools.product(*(range(0, axis.span, axis.dilation) for axis in axes)))


def tap_table(axes: tuple[Axis, ...], rhs: jax.Array) -> jax.Array:
    """The kernel (G, O, C, *K) as a table of taps (T, G, O, C, *entries).

    There is one entry along an axis that is slid along, and one for each kernel along another.
    """
    sliding = [3 + number for number, axis in enumerate(axes) if not axis.paired]
    rest = [number for number in range(rhs.ndim) if number not in sliding]
    table = rhs.transpose([*sliding, *rest])
    entries = (axis.k if axis.paired else 1 for axis in axes)
    return table.reshape(-1, *rhs.shape[:3], *entries)


def grouped_sum(terms: Iterable[jax.Array]) -> jax.Array:
    """The sum of many terms, a group at a time."""
    rest = list(terms)
    groups = [rest[i : i + GROUP] for i in range(0, len(rest), GROUP)]
    return reduce(lax.add, (reduce(lax.add, group) for group in groups))


def pad_all(lhs: jax.Array, axes: tuple[Axis, ...]) -> jax.Array:
    """The signal with the zeros that the outputs reach, or without the samples that none does."""
    edges = [(0, 0, 0)] * 3 + [(axis.lo, axis.hi, axis.base - 1) for axis in axes]
    if all(edge == (0, 0, 0) for edge in edges):
        return lhs
    return lax.pad(lhs, jnp.zeros((), lhs.dtype), edges)


def is_narrow(dtype: jnp.dtype) -> bool:
    """Whether numbers are of half precision."""
    return dtype.itemsize < 4 and jnp.issubdtype(dtype, jnp.floating)


def widened(array: jax.Array) -> jax.Array:
    """Half precision is for storage: sums of products need float32."""
    return array.astype(jnp.float32) if is_narrow(array.dtype) else array


def _weigh(tap: jax.Array, window: jax.Array, precision: lax.Precision) -> jax.Array:
    """(G, O, C, *entries) and (G, B, C, *M) to (G, B, O, *M), halves in float32."""
    tap, window = widened(tap), widened(window)
    g, o, c, *entries = tap.shape
    if c == 1:
        return jnp.swapaxes(tap, 1, 2) * window
    if math.prod(entries) > 1:
        return jnp.einsum("goc...,gbc...->gbo...", tap, window, precision=precision)
    return jnp.einsum("goc,gbc...->gbo...", tap.reshape(g, o, c), window, precision=precision)
