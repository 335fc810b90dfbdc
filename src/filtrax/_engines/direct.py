"""XLA's own convolution: every stride, dilation, channel count and dtype, and the reference."""

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Correlation, Engine
from filtrax._geometry import Axis


def run(
    axes: tuple[Axis, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    precision: lax.Precision,
    platform: str,
) -> jax.Array:
    """The correlation as one `lax.conv_general_dilated` with a feature group for each G."""
    if not jnp.issubdtype(lhs.dtype, jnp.inexact):
        # XLA folds the convolution of two constants, and there integers saturate.
        lhs, rhs = lax.optimization_barrier((lhs, rhs))
    g, b, c, *n = lhs.shape
    o = rhs.shape[1]
    out = lax.conv_general_dilated(
        jnp.swapaxes(lhs, 0, 1).reshape(b, g * c, *n),
        rhs.reshape(g * o, c, *rhs.shape[3:]),
        window_strides=tuple(axis.stride for axis in axes),
        padding=tuple((axis.lo, axis.hi) for axis in axes),
        lhs_dilation=tuple(axis.base for axis in axes),
        rhs_dilation=tuple(axis.dilation for axis in axes),
        feature_group_count=g,
        precision=precision,
    )
    return jnp.swapaxes(out.reshape(b, g, o, *out.shape[2:]), 0, 1)


def refuses(problem: Correlation, platform: str) -> str | None:
    """GPU and TPU convolutions have no integer form, and feature groups are a known number."""
    if not isinstance(problem.g, int):
        return "lax convolutions have no symbolic number of kernels"
    if platform != "cpu" and not jnp.issubdtype(problem.dtype, jnp.inexact):
        return f"lax convolutions have no {problem.dtype} form on {platform}"
    return None


def work(problem: Correlation) -> tuple[float, ...]:
    """Products of one channel, those of several by the lanes that they fill, outputs.

    Then products and inputs of long kernels, for one channel and for several; groups cost more.
    """
    products = problem.multiplications
    if not problem.is_short:
        width = min(problem.c * problem.o, 16)
        single, several = (products, 0.0) if width == 1 else (0.0, products / width)
        return 1.0, single, several, problem.outputs, 0.0, 0.0, 0.0, 0.0
    alone = problem.c == 1 and problem.g == 1
    slower = 1 if problem.g == 1 else 5
    if len(problem.axes) > 1:
        slower *= 4
    products *= slower * (2 if problem.b == problem.o == 1 < problem.c else 1)
    counts = (products, slower * problem.inputs)
    return (
        1.0,
        0.0,
        0.0,
        0.0,
        *(counts if alone else (0.0, 0.0)),
        *((0.0, 0.0) if alone else counts),
    )


ENGINE = Engine("direct", run, refuses, work, multiplies=lambda _: True)
