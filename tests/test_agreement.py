"""`filtrax.compat` against the NumPy and SciPy installed, over random calls.

`FILTRAX_AGREEMENT_CALLS` is how many calls are drawn at least, in slices of 500 (each traced call
is made with two draws of values). All that the documentation speaks of:

    FILTRAX_AGREEMENT_CALLS=20000 FILTRAX_AGREEMENT_REPORT=report.jsonl \
        python -m pytest tests/test_agreement.py -k sweep
    PYTHONPATH=tests python tests/test_agreement.py report.jsonl
"""

import json
import os
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

import filtrax
from agreement import LISTED, Call, disagreement, listed, ours, peer, sweep
from filtrax.compat import numpy as fnumpy
from filtrax.compat import scipy_ndimage, scipy_signal

CALLS = int(os.environ.get("FILTRAX_AGREEMENT_CALLS", "1000"))
REPORT = os.environ.get("FILTRAX_AGREEMENT_REPORT")
SLICE = 500
#: Of all calls, how many must agree, and in how many of these both may raise.
MINIMUM, REFUSED = 0.98, 0.15


@pytest.mark.parametrize("number", range(-(-CALLS // SLICE)))
def test_sweep(number: int) -> None:
    counts, found = sweep(number, SLICE)
    if REPORT:
        with Path(REPORT).open("a") as file:
            file.write(json.dumps({"seed": number, **counts}) + "\n")
    assert not found, "\n".join(found)
    assert counts["calls"] >= SLICE
    # Hypothesis varies what it has drawn, so slices vary much; `summary` holds the whole to more.
    assert counts["agree"] >= (MINIMUM - 0.05) * counts["calls"], counts
    assert counts["both refuse"] < (REFUSED + 0.1) * counts["calls"], counts


def summary(report: str) -> bool:
    """Prints what the slices of a report amount to; whether that is enough."""
    total: Counter[str] = Counter()
    for line in Path(report).read_text().splitlines():
        total.update({key: n for key, n in json.loads(line).items() if key != "seed"})
    for key, n in total.most_common():
        print(f"{n:8d}  {100 * n / total['calls']:6.2f} %  {key}")
    agree, refuse = total["agree"], total["both refuse"]
    enough = agree >= MINIMUM * total["calls"] and refuse <= REFUSED * total["calls"]
    return enough and not total["not listed"]


def differs(
    reason: str, module: str, name: str, arrays: list[Any], **options: Any
) -> tuple[Any, Any]:
    """SciPy's answer and ours, which differ for the reason given."""
    shapes = tuple((np.shape(array), str(np.asarray(array).dtype)) for array in arrays)
    call = Call(module, name, shapes, options)
    want, got = peer(call, arrays), ours(call, arrays)
    got = got if isinstance(got, Exception | str) else np.asarray(got)
    assert disagreement(call, arrays, want, got)
    assert listed(call, arrays, want, got) == reason
    return want, got


def test_longdouble_is_double() -> None:
    x = np.arange(1, 4, dtype=np.longdouble) / 3
    want, got = differs("longdouble", "signal", "convolve", [x, x])
    assert (want.dtype, got.dtype) == (np.longdouble, np.float64)
    with pytest.warns(filtrax.PrecisionWarning, match=r"in1: .* becomes float64, the widest"):
        scipy_signal.convolve(x, np.ones(2))


def test_more_dtypes_than_scipy() -> None:
    half = np.arange(6, dtype="float16").reshape(2, 3)
    for module, name in (("signal", "convolve2d"), ("ndimage", "correlate")):
        _, got = differs("more dtypes", module, name, [half, half[:, :2]])
        want = getattr(scipy.signal if module == "signal" else scipy.ndimage, name)(
            half.astype(float), half[:, :2].astype(float)
        )
        assert got.dtype == np.float16
        np.testing.assert_array_equal(got, want)
    true = half > 1
    _, got = differs("more dtypes", "signal", "correlate", [true, true])
    np.testing.assert_array_equal(got, scipy.signal.correlate(true * 1, true * 1) > 0)


def test_integers_never_go_through_an_fft() -> None:
    big = np.array([2**61 + 1, 2**40 + 1, 3])
    _, got = differs("integers by FFT", "signal", "convolve", [big, big], mode="full", method="fft")
    np.testing.assert_array_equal(got, np.convolve(big, big))


def test_transforms_are_of_one_precision() -> None:
    """SciPy transforms a float32 operand in float32, also beside a float64 one."""
    rng = np.random.default_rng(1)
    x, h = rng.normal(size=40).astype("float32"), rng.normal(size=9)
    want, got = differs("rounding of SciPy", "signal", "fftconvolve", [x, h])
    exact = np.convolve(x.astype(np.longdouble), h)
    assert np.abs(got - exact).max() < 1e-13
    assert np.abs(want - exact).max() > 1e-8


def test_long_sums_may_go_through_a_transform() -> None:
    """The corner of "full" is one product, beside which the image is huge."""
    rng = np.random.default_rng(5)
    x, h = rng.normal(size=(2, 64, 64))
    want, got = differs("sums by FFT", "signal", "convolve2d", [x, h])
    norms = np.linalg.norm(x) * np.linalg.norm(h)
    assert np.abs(got - want).max() <= 8 * np.finfo(float).eps * norms
    # Where the sum itself is asked for it is what comes, each as exact as its own terms.
    size = scipy.signal.convolve2d(np.abs(x), np.abs(h))
    got = np.asarray(scipy_signal.convolve(x, h, method="direct"))
    assert np.all(np.abs(got - want) <= 8 * np.finfo(float).eps * size)


def test_reflection_of_a_short_signal() -> None:
    x, weights = np.array([1.0, 2.0]), np.arange(1.0, 12)
    options = {"origin": 4, "mode": "reflect"}
    _, got = differs("short signals", "ndimage", "correlate", [x, weights], **options)
    np.testing.assert_array_equal(got, scipy.ndimage.correlate1d(x, weights, **options))


def test_sums_beyond_2_to_the_53() -> None:
    """SciPy adds the neighbours of a sample first where weights are symmetric."""
    x, ones = np.array([1, 2**53, 1]), np.ones(3, int)
    want, got = differs("beyond 2**53", "ndimage", "correlate1d", [x, ones], mode="constant")
    assert np.abs(want - got).max() <= 2


def test_cut_off_is_one_at_most() -> None:
    """Weights that sum to one but for rounding: SciPy's own answer depends on its order."""
    rng = np.random.default_rng(2)
    off = 0
    for sigma in (0.5, 0.9, 1.4):
        x = rng.integers(0, 200, 4000)
        got = np.asarray(scipy_ndimage.gaussian_filter1d(x // 20 * 20, sigma))
        off = max(off, np.abs(got - scipy.ndimage.gaussian_filter1d(x // 20 * 20, sigma)).max())
    assert off <= 1


def test_cut_off_derivatives_are_squared() -> None:
    """Along an axis of one sample the smoothing weights sum to one but for rounding."""
    call = Call("ndimage", "gaussian_gradient_magnitude", (((40, 1), "int8"),),
                {"sigma": 1.5, "mode": "grid-wrap"}, seed=6)  # fmt: skip
    want, got = (ask(call, call.values()) for ask in (peer, ours))
    assert disagreement(call, call.values(), want, got := np.asarray(got)) in (None, "value")
    assert listed(call, call.values(), want, got) == "cut off"
    assert listed(call, call.values(), want, np.roll(got, 1)) is None
    assert listed(call, call.values(), want, got * 0 + 8) is None


def test_empty_operands_by_fft() -> None:
    nothing = np.zeros(0, "int8")
    want, got = differs(
        "empty operands", "signal", "correlate", [nothing, np.ones(1, "int8")], mode="same",
        method="fft",
    )  # fmt: skip
    assert isinstance(want, IndexError)
    assert got.shape == (0,)


def test_arguments_are_always_seen() -> None:
    square, row = np.ones((2, 2), bool), np.ones(2, bool)
    differs("arguments unseen", "signal", "choose_conv_method", [square, row], mode="full")
    empty = np.ones((2, 0))
    differs("arguments unseen", "signal", "fftconvolve", [empty, empty], mode="foo")


def test_polynomials_at_the_ends() -> None:
    """The taps at each end, from the normal equations in fractions, without rounding."""
    length, degree = 7, 4
    rng = np.random.default_rng(3)
    x = rng.integers(-9, 10, 12).astype(float)
    for deriv in (0, 1, 2):
        got = np.asarray(scipy_signal.savgol_filter(x, length, degree, deriv))
        for place in range(3):
            taps = _exact_taps(length, degree, deriv, place)
            want = sum(tap * Fraction(value) for tap, value in zip(taps, x, strict=False))
            assert abs(got[place] - float(want)) < 2e-15 * 9 * sum(map(abs, taps)) + 1e-15


def _exact_taps(length: int, degree: int, deriv: int, place: int) -> list[Any]:
    powers = [[Fraction(i - place) ** j for j in range(degree + 1)] for i in range(length)]
    rows: list[list[Any]] = [
        [sum(p[i] * p[j] for p in powers) for j in range(degree + 1)] for i in range(degree + 1)
    ]
    # Row `deriv` of the inverse of the symmetric normal matrix, by elimination.
    right: list[Any] = [Fraction(int(i == deriv)) for i in range(degree + 1)]
    for i in range(degree + 1):
        pivot = rows[i][i]
        rows[i], right[i] = [v / pivot for v in rows[i]], right[i] / pivot
        for j in set(range(degree + 1)) - {i}:
            factor = rows[j][i]
            rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
            right[j] -= factor * right[i]
    scale = np.prod(np.arange(1, deriv + 1), dtype=int)
    return [int(scale) * sum(r * v for r, v in zip(right, p, strict=True)) for p in powers]


def test_every_listed_difference_is_documented() -> None:
    text = (Path(__file__).parent.parent / "docs" / "promises.md").read_text()
    for name in LISTED:
        assert f"**{name}**" in text.replace("\\*", "*"), name


def test_the_harness_sees_differences(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution that is one sample late, or of another dtype, must not pass for agreement."""
    right = scipy_signal.convolve

    def late(*args: Any, **options: Any) -> Any:
        return np.roll(right(*args, **options), 1)

    call = Call("signal", "convolve", (((5,), "int32"), ((3,), "int32")), {"mode": "full"})
    arrays: list[Any] = list(call.values())
    want = peer(call, arrays)
    assert disagreement(call, arrays, want, np.asarray(ours(call, arrays))) is None
    assert disagreement(call, arrays, want, want.astype("int64")) == "dtype"
    monkeypatch.setattr(scipy_signal, "convolve", late)
    assert disagreement(call, arrays, want, np.asarray(ours(call, arrays))) == "value"
    assert listed(call, arrays, want, np.asarray(ours(call, arrays))) is None


def test_two_constants_inside_jit() -> None:
    """XLA folds the convolution of constants, where integers would saturate."""
    rng = np.random.default_rng(4)
    x, h = rng.integers(0, 256, 20, "uint8"), rng.integers(0, 256, 19, "uint8")
    got = jax.jit(lambda: fnumpy.convolve(x, h, "valid"))()
    np.testing.assert_array_equal(got, np.convolve(x, h, "valid"))
    got = jax.jit(lambda: filtrax.convolve(x, h, "valid", method="direct"))()
    np.testing.assert_array_equal(got, np.convolve(x, h, "valid"))


if __name__ == "__main__":
    sys.exit(not summary(sys.argv[1]))
