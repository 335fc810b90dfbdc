"""Long transforms in two stages, against NumPy's transform and SciPy's convolution."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal as scipys

import filtrax
from filtrax._engines import two_stage
from filtrax._engines.spectral import circle
from filtrax._geometry import Axis

pytestmark = pytest.mark.usefixtures("without_kernels")

#: Its annotations are of another array type.
signal: Any = scipys


@pytest.mark.parametrize(("first", "second"), [(2, 15), (4, 7), (32, 130), (64, 77)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.4])
def test_a_spectrum_is_one_of_odd_frequencies(first: int, second: int, share: float) -> None:
    length = first * second
    before = int(share * length)
    x = np.random.default_rng(0).standard_normal((3, length // 2))
    placed = np.zeros((3, 2 * length))
    placed[:, before : before + x.shape[1]] = x
    # Of a transform of twice the length, the odd frequencies.
    odd = np.fft.fft(placed)[:, 1::2].reshape(3, second, first).swapaxes(1, 2)
    got = two_stage.forward(jnp.asarray(x), length, first, before)
    np.testing.assert_allclose(got, odd[:, : first // 2], rtol=0, atol=1e-13 * length)
    back = two_stage.inverse(got, before + x.shape[1] - 1)
    np.testing.assert_allclose(back, placed[:, : before + x.shape[1] - 1], rtol=0, atol=1e-13)


LENGTHS = [((1, 5000), 7), ((1, 20011), 9001), ((3, 9000), 1500), ((6, 40000), 9001)]


@pytest.mark.parametrize(("shape", "taps"), LENGTHS)
@pytest.mark.parametrize("method", ["fft", "overlap"])
def test_long_filters_and_their_gradients(shape: tuple[int, int], taps: int, method: Any) -> None:
    rng = np.random.default_rng(1)
    x, h = rng.standard_normal(shape), rng.standard_normal(taps)
    for mode in ("full", "same", "valid"):
        expected = signal.oaconvolve(x, h[None], mode, axes=-1)
        weight = rng.standard_normal(expected.shape)

        def filtered(h: Any, mode: Any = mode) -> Any:
            return filtrax.convolve(x, h, mode=mode, axes=-1, method=method)

        y, back = jax.jit(lambda h, w, filtered=filtered: (
            filtered(h), jax.vjp(filtered, h)[1](w)[0]
        ))(h, weight)  # fmt: skip
        near(y, expected)
        whole = signal.fftconvolve(x[:, ::-1], weight, "full", axes=-1).sum(0)
        start = {"full": 0, "same": (taps - 1) // 2, "valid": taps - 1}[mode]
        near(back, whole[shape[1] - 1 - start :][:taps])


def near(got: Any, expected: np.ndarray) -> None:
    np.testing.assert_allclose(got, expected, rtol=0, atol=2e-14 * np.abs(expected).max())


def test_single_precision_is_as_exact_as_one_transform() -> None:
    x, h = np.random.default_rng(2).standard_normal((2, 1 << 17)).astype(np.float32)
    expected = signal.fftconvolve(x.astype(float), h.astype(float))
    got = np.asarray(filtrax.convolve(x, h, mode="full", method="fft"))
    assert got.dtype == np.float32
    # Eight times the rounding of a number for each of 18 stages is what is promised.
    assert np.abs(got - expected).max() < 6e-8 * 18 * np.abs(expected).max()


def test_outputs_are_right_on_the_circle() -> None:
    """A transform of so many samples is one of integers modulo it: summed here, one by one."""
    cases = itertools.product((1, 4, 9), (1, 3, 6), (1, 5, 12), (-3, 0, 2, 5), (1, 2), (1, 2))
    for n, k, m, lo, stride, dilation in cases:
        axis = Axis(n, k, m, lo, stride, dilation)
        size = circle(axis)
        x, h = np.arange(1, n + 1), np.arange(1, k + 1) ** 2
        placed = np.zeros(size, int)
        for i in range(n):
            if 0 <= i + lo < (m - 1) * stride + axis.span:
                placed[i + lo] = x[i]
        for i in range(m):
            at = [stride * i + dilation * j for j in range(k)]
            plain = sum(x[p - lo] * h[j] for j, p in enumerate(at) if 0 <= p - lo < n)
            assert sum(placed[p % size] * h[j] for j, p in enumerate(at)) == plain
        assert size <= (m - 1) * stride + axis.span
