"""A kernel for each channel in vectors across channels, as ``source/channels.h`` has them.

Vectors along rows are not full where these are short, and slow where samples stand apart.
"""

import math

from filtrax._engines import loops
from filtrax._engines.base import Correlation
from filtrax._engines.vectors import WIDEST, bytes_of_number, share_used

#: Rows that are short, in eighths of a vector: of images, of every second sample of them, of those
#: with zeros between; single ones, and these where samples stand apart; bytes of the samples of an
#: output row. As there.
_ROW, _STRIDED, _SPACED, _SINGLE, _SINGLE_APART = 5, 6, 36, 48, 128
_SAMPLES = 1 << 18
#: Vectors of channels of gradients by kernels at least, as there.
_SUMMED = 2


def are_across(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether a sum over taps is made so."""
    inner, axis, vector = rows.inner, rows.down, WIDEST // bytes_of_number(problem)
    single = axis.m == axis.k == 1
    others = [each for each in rows.outer if each is not axis]
    if rows.lanes > 1 or problem.is_complex or rows.kernels > 1 or others:
        return False
    if _channels(rows) < vector // 2 or inner.lhs != 1 or inner.out != 1:
        return False
    if any(each.stride > 1 and each.base > 1 for each in (inner, axis)):
        return False
    below, along = (inner, loops.NOTHING) if single else (axis, inner)
    deep = (below.k - 1) * below.dilation // below.base + 1
    wide = (along.n * along.base + (along.k - 1) * along.dilation) // along.base
    if deep * wide * WIDEST > _SAMPLES:
        return False
    if rows.sums:
        return _are_summed(rows, vector)
    apart = max(inner.stride, inner.base)
    if single:
        few = _SINGLE_APART if apart > 1 else _SINGLE
    else:
        few = _SPACED if inner.base > 1 else _STRIDED if apart > 1 else _ROW
    return apart > 2 or 8 * inner.m <= few * vector


def _are_summed(rows: loops.Rows, vector: int) -> bool:
    """Whether gradients by the kernels of several images are."""
    inner, axis = rows.inner, rows.down
    few = _STRIDED if inner.dilation > 1 else _ROW
    short = inner.dilation > 2 or 8 * inner.k <= few * vector
    plain = all(each.stride == each.base == 1 for each in (inner, axis))
    return (
        plain and short and inner.m <= inner.k and 1 < axis.m <= axis.k
        and _channels(rows) >= _SUMMED * vector
    )  # fmt: skip


def work(rows: loops.Rows, problem: Correlation, products: float) -> tuple[float, float, float]:
    """Products as whole vectors make them, samples and sums that are turned over, and images."""
    channels, vector = _channels(rows), WIDEST // bytes_of_number(problem)
    share = share_used(channels, vector)
    images = math.prod(cell.size for cell in rows.cells) / channels
    moved = float(problem.inputs + problem.outputs)
    terms = math.prod(each.size for each in rows.sums)
    if terms > 1:
        moved += problem.g * problem.o * problem.c * problem.taps
    return products / share, moved / share, images * terms * math.ceil(channels / vector)


def _channels(rows: loops.Rows) -> int:
    """The longest loop with a kernel each."""
    own = (cell.size for cell in rows.cells if cell.lhs and cell.rhs and cell.out)
    return max(own, default=0)
