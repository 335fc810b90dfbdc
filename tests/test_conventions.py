"""The table against the real functions, and its words and formulas against what is computed."""

import re
from typing import Any

import numpy as np
import pytest

from filtrax.conventions import CONVENTIONS, apply, describe
from peers import OUTSIDE, PEERS, run_together, scipy_conjugates_the_wrong_one, signals

CALLS = [(name, mode) for name, row in CONVENTIONS.items() for mode in row.modes]
LINE = re.compile(
    r"  '(?P<mode>\w+)'(?P<default> \(default\))?: "
    r"y\[i\] = sum_m (?P<tap>h\[m\]|conj\(h\[m\]\)) \* "
    r"x\[(?P<index>[^\]]+)\], (?P<length>[^;]+) samples; outside: (?P<outside>.+)"
)


def evaluate(formula: str, **values: int) -> int:
    """The value of a printed formula, where |a| is an absolute value."""
    python = re.sub(r"\|(.+?)\|", r"abs(\1)", formula)
    return eval(python, {"__builtins__": {}, "min": min, "max": max, "abs": abs}, values)


def by_formula(x: np.ndarray, h: np.ndarray, line: re.Match[str]) -> np.ndarray:
    """The output that a line of `describe` stands for, as a loop over its printed formula."""
    n, k = len(x), len(h)
    margin = 3 * (n + k)
    extended = np.pad(x, margin, mode=OUTSIDE[line["outside"]])
    taps = np.conj(h) if line["tap"].startswith("conj") else h
    y = np.zeros(evaluate(line["length"], N=n, K=k), np.result_type(x, h))
    for i in range(len(y)):
        for m in range(k):
            y[i] += taps[m] * extended[margin + evaluate(line["index"], i=i, m=m, N=n, K=k)]
    return y


def lines(name: str) -> dict[str, re.Match[str]]:
    found = [LINE.fullmatch(line) for line in describe(name).splitlines()]
    return {line["mode"]: line for line in found if line}


def apply_all(x: np.ndarray, h: np.ndarray) -> dict[tuple[str, str], Any]:
    """Every convention at once, so that one compilation serves; None where apply refuses."""
    refused = {}

    def run(x: Any, h: Any) -> dict[str, Any]:
        results = {}
        for name, mode in CALLS:
            try:
                results[f"{name} {mode}"] = apply(x, h, name, mode)
            except ValueError as error:
                assert str(error).startswith("h: expected a kernel that fits"), error  # noqa: PT017
                refused[name, mode] = None
        return results

    results = run_together(run, x, h)
    return {(name, mode): results.get(f"{name} {mode}") for name, mode in CALLS} | refused


def check_all(x: np.ndarray, h: np.ndarray) -> None:
    got = apply_all(x, h)
    atol = 1e-13 * float(np.abs(x).max() * np.abs(h).sum())
    for name, mode in CALLS:
        note = f"{name} {mode} N={len(x)} K={len(h)} {h.dtype}"
        expected = by_formula(x, h, lines(name)[mode])
        if got[name, mode] is None:
            # The only two that refuse; tests/parity holds them against the real ones.
            assert name in ("tensorflow.nn.conv1d", "torch.nn.functional.conv1d"), note
            assert len(h) > len(x), note
            continue
        np.testing.assert_allclose(got[name, mode], expected, atol=atol, err_msg=note)
        assert got[name, mode].shape == expected.shape, note
        if name in PEERS and not scipy_conjugates_the_wrong_one(name, mode, x, h):
            real = PEERS[name](x, h, mode)
            assert got[name, mode].shape == real.shape, note
            np.testing.assert_allclose(got[name, mode], real, atol=atol, err_msg=note)


@pytest.mark.parametrize("k", range(1, 9))
def test_apply_is_the_real_function_and_the_printed_formula(k: int) -> None:
    for n in range(1, 10):
        check_all(*signals(n, k))


@pytest.mark.parametrize("k", range(1, 9))
def test_apply_on_complex_data(k: int) -> None:
    for n in (1, 4, 7):
        check_all(*signals(n, k, "complex128"))


def test_integers_are_exact_and_stay_integers() -> None:
    for n, k in ((9, 4), (8, 3), (4, 6)):
        x, h = signals(n, k, "int32")
        for name in ("numpy.convolve", "numpy.correlate", "scipy.signal.convolve"):
            for mode in CONVENTIONS[name].modes:
                got = apply(x, h, name, mode)
                assert got.dtype == np.int32
                np.testing.assert_array_equal(got, PEERS[name](x, h, mode))


def test_scipy_correlate2d_still_conjugates_the_exchanged_signal() -> None:
    """The one place where the table leaves its library; if SciPy mends it, the note must go."""
    x, h = signals((1, 3), (1, 6), "complex128")
    real = PEERS["scipy.signal.correlate2d"](x, h, "valid")
    ours = np.asarray(apply(x, h, "scipy.signal.correlate2d", "valid"))
    np.testing.assert_allclose(real, np.conj(ours), atol=1e-12)
    np.testing.assert_allclose(ours[0], np.correlate(x[0], h[0], "valid"), atol=1e-12)
    assert "conjugates x" in describe("scipy.signal.correlate2d")


@pytest.mark.parametrize("k", [1, 3, 4, 7])
@pytest.mark.parametrize("name", PEERS)
def test_a_vector_kernel_filters_each_row(name: str, k: int) -> None:
    x, h = signals((3, 6), k)
    for mode in CONVENTIONS[name].modes:
        expected = np.stack([PEERS[name](row, h, mode) for row in x])
        got = apply(x, h, name, mode)
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-12)


TWO_D = (
    "scipy.signal.convolve",
    "scipy.signal.correlate",
    "scipy.signal.convolve2d",
    "scipy.signal.correlate2d",
    "jax.lax.conv",
)


@pytest.mark.parametrize("name", TWO_D)
@pytest.mark.parametrize(
    ("n", "k"), [((5, 6), (3, 3)), ((5, 6), (2, 4)), ((4, 4), (4, 3)), ((2, 3), (4, 5))]
)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_two_dimensions(name: str, n: Any, k: Any, dtype: str) -> None:
    x, h = signals(n, k, dtype)
    for mode in CONVENTIONS[name].modes:
        if scipy_conjugates_the_wrong_one(name, mode, x, h):
            continue
        expected = PEERS[name](x, h, mode)
        got = apply(x, h, name, mode)
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-12, err_msg=f"{name} {mode}")


@pytest.mark.parametrize("name", TWO_D[:4])
def test_two_dimensions_that_cannot_be_exchanged_as_a_whole(name: str) -> None:
    x, h = signals((2, 6), (4, 3))
    with pytest.raises(ValueError, match="valid"):
        PEERS[name](x, h, "valid")
    with pytest.raises(ValueError, match=r"^h: expected one operand at least as large"):
        apply(x, h, name, "valid")


def test_a_stack_of_images() -> None:
    x, h = signals((2, 5, 6), (2, 3))
    for name in TWO_D:
        for mode in CONVENTIONS[name].modes:
            expected = np.stack([PEERS[name](image, h, mode) for image in x])
            np.testing.assert_allclose(apply(x, h, name, mode), expected, atol=1e-12)


def test_matlab_by_its_own_worked_examples() -> None:
    """The examples of the page of `conv`: the only numbers of MATLAB's own that are to be had."""
    u, v = [-1, 2, 3, -2, 0, 1, 2], [2, 4, -1, 1]
    assert apply(u, v, "matlab.conv", "same").tolist() == [15, 5, -9, 7, 6, 7, -1]
    assert apply([1, 0, 1], [2, 7], "matlab.conv").tolist() == [2, 7, 2, 7]
    one, two = [1, 1, 1], [1, 1, 0, 0, 0, 1, 1]
    assert apply(one, two, "matlab.conv").tolist() == [1, 2, 2, 1, 0, 1, 2, 2, 1]
    # By hand: no part of it is free of the zeros outside, so 'valid' has max(3-7+1, 0) samples.
    assert apply(one, two, "matlab.conv", "valid").shape == (0,)
    # The loop that stands for MATLAB elsewhere agrees with the page too.
    loop = PEERS["matlab.conv"](np.array(u), np.array(v), "same")
    assert loop.tolist() == [15, 5, -9, 7, 6, 7, -1]


@pytest.mark.parametrize(("name", "mode"), CALLS)
def test_formulas_agree_with_the_functions(name: str, mode: str) -> None:
    found = CONVENTIONS[name].modes[mode]
    for n in range(1, 14):
        for k in range(1, 14):
            assert evaluate(found.start_formula, N=n, K=k) == found.start(n, k), (n, k)
            assert evaluate(found.length_formula, N=n, K=k) == found.length(n, k), (n, k)


def test_an_integer_padding_has_formulas_too() -> None:
    for p in range(5):
        mode = CONVENTIONS["torch.nn.functional.conv1d"].mode(p)
        for n in range(1, 9):
            for k in range(1, 9):
                assert evaluate(mode.start_formula, N=n, K=k) == mode.start(n, k)
                assert evaluate(mode.length_formula, N=n, K=k) == mode.length(n, k)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_describe_has_a_sentence_and_a_line_for_each_mode(name: str) -> None:
    convention = CONVENTIONS[name]
    text = describe(name)
    verb = {"convolve": "convolves: it reverses", "correlate": "correlates: it slides"}
    assert text.splitlines()[0].startswith(f"{name} {verb[convention.operation]}")
    assert set(lines(name)) == set(convention.modes)
    assert [m for m, line in lines(name).items() if line["default"]] == (
        [convention.default] if convention.default else []
    )
    assert ("A complex kernel is conjugated." in text) == convention.conjugate
    assert not convention.note or text.endswith(convention.note)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CONVENTIONS["mine"] = CONVENTIONS["numpy.convolve"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        CONVENTIONS["numpy.convolve"].operation = "correlate"  # type: ignore[misc]


X, H = np.arange(5.0), np.arange(1.0, 4.0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X, H, "numpy.conv"), ValueError, "^name: expected one of numpy.convolve, .*'numpy.conv'"),
        ((X, H, 3), TypeError, "^name: expected the name of a convention .*3"),
        ((X, H, None), TypeError, "^name: .*None"),
        ((X, H, "numpy.convolve", "SAME"), ValueError, "^mode: .*'full', 'same', 'valid'.*'SAME'"),
        ((X, H, "numpy.convolve", 1), TypeError, "^mode: "),
        ((X, H, "numpy.convolve", True), TypeError, "^mode: "),
        ((X, H, "tensorflow.nn.conv1d"), ValueError, "^mode: .*'SAME', 'VALID'.*None"),
        ((X, H, "torch.nn.functional.conv1d", -1), ValueError, "^mode: .*at least 0, got -1"),
        ((X, H, "torch.nn.functional.conv1d", True), TypeError, "^mode: .*integer"),
        ((X, H, "torch.nn.functional.conv1d", 1.0), TypeError, "^mode: .*integer"),
        (([], H, "numpy.convolve"), ValueError, "^x: expected at least one sample"),
        ((X, [], "numpy.convolve"), ValueError, "^h: expected at least one tap"),
        ((X, 2.0, "numpy.convolve"), ValueError, "^h: expected 1 to 1 dimensions"),
        ((2.0, H, "numpy.convolve"), ValueError, "^h: expected"),
        ((X, H[None], "numpy.convolve"), ValueError, "^h: expected 1 to 1 dimensions"),
        ((X[None], H[None], "numpy.convolve"), ValueError, "^h: expected 1 dimensions for numpy"),
        (("abc", H, "numpy.convolve"), TypeError, "^x: expected an array of numbers"),
        ((X, None, "numpy.convolve"), TypeError, "^h: expected an array of numbers"),
        ((X > 2, H, "numpy.convolve"), TypeError, "^x: expected numbers"),
        (
            (X[:1], H, "tensorflow.nn.conv1d", "VALID"),
            ValueError,
            "^h: expected a kernel that fits",
        ),
        ((X[:2], H, "torch.nn.functional.conv1d"), ValueError, "^h: expected a kernel that fits"),
    ],
)
def test_errors_of_apply_name_the_argument(
    arguments: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        apply(*arguments)


def test_errors_of_describe_name_the_argument() -> None:
    with pytest.raises(ValueError, match=r"^name: .*'conv'"):
        describe("conv")
    with pytest.raises(TypeError, match=r"^name: "):
        describe(1)  # type: ignore[arg-type]
