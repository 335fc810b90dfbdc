"""README's commands, code and table of conventions hold what they promise."""

import re
from pathlib import Path

import jax
import numpy as np

from filtrax.conventions import CONVENTIONS, Convention, Mode

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def same_modes(convention: Convention) -> dict[str, Mode]:
    """The modes whose window is as long as the signal, by the library's names."""
    named = {name: mode for name, mode in convention.modes.items() if name.lower() == "same"}
    return named or dict(convention.modes)


def table_row(convention: Convention) -> str:
    same = next(iter(same_modes(convention).values()))
    default = "must be named" if convention.default is None else f"`{convention.default}`"
    boundary = "zero"
    if len(same_modes(convention)) > 1:
        # The library's modes are boundaries: every output is "same", and this one is the default.
        assert convention.default is not None
        boundary = f"{convention.modes[convention.default].boundary} (`{convention.default}`)"
        default = "always same"
    cells = (
        f"`{convention.name}`", convention.operation, "yes" if convention.conjugate else "no",
        default, f"`{same.start_formula}`", f"`{same.length_formula}`", boundary,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def test_the_first_two_blocks_are_commands_of_one_line():
    (first, example), (second, tests) = BLOCKS[:2]
    assert (first, second) == ("sh", "sh")
    for command in (example, tests):
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv ")
    assert "examples/filter_rows.py" in example
    assert "pytest" in tests


def test_the_table_is_that_of_the_library():
    start, stop = TEXT.index("<!-- conventions -->"), TEXT.index("<!-- /conventions -->")
    rows = [line for line in TEXT[start:stop].splitlines() if line.startswith("| `")]
    assert rows == [table_row(convention) for convention in CONVENTIONS.values()]


def test_the_code_runs_and_does_what_its_comments_say(capsys):
    use, questions = (code for language, code in BLOCKS if language == "python")
    names: dict[str, object] = {}
    # As a newcomer has it: JAX as it comes.
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"):
        exec(use, names)
    x, h, y, z = (np.asarray(names[name], np.float64) for name in "xhyz")
    np.testing.assert_allclose(y, [np.convolve(row, h, "same") for row in x], atol=1e-5)
    np.testing.assert_allclose(z, [np.correlate(row, h, "valid") for row in x], atol=1e-5)
    padded = np.pad(x, ((0, 0), (2, 2)), mode="reflect")
    own = [np.convolve(row, np.ones(5) / 5, "valid") for row in padded]
    np.testing.assert_allclose(np.asarray(names["own"]), own, atol=1e-5)
    # The loss at zero: d/dh[m] mean(y^2) along the m-th shift of x.
    shifted = [[np.convolve(row, tap, "same") for row in x] for tap in np.eye(4)]
    slope = [-2 * np.mean(y * np.asarray(each)) for each in shifted]
    np.testing.assert_allclose(np.asarray(names["slope"]), slope, atol=1e-5)
    capsys.readouterr()
    exec(questions, {})
    printed = capsys.readouterr().out
    assert "tensorflow.nn.conv1d, mode 'VALID'" in printed
    assert "numpy.correlate, mode 'valid'" in printed


def test_the_numbers_of_the_question():
    signal = [1, 0, 2, 3, 0, 1, 1]
    spoken = re.sub(r"\s+", " ", TEXT)
    windows = np.lib.stride_tricks.sliding_window_view(signal, 3)
    assert f"gives `{' '.join(map(str, windows @ [2, 1, 3]))}` where" in spoken
    flipped = np.convolve(signal, [2, 1, 3], "valid")
    assert f"(`valid`) gives `{' '.join(map(str, flipped))}`" in spoken
    even = [2, 1, 3, 1]
    assert f"`same` is `{' '.join(map(str, np.convolve(signal, even, 'same')))}`" in spoken
    # SAME pads (K-1)//2 = 1 before and 2 behind.
    same = np.lib.stride_tricks.sliding_window_view(np.pad(signal, (1, 2)), 4) @ even[::-1]
    assert f"kernel reversed is `{' '.join(map(str, same))}`" in spoken
