"""Overlap-save of very short blocks: Winograd's filters, for banks of few taps.

What a transform is to long blocks, the values of polynomials at a few points are to short ones: six
samples meet up to five taps by six products instead of one for each pair, along each axis. The
combinations before and after cost less than the products they save where many channels meet many
kernels. More taps, and those between which outputs step, are parts, which are summed as channels
are. Compiled only, in ``source/winograd.h``.
"""

import math
from dataclasses import dataclass
from itertools import product

import jax
import jax.numpy as jnp

from filtrax import _native
from filtrax._engines import loops
from filtrax._engines.base import Correlation, in_order
from filtrax._engines.parts import in_parts, run_in_parts, scratch_in_parts
from filtrax._engines.vectors import WIDEST, bytes_of_number

#: Samples of a block along an axis, and products that are added up before others, as in
#: ``winograd.h``.
POINTS, _CHANNELS, _TILES = loops.OF_FRAME + 1, 64, 256
#: How much longer products, signals, pieces of kernels and sums take where outputs are few.
_SUMMED = (1.25, 1.5, 1.0, 1.5)
#: Tiles that kernels meet block by block, and the fewest of a chunk, as there.
_FEW_TILES, _FEWEST = 128, 48
#: Bytes of kernels at the points that stay in a cache.
_NEAR = 1 << 23


@dataclass(frozen=True, slots=True)
class _Tiling:
    """How the taps of an axis, or its outputs where these are few, are cut, as in ``winograd.h``.

    Attributes:
        size: those that frames take at once.
        parts: of so many.
        blocks: parts that meet the same samples.
        points: samples of a frame.
    """

    size: int
    parts: int
    blocks: int
    points: int

    @property
    def hop(self) -> int:
        """From frame to frame."""
        return self.points + 1 - self.size


def _tiling(few: int, step: int) -> _Tiling:
    """Of so many, every ``step``-th of which meet the same samples."""
    of_phase = -(-few // step)
    # Those that make the fewest products for each output; the longest of these.
    size = min(
        range(min(loops.OF_FRAME, of_phase), min(1, of_phase - 1), -1),
        key=lambda size: -(-of_phase // size) / (POINTS + 1 - size),
    )
    parts = sum(-(-len(range(start, few, step)) // size) for start in range(min(step, few)))
    return _Tiling(size, parts, -(-of_phase // size), POINTS if size > 1 else 1)


def _tilings(taps: int, stride: int, base: int) -> list[_Tiling]:
    """Those of each phase of outputs, where samples stand ``base`` apart."""
    counts = (len(range(start, taps, base)) for start in range(base))
    return [_tiling(count, stride) for count in counts if count]


def rows_of(problem: Correlation) -> loops.Rows | None:
    """The loops of a problem that is better served so than by transforms, or ``None``."""
    problem = _of_reals(problem)
    if not jnp.issubdtype(problem.dtype, jnp.floating) or not loops.dtype_is_served(problem.dtype):
        return None
    rows = loops.for_tiles(problem)
    if rows is None:
        return None
    # Vectors lie across both.
    least = WIDEST // bytes_of_number(problem) // 2
    return rows if min(_met(rows), rows.kernels) >= least else None


def run(problem: Correlation, a: jax.Array, b: jax.Array) -> jax.Array:
    """The correlation of the operands of a role as they lie."""
    if problem.is_complex:
        return run_in_parts(run, problem, a, b)
    rows = rows_of(problem)
    assert rows is not None
    if loops.are_few_outputs(rows):
        return _native.call(_native.WINOGRAD_SUMS, rows.numbers, a, b, problem.shape)
    # Blocks of outputs are written forwards.
    out = _native.call(_native.WINOGRAD, rows.numbers, a, b, problem.shape)
    return in_order(out, problem.axes, "output")


def work(problem: Correlation) -> tuple[float, ...]:
    """Products; numbers of signals, kernels and results that are combined; those that are moved."""
    copies, problem = 2.0 if problem.is_complex else 1.0, _of_reals(problem)
    rows = rows_of(problem)
    assert rows is not None
    sets, few = _sets(rows), loops.are_few_outputs(rows)
    longer = _SUMMED if few else (1.0,) * 4
    counts = [0.0] * 4
    for phase in _phases(rows):
        for number, count in enumerate(_work_of(rows, problem, phase)):
            counts[number] += longer[number] * sets * count
    taps = problem.g * problem.o * problem.c * problem.taps
    return (*counts, copies * (problem.inputs + (taps if few else problem.outputs)))


def _work_of(
    rows: loops.Rows, problem: Correlation, phase: tuple[_Tiling, ...]
) -> tuple[float, ...]:
    """The same of one phase of one set, but for what is moved."""
    points, parts, tiles = _points(phase), _parts(phase), _tiles(rows, phase)
    met, few = _met(rows), loops.are_few_outputs(rows)
    lanes, kernels = _lanes(rows, problem)
    signals, results = tiles * points * parts * lanes, tiles * points * kernels
    weights = float(points * parts * met * kernels)
    # Of few tiles kernels, and sums, are used block by block.
    if tiles > (_at_once(rows, problem) if few else _FEW_TILES):
        weights *= 1 + max(math.log2(_sets(rows) * weights * bytes_of_number(problem) / _NEAR), 0.0)
    products = float(points * parts * tiles * met * kernels)
    return (products, signals, *((results, weights) if few else (weights, results)))


def scratch(problem: Correlation) -> float:
    """Kernels at the points, and for each of two threads samples and sums of a chunk."""
    if problem.is_complex:
        return scratch_in_parts(problem) + scratch(in_parts(problem)) / 2
    rows = rows_of(problem)
    assert rows is not None
    lanes, kernels = _lanes(rows, problem)
    sets = 1 if loops.are_few_outputs(rows) else _sets(rows)

    def needed(phase: tuple[_Tiling, ...]) -> float:
        points, parts = _points(phase), _parts(phase)
        near = (_NEAR >> 1) // bytes_of_number(problem)
        near += _FEWEST * points * (parts * lanes + kernels)
        return float(points * parts * lanes * kernels * sets + 2 * near)

    return max(map(needed, _phases(rows)))


def error(problem: Correlation) -> float:
    """Of combinations, and of sums of some products between them; the factors are measured."""
    rows = rows_of(problem)
    assert rows is not None
    few = loops.are_few_outputs(rows)

    def of_phase(phase: tuple[_Tiling, ...]) -> float:
        together = math.prod(axis.size for axis in phase)
        if few:
            terms, run = _tiles(rows, phase), _TILES
        else:
            terms, run = _met(rows) * _parts(phase), _CHANNELS
        return math.sqrt(together) * (1 + 0.4 * math.sqrt(min(terms, run) + terms / run))

    return max(map(of_phase, _phases(rows)))


def spread(problem: Correlation) -> tuple[int, ...]:
    """Along each axis the outputs of the blocks that combine a sample with others."""
    rows = rows_of(problem)
    assert rows is not None
    found = []
    for axis in problem.axes:
        if not isinstance(loops.loop_of(axis, 1, 1, 1), loops.Slide):
            found.append(1 if axis.paired else min(axis.m, axis.span))
        elif loops.are_few_outputs(rows):
            found.append(axis.m)
        else:
            phases = _tilings(axis.k, axis.stride, axis.base)
            found.append(min(axis.m, sum(map(_reached, phases))))
    return tuple(found)


def _reached(axis: _Tiling) -> int:
    """The outputs that a sample reaches at most."""

    def outputs(at: int) -> set[int]:
        # A frame's first sample reaches its first output only, the last its last one.
        found: set[int] = set()
        for part in range(axis.blocks):
            place = at - part * axis.size
            for frame in range(-(-(place - axis.points + 1) // axis.hop), place // axis.hop + 1):
                first = frame * axis.hop
                inside = range(first, first + axis.hop)
                ends = {0: {first}, axis.points - 1: {inside[-1]}}
                found |= ends.get(place - first, set(inside))
        return found

    return max(len(outputs(at)) for at in range(axis.hop))


def _phases(rows: loops.Rows) -> list[tuple[_Tiling, ...]]:
    """The tilings of all axes, for each phase of outputs; one if samples do not stand apart."""
    few = loops.are_few_outputs(rows)

    def along(slide: loops.Slide) -> list[_Tiling]:
        if few:
            return [_tiling(slide.m, slide.dilation)]
        return _tilings(slide.k, slide.stride, slide.base)

    return list(product(*map(along, (*rows.outer, rows.inner))))


def _of_reals(problem: Correlation) -> Correlation:
    return in_parts(problem) if problem.is_complex else problem


def _at_once(rows: loops.Rows, problem: Correlation) -> int:
    """Tiles of a chunk, whose sums are added to those of others."""
    near = _NEAR // bytes_of_number(problem)
    (phase,) = _phases(rows)
    lanes, kernels = _lanes(rows, problem)
    return max(_FEWEST, near // (_points(phase) * (_parts(phase) * lanes + kernels)))


def _met(rows: loops.Rows) -> int:
    """Channels of which sums are taken, or signals that all kernels meet."""
    if loops.are_few_outputs(rows):
        return rows.signals
    return math.prod(each.size for each in rows.sums)


def _tiles(rows: loops.Rows, phase: tuple[_Tiling, ...]) -> int:
    """Frames of all signals, or of all terms."""
    few = loops.are_few_outputs(rows)
    count = math.prod(each.size for each in rows.sums) if few else rows.signals
    for slide, axis in zip((*rows.outer, rows.inner), phase, strict=True):
        long = slide.k if few else -(-slide.m // slide.base)
        woven = slide.stride if few else slide.dilation
        count *= -(-long // (axis.hop * woven)) * woven
    return count


def _points(phase: tuple[_Tiling, ...]) -> int:
    return math.prod(axis.points for axis in phase)


def _parts(phase: tuple[_Tiling, ...]) -> int:
    return math.prod(axis.parts for axis in phase)


def _sets(rows: loops.Rows) -> int:
    """Groups, with signals and kernels of their own."""
    return math.prod(cell.size for cell in rows.cells if cell.lhs and cell.rhs)


def _lanes(rows: loops.Rows, problem: Correlation) -> tuple[int, int]:
    """Lanes of whole vectors that lie across what kernels meet, and across kernels."""
    vector = WIDEST // bytes_of_number(problem)
    met, kernels = (-(-count // vector) * vector for count in (_met(rows), rows.kernels))
    return met, kernels
