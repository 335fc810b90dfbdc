"""One fast Fourier transform over everything, at a length that the transform likes."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation, Engine, calls_of
from filtrax._engines.pieces import in_pieces, samples_in_piece
from filtrax._engines.spectral import (
    circle,
    correlate,
    fast_length,
    strain,
    transform_length,
    whole,
)
from filtrax._geometry import Axis

#: How much longer products take that are summed over channels: such problems have small matrix
#: products, one for each frequency.
_SUMMED = 8


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation in one frame."""
    return correlate(axes, whole(axes[-1]), lhs, rhs, precision)


def refuses(problem: Correlation, platform: str) -> str | None:
    """Integers must stay exact."""
    if not jnp.issubdtype(problem.dtype, jnp.inexact):
        return "an FFT would round integers"
    return None


def lengths_of(problem: Correlation, frame: Axis) -> tuple[int, ...]:
    """The lengths of the transforms of a frame."""
    *others, _ = problem.axes
    outer = (fast_length(circle(other)) for other in others)
    return (*outer, transform_length(frame, problem.dtype))


def transform_work(
    batch: int, lengths: tuple[int, ...], dtype: jnp.dtype
) -> tuple[float, float, float, float]:
    """Butterflies that a batch shares between cores, those that it cannot, samples.

    Last, samples once more for each axis but the innermost, whose neighbours lie far apart.
    """
    size = math.prod(lengths)
    butterflies = batch * size * max(math.log2(size), 1.0) * strain(lengths[-1], dtype)
    alone = len(lengths) == 1 and batch == 1
    shared, own = (0.0, butterflies) if alone else (butterflies, 0.0)
    return shared, own, float(batch * size), float(batch * size * (len(lengths) - 1))


def total_work(
    problem: Correlation, parts: list[tuple[int, tuple[int, ...]]], products: float
) -> tuple[float, ...]:
    """The work of several batches of transforms and of the products of their spectra.

    The first count is infinite for problems of less than `SMALL` products.
    """
    counted = [transform_work(*part, problem.dtype) for part in parts]
    return (calls_of(problem), *(sum(column) for column in zip(*counted, strict=True)), products)


def work(problem: Correlation) -> tuple[float, ...]:
    """Butterflies in parallel and alone, samples transformed, all and across, products."""
    lengths = _lengths(problem)
    g, b, c, o = problem.g, problem.b, problem.c, problem.o
    parts = [(g * b * c, lengths), (g * o * c, lengths), (g * b * o, lengths)]
    slower = _SUMMED if c > 1 and b * o > 1 else 1
    return total_work(problem, parts, float(slower * g * b * o * c * math.prod(lengths)))


def rounding_of_transforms(size: int) -> float:
    """Each of log2(N) stages adds its rounding, as a random walk does; the factor is measured."""
    return 0.6 * math.sqrt(max(math.log2(size), 1.0))


def scratch(problem: Correlation) -> float:
    """The padded operands, their spectra and those of the result, halves or whole."""
    size = math.prod(fast_length(circle(axis)) for axis in problem.axes)
    size = max(size, 2 * math.prod(_lengths(problem)))
    g, b, c, o = problem.g, problem.b, problem.c, problem.o
    # Rows go in pieces, the kernels once for each.
    most = samples_in_piece(problem.dtype)
    rows = min(2.0 * g * (b * c + b * o) * size, max(2.0 * (c + o) * size, 4.0 * most))
    return rows + 2.0 * min(g, max(most // size, 1)) * o * c * size


def error(problem: Correlation) -> float:
    """Of one transform over everything."""
    return rounding_of_transforms(math.prod(_lengths(problem)))


def everything(problem: Correlation) -> tuple[int, ...]:
    """Each sample is in every coefficient of a transform."""
    return tuple(axis.m for axis in problem.axes)


def _lengths(problem: Correlation) -> tuple[int, ...]:
    return lengths_of(problem, whole(problem.axes[-1]))


ENGINE = Engine(
    "fft", in_pieces(run), refuses, work, scratch=scratch, error=error, spread=everything,
    scale=lambda _: "row", multiplies=lambda problem: problem.c > 1 and problem.b * problem.o > 1,
)  # fmt: skip
