"""Matrix products: blocks of outputs from frames of the signal and a banded matrix of taps.

Long signals and short kernels: L outputs at a time are a frame of the signal times a banded
Toeplitz matrix. Long kernels and short outputs (every gradient by the kernel) are the dual: the
product of blocks of the kernel with frames of the signal, summed along its diagonals.
"""

import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation, Engine, is_short, rounding_of_sums, windows
from filtrax._engines.blocks import frames, hops, pad, window
from filtrax._geometry import Axis

#: Frames of up to so many hops are copied; from longer ones each hop is multiplied by itself.
_COPIED = 2.0


def block_length(axes: tuple[Axis, ...]) -> int:
    """Outputs in one block (or taps, where the kernel is the long one).

    Long blocks waste products on the band's corners, short ones waste the matrix unit.
    """
    if is_short(axes):
        outputs = (axes[-1].m - 1) * axes[-1].stride + 1
        return min(16 if outputs <= 20 else 32 if outputs <= 100 else 128, axes[-1].k)
    return min(max(64, 1 << (axes[-1].span - 1).bit_length()), 256)


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation as matrix products along the last axis."""
    if is_short(axes):
        return _gram(axes, lhs, rhs, precision)
    return _framed(axes, lhs, rhs, precision)


def band(axis: Axis, rhs: jax.Array, length: int) -> jax.Array:
    """The matrix (..., length, width) whose row l holds the taps, shifted by l strides."""
    taps = pad(rhs, rhs.ndim - 1, (0, 0), axis.dilation - 1)
    width = (length - 1) * axis.stride + axis.span
    # Rows of a width one stride too large, read at the right width, shift by themselves.
    row = pad(taps, taps.ndim - 1, (0, width + axis.stride - axis.span))
    rows = jnp.broadcast_to(row[..., None, :], (*row.shape[:-1], length, row.shape[-1]))
    flat = rows.reshape(*row.shape[:-1], length * row.shape[-1])
    return flat[..., : length * width].reshape(*row.shape[:-1], length, width)


def _framed(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, precision: lax.Precision
) -> jax.Array:
    """As a product of explicit frames with the band, for each tap of the other axes.

    A strided convolution with L output channels copies no frame and is a little faster, but not
    inside a loop: there XLA's CPU convolutions are 16 times slower.
    """
    *others, axis = axes
    length = block_length(axes)
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


def _gram(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, precision: lax.Precision
) -> jax.Array:
    """As a product of blocks of the kernel with frames of the signal, diagonals summed."""
    *others, axis = axes
    length = block_length(axes)
    count = -(-axis.k // length)
    width = (length - 1) * axis.dilation + (axis.m - 1) * axis.stride + 1
    blocks = pad(rhs, rhs.ndim - 1, (0, count * length - axis.k))
    blocks = blocks.reshape(*rhs.shape[:-1], count, length)
    signal = window(lhs, tuple(others))
    rows = []
    # Here the other axes' outputs are the few: one product for each.
    for at in itertools.product(*(range(a.m) for a in others)):
        met = signal
        for number, (index, other) in enumerate(zip(at, others, strict=True)):
            start = index * other.stride
            stop = start + other.span
            met = lax.slice_in_dim(met, start, stop, other.dilation, axis=3 + number)
        hop = length * axis.dilation
        if width <= _COPIED * hop:
            met = [frames(met, axis, count, hop, width)]
        else:
            met = hops(met, axis, count, hop, width)
        parts = [_sum_of_products(blocks, part, precision) for part in met]
        rows.append(_diagonals(axis, jnp.concatenate(parts, axis=-1)))
    out = jnp.stack(rows, axis=3)
    return out.reshape(*out.shape[:3], *(a.m for a in others), axis.m)


def _sum_of_products(blocks: jax.Array, met: jax.Array, precision: lax.Precision) -> jax.Array:
    """(G, O, C, ..., L) and (G, B, C, ..., W) to (G, B, O, L, W)."""
    g, o, *_, length = blocks.shape
    b, width = met.shape[1], met.shape[-1]
    blocks = blocks.reshape(g, o, -1, length)
    met = met.reshape(g, b, -1, width)
    if g == b == o == 1:
        # Without batch dimensions XLA's product of few rows by long columns is twice as fast.
        contracted = (((0,), (0,)), ((), ()))
        product = lax.dot_general(blocks[0, 0], met[0, 0], contracted, precision=precision)
        return product[None, None, None]
    return jnp.einsum("gonl,gbnw->gbolw", blocks, met, precision=precision)


def _diagonals(axis: Axis, product: jax.Array) -> jax.Array:
    """The sums along the diagonals: (G, B, O, L, W) to (G, B, O, M)."""
    *lead, length, width = product.shape
    # Read at a width one dilation larger, the diagonals stand in columns.
    flat = product.reshape(*lead, length * width)
    flat = pad(flat, flat.ndim - 1, (0, length * axis.dilation))
    skewed = flat.reshape(*lead, length, width + axis.dilation)
    return skewed[..., : (axis.m - 1) * axis.stride + 1 : axis.stride].sum(axis=-2)


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
    """Products of the long form; products and inputs of the short one; outputs, inputs, band."""
    *_, axis = problem.axes
    length = block_length(problem.axes)
    lead = problem.g * problem.b * problem.o * problem.c
    if problem.is_short:
        width = (length - 1) * axis.dilation + (axis.m - 1) * axis.stride + 1
        rows = math.prod(a.k * a.m for a in problem.axes[:-1])
        macs = lead * rows * axis.k * float(width)
        if problem.g > 1:
            # Many small products, and more of them where frames are not copied.
            macs *= 2 if width <= _COPIED * length * axis.dilation else 5
        copied = problem.inputs * math.prod(a.m for a in problem.axes[:-1])
        products = problem.g * problem.b * problem.o * length * width
        return 1.0, 0.0, macs, float(copied), float(products), 0.0, 0.0
    width = (length - 1) * axis.stride + axis.span
    rows = math.prod(a.k * a.m for a in problem.axes[:-1])
    band_entries = problem.g * problem.o * problem.c * length * width
    # In several dimensions the convolution reaches less than half of the speed.
    macs = lead * rows * axis.m * width * (1.0 if len(problem.axes) == 1 else 2.5)
    return 1.0, macs, 0.0, 0.0, problem.outputs, problem.inputs, band_entries


def scratch(problem: Correlation) -> float:
    """The band, or the frames of the signal where they are copied."""
    *_, axis = problem.axes
    length = block_length(problem.axes)
    if problem.is_short:
        width = (length - 1) * axis.dilation + (axis.m - 1) * axis.stride + 1
        hop = length * axis.dilation
        copies = width / hop if width <= _COPIED * hop else 1.0
        return problem.inputs * (1.0 + copies)
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
    length = block_length(problem.axes)
    hop = length * axis.stride
    frames_that_hold_it = -(-(hop - axis.stride + axis.span) // hop)
    return (*others, min(axis.m, frames_that_hold_it * length))


ENGINE = Engine(
    "toeplitz", run, refuses, work, block=lambda problem: block_length(problem.axes),
    scratch=scratch, error=error, spread=spread, multiplies=lambda _: True,
)  # fmt: skip
