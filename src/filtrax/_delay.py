"""How far one signal is late against another: the peak of their (phase) correlation."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._engines.spectral import fast_length
from filtrax._engines.taps import widened
from filtrax._errors import value_error
from filtrax._layout import normalize_axes, single_axis
from filtrax._operands import as_operands
from filtrax._spec import choice, integer, per_axis
from filtrax._typing import Array, ArrayLike

WEIGHTINGS = ("phat", "none")
SUBSAMPLES = ("fourier", "parabola", "none")
#: What is within so many roundings of the largest value, or spectral line, counts as zero.
_NOISE = 32.0
#: Each step squares the distance that the parabola leaves, at most a tenth of a sample.
_NEWTON_STEPS = 4


def estimate_delay(
    x: ArrayLike,
    y: ArrayLike,
    *,
    axes: int | Sequence[int] = -1,
    max_lag: int | Sequence[int] | None = None,
    weighting: str = "phat",
    subsample: str = "fourier",
) -> Array:
    """Estimates by how many samples x is late against y: ``x[i] = y[i - delay]``.

    The delay is where their cross-correlation has its peak; its sign is that of the lags of
    `correlation_lags`. Several axes give a shift for each, as in image registration. Means are
    removed first, and the signals have zeros beyond their ends (nothing wraps around).

    Args:
        x: signals.
        y: what they are compared with: of x's rank, broadcast against it along the other axes; or
            with the dimensions of ``axes`` only, one for all rows.
        axes: the axis along which to look for a delay; or several.
        max_lag: the largest delay to look for, one or one for each axis; any by default.
        weighting: ``"phat"`` keeps the phase of the cross-spectrum only (the phase transform of
            Knapp and Carter, 1976): a sharp peak, whatever the signals' spectra, also under
            reverberation. ``"none"`` is the plain correlation: better for narrow bands in noise.
        subsample: ``"fourier"`` for the peak of the band-limited interpolation, ``"parabola"``
            for that of the parabola through three samples (cheaper; with ``"phat"`` up to 0.11
            samples off), ``"none"`` for whole samples.

    Returns:
        Real numbers, one for each row: x's sizes without ``axes``. If ``axes`` is a sequence, the
        last dimension holds one for each axis. The choice of a peak has no derivative; the place
        of its summit has, by x and y. Signals without variance give 0.

    Raises:
        ValueError: shapes do not fit, an operand is empty, or an argument has an impossible value.
        TypeError: an argument has the wrong type.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import filtrax
        >>> y = jax.random.normal(jax.random.key(0), (200,))
        >>> x = jnp.concatenate([jnp.zeros(17), y])
        >>> print(filtrax.estimate_delay(x, y).round(2))
        17.0
    """
    choice("weighting", weighting, WEIGHTINGS)
    choice("subsample", subsample, SUBSAMPLES)
    x, y = as_operands(x, y, names=("x", "y"))
    if x.ndim == 0:
        raise value_error("x", "at least one dimension", "a scalar")
    several = isinstance(axes, (list, tuple))
    along = (
        normalize_axes(tuple(integer("axes", axis) for axis in axes), x.ndim)
        if isinstance(axes, (list, tuple))
        else (single_axis(axes, x.ndim, "axes"),)
    )
    x, y = _rows(x, y, along)
    n, k = x.shape[x.ndim - len(along) :], y.shape[y.ndim - len(along) :]
    reach = _reach(max_lag, n, k)
    delays = _estimate(x, y, reach=reach, weighting=weighting, subsample=subsample)
    return delays if several else delays[..., 0]


def _rows(x: Array, y: Array, along: tuple[int, ...]) -> tuple[Array, Array]:
    """Both with the axes that are looked along behind, and rows in front that broadcast."""
    many, shapes = len(along), f"x of shape {x.shape}, y of shape {y.shape}"
    if y.ndim not in (x.ndim, many):
        raise value_error("y", f"{x.ndim} dimensions as x, or the {many} of axes", shapes)
    own = tuple(range(many)) if y.ndim != x.ndim else along
    last = tuple(range(-many, 0))
    x, y = jnp.moveaxis(x, along, last), jnp.moveaxis(y, own, last)
    for name, array in (("x", x), ("y", y)):
        if 0 in array.shape[-many:]:
            raise value_error(name, "at least one sample", "none")
    try:
        np.broadcast_shapes(x.shape[:-many], y.shape[:-many])
    except ValueError:
        raise value_error("y", "rows that broadcast against those of x", shapes) from None
    return x, y


def _reach(max_lag: Any, n: Sequence[int], k: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The first and the last lag to look at, for each axis."""
    whole = tuple((1 - taps, samples - 1) for samples, taps in zip(n, k, strict=True))
    if max_lag is None:
        return whole
    limits = [integer("max_lag", each) for each in per_axis("max_lag", max_lag, len(n))]
    if min(limits) < 0:
        raise value_error("max_lag", "an integer of at least 0", repr(max_lag))
    return tuple(
        (max(first, -limit), min(last, limit))
        for (first, last), limit in zip(whole, limits, strict=True)
    )


@partial(jax.jit, static_argnames=("reach", "weighting", "subsample"), inline=True)
def _estimate(
    x: Array, y: Array, *, reach: tuple[tuple[int, int], ...], weighting: str, subsample: str
) -> Array:
    rank = len(reach)
    axes = tuple(range(-rank, 0))
    sizes = tuple(
        fast_length(n + k - 1) for n, k in zip(x.shape[-rank:], y.shape[-rank:], strict=True)
    )
    spectra = [jnp.fft.fftn(_prepared(each, axes), sizes, axes) for each in (x, y)]
    cross = spectra[0] * jnp.conj(spectra[1])
    if weighting == "phat":
        cross = _whitened(cross, axes)
    heights = jnp.fft.ifftn(cross, axes=axes)
    if not (jnp.iscomplexobj(x) or jnp.iscomplexobj(y)):
        heights = heights.real
    batch = heights.shape[:-rank]
    peak = partial(_peak, reach=reach, subsample=subsample)
    return jax.vmap(peak)(heights.reshape(math.prod(batch), *sizes)).reshape(*batch, rank)


def _prepared(x: Array, axes: tuple[int, ...]) -> Array:
    """Without its mean, and of a size that no product of spectra overflows or loses."""
    x = widened(x)
    x = x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(float))
    largest = jnp.max(jnp.abs(lax.stop_gradient(x)), axis=axes, keepdims=True)
    x = x * (1 / jnp.where(largest > 0, largest, 1)).astype(x.dtype)
    x = x - jnp.mean(x, axis=axes, keepdims=True)
    # What is left of a constant is rounding, whose phase says nothing.
    left = jnp.max(jnp.abs(lax.stop_gradient(x)), axis=axes, keepdims=True)
    silent = left <= _NOISE * float(jnp.finfo(x.dtype).eps)
    return jnp.where(silent, jnp.zeros((), x.dtype), x)


def _power(z: Array) -> Array:
    return jnp.square(z.real) + jnp.square(z.imag) if jnp.iscomplexobj(z) else jnp.square(z)


def _whitened(cross: Array, axes: tuple[int, ...]) -> Array:
    """Every line of one magnitude, save those that are nothing but rounding."""
    power = _power(cross)
    floor = (_NOISE * float(jnp.finfo(power.dtype).eps)) ** 2
    # Written so that a NaN stays one.
    silent = power <= floor * jnp.max(power, axis=axes, keepdims=True)
    factor = jnp.where(silent, 0, lax.rsqrt(jnp.where(silent, 1, power)))
    return lax.complex(cross.real * factor, cross.imag * factor)


def _peak(heights: Array, *, reach: tuple[tuple[int, int], ...], subsample: str) -> Array:
    """Where a circular array of correlations, lag 0 first, has its largest value."""
    allowed = np.ones((), bool)
    for size, (first, last) in zip(heights.shape, reach, strict=True):
        lag = np.arange(size)
        allowed = np.multiply.outer(allowed, (lag <= last) | (lag - size >= first))
    seen = _power(heights) if jnp.iscomplexobj(heights) else heights
    # The first of equals is the lag 0: what has no peak has no delay.
    at = jnp.argmax(jnp.where(allowed, lax.stop_gradient(seen), -jnp.inf))
    place = jnp.unravel_index(at, heights.shape)
    # The peak to the origin, so that lags near it are small numbers, however long the signals.
    for axis, index in enumerate(place):
        heights, seen = (jnp.roll(each, -index, axis) for each in (heights, seen))
    lags = jnp.stack([
        jnp.where(index > last, index - size, index).astype(seen.dtype)
        for index, size, (_, last) in zip(place, heights.shape, reach, strict=True)
    ])  # fmt: skip
    top = seen[(0,) * seen.ndim]
    if subsample != "none":
        offset = jnp.stack([_parabola(seen, axis) for axis in range(seen.ndim)])
        lags = lags + (_newton(heights, offset) if subsample == "fourier" else offset)
    return jnp.where(jnp.isnan(top), top, lags)


def _parabola(seen: Array, axis: int) -> Array:
    """The summit of the parabola through the origin and its two neighbours along an axis."""
    before, top, after = (
        seen[tuple(place if a == axis else 0 for a in range(seen.ndim))]
        for place in (-1, 0, 1 % seen.shape[axis])
    )
    bend = before - 2 * top + after
    is_summit = bend < 0
    offset = (before - after) / (2 * jnp.where(is_summit, bend, -1))
    # At the end of the lags looked at, a neighbour may be higher.
    return jnp.where(is_summit, jnp.clip(offset, -0.5, 0.5), 0)


def _newton(heights: Array, offset: Array) -> Array:
    """The summit of the trigonometric polynomial through all values, near the origin.

    The steps are differentiated, too: as they converge, so do their derivatives of every order.
    """
    spectrum = jnp.fft.fftn(heights) / heights.size
    turns = [2 * np.pi * np.fft.fftfreq(size) for size in heights.shape]

    def height(place: Array) -> Array:
        total = spectrum
        for axis in reversed(range(heights.ndim)):
            angle = place[axis] * jnp.asarray(turns[axis], place.dtype)
            total = jnp.sum(total * lax.complex(jnp.cos(angle), jnp.sin(angle)), axis=-1)
        return _power(total) if jnp.iscomplexobj(heights) else total.real

    slope, bend = jax.grad(height), jax.hessian(height)
    flat = -jnp.eye(heights.ndim, dtype=offset.dtype)

    def step(place: Array, _: None) -> tuple[Array, None]:
        hessian = bend(place)
        is_summit = jnp.all(jnp.linalg.eigvalsh(lax.stop_gradient(hessian)) < 0)
        moved = place - jnp.linalg.solve(jnp.where(is_summit, hessian, flat), slope(place))
        # On a flat or crooked top, or one elsewhere, the parabola's answer stands.
        stays_near = jnp.all(jnp.abs(lax.stop_gradient(moved)) <= 1)
        return jnp.where(is_summit & stays_near, moved, place), None

    return lax.scan(step, offset, length=_NEWTON_STEPS)[0]
