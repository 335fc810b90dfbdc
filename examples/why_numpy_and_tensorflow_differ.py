"""Why do np.convolve and tf.nn.conv1d disagree? Three reasons, each shown on a few numbers.

    python examples/why_numpy_and_tensorflow_differ.py [--out PICTURE]

It asks TensorFlow itself where that is installed, and filtrax's counterpart of it elsewhere.
"""

import argparse
import os
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from filtrax import conventions
from filtrax.compat import tensorflow as counterpart

SIGNAL = np.array([1, 0, 2, 3, 0, 1, 1], np.float32)
ODD = np.array([2, 1, 3], np.float32)
EVEN = np.array([1, 2, 3, 4], np.float32)

#: Okabe and Ito's blue and vermilion, which no kind of colour vision confuses, and their tints.
BLUE, ORANGE, PALE_BLUE, PALE_ORANGE = "#0072B2", "#D55E00", "#D6E8F4", "#FBE3D6"
INK, LINE = "#222222", "#666666"

Conv1d = Callable[[np.ndarray, np.ndarray, str], np.ndarray]


def find_conv1d() -> tuple[str, Conv1d]:
    """Who answers for tf.nn.conv1d, and a function for one row and one kernel."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    conv1d: Any
    try:
        import tensorflow as tf  # noqa: PLC0415 - optional, and slow to import
    except ImportError:
        who = "TensorFlow is not installed: filtrax.compat.tensorflow answers in its place."
        conv1d = counterpart.conv1d
    else:
        who = f"Asking NumPy {np.__version__} and TensorFlow {tf.__version__} themselves."
        conv1d = tf.nn.conv1d

    def one_row(x: np.ndarray, h: np.ndarray, padding: str) -> np.ndarray:
        # tf.nn.conv1d takes (batch, samples, channels) and (taps, channels in, channels out).
        y = conv1d(x[None, :, None], np.ascontiguousarray(h)[:, None, None], 1, padding)
        return np.asarray(y)[0, :, 0]

    return who, one_row


def show(call: str, values: np.ndarray, remark: str = "") -> None:
    numbers = " ".join(f"{value:3.0f}" for value in values)
    print(f"    {call:<35}{numbers}   {remark}".rstrip())


def say(text: str) -> None:
    print(textwrap.fill(" ".join(text.split()), 88))


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(np.all(a == b))


def check(holds: bool, what: str) -> None:
    """The story is told of numbers just computed, so it must stop where they tell another."""
    if not holds:
        raise SystemExit(f"unexpected: {what}; please report it with the versions printed above")


def tell(conv1d: Conv1d) -> None:
    """The story in the terminal; every number of it is computed here."""
    x = SIGNAL
    print("\nx = [1, 0, 2, 3, 0, 1, 1],  h = [2, 1, 3]\n")
    question = conv1d(x, ODD, "VALID")
    show("np.convolve(x, h, 'valid')", np.convolve(x, ODD, "valid"))
    show("tf.nn.conv1d(x, h, 'VALID')", question)
    check(question.tolist() == [8, 11, 7, 9, 4], "tf.nn.conv1d of the question's numbers")

    print("\n1. TensorFlow does not reverse the kernel\n")
    say("""NumPy convolves: it reverses the kernel, then slides it over x. TensorFlow slides it as
        it is, which NumPy calls a correlation. So correlate in NumPy, or reverse h for
        TensorFlow:""")
    print()
    show("np.correlate(x, h, 'valid')", np.correlate(x, ODD, "valid"), "as TensorFlow")
    show("np.convolve(x, h, 'same')", np.convolve(x, ODD, "same"))
    show("tf.nn.conv1d(x, h[::-1], 'SAME')", conv1d(x, ODD[::-1], "SAME"), "as NumPy")
    check(same(np.correlate(x, ODD, "valid"), question), "np.correlate differs")
    check(same(np.convolve(x, ODD, "same"), conv1d(x, ODD[::-1], "SAME")), "odd kernels differ")

    print("\n2. With an even kernel they centre it one sample apart:  h = [1, 2, 3, 4]\n")
    wanted, flipped = np.convolve(x, EVEN, "same"), conv1d(x, EVEN[::-1], "SAME")
    show("np.convolve(x, h, 'same')", wanted)
    show("tf.nn.conv1d(x, h[::-1], 'SAME')", flipped, "one to the left")
    check(same(wanted[1:], flipped[:-1]), "even kernels are not one sample apart")
    print()
    say("""Four taps have no middle. NumPy puts the spare zero before x, TensorFlow behind it.
        filtrax knows what to do instead:""")
    told = conventions.translate(EVEN, "numpy.convolve", "tensorflow.nn.conv1d", "same")
    kernel, (before, after), explanation = told
    print("\n    kernel, padding, why = filtrax.conventions.translate(")
    print("        h, 'numpy.convolve', 'tensorflow.nn.conv1d', 'same')\n")
    print(f"    kernel   {np.asarray(kernel).astype(int).tolist()}")
    print(f"    padding  ({before}, {after})")
    print(
        textwrap.fill(explanation, 88, initial_indent="    why      ", subsequent_indent=" " * 13)
    )
    print()
    done = conv1d(np.pad(x, (before, after)), np.asarray(kernel), told.mode)
    show("tf.nn.conv1d(np.pad(x, padding),", done, "as NumPy")
    print("                 kernel, 'VALID')")
    check(same(done, wanted), "the translation does not give NumPy's result")

    print("\n3. 'same' as what?  x = [1, 0, 2],  h = [1, 2, 3, 4, 5]\n")
    short, long = SIGNAL[:3], np.arange(1, 6, dtype=np.float32)
    longer, first = np.convolve(short, long, "same"), conv1d(short, long[::-1], "SAME")
    show("np.convolve(x, h, 'same')", longer, "as long as the longer")
    show("tf.nn.conv1d(x, h[::-1], 'SAME')", first, "as long as x")
    print()
    say("""NumPy takes the longer of the two as the signal; TensorFlow, and SciPy with it, keep the
        length of x. Only a kernel longer than the signal shows it.""")
    check((len(longer), len(first)) == (5, 3), "the lengths of 'same'")

    print("\nWho made this output? filtrax.conventions.identify(x, h, y) tries every library:\n")
    for text, h, y in (
        ("8 11 7 9 4, of h = [2, 1, 3]", ODD, question),
        ("NumPy's of h = [1, 2, 3, 4]", EVEN, wanted),
        ("TensorFlow's of the reversed h", EVEN, flipped),
        ("the same, three times as large", EVEN, 3 * flipped),
    ):
        found = conventions.identify(x, h, y)
        answer = ", ".join(f"{match.convention} {match.mode!r}" for match in found) or str(found)
        label = f"    {text:<33}"
        print(textwrap.fill(answer, 88, initial_indent=label, subsequent_indent=" " * 37))


@dataclass(frozen=True)
class Panel:
    """A kernel on the signal: whose, with which taps in the order they lie, and what is padded."""

    title: str
    taps: np.ndarray
    padding: tuple[int, int]
    output: np.ndarray
    colour: str
    pale: str


def draw(conv1d: Conv1d) -> Figure:
    """Three rows of two: NumPy and TensorFlow side by side, and whether they agree."""
    figure = Figure(figsize=(11, 8.0), facecolor="white")
    figure.suptitle(
        "Why np.convolve and tf.nn.conv1d disagree", x=0.04, y=0.97, ha="left",
        fontsize=17, fontweight="bold", color=INK,
    )  # fmt: skip
    rows = (
        ("1   The same odd kernel: NumPy reverses it, TensorFlow does not", ODD, ODD),
        ("2   Reverse it for TensorFlow: the two agree", ODD, ODD[::-1]),
        ("3   An even kernel: reversing is not enough, the padding differs too", EVEN, EVEN[::-1]),
    )
    for row, (title, h, given) in enumerate(rows):
        panels = []
        for name, kernel in (("numpy.convolve", h), ("tensorflow.nn.conv1d", given)):
            convention = conventions.CONVENTIONS[name]
            mode = "SAME" if "SAME" in convention.modes else "same"
            padding = convention.modes[mode].padding(len(SIGNAL), len(kernel))
            shown = "[" + ", ".join(f"{tap:.0f}" for tap in kernel) + "]"
            if convention.operation == "convolve":
                text = f"np.convolve(x, {shown}, 'same')"
                output = np.convolve(SIGNAL, kernel, "same")
                panels.append(Panel(text, kernel[::-1], padding, output, BLUE, PALE_BLUE))
            else:
                text = f"tf.nn.conv1d(x, {shown}, 'SAME')"
                output = conv1d(SIGNAL, kernel, "SAME")
                panels.append(Panel(text, kernel, padding, output, ORANGE, PALE_ORANGE))
        top = 0.895 - 0.285 * row
        figure.text(0.04, top, title, fontsize=13, color=INK, va="top")
        for column, panel in enumerate(panels):
            axes = figure.add_axes((0.065 + 0.5 * column, top - 0.25, 0.42, 0.215))
            draw_panel(axes, panel)
        sign, verdict = compare(panels[0].output, panels[1].output)
        centre: dict[str, Any] = {"ha": "center", "color": INK}
        figure.text(0.5, top - 0.197, sign, fontsize=26, va="center", **centre)
        figure.text(0.5, top - 0.228, verdict, fontsize=10, va="top", **centre)
    legend = (
        "Hatched: zeros that the library adds.   Coloured: the taps as they lie on the signal for "
        "the first output, y[0]."
    )
    figure.text(0.065, 0.03, legend, fontsize=10.5, color=INK)
    return figure


def compare(a: np.ndarray, b: np.ndarray) -> tuple[str, str]:
    """A sign to stand between two outputs of one length, and what it means here."""
    if same(a, b):
        return "=", f"all {len(a)} equal"
    if same(a[1:], b[:-1]):
        return "≠", "one sample apart"
    return "≠", f"{np.count_nonzero(a != b)} of {len(a)} differ"


def draw_panel(axes: Axes, panel: Panel) -> None:
    before, after = panel.padding
    count = len(SIGNAL)
    axes.set(xlim=(-3.6, count + 2.2), ylim=(-0.1, 5.0), aspect="equal", anchor="NW")
    axes.axis("off")
    axes.text(-3.6, 4.4, panel.title, fontsize=11, family="monospace", color=panel.colour)
    for position in range(-before, count + after):
        inside = 0 <= position < count
        value = SIGNAL[position] if inside else 0
        cell(axes, position, 1.9, value, "white", hatch="" if inside else "////")
    for tap, value in enumerate(panel.taps):
        cell(axes, tap - before, 3.0, value, panel.pale, edge=panel.colour, bold=True)
    for position, value in enumerate(panel.output):
        first = position == 0
        edge, face = (panel.colour, panel.pale) if first else (LINE, "white")
        cell(axes, position, 0.0, value, face, edge=edge, bold=first)
    zeros = f"zeros: {before} before, {after} after x"
    axes.text(3.0, 3.47, zeros, va="center", fontsize=10, color=INK)
    sums = " + ".join(
        f"{tap:.0f}·{sample:.0f}"
        for tap, sample in zip(panel.taps, np.pad(SIGNAL, panel.padding), strict=False)
    )
    axes.text(0.45, 1.43, f"y[0] = {sums}", va="center", fontsize=10, color=INK)
    for label, height in (("taps", 3.0), ("x", 1.9), ("y", 0.0)):
        axes.text(-2.8, height + 0.47, label, ha="right", va="center", fontsize=11, color=INK)
    axes.annotate(
        "", (0, 1.05), (0, 1.87), arrowprops={"arrowstyle": "-|>", "color": panel.colour, "lw": 1.6}
    )


def cell(
    axes: Axes,
    position: float,
    height: float,
    value: float,
    face: str,
    *,
    edge: str = LINE,
    hatch: str = "",
    bold: bool = False,
) -> None:
    box = Rectangle(
        (position - 0.5, height), 1, 1, facecolor=face, edgecolor="#B8B8B8", hatch=hatch
    )
    axes.add_patch(box)
    outline = Rectangle(
        (position - 0.5, height), 1, 1, fill=False, edgecolor=edge, linewidth=1.8 if bold else 0.9
    )
    outline.set_zorder(3 if bold else 2)
    axes.add_patch(outline)
    # White behind the number, so that the hatching does not cross it.
    clear = {"boxstyle": "round,pad=0.12", "facecolor": "white", "linewidth": 0} if hatch else None
    axes.text(
        position, height + 0.47, f"{value:.0f}", ha="center", va="center", fontsize=12,
        color=INK, fontweight="bold" if bold else "normal", zorder=4, bbox=clear,
    )  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", default="why_numpy_and_tensorflow_differ.png", help="where the picture goes"
    )
    options = parser.parse_args(argv)
    who, conv1d = find_conv1d()
    print(who)
    tell(conv1d)
    try:
        draw(conv1d).savefig(options.out, dpi=150)
    except (OSError, ValueError) as error:
        sys.exit(f"--out: cannot write {options.out}: {error}")
    print(f"\nThe picture is in {Path(options.out).resolve()}")


if __name__ == "__main__":
    main()
