"""Few outputs from long operands, where samples stand side by side behind the filtered axis.

The gradient by a short kernel along such an axis: for each tap the products of the signal and
the shifted output, summed over time. Each lane adds up products of a few rows for every tap at
once, so that memory is read once for all taps; the lanes are then summed.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation
from filtrax._engines.fold import labels_of
from filtrax._engines.taps import grouped_sum, widened
from filtrax._geometry import Axis

#: Products in the program, all taps together.
_TERMS = 128
#: The least rows that a lane adds up; fewer would write more than they read.
_LEAST = 8
#: The least samples side by side, and the most that rows of which stay in the cache.
_UNIT, _ROW = 16, 2048


def serves(problem: Correlation) -> bool:
    """Whether a problem is of this kind."""
    axes = problem.axes
    kinds = labels_of(axes)
    if not (problem.g == problem.b == problem.o == 1) or kinds.count(None) != 1:
        return False
    along = kinds.index(None)
    axis = axes[along]
    reach = (axis.m - 1) * axis.stride
    return (
        axis.dilation == axis.base == 1
        and axis.n == axis.k
        and 0 <= axis.lo <= reach
        and axis.k > 4 * (reach + _LEAST)
        and _TERMS // axis.m >= _LEAST
        and all(kind == "C" for kind in kinds[:along])
        and all(kind in "CG" for kind in kinds[along + 1 :] if kind is not None)
        and math.prod(a.n for a in axes[along + 1 :]) >= _UNIT
    )


def joins_signals(problem: Correlation) -> bool:
    """Whether sums run over several signals, so that products across them are taken away."""
    along = labels_of(problem.axes).index(None)
    return problem.c * math.prod(axis.n for axis in problem.axes[:along]) > 1


def products(problem: Correlation) -> float:
    """Products of the sums; those over long rows, which leave the cache, count twice."""
    along = labels_of(problem.axes).index(None)
    row = math.prod(axis.n for axis in problem.axes[along + 1 :])
    return problem.inputs * problem.axes[along].m * (2.0 if row > _ROW else 1.0)


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation of a problem that `serves` accepts."""
    kinds = labels_of(axes)
    along = kinds.index(None)
    axis = axes[along]
    sizes = [a.n for a in axes]
    inside = sizes[along + 1 :]
    rows = math.prod((lhs.shape[2], *sizes[: along + 1]))
    x, y = lhs.reshape(rows, -1), rhs.reshape(rows, -1)
    shifts = [tap * axis.stride - axis.lo for tap in range(axis.m)]
    step = min(_TERMS // axis.m, 16)
    first = axis.lo
    count = (rows - first - (axis.m - 1) * axis.stride + axis.lo) // step

    def product(shift: int, start: int, stop: int, stride: int = 1) -> jax.Array:
        theirs = lax.slice_in_dim(x, start + shift, stop + shift, stride)
        return widened(theirs) * widened(lax.slice_in_dim(y, start, stop, stride))

    def lane(shift: int) -> jax.Array:
        starts = range(first, first + step)
        return grouped_sum(product(shift, s, s + (count - 1) * step + 1, step) for s in starts)

    def crossing(shift: int) -> jax.Array:
        """What the rows left over add, and products across two signals take away."""
        stop = first + count * step
        total = product(shift, max(0, -shift), first).sum(0)
        total += product(shift, stop, rows - max(0, shift)).sum(0)
        signals = (rows // axis.n, axis.n, -1)
        if signals[0] == 1 or shift == 0:
            return total
        a, b = (x, y) if shift < 0 else (y, x)
        tails = widened(a.reshape(signals)[:-1, -abs(shift) :])
        heads = widened(b.reshape(signals)[1:, : abs(shift)])
        return total - (tails * heads).sum((0, 1))

    lanes = jnp.stack([lane(shift) for shift in shifts], axis=1).sum(0)
    out = lanes + jnp.stack([crossing(shift) for shift in shifts])
    out = out.reshape(axis.m, *inside)
    summed = tuple(1 + i for i, kind in enumerate(kinds[along + 1 :]) if kind == "C")
    out = out.sum(summed, keepdims=True)
    return out.reshape(1, 1, 1, *(a.m for a in axes)).astype(lhs.dtype)
