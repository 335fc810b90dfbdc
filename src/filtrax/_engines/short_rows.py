"""Many short rows of one kernel, several of them at once, as in ``source/short_rows.h``."""

from filtrax._engines import loops
from filtrax._engines.base import Correlation
from filtrax._engines.vectors import WIDEST, bytes_of_number

#: Vectors of a row at most, taps, samples that these reach over, and rows at least; as there.
_VECTORS, _TAPS, _SPAN, _ROWS = 20, 16, 1024, 64
#: Rows that go together.
TOGETHER = 8


def are_short(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether a sum over taps is made so."""
    inner, vector = rows.inner, WIDEST // bytes_of_number(problem)
    if not rows.cells or rows.outer or rows.sums or rows.lanes > 1:
        return False
    last = rows.cells[-1]
    plain = inner.stride == inner.base == inner.lhs == inner.out == 1
    close = inner.m >= vector or last.out == inner.m
    few = inner.k <= _TAPS and inner.m <= _VECTORS * vector
    reaching = (inner.k - 1) * inner.dilation < _SPAN
    return plain and close and few and reaching and not last.rhs and last.size >= _ROWS
