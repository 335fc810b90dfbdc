"""A sum of shifted copies, one for each tap: exact for integers.

Of few outputs from long kernels, as gradients by kernels have them, each output is a sum of
products of two signals instead.
"""

import math
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation, Engine, correlation_of, rounding_of_sums
from filtrax._engines.taps import UNROLL, is_narrow, padded_sum, widened, window_sums
from filtrax._geometry import Axis

#: From this many products on, the loop must not be fused into others: a branch costs some 25 us.
_LARGE = 1 << 17
#: With more taps (half as many, where they are complex) XLA's loop is not made of vectors, and a
#: product costs so many times as much.
_VECTORISED, _SCALAR = 240, 4
#: With more taps, or outputs of long kernels, the program takes too long to compile or to run.
_TAPS, _SHORT = 256, 32


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation as a sum of scaled slices of the signal, or of products for each output."""
    problem = correlation_of(axes, lhs, rhs)
    if problem.is_short:
        return window_sums(axes, lhs, rhs, precision)
    if platform != "cpu" or not _is_large(problem):
        return padded_sum(axes, lhs, rhs, precision)
    if is_narrow(problem.dtype):
        return run(axes, widened(lhs), widened(rhs), precision, platform).astype(lhs.dtype)
    shape = (*lhs.shape[:2], rhs.shape[1], *(axis.m for axis in axes))
    return _alone(partial(padded_sum, axes, precision=precision), lhs, rhs, shape)


def _is_large(problem: Correlation) -> bool:
    sizes = (problem.g, problem.b, problem.c, problem.o)
    return all(isinstance(size, int) for size in sizes) and problem.multiplications >= _LARGE


def _alone(
    run: Callable[..., jax.Array], lhs: jax.Array, rhs: jax.Array, shape: tuple[int, ...]
) -> jax.Array:
    """Runs a loop so that XLA's CPU compiler cannot fuse it into what comes before or after.

    Fused into a reduction, a sum over taps loses its vectorisation and is 20 times slower, and
    some versions drop barriers on the CPU. A branch is compiled by itself, and this one is always
    taken.
    """

    def nothing(lhs: jax.Array, rhs: jax.Array) -> jax.Array:
        # Of both, so that it varies over a mesh as the other result does.
        return jnp.broadcast_to(lhs[0] * rhs[0], shape)

    def flat(lhs_: jax.Array, rhs_: jax.Array) -> jax.Array:
        return run(lhs_.reshape(lhs.shape), rhs_.reshape(rhs.shape))

    # Vectors have one layout: no branch can ask for another by a copy of the operands.
    return lax.cond(_never(lhs), nothing, flat, lhs.reshape(-1), rhs.reshape(-1))


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
    """Branches, products, those over channels, outputs, samples padded, products of long kernels.

    Infinite where the program would be too long to be chosen unasked.
    """
    products = float(problem.multiplications)
    if problem.is_short:
        calls = math.inf if problem.outputs > _SHORT else 1.0
        return calls, 0.0, 0.0, 0.0, 0.0, float(problem.inputs), products
    calls = math.inf if problem.taps > _TAPS else 1.0
    branches = float(_is_large(problem))
    parts = 2 if problem.is_complex else 1
    if parts * problem.taps > _VECTORISED:
        products *= _SCALAR
    # Sums over channels are small matrix products, which write all outputs for each tap.
    summed = products / min(problem.c, 64)
    padded = problem.inputs + (problem.outputs if is_narrow(problem.dtype) else 0)
    kinds = (products, 0.0) if problem.c == 1 else (0.0, summed)
    return calls, branches, *kinds, problem.outputs, padded, 0.0


def error(problem: Correlation) -> float:
    """Of sums in groups, of many taps one after the other, or of dot products."""
    if problem.is_short:
        return rounding_of_sums(problem, run=256, joined=256)
    if problem.taps > UNROLL:
        return rounding_of_sums(problem, run=0, joined=problem.c)
    return rounding_of_sums(problem, joined=16)


ENGINE = Engine(
    "shift", run, refuses, work, scratch=lambda problem: float(problem.inputs), error=error,
    multiplies=lambda problem: problem.c > 1 or problem.is_short, in_place=True,
)  # fmt: skip
