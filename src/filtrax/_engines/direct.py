"""XLA's own convolution: every stride, dilation, channel count and dtype, and the reference."""

import itertools
import math

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
    """The correlation as one `lax.conv_general_dilated` with a feature group for each G.

    Where the CPU has no groups there is one for each G, in a loop.
    """
    if not jnp.issubdtype(lhs.dtype, jnp.inexact):
        # XLA folds the convolution of two constants, and there integers saturate.
        lhs, rhs = lax.optimization_barrier((lhs, rhs))
    g, b, c, *n = lhs.shape
    o = rhs.shape[1]
    if g > 1 and platform == "cpu" and not _has_groups(lhs.dtype):
        # As vectors, of which no loop can ask for another layout by a copy.
        shapes = [(1, *array.shape[1:]) for array in (lhs, rhs)]
        out = lax.map(
            lambda each: run(
                axes, each[0].reshape(shapes[0]), each[1].reshape(shapes[1]), precision, platform
            ),
            (lhs.reshape(g, -1), rhs.reshape(g, -1)),
        )
        return out.reshape(g, *out.shape[2:])
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


def _has_groups(dtype: jnp.dtype) -> bool:
    """Whether XLA's CPU library has convolutions in groups.

    Of other dtypes it makes one kernel of all channels, which is zero between groups: as many times
    the work, and the memory, as there are groups.
    """
    return jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize <= 4


def refuses(problem: Correlation, platform: str) -> str | None:
    """GPU and TPU convolutions have no integer form, and feature groups are a known number."""
    if not isinstance(problem.g, int):
        return "lax convolutions have no symbolic number of kernels"
    if platform != "cpu" and not jnp.issubdtype(problem.dtype, jnp.inexact):
        return f"lax convolutions have no {problem.dtype} form on {platform}"
    return None


def work(problem: Correlation) -> tuple[float, ...]:
    """Products and samples that come and go, of short kernels and of long ones.

    Each pair apart for the kinds of problem that XLA's CPU library treats each in its own way.
    Infinite for one tap of channels: a product of matrices, which `shift` makes of it. As a
    convolution in a loop it takes some hundred times as long.
    """
    pairs: dict[str, tuple[float, float]] = dict.fromkeys(_KINDS, (0.0, 0.0))
    kind = _kind(problem)
    products = float(problem.multiplications)
    if kind == "banks":
        # Few signals or kernels leave a product of matrices, 16 by 16, half empty; fewer than four
        # signals are met by one kernel after the other.
        used = min(problem.b, 16) * min(problem.o, 16) / 256 if problem.b > 3 else 1 / 80
        pairs[kind] = products / used, float(problem.inputs)
    elif "volumes" in kind:
        # The library copies what each output meets, a number at a time where channels are few.
        pairs[kind] = products / (problem.o * (8 if problem.c >= 8 else 1)), products
    elif problem.is_short:
        pairs[kind] = products, float(problem.inputs)
    elif kind == "channels":
        # Kernels fill the lanes of a vector.
        pairs[kind] = products / min(problem.o, 16), float(problem.inputs + problem.outputs)
    else:
        # Only in float32 does the library have groups; in others they go one after the other.
        filled = min(problem.c * problem.o, 16) if problem.dtype.name == "float32" else 1
        pairs[kind] = products / filled, float(problem.outputs)
    calls = math.inf if kind == "channels" and problem.taps == 1 else 1.0
    return calls, *itertools.chain(*pairs.values())


#: Short kernels of one channel, of several and of groups; long kernels of one signal, of several
#: that are summed, with several outputs, of groups and along several axes; along more than two.
_KINDS = (
    "one", "channels", "groups", "long", "summed", "banks", "long groups", "long images",
    "volumes", "long volumes",
)  # fmt: skip


def _kind(problem: Correlation) -> str:
    if len(problem.axes) > 2:
        return "long volumes" if problem.is_short else "volumes"
    if not problem.is_short:
        return "groups" if problem.g > 1 else "channels" if problem.c * problem.o > 1 else "one"
    if len(problem.axes) > 1:
        return "long images"
    if problem.g > 1:
        return "long groups"
    if problem.b * problem.o > 1:
        return "banks"
    return "summed" if problem.c > 1 else "long"


ENGINE = Engine("direct", run, refuses, work, multiplies=lambda _: True)
