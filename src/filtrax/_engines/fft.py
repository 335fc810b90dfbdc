"""One fast Fourier transform over everything, at a length that the transform likes."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import SMALL, Correlation, Engine, window_length
from filtrax._engines.blocks import pad, window
from filtrax._engines.halves import halved, in_halves
from filtrax._engines.lengths import fast_length
from filtrax._engines.pieces import PIECE, in_pieces
from filtrax._geometry import Axis


@in_halves
def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation as a product of spectra.

    A circular correlation of the stretch that the outputs use wraps around only into samples
    that are dropped, so that stretch's length is enough.
    """
    used = window(lhs, axes)
    lengths = tuple(fast_length(size) for size in used.shape[3:])
    for number, axis in enumerate(axes):
        rhs = pad(rhs, 3 + number, (0, 0), axis.dilation - 1)
    product = multiply(forward(used, lengths), reversed_spectrum(rhs, lengths), precision)
    out = inverse(product, lengths, lhs.dtype)
    return out[(..., *(slice(0, (a.m - 1) * a.stride + 1, a.stride) for a in axes))]


def reversed_spectrum(rhs: jax.Array, lengths: tuple[int, ...]) -> jax.Array:
    """The spectrum of the kernel read backwards, which turns a convolution into a correlation."""
    return lax.conj(forward(jnp.conj(rhs), lengths))


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
        # A product would first bring the channels last.
        return jnp.sum(x * h, axis=2, keepdims=True)
    return jnp.einsum("gbc...,goc...->gbo...", x, h, precision=precision)


def refuses(problem: Correlation, platform: str) -> str | None:
    """Integers must stay exact."""
    if not jnp.issubdtype(problem.dtype, jnp.inexact):
        return "an FFT would round integers"
    return None


def transform_work(batch: int, lengths: tuple[int, ...]) -> tuple[float, float, float]:
    """Butterflies that a batch shares between cores, those that it cannot, and samples."""
    size = math.prod(lengths)
    butterflies = batch * size * max(math.log2(size), 1.0)
    alone = batch == 1 and len(lengths) == 1
    return (0.0 if alone else butterflies), (butterflies if alone else 0.0), float(batch * size)


def total_work(
    problem: Correlation, parts: list[tuple[int, tuple[int, ...]]], products: float
) -> tuple[float, ...]:
    """The work of several batches of transforms and of the products of their spectra.

    The first count is infinite for problems of less than `SMALL` products.
    """
    counted = [transform_work(*part) for part in parts]
    calls = math.inf if problem.multiplications < SMALL else 1.0
    return (calls, *(sum(column) for column in zip(*counted, strict=True)), products)


def transform_lengths(axes: tuple[Axis, ...], dtype: jnp.dtype) -> tuple[int, ...]:
    """The lengths of the transforms: along the last axis of a half, where halves are taken."""
    *others, axis = axes
    half = None if jnp.issubdtype(dtype, jnp.complexfloating) else halved(axis)
    return tuple(fast_length(window_length(each)) for each in (*others, half or axis))


def work(problem: Correlation) -> tuple[float, ...]:
    """Butterflies in parallel and alone, samples transformed, products of spectra."""
    lengths = transform_lengths(problem.axes, problem.dtype)
    g, b, c, o = problem.g, problem.b, problem.c, problem.o
    parts = [(g * b * c, lengths), (g * o * c, lengths), (g * b * o, lengths)]
    return total_work(problem, parts, float(g * b * o * c * math.prod(lengths)))


def rounding_of_transforms(size: int) -> float:
    """Each of log2(N) stages adds its rounding, as a random walk does; the factor is measured."""
    return 0.6 * math.sqrt(max(math.log2(size), 1.0))


def scratch(problem: Correlation) -> float:
    """The padded operands, their spectra and those of the result."""
    size = samples(problem)
    g, b, c, o = problem.g, problem.b, problem.c, problem.o
    # Rows go in pieces, the kernels once for each.
    rows = min(2.0 * g * (b * c + b * o) * size, max(2.0 * (c + o) * size, 4.0 * PIECE))
    return rows + 2.0 * min(g, max(PIECE // size, 1)) * o * c * size


def samples(problem: Correlation) -> int:
    """Numbers in a transform: a complex sample is two in a real problem."""
    size = math.prod(transform_lengths(problem.axes, problem.dtype))
    real = not jnp.issubdtype(problem.dtype, jnp.complexfloating)
    return 2 * size if real and halved(problem.axes[-1]) else size


def error(problem: Correlation) -> float:
    """Of one transform over everything."""
    return rounding_of_transforms(math.prod(transform_lengths(problem.axes, problem.dtype)))


def everything(problem: Correlation) -> tuple[int, ...]:
    """Each sample is in every coefficient of a transform."""
    return tuple(axis.m for axis in problem.axes)


ENGINE = Engine(
    "fft", in_pieces(run), refuses, work, scratch=scratch, error=error, spread=everything,
    scale=lambda _: "row",
)  # fmt: skip
