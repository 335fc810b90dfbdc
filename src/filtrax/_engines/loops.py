"""A plain correlation as loops over rows of memory, which is what the compiled kernels run.

Axes along which nothing slides are loops over cells or terms of a sum. Neighbouring axes that lie
side by side in memory become one, of which one may be slid along. Along an axis that is reversed an
array has a negative stride, and loops begin at its last entry.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from functools import lru_cache
from operator import mul
from typing import Literal

import jax.numpy as jnp

from filtrax._engines.base import Correlation
from filtrax._geometry import Axis

#: Loops of each kind that the kernels have, as in ``source/problem.h``.
CELLS, SUMS, OUTER = 5, 3, 2
#: Taps, or outputs, of Winograd's filters along an axis at most, and along one that transforms
#: serve, too, if it is alone: of more they make fewer products.
MOST_TAPS, MOST_ALONE = 16, 12
#: Those that a frame takes, as in ``source/points.h``.
OF_FRAME = 5
#: Frames that lie between one another at most.
MOST_WOVEN = 512


@dataclass(frozen=True, slots=True)
class Cell:
    """A loop over independent outputs; a stride is 0 where all turns share a row."""

    size: int
    lhs: int
    rhs: int
    out: int


@dataclass(frozen=True, slots=True)
class Sum:
    """A loop that is summed over."""

    size: int
    lhs: int
    rhs: int


@dataclass(frozen=True, slots=True)
class Slide:
    """An axis along which the kernel slides, and the steps of the three arrays along it."""

    n: int
    k: int
    m: int
    lo: int
    stride: int
    dilation: int
    lhs: int
    rhs: int
    out: int
    base: int = 1


NOTHING = Slide(1, 1, 1, 0, 1, 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Rows:
    """The loops of a problem, outermost first.

    Attributes:
        cells: independent outputs.
        sums: terms.
        outer: axes that are slid along, but for the innermost.
        inner: the innermost.
        lanes: neighbouring samples with a kernel each, 1 if there are none.
    """

    cells: tuple[Cell, ...]
    sums: tuple[Sum, ...]
    outer: tuple[Slide, ...]
    inner: Slide
    lanes: int = 1

    @property
    def numbers(self) -> tuple[int, ...]:
        """As the kernels read it: every loop, unused ones of one turn first."""
        cells = (*(Cell(1, 0, 0, 0),) * (CELLS - len(self.cells)), *self.cells)
        sums = (*(Sum(1, 0, 0),) * (SUMS - len(self.sums)), *self.sums)
        outer = (*self.outer, *(NOTHING,) * (OUTER - len(self.outer)))
        loops = (*cells, *sums, *outer, self.inner)
        return (*(number for loop in loops for number in astuple(loop)), self.lanes)

    @property
    def kernels(self) -> int:
        """Those that meet the same samples."""
        return math.prod(cell.size for cell in self.cells if not cell.lhs)

    @property
    def signals(self) -> int:
        """Those that meet the same kernels."""
        return math.prod(cell.size for cell in self.cells if not cell.rhs)

    @property
    def down(self) -> Slide:
        """The axis down which rows of outputs are neighbours."""
        return next((axis for axis in reversed(self.outer) if axis.m > 1), NOTHING)

    @property
    def fits(self) -> bool:
        """Whether the kernels have as many loops."""
        return len(self.cells) <= CELLS and len(self.sums) <= SUMS and len(self.outer) <= OUTER


Loop = Cell | Sum | Slide


def _strides(sizes: tuple[int, ...]) -> list[int]:
    strides, step = [], 1
    for size in reversed(sizes):
        strides.append(step)
        step *= size
    return strides[::-1]


def _loops(problem: Correlation) -> list[Loop]:
    """Every axis of the three arrays in the order of the memory."""
    axes, orders = problem.axes, problem.labels
    lengths = zip(*((axis.n, axis.k, axis.m) for axis in axes), strict=True)
    steps = [
        _strides((*(getattr(problem, label) for label in labels), *spatial))
        for labels, spatial in zip(orders, lengths, strict=True)
    ]
    lhs, rhs, out = (
        dict(zip(labels, strides, strict=False))
        for labels, strides in zip(orders, steps, strict=True)
    )
    loops: list[Loop] = [
        Cell(problem.g, lhs["g"], rhs["g"], out["g"]), Cell(problem.b, lhs["b"], 0, out["b"]),
        Cell(problem.o, 0, rhs["o"], out["o"]), Sum(problem.c, lhs["c"], rhs["c"]),
    ]  # fmt: skip
    for axis, *along in zip(axes, *(strides[3:] for strides in steps), strict=True):
        signs = (1, -1 if axis.reversed == "kernel" else 1, -1 if axis.reversed == "output" else 1)
        loops.append(loop_of(axis, *map(mul, along, signs)))
    return _merged([loop for loop in loops if isinstance(loop, Slide) or loop.size > 1])


def _merged(loops: list[Loop]) -> list[Loop]:
    """Neighbours of one kind that lie side by side, as one loop."""
    merged: list[Loop] = []
    for loop in loops:
        if merged and not isinstance(loop, Slide) and type(merged[-1]) is type(loop):
            size, *steps = astuple(loop)
            before, *strides = astuple(merged[-1])
            if strides == [size * step for step in steps]:
                merged[-1] = replace(loop, size=before * size)
                continue
        merged.append(loop)
    return merged


def loop_of(axis: Axis, lhs: int, rhs: int, out: int) -> Loop:
    """What an axis is to the kernels, with the steps of the arrays along it."""
    if axis.paired:
        return Cell(axis.n, lhs, rhs, out)
    if axis.k == 1 and axis.n == axis.m and axis.lo == 0 and axis.stride == axis.base:
        return Cell(axis.n, lhs, 0, out)
    if axis.m == 1 and axis.n == axis.k and axis.lo == 0 and axis.dilation == axis.base:
        return Sum(axis.n, lhs, rhs)
    return Slide(
        axis.n, axis.k, axis.m, axis.lo, axis.stride, axis.dilation, lhs, rhs, out, axis.base
    )  # fmt: skip


def _is_known(problem: Correlation) -> bool:
    return all(isinstance(size, int) for size in (problem.g, problem.b, problem.c, problem.o))


def _parted(loops: list[Loop], inner: Slide, lanes: int = 1) -> Rows | None:
    """The loops by their kinds."""
    rows = Rows(
        tuple(loop for loop in loops if isinstance(loop, Cell)),
        tuple(loop for loop in loops if isinstance(loop, Sum)),
        tuple(loop for loop in loops if isinstance(loop, Slide)),
        inner,
        lanes,
    )
    return rows if rows.fits else None


def _cached(
    find: Callable[..., Rows | None],
) -> Callable[..., Rows | None]:
    """The same for known sizes only, remembered."""
    known = lru_cache(maxsize=4096)(find)
    return lambda problem, **how: known(problem, **how) if _is_known(problem) else None


@_cached
def for_taps(problem: Correlation) -> Rows | None:
    """Loops whose innermost runs over neighbouring outputs, or ``None``; outputs are in order."""
    loops = _loops(_with_outputs_in_order(problem))
    if not loops or isinstance(loops[-1], Sum):
        return _parted(loops, NOTHING)
    *rest, last = loops
    if isinstance(last, Slide):
        # Samples that stand apart are a matter of banks, which have single numbers.
        plain = last.stride == last.base == 1
        return _parted(rest, last) if plain or not problem.is_complex else None
    if not isinstance(last, Cell) or last.lhs != 1 or last.out != 1:
        return _parted(loops, NOTHING)
    if last.rhs:
        return _parted(rest, Slide(last.size, 1, last.size, 0, 1, 1, 1, 0, 1), last.size)
    before = rest[-1] if rest else None
    if isinstance(before, Slide) and before.stride == before.base == 1:
        return _parted(rest[:-1], _joined(before, last.size))
    return _parted(rest, Slide(last.size, 1, last.size, 0, 1, 1, 1, 1, 1))


def _joined(axis: Slide, size: int) -> Slide:
    """An axis that is slid along and one behind it that is not, as one."""
    return replace(
        axis, n=axis.n * size, m=axis.m * size, lo=axis.lo * size, dilation=axis.dilation * size,
        lhs=1, out=1,
    )  # fmt: skip


@_cached
def for_sums(problem: Correlation, joined: bool = True) -> Rows | None:
    """Loops whose innermost runs over neighbouring taps, or ``None``.

    ``joined``: an axis that is slid along and one behind it that is not become one, if they can.
    """
    loops = _loops(problem)
    if not loops:
        return None
    *rest, last = loops
    if isinstance(last, Slide):
        plain = last.dilation == last.base == 1
        return _parted(rest, last) if plain or not problem.is_complex else None
    if isinstance(last, Cell):
        slides = [loop for loop in rest if isinstance(loop, Slide)]
        if not (last.lhs == last.rhs == last.out == 1) or len(slides) > 1:
            return None
        whole = Slide(last.size, 1, last.size, 0, 1, 1, 1, 1, 1)
        return _parted(rest, whole, last.size)
    if not isinstance(last, Sum) or last.lhs != 1 or abs(last.rhs) != 1:
        return None
    before = rest[-1] if rest else None
    size, step = last.size, last.rhs
    # Taps are neighbours across the two only if both run the same way.
    if (
        joined
        and isinstance(before, Slide)
        and before.dilation == before.base == 1
        and (before.rhs > 0) == (step > 0)
    ):
        inner = replace(
            before, n=before.n * size, k=before.k * size, lo=before.lo * size,
            stride=before.stride * size, lhs=1, rhs=step,
        )  # fmt: skip
        return _parted(rest[:-1], inner)
    return _parted(rest, Slide(size, size, 1, 0, 1, 1, 1, step, 1))


@_cached
def for_frames(problem: Correlation) -> Rows | None:
    """Loops whose innermost is the last axis that is slid along, or ``None``."""
    loops = _loops(problem)
    slides = [number for number, loop in enumerate(loops) if isinstance(loop, Slide)]
    if not slides or any(isinstance(loop, Slide) and loop.base > 1 for loop in loops):
        return None
    inner = loops[slides[-1]]
    assert isinstance(inner, Slide)
    rest = [*loops[: slides[-1]], *loops[slides[-1] + 1 :]]
    if inner.stride != 1 or inner.dilation != 1:
        return None
    rows = _parted(rest, inner)
    if rows is None or inner.lhs == 1:
        return rows
    # Samples of neighbouring rows are read together, of one axis that stands behind.
    behind = loops[slides[-1] + 1 :]
    if len(behind) != 1 or rows.outer or (rows.sums and inner.k <= inner.m):
        return None
    (last,) = behind
    if isinstance(last, Cell):
        own = last.rhs == 1 and abs(inner.rhs) > 1
        shared = last.rhs == 0 and abs(inner.rhs) == 1 and inner.k <= inner.m
        return rows if last.lhs == last.out == 1 and (own or shared) else None
    return rows if inner.k > inner.m and last.lhs == last.rhs == 1 else None


@_cached
def for_tiles(problem: Correlation) -> Rows | None:
    """Loops of few taps, or outputs, along one or two innermost axes, or ``None``.

    Many outputs are in order.
    """
    loops = _loops(problem)
    slides = [loop for loop in loops if isinstance(loop, Slide)]
    if not 1 <= len(slides) <= 2 or loops[-len(slides) :] != slides:
        return None
    *above, inner = slides
    close = inner.lhs == abs(inner.rhs) == 1 and all(abs(each.rhs) == inner.k for each in above)
    few = _few_of(slides)
    if not (close and few):
        return None
    if few == "k":
        loops = _loops(_with_outputs_in_order(problem))
    *rest, last = loops
    assert isinstance(last, Slide)
    return _parted(rest, last)


def _few_of(slides: Sequence[Slide]) -> Literal["k", "m", ""]:
    """What axes have few of that frames can serve: taps, outputs or neither."""

    def are_few(few: str, long: str, woven: str) -> bool:
        # Frames whose samples stand apart lie between one another, if there are enough.
        apart = [getattr(each, woven) for each in slides]
        lengths = [getattr(each, long) for each in slides]
        enough = all(
            step == 1 or 2 * step <= length for step, length in zip(apart, lengths, strict=True)
        )
        few_enough = all(1 < getattr(each, few) <= most for each in slides)
        return few_enough and enough and math.prod(apart) <= MOST_WOVEN

    plain = all(each.stride == each.dilation == each.base == 1 for each in slides)
    most = MOST_ALONE if len(slides) == 1 and plain else MOST_TAPS
    single = all(sorted((each.stride, each.dilation, each.base))[:2] == [1, 1] for each in slides)
    taps = single and are_few("k", "m", "dilation")
    # Taps in blocks are read forwards.
    forwards = slides[-1].rhs == 1 and all(each.base == 1 for each in slides)
    outputs = single and forwards and are_few("m", "k", "stride")
    if taps and outputs:
        # As many as a frame takes make no parts.
        one = all(each.k <= OF_FRAME for each in slides)
        taps = one or math.prod(each.k for each in slides) <= math.prod(each.m for each in slides)
    return "k" if taps else "m" if outputs else ""


def _with_outputs_in_order(problem: Correlation) -> Correlation:
    axes = (replace(a, reversed="") if a.reversed == "output" else a for a in problem.axes)
    return replace(problem, axes=tuple(axes))


def are_few_outputs(rows: Rows) -> bool:
    """Whether outputs of such a bank are few, rather than taps along every axis."""
    return _few_of((*rows.outer, rows.inner)) == "m"


def dtype_is_served(dtype: jnp.dtype) -> bool:
    """Whether the kernels have arithmetic for a dtype."""
    return jnp.dtype(dtype).name in _DTYPES


_DTYPES = {
    "float32", "float64", "complex64", "complex128", "bfloat16", "int32", "uint32", "int64",
    "uint64",
}  # fmt: skip
