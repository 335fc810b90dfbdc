"""What compiled sums over taps do for a problem, in the counts that are priced.

The counts follow the kernels: constants that stand in both name the file where the other is.
"""

import math

from filtrax import _native
from filtrax._engines import bank_counts, channels, images_in_place, lanes, loops, short_rows
from filtrax._engines.bank_counts import ALONE
from filtrax._engines.base import Correlation
from filtrax._engines.parts import in_parts
from filtrax._engines.taps import is_narrow
from filtrax._engines.vectors import bytes_of_number, in_vector

#: Work of an output and of a tile, in products; samples of a tile from all channels, and the fewest
#: outputs of one, as in ``taps.h``.
_OUTPUT, _ITEM, _TILE, _LEAST = 32, 8192, 4096, 256
#: Samples near the ends of a row that are masked at most, as in ``blocks.h``.
_FENCE = 1 << 12
#: The taps that are worth outputs of several rows at once, and the bytes between first and last;
#: fewer, and the bytes where these are, as in ``tap_rows.h``.
_DEEP, _REACH, _LESS_DEEP, _FULL_REACH = 16, 1 << 14, 4, 1 << 15
#: Rows of outputs of a part of an image, at most and, if there are so many, at least; bytes of its
#: copy; taps that are worth it, and those that are for short rows, as in ``images.h``.
_HIGH, _LOW, _PART, _COPIED, _MASKED = 64, 8, 1 << 18, 9, 4
#: Vectors of outputs in a block, as in ``blocks.h``.
_BLOCK = 10
#: Numbers in vectors of sums that wait, rows of taps that meet the same samples together, and
#: outputs of a row that are too few for it, as in ``sums.h``.
_WAITING, _TOGETHER, _FEW = 4096, 4, 3
#: Bytes of rows that are long, as in ``banks.h``.
_LONG_ROW = 1 << 10
#: Bytes of samples that stay near, and how much longer products take of those that do not.
_NEAR, _FAR = 1 << 18, 7.0
#: From so many taps in a row, or in all, few outputs are dot products.
_ROW, _LIST = 48, 2048
#: Complex samples of rows that are short for dot products, and outputs of rows that are; bytes of
#: arrays whose copies are paged in anew, which takes longer.
_BRIEF, _BRIEF_OUTPUTS, _PAGED = 64, 8, 1 << 24
#: With more products than this for each output, a sum over taps is not chosen unasked.
_TAPS = 1 << 14


def served(problem: Correlation) -> Correlation:
    """The problem that kernels are given: of real numbers, where those for complex ones would do.

    They have none for samples that stand apart, and none for banks: where numbers are met so often
    that a copy of all does not count, twice as many channels and kernels are faster. Lanes are full
    either way.
    """
    if not problem.is_complex:
        return problem
    found = rows_of(problem)
    seldom = found and problem.multiplications < _often(*found, problem) * _numbers(problem)
    if found and (seldom or found[1].lanes > 1):
        return problem
    parts = in_parts(problem)
    return parts if rows_of(parts) else problem


def _often(algorithm: int, rows: loops.Rows, problem: Correlation) -> float:
    """How often each number must be met for that: less often where rows are short."""
    paged = _numbers(problem) * problem.dtype.itemsize >= _PAGED
    if algorithm == _native.DOTS and rows.inner.k >= _BRIEF:
        return 180 if paged else 30 if rows.inner.k < 4 * _BRIEF else 60
    if algorithm == _native.DOTS:
        return 2.5 * math.prod(axis.m for axis in problem.axes) if paged else 5
    if rows.inner.m <= _BRIEF_OUTPUTS:
        return 10
    return 30 if problem.c * problem.o > 1 else 100


def _numbers(problem: Correlation) -> int:
    """Those of all three arrays."""
    return problem.inputs + problem.outputs + problem.g * problem.o * problem.c * problem.taps


def rows_of(problem: Correlation) -> tuple[int, loops.Rows] | None:
    """The loops of a sum over taps or, of few outputs of long rows, of dot products."""
    if not loops.dtype_is_served(problem.dtype):
        return None
    summed = loops.for_sums(problem)
    apart = loops.for_sums(problem, joined=False)
    if apart and images_in_place.are_sooner_apart(apart, problem):
        summed = apart
    rows, algorithm = loops.for_taps(problem), _native.TAPS
    if summed and short_rows.are_summed(summed, problem):
        sooner = short_rows.are_sooner_across(summed, problem)
        across = rows and sooner and _is_across(algorithm, rows, problem)
        return (algorithm, rows) if rows and across else (_native.DOTS, summed)
    if rows and rows.sums and _is_across(algorithm, rows, problem):
        return algorithm, rows
    if problem.is_short and not (rows and _is_brief(rows, problem)):
        rows, algorithm = summed, _native.DOTS
    return (algorithm, rows) if rows else None


def _is_brief(rows: loops.Rows, problem: Correlation) -> bool:
    """Whether dot products would be so short that their ends decide, and outputs fill a vector."""
    inner = rows.inner
    brief = in_vector(problem) <= inner.m and inner.k < _ROW and problem.taps * problem.c < _LIST
    return rows.lanes == 1 and brief


def work(problem: Correlation) -> tuple[float, ...]:
    """What a sum over taps does, and, apart, what dot products do.

    Work that one thread does before others start; products of taps in runs, of other taps and of
    lanes; outputs and numbers of images that are copied, rows of outputs, taps of their own, and
    numbers copied for several rows of taps. Then products of runs of outputs, of others and of
    lanes, rows of them, samples, and sums that are finished. Last those of banks: products, samples
    that are read for them, and numbers copied; products of dot products, and sums finished.
    """
    seen = served(problem)
    if seen is not problem:
        *counts, moved, products, finished = work(seen)
        return *counts, moved + _numbers(seen), products, finished
    found = rows_of(problem)
    assert found is not None
    algorithm, rows = found
    if algorithm == _native.DOTS and images_in_place.are_summed(rows, problem):
        products, bands = images_in_place.work(rows, problem, _products(problem))
        alone = min(products + _ITEM * bands, ALONE)
        return 1.0, alone, *(0.0,) * 10, 2.0 * bands, *(0.0,) * 3, products, 0.0, products, 0.0
    if _is_across(algorithm, rows, problem):
        products, written, images = channels.work(rows, problem, _products(problem))
        alone = min(products + _ITEM * images, ALONE)
        return 1.0, alone, 0.0, 0.0, products, written, images, *(0.0,) * 13
    if _is_bank(algorithm, rows, problem):
        return bank_counts.work(algorithm, rows, problem, _products(problem))
    if algorithm == _native.TAPS:
        return _work_taps(rows, problem)
    products, inner = _products(problem), rows.inner
    share = _dots_in_runs(rows, problem)
    # Outputs that stand apart read samples that do not stay near from one tap to the next.
    reach = inner.m * inner.stride * bytes_of_number(problem) if inner.stride > 1 else 0
    strained = products * min(max(reach / _NEAR, 1.0), _FAR)
    kinds = (0.0, 0.0, products) if rows.lanes > 1 else _kinds(strained, share, rows)
    begun = products / (inner.k * inner.m * lanes.met_at_once(rows, problem))
    if short_rows.are_summed(rows, problem):
        strained, begun = short_rows.work(rows, problem, products)
        kinds = _kinds(strained, 0.0, rows)
    alone = min(products + begun * _ITEM, ALONE)
    return (
        1.0, alone, *(0.0,) * 7, *kinds, begun, float(problem.inputs), problem.outputs / rows.lanes,
        *(0.0,) * 5,
    )  # fmt: skip


def _work_taps(rows: loops.Rows, problem: Correlation) -> tuple[float, ...]:
    """The same counts of rows of outputs."""
    products, inner = _products(problem), rows.inner
    cells = math.prod(cell.size for cell in rows.cells)
    many = cells * math.prod(axis.m for axis in rows.outer)
    calls = math.inf if problem.taps * problem.c > _TAPS else 1.0
    own = problem.taps * cells if any(cell.rhs for cell in rows.cells) else 0
    terms = math.prod(each.size for each in rows.sums)
    tiles = many * math.ceil(inner.m / max(_TILE // terms // _LEAST * _LEAST, _LEAST))
    written, copied = float(problem.outputs), 0.0
    if images_in_place.are_read(rows, problem):
        share, wide, own = 1.0, _in_vectors(inner, problem), 0
        tiles = many / rows.down.m
    elif high := _rows_at_once(rows, problem):
        down = rows.down
        share, wide = _share_in_runs(down.k, 1), _in_vectors(inner, problem)
        deep = high + down.k - 1
        tiles = many / down.m * math.ceil(down.m / high)
        written += tiles * terms * problem.taps / (down.k * inner.k) * deep * (inner.m + inner.k)
    elif lanes.are_few(rows, problem):
        share, wide = 0.0, lanes.slowed(rows)
        tiles /= lanes.rows_in_tile(rows, problem)
    elif rows.lanes > 1:
        share, wide = _lanes_in_runs(rows), 1.0
    elif short_rows.are_short(rows, problem):
        share, wide = 0.0, _in_vectors(inner, problem)
        tiles /= short_rows.TOGETHER
    else:
        share, wide = _in_runs(inner, problem), _in_vectors(inner, problem)
        copied = _copied(rows, problem)
    alone = min(products + _OUTPUT * problem.outputs + _ITEM * tiles, ALONE)
    kinds = _kinds(products * wide, share, rows)
    return (
        calls, alone, *kinds, written, float(tiles), float(own), many * copied, *(0.0,) * 11,
    )  # fmt: skip


def _is_across(algorithm: int, rows: loops.Rows, problem: Correlation) -> bool:
    """Whether vectors lie across channels, as in ``channels.h``."""
    short = short_rows.are_short(rows, problem)
    return algorithm == _native.TAPS and not short and channels.are_across(rows, problem)


def _is_bank(algorithm: int, rows: loops.Rows, problem: Correlation) -> bool:
    """Whether several kernels or signals are met at once, as in ``banks.h`` and ``bank_sums.h``."""
    if rows.lanes > 1 or problem.is_complex:
        return False
    if algorithm == _native.TAPS and images_in_place.are_read(rows, problem):
        return False
    inner, image = rows.inner, any(axis.k > 1 for axis in rows.outer)
    size = bytes_of_number(problem)
    if algorithm == _native.TAPS:
        dense = all(axis.stride == axis.dilation == 1 for axis in (*rows.outer, inner))
        few = inner.m < in_vector(problem) or (not dense and inner.m * size <= _LONG_ROW)
        return rows.kernels > 1 or inner.stride > 1 or inner.base > 1 or (image and few)
    close = rows.signals > 1 or inner.k * size <= _LONG_ROW
    return rows.kernels > 1 or (image and close) or inner.dilation > 1


def _products(problem: Correlation) -> float:
    """Those that do not meet the zeros between spaced samples."""
    return problem.multiplications / math.prod(axis.base for axis in problem.axes)


def _dots_in_runs(rows: loops.Rows, problem: Correlation) -> float:
    """The share of outputs whose dot products read vectors together, as in ``sums.h``."""
    inner, axis, vector = rows.inner, rows.down, in_vector(problem)
    if problem.is_complex:
        return 0.0
    if inner.m >= 2 * vector:
        return inner.m // vector * vector / inner.m if inner.stride == 1 else 0.0
    waits = inner.m * math.prod(axis.m for axis in rows.outer) * vector <= _WAITING
    plain = axis.stride == axis.dilation == 1
    grouped = waits and plain and inner.m > _FEW and axis.m > 1 and axis.k >= _TOGETHER
    return 1.0 if grouped else 0.0


def _kinds(products: float, share: float, rows: loops.Rows) -> tuple[float, float, float]:
    """Products of runs, of which they are a share, others, and those of lanes."""
    others = (1 - share) * products
    if rows.lanes > 1:
        return 0.0, others, share * products
    return share * products, others, 0.0


def _lanes_in_runs(rows: loops.Rows) -> float:
    """The share of taps of lanes that meet what was read for the tap before, one row below."""
    axis = rows.down
    return _share_in_runs(axis.k, 1) if axis.m > 1 and axis.stride == axis.dilation else 0.0


def _rows_at_once(rows: loops.Rows, problem: Correlation) -> int:
    """Rows of a part of an image whose outputs share what they read, as in ``images.h``, or 0."""
    inner, axis, vector = rows.inner, rows.down, in_vector(problem)
    plain = inner.stride == inner.dilation == axis.stride == axis.dilation == 1
    if rows.lanes > 1 or not plain or axis.m < _LOW or inner.m < vector:
        return 0
    if axis.k * inner.k < (_MASKED if inner.m <= _BLOCK * vector else _COPIED):
        return 0
    along = axis.k * _loads(inner.k, min(vector, inner.k), _BLOCK)
    if inner.k * _loads(axis.k, 1, _LOW) > 1.1 * along:
        return 0
    lines = math.prod(each.size for each in rows.sums) * problem.taps // (axis.k * inner.k)

    def wide(high: int) -> int:
        size = lines * (high + axis.k - 1) * bytes_of_number(problem)
        return _PART // size - inner.k - vector

    high = min(axis.m, _HIGH)
    while high > _LOW and wide(high) < min(inner.m, 2 * vector):
        high //= 2
    return -(-axis.m // -(-axis.m // high)) if wide(high) >= vector else 0


def _loads(k: int, apart: int, vectors: int) -> float:
    """Vectors that are read for one of so many of outputs, of taps in runs, pairs and alone."""
    total = 0.0
    for first in range(apart):
        chain = -(-(k - first) // apart)
        for size in (4, 2, 1):
            total += chain // size * (1 + (size - 1) / vectors)
            chain %= size
    return total


def _share_in_runs(k: int, apart: int) -> float:
    """The share of taps in runs of four or, by half, in pairs, `apart` from each other."""
    whole, rest = divmod(k, 4 * apart)
    taps = 4.0 * apart * whole
    for first in range(min(rest, apart)):
        chain = -(-(rest - first) // apart)
        taps += chain // 2
    return taps / k


def _in_vectors(inner: loops.Slide, problem: Correlation) -> float:
    """How much more products whole vectors make."""
    vector = in_vector(problem)
    return math.ceil(inner.m / vector) * vector / inner.m


def _copied(rows: loops.Rows, problem: Correlation) -> float:
    """Numbers that a row of outputs copies where it meets several rows of taps."""
    inner, vector = rows.inner, in_vector(problem)
    terms = math.prod(each.size for each in rows.sums) * math.prod(axis.k for axis in rows.outer)
    span = (inner.k - 1) * inner.dilation + 1
    edges = max(inner.lo, 0), max(inner.m + span - 1 - inner.lo - inner.n, 0)
    shown = min(inner.n, 2 * (_BLOCK * vector + span))
    if terms > 1 and is_narrow(problem.dtype):
        return float(terms * (inner.m + span))
    if terms > 1 and sum(edges) + shown > _FENCE:
        return float(terms * sum(edge + span for edge in edges if edge))
    return 0.0


def _in_runs(inner: loops.Slide, problem: Correlation) -> float:
    """The same of a row of taps, one vector of samples apart or, if far, one row."""
    vector = in_vector(problem)
    if vector % inner.dilation:
        return _share_in_runs(inner.k, 1) if _is_far(inner, problem) else 0.0
    return _share_in_runs(inner.k, vector // inner.dilation)


def _is_far(inner: loops.Slide, problem: Correlation) -> bool:
    """Whether outputs `dilation` apart are made together, as in ``tap_rows.h``."""
    reach = inner.k * inner.dilation * bytes_of_number(problem)
    far = inner.dilation >= 4 * in_vector(problem) and inner.m >= 4 * inner.dilation
    deep = inner.k >= _DEEP and reach >= _REACH
    return far and (deep or (inner.k >= _LESS_DEEP and reach >= _FULL_REACH))
