"""Matrix products: blocks of outputs from frames of the signal and a banded matrix of taps.

Long signals and short kernels: L outputs at a time are a frame of the signal times a banded
Toeplitz matrix. Long kernels and short outputs (every gradient by the kernel) are the dual, see
`gram`.
"""

import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines import gram
from filtrax._engines.base import (
    Correlation,
    Engine,
    calls_of,
    correlation_of,
    is_short,
    rounding_of_sums,
    windows,
)
from filtrax._engines.blocks import band, frames, window
from filtrax._engines.pieces import in_pieces
from filtrax._geometry import Axis

#: From so many pairs of a channel and a kernel on short blocks fill the matrix unit.
_FILLING = 4


def block_length(problem: Correlation) -> int:
    """Outputs in one block (or taps, where the kernel is the long one).

    Long blocks waste products on the band's corners, short ones waste the matrix unit, unless
    channels and kernels fill it; and they hold each sample in more frames.
    """
    *_, axis = problem.axes
    if problem.is_short:
        return gram.block_length(axis)
    pairs = (problem.c, problem.o)
    if all(isinstance(size, int) for size in pairs) and math.prod(pairs) >= _FILLING:
        return min(max(8, 1 << max(axis.span // 4, 1).bit_length() - 1), 256)
    return min(max(16, 1 << (axis.span - 1).bit_length()), 256)


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation as matrix products along the last axis."""
    if is_short(axes):
        return in_pieces(gram.run)(axes, lhs, rhs, precision, platform)
    return _framed(axes, lhs, rhs, precision)


def _framed(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, precision: lax.Precision
) -> jax.Array:
    """As a product of explicit frames with the band, for each tap of the other axes.

    A strided convolution with L output channels copies no frame and is a little faster, but not
    inside a loop: there XLA's CPU convolutions are 16 times slower.
    """
    *others, axis = axes
    length = block_length(correlation_of(axes, lhs, rhs))
    count = -(-axis.m // length)
    matrix = band(axis, rhs, length)
    signal = window(lhs, tuple(others))
    framed = frames(signal, axis, count, length * axis.stride, matrix.shape[-1])
    total = None
    for tap, met in _windows(tuple(others), framed):
        part = jnp.einsum(
            "goclj,gbc...nj->gbo...nl", matrix[(..., *tap, slice(None), slice(None))], met,
            precision=precision,
        )  # fmt: skip
        total = part if total is None else total + part
    assert total is not None
    return total.reshape(*total.shape[:-2], count * length)[..., : axis.m]


def _windows(
    others: tuple[Axis, ...], framed: jax.Array
) -> list[tuple[tuple[int, ...], jax.Array]]:
    """For each tap of the other axes, the part of the signal that it meets."""
    result = []
    for tap in itertools.product(*(range(a.k) for a in others)):
        met = framed
        for number, (index, axis) in enumerate(zip(tap, others, strict=True)):
            start = index * axis.dilation
            stop = start + (axis.m - 1) * axis.stride + 1
            met = lax.slice_in_dim(met, start, stop, axis.stride, axis=3 + number)
        result.append((tap, met))
    return result


def refuses(problem: Correlation, platform: str) -> str | None:
    """Integer products are no faster than sums of shifts, and some platforms have none."""
    if not isinstance(problem.g, int):
        return "lax convolutions have no symbolic number of kernels"
    if not jnp.issubdtype(problem.dtype, jnp.inexact):
        return "matrix products of integers gain nothing"
    *others, _ = problem.axes
    few = problem.outputs if problem.is_short else problem.taps
    last = problem.axes[-1].m if problem.is_short else problem.axes[-1].k
    if others and few // max(last, 1) > 4096:
        return "more than 4096 products, one for each tap of the other axes"
    return None


def work(problem: Correlation) -> tuple[float, ...]:
    """Products of the long form; counts of the short one; outputs, inputs, entries of the bands.

    Last, matrix products after the first: there is one for each tap of the other axes. The first
    is infinite for problems of less than `SMALL` products.
    """
    calls = calls_of(problem)
    *others, axis = problem.axes
    further = math.prod(a.m if problem.is_short else a.k for a in others) - 1.0
    if problem.is_short:
        return calls, 0.0, *gram.work(problem), 0.0, 0.0, 0.0, further
    length = block_length(problem)
    lead = problem.g * problem.b * problem.o * problem.c
    width = (length - 1) * axis.stride + axis.span
    rows = math.prod(a.k * a.m for a in others)
    kernels = problem.g * problem.o * problem.c * math.prod(a.k for a in others)
    band_entries = kernels * length * width
    # In several dimensions the convolution reaches less than half of the speed.
    macs = lead * rows * axis.m * width * (2.5 if others else 1.0)
    moved = problem.inputs * width / (length * axis.stride)
    return calls, macs, 0.0, 0.0, 0.0, 0.0, problem.outputs, moved, band_entries, further


def scratch(problem: Correlation) -> float:
    """The band, or the frames of the signal where they are copied."""
    if problem.is_short:
        return gram.scratch(problem)
    *_, axis = problem.axes
    length = block_length(problem)
    width = (length - 1) * axis.stride + axis.span
    banded = float(problem.g * problem.o * problem.c * length * width)
    return banded + problem.inputs * width / (length * axis.stride) + problem.outputs


def error(problem: Correlation) -> float:
    """Of matrix products, which sum a few hundred terms one after the other."""
    if problem.is_short:
        return rounding_of_sums(problem, run=32, joined=2048)
    return rounding_of_sums(problem, run=256, joined=256)


def spread(problem: Correlation) -> tuple[int, ...]:
    """Whole blocks along the last axis: the band's zeros times a NaN are NaN."""
    *others, _ = windows(problem)
    *_, axis = problem.axes
    if problem.is_short:
        return (*others, axis.m)
    length = block_length(problem)
    hop = length * axis.stride
    frames_that_hold_it = -(-(hop - axis.stride + axis.span) // hop)
    return (*others, min(axis.m, frames_that_hold_it * length))


ENGINE = Engine(
    "toeplitz", run, refuses, work, block=block_length, scratch=scratch, error=error, spread=spread,
    multiplies=lambda _: True,
)  # fmt: skip
