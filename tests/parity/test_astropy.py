"""The real astropy.convolution.convolve, its treatment of NaN included, by masks."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

import filtrax

convolution: Any = pytest.importorskip("astropy.convolution", reason="needs astropy")
pytestmark = pytest.mark.parity

#: astropy's boundaries, with a fill value, and what they are called here.
BOUNDARIES: dict[tuple[str, float], Any] = {
    ("fill", 0.0): 0.0,
    ("fill", 2.5): 2.5,
    ("fill", np.nan): "zero",
    ("extend", 0.0): "edge",
    ("wrap", 0.0): "wrap",
}


@pytest.mark.parametrize(("n", "k"), [((40,), (5,)), ((13, 17), (3, 5)), ((6, 7, 8), (3, 3, 3))])
def test_interpolated_nan(n: Any, k: Any) -> None:
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal(n), rng.uniform(0.5, 1.5, k)
    x[rng.random(n) < 0.2] = np.nan
    for ((boundary, fill), own), unit in itertools.product(BOUNDARIES.items(), (True, False)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It warns of NaN that remain.
            expected = convolution.convolve(
                x, h, boundary=boundary, fill_value=fill, normalize_kernel=unit
            )
        kernel = h / h.sum() if unit else h
        got = filtrax.convolve(x, kernel, "same", boundary=own, where=~np.isnan(x), normalize=True)
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)


def test_filled_nan_and_a_mask() -> None:
    rng = np.random.default_rng(1)
    x, h = rng.standard_normal(40), rng.uniform(0.5, 1.5, 5)
    x[rng.random(40) < 0.2] = np.nan
    valid = ~np.isnan(x)
    expected = convolution.convolve(
        x, h, boundary="fill", nan_treatment="fill", fill_value=0.0, normalize_kernel=False
    )
    np.testing.assert_allclose(filtrax.convolve(x, h, "same", where=valid), expected, atol=1e-13)
    expected = convolution.convolve(
        x, h, boundary="wrap", mask=~valid, preserve_nan=True, normalize_kernel=False
    )
    got = filtrax.convolve(x, h, "same", boundary="wrap", where=valid, normalize=True)
    np.testing.assert_allclose(np.where(valid, got, np.nan), expected, rtol=1e-12)
