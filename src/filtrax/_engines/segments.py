"""Few outputs from long operands along the last axis: the gradient by a kernel of few taps.

For each tap the products of the signal and the shifted output, summed over time. Time is cut into
equal segments that stand side by side: each lane adds up one product of every segment, which XLA
turns into vector instructions where a plain sum over time is a chain of single additions. The lanes
are then summed, and the samples near the edges, whose windows leave the signal, go apart.
"""

import itertools

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation
from filtrax._engines.blocks import pad
from filtrax._engines.taps import grouped_sum, widened
from filtrax._geometry import Axis

#: Past this many outputs matrix products win.
_OUTPUTS = 16
#: Segments: many write little, few compile fast; and the least samples of one.
_SEGMENTS, _LEAST = (16, 8, 4), 16
#: The most outputs that one loop computes: of more XLA makes a loop for each tap.
_TOGETHER = 6


def serves(problem: Correlation) -> bool:
    """Whether a problem is of this kind."""
    if len(problem.axes) != 1 or not problem.b == problem.o == 1:
        return False
    (axis,) = problem.axes
    return (
        not axis.paired
        and axis.dilation == axis.base == 1
        and 1 < axis.m <= _OUTPUTS
        and axis.k > 2 * axis.m * axis.stride
        and _cut(axis) is not None
    )


def _cut(axis: Axis) -> tuple[int, int, int] | None:
    """The first sample of rhs in a segment, the number of segments and their length."""
    begin = max(axis.lo, 0)
    # Taps from `begin` to `end` meet samples of the signal in every output.
    end = min(axis.k, axis.n + axis.lo - (axis.m - 1) * axis.stride)
    for count in _SEGMENTS:
        if end - begin >= count * _LEAST:
            return begin, count, (end - begin) // count
    return None


def products(problem: Correlation) -> float:
    """Products of the sums."""
    return float(problem.multiplications)


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation of a problem that `serves` accepts."""
    (axis,) = axes
    cut = _cut(axis)
    assert cut is not None
    begin, count, length = cut

    x, taps = lhs[:, 0], rhs[:, 0]
    aheads = range(0, axis.m * axis.stride, axis.stride)
    starts = range(begin, begin + count * length, length)
    # The zeros that windows near the edges meet.
    ends = [each for each in ((0, begin), (starts.stop, axis.k)) if each[0] < each[1]]
    reach = aheads[-1]
    padded = [pad(x, 2, (axis.lo - a, b - axis.lo + reach - axis.n)) for a, b in ends]

    def products(samples: jax.Array, first: int, start: int, stop: int) -> jax.Array:
        met = lax.slice_in_dim(samples, first, first + stop - start, axis=-1)
        return widened(met) * widened(lax.slice_in_dim(taps, start, stop, axis=-1))

    def lane(ahead: int) -> jax.Array:
        return grouped_sum(products(x, s + ahead - axis.lo, s, s + length) for s in starts)

    def sums(parts: list[jax.Array]) -> jax.Array:
        # (G, C, M, length): rows first, so that their sum is one of whole vectors.
        return jnp.stack(parts, axis=2).sum(1).sum(-1)

    def outputs(aheads: range) -> jax.Array:
        out = sums([lane(ahead) for ahead in aheads])
        for samples, cut in zip(padded, ends, strict=True):
            out += sums([products(samples, ahead, *cut) for ahead in aheads])
        return out

    loops = -(-axis.m // _TOGETHER)
    cuts = [axis.m * i // loops for i in range(loops + 1)]
    out = jnp.concatenate([outputs(aheads[i:j]) for i, j in itertools.pairwise(cuts)], axis=-1)
    out = out[:, None, None]
    return out.astype(lhs.dtype)
