"""Cells drawn at random, as those of the grid are chosen: whether what holds there holds elsewhere.

Every shape comes with all three tasks, but for those with boundaries, of which the value; and one
kernel per row with its twin of a shared kernel, so that each demand finds what it compares.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.cases import TASKS, Case, rows

#: Dtypes and how often they are drawn.
DTYPES = {"float32": 70, "float64": 12, "complex64": 9, "bfloat16": 9}
FAMILIES = {
    "rows": 32, "kernel per row": 15, "images": 10, "boundaries": 5, "volumes": 6, "depthwise": 6,
    "layers": 26,
}  # fmt: skip
#: Outputs, so that most demands speak of the cell, and products, that slow peers end.
FEWEST, MOST, PRODUCTS = 1e5, 6e6, 3e9


def drawn(count: int, seed: int) -> list[Case]:
    """The cells of ``count`` shapes."""
    source = random.Random(seed)
    found: dict[Case, None] = {}
    shapes = 0
    while shapes < count:
        (family,) = source.choices(list(FAMILIES), list(FAMILIES.values()))
        case = _DRAW[family](source)
        if case.outputs >= FEWEST and case.products <= PRODUCTS:
            found |= dict.fromkeys(_with_all_tasks(case))
            shapes += 1
    return list(found)


def _with_all_tasks(case: Case) -> Iterator[Case]:
    # Peers' gradients through a boundary are those of their own paddings.
    for task in TASKS if case.boundary == "zero" else TASKS[:1]:
        yield replace(case, task=task)
    if case.family == "kernel per row":
        yield replace(case, family="rows", h=(case.h[case.axes[0]],))


def _spread(source: random.Random, low: float, high: float) -> int:
    """Every size as likely as its double."""
    return round(math.exp(source.uniform(math.log(low), math.log(max(low, high)))))


def _dtype(source: random.Random) -> str:
    return source.choices(list(DTYPES), list(DTYPES.values()))[0]


def _rows(source: random.Random, per: bool = False) -> Case:
    n = _spread(source, 48, 2e6)
    count = _spread(source, max(FEWEST / n, 2 if per else 1), MOST / n)
    taps = _spread(source, 2, min(n, 30_000))
    case = rows((count, n), taps, _dtype(source), source.choice((-1, -1, 0)), per)
    return replace(case, mode=source.choice(("same", "same", "full", "valid", "causal")))


def _kernel_per_row(source: random.Random) -> Case:
    return _rows(source, per=True)


def _images(source: random.Random) -> Case:
    n, m = (_spread(source, 64, 2048) for _ in range(2))
    taps = tuple(_spread(source, 2, 40) for _ in range(2))
    if source.random() < 0.6:
        taps = (taps[0], taps[0])
    mode = source.choice(("same", "valid"))
    return Case("images", (n, m), taps, (0, 1), _dtype(source), mode)


def _boundaries(source: random.Random) -> Case:
    shape = tuple(_spread(source, 64, 2048) for _ in range(2))
    k = 2 * _spread(source, 1, 12) + 1
    boundary = source.choice(("reflect", "symmetric", "edge", "wrap"))
    return Case("boundaries", shape, (k, k), (0, 1), boundary=boundary)


def _volumes(source: random.Random) -> Case:
    n = tuple(_spread(source, 20, 200) for _ in range(3))
    k = source.randint(2, 9)
    return Case(
        "volumes", n, (k, k, k), (0, 1, 2), _dtype(source), source.choice(("same", "valid"))
    )


def _depthwise(source: random.Random) -> Case:
    batch, time, channels = (
        _spread(source, 1, 16),
        _spread(source, 64, 4096),
        _spread(source, 16, 2048),
    )
    k, dtype = source.randint(2, 8), source.choice(("float32", "bfloat16"))
    if source.random() < 0.5:
        return Case("depthwise", (batch, time, channels), (1, k, channels), (1,), dtype, "causal")
    return Case("depthwise", (batch, channels, time), (1, channels, k), (2,), dtype, "causal")


def _layers(source: random.Random) -> Case:
    rank = source.choice((1, 2, 2))
    n = _spread(source, *((32, 8000), (5, 160))[rank - 1])
    k = source.choice((1, 3, 3, 5, 7)) if rank == 2 else 2 * _spread(source, 1, 16) - 1
    channels, kernels = (source.choice((1, 3, 8, 16, 32, 64, 128, 256)) for _ in "co")
    own = source.random() < 0.25
    groups = channels if own else source.choice((1, 1, 1, 4)) if channels % 4 == 0 else 1
    kernels = channels if own else kernels // groups * groups or groups
    stride = source.choice((1, 1, 1, 2, 3))
    x = (_spread(source, 1, max(MOST / (channels * n**rank), 1)), channels, *(n,) * rank)
    h = (kernels, channels // groups, *(min(k, n),) * rank)
    return Case(
        "layers", x, h, tuple(range(2, rank + 2)), _dtype(source),
        "same" if h[-1] % 2 else "valid", kind="channels", stride=stride,
        must=("torch conv", "jax.lax.conv"),
    )  # fmt: skip


_DRAW = {
    "rows": _rows, "kernel per row": _kernel_per_row, "images": _images,
    "boundaries": _boundaries, "volumes": _volumes, "depthwise": _depthwise, "layers": _layers,
}  # fmt: skip
