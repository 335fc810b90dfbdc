"""Overlap-save: many short transforms of overlapping frames instead of one long one.

Long signals and short kernels: each frame gives its own outputs. Long kernels and short
outputs (every gradient by the kernel): the spectra of blocks of the kernel and of the frames
they meet are multiplied and summed before a single inverse transform.
"""

import math
from functools import lru_cache

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation, Engine
from filtrax._engines.blocks import pad
from filtrax._engines.fft import lengths_of, refuses, rounding_of_transforms, total_work
from filtrax._engines.pieces import in_pieces, samples_in_piece
from filtrax._engines.spectral import (
    circle,
    correlate,
    effort,
    fast_length,
    transform_length,
    whole,
)
from filtrax._geometry import Axis


def frame_of(axis: Axis, dtype: jnp.dtype) -> Axis:
    """The problem of one frame: of kernel and output the shorter is whole, the other is cut."""
    axis = whole(axis)
    hop = _hop(*sorted((axis.k, axis.m)), dtype)
    if hop == max(axis.k, axis.m):
        return axis
    k, m = (hop, axis.m) if axis.k > axis.m else (axis.k, hop)
    return Axis(k + m - 1, k, m, 0)


@lru_cache(maxsize=4096)
def _hop(short: int, long: int, dtype: jnp.dtype) -> int:
    """What a frame has of the longer one, for the least effort."""
    # Whole or half frames of a fast length, or few that fit what there is, even and no longer.
    fast = [factor << e for factor in (2, 3, 5) for e in range(4, 18)]
    hops = [parts * (length - short + 1) for length in fast for parts in (1, 2)]
    hops += [-(-long // count) for count in (1, 2, 3, 4, 6, 8)]
    even = sorted({min(hop + hop % 2, long) for hop in hops if hop > 0})

    def total(hop: int) -> float:
        return -(-long // hop) * effort(Axis(hop + short - 1, short, hop, 0), dtype)

    return min(even, key=total)


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation by frames along the last axis, whole transforms along the others."""
    *others, axis = axes
    frame = frame_of(axis, lhs.dtype)
    outputs, hop = whole(axis).m, frame.m
    rows = math.prod(lhs.shape[:-1])
    # An export may leave the number of rows open.
    most = samples_in_piece(lhs.dtype)
    at_once = max(most // (hop * rows), 1) if isinstance(rows, int) else outputs
    if axis.span > outputs or -(-outputs // hop) <= 2 * at_once:
        return correlate(axes, frame, lhs, rhs, precision)
    # Stretch by stretch, so that only one is there in frames and spectra.
    step = at_once * hop
    number, stretch = -(-outputs // step), step + axis.span - 1
    used = (axis.n - 1) * axis.base + 1 + axis.lo
    last = lhs.ndim - 1
    signal = pad(lhs, last, (axis.lo, (number - 1) * step + stretch - used), axis.base - 1)
    inner = Axis(stretch, axis.k, step, 0, dilation=axis.dilation)

    def part(index: int | jax.Array) -> jax.Array:
        taken = lax.dynamic_slice_in_dim(signal, index * step, stretch, last)
        return correlate((*others, inner), frame, taken, rhs, precision)

    first = part(0)
    sides = [(0, 0, 0)] * last + [(0, (number - 1) * step, 0)]
    out = lax.pad(first, jnp.zeros((), first.dtype), sides)
    out = lax.fori_loop(
        1, number,
        lambda i, out: lax.dynamic_update_slice_in_dim(out, part(i), i * step, last),
        out,
    )  # fmt: skip
    return out[..., : outputs : axis.stride]


def _framing(problem: Correlation) -> tuple[Axis, int]:
    """The problem of a frame along the last axis, and the number of frames."""
    *_, axis = problem.axes
    frame, axis = frame_of(axis, problem.dtype), whole(axis)
    return frame, max(-(-axis.k // frame.k), -(-axis.m // frame.m))


def work(problem: Correlation) -> tuple[float, ...]:
    """Butterflies in parallel and alone, samples transformed, all and across, products."""
    frame, count = _framing(problem)
    lengths = lengths_of(problem, frame)
    g, b, c, o = problem.g, problem.b, problem.c, problem.o
    kernels, results = (count, 1) if _is_short(problem) else (1, count)
    parts = [(g * b * c * count, lengths), (g * o * c * kernels, lengths),
             (g * b * o * results, lengths)]  # fmt: skip
    return total_work(problem, parts, float(g * b * o * c * count * math.prod(lengths)))


def scratch(problem: Correlation) -> float:
    """The extended signal, and frames, spectra and results of a piece or of everything."""
    frame, count = _framing(problem)
    *others, _ = problem.axes
    size = math.prod(fast_length(circle(other)) for other in others)
    size *= max(fast_length(frame.n), 2 * transform_length(frame, problem.dtype))
    rows = problem.g * problem.b * max(problem.c, problem.o)
    most = max(4.0 * size, 8.0 * samples_in_piece(problem.dtype))
    return problem.inputs + min(4.0 * rows * count * size, most)


def error(problem: Correlation) -> float:
    """Of the transform of one frame."""
    frame, _ = _framing(problem)
    return rounding_of_transforms(math.prod(lengths_of(problem, frame)))


def _is_short(problem: Correlation) -> bool:
    """Whether spectra are summed over the frames."""
    axis = whole(problem.axes[-1])
    return axis.k > axis.m


def spread(problem: Correlation) -> tuple[int, ...]:
    """Along the last axis the outputs of the frames that hold a sample; all along the others."""
    *others, axis = problem.axes
    outer = (other.m for other in others)
    if _is_short(problem):
        return (*outer, axis.m)
    frame, _ = _framing(problem)
    outputs = -(-frame.n // frame.m) * frame.m
    return (*outer, min(axis.m, -(-outputs // axis.stride)))


def multiplies(problem: Correlation) -> bool:
    """Sums over frames or channels are products where there are several."""
    return problem.b * problem.o > 1 if _is_short(problem) else problem.c > 1


ENGINE = Engine(
    "overlap", in_pieces(run), refuses, work,
    block=lambda problem: _framing(problem)[0].n, scratch=scratch, error=error, spread=spread,
    scale=lambda problem: "row" if _is_short(problem) else "block",
    multiplies=multiplies,
)  # fmt: skip
