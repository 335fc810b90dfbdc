"""The ratios at a glance: fastest peer over filtrax, one square a cell."""

import math
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from benchmarks.cases import TASKS, VALUE
from benchmarks.machine import title
from benchmarks.measure import Cell
from benchmarks.peers.base import OURS
from benchmarks.report import number, ratio

#: Ratios beyond are drawn in the last colour.
LIMIT = 16.0
COLOURS = "RdBu"


def draw(cells: list[Cell], setting: dict[str, Any], path: Path) -> None:
    """Rows of matrices by task and K above, everything else below."""
    table = {cell.case: ratio(cell, next(iter(cell.rivals(OURS)), None)) for cell in cells}
    matrices = [c for c in table if c.family in ("rows", "kernel per row")]
    others = [c for c in table if c.family not in ("rows", "kernel per row")]
    upper = list(dict.fromkeys(case.shape_label for case in matrices))
    lower = list(dict.fromkeys(_other_label(case) for case in others))
    derived = {_other_label(case) for case in others if case.task != VALUE}
    several = [label for label in lower if label in derived]
    single = [label for label in lower if label not in derived]
    heights = [len(upper) + 3, max(len(several), len(single), 6) + 3]
    figure = plt.figure(figsize=(16, 0.29 * sum(heights) + 1), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=heights)
    above, below = parts
    figure.suptitle(f"filtrax against the fastest peer in each cell\n{title(setting)}", fontsize=13)
    taps = sorted({case.taps for case in matrices})
    panels = above.subplots(1, 3)
    for axes, task in zip(panels, TASKS, strict=True):
        some = {(c.shape_label, c.taps): table[c] for c in matrices if c.task == task}
        names = upper if task == TASKS[0] else [""] * len(upper)
        _panel(axes, _matrix(some, upper, taps), [str(k) for k in taps], names)
        axes.set_title(task, fontsize=11)
        axes.set_xlabel("K", fontsize=9)
    left, middle, legend = below.subplots(1, 3, width_ratios=[3, 1, 3])
    for axes, labels, tasks in ((left, several, TASKS), (middle, single, (VALUE,))):
        some = {(_other_label(c), c.task): table[c] for c in others}
        columns = ["value", "value, by kernel", "by signal"][: len(tasks)]
        _panel(axes, _matrix(some, labels, list(tasks)), columns, labels)
    _explain(legend, below)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _matrix(ratios: dict[Any, float | None], rows: list[str], columns: list[Any]) -> np.ndarray:
    """The ratios in their places, NaN where there is none."""
    values = np.full((len(rows), len(columns)), np.nan)
    for (row, column), value in ratios.items():
        if row in rows and value is not None:
            values[rows.index(row), columns.index(column)] = value
    return values


def _explain(axes: Axes, figure: Any) -> None:
    axes.axis("off")
    axes.text(
        0.05, 0.95,
        "Each number: the time of\nthe fastest peer over the time\n"
        "of filtrax, medians.\n\n"
        "Above 1 (blue) filtrax is faster,\nbelow 1 (red, bold) the peer is.\n"
        f"Colours end at {LIMIT:.0f} and 1/{LIMIT:.0f}.\n\n"
        "Empty: no such cell, or no\npeer for it. Only JAX and\ntorch have gradients.",
        fontsize=11, va="top",
    )  # fmt: skip
    bound = math.log2(LIMIT)
    colours = ScalarMappable(Normalize(-bound, bound), COLOURS)
    bar = figure.colorbar(colours, ax=axes, location="bottom", shrink=0.9, aspect=30)
    ticks = [1 / 16, 1 / 4, 1 / 2, 1, 2, 4, 16]
    bar.set_ticks([math.log2(t) for t in ticks], labels=["1/16", "1/4", "1/2", *"124", "16"])
    bar.set_label("fastest peer / filtrax")


def _other_label(case: Any) -> str:
    label = f"{case.family}: {case.shape_label}"
    return label if case.family in ("long", "depthwise") else f"{label}, K={case.taps_label}"


def _panel(axes: Axes, values: np.ndarray, columns: list[str], rows: list[str]) -> None:
    if not values.size:
        axes.axis("off")
        return
    bound = math.log2(LIMIT)
    axes.set_facecolor("0.93")
    logs = np.log2(values, where=np.isfinite(values), out=np.full(values.shape, np.nan))
    axes.imshow(logs, cmap=COLOURS, vmin=-bound, vmax=bound, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = abs(math.log2(value)) > 0.62 * bound
            shown = f"{value:.2f}" if value < 10 else number(value)
            axes.text(
                column, row, shown, ha="center", va="center", fontsize=7.5,
                color="white" if dark else "black", fontweight="bold" if value < 1 else "normal",
            )  # fmt: skip
    axes.set_xticks(range(len(columns)), columns, fontsize=8)
    axes.set_yticks(range(values.shape[0]), rows, fontsize=8)
    axes.tick_params(length=0)
