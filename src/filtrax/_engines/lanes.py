"""Few lanes, of which several rows fill vectors together, as ``source/lanes.h`` has them."""

import math

from filtrax._engines import loops
from filtrax._engines.base import Correlation
from filtrax._engines.vectors import WIDEST, bytes_of_number

#: Numbers of a stretch, as in ``sums.h``; those of a tile, as in ``lanes.h``.
_STRETCH, _TILE = 1 << 11, 1 << 13
#: How much longer products take where each output is made of copies.
_COPIED = 16.0


def are_few(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether they are less than a vector."""
    return 1 < rows.lanes < WIDEST // bytes_of_number(problem)


def rows_in_tile(rows: loops.Rows, problem: Correlation) -> float:
    """Rows of outputs that are made of one copy, 1 where each is alone."""
    if rows.down.stride > 1:
        return 1.0
    return max(16.0 * _in_vectors(rows, problem), _TILE / rows.lanes)


def slowed(rows: loops.Rows) -> float:
    """How much longer products take than those of many lanes."""
    return _COPIED if rows.down.stride > 1 else 1.0


def met_at_once(rows: loops.Rows, problem: Correlation) -> int:
    """Products of an output row in dot products, which go by rows: few lanes by some of them."""
    if not are_few(rows, problem):
        return rows.lanes
    return max(8 * _in_vectors(rows, problem) * rows.lanes, _STRETCH)


def _in_vectors(rows: loops.Rows, problem: Correlation) -> int:
    vector = WIDEST // bytes_of_number(problem)
    return vector // math.gcd(rows.lanes, vector)
