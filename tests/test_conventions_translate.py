"""Every translation is done: the real target, called as told, gives the real source's result."""

from typing import Any

import numpy as np
import pytest

from filtrax.conventions import CONVENTIONS, translate
from peers import (
    PEERS,
    cases_of_translation,
    check_translation,
    signals,
    translated,
)


@pytest.mark.parametrize("target", PEERS)
@pytest.mark.parametrize("source", PEERS)
def test_every_pair(source: str, target: str) -> None:
    cases = cases_of_translation({source: PEERS[source]}, {target: PEERS[target]})
    done = sum(check_translation(*case, PEERS) for case in cases)
    assert done >= 40


TWO_D = (
    "scipy.signal.convolve",
    "scipy.signal.correlate",
    "scipy.signal.convolve2d",
    "scipy.signal.correlate2d",
    "jax.lax.conv",
)


@pytest.mark.parametrize("target", TWO_D)
@pytest.mark.parametrize("source", TWO_D)
def test_every_pair_in_two_dimensions(source: str, target: str) -> None:
    for n, k in (((5, 6), (3, 3)), ((5, 6), (2, 4)), ((3, 4), (4, 5))):
        for mode in CONVENTIONS[source].modes:
            check_translation(source, target, mode, *signals(n, k), PEERS)


@pytest.mark.parametrize("mode", CONVENTIONS["numpy.correlate"].modes)
@pytest.mark.parametrize("n", [2, 3, 9])
def test_apply_of_a_translation_runs_it_on_rows_of_any_length(mode: str, n: int) -> None:
    x, h = signals((3, n), 4, "complex128")
    expected = np.stack([PEERS["numpy.correlate"](row, h, mode) for row in x])
    for target in CONVENTIONS:
        got = translate(h, "numpy.correlate", target, mode).apply(x)
        np.testing.assert_allclose(got, expected, atol=1e-12, err_msg=target)


@pytest.mark.parametrize("name", list(CONVENTIONS["scipy.ndimage.convolve1d"].modes))
def test_apply_of_a_translation_extends_as_the_source_does(name: str) -> None:
    x, h = signals((2, 3), 6)
    source = "scipy.ndimage.convolve1d"
    expected = np.stack([PEERS[source](row, h, name) for row in x])
    for target in CONVENTIONS:
        got = translate(h, source, target, name).apply(x)
        np.testing.assert_allclose(got, expected, atol=1e-12, err_msg=target)


def test_the_even_kernel_of_the_question() -> None:
    """By hand: NumPy's 'same' begins at (K-1)//2 = 1 of full, so 4-1-1 = 2 zeros stand before x."""
    told = translate([1, 2, 3, 4], "numpy.convolve", "tensorflow.nn.conv1d", "same")
    kernel, padding, explanation = told
    assert np.asarray(kernel).tolist() == [4, 3, 2, 1]
    assert padding == (2, 1)
    assert explanation == told.explanation
    assert "\n" not in explanation
    assert "(its own 'SAME' would pad by (1, 2))" in explanation
    assert told.native is None
    assert (told.mode, told.boundary, told.crop) == ("VALID", "constant", (0, 0))
    assert (told.source, told.target, told.source_mode) == (
        "numpy.convolve",
        "tensorflow.nn.conv1d",
        "same",
    )


def test_for_an_odd_kernel_reversal_is_enough_and_it_says_so() -> None:
    told = translate([1, 2, 3], "numpy.convolve", "tensorflow.nn.conv1d", "same")
    assert (told.padding, told.native) == ((1, 1), "SAME")
    assert "its 'SAME' on x itself gives the same" in told.explanation
    assert "Reverse the kernel, because only numpy.convolve reverses it" in told.explanation


def test_what_the_explanation_says_of_the_kernel() -> None:
    kernel = [1, 2j, 3]
    conjugated = translate(kernel, "numpy.correlate", "jax.lax.conv", "same").explanation
    assert "Conjugate the kernel, because only numpy.correlate conjugates it" in conjugated
    both = translate(kernel, "numpy.correlate", "numpy.convolve").explanation
    assert "Reverse the kernel" in both
    assert "conjugate the kernel" in both
    kept = translate([1, 2, 3], "numpy.correlate", "jax.lax.conv").explanation
    assert kept.startswith("Keep the kernel, because both correlate; leave x as 'valid'")
    # A real kernel has nothing to conjugate.
    assert "onjugate" not in translate([1.0, 2], "numpy.correlate", "numpy.convolve").explanation


def test_the_padding_of_a_kernel_longer_than_the_signal() -> None:
    """By hand: N=3, K=5; NumPy's 'same' has 5 samples from index 1 of full, so 3 and 3 zeros."""
    h = [1.0, 2, 3, 4, 5]
    told = translate(h, "numpy.convolve", "jax.lax.conv", "same", n=3)
    assert told.padding == (3, 3)
    assert told.native is None
    general = translate(h, "numpy.convolve", "jax.lax.conv", "same")
    assert general.padding == (2, 2)
    assert general.padding_for(3) == (3, 3)
    assert "padding_for(n)" in general.explanation
    assert "padding_for" not in told.explanation
    got = translated(np.array([1.0, 0, 2]), told, PEERS["jax.lax.conv"])
    assert got.tolist() == np.convolve([1, 0, 2], h, "same").tolist()
    # SciPy takes the first input's length instead, which lax does too.
    assert translate(h, "scipy.signal.convolve", "jax.lax.conv", "same", n=3).native == "SAME"


def test_an_integer_padding_is_a_source_too() -> None:
    x, h = signals(7, 4)
    told = translate(h, "torch.nn.functional.conv1d", "numpy.convolve", 2)
    expected = np.correlate(np.pad(x, 2), h, "valid")
    np.testing.assert_allclose(translated(x, told, PEERS["numpy.convolve"]), expected, atol=1e-12)
    assert told.padding == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([1], "numpy", "jax.lax.conv"), {}, ValueError, "^source: expected one of .*'numpy'"),
        (([1], "jax.lax.conv", "tf"), {}, ValueError, "^target: expected one of .*'tf'"),
        (([1], 1, "jax.lax.conv"), {}, TypeError, "^source: "),
        (([1], "jax.lax.conv", None), {}, TypeError, "^target: "),
        (([1], "jax.lax.conv", "numpy.convolve"), {}, ValueError, "^mode: .*'SAME'.*None"),
        (([1], "numpy.convolve", "jax.lax.conv", "SAME"), {}, ValueError, "^mode: .*'SAME'"),
        (([1], "numpy.convolve", "jax.lax.conv", 3), {}, TypeError, "^mode: "),
        (([], "numpy.convolve", "jax.lax.conv"), {}, ValueError, "^h: expected at least one tap"),
        ((1.0, "numpy.convolve", "jax.lax.conv"), {}, ValueError, "^h: .*got a scalar"),
        (("a", "numpy.convolve", "jax.lax.conv"), {}, TypeError, "^h: expected an array of numb"),
        (([[1]], "numpy.convolve", "jax.lax.conv"), {}, ValueError, "^h: .*for numpy.convolve"),
        (([[1]], "jax.lax.conv", "numpy.convolve", "SAME"), {}, ValueError, "^h: .*for numpy"),
        (
            ([1], "numpy.convolve", "jax.lax.conv"),
            {"n": 0},
            ValueError,
            "^n: expected at least one",
        ),
        (([1], "numpy.convolve", "jax.lax.conv"), {"n": (3, 4)}, ValueError, "^n: .*1 dimension"),
        (([1], "numpy.convolve", "jax.lax.conv"), {"n": 2.5}, TypeError, "^n: expected an integ"),
        (([1], "numpy.convolve", "jax.lax.conv"), {"n": True}, TypeError, "^n: expected an integ"),
        (([1, 2], "matlab.conv", "jax.lax.conv", "valid"), {"n": 1}, ValueError, "^n: .*at least"),
    ],
)
def test_errors_name_the_argument(
    arguments: Any, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        translate(*arguments, **options)


def test_errors_of_a_translation_name_the_argument() -> None:
    told = translate([1, 2, 3], "torch.nn.functional.conv1d", "numpy.convolve")
    with pytest.raises(ValueError, match=r"^h: expected a kernel that fits"):
        told.padding_for(2)
    with pytest.raises(TypeError, match=r"^n: expected an integer"):
        told.padding_for("3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^x: expected at least 1 dimension"):
        told.apply(1.0)
    with pytest.raises(TypeError, match=r"^x: expected an array of numbers"):
        told.apply("abc")
