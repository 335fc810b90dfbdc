"""One long real transform in two stages, the first of them a product of matrices.

A signal x of N = F S samples is written as F rows of S. At the angles of the odd frequencies
2 k + 1, k = p + F q, of a transform of 2 N samples

    X[p, q] = sum over m of exp(-2 pi i q m / S)  exp(-2 pi i (p + 1/2) m / N)
              sum over n of exp(-2 pi i (p + 1/2) n / F)  x[n, m]

that is a product by a small matrix, one by factors, and short transforms of rows, which run on
all cores and in the caches: for one signal of a million samples a third of the time that XLA's
transform of it takes on a CPU. Rows of zeros around the signal are left out of the matrix. The
spectrum of a real signal is half of it, p < F / 2, without an entry that is real by itself, as
the even frequencies have. Products of such spectra convolve modulo z^N = -1: what wraps around
changes its sign, and is thrown away like any other.

Source: D. H. Bailey, FFTs in external or hierarchical memory, J. Supercomputing 4 (1990) 23-35,
for the stages; H. J. Nussbaumer, Fast Fourier Transform and Convolution Algorithms (1981),
section 7, for the odd frequencies.
"""

import math
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._engines.blocks import pad

#: Samples from which two stages are faster, of a few rows and of many.
FEW, _FEW_LONG, _MANY_LONG = 4, 1 << 12, 1 << 15


def first_stage(length: int, rows: Any, platform: str) -> int | None:
    """F for a real transform of about so many samples; ``None`` where one stage is better."""
    few = isinstance(rows, int) and rows <= FEW
    if platform != "cpu" or length < (_FEW_LONG if few else _MANY_LONG):
        return None
    return 32 if length < 1 << 20 else 64


def forward(x: jax.Array, length: int, first: int, before: int = 0) -> jax.Array:
    """The spectrum (R, F / 2, S) of R real rows that stand behind so many zeros."""
    second = length // first
    rows, samples = x.shape
    start, stop = before // second, -(-(before + samples) // second)
    edges = (before - start * second, stop * second - before - samples)
    x = pad(x, 1, edges).reshape(rows, stop - start, second)
    table = _table(first, start, stop, x.dtype)
    parts = jnp.einsum("pn,rnm->rpm", table, x, precision=lax.Precision.HIGHEST)
    turned = _turned(lax.complex(*jnp.split(parts, 2, 1)), first, -1)
    return _each_row(turned, lax.FftType.FFT)


def inverse(spectrum: jax.Array, samples: int) -> jax.Array:
    """The first samples (R, samples) of the signals."""
    rows, half, second = spectrum.shape
    turned = _turned(_each_row(spectrum, lax.FftType.IFFT), 2 * half, 1)
    used = -(-samples // second)
    parts = jnp.concatenate([lax.real(turned), lax.imag(turned)], 1)
    table = _table(2 * half, 0, used, parts.dtype).T / half
    out = jnp.einsum("np,rpm->rnm", table, parts, precision=lax.Precision.HIGHEST)
    return out.reshape(rows, used * second)[:, :samples]


def _table(first: int, start: int, stop: int, dtype: Any) -> np.ndarray:
    """The first stage of some rows, real parts above imaginary ones: (F, stop - start)."""
    table = _roots(first // 2, np.arange(start, stop), 2 * first).conj()
    return np.concatenate([table.real, table.imag]).astype(dtype)


def _turned(spectrum: jax.Array, first: int, sign: int) -> jax.Array:
    """The factors between the stages, made of two short tables where they are used."""
    rows, half, second = spectrum.shape
    fine = _divisor(second)
    steps = np.arange(0, second, fine), np.arange(fine)
    tables = (_roots(half, s, 2 * first * second) for s in steps)
    coarse, small = ((t if sign > 0 else t.conj()).astype(spectrum.dtype) for t in tables)
    split = spectrum.reshape(rows, half, second // fine, fine)
    # Apart from the signal, else it would be multiplied twice.
    factors = jnp.asarray(coarse)[:, :, None] * jnp.asarray(small)[:, None]
    return (split * factors).reshape(spectrum.shape)


def _roots(half: int, samples: np.ndarray, order: int) -> Any:
    """Roots of one at all odd frequencies and some samples, reduced before they are rounded."""
    turns = np.outer(2 * np.arange(half) + 1, samples) % order
    return np.exp(2j * np.pi * turns / order)


@lru_cache(maxsize=256)
def _divisor(n: int) -> int:
    """The divisor of n that is next to its square root, from below."""
    return max(d for d in range(1, math.isqrt(n) + 1) if n % d == 0)


def _each_row(spectrum: jax.Array, kind: Any) -> jax.Array:
    second = spectrum.shape[-1]
    flat = spectrum.reshape(spectrum.shape[0] * spectrum.shape[1], second)
    return lax.fft(flat, kind, (second,)).reshape(spectrum.shape)
