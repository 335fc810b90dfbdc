"""Fits against torch: the course of Adam, its least squares, its short-time spectra."""

import warnings
from typing import Any

import numpy as np
import pytest

from filtrax import fit, nn

torch: Any = pytest.importorskip("torch", reason="needs the `parity` extra")
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="TF32 acceleration on top of oneDNN")
    torch.backends.mkldnn.set_flags(False)
pytestmark = pytest.mark.parity

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 80))
Y = np.stack([np.correlate(row, RNG.standard_normal(5), "same") for row in X])
Y = Y + 0.1 * RNG.standard_normal(Y.shape)


def channel(rows: np.ndarray) -> Any:
    return torch.from_numpy(rows)[:, None]


def test_the_course_of_adam() -> None:
    h = torch.zeros(1, 1, 5, dtype=torch.float64, requires_grad=True)
    optimizer, losses = torch.optim.Adam([h], 1e-2), []
    for _ in range(30):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(
            torch.nn.functional.conv1d(channel(X), h, padding=2), channel(Y)
        )
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    start = nn.FIR(np.zeros(5), operation="correlate")
    found = fit.fit(start, X, Y, steps=30, check_every=30, progress=False)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(found.model.taps, h.detach().numpy().ravel(), rtol=1e-7)


def test_least_squares() -> None:
    frames = torch.nn.functional.pad(torch.from_numpy(X), (2, 2)).unfold(1, 5, 1).reshape(-1, 5)
    wanted = torch.linalg.lstsq(frames, torch.from_numpy(Y).reshape(-1, 1)).solution.ravel()
    found = fit.fit_fir(X, Y, 5, mode="same", operation="correlate")
    np.testing.assert_allclose(found.kernel, wanted.numpy(), atol=1e-12)


def test_short_time_spectra() -> None:
    expected = []
    for size in (16, 32):
        window = torch.hann_window(size, dtype=torch.float64)
        options = {"window": window, "center": False, "return_complex": True}
        got, wanted = (
            torch.stft(torch.from_numpy(each), size, size // 4, **options).abs() for each in (X, Y)
        )
        apart = torch.linalg.norm(wanted - got) / torch.linalg.norm(wanted)
        expected.append(apart + (wanted.log() - got.log()).abs().mean())
    loss = fit.MultiResolutionSTFT((16, 32), floor_db=-250)
    np.testing.assert_allclose(loss(X, Y), np.mean(expected), rtol=1e-9)
