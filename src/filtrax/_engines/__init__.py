"""The algorithms: each computes the same plain correlation in its own way."""

from filtrax._engines import direct, fft, overlap, shift, toeplitz
from filtrax._engines.base import (
    Correlation,
    Engine,
    as_correlation,
    correlation_for,
    forwards,
    from_correlation,
)
from filtrax._engines.fold import fold_problem, folded, labels_of, moves

#: Every engine by name. A new one joins here and inherits the whole contract suite.
ENGINES: dict[str, Engine] = {
    e.name: e for e in (direct.ENGINE, shift.ENGINE, toeplitz.ENGINE, fft.ENGINE, overlap.ENGINE)
}

__all__ = [
    "ENGINES",
    "Correlation",
    "Engine",
    "as_correlation",
    "correlation_for",
    "fold_problem",
    "folded",
    "forwards",
    "from_correlation",
    "labels_of",
    "moves",
]
