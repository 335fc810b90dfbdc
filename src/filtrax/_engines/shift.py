"""A sum of shifted copies, one for each tap: a single fused pass, exact for integers."""

import itertools
from functools import reduce
from operator import add

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation, Engine
from filtrax._geometry import Axis

#: Taps summed in one expression: enough to hide the loads, few enough for the registers.
_GROUP = 16
#: Beyond this many taps a loop over groups keeps the program short.
_UNROLL = 256


def run(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, precision: lax.Precision
) -> jax.Array:
    """The correlation as a sum of scaled slices of the padded signal."""
    spatial = range(3, lhs.ndim)
    # A barrier keeps XLA from folding the padding into every tap's load.
    padded = lax.optimization_barrier(_pad(lhs, axes))
    taps = list(itertools.product(*(range(axis.k) for axis in axes)))
    kernel = rhs.reshape(*rhs.shape[:3], len(taps))
    strides = (1, 1, 1, *(axis.stride for axis in axes))
    extent = (*lhs.shape[:3], *((axis.m - 1) * axis.stride + 1 for axis in axes))

    def term(tap: jax.Array, start: tuple[int, ...]) -> jax.Array:
        stop = tuple(s + e for s, e in zip((0, 0, 0, *start), extent, strict=True))
        window = lax.slice(padded, (0, 0, 0, *start), stop, strides)
        return _weigh(tap, window, precision)

    def start_of(tap: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(t * axis.dilation for t, axis in zip(tap, axes, strict=True))

    if len(taps) <= _UNROLL:
        groups = [taps[i : i + _GROUP] for i in range(0, len(taps), _GROUP)]
        terms = (
            [
                term(kernel[..., number * _GROUP + offset], start_of(tap))
                for offset, tap in enumerate(group)
            ]
            for number, group in enumerate(groups)
        )
        return reduce(add, (reduce(add, group) for group in terms))

    starts = jnp.array([start_of(tap) for tap in taps], jnp.int32)

    def accumulate(index: jax.Array, total: jax.Array) -> jax.Array:
        where = (jnp.int32(0),) * 3 + tuple(starts[index, axis - 3] for axis in spatial)
        window = lax.dynamic_slice(padded, where, extent)
        window = lax.slice(window, (0,) * window.ndim, window.shape, strides)
        tap = lax.dynamic_index_in_dim(kernel, index, axis=-1, keepdims=False)
        return total + _weigh(tap, window, precision)

    # Start from the first term, not from zeros: it already varies over the mesh as the rest does.
    return lax.fori_loop(1, len(taps), accumulate, term(kernel[..., 0], start_of(taps[0])))


def _pad(lhs: jax.Array, axes: tuple[Axis, ...]) -> jax.Array:
    edges = [(0, 0, 0)] * 3 + [(axis.lo, axis.hi, axis.base - 1) for axis in axes]
    if all(edge == (0, 0, 0) for edge in edges):
        return lhs
    return lax.pad(lhs, jnp.zeros((), lhs.dtype), edges)


def _weigh(tap: jax.Array, window: jax.Array, precision: lax.Precision) -> jax.Array:
    """(G, O, C) and (G, B, C, *M) to (G, B, O, *M)."""
    g, o, c = tap.shape
    if c == 1:
        shape = (g, 1, o, *(1,) * (window.ndim - 3))
        return tap.reshape(shape) * window
    return jnp.einsum("goc,gbc...->gbo...", tap, window, precision=precision)


def refuses(problem: Correlation, platform: str) -> str | None:
    """Serves every problem, if slowly."""
    return None


ENGINE = Engine("shift", run, refuses)
