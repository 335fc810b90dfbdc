"""What compiled banks do for a problem, in the counts that are priced (`tap_counts`)."""

import math
from collections import Counter

from filtrax import _native
from filtrax._engines import loops
from filtrax._engines.base import Correlation
from filtrax._engines.taps import is_narrow
from filtrax._engines.vectors import in_vector, share_used

#: Kernels that are met at once, and taps of a part whose sums are finished, as in ``banks.h``.
_KERNELS, _SUMMED = 8, 512
#: Vectors across kernels are turned over in the end, which takes as long as some products, as in
#: ``across.h``; sums of rows take their share of the time, as in ``bank_sums.h``.
_TURNED, _BROUGHT_TOGETHER = 8, 0.75
#: Vectors of samples that a kernel's taps meet at once there.
_SHIFTS = 6
#: What a number takes that is read where it lies, in copied ones.
_READ = 1 / 8
#: Work that is not worth another thread, in products, as in ``taps.h``.
ALONE = 1 << 21


def work(
    algorithm: int, rows: loops.Rows, problem: Correlation, products: float
) -> tuple[float, ...]:
    """What `tap_counts.work` counts, of a bank that makes so many products."""
    inner, vector = rows.inner, in_vector(problem)
    terms = math.prod(each.size for each in rows.sums)
    # Vectors lie along rows or across kernels, as more of their lanes are of use.
    met_together = rows.kernels
    if algorithm == _native.TAPS:
        slides = (*rows.outer, inner)
        met_together *= math.prod(map(_phases_alike, slides))
        met = problem.c * math.prod(-(-axis.k // axis.base) for axis in slides)
        across = share_used(met_together, vector) * met / (met + _TURNED)
        used = max(share_used(-(-inner.m // inner.base), vector), across)
        moved = problem.inputs / math.prod(axis.base for axis in slides)
        moved *= _READ if met == problem.c and _lies_whole(problem) else 1.0
    else:
        shifts = rows.signals * math.prod(axis.m for axis in (*rows.outer, inner))
        down = rows.down
        if rows.kernels == 1 and down.stride == down.dilation:
            # Rows of taps meet samples together, each for another row of outputs.
            met_together, shifts = down.m, shifts // down.m
        along = share_used(inner.k, vector) * (
            share_used(shifts, _SHIFTS) if shifts > _SHIFTS else 1.0
        )
        across = share_used(rows.kernels, vector) * shifts / (shifts + _TURNED)
        used = max(across, _BROUGHT_TOGETHER * along)
        stays = used > across and inner.k >= vector and not is_narrow(problem.dtype)
        taps = problem.g * problem.o * problem.c * problem.taps
        moved = problem.inputs * (_READ if _lies_whole(problem) else 1.0)
        moved += taps * (_READ if stays else 1.0)
    reads = products / used * math.ceil(met_together / _KERNELS) / met_together
    products /= used
    alone = min(products, ALONE)
    if algorithm == _native.TAPS:
        return (
            1.0, alone, *(0.0,) * 3, float(problem.outputs), *(0.0,) * 9, products, reads, moved,
            0.0, 0.0,
        )  # fmt: skip
    finished = problem.outputs * math.ceil(terms * problem.taps / _SUMMED)
    return (1.0, alone, *(0.0,) * 14, reads, moved, products, finished)


def _phases_alike(axis: loops.Slide) -> int:
    """Phases of outputs, of spaced samples, that meet the same samples: as good as kernels."""
    taps = [(axis.lo - phase) % axis.base for phase in range(axis.base)]
    windows = Counter(
        (phase + tap, -(-(axis.k - tap) // axis.base)) for phase, tap in enumerate(taps)
    )
    return max(windows.values()) if axis.dilation == 1 else 1


def _lies_whole(problem: Correlation) -> bool:
    """Whether no output meets a zero, so that signals are read where they lie."""
    whole = all(axis.paired or (axis.lo <= 0 and axis.hi <= 0) for axis in problem.axes)
    return whole and not is_narrow(problem.dtype)
