"""Correlation by the product of spectra, frame by frame along the last axis.

Two halves of a real frame are transformed as the real and the imaginary part of a complex one,
which takes about half the time of a real transform there and back. No spectrum need be taken
apart: a real kernel filters both parts alike, and where products are summed the real part of

    (x1 + i x2) (h1 - i h2)

is x1 h1 + x2 h2.
"""

import math
from dataclasses import replace
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import window_length
from filtrax._engines.blocks import frames, pad
from filtrax._geometry import Axis

#: Samples from which XLA's complex transforms take longer for each.
_LONG = 3900


@lru_cache(maxsize=4096)
def fast_length(n: int) -> int:
    """The least length of at least n whose prime factors are 2, 3, 5, 7 and 11."""
    best = 1 << max(n - 1, 0).bit_length()
    products = [1]
    for factor in (3, 5, 7, 11):
        products = [p * factor**i for p in products for i in range(32) if p * factor**i < best]
    for product in products:
        best = min(best, product << max(-(-n // product) - 1, 0).bit_length())
    return best


def circle(axis: Axis) -> int:
    """The samples of a circle on which all outputs are right.

    What runs over its end may meet the zeros before the signal, which so serve both ends.
    """
    outputs, used = (axis.m - 1) * axis.stride + 1, (axis.n - 1) * axis.base + 1 + axis.lo
    window = window_length(axis)
    return max(min(used, window), window - max(axis.lo, 0), outputs, axis.span)


def whole(axis: Axis) -> Axis:
    """An axis as one frame, of all outputs and taps: spread, so that no stride is left."""
    return Axis(circle(axis), axis.span, (axis.m - 1) * axis.stride + 1, 0)


def halved(frame: Axis, dtype: jnp.dtype) -> Axis | None:
    """One half of a frame, of its taps or of its outputs; ``None`` if the whole is better.

    The halves of the signal overlap, by what the kernel or the output spans.
    """
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return None
    k, m = frame.k, frame.m
    k, m = (-(-k // 2), m) if k > m else (k, -(-m // 2))
    length = fast_length(k + m - 1)
    worth = length < _LONG and length <= 0.75 * fast_length(frame.n)
    return Axis(k + m - 1, k, m, 0) if worth else None


def transform_length(frame: Axis, dtype: jnp.dtype) -> int:
    """The length of a frame's transform, or of its half's."""
    return fast_length((halved(frame, dtype) or frame).n)


def effort(frame: Axis, dtype: jnp.dtype) -> float:
    """What a frame takes, transformed there and back, as measured in no unit."""
    length = transform_length(frame, dtype)
    stages = length * (math.log2(length) + 9)
    if halved(frame, dtype):
        return stages
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return strain(length, dtype) * stages
    return 0.93 * stages


def strain(length: int, dtype: jnp.dtype) -> float:
    """What a long transform takes more for each butterfly than a short one, as measured."""
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return 1.65 if length >= _LONG else 1.0
    return 1.0


def correlate(
    axes: tuple[Axis, ...],
    frame: Axis,
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
) -> jax.Array:
    """A plain correlation in frames of the last axis, whole transforms along the others.

    Where kernels are longer than outputs they are cut, and the spectra of all frames summed;
    otherwise the outputs are cut. What a frame has of either is even, unless there is but one.
    """
    *others, last = axes
    everything = whole(last)
    for number, axis in enumerate(axes):
        rhs = pad(rhs, 3 + number, (0, 0), axis.dilation - 1)
    for number, axis in enumerate(others):
        used = (axis.n - 1) * axis.base + 1 + axis.lo
        lhs = pad(lhs, 3 + number, (axis.lo, circle(axis) - used), axis.base - 1)
    g, b, c, o = *lhs.shape[:3], rhs.shape[1]
    half = halved(frame, lhs.dtype)
    part = half or frame
    short = everything.k > everything.m
    hop = frame.k if short else frame.m
    count = -(-max(everything.k, everything.m) // hop)
    lengths = (*(fast_length(circle(axis)) for axis in others), fast_length(part.n))
    spectra = partial(_spectra, lengths=lengths)
    if short:
        # Frames are channels: all are summed.
        starts = (0, part.k) if half else (0,)
        signal = spectra(lhs, last, count, hop, part.n, starts)
        kernel = spectra(jnp.conj(rhs), Axis(everything.k, 1, 1, 0), count, hop, part.k, starts)
        signal = signal.reshape(g, b, c * count, *signal.shape[2:])
        kernel = kernel.reshape(g, o, c * count, *kernel.shape[2:])
    else:
        # Frames are rows.
        signal = spectra(lhs, last, count, hop, part.n, (0, part.m) if half else (0,))
        signal = jnp.moveaxis(signal.reshape(g, b, c, *signal.shape[1:]), 3, 2)
        signal = signal.reshape(g, b * count, *signal.shape[3:])
        taps = lax.complex(rhs, jnp.zeros_like(rhs)) if half else jnp.conj(rhs)
        kernel = forward(taps, lengths)
    # Of the kernel read backwards: so convolutions become correlations.
    out = multiply(signal, lax.conj(kernel), precision)
    out = inverse(out, lengths, signal.dtype if half else lhs.dtype)
    kept = (slice(0, (axis.m - 1) * axis.stride + 1, axis.stride) for axis in others)
    out = out[(..., *kept, slice(part.m))]
    if short:
        return (lax.real(out) if half else out)[..., :: last.stride]
    if half:
        out = jnp.stack([lax.real(out), lax.imag(out)], -2)
    out = out.reshape(g, b, count, o, *(axis.m for axis in others), (2 if half else 1) * part.m)
    out = jnp.moveaxis(out, 2, -2)
    return out.reshape(*out.shape[:-2], -1)[..., : everything.m : last.stride]


def _spectra(
    array: jax.Array,
    axis: Axis,
    count: int,
    hop: int,
    width: int,
    starts: tuple[int, ...],
    lengths: tuple[int, ...],
) -> jax.Array:
    """The spectra (rows, count, ...) of all frames, or of halves that start within a frame so.

    Frames are cut from plain rows: so the value and its derivative share what both transform.
    """
    rows = array.reshape(math.prod(array.shape[:3]), *array.shape[3:])
    cut = [frames(rows, replace(axis, lo=axis.lo - start), count, hop, width) for start in starts]
    framed = cut[0] if len(cut) == 1 else lax.complex(*cut)
    return forward(jnp.moveaxis(framed, -2, 1), lengths)


def forward(array: jax.Array, lengths: tuple[int, ...]) -> jax.Array:
    """The transform of the last axes at the given lengths, over one flat batch."""
    rank = len(lengths)
    batch = array.shape[: array.ndim - rank]
    flat = array.reshape(math.prod(batch), *array.shape[array.ndim - rank :])
    for number, length in enumerate(lengths):
        flat = pad(flat, 1 + number, (0, length - flat.shape[1 + number]))
    kind = lax.FftType.FFT if jnp.iscomplexobj(flat) else lax.FftType.RFFT
    out = lax.fft(flat, kind, lengths)
    return out.reshape(*batch, *out.shape[1:])


def inverse(spectrum: jax.Array, lengths: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
    """Back from `forward`, to an array of the given dtype."""
    batch = spectrum.shape[: spectrum.ndim - len(lengths)]
    flat = spectrum.reshape(math.prod(batch), *spectrum.shape[len(batch) :])
    kind = lax.FftType.IFFT if jnp.issubdtype(dtype, jnp.complexfloating) else lax.FftType.IRFFT
    out = lax.fft(flat, kind, lengths)
    return out.reshape(*batch, *lengths).astype(dtype)


def multiply(x: jax.Array, h: jax.Array, precision: lax.Precision) -> jax.Array:
    """(G, B, C, ...) and (G, O, C, ...) to (G, B, O, ...), frequency by frequency."""
    if x.shape[2] == 1:
        return x * jnp.swapaxes(h, 1, 2)
    if x.shape[1] == h.shape[1] == 1:
        # A product of matrices would first bring the channels last.
        return jnp.sum(x * h, axis=2, keepdims=True)
    return jnp.einsum("gbc...,goc...->gbo...", x, h, precision=precision)
