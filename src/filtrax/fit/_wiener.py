"""Wiener filters: the best linear estimate of one signal from another, from their statistics."""

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from filtrax._errors import describe, type_error, value_error
from filtrax._spec import integer
from filtrax._typing import Array, ArrayLike
from filtrax.fit._arguments import (
    IdentifiabilityWarning,
    as_floating,
    as_ridge,
    check_finite,
)
from filtrax.fit._gram import toeplitz
from filtrax.fit._solve import hermitian, spectrum


def wiener_hopf(auto: ArrayLike, cross: ArrayLike, *, ridge: ArrayLike = 0.0) -> Array:
    """The taps of the best causal FIR filter, from correlations: the Wiener-Hopf equations.

    They are ``sum over m of auto[k - m] * h[m] = cross[k]`` for k = 0..K-1, with
    ``auto[-k] = conj(auto[k])``; the filter `h` turns x into the estimate of y with the least mean
    squared error (N. Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time
    Series", 1949).

    Args:
        auto: ``E[x[n + k] conj(x[n])]`` at the lags 0..K-1, (..., K).
        cross: ``E[y[n + k] conj(x[n])]`` at the same lags, (..., K), with leading dimensions that
            broadcast against those of auto.
        ridge: added to ``auto[0]``: as if x came with white noise of that power.

    Returns:
        The taps h, (..., K), for `filtrax.convolve`. They have derivatives by everything.

    Raises:
        ValueError: the shapes do not fit, or ridge is negative.
        TypeError: an argument is no array of numbers.

    Warns:
        IdentifiabilityWarning: the correlations do not determine every tap.

    Example:
        >>> import filtrax
        >>> print(filtrax.fit.wiener_hopf([1.0, 0.5, 0.25], [0.5, 1.0, 0.5]).round(3))
        [0. 1. 0.]
    """
    r, p = as_floating(auto, "auto"), as_floating(cross, "cross")
    if r.ndim == 0 or r.shape[-1] == 0:
        raise value_error("auto", "at least one lag", describe(auto))
    if p.ndim == 0 or p.shape[-1] != r.shape[-1] or not _broadcast(r.shape[:-1], p.shape[:-1]):
        raise value_error("cross", f"as many lags as auto, of shape {r.shape}", f"shape {p.shape}")
    check_finite("auto", r)
    check_finite("cross", p)
    dtype = np.promote_types(r.dtype, p.dtype)
    r = r.astype(dtype if jnp.iscomplexobj(r) else jnp.finfo(dtype).dtype)
    load = as_ridge(ridge, dtype)
    shape = jnp.broadcast_shapes(r.shape, p.shape)
    matrix = toeplitz(jnp.broadcast_to(r, shape))
    found = spectrum(*lax.stop_gradient((matrix, load)))
    rank = found.rank
    if not isinstance(rank, Tracer) and int(rank.min()) < shape[-1]:
        warnings.warn(
            f"auto: determines {int(rank.min())} of {shape[-1]} combinations of the taps; ask for "
            "fewer taps or add a ridge",
            IdentifiabilityWarning, stacklevel=2,
        )  # fmt: skip
    return hermitian(matrix, load, found.inverse, jnp.broadcast_to(p, shape).astype(dtype))


def wiener(
    auto: ArrayLike,
    cross: ArrayLike,
    num_taps: int | None = None,
    *,
    delay: int = 0,
    ridge: ArrayLike = 0.0,
    n: int | None = None,
) -> Array:
    """The Wiener filter from spectra: its frequency response, or the best taps of a length.

    For a signal x and a wanted signal y the response ``cross / (auto + ridge)`` has the least mean
    squared error of all filters, causal or not. `scipy.signal.welch` of x and `scipy.signal.csd` of
    (x, y), both with ``return_onesided=False``, or their first halves, are such spectra; if x is y
    plus independent noise, cross is the spectrum of y and auto the sum of both spectra.

    Args:
        auto: power spectrum of x at F frequencies from 0 to the Nyquist frequency, as of
            `numpy.fft.rfft`, (..., F); or with ``n=F`` at all F frequencies of `numpy.fft.fft`,
            which complex signals need.
        cross: cross spectrum ``conj(X) Y`` at the same frequencies, (..., F).
        num_taps: none gives the response; a number gives the best FIR filter of so many taps.
        delay: of the output of the taps, which lets them see so many samples of the future.
        ridge: added to auto, in its unit: as if x came with white noise.
        n: length of the transforms; by default 2 (F - 1).

    Returns:
        The complex response (..., F), or the taps (..., num_taps): ``convolve(x, taps, "causal")``
        estimates y, ``delay`` samples late. Taps are real unless ``n=F``.

    Raises:
        ValueError: the shapes do not fit, there are more taps than the spectra determine, ridge is
            negative, or auto is negative somewhere.
        TypeError: an argument has the wrong type.

    Warns:
        IdentifiabilityWarning: the spectra do not determine the response at every frequency, or
            every tap.

    Example:
        Noise of the signal's own power halves the gain.

        >>> import filtrax
        >>> auto, cross = [2.0] * 5, [1.0] * 5
        >>> print(filtrax.fit.wiener(auto, cross).real)
        [0.5 0.5 0.5 0.5 0.5]
        >>> print(filtrax.fit.wiener(auto, cross, 3, delay=1).round(3))
        [0.  0.5 0. ]
    """
    power, mixed = as_floating(auto, "auto"), as_floating(cross, "cross")
    if jnp.iscomplexobj(power):
        raise type_error("auto", "a real power spectrum", describe(power))
    if power.ndim == 0 or power.shape[-1] < 2:
        raise value_error("auto", "at least two frequencies", describe(power))
    if (
        mixed.ndim == 0
        or mixed.shape[-1] != power.shape[-1]
        or not _broadcast(power.shape[:-1], mixed.shape[:-1])
    ):
        raise value_error(
            "cross", f"the frequencies of auto, of shape {power.shape}", f"shape {mixed.shape}"
        )
    count = power.shape[-1]
    length = 2 * (count - 1) if n is None else integer("n", n)
    if length not in (count, 2 * count - 2, 2 * count - 1):
        raise value_error("n", f"{count}, {2 * count - 2} or {2 * count - 1}", f"{length}")
    if not isinstance(power, Tracer) and not np.all(np.asarray(power) >= 0):
        raise value_error("auto", "powers of at least 0", "a negative one or a NaN")
    check_finite("cross", mixed)
    load = as_ridge(ridge, mixed.dtype)
    power = power.astype(np.promote_types(power.dtype, load.dtype))
    if num_taps is None:
        return _response(power, mixed, load)
    taps, late = integer("num_taps", num_taps), integer("delay", delay)
    if not 1 <= taps <= length // 2:
        raise value_error(
            "num_taps", f"1 to {length // 2}, which transforms of {length} determine", f"{taps}"
        )
    if abs(late) > length // 2:
        raise value_error("delay", f"{-(length // 2)} to {length // 2}", f"{late}")
    lags = [_correlation(each, length, count) for each in (power, mixed)]
    if count != length:
        lags = [each.real for each in lags]
    first = lags[0][..., :taps]
    wanted = jnp.roll(lags[1], late, -1)[..., :taps]
    return wiener_hopf(first, wanted, ridge=load)


def _response(power: Array, cross: Array, ridge: Array) -> Array:
    total = power + ridge
    if not isinstance(total, Tracer) and not np.all(np.asarray(total) > 0):
        warnings.warn(
            "auto: zero at a frequency, where the response is set to 0; add a ridge",
            IdentifiabilityWarning, stacklevel=3,
        )  # fmt: skip
    dtype = np.promote_types(np.promote_types(cross.dtype, total.dtype), jnp.complex64)
    known = total > 0
    inverse = jnp.where(known, 1 / jnp.where(known, total, 1), 0)
    return cross.astype(dtype) * inverse.astype(dtype)


def _correlation(spectrum_: Array, length: int, count: int) -> Array:
    """The correlation at all lags of a transform's length."""
    values: Any = spectrum_.astype(np.promote_types(spectrum_.dtype, jnp.complex64))
    if count == length:
        return jnp.fft.ifft(values)
    return jnp.fft.irfft(values, length)


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    pairs = zip(a[::-1], b[::-1], strict=False)
    return all(m == k or 1 in (m, k) for m, k in pairs)
