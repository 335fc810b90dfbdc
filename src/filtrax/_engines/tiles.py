"""Overlap-save of very short blocks: Winograd's filters, for banks of few taps.

What a transform is to long blocks, the values of polynomials at a few points are to short ones: six
samples meet up to five taps by six products instead of one for each pair, along each axis. The
combinations before and after cost less than the products they save where many channels meet many
kernels. Compiled only, in ``source/winograd.h``.
"""

import math
from operator import mul

import jax
import jax.numpy as jnp

from filtrax import _native
from filtrax._engines import loops
from filtrax._engines.base import Correlation, in_order
from filtrax._engines.parts import in_parts, run_in_parts, scratch_in_parts
from filtrax._engines.vectors import WIDEST, bytes_of_number

#: Samples of a block along an axis, and products that are added up before others, as in
#: ``winograd.h``.
POINTS, _CHANNELS, _TILES = 6, 64, 256
#: How much longer products, signals, pieces of kernels and sums take where outputs are few.
_SUMMED = (1.25, 1.5, 1.0, 1.5)
#: Tiles that kernels meet block by block, and the fewest of a chunk, as there.
_FEW_TILES, _FEWEST = 128, 48
#: Bytes of kernels at the points that stay in a cache.
_NEAR = 1 << 23


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
    out = _native.call(_native.WINOGRAD, rows.numbers, a, b, problem.shape)
    # Blocks of outputs are written forwards.
    return out if loops.are_few_outputs(rows) else in_order(out, problem.axes, "output")


def work(problem: Correlation) -> tuple[float, ...]:
    """Products; numbers of signals, kernels and results that are combined; those that are moved."""
    copies, problem = 2.0 if problem.is_complex else 1.0, _of_reals(problem)
    rows = rows_of(problem)
    assert rows is not None
    points, tiles, sets, met = _points(rows), _tiles(rows), _sets(rows), _met(rows)
    lanes, kernels = _lanes(rows, problem)
    signals, results = tiles * points * lanes, tiles * points * kernels
    few = loops.are_few_outputs(rows)
    weights = float(points * met * kernels)
    # Of few tiles kernels, and sums, are used block by block.
    if tiles > (_at_once(rows, problem) if few else _FEW_TILES):
        weights *= 1 + max(math.log2(sets * weights * bytes_of_number(problem) / _NEAR), 0.0)
    combined = (signals, results, weights) if few else (signals, weights, results)
    arrays = problem.inputs + (
        problem.g * problem.o * problem.c * problem.taps if few else problem.outputs
    )
    products = points * tiles * met * kernels
    longer = _SUMMED if few else (1.0,) * 4
    return (
        *map(mul, longer, (float(sets * count) for count in (products, *combined))),
        copies * arrays,
    )


def scratch(problem: Correlation) -> float:
    """Kernels at the points, and for each of two threads samples and sums of a chunk."""
    if problem.is_complex:
        return scratch_in_parts(problem) + scratch(in_parts(problem)) / 2
    rows = rows_of(problem)
    assert rows is not None
    lanes, kernels = _lanes(rows, problem)
    near = (_NEAR >> 1) // bytes_of_number(problem) + _FEWEST * _points(rows) * (lanes + kernels)
    weights = _points(rows) * _met(rows) * kernels
    return float(weights * (1 if loops.are_few_outputs(rows) else _sets(rows)) + 2 * near)


def error(problem: Correlation) -> float:
    """Of combinations, and of sums of some products between them; the factors are measured."""
    rows = rows_of(problem)
    assert rows is not None
    slides = (*rows.outer, rows.inner)
    if loops.are_few_outputs(rows):
        few, terms, run = math.prod(slide.m for slide in slides), _tiles(rows), _TILES
    else:
        few, terms, run = math.prod(slide.k for slide in slides), _met(rows), _CHANNELS
    return math.sqrt(few) * (1 + 0.4 * math.sqrt(min(terms, run) + terms / run))


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
            hop = POINTS + 1 - axis.k
            # A block's first sample reaches its first output only, the last its last one.
            reached = (
                sum(hop if 0 < at < POINTS - 1 else 1 for at in range(first, POINTS, hop))
                for first in range(hop)
            )
            found.append(min(axis.m, max(reached)))
    return tuple(found)


def _of_reals(problem: Correlation) -> Correlation:
    return in_parts(problem) if problem.is_complex else problem


def _at_once(rows: loops.Rows, problem: Correlation) -> int:
    """Tiles of a chunk, whose sums are added to those of others."""
    near = _NEAR // bytes_of_number(problem)
    return max(_FEWEST, near // (_points(rows) * sum(_lanes(rows, problem))))


def _met(rows: loops.Rows) -> int:
    """Channels of which sums are taken, or signals that all kernels meet."""
    if loops.are_few_outputs(rows):
        return rows.signals
    return math.prod(each.size for each in rows.sums)


def _tiles(rows: loops.Rows) -> int:
    """Blocks of all signals, or of all terms."""
    few = loops.are_few_outputs(rows)
    count = math.prod(each.size for each in rows.sums) if few else rows.signals
    for slide in (*rows.outer, rows.inner):
        short, long = (slide.m, slide.k) if few else (slide.k, slide.m)
        count *= -(-long // (POINTS + 1 - short))
    return count


def _points(rows: loops.Rows) -> int:
    return POINTS ** (1 + len(rows.outer))


def _sets(rows: loops.Rows) -> int:
    """Groups, with signals and kernels of their own."""
    return math.prod(cell.size for cell in rows.cells if cell.lhs and cell.rhs)


def _lanes(rows: loops.Rows, problem: Correlation) -> tuple[int, int]:
    """Lanes of whole vectors that lie across what kernels meet, and across kernels."""
    vector = WIDEST // bytes_of_number(problem)
    met, kernels = (-(-count // vector) * vector for count in (_met(rows), rows.kernels))
    return met, kernels
