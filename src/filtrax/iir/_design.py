"""Second-order sections from cutoff, Q and gain, and what a cascade does to each frequency."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import type_error, value_error
from filtrax._operands import as_scalar
from filtrax._spec import choice
from filtrax._typing import Array, ArrayLike
from filtrax.iir._arguments import cast, common_dtype, is_complex, numeric, real_of, sections

#: The sections of R. Bristow-Johnson's "Cookbook formulae for audio EQ biquad filter coefficients".
KINDS = (
    "lowpass", "highpass", "bandpass", "notch", "allpass", "peaking", "lowshelf", "highshelf",
)  # fmt: skip


def biquad(
    kind: str,
    frequency: ArrayLike,
    q: ArrayLike = 0.5**0.5,
    gain_db: ArrayLike = 0.0,
    *,
    fs: float = 2.0,
) -> Array:
    """A second-order section by the formulas of the audio EQ cookbook (R. Bristow-Johnson).

    It is differentiable by frequency, q and gain_db, so that they can be learned, and stable for
    each frequency between 0 and ``fs / 2`` and each positive q.

    Args:
        kind: ``"lowpass"``, ``"highpass"``, ``"bandpass"`` (0 dB at its peak), ``"notch"``,
            ``"allpass"``, ``"peaking"``, ``"lowshelf"`` or ``"highshelf"``.
        frequency: cutoff, centre or middle of the slope, in the unit of ``fs``.
        q: quality, which is centre over bandwidth.
        gain_db: of ``"peaking"`` and the shelves, in decibels; the others ignore it.
        fs: sampling frequency; by default frequencies are fractions of half of it, as in SciPy.

    Returns:
        The section ``b0 b1 b2 1 a1 a2``, of shape (..., 6) for arguments of shape (...).

    Raises:
        ValueError: the kind is unknown, ``fs`` is not positive, or shapes do not fit.
        TypeError: an argument is not made of real numbers.

    Example:
        >>> import filtrax
        >>> print(filtrax.iir.biquad("lowpass", 0.5).round(4))
        [0.2929 0.5858 0.2929 1.     0.     0.1716]
    """
    choice("kind", kind, KINDS)
    as_scalar(fs, "fs", positive=True)
    values = [numeric(v, n) for n, v in (("frequency", frequency), ("q", q), ("gain_db", gain_db))]
    # Default arguments are no reason for another precision.
    arrays = [each for each in values if getattr(each, "ndim", 0)] or values[:1]
    dtype = real_of(common_dtype(*arrays))
    if any(is_complex(each) for each in values):
        raise type_error("frequency, q, gain_db", "real numbers", "complex ones")
    shapes = [tuple(np.shape(each)) for each in values]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise value_error(
            "frequency, q, gain_db", "shapes that broadcast", " and ".join(map(str, shapes))
        ) from None
    f, quality, gain = jnp.broadcast_arrays(*(cast(each, dtype) for each in values))
    angle = 2 * np.pi / fs * f
    cos, alpha = jnp.cos(angle), jnp.sin(angle) / (2 * quality)
    # 1 - cos has few digits left at low frequencies.
    below = 2 * jnp.sin(angle / 2) ** 2
    above = 2 * jnp.cos(angle / 2) ** 2
    one = jnp.ones_like(cos)
    b: tuple[Array, ...]
    a: tuple[Array, ...] = (1 + alpha, -2 * cos, 1 - alpha)
    if kind == "lowpass":
        b = (below / 2, below, below / 2)
    elif kind == "highpass":
        b = (above / 2, -above, above / 2)
    elif kind == "bandpass":
        b = (alpha, 0 * one, -alpha)
    elif kind == "notch":
        b = (one, -2 * cos, one)
    elif kind == "allpass":
        b = a[::-1]
    elif kind == "peaking":
        root = 10 ** (gain / 40)
        b = (1 + alpha * root, -2 * cos, 1 - alpha * root)
        a = (1 + alpha / root, -2 * cos, 1 - alpha / root)
    else:
        b, a = _shelf(10 ** (gain / 40), cos, alpha, 1.0 if kind == "lowshelf" else -1.0)
    return jnp.stack([*(each / a[0] for each in b), one, a[1] / a[0], a[2] / a[0]], -1)


def _shelf(root: Array, cos: Array, alpha: Array, sign: float) -> tuple[Any, Any]:
    """Both shelves; the high one is the low one with the frequency axis turned round."""
    up, down, slope = root + 1, (root - 1) * sign * cos, 2 * jnp.sqrt(root) * alpha
    b = (
        root * (up - down + slope),
        2 * sign * root * ((root - 1) - up * sign * cos),
        root * (up - down - slope),
    )
    a = (up + down + slope, -2 * sign * ((root - 1) + up * sign * cos), up + down - slope)
    return b, a


def frequency_response(sos: ArrayLike, frequencies: ArrayLike, *, fs: float = 2.0) -> Array:
    """The complex gain of a cascade at some frequencies, as `scipy.signal.sosfreqz` at ``worN``.

    Args:
        sos: sections (S, 6).
        frequencies: in the unit of ``fs``, any shape.
        fs: sampling frequency; by default frequencies are fractions of half of it.

    Returns:
        The response, of the shape of ``frequencies``.

    Raises:
        ValueError: sos is of another shape.
        TypeError: an argument is no array of numbers.

    Example:
        >>> import filtrax
        >>> mean = [[0.5, 0.5, 0, 1, 0, 0]]
        >>> print(abs(filtrax.iir.frequency_response(mean, [0.0, 1.0])).round(3))
        [1. 0.]
    """
    as_scalar(fs, "fs", positive=True)
    cascade, points = sections(sos), numeric(frequencies, "frequencies")
    dtype = common_dtype(cascade, points)
    cascade, points = cast(cascade, dtype), cast(points, real_of(dtype))
    angle = 2 * np.pi / fs * points
    delay = lax.complex(jnp.cos(angle), -jnp.sin(angle))
    cascade = lax.convert_element_type(cascade, delay.dtype)
    parts = [
        (c[0] + (c[1] + c[2] * delay) * delay) / (c[3] + (c[4] + c[5] * delay) * delay)
        for c in cascade
    ]
    return jnp.prod(jnp.stack(parts), 0)
