"""Few outputs from long operands: the gradient by a kernel of few taps.

For each tap the products of the signal and the shifted output, summed over time. Time is cut into
equal segments that stand side by side: each lane adds up one product of every segment, which XLA
turns into vector instructions where a plain sum over time is a chain of single additions. The lanes
are then summed, and the samples near the edges, whose windows leave the signal, go apart. Of images
the rows are time.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

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
    first, *_ = axes = problem.axes
    return (
        problem.b == problem.o == 1
        and all(not axis.paired and axis.dilation == axis.base == 1 for axis in axes)
        and 1 < math.prod(axis.m for axis in axes) <= _OUTPUTS
        and first.k > 2 * first.m * first.stride
        and _cut(axes) is not None
    )


def _cut(axes: tuple[Axis, ...]) -> tuple[int, int, int] | None:
    """The first sample of rhs in a segment, the number of segments and their length."""
    axis, *others = axes
    row = math.prod(other.k for other in others)
    begin = max(axis.lo, 0)
    # Taps from `begin` to `end` meet samples of the signal in every output.
    end = min(axis.k, axis.n + axis.lo - (axis.m - 1) * axis.stride)
    for count in _SEGMENTS:
        length = (end - begin) // count
        if length * row >= _LEAST:
            return begin, count, length
    return None


def products(problem: Correlation) -> float:
    """Products of the sums."""
    return float(problem.multiplications)


def scratch(problem: Correlation) -> float:
    """A padded copy of the signal, where it is padded along other axes."""
    return float(problem.inputs) if len(problem.axes) > 1 else 0.0


def padded(axes: tuple[Axis, ...], lhs: jax.Array) -> tuple[tuple[Axis, ...], jax.Array]:
    """The problem with the zeros beyond the axes that are not cut, for `run`.

    Where loops are kept from being fused, this is to be done outside.
    """
    first, *others = axes
    for number, axis in enumerate(others):
        lhs = pad(lhs, 4 + number, (axis.lo, axis.hi))
    sizes = zip(others, lhs.shape[4:], strict=True)
    return (first, *(replace(axis, n=n, lo=0) for axis, n in sizes)), lhs


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation of a problem that `serves` accepts, `padded`."""
    first, *others = axes
    cut = _cut(axes)
    assert cut is not None
    begin, count, length = cut

    x, taps = lhs[:, 0], rhs[:, 0]
    outputs = list(itertools.product(*(range(0, a.m * a.stride, a.stride) for a in axes)))
    starts = range(begin, begin + count * length, length)
    # The zeros that windows near the edges meet.
    ends = [each for each in ((0, begin), (starts.stop, first.k)) if each[0] < each[1]]
    (reach, *_) = outputs[-1]
    strips = [pad(x, 2, (first.lo - a, b - first.lo + reach - first.n)) for a, b in ends]

    def products(samples: jax.Array, corner: Sequence[int], start: int, stop: int) -> jax.Array:
        sizes = (stop - start, *(axis.k for axis in others))
        upper = (*x.shape[:2], *(at + size for at, size in zip(corner, sizes, strict=True)))
        met = lax.slice(samples, (0, 0, *corner), upper)
        return widened(met) * widened(lax.slice_in_dim(taps, start, stop, axis=2))

    def lane(ahead: int, *rest: int) -> jax.Array:
        places = ((s + ahead - first.lo, *rest) for s in starts)
        return grouped_sum(
            products(x, at, s, s + length) for at, s in zip(places, starts, strict=True)
        )

    def sums(parts: list[jax.Array]) -> jax.Array:
        # (G, C, M, length, ...): rows first, so that their sum is one of whole vectors.
        lanes = jnp.stack(parts, axis=2).sum(1)
        return lanes.sum(tuple(range(2, lanes.ndim)))

    def together(outputs: list[tuple[int, ...]]) -> jax.Array:
        out = sums([lane(*each) for each in outputs])
        for strip, cut in zip(strips, ends, strict=True):
            out += sums([products(strip, each, *cut) for each in outputs])
        return out

    loops = -(-len(outputs) // _TOGETHER)
    cuts = [len(outputs) * i // loops for i in range(loops + 1)]
    out = jnp.concatenate([together(outputs[i:j]) for i, j in itertools.pairwise(cuts)], axis=-1)
    return out.reshape(-1, 1, 1, *(axis.m for axis in axes)).astype(lhs.dtype)
