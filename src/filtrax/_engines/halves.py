"""Two halves of a real problem as the real and the imaginary part of a complex one.

A complex transform of half the samples takes about half the time of a real transform there and
back, since what XLA has for the way back of a real one is slow. No spectrum need be taken apart:
a real kernel filters both parts alike, and where products are summed the real part of

    (x1 + i x2) (h1 - i h2)

is x1 h1 + x2 h2.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._engines.base import Run, window_length
from filtrax._engines.blocks import pad, window
from filtrax._engines.lengths import fast_length
from filtrax._geometry import Axis


def halved(axis: Axis) -> Axis | None:
    """One half along an axis, of the taps or of the outputs; ``None`` if whole is better.

    The halves of the signal overlap, by the kernel's span or the output's.
    """
    if axis.span > (axis.m - 1) * axis.stride + 1:
        half = replace(axis, k=-(-axis.k // 2))
    else:
        half = replace(axis, m=-(-axis.m // 2))
    half = replace(half, n=window_length(half), lo=0, base=1)
    return half if fast_length(half.n) <= 0.7 * fast_length(window_length(axis)) else None


def in_halves(run: Run) -> Run:
    """An engine that is given complex halves of a real problem, where that is less work."""

    def split(
        axes: tuple[Axis, ...],
        lhs: jax.Array,
        rhs: jax.Array,
        precision: lax.Precision,
        platform: str,
    ) -> jax.Array:
        *others, axis = axes
        half = None if jnp.iscomplexobj(lhs) else halved(axis)
        if half is None:
            return run(axes, lhs, rhs, precision, platform)
        lhs = window(lhs, tuple(others))
        others = [replace(a, n=window_length(a), lo=0, base=1) for a in others]
        last = lhs.ndim - 1
        used = (axis.n - 1) * axis.base + 1 + axis.lo

        def stretch(start: int) -> jax.Array:
            edges = (axis.lo - start, half.n - used + start)
            return pad(lhs, last, edges, axis.base - 1)

        if half.k < axis.k:
            second = pad(rhs, last, (-half.k, 2 * half.k - axis.k))
            taps = lax.complex(rhs[..., : half.k], -second)
            signal = lax.complex(stretch(0), stretch(half.k * axis.dilation))
            return lax.real(run((*others, half), signal, taps, precision, platform))
        taps = lax.complex(rhs, jnp.zeros_like(rhs))
        signal = lax.complex(stretch(0), stretch(half.m * axis.stride))
        out = run((*others, half), signal, taps, precision, platform)
        return lax.concatenate([lax.real(out), lax.imag(out)], last)[..., : axis.m]

    return split
