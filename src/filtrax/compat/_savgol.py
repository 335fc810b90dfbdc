"""Savitzky-Golay filters: the fit of a polynomial in a window is a filter with fixed taps."""

import warnings

import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.polynomial import legendre

from filtrax._errors import value_error
from filtrax._spec import integer
from filtrax._typing import Array, ArrayLike
from filtrax.compat._ndimage import check_axis, filter_vector
from filtrax.compat._scipy import fixed_taps, is_complex, operand, promoted, to_precision

_MODES = ("mirror", "constant", "nearest", "interp", "wrap")


def _taps(length: int, degree: int, deriv: int, delta: float, place: float) -> np.ndarray:
    """What the fitted polynomial's derivative at ``place`` takes of each sample."""
    if deriv > degree:
        return np.zeros(length)
    # Legendre's polynomials on -1..1: powers of the samples' numbers would lose digits.
    middle = (length - 1) / 2
    scale = max(middle, 1)
    basis = legendre.legvander((np.arange(length) - middle) / scale, degree)
    slopes = legendre.legder(np.eye(degree + 1), deriv)
    at_place = legendre.legval((place - middle) / scale, slopes)
    # A pseudo-inverse, by singular values, would lose another digit on some machines.
    q, r = np.linalg.qr(basis)
    return q @ np.linalg.solve(r.T, at_place) / (delta * scale) ** deriv


def savgol_filter(
    x: ArrayLike,
    window_length: int,
    polyorder: int,
    deriv: int = 0,
    delta: float = 1.0,
    axis: int = -1,
    mode: str = "interp",
    cval: float = 0.0,
) -> Array:
    """Smooths or differentiates by local polynomials, as `scipy.signal.savgol_filter`.

    Args:
        x: array of at least one dimension. As in SciPy, an imaginary part is dropped, with a
            warning.
        window_length: samples to which a polynomial is fitted by least squares.
        polyorder: degree of the polynomial, below ``window_length``.
        deriv: how often to differentiate.
        delta: distance of the samples.
        axis: the filtered axis.
        mode: ``"interp"`` (at the ends, the polynomial of the last whole window), or
            ``"mirror"``, ``"constant"``, ``"nearest"``, ``"wrap"`` as in `scipy.ndimage`.
        cval: the constant of ``"constant"``.

    Returns:
        The filtered array, of the shape of ``x``: float32 for float32, else float64.

    Raises:
        ValueError: ``polyorder`` is not below ``window_length``, the mode or the axis is
            impossible, or the window is longer than ``x`` in ``"interp"``.
        TypeError: an argument has the wrong type.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.savgol_filter([0, 1, 4, 9, 16, 25], 3, 2, deriv=1))
        [ 0.  2.  4.  6.  8. 10.]
    """
    signal = operand(x, "x")
    if not isinstance(mode, str) or mode not in _MODES:
        raise value_error("mode", f"one of {', '.join(map(repr, _MODES))}", repr(mode))
    dtype = signal.dtype if signal.dtype == np.float32 else promoted(np.float64)
    axis = check_axis(axis, signal.ndim)
    k, degree = integer("window_length", window_length), integer("polyorder", polyorder)
    deriv = integer("deriv", deriv)
    for name, count in (("polyorder", degree), ("deriv", deriv)):
        if count < 0:
            raise value_error(name, "an integer of at least 0", repr(count))
    if degree >= k:
        raise value_error("polyorder", f"less than window_length={k}", repr(degree))
    if is_complex(signal.dtype):
        warnings.warn("x: its imaginary part is dropped", np.exceptions.ComplexWarning, 2)
        signal = signal.real
    signal = to_precision(signal, dtype)
    taps = fixed_taps(_taps(k, degree, deriv, delta, (k - 1) / 2)[::-1])
    if mode != "interp":
        return filter_vector("convolve", signal, taps, axis, None, mode, cval, 0)
    n = signal.shape[axis]
    if k > n:
        raise value_error("window_length", f"at most the {n} samples for 'interp'", repr(k))
    half = k // 2
    inner = filter_vector("convolve", signal, taps, axis, None, "constant", 0.0, 0)
    parts = []
    for first, positions in ((0, range(half)), (n - k, range(k - half, k))):
        rows = [_taps(k, degree, deriv, delta, place) for place in positions]
        matrix = jnp.asarray(np.reshape(rows, (half, k)), dtype)
        edge = jnp.moveaxis(lax.slice_in_dim(signal, first, first + k, axis=axis), axis, -1)
        ends = jnp.matmul(edge, matrix.T, precision=lax.Precision.HIGHEST)
        parts.append(jnp.moveaxis(ends, -1, axis))
    inner = lax.slice_in_dim(inner, half, n - half, axis=axis)
    return lax.concatenate([parts[0], inner, parts[1]], axis)
