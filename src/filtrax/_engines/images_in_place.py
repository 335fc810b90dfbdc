"""Images, and rows with gaps, that are read where they lie.

As in ``source/images_in_place.h`` and ``images_in_place_sums.h``.
"""

import math
from collections import Counter

from filtrax._engines import loops
from filtrax._engines.base import Correlation
from filtrax._engines.vectors import bytes_of_number, in_vector, share_used

#: Taps of images that are read so even if their rows crowd each other out of the first cache, those
#: that are if they do not, bytes of rows that are near in any case, and rows of outputs at once of
#: the widest vectors.
_FEW_TAPS, _SOME_TAPS, _ROW_BYTES, _HIGH = 9, 64, 12 << 10, 16
#: Places of the first cache, bytes of a line, and lines that have a place together, as in
#: ``blocks.h``.
_PLACES, _LINE, _WAYS = 64, 64, 8
#: Rows of taps that sums meet in turn, and numbers between the first and the last sample that a tap
#: of whole rows meets from which on these are sooner summed so than as one; measured.
_BAND, _REACH = 32, 1024
#: What their products take, in those of sums of banks, as rows of samples are read once; measured.
_PRODUCT = 0.75


def are_read(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether a sum over taps is made so."""
    inner, axis = rows.inner, rows.down
    if rows.kernels > 1 or not _are_single(rows, problem):
        return False
    is_row, spaced = axis.m == axis.k == 1, max(inner.base, axis.base) > 1
    steps = {inner.stride} if is_row else {inner.stride, axis.stride}
    others = any(each.base > 1 for each in rows.outer if each is not axis)
    if len(steps) > 1 or inner.stride > (1 if spaced else 2) or others:
        return False
    if max(inner.base, axis.base) > 2 or inner.dilation > 1 or axis.dilation > 1:
        return False
    taps, size = axis.k * inner.k, bytes_of_number(problem)
    if is_row:
        return taps <= _SOME_TAPS if spaced else taps <= _FEW_TAPS and inner.stride == 2
    met = axis.stride * (_HIGH // 2 - 1) + axis.k
    high = axis.m >= 2 * _HIGH
    some = taps <= _SOME_TAPS and (spaced or (high and not _are_crowded(met, axis.lhs * size)))
    near = (_HIGH + axis.k - 1) * max(inner.n, inner.m) * size <= _ROW_BYTES
    return axis.m > 1 and axis.k > 1 and (taps <= _FEW_TAPS or some or near)


def _are_crowded(rows: int, apart: int) -> bool:
    """Whether more of so many rows, as many bytes apart, have the same place than it has ways."""
    places = Counter(row * apart // _LINE % _PLACES for row in range(rows))
    return max(places.values()) > _WAYS


def are_summed(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether few dot products of images are."""
    inner, axis = rows.inner, rows.down
    whole = inner.m <= inner.k and 1 < axis.m <= axis.k
    plain = all(each.base == 1 for each in (*rows.outer, inner))
    alone = rows.kernels == rows.signals == 1 and _are_single(rows, problem)
    near = inner.stride == axis.stride == inner.rhs == 1 and inner.dilation == axis.dilation <= 2
    return whole and plain and alone and near


def are_sooner_apart(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether they are where a kernel slides along one axis and the one behind it is summed."""
    slid = are_summed(rows, problem) and rows.inner.m == 1
    return slid and rows.down.m * rows.inner.k >= _REACH


def work(rows: loops.Rows, problem: Correlation, products: float) -> tuple[float, int]:
    """Products of the sums in those of banks, as whole vectors make them, and parts of images."""
    planes = math.prod(axis.k for axis in rows.outer) // rows.down.k
    images = math.prod(each.size for each in (*rows.cells, *rows.sums)) * planes
    bands = images * math.ceil(rows.down.k / _BAND)
    return _PRODUCT * products / share_used(rows.inner.k, in_vector(problem)), bands


def _are_single(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether samples are single numbers, as they are computed with."""
    return rows.lanes == 1 and not problem.is_complex and problem.dtype.itemsize >= 4
