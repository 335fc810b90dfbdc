"""The pictures of the documentation, each drawn from filtrax's own tables and results.

Colours are Okabe and Ito's, which stay apart for every kind of colour vision; nothing is told by
colour alone.
"""

import io
from collections.abc import Sequence
from typing import Any, Literal

import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
import pywt.data
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import filtrax
from filtrax._boundary import source_index
from filtrax.conventions import CONVENTIONS, Convention, Mode

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#007A5A", "#8A8A8A"
#: The tints of the three, for the taps that do not stand on the output sample.
PALE = {BLUE: "#D3E6F3", ORANGE: "#FBE0D0", GREEN: "#D2EBE2"}
INK, LINE, PAPER = "#222222", "#555555", "#EDEDED"

#: In whose output, among a convention's modes, the signal's samples keep their places.
SAME_LIKE = ("same", "SAME")

mpl.rcParams.update(
    {
        "svg.hashsalt": "filtrax",  # the same picture is the same file
        "font.size": 9.5,
        "axes.titlesize": 9.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "hatch.linewidth": 0.6,
        "hatch.color": "#B5B5B5",
    }
)


class Drawing:
    """A figure that a page shows as a scalable picture."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def _repr_svg_(self) -> str:
        file = io.StringIO()
        self.figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()


class Photograph:
    """A figure that a page shows in pixels."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=190, bbox_inches="tight")
        return file.getvalue()


# ---- conventions: the kernel placed on the signal ---------------------------------------------


def convention(name: str, n: int = 7, k: int = 4) -> Drawing:
    """The kernel under the signal for the first, a middle and the last output sample."""
    row = CONVENTIONS[name]
    spelled, mode = same_like(row)
    lo, hi = mode.padding(n, k)
    outputs = mode.length(n, k)
    figure, axes = _canvas(left=-5.6, right=n + 2.1, bottom=-7.25, top=2.1, scale=0.46)
    kernel = "kernel reversed" if row.operation == "convolve" else "kernel not reversed"
    sentence = f"{kernel}; y[0] is full[{mode.start(n, k)}]; outside: {_outside(mode)}"
    shown = f"mode {spelled!r}" + (" (default)" if spelled == row.default else "")
    axes.text(-5.5, 1.7, name, fontsize=12, weight="bold", color=INK, va="center")
    axes.text(n + 2, 1.7, shown, color=LINE, va="center", ha="right")
    axes.text(-5.5, 1.0, sentence, color=LINE, va="center")
    _signal(axes, n, lo, hi, mode.boundary)
    _label(axes, -0.5, "signal x")
    bottom = -6.65
    for edge in (0, n):
        axes.plot(
            [edge, edge], [-1.15, bottom + 0.9], color="#BBBBBB", lw=0.8, ls=(0, (2, 2)), zorder=0
        )
    places = ((0, "first", BLUE), (outputs // 2, "middle", ORANGE), (outputs - 1, "last", GREEN))
    for row_number, (i, word, colour) in enumerate(places):
        y = -1.5 - 1.35 * row_number
        _label(axes, y - 0.45, f"{word}: y[{i}]")
        _kernel(
            axes, y, output=i, first=i - lo, sizes=(n, k), colour=colour,
            reverse=row.operation == "convolve",
        )  # fmt: skip
        axes.plot([i + 0.5] * 2, [y - 0.9, bottom + 0.8], color=colour, lw=1.4, zorder=1)
    _label(axes, bottom + 0.4, "output y")
    colours = {i: colour for i, _, colour in places}
    for i in range(outputs):
        colour = colours.get(i)
        _cell(
            axes, i, bottom, 0.8, _sub("y", i), fill=colour or "white",
            ink="white" if colour else LINE,
        )  # fmt: skip
    return Drawing(figure)


def same_like(row: Convention) -> tuple[str, Mode]:
    """The mode that gives an output for each sample of the signal."""
    spelled = next((name for name in SAME_LIKE if name in row.modes), row.default)
    assert spelled is not None
    return spelled, row.modes[spelled]


def families(n: int = 5, k: int = 4) -> Drawing:
    """The four placements of an even kernel on its first output, and who uses which."""
    groups: dict[tuple[str, int], list[str]] = {}
    for row in CONVENTIONS.values():
        _, mode = same_like(row)
        groups.setdefault((row.operation, mode.start(n, k)), []).append(row.name)
    figure = Figure(figsize=(7.6, 3.9), facecolor="white", layout="constrained")
    panels = figure.subplots(2, 2)
    for row_number, operation in enumerate(("convolve", "correlate")):
        for column, start in enumerate(((k - 1) // 2, k // 2)):
            axes = panels[row_number][column]
            _bare(axes, -2.1, n + 1.6, -3.6, 1.1)
            reverse = operation == "convolve"
            lo = k - 1 - start
            word = "reversed" if reverse else "not reversed"
            axes.text(
                -2, 0.7, f"{operation}: kernel {word}, y[0] = full[{start}]",
                weight="bold", va="center", color=INK, fontsize=9.5,
            )  # fmt: skip
            _signal(axes, n, 2, 0, "zero")
            colour = BLUE if reverse else ORANGE
            _kernel(axes, -1.25, output=0, first=-lo, sizes=(n, k), colour=colour, reverse=reverse)
            names = groups[operation, start]
            for line, text in enumerate(_in_lines(names, 46)):
                axes.text(-2, -2.6 - 0.55 * line, text, va="center", color=INK, fontsize=8.6)
    return Drawing(figure)


def extents(n: int = 7, k: int = 3) -> Drawing:
    """The modes as windows of the full output."""
    figure, axes = _canvas(left=-5.3, right=n + k - 0.8, bottom=-6.75, top=0.3, scale=0.44)
    _label(axes, -0.5, f"signal x, N = {n}", -5.2)
    for i in range(n):
        _cell(axes, i, -1, 1, _sub("x", i), fill=PAPER)
    x, h = np.ones(n), np.ones(k)
    starts: dict[Literal["full", "same", "valid", "causal"], int] = {
        "full": 0,
        "same": (k - 1) // 2,
        "valid": k - 1,
        "causal": 0,
    }
    lengths = {"full": "N+K-1", "same": "N", "valid": "N-K+1", "causal": "N"}
    for line, (mode, start) in enumerate(starts.items()):
        y = -2.6 - 1.2 * line
        length = len(filtrax.convolve(x, h, mode))
        axes.text(-5.2, y + 0.42, mode, weight="bold", va="center", color=INK)
        axes.text(-3.4, y + 0.42, f"{lengths[mode]} = {length}", va="center", color=LINE)
        for i in range(n + k - 1):
            inside = start <= i < start + length
            fill, ink = ("white", "#AAAAAA") if not inside else (PALE[BLUE], INK)
            _cell(axes, i, y, 0.84, str(i), fill=fill, ink=ink, dashed=not inside)
    return Drawing(figure)


def _kernel(
    axes: Axes,
    top: float,
    *,
    output: int,
    first: int,
    sizes: tuple[int, int],
    colour: str,
    reverse: bool,
) -> None:
    """The taps from column ``first``; the one on the output sample in full colour."""
    n, k = sizes
    for m in range(k):
        column = first + m
        tap = k - 1 - m if reverse else m
        on_output = column == output
        inside = 0 <= column < n
        _cell(
            axes, column, top - 0.9, 0.9, _sub("h", tap),
            fill=colour if on_output else PALE[colour] if inside else "white",
            ink="white" if on_output else INK, edge=colour, dashed=not inside,
        )  # fmt: skip


def _signal(axes: Axes, n: int, lo: int, hi: int, boundary: str) -> None:
    """The signal's samples with the padding that the placements touch."""
    for i in range(-lo, n + hi):
        if 0 <= i < n:
            _cell(axes, i, -1, 1, _sub("x", i), fill=PAPER, ink=INK)
            continue
        text = "0" if boundary == "zero" else _sub("x", int(source_index(n, i, i + 1, boundary)[0]))
        _cell(axes, i, -1, 1, text, fill="white", ink=INK, dashed=True, hatch="////")


def _outside(mode: Mode) -> str:
    words = {"zero": "zeros", "symmetric": "x mirrored, its ends repeated"}
    return words.get(mode.boundary, "x mirrored, its ends not repeated")


def _cell(
    axes: Axes, column: float, bottom: float, height: float, text: str, *, fill: str,
    ink: str = INK, edge: str = LINE, dashed: bool = False, hatch: str | None = None,
) -> None:  # fmt: skip
    style: Any = (0, (2.5, 1.8)) if dashed else "solid"
    axes.add_patch(
        Rectangle(
            (column, bottom), 1, height, facecolor=fill, edgecolor="none", hatch=hatch, zorder=2
        )
    )
    axes.add_patch(
        Rectangle(
            (column, bottom), 1, height, fill=False, edgecolor=edge, lw=0.9, ls=style, zorder=3
        )
    )
    place = {"facecolor": "white", "edgecolor": "none", "pad": 1.2} if hatch else None
    axes.text(
        column + 0.5, bottom + height / 2, text, ha="center", va="center", color=ink, zorder=4,
        bbox=place,
    )  # fmt: skip


def _sub(letter: str, index: int) -> str:
    return f"{letter}[{index}]"


def _label(axes: Axes, y: float, text: str, x: float = -5.5) -> None:
    axes.text(x, y, text, va="center", color=LINE)


def _canvas(
    *, left: float, right: float, bottom: float, top: float, scale: float
) -> tuple[Figure, Axes]:
    size = ((right - left) * scale, (top - bottom) * scale)
    figure = Figure(figsize=size, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    _bare(axes, left, right, bottom, top)
    return figure, axes


def _bare(axes: Axes, left: float, right: float, bottom: float, top: float) -> None:
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    axes.axis("off")


def _in_lines(words: Sequence[str], width: int) -> list[str]:
    lines = [""]
    for word in words:
        joined = f"{lines[-1]}, {word}" if lines[-1] else word
        if len(joined) > width:
            lines[-1] += ","
            joined = word
            lines.append("")
        lines[-1] = joined
    return lines


# ---- getting started: real rows ---------------------------------------------------------------


def photograph() -> np.ndarray:
    """PyWavelets' public-domain photograph of a stair, 512 x 512, float32 in 0..1."""
    return np.asarray(pywt.data.ascent(), np.float32) / np.float32(255)


def images(*panels: tuple[str, Any]) -> Photograph:
    """Pictures side by side on one grey scale, each under its title."""
    figure = Figure(figsize=(2.9 * len(panels), 3.2), facecolor="white", layout="constrained")
    rows = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, values) in zip(rows, panels, strict=True):
        axes.imshow(np.asarray(values), cmap="gray", vmin=0, vmax=1)
        axes.set_title(title)
        axes.set(xticks=[0, 250, 500], yticks=[0, 250, 500] if axes is rows[0] else [])
        axes.tick_params(length=2, labelsize=8, colors=LINE)
        axes.spines[:].set_visible(False)
    rows[0].set_ylabel("row", color=LINE)
    return Photograph(figure)


def traces(*lines: tuple[str, Any], title: str = "") -> Drawing:
    """Rows over their samples: the first thin and grey, the others in colour."""
    figure = Figure(figsize=(7.4, 2.5), facecolor="white", layout="constrained")
    axes = figure.subplots()
    styles: list[dict[str, Any]] = [
        {"color": GREY, "lw": 0.9}, {"color": ORANGE, "lw": 1.9},
        {"color": BLUE, "lw": 1.3, "ls": (0, (4, 2))},
    ]  # fmt: skip
    for (label, values), style in zip(lines, styles, strict=False):
        axes.plot(np.asarray(values), label=label, **style)
    axes.set_xlim(0, len(lines[0][1]) - 1)
    axes.set_xlabel("sample")
    axes.set_ylabel("brightness")
    axes.set_title(title, loc="left")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=len(lines), frameon=False, borderaxespad=0.1
    )
    return Drawing(figure)


def boundaries(x: Any, reach: int) -> Drawing:
    """What stands outside a signal under each boundary, as filtrax itself extends it."""
    n = len(x)
    figure = Figure(figsize=(7.6, 3.5), facecolor="white", layout="constrained")
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    named = ("zero", 0.5, "edge", "reflect", "symmetric", "wrap")
    for axes, boundary in zip(panels.flat, named, strict=True):
        # A kernel of one tap under explicit padding gives back the extended signal.
        extended = filtrax.correlate(x, jnp.ones(1), (reach, reach), boundary=boundary)
        position = np.arange(-reach, n + reach)
        inside = (position >= 0) & (position < n)
        axes.axvspan(-0.5, n - 0.5, color="#F1F1F1", lw=0)
        axes.plot(position, extended, color="#C0C0C0", lw=0.8)
        axes.plot(position[inside], extended[inside], "o", ms=3, color=INK)
        axes.plot(position[~inside], extended[~inside], "o", ms=3.4, mfc="white", color=ORANGE)
        axes.set_title(
            f'boundary="{boundary}"' if isinstance(boundary, str) else f"boundary={boundary}"
        )
        axes.set_ylim(-0.08, 1.0)
    for axes in panels[1]:
        axes.set_xlabel("sample")
    return Drawing(figure)


def fit(losses: Sequence[float], learned: Any, best: Any) -> Drawing:
    """How the loss fell, and the kernel that was found beside the least-squares one."""
    figure = Figure(figsize=(7.4, 2.5), facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(np.asarray(losses), color=BLUE, lw=1.8)
    left.set(xlabel="gradient step", title="mean squared error", ylim=(0, None))
    taps = np.arange(len(learned))
    right.bar(
        taps, np.asarray(learned), width=0.7, color=PALE[ORANGE], edgecolor=ORANGE, label="learned"
    )
    right.plot(taps, np.asarray(best), "D", ms=4, color=INK, label="least squares")
    right.axhline(0, color=LINE, lw=0.6)
    right.set(xlabel="tap", title="kernel", xticks=taps)
    right.legend(frameon=False, fontsize=8.5)
    return Drawing(figure)


__all__ = [
    "boundaries", "convention", "extents", "families", "fit", "images", "photograph", "same_like",
    "traces",
]  # fmt: skip
