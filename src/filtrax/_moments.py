"""Mean and variance under a sliding window, without cancellation, at a cost of its logarithm.

Two sets of samples are merged by the rule of Chan, Golub and LeVeque (1979): counts, means and
sums of squared deviations of the parts give those of the union by additions of positive terms
only. A window is merged from runs of 1, 2, 4, ... samples. So a window over equal samples has a
variance of exactly zero, wherever its mean lies, and a NaN spoils the windows that hold it only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


@dataclass(frozen=True, slots=True)
class Window:
    """``count`` windows of ``width`` samples, one sample apart, the first from ``start`` on.

    What lies outside the signal is no part of a window.
    """

    start: int
    count: int
    width: int

    def overlap(self, n: int) -> np.ndarray:
        """How many of n samples each window holds."""
        first = self.start + np.arange(self.count)
        inside = np.minimum(first + self.width, n) - np.maximum(first, 0)
        return np.maximum(inside, 0)


class _Sets(NamedTuple):
    """Sets of samples along the last axis: how many in each, mean, squared deviations.

    ``count`` is a vector, or one number where all sets are of one size.
    """

    count: Any
    mean: jax.Array
    scatter: jax.Array

    def part(self, *bounds: int | None) -> "_Sets":
        """A slice of the sets."""
        cut = slice(*bounds)
        count = self.count if np.ndim(self.count) == 0 else self.count[cut]
        return _Sets(count, self.mean[..., cut], self.scatter[..., cut])


def sliding_moments(x: jax.Array, windows: Mapping[int, Window]) -> tuple[jax.Array, jax.Array]:
    """The mean and the (population) variance under each window, zero where a window is empty.

    Args:
        x: floating or complex samples.
        windows: for each axis (not negative) its windows; boxes, if there are several.

    Returns:
        Two arrays of x's rank; along a windowed axis they have the size ``count``, or 1 where
        all windows hold the whole axis.
    """
    mean, variance = x, jnp.zeros(x.shape, jnp.finfo(x.dtype).dtype)
    for axis, window in windows.items():
        sets = _windowed(jnp.moveaxis(mean, axis, -1), jnp.moveaxis(variance, axis, -1), window)
        mean = jnp.moveaxis(sets.mean, -1, axis)
        variance = jnp.moveaxis(sets.scatter / jnp.maximum(sets.count, 1), -1, axis)
    return mean, variance


def _windowed(mean: jax.Array, variance: jax.Array, window: Window) -> _Sets:
    """One axis, the last; the entries may be windows over other axes, all of one weight."""
    n, stretch = mean.shape[-1], window.count + window.width - 1
    margins = (-window.start, window.start + stretch - n)
    count: Any = 1.0
    if max(margins) > 0:
        position = jnp.arange(stretch, dtype=jnp.int32) + window.start
        count = ((position >= 0) & (position < n)).astype(variance.dtype)
    sets = _Sets(count, _pad(mean, margins), _pad(variance, margins))
    if window.width < window.count:
        return _slide(sets, window.width)
    # All windows share a core; what is left of it and right of it slides, as one short signal.
    core = _union(sets.part(window.count - 1, window.width))
    holds_all = window.start + window.count - 1 <= 0 and window.start + window.width >= n
    if holds_all or window.count == 1:
        return core
    edges = _join(sets.part(window.count - 1), sets.part(window.width, None))
    return _merge(core, _slide(edges, window.count - 1))


def _pad(array: jax.Array, margins: tuple[int, int]) -> jax.Array:
    config = [(0, 0, 0)] * (array.ndim - 1) + [(*margins, 0)]
    return lax.pad(array, jnp.zeros((), array.dtype), config)


def _join(a: _Sets, b: _Sets) -> _Sets:
    count, last = a.count, a.mean.ndim - 1
    if np.ndim(a.count) or np.ndim(b.count) or a.count != b.count:
        count = jnp.concatenate([
            jnp.broadcast_to(jnp.asarray(each.count, each.scatter.dtype), each.mean.shape[-1:])
            for each in (a, b)
        ])  # fmt: skip
    return _Sets(
        count,
        lax.concatenate([a.mean, b.mean], last),
        lax.concatenate([a.scatter, b.scatter], last),
    )


def _slide(sets: _Sets, width: int) -> _Sets:
    """The union of each ``width`` neighbours, from the binary digits of ``width``."""
    outputs = sets.mean.shape[-1] - width + 1
    done, offset, size = None, 0, 1
    while True:
        if width & size:
            part = sets.part(offset, offset + outputs)
            done = part if done is None else _merge(done, part)
            offset += size
        if 2 * size > width:
            break
        sets = _merge(sets.part(-size), sets.part(size, None))
        size *= 2
    assert done is not None
    return done


def _union(sets: _Sets) -> _Sets:
    """All in one, by halves."""
    while (length := sets.mean.shape[-1]) > 1:
        half = length // 2
        merged = _merge(sets.part(half), sets.part(half, 2 * half))
        sets = _join(merged, sets.part(2 * half, None)) if length % 2 else merged
    return sets


def _merge(a: _Sets, b: _Sets) -> _Sets:
    count = a.count + b.count
    share = b.count / jnp.maximum(count, 1) if np.ndim(count) else b.count / max(count, 1)
    apart = b.mean - a.mean
    if jnp.iscomplexobj(apart):
        squared = jnp.square(apart.real) + jnp.square(apart.imag)
        shift = lax.complex(apart.real * share, apart.imag * share)
    else:
        squared, shift = jnp.square(apart), apart * share
    scatter = a.scatter + b.scatter + squared * (a.count * share)
    # A barrier: else XLA computes every level anew for each of its readers.
    return _Sets(count, *lax.optimization_barrier((a.mean + shift, scatter)))
