"""A sum of shifted copies, one for each tap: a single fused pass, exact for integers."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines import direct, inplace, lanes
from filtrax._engines.base import Correlation, Engine, rounding_of_sums, windows
from filtrax._engines.fold import folded
from filtrax._engines.taps import UNROLL, pad_all, padded_sum, widened
from filtrax._geometry import Axis

#: From this many outputs on, the loop must not be fused into others.
_LARGE = 4096

#: Padded copies of more samples cost page faults each time.
_PAGED = 1 << 21
#: With more taps the program takes too long to compile.
_TAPS = 256
#: Few outputs of many taps leave no loop worth the name.
_SHORT = 32


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation as a sum of scaled slices of the signal."""
    labels = (lhs.shape[0], lhs.shape[1], lhs.shape[2], rhs.shape[1])
    if lanes.serves(axes, labels):
        if platform != "cpu":
            return lanes.run(axes, lhs, rhs)
        compute = partial(lanes.run, axes)
        fallback = partial(_direct, lhs.shape, axes, precision=precision, platform=platform)
        return alone(compute, fallback, lhs, rhs)
    if platform != "cpu" or not _is_large(axes, lhs, rhs):
        return padded_sum(axes, lhs, rhs, precision)
    rows = inplace.find_rows(axes, labels)
    if rows is not None:
        # Without axes of one entry no other layout of the operands can be asked for, by a copy.
        out = alone(
            partial(inplace.run, rows, axes, precision=precision, lhs=lhs.shape),
            partial(_direct_rows, lhs.shape, axes, precision=precision, platform=platform),
            lhs.reshape(rows.shape),
            rhs,
        )
        return out.reshape(lhs.shape)
    # XLA's CPU loop over an odd number of outputs of a single row is many times slower than
    # over an even one: compute one output more.
    *others, last = axes
    single = math.prod((*lhs.shape[:2], rhs.shape[1], *(axis.m for axis in others))) == 1
    even = (*others, replace(last, m=last.m + last.m % 2)) if single else axes
    signal = pad_all(lhs, even)
    inner = tuple(
        replace(axis, n=n, lo=0, base=1) for axis, n in zip(even, signal.shape[3:], strict=True)
    )
    out = alone(
        partial(padded_sum, inner, precision=precision),
        partial(_direct, signal.shape, inner, precision=precision, platform=platform),
        signal,
        rhs,
    )
    return lax.slice_in_dim(out, 0, last.m, axis=-1)


def _direct(
    shape: tuple[int, ...],
    axes: tuple[Axis, ...],
    array: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The other branch of `alone`: the same result by a convolution."""
    lhs = widened(array.reshape(shape))
    return folded(direct.run)(axes, lhs, widened(rhs), precision, platform).astype(array.dtype)


def _direct_rows(*args: Any, **kwargs: Any) -> jax.Array:
    array = args[2]
    return _direct(*args, **kwargs).reshape(array.shape)


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
    is_float = jnp.issubdtype(first.dtype, jnp.inexact)
    unlikely = jnp.finfo(first.dtype).tiny * 3 if is_float else 113
    return lax.cond(first != jnp.asarray(unlikely, first.dtype), run, fallback, lhs, rhs)


def refuses(problem: Correlation, platform: str) -> str | None:
    """Serves every problem, if slowly."""
    return None


def work(problem: Correlation) -> tuple[float, ...]:
    """Products, those summed over channels, outputs, samples padded, products in lanes.

    Infinite where the program would be too long to be chosen unasked.
    """
    if lanes.serves_problem(problem):
        return 1.0, 0.0, 0.0, 0.0, 0.0, lanes.products(problem)
    if problem.taps > (_SHORT if problem.is_short else _TAPS):
        return math.inf, 0.0, 0.0, 0.0, 0.0, 0.0
    products = problem.multiplications
    # Sums over channels are small matrix products, the better the larger they are.
    summed = products / min(problem.c * problem.o, 256)
    labels = (problem.g, problem.b, problem.c, problem.o)
    padded = 0 if inplace.find_rows(problem.axes, labels) else problem.inputs
    if padded > _PAGED:
        padded *= 3
    if problem.c == 1:
        return 1.0, products, 0.0, problem.outputs, padded, 0.0
    return 1.0, 0.0, summed, problem.outputs, padded, 0.0


def scratch(problem: Correlation) -> float:
    """A padded copy, where the signal cannot be read in place."""
    labels = (problem.g, problem.b, problem.c, problem.o)
    if lanes.serves_problem(problem) or inplace.find_rows(problem.axes, labels):
        return 0.0
    return float(problem.inputs)


def error(problem: Correlation) -> float:
    """Of sums in groups, or, of many taps, one after the other."""
    if problem.taps > UNROLL and not lanes.serves_problem(problem):
        return rounding_of_sums(problem, run=0, joined=problem.c)
    return rounding_of_sums(problem, joined=16)


def spread(problem: Correlation) -> tuple[int, ...]:
    """The windows; everything where products across signals are taken away."""
    if scale(problem) == "window":
        return windows(problem)
    return tuple(axis.m for axis in problem.axes)


def scale(problem: Correlation) -> str:
    """The window, except where products across signals are taken away."""
    joined = lanes.serves_problem(problem) and lanes.joins_signals(problem)
    return "row" if joined else "window"


ENGINE = Engine(
    "shift", run, refuses, work, scratch=scratch, error=error, spread=spread, scale=scale,
    in_place=True,
)  # fmt: skip
