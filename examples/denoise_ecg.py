"""Learns a linear-phase filter that takes hum and a wandering baseline from an electrocardiogram.

    python examples/denoise_ecg.py                   the ECG that ships with PyWavelets

The recording, with hum of the mains near 60 Hz and slow waves added in many phases and strengths,
is to become the recording again. The kernel is symmetric and sums to zero by construction: nothing
is delayed or bent, and a constant offset vanishes. It is judged on disturbances that were not
learned from, beside a filter of `scipy.signal.firls` of the same length that is told where they
lie. What is learned is a filter for this recording: it knows this heart, as no design does.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from scipy import signal

import _data
from filtrax import fit, nn

#: The recording is of the MIT-BIH database.
RATE = 360.0
HUM, WANDER = (59.5, 60.5), (0.2, 0.6)
TAPS = 361
COLOUR, BLUE = "#D55E00", "#0072B2"


def disturbed(clean: np.ndarray, copies: int, seed: int) -> np.ndarray:
    """Copies of a signal, each with hum and a wandering baseline of its own."""
    rng = np.random.default_rng(seed)
    t = np.arange(clean.size) / RATE
    sums = np.tile(clean, (copies, 1))
    for low, high, size in ((*HUM, 0.8), (*WANDER, 1.5)):
        f, phase, strength = (
            rng.uniform(*each, (copies, 1)) for each in ((low, high), (0, 2 * np.pi), (0.3, size))
        )
        sums += strength * clean.std() * np.sin(2 * np.pi * f * t + phase)
    return sums.astype(np.float32)


def designed() -> np.ndarray:
    """A high-pass and a notch in one, by least squares, for what is known of the disturbances."""
    design: Any = signal
    bands = [0, WANDER[1], 1.6, HUM[0] - 1.5, HUM[0], HUM[1], HUM[1] + 1.5, RATE / 2]
    return design.firls(TAPS, bands, [0, 0, 1, 1, 0, 0, 1, 1], weight=[100, 1, 100, 1], fs=RATE)


def error(y: Any, clean: np.ndarray) -> float:
    """Root mean square of what is wrong, in parts of the recording's own."""
    return float(np.sqrt(np.mean((np.asarray(y) - clean) ** 2)) / clean.std())


def draw(
    clean: np.ndarray, noisy: np.ndarray, learned: nn.FIR, textbook: nn.FIR, found: Any
) -> Figure:
    figure = Figure(figsize=(10, 8.2), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(3, 2, height_ratios=(3, 2.2, 2.2))
    trace = figure.add_subplot(grid[0, :])
    panels = [figure.add_subplot(grid[row, column]) for row in (1, 2) for column in (0, 1)]
    kernel, loss, low, high = panels
    t = np.arange(clean.size) / RATE
    trace.plot(t, noisy, color="0.75", linewidth=0.9, label="disturbed")
    trace.plot(t, textbook(noisy), color=BLUE, linewidth=1.0, label="textbook design")
    trace.plot(t, learned(noisy), color=COLOUR, linewidth=1.8, label="learned filter")
    trace.plot(t, clean, color="0.1", linewidth=0.9, linestyle="--", label="recording")
    trace.set(xlabel="time (s)", ylabel="signal", xlim=(0, t[-1]))
    trace.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False)
    trace.set_title("disturbances that were not learned from", loc="left", fontsize=10)
    places = np.arange(TAPS) - TAPS // 2
    for layer, label, style in (
        (textbook, "textbook design", {"color": BLUE, "linewidth": 1.0}),
        (learned, "learned", {"color": COLOUR, "linewidth": 1.4}),
    ):
        # The centre is near 1 in both, and would hide the rest.
        kernel.plot(places, np.asarray(layer.taps) - (places == 0), label=label, **style)
        for panel, f in ((low, np.linspace(0, 5, 400)), (high, np.linspace(50, 70, 400))):
            gain = np.abs(np.asarray(layer.frequency_response(f)))
            panel.plot(f, 20 * np.log10(np.maximum(gain, 1e-4)), label=label, **style)
    kernel.set(xlabel="tap", ylabel="kernel less a delta")
    loss.semilogy(found.losses, color="0.5", linewidth=1, label="learned from")
    loss.semilogy(found.checks, found.checked, color=COLOUR, label="validation")
    loss.set(xlabel="step", ylabel="mean square error")
    loss.legend(frameon=False)
    for panel, band in ((low, WANDER), (high, HUM)):
        panel.axvspan(*band, color="0.9", zorder=0)
        panel.set(xlabel="frequency (Hz)", ylabel="gain (dB)", ylim=(-60, 5))
    low.set_title("grey: where the baseline wanders", loc="left", fontsize=10)
    high.set_title("grey: where the hum is", loc="left", fontsize=10)
    high.legend(loc="lower right", frameon=False)
    for panel in (trace, *panels):
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", default="denoise_ecg.png", help="where the picture goes")
    parser.add_argument("--steps", type=int, default=150, help="at most so many")
    options = parser.parse_args(argv)
    recording = _data.ecg()
    clean = recording.values[0] - recording.values[0].mean()
    start = nn.Constrained(nn.init.delta(TAPS), nn.Symmetric(), nn.ZeroSum())
    layer = nn.FIR(start, boundary="symmetric", fs=RATE)
    x, held = (jnp.asarray(disturbed(clean, copies, seed)) for copies, seed in ((64, 0), (16, 1)))
    wanted = jnp.asarray(clean, x.dtype)
    found = fit.fit(
        layer, x, jnp.broadcast_to(wanted, x.shape), optimizer="lbfgs", steps=options.steps,
        validation=(held, jnp.broadcast_to(wanted, held.shape)), patience=50,
        check_every=5,
    )  # fmt: skip
    learned = found.model
    textbook = nn.FIR(designed(), boundary="symmetric", fs=RATE)

    taps = np.asarray(learned.taps, float)
    judged = disturbed(clean, 50, 100)
    print(f"{recording.name}: {clean.size} samples, taken to be {RATE:g} a second")
    print(f"  {learned}")
    print(
        f"  {found.losses.size} steps, mean of squares {found.checked[0]:.3g} to {found.best:.3g}"
    )
    print(f"  sum of taps {taps.sum():.1e}, asymmetry {np.abs(taps - taps[::-1]).max():.1e}")
    print("  error, relative to the recording, on disturbances that were not learned from:")
    for label, y in (
        ("as disturbed", judged),
        ("textbook design", textbook(judged)),
        ("learned", learned(judged)),
    ):
        print(f"    {label:16} {error(y, clean):.3f}")
    figure = draw(clean, judged[0], learned, textbook, found)
    try:
        figure.savefig(options.out, dpi=150, bbox_inches="tight", pad_inches=0.12)
    except (OSError, ValueError) as problem:
        sys.exit(f"--out: cannot write {options.out}: {problem}")
    print(f"\nThe picture is in {Path(options.out).resolve()}")


if __name__ == "__main__":
    main()
