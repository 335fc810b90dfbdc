"""Numbers as the compiled kernels hold them in vectors."""

import math

from filtrax._engines.base import Correlation

#: Bytes of the widest vector.
WIDEST = 64


def bytes_of_number(problem: Correlation) -> int:
    """Bytes of a number in arithmetic."""
    return max(problem.dtype.itemsize, 4)


def in_vector(problem: Correlation) -> int:
    """Numbers in a vector of the instruction set that is the most common."""
    return 32 // bytes_of_number(problem)


def share_used(count: int, size: int) -> float:
    """The share of the lanes of vectors, or of other blocks, that so many numbers fill."""
    return count / (math.ceil(count / size) * size)
