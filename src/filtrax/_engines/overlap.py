"""Overlap-save: many short transforms of overlapping frames instead of one long one.

Long signals and short kernels: each frame gives its own outputs. Long kernels and short
outputs (every gradient by the kernel): the spectra of blocks of the kernel and of the frames
they meet are multiplied and summed before a single inverse transform.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines import fft
from filtrax._engines.base import Correlation, Engine
from filtrax._engines.blocks import frames, pad
from filtrax._engines.fft import refuses, rounding_of_transforms, total_work, transform_lengths
from filtrax._engines.pieces import PIECE, in_pieces
from filtrax._geometry import Axis


@lru_cache(maxsize=4096)
def frame_of(short: int, long: int, dtype: jnp.dtype) -> Axis:
    """The problem of one frame, of the hop with the least work: ``m`` outputs of ``short`` taps.

    Of kernel and output the one that is shorter is whole in each frame, the other is cut.
    """
    frame, least = Axis(0, 0, 0, 0), math.inf
    # Frames of a fast length, or few that fit what there is.
    fast = [factor << e for factor in (2, 3, 5) for e in range(4, 18)]
    hops = [half * (length - short + 1) for length in fast for half in (1, 2)]
    for hop in [*hops, *(-(-long // count) for count in (1, 2, 3, 4, 6, 8))]:
        if hop < 1:
            continue
        tried = Axis(hop + short - 1, short, hop, 0)
        (length,) = transform_lengths((tried,), dtype)
        work = -(-long // hop) * length * (math.log2(length) + 4)
        if work < least:
            frame, least = tried, work
    return frame


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation by frames along the last axis, whole transforms along the others."""
    *others, axis = axes
    outputs = (axis.m - 1) * axis.stride + 1
    short, long = sorted((axis.span, outputs))
    frame = frame_of(short, long, lhs.dtype)
    rhs = pad(rhs, rhs.ndim - 1, (0, 0), axis.dilation - 1)
    axis = Axis(axis.n, axis.span, outputs, axis.lo, base=axis.base)
    by_frames = _short_output if axis.span > outputs else _long_output

    def transformed(frame: Axis, signal: jax.Array, taps: jax.Array) -> jax.Array:
        return fft.run((*others, frame), signal, taps, precision, platform)

    return by_frames(axis, frame, lhs, rhs, transformed)[..., :: axes[-1].stride]


def _long_output(
    axis: Axis,
    frame: Axis,
    lhs: jax.Array,
    rhs: jax.Array,
    transformed: Callable[[Axis, jax.Array, jax.Array], jax.Array],
) -> jax.Array:
    hop = frame.m
    count = -(-axis.m // hop)

    def filtered(signal: jax.Array, axis: Axis, count: int) -> jax.Array:
        framed = jnp.moveaxis(frames(signal, axis, count, hop, frame.n), -2, 2)
        # Frames are rows.
        g, b = framed.shape[:2]
        out = transformed(frame, framed.reshape(g, b * count, *framed.shape[3:]), rhs)
        out = jnp.moveaxis(out.reshape(g, b, count, *out.shape[2:]), 2, -2)
        return out.reshape(*out.shape[:-2], count * hop)

    rows = math.prod(lhs.shape[:-1])
    # An export may leave the number of rows open.
    at_once = max(PIECE // (hop * rows), 1) if isinstance(rows, int) else count
    if count <= 2 * at_once:
        return filtered(lhs, axis, count)[..., : axis.m]
    # Stretch by stretch, so that only one is there in frames and spectra.
    number = -(-count // at_once)
    step, stretch = at_once * hop, (at_once - 1) * hop + frame.n
    used = (axis.n - 1) * axis.base + 1 + axis.lo
    total = (number - 1) * step + stretch
    signal = pad(lhs, lhs.ndim - 1, (axis.lo, total - used), axis.base - 1)
    inner = Axis(stretch, axis.k, step, 0)

    def part(index: int | jax.Array) -> jax.Array:
        taken = lax.dynamic_slice_in_dim(signal, index * step, stretch, signal.ndim - 1)
        return filtered(taken, inner, at_once)

    first = part(0)
    sides = [(0, 0, 0)] * (first.ndim - 1) + [(0, (number - 1) * step, 0)]
    out = lax.pad(first, jnp.zeros((), first.dtype), sides)
    out = lax.fori_loop(
        1, number,
        lambda i, out: lax.dynamic_update_slice_in_dim(out, part(i), i * step, out.ndim - 1),
        out,
    )  # fmt: skip
    return out[..., : axis.m]


def _short_output(
    axis: Axis,
    frame: Axis,
    lhs: jax.Array,
    rhs: jax.Array,
    transformed: Callable[[Axis, jax.Array, jax.Array], jax.Array],
) -> jax.Array:
    hop = frame.m
    count = -(-axis.k // hop)
    framed = jnp.moveaxis(frames(lhs, axis, count, hop, frame.n), -2, 3)
    blocks = pad(rhs, rhs.ndim - 1, (0, count * hop - axis.k))
    blocks = jnp.moveaxis(blocks.reshape(*rhs.shape[:-1], count, hop), -2, 3)
    # Frames are channels: all are summed.
    signal, taps = (
        array.reshape(*array.shape[:2], array.shape[2] * count, *array.shape[4:])
        for array in (framed, blocks)
    )
    return transformed(Axis(frame.n, hop, frame.k, 0), signal, taps)


def _framing(problem: Correlation) -> tuple[Axis, int]:
    """The problem of a frame along the last axis, and the number of frames."""
    *_, axis = problem.axes
    outputs = (axis.m - 1) * axis.stride + 1
    short, long = sorted((axis.span, outputs))
    frame = frame_of(short, long, problem.dtype)
    return frame, -(-long // frame.m)


def _lengths(problem: Correlation) -> tuple[int, ...]:
    """The lengths of a frame's transform."""
    frame, _ = _framing(problem)
    return transform_lengths((*problem.axes[:-1], frame), problem.dtype)


def work(problem: Correlation) -> tuple[float, ...]:
    """Butterflies in parallel and alone, samples transformed, products of spectra."""
    _, count = _framing(problem)
    lengths = _lengths(problem)
    g, b, c, o = problem.g, problem.b, problem.c, problem.o
    kernels, results = (count, 1) if _is_short(problem) else (1, count)
    parts = [(g * b * c * count, lengths), (g * o * c * kernels, lengths),
             (g * b * o * results, lengths)]  # fmt: skip
    return total_work(problem, parts, float(g * b * o * c * count * math.prod(lengths)))


def scratch(problem: Correlation) -> float:
    """The extended signal, and frames, spectra and results of a piece or of everything."""
    frame, count = _framing(problem)
    size = frame.n * math.prod(_lengths(problem)[:-1])
    rows = problem.g * problem.b * max(problem.c, problem.o)
    return problem.inputs + min(4.0 * rows * count * size, max(4.0 * size, 8.0 * PIECE))


def error(problem: Correlation) -> float:
    """Of the transform of one frame."""
    return rounding_of_transforms(math.prod(_lengths(problem)))


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
    frame, _ = _framing(problem)
    outputs = -(-frame.n // frame.m) * frame.m
    return (*outer, min(axis.m, -(-outputs // axis.stride)))


ENGINE = Engine(
    "overlap", in_pieces(run), refuses, work,
    block=lambda problem: _framing(problem)[0].n, scratch=scratch, error=error, spread=spread,
    scale=lambda problem: "row" if _is_short(problem) else "block",
    multiplies=lambda problem: problem.c > 1 or _is_short(problem),
)  # fmt: skip
