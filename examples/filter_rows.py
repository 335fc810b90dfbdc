"""Filters every row of an image, or of your own matrix, and checks the result against NumPy.

    python examples/filter_rows.py                     a photograph that ships with PyWavelets
    python examples/filter_rows.py FILE --taps 15      your .npy, .csv, .png or .wav

NumPy has `np.convolve` for one row and needs a Python loop for a matrix; `filtrax.filter_rows`
takes the matrix, gives the same numbers, and has a gradient.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import _data
import filtrax

#: Okabe and Ito's vermilion; it stands out from grey for every kind of colour vision.
COLOUR = "#D55E00"
#: More samples than these are not told apart in the picture.
MAX_TRACE, MAX_IMAGE = 600, 2048
#: float32 sums of positive weights of total 1: a few units in the last place of the largest value.
TOLERANCE = 1e-6


def gaussian(taps: int, width: float | None = None) -> np.ndarray:
    """A bell of so many taps and total 1; ``width`` is its standard deviation, in taps."""
    width = max(taps, 1) / 6 if width is None else width
    t = np.arange(taps) - (taps - 1) / 2
    bell = np.exp(-0.5 * (t / width) ** 2)
    return (bell / bell.sum()).astype(np.float32)


def numpy_rows(x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """What everyone writes first: one `np.convolve` for each row (and each kernel)."""
    kernels = np.broadcast_to(h, (len(x), h.shape[-1]))
    return np.stack([np.convolve(row, k, mode="same") for row, k in zip(x, kernels, strict=True)])


def milliseconds(call: Callable[[], Any], seconds: float = 1.0) -> float:
    """The median time of a call, after one that is not counted."""
    jax.block_until_ready(call())
    times: list[float] = []
    while len(times) < 3 or (sum(times) < seconds and len(times) < 100):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def compare(title: str, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Filters by both, prints how they agree and how long they take, returns filtrax's result."""
    on_device = jnp.asarray(x), jnp.asarray(h)
    filter_rows = jax.jit(filtrax.filter_rows)
    y = np.asarray(filter_rows(*on_device))
    difference = np.abs(y - numpy_rows(x.astype(np.float64), h.astype(np.float64))).max()
    fast = milliseconds(lambda: filter_rows(*on_device))
    loop = milliseconds(lambda: numpy_rows(x, h))
    print(f"\n{title}: {x.shape} with {h.shape} gives {y.shape}")
    print(f"  largest difference from np.convolve in float64   {difference:.1e}")
    print(f"  time   filtrax {fast:.2f} ms   NumPy row loop {loop:.2f} ms   ({loop / fast:.1f}x)")
    if not difference <= TOLERANCE * np.abs(x).max():
        raise SystemExit("filtrax and NumPy disagree: please report it with this data")
    return y


def draw(rows: _data.Rows, shared: np.ndarray, own: np.ndarray, taps: int) -> Figure:
    """The matrix before and after, and one of its rows before and after."""
    x = rows.values
    line = (len(x) * 6) // 7
    figure = Figure(figsize=(10, 6.4), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 3, height_ratios=(3.2, 2.4))
    panels = [figure.add_subplot(grid[0, column]) for column in range(3)]
    trace = figure.add_subplot(grid[1, :])
    titles = "before", f"one kernel of {taps} taps for all rows", "one kernel per row, wider below"
    for panel, values, title in zip(panels, (x, shared, own), titles, strict=True):
        show(panel, values, (float(x.min()), float(x.max())), is_image=rows.is_image)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("sample")
        if len(x) > 1:
            panel.axhline(line, color=COLOUR, linewidth=1.2)
        if panel is not panels[0]:
            panel.tick_params(labelleft=False)
    panels[0].set_ylabel("row")

    stop = min(x.shape[1], MAX_TRACE)
    samples = np.arange(stop)
    trace.plot(samples, x[line, :stop], color="0.62", linewidth=1.1, label="before")
    trace.plot(samples, shared[line, :stop], color=COLOUR, linewidth=1.9, label="filtered")
    trace.set(xlabel="sample", ylabel="brightness" if rows.is_image else "value")
    trace.set_xlim(0, max(stop - 1, 1))
    title = f"row {line} of {rows.name}; zero outside, so the ends fade as in np.convolve"
    trace.set_title(title, fontsize=10, loc="left")
    # Outside the axes, where no data can be.
    trace.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=10)
    trace.spines[["top", "right"]].set_visible(False)
    return figure


def show(panel: Axes, values: np.ndarray, limits: tuple[float, float], *, is_image: bool) -> None:
    step = -(-values.shape[1] // MAX_IMAGE), -(-values.shape[0] // MAX_IMAGE)
    rows, samples = values.shape
    panel.imshow(
        values[:: step[1], :: step[0]],
        cmap="gray",
        vmin=limits[0],
        vmax=limits[1],
        extent=(-0.5, samples - 0.5, rows - 0.5, -0.5),
        aspect="equal" if is_image and 1 / 3 < rows / samples < 3 else "auto",
        interpolation="antialiased" if is_image else "nearest",
    )
    panel.locator_params(integer=True)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", help=".npy, .csv, .png or .wav; else a photograph")
    parser.add_argument("--taps", type=int, help="length of the kernel (31, or the row if shorter)")
    parser.add_argument("--out", default="filter_rows.png", help="where the picture goes")
    options = parser.parse_args(argv)
    try:
        options.rows = _data.load(options.file) if options.file else _data.image()
    except _data.DataError as error:
        parser.error(str(error))
    samples = options.rows.values.shape[1]
    options.taps = min(31, samples) if options.taps is None else options.taps
    if not 1 <= options.taps <= samples:
        parser.error(f"--taps: expected 1 to {samples}, the length of a row, got {options.taps}")
    return options


def main(argv: list[str] | None = None) -> None:
    options = arguments(argv)
    rows, taps = options.rows, options.taps
    print(f"{rows.name}: {rows.values.shape[0]} rows of {rows.values.shape[1]} samples, float32")
    shared = compare("One kernel for all rows", rows.values, gaussian(taps))
    widths = np.linspace(0.3, taps / 4, len(rows.values))
    kernels = np.stack([gaussian(taps, width) for width in widths])
    own = compare("One kernel per row", rows.values, kernels)
    figure = draw(rows, shared, own, taps)
    try:
        figure.savefig(options.out, dpi=150, bbox_inches="tight", pad_inches=0.12)
    except (OSError, ValueError) as error:
        sys.exit(f"--out: cannot write {options.out}: {error}")
    print(f"\nThe picture is in {Path(options.out).resolve()}")


if __name__ == "__main__":
    main()
