"""A sum of shifted copies, one for each tap: a single fused pass, exact for integers."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce
from operator import add

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines import direct
from filtrax._engines.base import Correlation, Engine
from filtrax._geometry import Axis

#: Taps summed in one expression: enough to hide the loads, few enough for the registers.
_GROUP = 16
#: From this many outputs on, the loop must not be fused into others.
_LARGE = 4096
#: Beyond this many taps a loop over groups keeps the program short.
_UNROLL = 256


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation as a sum of scaled slices of the padded signal."""
    if platform != "cpu" or not _is_large(axes, lhs, rhs):
        return _sum(axes, lhs, rhs, precision)
    # XLA's CPU loop over an odd number of outputs of a single row is many times slower than
    # over an even one: compute one output more.
    *others, last = axes
    single = math.prod((*lhs.shape[:2], rhs.shape[1], *(axis.m for axis in others))) == 1
    even = (*others, replace(last, m=last.m + last.m % 2)) if single else axes
    signal = _pad(lhs, even)
    inner = tuple(
        replace(axis, n=n, lo=0, base=1) for axis, n in zip(even, signal.shape[3:], strict=True)
    )
    out = alone(
        partial(_sum, inner, precision=precision),
        partial(direct.run, inner, precision=precision, platform=platform),
        signal,
        rhs,
    )
    return lax.slice_in_dim(out, 0, last.m, axis=-1)


def _is_large(axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array) -> bool:
    sizes = (*lhs.shape[:2], rhs.shape[1])
    if not all(isinstance(size, int) for size in sizes):
        return False
    return math.prod((*sizes, *(axis.m for axis in axes))) >= _LARGE


def alone(
    run: Callable[[jax.Array, jax.Array], jax.Array],
    fallback: Callable[[jax.Array, jax.Array], jax.Array],
    lhs: jax.Array,
    rhs: jax.Array,
) -> jax.Array:
    """Runs a loop so that XLA's CPU compiler cannot fuse it into what follows.

    Fused into a reduction, a sum over taps loses its vectorisation and is 20 times slower, and
    some versions drop barriers on the CPU. A branch is compiled by itself; this one is taken
    unless the first tap has one odd value, which the compiler cannot exclude.
    """
    first = lax.index_in_dim(rhs.reshape(-1), 0, keepdims=False).real
    unlikely = 1.2345678e-33 if jnp.issubdtype(first.dtype, jnp.inexact) else 113
    return lax.cond(first != jnp.asarray(unlikely, first.dtype), run, fallback, lhs, rhs)


def _sum(
    axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array, precision: lax.Precision
) -> jax.Array:
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


def work(problem: Correlation) -> tuple[float, ...]:
    """Products of one channel, products summed over channels, outputs, inputs."""
    products = problem.multiplications
    single = problem.c == 1
    alone, summed = (products, 0.0) if single else (0.0, products)
    return 1.0, alone, summed, problem.outputs, problem.inputs


ENGINE = Engine("shift", run, refuses, work)
