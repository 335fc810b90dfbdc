"""Design by fitting a response, against SciPy's designs of the same specification."""

from typing import Any

import numpy as np
import pytest
from scipy import signal as scipys

from filtrax import fit, nn

#: Its annotations are of another array type.
signal: Any = scipys
BANDS, WANTED, WEIGHT = [0, 0.3, 0.4, 1], [1, 1, 0, 0], [1, 10]


def grid(points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies in the middle of equal steps of each band, what is wanted there, and weights."""
    step = 0.9 / points
    passed, stopped = (
        np.arange(lo, hi - step / 4, step) + step / 2 for lo, hi in ((0, 0.3), (0.4, 1))
    )
    f = np.concatenate([passed, stopped])
    return f, (f < 0.35).astype(float), np.where(f < 0.35, WEIGHT[0], WEIGHT[1]).astype(float)


def start(taps: int) -> nn.FIR:
    return nn.FIR(nn.Constrained(np.eye(taps)[taps // 2], nn.Symmetric()))


def test_least_squares_is_firls() -> None:
    f, wanted, weight = grid(9000)
    # firls integrates weight times the squared error; here its root stands before the error.
    found = fit.fit_response(start(31), f, wanted + 0j, weights=np.sqrt(weight), steps=5)
    expected = signal.firls(31, BANDS, WANTED, weight=WEIGHT)
    np.testing.assert_allclose(found.model.taps, expected, atol=2e-6)
    first = np.mean(weight * np.abs(1 - wanted) ** 2)
    np.testing.assert_allclose(found.losses[0], first, rtol=1e-9)


def test_the_least_greatest_error_is_that_of_remez() -> None:
    # Edges of the bands included: there the error is greatest.
    f = np.concatenate([np.linspace(0, 0.3, 300), np.linspace(0.4, 1, 600)])
    wanted, weight = (f < 0.35).astype(float), np.where(f < 0.35, *WEIGHT).astype(float)
    found = fit.fit_response(start(31), f, wanted + 0j, weights=weight, norm=np.inf, steps=30)
    best = signal.remez(31, BANDS, [1, 0], weight=WEIGHT, fs=2)

    def worst(taps: np.ndarray) -> float:
        _, response = signal.freqz(taps, worN=np.pi * f)
        amplitude = np.real(response * np.exp(15j * np.pi * f))
        return float(np.max(weight * np.abs(amplitude - wanted)))

    # No kernel of linear phase is better than Remez's, up to the distance of grid points.
    assert 0.99 * worst(best) < worst(np.asarray(found.model.taps)) < 1.03 * worst(best)
    squares = fit.fit_response(start(31), f, wanted + 0j, weights=weight, steps=5)
    assert worst(np.asarray(squares.model.taps)) > 1.3 * worst(best)


def test_a_magnitude_alone_and_a_minimum_phase() -> None:
    zeros = np.array([0.9 * np.exp(2j), 0.7 * np.exp(1j), 0.3 * np.exp(0.2j)])
    target = np.poly(np.concatenate([zeros, zeros.conj(), [-0.5]])).real
    f = np.linspace(0.01, 0.99, 200)
    magnitude = np.abs(signal.freqz(target, worN=np.pi * f)[1])
    kernel = nn.Constrained(np.eye(8)[0] + 0.1, nn.MinimumPhase())
    found = fit.fit_response(nn.FIR(kernel, mode="causal"), f, magnitude, steps=60).model
    # There is one kernel of minimum phase with that magnitude.
    np.testing.assert_allclose(found.taps, target, atol=1e-6)


def test_other_optimisers_and_norms() -> None:
    f, wanted, weight = grid(200)
    exact = fit.fit_response(start(11), f, wanted + 0j, weights=weight, steps=5)
    slow = fit.fit_response(
        start(11), f, wanted + 0j, weights=weight, optimizer="lbfgs", steps=40
    )  # fmt: skip
    np.testing.assert_allclose(slow.model.taps, exact.model.taps, atol=1e-6)
    high = fit.fit_response(start(11), f, wanted + 0j, weights=weight, norm=8, steps=20)
    worse = [
        np.max(np.abs(weight * (np.asarray(found.model.frequency_response(f)) - wanted)))
        for found in (exact, high)
    ]
    assert worse[0] > 1.1 * worse[1]


F = np.linspace(0.1, 0.9, 20)


@pytest.mark.parametrize(
    ("response", "options", "message"),
    [
        (F[1:], {}, "response: expected the shape of frequencies"),
        (F * np.nan, {}, "response: expected finite"),
        (F, {"weights": F[1:]}, "weights: "),
        (F, {"weights": -1.0}, "weights: "),
        (F, {"weights": np.nan}, "weights: "),
        (F, {"scale": "log"}, "scale: "),
        (F, {"norm": 3}, "norm: "),
        (F, {"norm": 1}, "norm: "),
        (F, {"steps": 0}, "steps: "),
    ],
)
def test_what_is_refused(response: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit.fit_response(nn.FIR(np.ones(5)), F, response, **options)
