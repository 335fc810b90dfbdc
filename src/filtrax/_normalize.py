"""Correlations divided by what overlaps: means, norms, and the coefficient at each lag."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._correlate import correlate
from filtrax._engines.taps import widened
from filtrax._geometry import Axis
from filtrax._moments import Window, sliding_moments
from filtrax._spec import Spec
from filtrax._typing import Array

NORMALIZATIONS = ("unbiased", "coeff", "pearson")
#: Standard deviations below so many roundings of the row's largest value count as zero.
_NOISE = 32.0


@partial(
    jax.jit,
    static_argnames=("spec", "filtered", "axes", "normalize", "least", "settings"),
    inline=True,
)
def normalized(
    x: Array,
    h: Array,
    *,
    spec: Spec,
    filtered: tuple[int, ...],
    axes: tuple[Axis, ...],
    normalize: str,
    least: int,
    settings: tuple[Any, Any],
) -> Array:
    """The sums of `correlate` made unbiased, or coefficients, along ``filtered``.

    Args:
        x: floating or complex signal.
        h: the other, of x's precision, as `correlate` takes it.
        spec: the choices along each filtered axis.
        filtered: those axes of x.
        axes: their index relations.
        normalize: one of ``NORMALIZATIONS``.
        least: lags at which fewer samples overlap give 0.
        settings: engine and precision.
    """
    result = h.dtype if jnp.iscomplexobj(h) else x.dtype
    # Half precision is widened once, for sums and statistics alike.
    x, h = widened(x), widened(h)
    if normalize != "unbiased":
        # Neither changes the result, so neither has a derivative.
        x = _standardized(x, filtered, centre=normalize == "pearson")
        own = tuple(range(h.ndim)) if h.ndim == len(filtered) else filtered
        h = _standardized(h, own, centre=normalize == "pearson")
    modes: Any = tuple(axis.mode for axis in spec.axes)
    method, precision = settings
    sums = correlate(x, h, modes, axes=filtered, method=method, precision=precision)
    h = _placed(h, filtered, x.ndim)
    if normalize == "coeff":
        y = _by_norms(sums, x, h, filtered)
    else:
        y = _by_overlap(sums, x, h, dict(zip(filtered, axes, strict=True)), normalize, least)
    return lax.convert_element_type(y, result)


def _placed(h: Array, filtered: tuple[int, ...], rank: int) -> Array:
    """A shared kernel in the rank of x, each of its dimensions at the axis that it meets."""
    if h.ndim != len(filtered):
        return h
    sizes = dict(zip(filtered, h.shape, strict=True))
    ordered = h.transpose(tuple(int(i) for i in np.argsort(filtered)))
    return ordered.reshape(tuple(sizes.get(a, 1) for a in range(rank)))


def _standardized(x: Array, axes: tuple[int, ...], *, centre: bool) -> Array:
    """Each row divided by its largest value, without its mean if ``centre``."""
    x = _scaled(x, 1 / _largest(x, axes))
    if not centre:
        return x
    known = lax.stop_gradient(x)
    x = x - jnp.mean(jnp.where(jnp.isfinite(known), known, 0), axis=axes, keepdims=True)
    return _scaled(x, 1 / _largest(x, axes))


def _largest(x: Array, axes: tuple[int, ...]) -> Array:
    """The largest finite absolute value of each row, 1 if it is 0."""
    sizes = jnp.abs(lax.stop_gradient(x))
    largest = jnp.max(jnp.where(jnp.isfinite(sizes), sizes, 0), axis=axes, keepdims=True)
    return jnp.where(largest > 0, largest, 1)


def _scaled(z: Array, factor: Array) -> Array:
    """A real or complex array times a real one."""
    if jnp.iscomplexobj(z):
        return lax.complex(z.real * factor, z.imag * factor)
    return z * factor


def _squared(z: Array) -> Array:
    return jnp.square(z.real) + jnp.square(z.imag) if jnp.iscomplexobj(z) else jnp.square(z)


def _by_norms(sums: Array, x: Array, h: Array, filtered: tuple[int, ...]) -> Array:
    powers = [jnp.sum(_squared(each), axis=filtered, keepdims=True) for each in (x, h)]
    return _divided(sums, powers, [power > 0 for power in powers])


def _by_overlap(
    sums: Array, x: Array, h: Array, axes: dict[int, Axis], normalize: str, least: int
) -> Array:
    """The mean, or the correlation coefficient, of the samples that overlap at each lag."""
    over_x = {a: Window(-axis.lo, axis.m, axis.k) for a, axis in axes.items()}
    # As the lag grows, the part of h that x covers moves to the front.
    over_h = {a: Window(axis.lo - axis.m + 1, axis.m, axis.n) for a, axis in axes.items()}
    count = _overlap(over_x, axes, x.ndim)
    enough = count >= least
    count = jnp.maximum(count, 1).astype(jnp.finfo(x.dtype).dtype)
    if normalize == "unbiased":
        mean = _scaled(sums, 1 / count)
        return jnp.where(enough, mean, jnp.zeros((), mean.dtype))
    mean_x, variance_x = sliding_moments(x, over_x)
    mean_h, variance_h = (jnp.flip(each, tuple(axes)) for each in sliding_moments(h, over_h))
    product = mean_x.astype(sums.dtype) * jnp.conj(mean_h).astype(sums.dtype)
    covariance = _scaled(sums, 1 / count) - product
    noise = (_NOISE * float(jnp.finfo(x.dtype).eps)) ** 2
    # Written so that a NaN counts as variance, and comes out as a NaN.
    varies = [~(variance <= noise) for variance in (variance_x, variance_h)]
    y = _divided(covariance, [variance_x, variance_h], [*varies, enough])
    return _clipped(y)


def _overlap(windows: dict[int, Window], axes: dict[int, Axis], rank: int) -> Array:
    """How many samples overlap at each lag, over all axes."""
    total = jnp.ones((1,) * rank, jnp.int32)
    for a, window in windows.items():
        first = jnp.arange(window.count, dtype=jnp.int32) + window.start
        last = jnp.minimum(first + window.width, axes[a].n)
        inside = jnp.maximum(last - jnp.maximum(first, 0), 0)
        total = total * inside.reshape([-1 if axis == a else 1 for axis in range(rank)])
    return total


def _divided(z: Array, squares: list[Array], conditions: list[Array]) -> Array:
    """Over the roots of two squares; 0, with a derivative of 0, unless all conditions hold."""
    ok = jnp.asarray(True)
    for condition in conditions:
        ok = ok & condition
    one = jnp.ones((), squares[0].dtype)
    factor = lax.rsqrt(jnp.where(ok, squares[0], one)) * lax.rsqrt(jnp.where(ok, squares[1], one))
    return jnp.where(ok, _scaled(z, factor), jnp.zeros((), z.dtype))


def _clipped(y: Array) -> Array:
    """A coefficient; beyond 1 there is nothing but rounding."""
    if not jnp.iscomplexobj(y):
        return jnp.clip(y, -1, 1)
    power = _squared(y)
    beyond = power > 1
    return _scaled(y, jnp.where(beyond, lax.rsqrt(jnp.where(beyond, power, 1)), 1))
