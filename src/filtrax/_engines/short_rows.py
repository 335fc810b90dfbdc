"""Many short rows at once, as in ``source/short_rows.h`` and ``short_row_sums.h``."""

import math

from filtrax import _native
from filtrax._engines import loops
from filtrax._engines.base import Correlation
from filtrax._engines.vectors import WIDEST, bytes_of_number, in_vector

#: Vectors of a row at most, taps, those of kernels of their own, samples that these reach over, and
#: rows at least; as there.
_VECTORS, _TAPS, _OWN_TAPS, _SPAN, _ROWS = 20, 16, 12, 1024, 64
#: The same of dot products: vectors of taps, outputs, these with short vectors, and rows.
_SUMMED_VECTORS, _FEW_SUMS, _FEWER_SUMS, _MANY_SUMS = 32, 16, 12, 64
#: The time of a dot product of a vector, in that of a tap across channels; measured.
_DOT = 1.2
#: Short vectors of a row from which dot products take less time in any case: where registers are
#: few, rows are slow to turn over.
_ROW_VECTORS = 6
#: Rows that go together.
TOGETHER = 8


def are_short(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether a sum over taps is made so."""
    inner, vector = rows.inner, WIDEST // bytes_of_number(problem)
    if not rows.cells or rows.outer or rows.sums or rows.lanes > 1:
        return False
    last = rows.cells[-1]
    own = bool(last.lhs and last.rhs and last.out)
    if own:
        fitting = inner.k <= _OWN_TAPS and inner.m >= vector
    else:
        fitting = not last.rhs and (inner.m >= vector or last.out == inner.m)
    plain = inner.stride == inner.base == inner.lhs == inner.out == 1
    few = inner.k <= _TAPS and inner.m <= _VECTORS * vector
    reaching = (inner.k - 1) * inner.dilation < _SPAN
    return plain and fitting and few and reaching and last.size >= _ROWS


def are_summed(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether few dot products of each row are."""
    inner, vector = rows.inner, WIDEST // bytes_of_number(problem)
    if rows.outer or rows.lanes > 1 or rows.kernels > 1 or rows.signals > 1 or problem.is_complex:
        return False
    plain = inner.dilation == inner.base == inner.lhs == inner.rhs == 1
    most = _FEWER_SUMS if _native.vectors() == "short" else _FEW_SUMS
    few = inner.m <= min(most, inner.k) and inner.k <= _SUMMED_VECTORS * vector
    return plain and few and _rows(rows) >= _MANY_SUMS


def are_sooner_across(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether sums across channels take less time: each dot product is added up in the end."""
    if _native.vectors() == "short" and rows.inner.k >= _ROW_VECTORS * in_vector(problem):
        return False
    vectors = math.ceil(rows.inner.k / (WIDEST // bytes_of_number(problem)))
    return not rows.sums and _DOT * rows.inner.m * (2 * vectors + 3) > rows.inner.k


def work(rows: loops.Rows, problem: Correlation, products: float) -> tuple[float, float]:
    """Their products as whole vectors make them, and rows as others count them."""
    vector = WIDEST // bytes_of_number(problem)
    share = rows.inner.k / (math.ceil(rows.inner.k / vector) * vector)
    return products / share, _rows(rows) / TOGETHER


def _rows(rows: loops.Rows) -> int:
    return math.prod(each.size for each in (*rows.cells, *rows.sums))
