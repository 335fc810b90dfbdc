"""Working through a large problem piece by piece, so that temporary arrays stay small.

Transforms need several times the memory of the signal. Past the size of the caches fresh memory
costs more than the arithmetic, so many rows go a few at a time, through the same small arrays.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Run, is_short
from filtrax._engines.blocks import pad
from filtrax._geometry import Axis

#: Bytes of the signal in a piece: fresh memory for all temporary arrays of larger ones would be
#: asked of the system at each call.
PIECE = 1 << 22


def in_pieces(run: Run) -> Run:
    """An engine that is given as many kernels, rows or channels at once as make up a piece."""

    def split(
        axes: tuple[Axis, ...],
        lhs: jax.Array,
        rhs: jax.Array,
        precision: lax.Precision,
        platform: str,
    ) -> jax.Array:
        def piece(lhs: jax.Array, rhs: jax.Array) -> jax.Array:
            return run(axes, lhs, rhs, precision, platform)

        sizes = (*lhs.shape[:3], rhs.shape[1])
        if platform != "cpu" or not all(isinstance(size, int) for size in sizes):
            return piece(lhs, rhs)
        g, b, c, o = sizes
        outputs = (g, b, o, *(axis.m for axis in axes))
        samples = max(math.prod(shape) for shape in (lhs.shape, rhs.shape, outputs))
        number = pieces(max(g, b, c), samples, lhs.dtype)
        if g == 1:
            # What each piece makes anew, of all kernels or sums, is not more than its own rows.
            few, many = sorted((b, c))
            number = min(number, many * (few + o) // (few * o))
        if number <= 1:
            return piece(lhs, rhs)
        if g == max(g, b, c):
            return _stacked(piece, (lhs, rhs), 0, number, outputs)
        if g == 1 and b == max(b, c):
            return _stacked(lambda rows: piece(rows, rhs), (lhs,), 1, number, outputs)
        if g == 1 and is_short(axes):
            return _summed(piece, (lhs, rhs), number)
        return piece(lhs, rhs)

    return split


def _stacked(
    piece: Callable[..., jax.Array],
    operands: tuple[jax.Array, ...],
    axis: int,
    number: int,
    outputs: tuple[int, ...],
) -> jax.Array:
    """The outputs of pieces along an axis, before which all sizes are one.

    Where there are too few rows for the last piece, it takes some of the piece before it again.
    """
    rows = outputs[axis]
    size = -(-rows // number)

    def write(index: jax.Array, out: jax.Array) -> jax.Array:
        done = piece(*(_taken(operand, axis, index, size) for operand in operands))
        return lax.dynamic_update_slice_in_dim(out, done.reshape(size, -1), index * size, 0)

    # Not zeros: what comes of the operands varies over a mesh as they do.
    corner = math.prod(operand.reshape(-1)[0] for operand in operands)
    out = jnp.broadcast_to(corner, (rows, math.prod(outputs) // rows))
    return lax.fori_loop(0, -(-rows // size), write, out).reshape(outputs)


def _summed(
    piece: Callable[..., jax.Array], operands: tuple[jax.Array, ...], number: int
) -> jax.Array:
    """The sum of the outputs of pieces along the channels."""
    channels = operands[0].shape[2]
    size = -(-channels // number)
    number = -(-channels // size)
    padded = [pad(operand, 2, (0, number * size - channels)) for operand in operands]

    # Each in a turn of a loop, not the first before it: a loop of one turn would be unrolled, and
    # the temporary arrays of two pieces be there at once.
    return lax.map(
        lambda index: piece(*(_taken(operand, 2, index, size) for operand in padded)),
        jnp.arange(number),
    ).sum(0)


def _taken(operand: jax.Array, axis: int, index: jax.Array, size: int) -> jax.Array:
    """A piece of an operand along an axis, or as many of the last entries."""
    # As few axes as possible: of more XLA might choose another layout, by copies.
    before = math.prod(operand.shape[:axis])
    merged = operand.reshape(before, operand.shape[axis], -1)
    piece = lax.dynamic_slice_in_dim(merged, index * size, size, axis=1)
    return piece.reshape(*operand.shape[:axis], size, *operand.shape[axis + 1 :])


def samples_in_piece(dtype: jnp.dtype) -> int:
    """Samples of the signal in a piece; those of half precision are converted before."""
    return PIECE // max(dtype.itemsize, 4)


def pieces(rows: int, samples: int, dtype: jnp.dtype) -> int:
    """The number of pieces of whole rows that are small enough, if possible equal ones."""
    least = min(-(-samples // samples_in_piece(dtype)), rows)
    equal = (number for number in range(least, 2 * least) if rows % number == 0)
    return next(equal, least)
