"""Learns sums of separable filters that do what a full 2-D kernel does, and compares with the SVD.

    python examples/separable_approximation.py       the photograph that ships with PyWavelets

A detector of slanting edges has no separable form: each pixel costs all its taps. A few passes
along rows and columns come near. The singular value decomposition gives the sums that are nearest
as *kernels*. `filtrax.fit.fit` finds those that are nearest in what they do to photographs, whose
power is mostly in low frequencies. It learns from two strips of the picture and is judged on the
two others. Learned from white noise, where all frequencies count alike, it has to find the SVD
again.
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

RANKS = (1, 2, 3)
COLOUR, BLUE = "#D55E00", "#0072B2"


def slanting_edge(degrees: float, size: int = 21) -> np.ndarray:
    """The derivative of an elongated Gaussian across its length, which lies at an angle."""
    place = np.arange(size) - size // 2
    x, y, turn = place, place[:, None], np.deg2rad(degrees)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    taps = -across * np.exp(-((along / 6) ** 2) / 2 - (across / 2) ** 2 / 2)
    return (taps / np.abs(taps).sum()).astype(np.float32)


def by_svd(taps: np.ndarray, rank: int) -> nn.Separable:
    u, s, vh = np.linalg.svd(taps)
    root = np.sqrt(s[:rank])[:, None]
    return nn.Separable([u.T[:rank] * root, root * vh[:rank]], mode="valid")


def learned(start: nn.Separable, picture: np.ndarray, wanted: Any) -> nn.Separable:
    return fit.fit(
        start, picture, wanted, optimizer="gauss-newton", steps=8, check_every=8, progress=False
    ).model


def distance(a: Any, b: Any) -> float:
    """Root mean square of a difference, relative to the second."""
    return float(np.linalg.norm(np.asarray(a) - np.asarray(b)) / np.linalg.norm(np.asarray(b)))


def draw(taps: np.ndarray, layers: dict[str, Any], errors: dict[str, list[float]]) -> Figure:
    figure = Figure(figsize=(11, 6.2), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 4)
    top = taps.max() * 1.2
    shown = [("edge", taps)]
    shown += [(f"{name}, {r} term{'s' * (r > 1)}", np.asarray(layers[name][RANKS.index(r)].taps))
              for r in (RANKS[0], RANKS[-1]) for name in ("SVD", "learned")]  # fmt: skip
    places = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2))
    for (title, values), place in zip(shown, places, strict=True):
        panel = figure.add_subplot(grid[place])
        drawn = panel.imshow(values, cmap="RdBu_r", vmin=-top, vmax=top)
        panel.set_title(title, fontsize=10)
        panel.set(xticks=[], yticks=[])
        if place == (0, 0):
            figure.colorbar(drawn, ax=panel, shrink=0.8)
    cut = figure.add_subplot(grid[1, 0])
    middle = taps.shape[0] // 2
    curves: tuple[tuple[str, np.ndarray, dict[str, Any]], ...] = (
        ("edge", taps, {"color": "0.1", "linestyle": "--"}),
        ("SVD", np.asarray(layers["SVD"][-1].taps), {"color": BLUE}),
        ("learned", np.asarray(layers["learned"][-1].taps), {"color": COLOUR}),
    )
    for name, values, style in curves:
        cut.plot(np.arange(-middle, middle + 1), values[middle], label=name, **style)
    cut.set(xlabel="tap", title=f"middle row, {RANKS[-1]} terms")
    cut.legend(frameon=False, fontsize=8)
    chart = figure.add_subplot(grid[:, 3])
    for name, colour, marker in (
        ("SVD", BLUE, "o"), ("learned", COLOUR, "D"), ("learned from noise", "0.5", "x"),
    ):  # fmt: skip
        chart.semilogy(RANKS, errors[name], marker=marker, color=colour, label=name)
    chart.set(xlabel="separable terms", xticks=RANKS)
    chart.set_title("error on the unseen strips", loc="left", fontsize=10)
    chart.legend(frameon=False)
    for panel in (cut, chart):
        panel.spines[["top", "right"]].set_visible(False)
    return figure


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", default="separable_approximation.png",
                        help="where the picture goes")  # fmt: skip
    options = parser.parse_args(argv)
    taps = slanting_edge(30)
    full = nn.FIR(jnp.asarray(taps), mode="valid")
    picture = _data.image()
    strips = picture.values.reshape(512, 4, 128).swapaxes(0, 1)
    seen, unseen = strips[::2], strips[1::2]
    noise = np.random.default_rng(0).standard_normal(seen.shape, dtype=np.float32)
    wanted, wanted_noise, truth = full(seen), full(noise), full(unseen)

    starts = [by_svd(taps, rank) for rank in RANKS]
    layers = {
        "SVD": starts,
        "learned": [learned(each, seen, wanted) for each in starts],
        "learned from noise": [learned(each, noise, wanted_noise) for each in starts],
    }
    errors = {name: [distance(layer(unseen), truth) for layer in some]
              for name, some in layers.items()}  # fmt: skip
    print(f"an edge detector of {taps.shape[0]} x {taps.shape[1]} taps, and errors relative to it")
    print(f"{'terms':>5} {'taps':>5}   {'on unseen strips of ' + picture.name:44} of the kernel")
    print(
        f"{'':11} {'SVD':>10} {'learned':>10} {'from noise':>12} {'':>10} {'SVD':>8} {'learned':>8}"
    )
    for i, rank in enumerate(RANKS):
        passes, _ = starts[i].cost
        kernels = [distance(layers[name][i].taps, taps) for name in ("SVD", "learned")]
        outputs = [errors[name][i] for name in ("SVD", "learned", "learned from noise")]
        print(
            f"{rank:5} {passes:5} {outputs[0]:10.4f} {outputs[1]:10.4f} {outputs[2]:12.4f}"
            f" {'':>10} {kernels[0]:8.4f} {kernels[1]:8.4f}"
        )
    print(f"(the full kernel costs {taps.size} taps a pixel)")
    figure = draw(taps, layers, errors)
    try:
        figure.savefig(options.out, dpi=150, bbox_inches="tight", pad_inches=0.12)
    except (OSError, ValueError) as problem:
        sys.exit(f"--out: cannot write {options.out}: {problem}")
    print(f"\nThe picture is in {Path(options.out).resolve()}")


if __name__ == "__main__":
    main()
