"""Learns a linear-phase filter that takes hum and a wandering baseline from an electrocardiogram.

    python examples/denoise_ecg.py                   the ECG that ships with PyWavelets
    python examples/denoise_ecg.py --hum 60          hum where a designer expects it

The recording was made where mains hum has 60 Hz. It is played where it has 50, and nobody says so.
All there is are pairs: the first half of the recording, clean and with hum and slow waves added in
many phases and strengths. From those a kernel is learned, symmetric and of sum zero by
construction: nothing is delayed or bent, and a constant offset vanishes. It is judged on the other
half of the recording, under disturbances that were not learned from, beside two filters of
`scipy.signal.firwin` of the same length: one made for 60 Hz, and one that is told the truth.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import _data
from filtrax import fit, nn

#: The recording is of the MIT-BIH database.
RATE, EXPECTED = 360.0, 60.0
#: Hum wanders by so much; slow waves lie in a band.
DRIFT, WANDER = 0.1, (0.2, 0.6)
TAPS = 361
COLOUR, BLUE, GREEN = "#D55E00", "#0072B2", "#009E73"


def disturbed(clean: np.ndarray, hum: float, copies: int, seed: int) -> np.ndarray:
    """Copies of a signal, each with hum and a wandering baseline of its own."""
    rng = np.random.default_rng(seed)
    t = np.arange(clean.size) / RATE
    sums = np.tile(clean, (copies, 1))
    for low, high, size in ((hum - DRIFT, hum + DRIFT, 0.8), (*WANDER, 1.5)):
        f, phase, strength = (
            rng.uniform(*each, (copies, 1)) for each in ((low, high), (0, 2 * np.pi), (0.3, size))
        )
        sums += strength * clean.std() * np.sin(2 * np.pi * f * t + phase)
    return sums.astype(np.float32)


def designed(hum: float) -> nn.FIR:
    """A high-pass and a notch in one, by a Hamming window, for hum of a known frequency."""
    edges = [1.0, hum - 1.5, hum + 1.5]
    taps = nn.init.design("firwin", TAPS, edges, pass_zero=False, fs=RATE)
    return nn.FIR(taps, boundary="symmetric", fs=RATE)


def learned(clean: np.ndarray, hum: float, steps: int) -> fit.Fitted[nn.FIR]:
    """A layer from pairs of clean and disturbed signals."""
    start = nn.Constrained(nn.init.delta(TAPS), nn.Symmetric(), nn.ZeroSum())
    x, held = (jnp.asarray(disturbed(clean, hum, *each)) for each in ((64, 0), (16, 1)))
    wanted = jnp.asarray(clean, x.dtype)
    return fit.fit(
        nn.FIR(start, boundary="symmetric", fs=RATE), x, jnp.broadcast_to(wanted, x.shape),
        optimizer="lbfgs", steps=steps, patience=50, check_every=5,
        validation=(held, jnp.broadcast_to(wanted, held.shape)),
    )  # fmt: skip


def error(y: Any, clean: np.ndarray) -> float:
    """Root mean square of what is wrong, in parts of the recording's own."""
    return float(np.sqrt(np.mean((np.asarray(y) - clean) ** 2)) / clean.std())


def draw(
    clean: np.ndarray, noisy: np.ndarray, hum: float, layers: dict[str, nn.FIR], found: Any
) -> Figure:
    figure = Figure(figsize=(10, 8.2), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(3, 2, height_ratios=(3, 2.2, 2.2))
    trace = figure.add_subplot(grid[0, :])
    panels = [figure.add_subplot(grid[row, column]) for row in (1, 2) for column in (0, 1)]
    kernel, loss, low, high = panels
    t, half = np.arange(clean.size) / RATE, clean.size // 2
    styles: tuple[dict[str, Any], ...] = (
        {"color": BLUE, "linewidth": 0.8},
        {"color": GREEN, "linewidth": 1.0, "linestyle": "--"},
        {"color": COLOUR, "linewidth": 1.4},
    )
    trace.plot(t, noisy, color="0.8", linewidth=0.9, label="disturbed")
    for (label, layer), style in zip(layers.items(), styles, strict=True):
        trace.plot(t, layer(noisy), label=label, **style)
    trace.plot(t, clean, color="0.1", linewidth=0.9, linestyle=":", label="recording")
    trace.axvspan(0, t[half], color="0.93", zorder=0)
    trace.set(
        xlabel="time (s); grey: the half that was learned from, under other disturbances",
        ylabel="signal",
    )
    trace.set_xlim(0, t[-1])
    trace.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, frameon=False, fontsize=9)
    places = np.arange(TAPS) - TAPS // 2
    for (label, layer), style in zip(layers.items(), styles, strict=True):
        # The centre is near 1 in all, and would hide the rest.
        kernel.plot(places, np.asarray(layer.taps) - (places == 0), label=label, **style)
        for panel, f in ((low, np.linspace(0, 5, 400)), (high, np.linspace(40, 70, 600))):
            gain = np.abs(np.asarray(layer.frequency_response(f)))
            panel.plot(f, 20 * np.log10(np.maximum(gain, 1e-4)), label=label, **style)
    kernel.set(xlabel="tap", ylabel="kernel less a delta")
    loss.semilogy(found.losses, color="0.5", linewidth=1, label="learned from")
    loss.semilogy(found.checks, found.checked, color=COLOUR, label="validation")
    loss.set(xlabel="step", ylabel="mean square error")
    loss.legend(frameon=False)
    for panel, band in ((low, WANDER), (high, (hum - DRIFT, hum + DRIFT))):
        panel.axvspan(*band, color="0.85", zorder=0)
        panel.set(xlabel="frequency (Hz)", ylabel="gain (dB)", ylim=(-60, 5))
    low.set_title("grey: where the baseline wanders", loc="left", fontsize=10)
    high.set_title("grey: where the hum is", loc="left", fontsize=10)
    for panel in (trace, *panels):
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", default="denoise_ecg.png", help="where the picture goes")
    parser.add_argument("--steps", type=int, default=150, help="at most so many (150)")
    parser.add_argument("--hum", type=float, default=50.0, help="its frequency in Hz (50)")
    options = parser.parse_args(argv)
    if not 10 <= options.hum <= 170:
        parser.error(f"--hum: expected 10 to 170, got {options.hum:g}")
    recording = _data.ecg()
    clean = recording.values[0] - recording.values[0].mean()
    half = clean.size // 2
    found = learned(clean[:half] - clean[:half].mean(), options.hum, options.steps)
    layers = {
        f"design for {EXPECTED:g} Hz": designed(EXPECTED),
        "design told the hum": designed(options.hum),
        "learned": found.model,
    }

    taps = np.asarray(found.model.taps, float)
    judged = disturbed(clean, options.hum, 50, 100)
    print(f"{recording.name}: {clean.size} samples, taken to be {RATE:g} a second")
    print(f"  hum of {options.hum:g} Hz, learned from the first {half} samples")
    print(f"  {found.model}")
    print(
        f"  {found.losses.size} steps, mean of squares {found.checked[0]:.3g} to {found.best:.3g}"
    )
    print(f"  sum of taps {taps.sum():.1e}, asymmetry {np.abs(taps - taps[::-1]).max():.1e}")
    print("  error, relative to the recording, under disturbances that were not learned from:")
    print(f"    {'':20} {'first half':>10} {'other half':>10}")
    outputs = {"as disturbed": judged} | {name: layer(judged) for name, layer in layers.items()}
    for name, y in outputs.items():
        errors = (error(y[:, part], clean[part]) for part in (slice(half), slice(half, None)))
        print(f"    {name:20}" + "".join(f" {each:10.3f}" for each in errors))
    figure = draw(clean, judged[0], options.hum, layers, found)
    try:
        figure.savefig(options.out, dpi=150, bbox_inches="tight", pad_inches=0.12)
    except (OSError, ValueError) as problem:
        sys.exit(f"--out: cannot write {options.out}: {problem}")
    print(f"\nThe picture is in {Path(options.out).resolve()}")


if __name__ == "__main__":
    main()
