"""identify finds what made an output, and says what is nearest when nothing did."""

from typing import Any

import jax
import numpy as np
import pytest

from filtrax.conventions import CONVENTIONS, apply, identify
from peers import PEERS, scipy_conjugates_the_wrong_one, signals

TORCH = "torch.nn.functional.conv1d"


def names(found: Any) -> list[tuple[str, str | int]]:
    return [(match.convention, match.mode) for match in found]


SIZES: list[Any] = [(7, 3), (8, 4), (6, 1), (5, 5), (3, 5), (4, 6), ((2, 6), 3), ((3, 3), 4)]


# Complex operands, which ask for conjugation besides, at every other pair of sizes.
@pytest.mark.parametrize(
    ("n", "k", "dtype"),
    [(*size, "float64") for size in SIZES] + [(*size, "complex128") for size in SIZES[1::2]],
)
def test_every_convention_is_found_again(n: Any, k: int, dtype: str) -> None:
    x, h = signals(n, k, dtype)
    for name, convention in CONVENTIONS.items():
        for mode in convention.modes:
            try:
                y = apply(x, h, name, mode)
            except ValueError:
                assert name in ("tensorflow.nn.conv1d", TORCH)
                assert k > x.shape[-1]
                continue
            found = identify(x, h, y)
            assert (name, mode) in names(found), (name, mode)
            assert found.closest is None
            # What is found besides gives the same numbers.
            for match in found:
                again = apply(x, h, match.convention, match.mode)
                np.testing.assert_allclose(again, y, atol=1e-11)
                assert match.error < 1e-13


@pytest.mark.parametrize(("n", "k"), [((5, 6), (3, 3)), ((5, 6), (2, 4)), ((3, 4), (4, 5))])
def test_two_dimensions(n: Any, k: Any) -> None:
    x, h = signals(n, k)
    for name in ("scipy.signal.convolve2d", "scipy.signal.correlate2d", "scipy.signal.convolve"):
        for mode in CONVENTIONS[name].modes:
            assert (name, mode) in names(identify(x, h, PEERS[name](x, h, mode)))


@pytest.mark.parametrize("name", PEERS)
def test_outputs_of_the_real_functions(name: str) -> None:
    for n, k, dtype in ((9, 4, "float64"), (3, 4, "float64"), (9, 5, "complex128")):
        x, h = signals(n, k, dtype)
        for mode in CONVENTIONS[name].modes:
            if not scipy_conjugates_the_wrong_one(name, mode, x, h):
                assert (name, mode) in names(identify(x, h, PEERS[name](x, h, mode)))


SIGNAL, KERNEL = [1, 0, 2, 3, 0, 1, 1], [2, 1, 3]


@pytest.mark.parametrize(
    "y",
    [
        [8, 11, 7, 9, 4],
        [8.0, 11.0, 7.0, 9.0, 4.0],
        np.array([8, 11, 7, 9, 4]),
        np.array([8, 11, 7, 9, 4], np.float32),
        np.array([8, 11, 7, 9, 4], np.float64),
    ],
)
def test_the_numbers_of_the_question(y: Any) -> None:
    found = identify(SIGNAL, KERNEL, y)
    assert names(found) == [
        ("numpy.correlate", "valid"),
        ("scipy.signal.correlate", "valid"),
        ("scipy.signal.correlate2d", "valid"),
        ("tensorflow.nn.conv1d", "VALID"),
        (TORCH, "valid"),
        ("jax.lax.conv", "VALID"),
    ]
    assert str(found).splitlines()[3] == "tensorflow.nn.conv1d, mode 'VALID'"
    assert found[0].convention == "numpy.correlate"
    assert len(found) == 6
    assert list(found) == list(found[:])


def test_numpys_answer_to_the_question_is_a_convolution() -> None:
    found = identify(SIGNAL, KERNEL, np.convolve(SIGNAL, KERNEL, "same"))
    assert all(CONVENTIONS[match.convention].operation == "convolve" for match in found)
    assert ("numpy.convolve", "same") in names(found)


def test_an_even_kernel_tells_the_libraries_apart() -> None:
    """A reversed even kernel in TensorFlow is not NumPy's 'same', and identify sees it."""
    x, h = signals(9, 4)
    flipped = apply(x, h[::-1], "tensorflow.nn.conv1d", "SAME")
    found = names(identify(x, h, flipped))
    assert ("matlab.conv", "same") in found
    assert ("numpy.convolve", "same") not in found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floating_outputs_with_their_rounding(dtype: str) -> None:
    x, h = signals(200, 31, dtype)
    for name in ("numpy.convolve", "scipy.ndimage.correlate1d", "jax.lax.conv"):
        for mode in CONVENTIONS[name].modes:
            y = PEERS[name](x, h, mode)
            assert (name, mode) in names(identify(x, h, y))
            # A float64 output of float32 operands, or the reverse, has the coarser rounding.
            assert (name, mode) in names(identify(x, h, y.astype(np.float32)))


def test_without_float64() -> None:
    x, h = signals(20, 4)
    with jax.enable_x64(False):
        assert ("numpy.convolve", "same") in names(identify(x, h, np.convolve(x, h, "same")))


@pytest.mark.parametrize("padding", [1, 2, 3, 5])
@pytest.mark.parametrize("k", [2, 3, 4])
def test_integer_padding_of_torch(padding: int, k: int) -> None:
    x, h = signals(7, k)
    y = np.correlate(np.pad(x, padding), h, "valid")
    assert (TORCH, padding) in names(identify(x, h, y))
    assert (TORCH, 0) not in names(identify(x, h, y))


def test_rtol_widens_what_counts_as_equal() -> None:
    x, h = signals(30, 5)
    y = np.round(np.convolve(x, h), 3)
    assert len(identify(x, h, y)) == 0
    assert ("numpy.convolve", "full") in names(identify(x, h, y, rtol=1e-3))


def test_closest_names_the_scale() -> None:
    x, h = signals(9, 4)
    found = identify(x, h, -2.5 * np.convolve(x, h, "same"))
    assert len(found) == 0
    assert found.closest is not None
    assert (found.closest.operation, found.closest.offset) == ("convolve", (1,))
    assert found.closest.scale == pytest.approx(-2.5)
    assert found.closest.error < 1e-12
    assert "times -2.5;" in str(found)
    assert "kernel reversed" in str(found)


@pytest.mark.parametrize("start", [-3, -1, 0, 3, 5])
def test_closest_names_the_offset(start: int) -> None:
    """Windows of full that no library takes: a causal one, and some that begin outside."""
    x, h = signals(9, 4)
    window = np.pad(np.convolve(x, h), 9)[9 + start :][:9]
    found = identify(x, h, window)
    assert len(found) == 0
    assert found.closest is not None
    assert (found.closest.operation, found.closest.offset) == ("convolve", (start,))
    assert found.closest.scale == pytest.approx(1)
    assert f"from index {start} on" in str(found)


def test_closest_names_the_conjugation() -> None:
    x, h = signals(9, 4, "complex128")
    found = identify(x, h, np.convolve(x, np.conj(h), "same"))
    assert len(found) == 0
    assert found.closest is not None
    assert found.closest.conjugate
    assert found.closest.operation == "convolve"
    assert "conjugated" in str(found)
    scaled = identify(x, h, 2j * np.correlate(x, np.conj(h), "full")).closest
    assert scaled is not None
    assert not scaled.conjugate
    assert scaled.operation == "correlate"
    assert scaled.scale == pytest.approx(2j)


def test_closest_names_the_reversal() -> None:
    x, h = signals(9, 4)
    for operation, kernel in (("convolve", h), ("correlate", h[::-1])):
        # The first 9 of full: a causal filter, which no library of the table has.
        closest = identify(x, h, np.convolve(x, kernel)[:9]).closest
        assert closest is not None
        assert closest.operation == operation
        assert closest.error < 1e-12


def test_closest_in_two_dimensions_and_for_rows() -> None:
    x, h = signals((6, 7), (2, 3))
    full = PEERS["scipy.signal.convolve2d"](x, h, "full")
    closest = identify(x, h, 3 * full[1:5, 2:7]).closest
    assert closest is not None
    assert (closest.operation, closest.offset) == ("convolve", (1, 2))
    assert closest.scale == pytest.approx(3)
    rows, taps = signals((3, 8), 4)
    full = np.stack([np.convolve(row, taps) for row in rows])
    closest = identify(rows, taps, full[:, 2:7] / 2).closest
    assert closest is not None
    assert (closest.operation, closest.offset) == ("convolve", (2,))
    assert closest.scale == pytest.approx(0.5)


def test_noise_is_near_to_nothing() -> None:
    x, h = signals(50, 5)
    noise = np.random.default_rng(9).normal(size=50)
    found = identify(x, h, noise)
    assert len(found) == 0
    assert found.closest is not None
    assert found.closest.error > 0.5
    assert str(found).startswith("No convention reproduces this output. Closest: ")


def test_an_output_of_zeros_comes_from_zeros_only() -> None:
    x, h = signals(9, 4)
    found = identify(x, h, np.zeros(9))
    assert len(found) == 0
    assert found.closest is None
    assert str(found) == "No convention reproduces this output."
    assert len(identify(np.zeros(9), h, np.zeros(9))) > 5
    # Nothing scales zeros to something else.
    for nothing in (identify(np.zeros(9), h, np.ones(9)), identify(x, 0 * h, np.ones(9))):
        assert len(nothing) == 0
        assert nothing.closest is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_matches_nothing(bad: float) -> None:
    x, h = signals(9, 3)
    y = np.convolve(x, h, "same")
    for position in range(3):
        operands = [x.copy(), h.copy(), y.copy()]
        operands[position][1] = bad
        found = identify(*operands)
        assert len(found) == 0
        assert found.closest is None


def test_lengths_that_no_library_has() -> None:
    x, h = signals(9, 3)
    for length in (1, 3, 30):
        found = identify(x, h, np.resize(np.convolve(x, h), length))
        assert len(found) == 0
        assert found.closest is not None


def test_an_empty_output() -> None:
    """By hand: lax and MATLAB give no samples where the kernel does not fit."""
    found = identify(*signals(3, 5), np.zeros(0))
    assert set(names(found)) == {("jax.lax.conv", "VALID"), ("matlab.conv", "valid")}
    nothing = identify(*signals(5, 3), np.zeros(0))
    assert len(nothing) == 0
    assert nothing.closest is None


X, H, Y = np.arange(5.0), np.arange(3.0), np.arange(5.0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X, H, 1.0), ValueError, "^y: expected the 1 dimensions of x"),
        ((X, H, Y[None, :, None]), ValueError, r"^y: expected the 1 dimensions of x.*\(1, 5, 1\)"),
        ((np.ones((2, 5)), H, np.ones((3, 5))), ValueError, r"^y: expected the \(2,\) rows of x"),
        ((X, H[None], Y), ValueError, "^h: expected 1 to 1 dimensions"),
        ((X, 1.0, Y), ValueError, "^h: expected 1 to 1 dimensions"),
        (([], H, Y), ValueError, "^x: expected at least one sample"),
        ((X, [], Y), ValueError, "^h: expected at least one"),
        (("a", H, Y), TypeError, "^x: expected an array of numbers"),
        ((X, None, Y), TypeError, "^h: expected an array of numbers"),
        ((X, H, "abc"), TypeError, "^y: expected an array of numbers"),
        ((X, H, Y > 1), TypeError, "^y: expected numbers"),
    ],
)
def test_errors_name_the_argument(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        identify(*arguments)
