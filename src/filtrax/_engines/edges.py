"""What `inplace` leaves to be computed apart: near edges, in the first rows and in the last.

They come from small padded copies of what they need, and are written over the others.
"""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.inplace import VECTOR, Rows, to_bits
from filtrax._engines.taps import pad_all, padded_sum
from filtrax._geometry import Axis

#: Products from which on a computation of its own, on all cores, is worth another kernel.
_MANY = 1 << 19

Range = tuple[int, int]


def _strips(rows: Rows, axes: tuple[Axis, ...]) -> dict[int, list[Range]]:
    """By axis the ranges of outputs, equally long, whose windows cross an edge."""
    ranges: dict[int, list[Range]] = {}
    for number, axis in enumerate(axes):
        if rows.selects or (number == rows.along < rows.inside and rows.signals == 1):
            # The first and the last rows are all that touches the edges of a single signal.
            continue
        reaches = (axis.lo, axis.span - 1 - axis.lo)
        # Along the last axis whole vectors are faster than the few samples that need it.
        unit = rows.piece or (VECTOR if number == len(axes) - 1 else 1)
        size = min(-(-max(reaches) // unit) * unit, axis.n)
        ends = ((0, size), (axis.n - size, axis.n))
        kept = [end for end, reach in zip(ends, reaches, strict=True) if reach]
        if kept:
            ranges[number] = kept
    return ranges


def shapes(rows: Rows, axes: tuple[Axis, ...], lhs: jax.Array) -> list[tuple[int, ...]]:
    """The shapes of what `run` returns, if that is worth a computation of its own."""
    sizes = [axis.m for axis in axes]
    g, b, *_ = lhs.shape
    all_of_them = [
        (g, len(ranges) * b, 1, *sizes[:number], ranges[0][1] - ranges[0][0], *sizes[number + 1 :])
        for number, ranges in _strips(rows, axes).items()
    ]
    products = sum(map(math.prod, all_of_them)) * math.prod(axis.taps for axis in axes)
    return all_of_them if products >= _MANY else []


def run(
    rows: Rows,
    axes: tuple[Axis, ...],
    precision: lax.Precision,
    lhs: jax.Array,
    rhs: jax.Array,
) -> list[jax.Array]:
    """The outputs near the edges of each axis, both ends in one sum, as bits."""
    sums = []
    for number, ranges in _strips(rows, axes).items():
        cuts = [_cut(axes, lhs, rhs, {number: each}) for each in ranges]
        joined = jnp.concatenate([padded for _, padded, _ in cuts], axis=1)
        sums.append(to_bits(padded_sum(cuts[0][0], joined, rhs, precision)))
    return sums


def patched(
    rows: Rows,
    axes: tuple[Axis, ...],
    precision: lax.Precision,
    lhs: jax.Array,
    rhs: jax.Array,
    out: jax.Array,
    *edges: jax.Array,
) -> jax.Array:
    """What `middle` returns, as joined rows, with first rows and last, and with all edges.

    The edges are what `run` has returned, or are computed where they are put.
    """
    n = [axis.n for axis in axes]
    along, inside = rows.along, rows.inside
    pitch = math.prod(rows.shape[1:])

    def end(first: bool) -> tuple[tuple[Axis, ...], jax.Array, jax.Array]:
        """What the first rows or the last need."""
        number = rows.before if first else rows.after
        ranges = {axis: (0, 1) if first else (n[axis] - 1, n[axis]) for axis in range(along)}
        if inside > along:
            # Rows are entries of the first filtered axis.
            entries = number * pitch // math.prod(n[along + 1 :])
            ranges[along] = (0, entries) if first else (n[along] - entries, n[along])
        pick = slice(0, 1) if first else slice(-1, None)
        return _cut(axes, lhs[pick, pick], rhs[pick], ranges)

    def outermost() -> list[jax.Array]:
        """The first rows and the last, where there are any: if they are alike, in one sum."""
        cuts = [end(first) for first in (True, False) if (rows.before if first else rows.after)]
        if len(cuts) == 2 and cuts[0][0] == cuts[1][0]:
            signal = jnp.concatenate([padded for _, padded, _ in cuts])
            taps = jnp.concatenate([own for *_, own in cuts])
            return jnp.split(to_bits(padded_sum(cuts[0][0], signal, taps, precision)), 2)
        return [to_bits(padded_sum(*cut, precision)) for cut in cuts]

    places = [place for place, count in ((0, rows.before), (-rows.after, rows.after)) if count]
    for place, rest in zip(places, outermost(), strict=True):
        out = _put(out, rest.reshape(-1, *rows.shape[1:]), 0, place % rows.shape[0])
    near = edges or run(rows, axes, precision, lhs, rhs)
    for (number, ranges), both in zip(_strips(rows, axes).items(), near, strict=True):
        for (begin, stop), edge in zip(ranges, jnp.split(both, len(ranges), axis=1), strict=True):
            if number < inside:
                each = edge.reshape(rows.signals, stop - begin, *rows.shape[1:])
                for signal in range(rows.signals):
                    out = _put(out, each[signal], 0, signal * n[number] + begin)
            else:
                at = 1 + number - inside
                shape = (*out.shape[:at], stop - begin, *out.shape[at + 1 :])
                out = _put(out, edge.reshape(shape), at, begin)
    return out


def _cut(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, ranges: dict[int, Range]
) -> tuple[tuple[Axis, ...], jax.Array, jax.Array]:
    """What the outputs within a range of some axes need: samples, with zeros around, and taps."""
    parts = []
    for number, axis in enumerate(axes):
        start, stop = ranges.get(number, (0, axis.n))
        if axis.paired:
            lhs = lax.slice_in_dim(lhs, start, stop, axis=3 + number)
            rhs = lax.slice_in_dim(rhs, start, stop, axis=3 + number)
            size = stop - start
            parts.append(replace(axis, n=size, k=size, m=size))
            continue
        begin = max(start - axis.lo, 0)
        end = min(stop - axis.lo + axis.span - 1, axis.n)
        lhs = lax.slice_in_dim(lhs, begin, end, axis=3 + number)
        lo = axis.lo - start + begin
        parts.append(replace(axis, n=end - begin, m=stop - start, lo=lo))
    padded = pad_all(lhs, tuple(parts))
    inner = (replace(axis, n=n, lo=0) for axis, n in zip(parts, padded.shape[3:], strict=True))
    return tuple(inner), padded, rhs


def _put(out: jax.Array, piece: jax.Array, axis: int, start: int) -> jax.Array:
    starts = [0] * out.ndim
    starts[axis] = start
    return lax.dynamic_update_slice(out, piece, starts)
