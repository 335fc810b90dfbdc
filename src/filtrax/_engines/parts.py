"""Complex channels and kernels as twice as many real ones.

    y_r + i y_i = (h_r + i h_i) (x_r + i x_i)

is the product of a 2 by 2 matrix with two channels. So a problem of complex numbers is one of real
numbers, of as many products of those, which fills vectors and meets each sample with more kernels.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation, RunAs


def in_parts(problem: Correlation) -> Correlation:
    """The real problem that a complex one is."""
    dtype = jnp.finfo(problem.dtype).dtype
    return replace(problem, c=2 * problem.c, o=2 * problem.o, dtype=dtype)


def scratch_in_parts(problem: Correlation) -> float:
    """Samples in copies of the signal and the output and, twice, of the kernel."""
    kernels = problem.g * problem.o * problem.c * problem.taps
    return float(problem.inputs + problem.outputs + 2 * kernels)


def run_in_parts(run: RunAs, problem: Correlation, a: jax.Array, b: jax.Array) -> jax.Array:
    """Runs a complex problem as that real one."""
    lhs, rhs, out = problem.labels
    a = lax.concatenate([a.real, a.imag], lhs.index("c"))
    real, imaginary = (
        lax.concatenate(parts, rhs.index("c")) for parts in ([b.real, -b.imag], [b.imag, b.real])
    )
    b = lax.concatenate([real, imaginary], rhs.index("o"))
    return lax.complex(*jnp.split(run(in_parts(problem), a, b), 2, out.index("o")))
