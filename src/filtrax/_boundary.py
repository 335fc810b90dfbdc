"""What lies outside the signal: extending an array beyond its ends.

A boundary other than zero is a real extension of the array, done before any engine runs (of large
arrays by a compiled kernel, a band at a time: `_bounded`). The extension is described once, in
integers, as the source index of every sample outside; arrays follow it run by run, so that the
usual short margin costs a slice, a flip or a broadcast.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

#: With more runs than this (a margin many times the signal) one gather is cheaper.
_MAX_RUNS = 8


@dataclass(frozen=True, slots=True)
class Run:
    """``count`` consecutive source samples from ``first``, ``step`` apart (1, -1 or 0)."""

    first: int
    step: int
    count: int


def source_index(n: int, start: int, stop: int, boundary: str) -> np.ndarray:
    """For positions ``start..stop-1`` of the infinite extension, the sample that stands there.

    Positions may be negative or beyond ``n``; the rules are those of `numpy.pad`, repeated as
    often as needed.
    """
    position = np.arange(start, stop)
    if boundary == "edge":
        return np.clip(position, 0, n - 1)
    if boundary == "wrap":
        return position % n
    # Both reflections are even and periodic; they differ in whether the end sample repeats.
    period = 2 * n if boundary == "symmetric" else max(2 * (n - 1), 1)
    position = position % period
    return np.minimum(position, period - (boundary == "symmetric") - position)


@lru_cache(maxsize=1024)
def margin_runs(n: int, start: int, stop: int, boundary: str) -> tuple[Run, ...]:
    """The source index of a margin, cut into runs of constant step."""
    index = source_index(n, start, stop, boundary).tolist()
    runs: list[Run] = []
    at = 0
    while at < len(index):
        step = index[at + 1] - index[at] if at + 1 < len(index) else 1
        if step not in (-1, 0, 1):
            step = 1
        end = at + 1
        while end < len(index) and index[end] - index[end - 1] == step:
            end += 1
        runs.append(Run(index[at], step, end - at))
        at = end
    return tuple(runs)


def extend(
    x: jax.Array, axis: int, padding: tuple[int, int], boundary: str, fill: Any = None
) -> jax.Array:
    """Extends x along one axis by ``(lo, hi)`` samples; negative numbers drop samples.

    Args:
        x: the array.
        axis: the axis, not negative.
        padding: samples to add before and after.
        boundary: a name of ``BOUNDARIES``, or ``"constant"``.
        fill: the constant, a scalar of x's dtype.
    """
    n = x.shape[axis]
    start, stop = -padding[0], n + padding[1]
    inside = max(start, 0), min(stop, n)
    parts = []
    if start < 0:
        parts.append(_margin(x, axis, start, min(stop, 0), boundary, fill))
    if inside[0] < inside[1]:
        parts.append(lax.slice_in_dim(x, *inside, axis=axis))
    if stop > n:
        parts.append(_margin(x, axis, max(start, n), stop, boundary, fill))
    return parts[0] if len(parts) == 1 else lax.concatenate(parts, axis)


def _margin(x: jax.Array, axis: int, start: int, stop: int, boundary: str, fill: Any) -> jax.Array:
    n = x.shape[axis]
    if boundary in ("constant", "zero"):
        shape = (*x.shape[:axis], stop - start, *x.shape[axis + 1 :])
        return jnp.broadcast_to(jnp.asarray(0 if fill is None else fill, x.dtype), shape)
    runs = margin_runs(n, start, stop, boundary)
    if len(runs) > _MAX_RUNS:
        return jnp.take(x, source_index(n, start, stop, boundary), axis=axis)
    parts = [_follow(x, axis, run) for run in runs]
    return parts[0] if len(parts) == 1 else lax.concatenate(parts, axis)


def _follow(x: jax.Array, axis: int, run: Run) -> jax.Array:
    if run.step == 0:
        sample = lax.slice_in_dim(x, run.first, run.first + 1, axis=axis)
        return jnp.broadcast_to(sample, (*x.shape[:axis], run.count, *x.shape[axis + 1 :]))
    if run.step > 0:
        return lax.slice_in_dim(x, run.first, run.first + run.count, axis=axis)
    piece = lax.slice_in_dim(x, run.first - run.count + 1, run.first + 1, axis=axis)
    return lax.rev(piece, (axis,))
