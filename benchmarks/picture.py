"""The ratios at a glance: fastest peer over filtrax, one square a cell."""

import math
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from benchmarks.cases import TASKS
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
    taps = sorted({case.taps for case in matrices})
    upper = list(dict.fromkeys(case.shape_label for case in matrices))
    lower = list(dict.fromkeys(_other_label(case) for case in others))
    heights = [len(upper) + 1, len(lower) + 1]
    figure = plt.figure(figsize=(15, 0.3 * sum(heights) + 3.2), layout="constrained")
    grid = figure.add_gridspec(2, 3, height_ratios=heights)
    image = None
    for column, task in enumerate(TASKS):
        values = np.full((len(upper), len(taps)), np.nan)
        for case in matrices:
            if case.task == task:
                at = upper.index(case.shape_label), taps.index(case.taps)
                values[at] = table[case] or np.nan
        if upper:
            axes = figure.add_subplot(grid[0, column])
            image = _panel(axes, values, [f"K={k}" for k in taps], upper if column == 0 else None)
            axes.set_title(task, fontsize=11)
    values = np.full((len(lower), len(TASKS)), np.nan)
    for case in others:
        values[lower.index(_other_label(case)), TASKS.index(case.task)] = table[case] or np.nan
    if lower:
        axes = figure.add_subplot(grid[1, 0])
        image = _panel(axes, values, ["value", "by kernel", "by signal"], lower)
        axes.set_title("everything else", fontsize=11)
    legend = figure.add_subplot(grid[1, 1:])
    legend.axis("off")
    legend.text(
        0.02, 0.6,
        "Each number: time of the fastest peer / time of filtrax, both medians of one run.\n"
        "Above 1 (blue) filtrax is faster, below 1 (red) the peer is. Colours end at "
        f"{LIMIT:.0f} and 1/{LIMIT:.0f}.\nEmpty: no such cell, or no peer that computes it.\n"
        "Gradients have fewer peers: only JAX and torch differentiate.",
        fontsize=11, va="top",
    )  # fmt: skip
    if image is not None:
        bar = figure.colorbar(image, ax=legend, location="bottom", shrink=0.8, pad=0.0, aspect=40)
        ticks = [1 / 16, 1 / 4, 1 / 2, 1, 2, 4, 16]
        bar.set_ticks([math.log2(t) for t in ticks], labels=["1/16", "1/4", "1/2", *"124", "16"])
        bar.set_label("fastest peer / filtrax")
    figure.suptitle(f"filtrax against the fastest peer in each cell\n{title(setting)}", fontsize=13)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _other_label(case: Any) -> str:
    label = f"{case.family}: {case.shape_label}"
    return label if case.family in ("long", "depthwise") else f"{label}, K={case.taps_label}"


def _panel(axes: Axes, values: np.ndarray, columns: list[str], rows: list[str] | None) -> Any:
    bound = math.log2(LIMIT)
    axes.set_facecolor("0.93")
    logs = np.log2(values, where=np.isfinite(values), out=np.full(values.shape, np.nan))
    image = axes.imshow(logs, cmap=COLOURS, vmin=-bound, vmax=bound, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = abs(math.log2(value)) > 0.62 * bound
            shown = f"{value:.2f}" if value < 10 else number(value)
            axes.text(
                column, row, shown, ha="center", va="center", fontsize=7.5,
                color="white" if dark else "black", fontweight="bold" if value < 1 else "normal",
            )  # fmt: skip
    axes.set_xticks(range(len(columns)), columns, fontsize=8)
    axes.set_yticks(range(values.shape[0]), rows or [""] * values.shape[0], fontsize=8)
    axes.tick_params(length=0)
    return image
