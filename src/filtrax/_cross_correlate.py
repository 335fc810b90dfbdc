"""Cross-correlation by lag: which lags an output has, fewer lags at a lower cost, normalised."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._correlate import METHODS, correlate, resolve_windows
from filtrax._errors import value_error
from filtrax._geometry import Axis
from filtrax._layout import make_layout
from filtrax._normalize import NORMALIZATIONS, normalized
from filtrax._operands import as_operands, as_precision
from filtrax._spec import choice, integer, make_spec, per_axis
from filtrax._typing import Array, ArrayLike, Axes, Method, Mode, Precision


def correlation_lags(n: int, k: int, mode: Any = "full", *, max_lag: int | None = None) -> Any:
    """The lag of each output of `correlate` and `cross_correlate`, along one axis.

    At lag l the kernel's first tap stands on ``x[l]``. So a copy of h that begins d samples
    later in x, ``x[i] = h[i - d]``, gives a peak at lag d: a positive lag says that x is late.
    These are the lags of `scipy.signal.correlation_lags`, except that ``"same"`` follows
    `correlate` also for an even kernel, where SciPy's two functions differ by one.

    Args:
        n: length of x.
        k: length of h.
        mode: as in `correlate`: ``"full"``, ``"same"``, ``"valid"``, ``"causal"`` or ``(lo, hi)``.
        max_lag: the lags from ``-max_lag`` to ``max_lag``, as in `cross_correlate`.

    Returns:
        Ascending integers, a NumPy array: lags are known while JAX traces.

    Raises:
        ValueError: a length is below 1, the mode is unknown or does not fit the lengths, or
            ``max_lag`` is negative or comes with another mode than ``"full"``.
        TypeError: an argument has the wrong type.

    Example:
        >>> import filtrax
        >>> print(filtrax.correlation_lags(4, 3))
        [-2 -1  0  1  2  3]
        >>> print(filtrax.correlation_lags(1000, 1000, max_lag=2))
        [-2 -1  0  1  2]
    """
    n, k = integer("n", n), integer("k", k)
    for name, length in (("n", n), ("k", k)):
        if length < 1:
            raise value_error(name, "a length of at least 1", repr(length))
    spec, _ = make_spec(1, "correlate", _window_modes(mode, max_lag, (n,), (k,)))
    return lags_of(*resolve_windows(spec, (n,), (k,)))


def lags_of(axis: Axis) -> np.ndarray:
    """The lags of an axis's outputs."""
    return np.arange(axis.m) - axis.lo


def _window_modes(mode: Any, max_lag: Any, n: Sequence[int], k: Sequence[int]) -> Any:
    """The mode for each axis; lags from -L to L are one explicit padding."""
    if max_lag is None:
        return mode
    if not (isinstance(mode, str) and mode == "full"):
        raise value_error(
            "max_lag", f"None unless mode is 'full' (mode is {mode!r})", f"{max_lag!r}"
        )
    limits = per_axis("max_lag", max_lag, len(n))
    modes = []
    for limit, samples, taps in zip(limits, n, k, strict=True):
        lag = integer("max_lag", limit)
        if lag < 0:
            raise value_error("max_lag", "an integer of at least 0", repr(lag))
        modes.append((lag, lag + taps - samples))
    return tuple(modes)


def cross_correlate(
    x: ArrayLike,
    h: ArrayLike,
    mode: Mode = "full",
    *,
    max_lag: int | Sequence[int] | None = None,
    normalize: str | None = None,
    min_overlap: int = 2,
    axes: Axes = None,
    method: Method = "auto",
    precision: Precision = None,
) -> Array:
    """Cross-correlates x and h at the lags asked for, normalised if asked for.

    ``c[l] = sum over m of x[m + l] * conj(h[m])``: that of `correlate`, whose lags
    `correlation_lags` gives. A positive lag says that x is late. Beyond its ends neither has any
    samples, so a normalised value at a lag is one of the samples that overlap there.

    With ``mode="valid"`` and ``normalize="pearson"`` it is template matching in any number of
    dimensions: the zero-normalised cross-correlation of h with each window of x.

    Args:
        x: signal, any rank of at least 1.
        h: the other signal, or a template; it meets the axes of x as the kernel of `convolve`
            does. For pairs of rows give ``axes=-1`` and two arrays of one rank.
        mode: which lags, as in `correlate`.
        max_lag: only the lags from ``-max_lag`` to ``max_lag``, one number or one for each
            filtered axis. Others are not computed: it is ``mode=(max_lag, max_lag + K - N)``,
            whose cost `filtrax.plan` shows. Lags at which nothing overlaps give 0.
        normalize: ``None`` for the plain sum; ``"unbiased"`` for its mean over the overlap;
            ``"coeff"`` for the sum divided by the norms of x and h, in [-1, 1];
            ``"pearson"`` for the correlation coefficient of the samples that overlap: both lose
            their mean there and are divided by their standard deviation there.
        min_overlap: lags with fewer overlapping samples (over all axes) give 0 in ``"unbiased"``
            and ``"pearson"``.
        axes: the filtered axes of x, as in `convolve`.
        method: as in `convolve`.
        precision: as in `convolve`.

    Returns:
        An array of the rank of x. Normalised integers give floating numbers. Where x or h has no
        variance (its standard deviation is within the rounding of its largest value, both with
        the mean of the row removed), ``"pearson"`` is 0, and so is its gradient.

    Raises:
        ValueError: an argument has an impossible value, or shapes do not fit.
        TypeError: an argument has the wrong type.

    Example:
        >>> import jax.numpy as jnp
        >>> import filtrax
        >>> h = jnp.array([1.0, -2.0, 4.0, 0.0])
        >>> x = jnp.array([7.0, 7.0, 8.0, 5.0, 11.0, 7.0])  # 7 + h, two samples late
        >>> print(filtrax.cross_correlate(x, h, "valid", normalize="pearson").round(2))
        [ 0.5  -0.65  1.  ]
    """
    x, h = as_operands(x, h)
    if normalize is not None:
        normalize = choice("normalize", normalize, NORMALIZATIONS)
    min_overlap = integer("min_overlap", min_overlap)
    if min_overlap < 1:
        raise value_error("min_overlap", "an integer of at least 1", repr(min_overlap))
    filtered = make_layout(x.shape, h.shape, axes).filtered
    n = tuple(x.shape[a] for a in filtered)
    k = h.shape if h.ndim == len(filtered) else tuple(h.shape[a] for a in filtered)
    mode = _window_modes(mode, max_lag, n, k)
    if normalize is None:
        return correlate(x, h, mode, axes=filtered, method=method, precision=precision)
    spec, _ = make_spec(len(n), "correlate", mode)
    names = [f" along axis {a}" if x.ndim > 1 else "" for a in filtered]
    resolved = resolve_windows(spec, n, k, names)
    settings = (choice("method", method, METHODS), as_precision(precision))
    if not jnp.issubdtype(x.dtype, jnp.inexact):
        wide = jnp.result_type(float)
        x, h = lax.convert_element_type(x, wide), lax.convert_element_type(h, wide)
    return normalized(
        x, h, spec=spec, filtered=filtered, axes=resolved, normalize=normalize,
        least=min_overlap, settings=settings,
    )  # fmt: skip
