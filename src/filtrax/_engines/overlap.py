"""Overlap-save: many short transforms of overlapping frames instead of one long one.

Long signals and short kernels: each frame gives its own outputs. Long kernels and short
outputs (every gradient by the kernel): the spectra of blocks of the kernel and of the frames
they meet are multiplied and summed before a single inverse transform.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation, Engine, window_length
from filtrax._engines.blocks import frames, pad, window
from filtrax._engines.fft import (
    fast_length,
    forward,
    inverse,
    multiply,
    refuses,
    reversed_spectrum,
    rounding_of_transforms,
    total_work,
)
from filtrax._engines.pieces import PIECE, in_pieces
from filtrax._geometry import Axis


def frame_length(short: int, long: int) -> int:
    """The transform's length: the power of two with the least work per sample."""
    best, least = 0, math.inf
    for exponent in range(5, 19):
        length = 1 << exponent
        hop = length - short + 1
        if hop < 1:
            continue
        work = -(-long // hop) * length * (exponent + 4)
        if work < least:
            best, least = length, work
    return best or fast_length(short + long)


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation by frames along the last axis, whole transforms along the others."""
    *others, axis = axes
    lhs = window(lhs, tuple(others))
    for number, other in enumerate(axes):
        rhs = pad(rhs, 3 + number, (0, 0), other.dilation - 1)
    outer = tuple(fast_length(size) for size in lhs.shape[3:-1])
    outputs = (axis.m - 1) * axis.stride + 1
    if axis.span > outputs:
        out = _short_output(axis, lhs, rhs, outer, outputs, precision)
    else:
        out = _long_output(axis, lhs, rhs, outer, outputs, precision)
    return out[(..., *(slice(0, (a.m - 1) * a.stride + 1, a.stride) for a in axes))]


def _long_output(
    axis: Axis,
    lhs: jax.Array,
    rhs: jax.Array,
    outer: tuple[int, ...],
    outputs: int,
    precision: lax.Precision,
) -> jax.Array:
    length = frame_length(axis.span, outputs)
    hop = length - axis.span + 1
    count = -(-outputs // hop)
    lengths = (*outer, length)
    spectrum = reversed_spectrum(rhs, lengths)[:, :, :, None]

    def filtered(signal: jax.Array, axis: Axis, count: int) -> jax.Array:
        framed = jnp.moveaxis(frames(signal, axis, count, hop, length), -2, 3)
        product = multiply(forward(framed, lengths), spectrum, precision)
        out = jnp.moveaxis(inverse(product, lengths, lhs.dtype)[..., :hop], 3, -2)
        return out.reshape(*out.shape[:-2], count * hop)

    rows = math.prod(lhs.shape[:-1])
    # An export may leave the number of rows open.
    at_once = max(PIECE // (hop * rows), 1) if isinstance(rows, int) else count
    if count <= 2 * at_once:
        return filtered(lhs, axis, count)
    # Stretch by stretch, so that only one is there in frames and spectra.
    number = -(-count // at_once)
    step, stretch = at_once * hop, (at_once - 1) * hop + length
    used = (axis.n - 1) * axis.base + 1 + axis.lo
    total = (number - 1) * step + stretch
    signal = pad(lhs, lhs.ndim - 1, (axis.lo, total - used), axis.base - 1)
    inner = Axis(stretch, axis.k, step, 0, 1, axis.dilation)

    def part(index: int | jax.Array) -> jax.Array:
        taken = lax.dynamic_slice_in_dim(signal, index * step, stretch, signal.ndim - 1)
        return filtered(taken, inner, at_once)

    first = part(0)
    sides = [(0, 0, 0)] * (first.ndim - 1) + [(0, (number - 1) * step, 0)]
    out = lax.pad(first, jnp.zeros((), first.dtype), sides)
    return lax.fori_loop(
        1, number,
        lambda i, out: lax.dynamic_update_slice_in_dim(out, part(i), i * step, out.ndim - 1),
        out,
    )  # fmt: skip


def _short_output(
    axis: Axis,
    lhs: jax.Array,
    rhs: jax.Array,
    outer: tuple[int, ...],
    outputs: int,
    precision: lax.Precision,
) -> jax.Array:
    length = frame_length(outputs, axis.span)
    hop = length - outputs + 1
    count = -(-axis.span // hop)
    framed = jnp.moveaxis(frames(lhs, axis, count, hop, length), -2, 3)
    blocks = pad(rhs, rhs.ndim - 1, (0, count * hop - axis.span))
    blocks = jnp.moveaxis(blocks.reshape(*rhs.shape[:-1], count, hop), -2, 3)
    lengths = (*outer, length)
    x = forward(framed, lengths)
    h = reversed_spectrum(blocks, lengths)
    product = jnp.einsum("gbcn...,gocn...->gbo...", x, h, precision=precision)
    return inverse(product, lengths, lhs.dtype)


def _framing(problem: Correlation) -> tuple[int, int]:
    """The transform's length along the last axis, and the number of frames."""
    *_, axis = problem.axes
    outputs = (axis.m - 1) * axis.stride + 1
    short, long = sorted((axis.span, outputs))
    length = frame_length(short, long)
    return length, -(-long // (length - short + 1))


def work(problem: Correlation) -> tuple[float, ...]:
    """Butterflies in parallel and alone, samples transformed, products of spectra."""
    length, count = _framing(problem)
    *others, _ = problem.axes
    lengths = (*(fast_length(window_length(other)) for other in others), length)
    g, b, c, o = problem.g, problem.b, problem.c, problem.o
    kernels, results = (count, 1) if _is_short(problem) else (1, count)
    parts = [(g * b * c * count, lengths), (g * o * c * kernels, lengths),
             (g * b * o * results, lengths)]  # fmt: skip
    return total_work(problem, parts, float(g * b * o * c * count * math.prod(lengths)))


def scratch(problem: Correlation) -> float:
    """The extended signal, and frames, spectra and results of a piece or of everything."""
    length, count = _framing(problem)
    *others, _ = problem.axes
    frame = length * math.prod(fast_length(window_length(other)) for other in others)
    rows = problem.g * problem.b * max(problem.c, problem.o)
    return problem.inputs + min(4.0 * rows * count * frame, max(4.0 * frame, 8.0 * PIECE))


def error(problem: Correlation) -> float:
    """Of the transform of one frame."""
    *others, _ = problem.axes
    outer = math.prod(fast_length(window_length(other)) for other in others)
    return rounding_of_transforms(_framing(problem)[0] * outer)


def _is_short(problem: Correlation) -> bool:
    """Whether spectra are summed over the frames."""
    *_, axis = problem.axes
    return axis.span > (axis.m - 1) * axis.stride + 1


def spread(problem: Correlation) -> tuple[int, ...]:
    """Along the last axis the outputs of the frames that hold a sample; all along the others."""
    *others, axis = problem.axes
    outer = (other.m for other in others)
    if _is_short(problem):
        return (*outer, axis.m)
    length, _ = _framing(problem)
    hop = length - axis.span + 1
    outputs = -(-length // hop) * hop
    return (*outer, min(axis.m, -(-outputs // axis.stride)))


ENGINE = Engine(
    "overlap", in_pieces(run), refuses, work,
    block=lambda problem: _framing(problem)[0], scratch=scratch, error=error, spread=spread,
    scale=lambda problem: "row" if _is_short(problem) else "block",
    multiplies=lambda problem: problem.c > 1 or _is_short(problem),
)  # fmt: skip
