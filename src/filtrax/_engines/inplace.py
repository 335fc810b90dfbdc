"""The sum over taps read from the signal where it lies, with no padded copy of it.

In a row-major array every tap is one distance, also across the ends of rows. So the sum over
the whole array, as if it were one long row, is right except where a window crosses an edge.
Few taps of short rows select what lies on their side of the edges. With more, those few outputs are
computed from small padded strips and written over the others. The first and the last rows, whose
windows would leave the array, begin as zeros: rows that share a kernel may be cut into pieces, so
that these are few samples near edges; others are computed apart (`edges`).

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
    tap_offsets,
    tap_table,
    widened,
)
from filtrax._geometry import Axis

#: Past this many taps the program compiles too long.
_TAPS = 64
#: Of so few taps (half as many, where they are complex) each selects, along axes of so few samples.
_SELECTING, _SHORT = 12, 8192
#: Samples in a vector.
VECTOR = 16
#: The least samples in a piece of a row that has a kernel of its own; any has at most twice those.
_OWN = 128
#: The largest share of outputs near the edges or in the first and last rows.
_APART = 0.4
#: With more signals than this, rows are whole signals, so that no edge lies between rows.
_SIGNALS = 16
#: The least samples in a row that has a kernel of its own, for each tap.
_PITCH = 16

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
        selects: whether taps select what lies on their side of the edges.
    """

    shape: Shape
    before: int
    after: int
    along: int
    inside: int
    signals: int
    apart: float
    piece: int = 0
    selects: bool = False

    def joined(self) -> "Rows":
        """The rows in which edges lie: pieces joined to the signals that they are cut from."""
        if not self.piece or self.selects:
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
    selects = _selects(problem)
    whole = selects and signals > _SIGNALS
    piece = 0 if inner or whole else _piece(signals, n[along], max(low, high), taps if own else 0)
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
    apart = (before + after) / count
    if not selects:
        apart += sum((axis.span - 1) / axis.n for axis in axes)
    if apart > _APART:
        return None
    shape = (count, *inner)
    return Rows(shape, before, after, along, inside, signals, apart, piece, selects)


def _selects(problem: Correlation) -> bool:
    """Whether taps are to select, rather than outputs near edges to be computed once more.

    A tap takes half as long again, which memory hides while they are few, and no strip is written.
    """
    parts = 2 if jnp.issubdtype(problem.dtype, jnp.complexfloating) else 1
    sizes = [axis.n for axis in problem.axes if axis.taps > 1]
    return parts * problem.taps <= _SELECTING and max(sizes) <= _SHORT


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
        [s for s in fits if s % VECTOR == 0 and s > VECTOR],
        [s for s in fits if s % VECTOR == 0],
        [s for s in fits if s > 2 * VECTOR],
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
    """The correlation with zeros in the first rows and the last, as bits.

    Near edges it is wrong, unless taps select. The signal is one that `find_rows` has found to be
    readable in place, as these rows.
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

    places = _places(rows, axes, inner) if rows.selects else {}

    def term(number: int, offset: tuple[int, ...]) -> jax.Array:
        at = start + sum(o * pitch for o, pitch in zip(offset, pitches, strict=True))
        window = lax.slice_in_dim(units, at // unit, (at + inner * pitch) // unit)
        window = window.reshape(inner, *rows.shape[1:])
        if recast:
            window = lax.bitcast_convert_type(window, array.dtype)
        window = widened(window)
        for axis, place in places.items():
            ahead = offset[axis] - axes[axis].lo
            # Never by a product with zero: a NaN beyond an edge is none of this output's.
            if ahead:
                own = place >= -ahead if ahead < 0 else place < n[axis] - ahead
                window = jnp.where(own, window, jnp.zeros((), window.dtype))
        return widened(lax.index_in_dim(taps, number, keepdims=False)) * window

    sums = grouped_sum(term(number, offset) for number, offset in enumerate(tap_offsets(axes)))
    sums = to_bits(sums.astype(array.dtype))
    # The sums of the first and last rows would burden this loop.
    before, after = (
        jnp.zeros((count, *rows.shape[1:]), sums.dtype) for count in (rows.before, rows.after)
    )
    return jnp.concatenate([before, sums, after])


def _places(rows: Rows, axes: tuple[Axis, ...], inner: int) -> dict[int, jax.Array]:
    """For each axis that is filtered, where along it each output of the middle rows stands."""
    shape = (inner, *rows.shape[1:])

    def place(number: int) -> jax.Array:
        if number >= rows.inside:
            return lax.broadcasted_iota(jnp.int32, shape, 1 + number - rows.inside)
        row = rows.before + lax.broadcasted_iota(jnp.int32, shape, 0)
        if rows.piece:
            row = row * rows.piece + lax.broadcasted_iota(jnp.int32, shape, 1)
        return row % axes[number].n

    return {number: place(number) for number, axis in enumerate(axes) if axis.taps > 1}


def bits_of(dtype: jnp.dtype) -> Any:
    """Half precision as integers: XLA's CPU compiler would put pieces together in float32."""
    return jnp.dtype(f"uint{8 * dtype.itemsize}") if is_narrow(dtype) else dtype


def to_bits(array: jax.Array) -> jax.Array:
    return from_bits(array, bits_of(array.dtype))


def from_bits(array: jax.Array, dtype: Any) -> jax.Array:
    """The same bits as another dtype, if it is another."""
    return array if array.dtype == dtype else lax.bitcast_convert_type(array, dtype)


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
