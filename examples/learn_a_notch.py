"""Learns a notch and a high-pass for an electrocardiogram from data, and compares with a design.

    python examples/learn_a_notch.py                   the ECG that ships with PyWavelets

To the recording are added what electrodes pick up: hum of the mains, not quite at 60 Hz, and a
wandering baseline. `filtrax.fit.fit` moves the settings of two second-order sections so
that the recording comes back; it is told neither frequency. The usual design (a notch of Q 30 at
60 Hz, a Butterworth high-pass at 0.5 Hz) is judged beside it, on another hum and baseline than
were learned from.
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
import filtrax
from filtrax import fit, nn

#: The recording is of the MIT-BIH database.
RATE = 360.0
HUM, WANDER = 59.2, 0.25
#: Samples that no filter is judged by: a narrow notch needs that long to swing in.
SWING_IN = 360
COLOUR, BLUE = "#D55E00", "#0072B2"


def disturbed(clean: np.ndarray, seed: int) -> np.ndarray:
    """The recording with hum and a wandering baseline, whose phases follow from the seed."""
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 2)
    t = np.arange(clean.shape[-1]) / RATE
    size = clean.std()
    hum = 0.8 * size * np.sin(2 * np.pi * HUM * t + phases[0])
    wander = 2.0 * size * np.sin(2 * np.pi * WANDER * t + phases[1])
    return (clean + hum + wander).astype(np.float32)


def designed() -> np.ndarray:
    """What a textbook would use."""
    design: Any = signal
    notch = design.tf2sos(*design.iirnotch(60, 30, fs=RATE))
    return np.concatenate([notch, design.butter(2, 0.5, "highpass", fs=RATE, output="sos")])


def error(y: Any, clean: np.ndarray) -> float:
    """Root mean square of what is wrong, in parts of the recording's own."""
    wrong = (np.asarray(y) - clean)[SWING_IN:]
    return float(wrong.std() / clean[SWING_IN:].std())


def draw(
    clean: np.ndarray, noisy: np.ndarray, found: nn.Biquads, start: nn.Biquads, sos: np.ndarray
) -> Figure:
    figure = Figure(figsize=(10, 6.4), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 2, height_ratios=(3, 2.4))
    trace = figure.add_subplot(grid[0, :])
    low, high = (figure.add_subplot(grid[1, column]) for column in (0, 1))
    t = np.arange(clean.size) / RATE
    trace.plot(t, noisy, color="0.75", linewidth=0.9, label="disturbed")
    trace.plot(t, found(noisy), color=COLOUR, linewidth=1.8, label="learned filter")
    trace.plot(t, clean, color="0.1", linewidth=0.9, linestyle="--", label="recording")
    trace.set(xlabel="time (s)", ylabel="signal", xlim=(0, t[-1]))
    trace.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False)
    trace.set_title("a hum and a baseline that were not learned from", loc="left", fontsize=10)
    for panel, f in ((low, np.geomspace(0.05, 10, 500)), (high, np.linspace(50, 70, 800))):
        curves: tuple[tuple[Any, str, dict[str, Any]], ...] = (
            (start.sos, "start", {"color": "0.6", "linestyle": ":"}),
            (sos, "textbook design", {"color": BLUE, "linestyle": "--"}),
            (found.sos, "learned", {"color": COLOUR, "linewidth": 1.8}),
        )
        for sections, label, style in curves:
            gain = np.abs(filtrax.iir.frequency_response(sections, f, fs=RATE))
            panel.plot(f, 20 * np.log10(np.maximum(gain, 1e-4)), label=label, **style)
        panel.set(xlabel="frequency (Hz)", ylabel="gain (dB)", ylim=(-50, 5))
    low.set_xscale("log")
    low.axvline(WANDER, color="0.85", zorder=0)
    high.axvline(HUM, color="0.85", zorder=0)
    low.set_title("grey line: where the baseline wanders", loc="left", fontsize=10)
    high.set_title("grey line: where the hum is", loc="left", fontsize=10)
    high.legend(loc="lower right", frameon=False)
    for panel in (trace, low, high):
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", default="learn_a_notch.png", help="where the picture goes")
    options = parser.parse_args(argv)
    recording = _data.ecg()
    clean = recording.values[0] - recording.values[0].mean()
    start = nn.Biquads(["highpass", "notch"], [2.0, 56.0], [0.7, 3.0], fs=RATE)
    inputs = jnp.stack([disturbed(clean, seed) for seed in range(4)])
    wanted = jnp.broadcast_to(jnp.asarray(clean), inputs.shape)
    fitted = fit.fit(
        start, inputs, wanted, loss=fit.MSE(skip=SWING_IN), optimizer="gauss-newton", steps=50
    )
    found, errors = fitted.model, fitted.checked

    judged = disturbed(clean, 100)
    sos = designed()
    print(f"{recording.name}: {clean.size} samples, taken to be {RATE:g} a second")
    print(f"  {fitted.best_step} steps: mean of squares {errors[0]:.3g} to {errors[-1]:.3g}")
    print(f"  high-pass {start.frequency[0]:.2f} to {found.frequency[0]:.2f} Hz")
    print(
        f"  notch     {start.frequency[1]:.2f} to {found.frequency[1]:.2f} Hz, Q {found.q[1]:.1f}"
    )
    print(f"  (the hum is at {HUM} Hz)")
    print("  error, relative to the recording, on another hum and baseline:")
    for label, y in (
        ("as disturbed", judged),
        ("textbook design", filtrax.sosfilt(sos, judged)),
        ("before learning", start(judged)),
        ("learned", found(judged)),
    ):
        print(f"    {label:16} {error(y, clean):.3f}")
    figure = draw(clean, judged, found, start, sos)
    try:
        figure.savefig(options.out, dpi=150, bbox_inches="tight", pad_inches=0.12)
    except (OSError, ValueError) as problem:
        sys.exit(f"--out: cannot write {options.out}: {problem}")
    print(f"\nThe picture is in {Path(options.out).resolve()}")


if __name__ == "__main__":
    main()
