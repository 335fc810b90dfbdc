"""Few outputs from long operands along the last axis: the gradient by a kernel of few taps.

For each tap the products of the signal and the shifted output, summed over time. Time is cut into
equal segments that stand side by side: each lane adds up one product of every segment, which XLA
turns into vector instructions where a plain sum over time is a chain of single additions. The lanes
are then summed, and the samples near the edges, whose windows leave the signal, go apart.
"""

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines import gram
from filtrax._engines.base import Correlation
from filtrax._engines.taps import grouped_sum, widened
from filtrax._geometry import Axis

#: Past this many outputs matrix products win.
_OUTPUTS = 16
#: Segments: many write little, few compile fast. None is shorter than the last number of samples,
#: and the most are for no more outputs than the number before it.
_SEGMENTS, _FEW, _LEAST = (32, 16, 8, 4), 4, 32


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
    for count in _SEGMENTS[axis.m > _FEW :]:
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

    def segment(array: jax.Array, start: int) -> jax.Array:
        return widened(lax.slice_in_dim(array[:, 0], start, start + length, axis=-1))

    def lane(output: int) -> jax.Array:
        ahead = output * axis.stride - axis.lo
        starts = range(begin, begin + count * length, length)
        return grouped_sum(segment(lhs, s + ahead) * segment(rhs, s) for s in starts)

    # (G, C, M, length): rows first, so that their sum is one of whole vectors.
    lanes = jnp.stack([lane(output) for output in range(axis.m)], axis=2)
    out = lanes.sum(1).sum(-1)[:, None, None]
    for start, stop in ((0, begin), (begin + count * length, axis.k)):
        if start < stop:
            few = Axis(axis.n, stop - start, axis.m, axis.lo - start, axis.stride)
            taps = lax.slice_in_dim(rhs, start, stop, axis=-1)
            out += gram.run((few,), widened(lhs), widened(taps), precision, platform)
    return out.astype(lhs.dtype)
