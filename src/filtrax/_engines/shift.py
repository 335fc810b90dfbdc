"""A sum of shifted copies, one for each tap: a single fused pass, exact for integers."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines import edges, inplace, segments
from filtrax._engines.base import Correlation, Engine, correlation_of, rounding_of_sums
from filtrax._engines.taps import GROUP, UNROLL, is_narrow, pad_all, padded_sum, widened
from filtrax._geometry import Axis

#: From this many products on, the loop must not be fused into others: a branch costs some 25 us.
_LARGE = 1 << 17
#: Padded copies of more samples cost page faults each time.
_PAGED = 1 << 21
#: What an output near an edge costs more than another.
_EDGES = 3.5
#: What a product costs more whose sample is selected.
_SELECTED = 1.3
#: With more taps (half as many, where they are complex) XLA's loop is not made of vectors, and a
#: product costs so many times as much.
_VECTORISED, _SCALAR = 240, 4
#: What a product costs more whose sample is converted for it, with more than a group of taps.
_CONVERTED = 3
#: With more taps the program takes too long to compile.
_TAPS = 256
#: Bytes in the first cache.
_CACHE = 1 << 15
#: Bytes in a page, pages whose places the processor knows, and what a page past them costs.
_PAGE, _PAGES, _MISSED = 1 << 12, 64, 8
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
    problem = correlation_of(axes, lhs, rhs)
    shape = (*lhs.shape[:2], rhs.shape[1], *(axis.m for axis in axes))
    never = _never(lhs)
    if segments.serves(problem):
        axes, lhs, near = segments.prepared(axes, lhs, rhs)
        compute = partial(segments.run, axes, precision=precision, platform=platform)
        if platform != "cpu":
            return compute(lhs, rhs, *near)
        return alone(compute, never, lhs, rhs, *near, shape=shape)
    if platform != "cpu" or not _is_large(problem):
        return padded_sum(axes, lhs, rhs, precision)
    if is_narrow(problem.dtype) and not _converts_each(problem):
        return run(axes, widened(lhs), widened(rhs), precision, platform).astype(lhs.dtype)
    rows = _rows(problem)
    if rows is not None:
        # An update of what is not an operand of its branch would copy it, and what is computed
        # where it is put takes one core: hence three branches.
        bits = inplace.bits_of(lhs.dtype)
        middle = partial(inplace.middle, rows, axes)
        out = alone(middle, never, lhs, rhs, shape=rows.shape, dtype=bits)
        rows = rows.joined()
        out = out.reshape(rows.shape)
        strips = partial(edges.run, rows, axes, precision)
        shapes = edges.shapes(rows, axes, lhs)
        near = alone(strips, never, lhs, rhs, shape=shapes, dtype=bits) if shapes else []
        patched = partial(edges.patched, rows, axes, precision)
        out = alone(patched, never, lhs, rhs, out, *near, shape=rows.shape, dtype=bits)
        return inplace.from_bits(out, lhs.dtype).reshape(shape)
    # XLA's CPU loop over an odd number of outputs of a single row is many times slower than
    # over an even one: compute one output more.
    *others, last = axes
    single = math.prod(shape[:-1]) == 1
    even = (*others, replace(last, m=last.m + last.m % 2)) if single else axes
    signal = pad_all(lhs, even)
    inner = tuple(
        replace(axis, n=n, lo=0, base=1) for axis, n in zip(even, signal.shape[3:], strict=True)
    )
    compute = partial(padded_sum, inner, precision=precision)
    out = alone(compute, never, signal, rhs, shape=(*shape[:-1], even[-1].m))
    return lax.slice_in_dim(out, 0, last.m, axis=-1)


def _converts_each(problem: Correlation) -> bool:
    """Whether each tap converts its samples of half precision, rather than a copy of all."""
    return problem.taps <= GROUP or problem.inputs > _PAGED


def _is_large(problem: Correlation) -> bool:
    sizes = (problem.g, problem.b, problem.c, problem.o)
    return all(isinstance(size, int) for size in sizes) and problem.multiplications >= _LARGE


def _rows(problem: Correlation) -> inplace.Rows | None:
    """How the signal is read where it lies, if it is."""
    return inplace.find_rows(problem) if _is_large(problem) else None


def alone(
    run: Callable[..., Any],
    never: jax.Array,
    lhs: jax.Array,
    rhs: jax.Array,
    *rest: jax.Array,
    shape: tuple[int, ...] | list[tuple[int, ...]],
    dtype: Any = None,
) -> Any:
    """Runs a loop so that XLA's CPU compiler cannot fuse it into what comes before or after.

    Fused into a reduction, a sum over taps loses its vectorisation and is 20 times slower, and
    some versions drop barriers on the CPU. A branch is compiled by itself, and this one is always
    taken. What `run` returns has the given shape, or is a list of arrays of such shapes; its dtype
    is the signal's unless another is given.
    """

    def nothing(lhs: jax.Array, rhs: jax.Array, *rest: jax.Array) -> Any:
        # Of both, so that it varies over a mesh as the other result does.
        number = (lhs[0] * rhs[0]).astype(dtype or lhs.dtype)
        if isinstance(shape, list):
            return [jnp.broadcast_to(number, each) for each in shape]
        return jnp.broadcast_to(number, shape)

    def flat(lhs_: jax.Array, rhs_: jax.Array, *rest: jax.Array) -> Any:
        return run(lhs_.reshape(lhs.shape), rhs_.reshape(rhs.shape), *rest)

    # Vectors have one layout: no branch can ask for another by a copy of the operands.
    return lax.cond(never, nothing, flat, lhs.reshape(-1), rhs.reshape(-1), *rest)


def _never(lhs: jax.Array) -> jax.Array:
    """What is always false: nothing times zero is one, and n (n + 1) is even.

    The compiler does not know that, unless it knows the sample: so one from amid any padding.
    """
    amid = [size // 2 for size in lhs.shape]
    sample = lax.slice(lhs, amid, [at + 1 for at in amid]).reshape(()).real
    zero, one = jnp.zeros_like(sample), jnp.ones_like(sample)
    is_float = jnp.issubdtype(sample.dtype, jnp.inexact)
    return sample * zero == one if is_float else (sample * (sample + one)) & one == one


def refuses(problem: Correlation, platform: str) -> str | None:
    """Serves every problem, if slowly."""
    return None


def work(problem: Correlation) -> tuple[float, ...]:
    """Branches, products, those summed over channels, outputs, samples padded, products from afar.

    The last have their samples beyond the first cache. Then for few outputs, as `segments` computes
    them, products and samples read; each of its passes counts as a branch, too.

    Infinite where the program would be too long to be chosen unasked.
    """
    if segments.serves(problem):
        passes, *read = segments.work(problem)
        return 1.0, 1.0 + passes, 0.0, 0.0, 0.0, 0.0, 0.0, *read
    if problem.taps > (_SHORT if problem.is_short else _TAPS):
        return math.inf, *(0.0,) * 8
    products = float(problem.multiplications)
    branches = float(_is_large(problem))
    # Sums over channels are small matrix products, which write all outputs for each tap.
    summed = products / min(problem.c, 64)
    rows = _rows(problem)
    padded = 0 if rows else problem.inputs
    if rows:
        products *= (1 + _EDGES * rows.apart) * (_SELECTED if rows.selects else 1)
    parts = 2 if jnp.issubdtype(problem.dtype, jnp.complexfloating) else 1
    if parts * problem.taps > _VECTORISED:
        products *= _SCALAR
    if is_narrow(problem.dtype):
        if not _converts_each(problem):
            padded += problem.inputs + problem.outputs
        elif problem.taps > GROUP:
            products *= _CONVERTED
    if padded > _PAGED:
        padded *= 3
    if problem.c == 1:
        return 1.0, branches, products, 0.0, problem.outputs, padded, _far(problem), 0.0, 0.0
    return 1.0, branches, 0.0, summed, problem.outputs, padded, 0.0, 0.0, 0.0


def _far(problem: Correlation) -> float:
    """Products whose samples, or the places of whose pages, are not in the first caches.

    Where rows lie behind the filtered axis, each tap of an output is read from another row.
    """
    first = next((number for number, axis in enumerate(problem.axes) if axis.taps > 1), 0)
    behind = problem.axes[first + 1 :]
    taps = problem.axes[first].taps
    # Taps of their own are read as the samples are.
    read = 2 if any(axis.paired and axis.n > 1 for axis in behind) else 1
    row = math.prod(axis.n for axis in behind) * problem.dtype.itemsize
    if not behind or read * row * min(taps, GROUP) <= _CACHE:
        return 0.0
    pages = read * taps * min(row / _PAGE, 1.0)
    return float(read * problem.multiplications) * (_MISSED if pages > _PAGES else 1)


def scratch(problem: Correlation) -> float:
    """A padded copy, where the signal cannot be read in place."""
    if segments.serves(problem):
        return segments.scratch(problem)
    if _rows(problem):
        return 0.0
    return float(problem.inputs)


def error(problem: Correlation) -> float:
    """Of sums in groups, or, of many taps, one after the other."""
    if problem.taps > UNROLL:
        return rounding_of_sums(problem, run=0, joined=problem.c)
    return rounding_of_sums(problem, joined=16)


def multiplies(problem: Correlation) -> bool:
    """Sums over channels are matrix products."""
    return problem.c > 1 and not segments.serves(problem)


ENGINE = Engine(
    "shift", run, refuses, work, scratch=scratch, error=error, multiplies=multiplies, in_place=True,
)  # fmt: skip
