"""The normal matrix X^H W X of a fit, from correlations instead of from X.

Down each diagonal its entries are sums over the same products, except at the two ends of the
window: the matrix is Toeplitz plus a correction of low displacement rank,

    R[a+1, b+1] = R[a, b] + conj(z[first - a]) z[first - b] - conj(z[last - a]) z[last - b],

so its first column (one correlation of the signal with itself) and the K samples at either end
give all of it: the covariance form of linear prediction (Makhoul, Proc. IEEE 63, 1975).
"""

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._typing import Array
from filtrax.fit._window import Window, adjoint, extended

#: Samples of the frames that a weighted sum holds at once.
_FRAMES = 1 << 22


def exact(x: Array, weights: Array | None, window: Window, kernel: jax.ShapeDtypeStruct) -> Array:
    """The normal matrix, (K, K), or (..., K, K) for a kernel per row.

    Weights are none or one for each row, of x's rank.
    """
    taps, outputs = window.taps, window.outputs
    z = extended(x, window)
    column = z[..., taps - 1 :]
    first, last = z[..., : taps - 1][..., ::-1], z[..., outputs:][..., ::-1]
    kernel = jax.ShapeDtypeStruct(kernel.shape, x.dtype)
    if weights is not None:
        column = weights.astype(x.dtype) * column
        root = jnp.sqrt(weights).astype(x.dtype)
        first, last = root * first, root * last
    start = adjoint(x, column, window, kernel)
    if taps == 1:
        return start[..., None]
    steps = _products(first, kernel) - _products(last, kernel)
    # Lag d of every row of the matrix, down the diagonals: skewed[j, d] = R[j + d, j].
    j, d = jnp.arange(taps - 1)[:, None], jnp.arange(taps)
    inside = j + d < taps - 1
    skewed = jnp.where(inside, steps[..., jnp.where(inside, j + d, 0), j], 0)
    skewed = jnp.concatenate([start[..., None, :], skewed], -2)
    return _from_lags(jnp.cumsum(skewed, -2))


def _products(ends: Array, kernel: jax.ShapeDtypeStruct) -> Array:
    """conj(end[a]) end[b], summed over the rows that share a kernel."""
    if len(kernel.shape) == 1:
        ends = ends.reshape(-1, ends.shape[-1])
        return jnp.matmul(jnp.conj(ends).T, ends, precision=lax.Precision.HIGHEST)
    return jnp.conj(ends)[..., :, None] * ends[..., None, :]


def _from_lags(skewed: Array) -> Array:
    """The Hermitian matrix whose entry (j + d, j) stands at [j, d]."""
    taps = skewed.shape[-1]
    a, b = jnp.arange(taps)[:, None], jnp.arange(taps)
    lower = skewed[..., jnp.minimum(a, b), abs(a - b)]
    return jnp.where(a >= b, lower, jnp.conj(lower))


def stationary(
    x: Array, weights: Array | None, window: Window, kernel: jax.ShapeDtypeStruct
) -> Array:
    """The Toeplitz matrix of the signal's autocorrelation, which takes no notice of the ends."""
    taps, samples = window.taps, window.samples
    full = Window(taps, samples, samples + taps - 1, (taps - 1, taps - 1), "zero")
    seen = x if weights is None else weights.astype(x.dtype) * x
    seen = jnp.pad(seen, [(0, 0)] * (x.ndim - 1) + [(0, taps - 1)])
    lags = adjoint(x, seen, full, jax.ShapeDtypeStruct(kernel.shape, x.dtype))
    return toeplitz(lags * (min(window.outputs, samples) / samples))


def toeplitz(lags: Array) -> Array:
    """The Hermitian Toeplitz matrices with first columns (..., K)."""
    return _from_lags(jnp.broadcast_to(lags[..., None, :], (*lags.shape, lags.shape[-1])))


def weighted(x: Array, weights: Array, window: Window, kernel: jax.ShapeDtypeStruct) -> Array:
    """The normal matrix with a weight for each sample (..., M): products of short frames.

    Nothing is Toeplitz then. A few frames at a time are held, never all of X.
    """
    taps, outputs = window.taps, window.outputs
    z = extended(x, window).reshape(-1, outputs + taps - 1)
    w = weights.astype(x.dtype).reshape(-1, outputs)
    chunk = min(max(_FRAMES // (len(z) * taps), taps), outputs)
    count = -(-outputs // chunk)
    spare = ((0, 0), (0, count * chunk - outputs))
    z, w = jnp.pad(z, spare), jnp.pad(w, spare)
    rows = "rac,rbc->ab" if len(kernel.shape) == 1 else "rac,rbc->rab"

    def part(index: int | Array) -> Array:
        start = index * chunk
        signal = lax.dynamic_slice_in_dim(z, start, chunk + taps - 1, 1)
        frames = _frames(signal, taps, chunk)[:, ::-1]
        scaled = frames * lax.dynamic_slice_in_dim(w, start, chunk, 1)[:, None]
        return jnp.einsum(rows, jnp.conj(frames), scaled, precision=lax.Precision.HIGHEST)

    total = lax.fori_loop(1, count, lambda i, sum_: sum_ + part(i), part(0))
    return total if len(kernel.shape) == 1 else total.reshape(*kernel.shape, taps)


def _frames(signal: Array, taps: int, chunk: int) -> Array:
    """(R, chunk + taps - 1) to frames [r, k, c] = signal[r, k + c], without a gather."""
    rows, length = signal.shape
    # In rows of one more than its length, a repeated signal moves on by one.
    repeated = jnp.tile(signal, (1, taps + 1))[:, : taps * (length + 1)]
    return repeated.reshape(rows, taps, length + 1)[..., :chunk]
