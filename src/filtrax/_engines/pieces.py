"""Working through a large problem piece by piece, so that temporary arrays stay small.

Transforms need several times the memory of the signal. Past the size of the caches fresh memory
costs more than the arithmetic, so many rows go a few at a time, through the same small arrays.
"""

import math

import jax
from jax import lax

from filtrax._engines.base import Run, is_short
from filtrax._geometry import Axis

#: Samples of the signal in a piece.
PIECE = 1 << 20


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
        samples = max(math.prod(lhs.shape), math.prod(rhs.shape))
        number = pieces(max(g, b, c), samples)
        if number == 1:
            return piece(lhs, rhs)
        # Pieces are cut from vectors: of more axes XLA might choose another layout, by copies.
        if g == max(g, b, c):
            shapes = [(g // number, *a.shape[1:]) for a in (lhs, rhs)]
            out = lax.map(
                lambda each: piece(each[0].reshape(shapes[0]), each[1].reshape(shapes[1])),
                tuple(a.reshape(number, -1) for a in (lhs, rhs)),
            )
            return out.reshape(g, *out.shape[2:])
        if g == 1 and b == max(b, c):
            shape = (1, b // number, *lhs.shape[2:])
            out = lax.map(lambda rows: piece(rows.reshape(shape), rhs), lhs.reshape(number, -1))
            return out.reshape(1, b, *out.shape[3:])
        if g == b == o == 1 and is_short(axes):
            parts = [a.reshape(number, -1) for a in (lhs, rhs)]
            shapes = [(1, 1, c // number, *a.shape[3:]) for a in (lhs, rhs)]

            def one(index: int | jax.Array) -> jax.Array:
                taken = (lax.dynamic_index_in_dim(p, index, keepdims=False) for p in parts)
                return piece(*(t.reshape(s) for t, s in zip(taken, shapes, strict=True)))

            # Start from the first piece, not from zeros: it varies over a mesh as the rest does.
            return lax.fori_loop(1, number, lambda i, total: total + one(i), one(0))
        return piece(lhs, rhs)

    return split


def pieces(rows: int, samples: int) -> int:
    """The least number of equal pieces of whole rows that are small enough, or one for each."""
    for number in range(-(-samples // PIECE), rows):
        if rows % number == 0:
            return number
    return rows if samples > PIECE else 1
