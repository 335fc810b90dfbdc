"""Blocks of the signal times a banded matrix: the products overlap, and are added.

The transpose of products of frames. There overlapping frames of the signal are copied; here blocks
lie side by side already, and nothing is copied. The product of a block holds all that its samples
contribute, to the outputs in its own place and to those beside it.
"""

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation
from filtrax._engines.blocks import band, pad
from filtrax._engines.pieces import pieces
from filtrax._geometry import Axis

#: With no more taps than this frames hold little that their neighbours hold, too.
_TAPS = 32
#: The shortest block and the longest, for the sake of the matrix unit.
_SHORTEST, _LONGEST = 32, 256
#: What a sample moved costs in a loop, times what it costs outside.
_LOOPED = 3


def serves(problem: Correlation) -> bool:
    """Whether products that overlap are faster than products of frames.

    Many kernels share the frames of a signal, and many channels are summed in a product of them.
    """
    *others, axis = problem.axes
    plain = not others and axis.stride == axis.base == 1 and not problem.is_short
    return plain and problem.c == problem.o == 1 and _TAPS < axis.span <= axis.m


def block_length(axis: Axis) -> int:
    """Samples in a block: half a kernel, so that it reaches one place to either side."""
    half = axis.span // 2
    return min(max(_SHORTEST, 1 << (half - 1).bit_length()), _LONGEST)


def _reach(axis: Axis) -> tuple[int, int]:
    """The first block that outputs in one place need, and the last, counted from that place."""
    length = block_length(axis)
    return -axis.lo // length, (length - 1 + axis.span - 1 - axis.lo) // length


def width(axis: Axis) -> int:
    """Outputs that a block contributes to."""
    first, last = _reach(axis)
    return (last - first + 1) * block_length(axis)


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation (G, B, 1, N) by (G, 1, 1, K) to (G, B, 1, M)."""
    (axis,) = axes
    g, b, _, n = lhs.shape
    length = block_length(axis)
    first, last = _reach(axis)
    places, blocks = -(-axis.m // length), -(-n // length)
    signal = pad(lhs, 3, (0, blocks * length - n)).reshape(g, b * blocks, length)
    matrix = _matrix(axis, rhs)
    if g == 1:
        product = jnp.dot(signal[0], matrix[0], precision=precision)
    else:
        product = jnp.einsum("gnj,gjw->gnw", signal, matrix, precision=precision)
    product = product.reshape(g, b, blocks, last - first + 1, length)

    def part(block: int) -> jax.Array:
        """What the blocks so many places behind the outputs contribute, and zeros past the ends."""
        return pad(product[:, :, :, last - block], 2, (-block, places + block - blocks))

    total = part(last)
    for block in range(first, last):
        total = total + part(block)
    return total.reshape(g, b, 1, places * length)[..., : axis.m]


def _matrix(axis: Axis, rhs: jax.Array) -> jax.Array:
    """What each sample of a block contributes (G, length, width)."""
    _, last = _reach(axis)
    length = block_length(axis)
    rows = band(axis, lax.rev(rhs[:, 0, 0], (1,)), length)
    before = last * length - (axis.span - 1 - axis.lo)
    return pad(rows, 2, (before, width(axis) - before - rows.shape[-1]))


def work(problem: Correlation) -> tuple[float, float, float]:
    """Products, samples moved, and entries of the matrix.

    What is written to be added costs as frames do, and in a loop over pieces is added on one core.
    """
    (axis,) = problem.axes
    length = block_length(axis)
    samples = problem.g * problem.b * -(-axis.n // length) * length
    moved = problem.inputs * (1 if _pieces(problem) == 1 else _LOOPED)
    return float(samples * width(axis)), float(moved), float(problem.g * length * width(axis))


def _pieces(problem: Correlation) -> int:
    rows = max(problem.g, problem.b)
    return pieces(rows, problem.g * problem.b * problem.axes[0].n, problem.dtype)


def scratch(problem: Correlation) -> float:
    """The matrix, and the products of a piece of the signal."""
    products, _, entries = work(problem)
    return entries + products / block_length(problem.axes[0]) / _pieces(problem)
