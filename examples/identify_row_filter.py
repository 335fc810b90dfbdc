"""Identifies an unknown row filter from an image and its filtered rows, in two ways.

    python examples/identify_row_filter.py                  a photograph that ships with PyWavelets
    python examples/identify_row_filter.py --noise 0.1 --rows 64

A camera moves while it takes a picture: each row comes out filtered by a kernel that nobody wrote
down, and with noise. From half of the rows before and after, the kernel is found in closed form
(`filtrax.fit.fit_fir`) and by gradient descent (`jax.grad` through `filtrax.filter_rows`, optax's
Adam), and both are compared with the truth and judged on the rows that they have not seen.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from matplotlib.figure import Figure

import _data
import filtrax
from filtrax.fit import FIRFit, fit_fir

TAPS, STEPS, RATE = 21, 3000, 3e-3
COLOUR, BLUE, GREY = "#D55E00", "#0072B2", "#8A8A8A"


def shaken(taps: int = TAPS) -> np.ndarray:
    """The path of a shaken camera: two exposures a few pixels apart, the second blurred."""
    t = np.arange(taps)
    blurred = np.exp(-0.5 * ((t - 13) / 1.8) ** 2)
    h = 0.55 * blurred / blurred.sum()
    h[4] += 0.45
    return h.astype(np.float32)


def photographed(rows: np.ndarray, h: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """The rows as the camera delivers them."""
    y = np.asarray(filtrax.filter_rows(rows, h, boundary="reflect"))
    shift = noise * np.random.default_rng(seed).standard_normal(y.shape)
    return (y + shift).astype(np.float32)


def descend(x: jax.Array, y: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """The kernel by Adam from zeros, and the loss before each step."""
    optimizer = optax.adam(RATE)

    def loss(h: jax.Array) -> jax.Array:
        return jnp.mean((filtrax.filter_rows(x, h, boundary="reflect") - y) ** 2)

    def step(state: Any, _: Any) -> Any:
        h, memory = state
        value, slope = jax.value_and_grad(loss)(h)
        update, memory = optimizer.update(slope, memory)
        return (optax.apply_updates(h, update), memory), value

    @jax.jit
    def run() -> Any:
        h = jnp.zeros(TAPS)
        return lax.scan(step, (h, optimizer.init(h)), length=STEPS)

    (h, _), losses = run()
    return np.asarray(h), np.asarray(losses)


def draw(
    before: np.ndarray, after: np.ndarray, truth: np.ndarray, closed: FIRFit,
    adam: np.ndarray, losses: np.ndarray, line: int,
) -> Figure:  # fmt: skip
    figure = Figure(figsize=(10, 7.2), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 6, height_ratios=(3, 2.6))
    titles = "before; blue: learned from", "after, with noise"
    for column, values, title in zip((0, 2), (before, after), titles, strict=True):
        panel = figure.add_subplot(grid[0, column : column + 2])
        panel.imshow(values, cmap="gray", vmin=0, vmax=1)
        panel.axhspan(0, line, color=BLUE, alpha=0.12)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("sample")
    curve = figure.add_subplot(grid[0, 4:])
    curve.semilogy(np.arange(1, STEPS + 1), losses, color=COLOUR, label="gradient descent")
    least = float(np.mean(np.abs(np.asarray(closed.residual)) ** 2))
    curve.axhline(least, color=BLUE, linestyle="--", label="closed form")
    curve.set(xlabel="step", title="mean squared error")
    curve.title.set_fontsize(10)
    curve.legend(frameon=False, loc="upper right")
    taps, wrong = figure.add_subplot(grid[1, :3]), figure.add_subplot(grid[1, 3:])
    t = np.arange(TAPS)
    taps.stem(t, truth, linefmt=GREY, markerfmt="o", basefmt=" ", label="truth")
    taps.plot(t, closed.kernel, "x", color=BLUE, markersize=8, markeredgewidth=2,
              label="closed form")  # fmt: skip
    taps.plot(t, adam, "+", color=COLOUR, markersize=10, markeredgewidth=2,
              label="gradient descent")  # fmt: skip
    taps.set(xlabel="tap", title="the kernel")
    wrong.plot(t, np.abs(adam - truth), "+-", color=COLOUR, label="gradient descent")
    wrong.plot(t, np.abs(np.asarray(closed.kernel) - truth), "x-", color=BLUE, label="closed form")
    wrong.plot(t, closed.standard_error, color=GREY, linestyle=":", label="its standard error")
    wrong.set(xlabel="tap", title="distance from the truth", yscale="log")
    for panel in (taps, wrong):
        panel.title.set_fontsize(10)
        panel.legend(frameon=False)
        panel.locator_params(axis="x", integer=True)
    for panel in (curve, taps, wrong):
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--noise", type=float, default=0.01, help="its standard deviation (0.01)")
    parser.add_argument("--rows", type=int, default=256, help="rows to learn from (256)")
    parser.add_argument("--out", default="identify_row_filter.png", help="where the picture goes")
    options = parser.parse_args(argv)
    options.image = _data.image()
    count = len(options.image.values)
    if not 1 <= options.rows < count:
        parser.error(f"--rows: expected 1 to {count - 1}, got {options.rows}")
    if not 0 <= options.noise < np.inf:
        parser.error(f"--noise: expected at least 0, got {options.noise}")
    return options


def main(argv: list[str] | None = None) -> None:
    options = arguments(argv)
    rows, count = options.image.values, options.rows
    truth = shaken()
    after = photographed(rows, truth, options.noise, seed=0)
    x, y = jnp.asarray(rows[:count]), jnp.asarray(after[:count])
    start = time.perf_counter()
    closed = fit_fir(x, y, TAPS, mode="same", boundary="reflect")
    jax.block_until_ready(closed.kernel)
    middle = time.perf_counter()
    adam, losses = descend(x, y)
    end = time.perf_counter()

    print(f"{options.image.name}: {count} of {len(rows)} rows, noise {options.noise:g}")
    print(f"  condition number of the problem {float(closed.condition):.0f}, rank {closed.rank}")
    print("                       seconds   largest error of a tap   error on other rows")
    judged = rows[count:], np.asarray(filtrax.filter_rows(rows[count:], truth, boundary="reflect"))
    for label, h, seconds in (
        ("closed form", np.asarray(closed.kernel), middle - start),
        (f"Adam, {STEPS} steps", adam, end - middle),
    ):
        found = np.asarray(filtrax.filter_rows(judged[0], h, boundary="reflect"))
        error = np.sqrt(np.mean((found - judged[1]) ** 2))
        print(f"  {label:20} {seconds:8.2f}   {np.abs(h - truth).max():22.1e}   {error:19.1e}")
    print(f"  (standard error of a tap, by the fit itself: {closed.standard_error.max():.1e})")
    figure = draw(rows, after, truth, closed, adam, losses, count)
    try:
        figure.savefig(options.out, dpi=150, bbox_inches="tight", pad_inches=0.12)
    except (OSError, ValueError) as problem:
        sys.exit(f"--out: cannot write {options.out}: {problem}")
    print(f"\nThe picture is in {Path(options.out).resolve()}")


if __name__ == "__main__":
    main()
