"""The sum over taps read from the signal where it lies, with no padded copy of it.

In a row-major array every tap is one distance, also across the ends of rows. So the sum over
the whole array, as if it were one long row, is right except where a window crosses an edge.
Those few outputs are computed from small padded pieces and written over the others. The first
and the last rows, whose windows would leave the array, begin as zeros: rows that share a kernel
may be cut into short pieces, so that these are few samples near edges; others are computed apart.

It moves half of what a padded copy moves, and large temporary arrays cost page faults besides.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation
from filtrax._engines.taps import (
    GROUP,
    grouped_sum,
    is_narrow,
    pad_all,
    padded_sum,
    tap_offsets,
    tap_table,
    widened,
)
from filtrax._geometry import Axis

#: Past this many taps the program compiles too long.
_TAPS = 64
#: Samples in a vector.
_VECTOR = 16
#: The least samples in a piece of a row that has a kernel of its own; any has at most twice those.
_OWN = 128
#: The largest share of outputs near the edges or in the first and last rows.
_APART = 0.4
#: With more signals than this, rows are whole signals, so that no edge lies between rows.
_SIGNALS = 16
#: The least samples in a row that has a kernel of its own, for each tap.
_PITCH = 16

Range = tuple[int, int]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The signal as an array of contiguous rows.

    Attributes:
        shape: (rows, *axes inside a row).
        before: rows at the start whose windows may begin before the array.
        after: rows at the end whose windows may end behind it.
        along: the first axis that is filtered.
        inside: the axis of the problem that is the first inside a row.
        signals: how many signals stand one above the other.
        apart: the share of outputs near edges, which are computed apart.
        piece: the outputs of a row of pieces, see `_piece`; 0 if rows are the problem's own.
    """

    shape: Shape
    before: int
    after: int
    along: int
    inside: int
    signals: int
    apart: float
    piece: int = 0

    def joined(self) -> "Rows":
        """The rows in which edges lie: pieces joined to the signals that they are cut from."""
        if not self.piece:
            return self
        shape = (self.signals, math.prod(self.shape) // self.signals)
        return replace(self, shape=shape, before=0, after=0, inside=self.along)


def find_rows(problem: Correlation) -> Rows | None:
    """How to read a signal in place, or ``None`` where a padded copy is better."""
    g, b, c, o, axes = problem.g, problem.b, problem.c, problem.o, problem.axes
    plain = all(
        axis.stride == axis.base == 1 and axis.m == axis.n and 0 <= axis.lo < axis.span
        for axis in axes
    )
    taps = math.prod(axis.taps for axis in axes)
    if not plain or c * o != 1 or not 1 < taps <= _TAPS:
        return None
    n = [axis.n for axis in axes]
    along = next(number for number, axis in enumerate(axes) if axis.taps > 1)
    signals, inner = math.prod((g, b, *n[:along])), n[along + 1 :]
    low, high = _reach(axes)
    own = g > 1 or any(axis.paired and axis.n > 1 for axis in axes[:along])
    piece = 0 if inner else _piece(signals, n[along], max(low, high), taps if own else 0)
    inside = along + 1
    if piece:
        count, inner = signals * n[along] // piece, [piece]
    elif not inner or signals > _SIGNALS:
        count, inner, inside = signals, n[along:], along
    else:
        count = signals * n[along]
    pitch = math.prod(inner)
    if own and not piece and pitch < _PITCH * taps:
        return None
    before, after = -(-low // pitch), -(-high // pitch)
    apart = (before + after) / count + sum((axis.span - 1) / axis.n for axis in axes)
    if apart > _APART:
        return None
    return Rows((count, *inner), before, after, along, inside, signals, apart, piece)


def _piece(signals: int, row: int, reach: int, own: int) -> int:
    """The length of pieces that rows are cut into, no shorter than a window reaches, or 0.

    ``own`` is the number of taps that each row has of its own; 0 if rows share a kernel.

    Short pieces at both ends of memory are all whose windows leave it, and lie within the edges
    of the first row and the last, so that these rows need no sums of their own. Rows that share
    a kernel may be cut anywhere in memory. Those with so many taps of their own gain a third of
    the time to compile and lose some of their speed: they are cut if there are many taps.
    """
    samples = row if own else signals * row
    least = min(max(_OWN, row // 64), 2 * _OWN) if own else 1
    if own and (own <= GROUP or row < 16 * _OWN):
        return 0
    most = min(row // 4, 2 * _OWN)
    fits = [size for size in range(max(reach, least), most + 1) if samples % size == 0]
    # Whole vectors, two or more where edges are few; any length is better than none.
    order = [
        [s for s in fits if s % _VECTOR == 0 and s > _VECTOR],
        [s for s in fits if s % _VECTOR == 0],
        [s for s in fits if s > 2 * _VECTOR],
    ]
    return next((sizes[0] for sizes in order if sizes), 0)


def _reach(axes: tuple[Axis, ...]) -> tuple[int, int]:
    """How far, in samples of the flat array, windows reach before and behind their output."""
    low = high = 0
    pitch = 1
    for axis in reversed(axes):
        low += axis.lo * pitch
        high += (axis.span - 1 - axis.lo) * pitch
        pitch *= axis.n
    return low, high


def middle(rows: Rows, axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array) -> jax.Array:
    """The correlation but for edges, and with zeros in the first rows and the last, as bits.

    The signal is one that `find_rows` has found to be readable in place, as these rows.
    """
    n = [axis.n for axis in axes]
    array = lhs.reshape(rows.shape)
    taps = _row_taps(rows, axes, lhs.shape, rhs)
    pitches = [math.prod(n[number + 1 :]) for number in range(len(axes))]
    # Samples that every tap moves together: indices of whole units are cheaper to compute.
    unit = min(p for p, axis in zip(pitches, axes, strict=True) if axis.taps > 1)
    # As other bits the array is one that XLA does not see through to axes that were merged into
    # rows, whose indices it would compute by divisions. With many taps that costs more.
    kinds = {2: jnp.uint16, 4: jnp.int32}
    recast = rows.before > 0 and array.dtype.itemsize in kinds and len(taps) <= 16
    bits = array.reshape(-1, rows.shape[-1])
    if recast:
        bits = lax.bitcast_convert_type(bits, kinds[array.dtype.itemsize])
    units = bits.reshape(-1, unit) if unit > 1 else bits.reshape(-1)
    pitch = math.prod(rows.shape[1:])
    inner = rows.shape[0] - rows.before - rows.after
    start = rows.before * pitch - _reach(axes)[0]

    def term(number: int, offset: tuple[int, ...]) -> jax.Array:
        at = start + sum(o * pitch for o, pitch in zip(offset, pitches, strict=True))
        window = lax.slice_in_dim(units, at // unit, (at + inner * pitch) // unit)
        window = window.reshape(inner, *rows.shape[1:])
        if recast:
            window = lax.bitcast_convert_type(window, array.dtype)
        return widened(lax.index_in_dim(taps, number, keepdims=False)) * widened(window)

    sums = grouped_sum(term(number, offset) for number, offset in enumerate(tap_offsets(axes)))
    sums = _to_bits(sums.astype(array.dtype))
    # The sums of the first and last rows would burden this loop.
    before, after = (
        jnp.zeros((count, *rows.shape[1:]), sums.dtype) for count in (rows.before, rows.after)
    )
    return jnp.concatenate([before, sums, after])


def bits_of(dtype: jnp.dtype) -> Any:
    """Half precision as integers: XLA's CPU compiler would put pieces together in float32."""
    return jnp.dtype(f"uint{8 * dtype.itemsize}") if is_narrow(dtype) else dtype


def _to_bits(array: jax.Array) -> jax.Array:
    return from_bits(array, bits_of(array.dtype))


def from_bits(array: jax.Array, dtype: Any) -> jax.Array:
    """The same bits as another dtype, if it is another."""
    return array if array.dtype == dtype else lax.bitcast_convert_type(array, dtype)


def patched(
    rows: Rows,
    axes: tuple[Axis, ...],
    precision: lax.Precision,
    lhs: jax.Array,
    rhs: jax.Array,
    out: jax.Array,
) -> jax.Array:
    """What `middle` returns, as joined rows, with first rows and last, and with all edges."""
    n = [axis.n for axis in axes]
    along, inside = rows.along, rows.inside

    def strips(number: int, ranges: list[Range]) -> list[jax.Array]:
        """The outputs within several ranges of one axis, equally long: one sum in the program."""
        cuts = [_cut(axes, lhs, rhs, {number: each}) for each in ranges]
        joined = jnp.concatenate([padded for _, padded, _ in cuts], axis=1)
        out = _to_bits(padded_sum(cuts[0][0], joined, rhs, precision))
        return jnp.split(out, len(cuts), axis=1)

    def end(first: bool) -> tuple[tuple[Axis, ...], jax.Array, jax.Array]:
        """What the first rows or the last need."""
        number = rows.before if first else rows.after
        ranges = {axis: (0, 1) if first else (n[axis] - 1, n[axis]) for axis in range(along)}
        if inside > along:
            # Rows are entries of the first filtered axis.
            entries = number * math.prod(rows.shape[1:]) // math.prod(n[along + 1 :])
            ranges[along] = (0, entries) if first else (n[along] - entries, n[along])
        pick = slice(0, 1) if first else slice(-1, None)
        return _cut(axes, lhs[pick, pick], rhs[pick], ranges)

    def outermost() -> list[jax.Array]:
        """The first rows and the last, where there are any: if they are alike, in one sum."""
        cuts = [end(first) for first in (True, False) if (rows.before if first else rows.after)]
        if len(cuts) == 2 and cuts[0][0] == cuts[1][0]:
            signal = jnp.concatenate([padded for _, padded, _ in cuts])
            taps = jnp.concatenate([own for *_, own in cuts])
            return jnp.split(_to_bits(padded_sum(cuts[0][0], signal, taps, precision)), 2)
        return [_to_bits(padded_sum(*cut, precision)) for cut in cuts]

    places = [place for place, count in ((0, rows.before), (-rows.after, rows.after)) if count]
    for place, rest in zip(places, outermost(), strict=True):
        out = _put(out, rest.reshape(-1, *rows.shape[1:]), 0, place % rows.shape[0])
    for number, axis in enumerate(axes):
        if number == along < inside and rows.signals == 1:
            # The first and the last rows are all that touches the edges of a single signal.
            continue
        reaches = (axis.lo, axis.span - 1 - axis.lo)
        # Along the last axis whole vectors are faster than the few samples that need it.
        unit = rows.piece or (_VECTOR if number == len(axes) - 1 else 1)
        size = min(-(-max(reaches) // unit) * unit, axis.n)
        ends = ((0, size), (axis.n - size, axis.n))
        ranges = [end for end, reach in zip(ends, reaches, strict=True) if reach]
        if not ranges:
            continue
        for (begin, stop), edge in zip(ranges, strips(number, ranges), strict=True):
            if number < inside:
                edges = edge.reshape(rows.signals, stop - begin, *rows.shape[1:])
                for signal in range(rows.signals):
                    out = _put(out, edges[signal], 0, signal * axis.n + begin)
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


def _row_taps(rows: Rows, axes: tuple[Axis, ...], lhs: Shape, rhs: jax.Array) -> jax.Array:
    """The taps of each middle row (T, rows, *inside), with ones where all share them."""
    table = tap_table(axes, rhs)
    count, g, *_ = table.shape
    before, inside = table.shape[4 : 4 + rows.inside], table.shape[4 + rows.inside :]
    inside = (*inside, *(1,) * (len(rows.shape) - 1 - len(inside)))
    if g == math.prod(before) == 1:
        return table.reshape(count, 1, *inside)
    entries = [axis.n for axis in axes[: rows.inside]]
    if rows.piece:
        entries[rows.along] //= rows.piece
    full = (count, g, lhs[1], *entries, *inside)
    table = jnp.broadcast_to(table.reshape(count, g, 1, *before, *inside), full)
    table = table.reshape(count, rows.shape[0], *inside)
    return table[:, rows.before : rows.shape[0] - rows.after]
