"""Few outputs from long operands: the gradient by a kernel of few taps.

For each tap the products of the signal and the shifted output, summed over time. A plain sum is a
chain of single additions. So time is cut into blocks, and each block into segments that stand side
by side: one pass adds up the segments for several taps at once, each lane of a vector one sample of
every segment. What is left is a fraction of the products, and is summed plainly. The samples near
the edges, whose windows leave the signal, go apart.

Time is the first axis that is slid along: of images, the rows. What stands before or behind it is
summed as well, or kept where it has kernels of its own.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation
from filtrax._engines.blocks import pad
from filtrax._engines.fold import labels_of
from filtrax._engines.taps import is_narrow, widened
from filtrax._geometry import Axis

#: With more passes over the signal the program takes long to compile, and others win.
_PASSES = 6
#: The most outputs of one pass, so that their sums stay in registers, and instructions for each
#: product: of real numbers, of those in half precision, which are converted, and of complex ones.
_REAL, _NARROW, _COMPLEX = (9, 2), (5, 5), (3, 7)
#: Instructions that a compiler still writes out for all segments of a block, and those for itself.
_WRITTEN_OUT, _ITSELF = 240, 8
#: Up to so many lanes chains of additions, one for each output, are faster than a call for each.
_CHAIN = 1 << 14
#: The least samples of a segment, those that are enough, and the fewest segments and the most.
_LEAST, _SEGMENT, _FEWEST, _MOST = 16, 64, 4, 16


def serves(problem: Correlation) -> bool:
    """Whether a problem is of this kind."""
    along = _along(problem.axes)
    axis, behind = problem.axes[along], problem.axes[along + 1 :]
    outputs = len(_outputs((axis, *behind)))
    return (
        problem.b == problem.o == 1
        and "B" not in labels_of(problem.axes)[:along]
        and all(each.paired or each.dilation == each.base == 1 for each in (axis, *behind))
        and outputs > 1
        and len(_passes(outputs, problem.dtype)) <= _PASSES
        and axis.k > 2 * axis.m * axis.stride
        and _cut((axis, *behind), problem.dtype).blocks > 0
    )


def _along(axes: tuple[Axis, ...]) -> int:
    """The number of the first axis that is slid along: time."""
    return labels_of(axes).index(None)


def _outputs(axes: tuple[Axis, ...]) -> list[tuple[int, ...]]:
    """Where the window of each output begins, but for entries with kernels of their own."""
    return list(
        itertools.product(*(range(0, 1 if a.paired else a.m * a.stride, a.stride) for a in axes))
    )


@dataclass(frozen=True, slots=True)
class _Cut:
    """Taps of the long kernel from ``begin`` on, as blocks of segments of some length."""

    begin: int
    blocks: int
    segments: int
    length: int

    @property
    def end(self) -> int:
        return self.begin + self.blocks * self.segments * self.length


def _kind(dtype: jnp.dtype) -> tuple[int, int]:
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return _COMPLEX
    return _NARROW if is_narrow(dtype) else _REAL


def _passes(outputs: int, dtype: jnp.dtype) -> list[slice]:
    """The outputs of each pass, equally many."""
    most, _ = _kind(dtype)
    number = -(-outputs // most)
    return [slice(outputs * i // number, outputs * (i + 1) // number) for i in range(number)]


def _cut(axes: tuple[Axis, ...], dtype: jnp.dtype) -> _Cut:
    """How time is cut: into no blocks if there is too little of it."""
    axis, *behind = axes
    row = math.prod(each.k for each in behind)
    begin = max(axis.lo, 0)
    # Taps from `begin` to `end` meet samples of the signal in every output.
    end = min(axis.k, axis.n + axis.lo - (axis.m - 1) * axis.stride)
    outputs = len(_outputs(axes))
    together = -(-outputs // len(_passes(outputs, dtype)))
    _, instructions = _kind(dtype)
    most = min(_WRITTEN_OUT // (instructions * together + _ITSELF), _MOST)
    segments = min(most, max(end - begin, 0) * row // _LEAST, max(end - begin, 0))
    if segments < _FEWEST:
        return _Cut(begin, 0, segments, 0)
    samples = (end - begin) // segments
    blocks = min(max(samples * row // _SEGMENT, 1), samples)
    return _Cut(begin, blocks, segments, samples // blocks)


def work(problem: Correlation) -> tuple[float, float, float]:
    """Passes, products, and samples read in all passes."""
    outputs = len(_outputs(problem.axes[_along(problem.axes) :]))
    passes = len(_passes(outputs, problem.dtype))
    return float(passes), float(problem.multiplications), float(problem.inputs * passes)


def scratch(problem: Correlation) -> float:
    """The sums of lanes, and a padded copy of the signal where it is padded along other axes."""
    axes = problem.axes[_along(problem.axes) :]
    lanes = problem.inputs * len(_outputs(axes)) / _cut(axes, problem.dtype).segments
    return lanes + (float(problem.inputs) if _is_padded(axes) else 0.0)


def _is_padded(axes: tuple[Axis, ...]) -> bool:
    return any(axis.lo or axis.hi for axis in axes[1:])


def prepared(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array
) -> tuple[tuple[Axis, ...], jax.Array, list[jax.Array]]:
    """The problem with the zeros beyond the axes that are not cut, and what `run` needs near edges.

    Where loops are kept from being fused, this is to be done outside.
    """
    along = _along(axes)
    for number in range(along + 1, len(axes)):
        lhs = pad(lhs, 3 + number, (axes[number].lo, axes[number].hi))
    sizes = enumerate(zip(axes, lhs.shape[3:], strict=True))
    axes = tuple(replace(a, n=n, lo=0) if number > along else a for number, (a, n) in sizes)
    first, ends, reach = axes[along], _ends(axes[along:], lhs.dtype), _reach(axes[along])
    x, taps = (_by_signals(along, each) for each in (lhs, rhs))
    samples = [pad(x, 1, (first.lo - a, b - first.lo + reach - first.n)) for a, b in ends]
    met = [lax.slice_in_dim(taps, a, b, axis=1) for a, b in ends]
    if len(ends) == 2:
        met[0] = pad(met[0], 1, (0, reach))
    return axes, lhs, [jnp.concatenate(each, axis=1) for each in (samples, met)] if ends else []


def _ends(axes: tuple[Axis, ...], dtype: jnp.dtype) -> list[tuple[int, int]]:
    """The taps before the blocks and behind them."""
    cut = _cut(axes, dtype)
    return [each for each in ((0, cut.begin), (cut.end, axes[0].k)) if each[0] < each[1]]


def _reach(axis: Axis) -> int:
    """The samples from the window of the first output to that of the last."""
    return (axis.m - 1) * axis.stride


def _by_signals(along: int, array: jax.Array) -> jax.Array:
    """An operand by signal, time and what stands behind it."""
    sizes = array.shape[3 + along :]
    return array.reshape(-1, *sizes)


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    *near_edges: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation of a problem that `serves` accepts, `prepared`."""
    along = _along(axes)
    first, *behind = axes[along:]
    cut = _cut((first, *behind), lhs.dtype)
    lead = (*lhs.shape[:1], *lhs.shape[2 : 3 + along])
    x, taps = (_by_signals(along, each) for each in (lhs, rhs))
    row = taps.shape[2:]
    outputs = _outputs((first, *behind))
    # Not summed is what has kernels of its own: signals, and entries behind time.
    own = (True, False, *(axis.paired for axis in axes[:along]))
    keeps_signals = any(size > 1 for size, kept in zip(lead, own, strict=True) if kept)
    keeps_row = any(axis.paired and axis.n > 1 for axis in behind)

    def products(samples: jax.Array, taps: jax.Array, corner: Sequence[int]) -> jax.Array:
        upper = (at + size for at, size in zip(corner, taps.shape[1:], strict=True))
        met = lax.slice(samples, (0, *corner), (len(samples), *upper))
        return widened(met) * widened(taps)

    def amid(corner: tuple[int, ...]) -> jax.Array:
        ahead, *rest = corner
        met = products(
            x, lax.slice_in_dim(taps, cut.begin, cut.end, axis=1),
            (cut.begin + ahead - first.lo, *rest),
        )  # fmt: skip
        return met.reshape(len(x), cut.blocks, cut.segments, cut.length, *row)

    def near(corner: tuple[int, ...]) -> jax.Array:
        strips, ends = near_edges
        met = products(strips, ends, corner)
        if cut.begin and cut.end < first.k:
            # Between both ends stand windows of outputs that are none.
            time = lax.broadcasted_iota(jnp.int32, met.shape, 1)
            between = (time >= cut.begin) & (time < cut.begin + _reach(first))
            met = jnp.where(between, jnp.zeros((), met.dtype), met)
        if keeps_signals or len(met) < _FEWEST:
            met = pad(met, 1, (0, -met.shape[1] % _FEWEST))
            return met.reshape(len(met), 1, _FEWEST, -1, *row)
        return _grouped(met, _FEWEST)

    def total(lanes: list[jax.Array]) -> list[jax.Array]:
        """Sums over all that is not kept, (G, *paired axes)."""
        if keeps_row and not keeps_signals:
            lanes = _added([_grouped(each.reshape(-1, *row), cut.segments) for each in lanes], 2)
        if not (keeps_row or keeps_signals):
            if lanes[0].size <= _CHAIN:
                return _added([each.reshape(-1) for each in lanes], 0)
            return [each.sum() for each in lanes]
        signals = lead if keeps_signals else (1,) * len(lead)
        lanes = [each.reshape(math.prod(signals), -1, *row) for each in lanes]
        rest = [1, *(2 + number for number, axis in enumerate(behind) if not axis.paired)]
        lanes = [each.sum(rest) for each in lanes]
        every = [number for number, kept in enumerate(own) if not kept]
        return [each.reshape(*signals, *each.shape[1:]).sum(every) for each in lanes]

    sums = []
    for part in _passes(len(outputs), lhs.dtype):
        some = total(_added([amid(corner) for corner in outputs[part]], 2))
        if near_edges:
            edges = total(_added([near(corner) for corner in outputs[part]], 2))
            some = [one + other for one, other in zip(some, edges, strict=True)]
        sums += some
    # Outputs last, then where their axes are: what is paired has kept its order.
    out = jnp.stack(sums, axis=-1).reshape(
        -1, *(axis.n for axis in axes if axis.paired), *(axis.m for axis in axes if not axis.paired)
    )
    order = sorted(range(len(axes)), key=lambda number: not axes[number].paired)
    out = out.transpose(0, *(1 + order.index(number) for number in range(len(axes))))
    return out.reshape(-1, 1, 1, *(axis.m for axis in axes)).astype(lhs.dtype)


def _grouped(rows: jax.Array, number: int) -> jax.Array:
    """The entries of the first axis, with zeros behind them, as (groups, 1, number, ...)."""
    rows = pad(rows, 0, (0, -len(rows) % number))
    return rows.reshape(-1, 1, number, *rows.shape[1:])


def _added(terms: list[jax.Array], axis: int) -> list[jax.Array]:
    """The sums of several arrays along an axis, in one pass."""
    zeros = (jnp.zeros((), terms[0].dtype),) * len(terms)

    def add(a: tuple[jax.Array, ...], b: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        return tuple(lax.add(one, other) for one, other in zip(a, b, strict=True))

    return list(lax.reduce(tuple(terms), zeros, add, (axis,)))
