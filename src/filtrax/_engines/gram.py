"""Long kernels and short outputs by matrix products: the shape of every gradient by a kernel.

Blocks of the kernel times the frames of the signal that they meet, summed over all blocks, hold
each output along a diagonal: a Gram matrix of lagged samples.
"""

import itertools
import math
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation
from filtrax._engines.blocks import frames, hops, pad, window
from filtrax._geometry import Axis

#: Frames of up to so many hops are copied; from longer ones each hop is multiplied by itself.
_COPIED = 2.0


def block_length(axis: Axis) -> int:
    """Taps in one block: long ones waste products off the diagonals, short ones the matrix unit."""
    outputs = (axis.m - 1) * axis.stride + 1
    return min(16 if outputs <= 20 else 32 if outputs <= 100 else 128, axis.k)


def _width(axis: Axis, length: int) -> int:
    """Samples that a block meets."""
    return (length - 1) * axis.dilation + (axis.m - 1) * axis.stride + 1


def _is_copied(axis: Axis, length: int) -> bool:
    return _width(axis, length) <= _COPIED * length * axis.dilation


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation by blocks along the last axis."""
    *_, axis = axes
    is_plain = len(axes) == axis.stride == axis.dilation == axis.base == 1
    if is_plain and axis.n % block_length(axis) == 0:
        # Blocks of the signal cost nothing then, and padding the other operand goes into the pass
        # that computes it: it is a cotangent.
        turned = replace(axis, n=axis.k, k=axis.n, lo=axis.m - 1 - axis.lo)
        return jnp.swapaxes(_run((turned,), rhs, lhs, precision), 1, 2)[..., ::-1]
    return _run(axes, lhs, rhs, precision)


def _run(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, precision: lax.Precision
) -> jax.Array:
    *others, axis = axes
    length = block_length(axis)
    count = -(-axis.k // length)
    width = _width(axis, length)
    hop = length * axis.dilation
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
        if _is_copied(axis, length):
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


def work(problem: Correlation) -> tuple[float, float, float, float]:
    """Products with frames that are copied, those with hops, inputs and entries of the matrix."""
    *others, axis = problem.axes
    length = block_length(axis)
    width = _width(axis, length)
    lead = problem.g * problem.b * problem.o
    macs = lead * problem.c * math.prod(a.k * a.m for a in others) * axis.k * float(width)
    is_copied = _is_copied(axis, length)
    if problem.g > 1:
        # Many small products, and more of them where frames are not copied.
        macs *= 2 if is_copied else 5
    return (
        *((macs, 0.0) if is_copied else (0.0, macs)),
        float(problem.inputs * math.prod(a.m for a in others)),
        float(lead * length * width),
    )


def scratch(problem: Correlation) -> float:
    """The signal with its padding, and its frames where they are copied."""
    *_, axis = problem.axes
    length = block_length(axis)
    copies = _width(axis, length) / (length * axis.dilation) if _is_copied(axis, length) else 1.0
    return problem.inputs * (1.0 + copies)
