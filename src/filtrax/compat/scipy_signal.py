"""The convolutions and recursive filters of `scipy.signal`, under their names: change one import.

The arguments, their order and defaults, the output's shape and dtype, and which operand counts as
the signal are those of SciPy 1.17. The results are JAX arrays that jit, vmap and grad accept.

What differs from SciPy, and why:

- ``method="direct"`` is the sum itself, each output as exact as its own terms. ``"auto"`` and
  ``"fft"`` leave the choice of the engine to filtrax, and so do `fftconvolve`, `oaconvolve`,
  `convolve2d` and `correlate2d`: how far a NaN, an infinity or the rounding of a large value
  reaches follows from that choice. Integers are exact with every method and wrap around as NumPy's
  do.
- Without ``jax_enable_x64``, 64-bit dtypes become 32-bit ones, with a `filtrax.PrecisionWarning`.
  bfloat16 follows JAX's promotion.
- Booleans and float16 are taken in several dimensions, too, where SciPy has no direct method:
  booleans give a boolean, "is there any pair of true values that meet"; float16 sums in float32.
- Empty operands: `fftconvolve` and `oaconvolve` give an empty vector; otherwise ``"same"`` gives
  an empty result for an empty ``in1``, and in several dimensions ``"valid"`` gives zeros, as
  SciPy. All else is a ValueError; SciPy there raises one that speaks of broadcasting, returns
  uninitialised memory (`convolve2d`, `correlate2d`) or ends the process.
- Arguments are checked always: SciPy ignores ``mode`` and ``method`` for scalars, and takes the
  operands of `choose_conv_method` unseen. ``fillvalue=None`` is an error, not NaN.
- `choose_conv_method` uses SciPy's own cost model with its constants rounded to four digits. With
  traced integers, whose size it cannot see, it says ``"direct"``.

- Coefficients of recursive filters may also be one set per row. The default ``padlen`` of
  `sosfiltfilt` needs an ``sos`` that is not traced.
  A pole at z = 1 is a ValueError that says so, where SciPy finds a matrix singular or divides by 0.

SciPy's own surprises are kept: ``"same"`` of `correlate2d` at even sizes lies one sample after
that of `correlate`; ``"valid"`` of `correlate2d` with a longer ``in2`` is conjugated; for an even
second length and an odd first, `correlation_lags` of ``"same"`` is one more than the lag that
`correlate` computes; ``"same"`` of `fftconvolve` crops broadcast axes to ``in1``, too.
"""

from time import perf_counter
from typing import Any

import jax.numpy as jnp
import numpy as np

from filtrax._errors import value_error
from filtrax._spec import integer
from filtrax._typing import Array, ArrayLike
from filtrax.compat._recursive import lfilter, sosfilt
from filtrax.compat._savgol import savgol_filter
from filtrax.compat._scipy import promoted, scipy_mode
from filtrax.compat._scipy_choice import fft_is_cheaper, overflows_double
from filtrax.compat._separable import sepfir2d
from filtrax.compat._signal import (
    empty_error,
    filter_along,
    filter_matrices,
    filter_whole,
    operands,
)
from filtrax.conventions._table import CONVENTIONS
from filtrax.iir import filtfilt, lfilter_zi, lfiltic, sosfilt_zi, sosfiltfilt

__all__ = [
    "choose_conv_method",
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "correlation_lags",
    "fftconvolve",
    "filtfilt",
    "lfilter",
    "lfilter_zi",
    "lfiltic",
    "oaconvolve",
    "savgol_filter",
    "sepfir2d",
    "sosfilt",
    "sosfilt_zi",
    "sosfiltfilt",
]


def convolve(in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto") -> Array:
    """Convolves two N-dimensional arrays, as `scipy.signal.convolve`.

    Args:
        in1: first operand.
        in2: second operand, of the same rank.
        mode: ``"full"``, ``"same"`` (the size of ``in1``, starting at ``(K-1)//2`` of full) or
            ``"valid"`` (one operand must be at least as large as the other in every dimension).
        method: ``"direct"`` for errors relative to each output's own terms; with ``"auto"`` and
            ``"fft"`` filtrax chooses among all its engines.

    Returns:
        The convolution, in NumPy's promoted dtype.

    Raises:
        ValueError: ranks differ, ``mode`` or ``method`` is unknown, an operand is empty, or
            neither contains the other in ``"valid"``.
        TypeError: an operand is no array of numbers.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.convolve([1, 2, 3], [0, 1, 10], mode="same"))
        [ 1 12 23]
    """
    return filter_whole("scipy.signal.convolve", in1, in2, mode, method)


def correlate(in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto") -> Array:
    """Cross-correlates two N-dimensional arrays, as `scipy.signal.correlate`.

    Args:
        in1: first operand.
        in2: second operand, of the same rank; conjugated if complex.
        mode: as in `convolve`.
        method: as in `convolve`.

    Returns:
        The correlation, in NumPy's promoted dtype.

    Raises:
        ValueError: as in `convolve`.
        TypeError: an operand is no array of numbers.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.correlate([1, 2, 3], [0, 1, 10]))
        [10 21 32  3  0]
    """
    return filter_whole("scipy.signal.correlate", in1, in2, mode, method)


def fftconvolve(in1: ArrayLike, in2: ArrayLike, mode: str = "full", axes: Any = None) -> Array:
    """Convolves two N-dimensional arrays along some axes, as `scipy.signal.fftconvolve`.

    Args:
        in1: first operand.
        in2: second operand, of the same rank. Along the axes that are not filtered, either may
            have size 1 and is broadcast.
        mode: as in `convolve`; ``"same"`` crops broadcast axes to the size of ``in1``, too.
        axes: filtered axes, one or several; all by default.

    Returns:
        The convolution, in the dtype of SciPy's FFT: integers become float64. As in SciPy they
        stay as they are if one operand has size 1 along every filtered axis.

    Raises:
        ValueError: ranks differ, sizes do not broadcast, ``mode`` or ``axes`` is impossible, or
            neither operand contains the other in ``"valid"``.
        TypeError: an operand is no array of numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax.compat import scipy_signal
        >>> rows, kernels = jnp.ones((1, 100)), jnp.ones((7, 10))
        >>> scipy_signal.fftconvolve(rows, kernels, mode="full", axes=1).shape
        (7, 109)
    """
    return filter_along(in1, in2, mode, axes)


def oaconvolve(in1: ArrayLike, in2: ArrayLike, mode: str = "full", axes: Any = None) -> Array:
    """Convolves two N-dimensional arrays along some axes, as `scipy.signal.oaconvolve`.

    Args:
        in1: first operand.
        in2: second operand; see `fftconvolve`.
        mode: as in `fftconvolve`.
        axes: as in `fftconvolve`.

    Returns:
        The convolution, in the dtype of `fftconvolve`.

    Raises:
        ValueError: as in `fftconvolve`.
        TypeError: an operand is no array of numbers.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.oaconvolve([1.0, 2.0, 3.0], [1.0, 1.0], mode="valid"))
        [3. 5.]
    """
    return filter_along(in1, in2, mode, axes)


def convolve2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    boundary: str = "fill",
    fillvalue: ArrayLike = 0,
) -> Array:
    """Convolves two matrices, as `scipy.signal.convolve2d`.

    Args:
        in1: first operand, of two dimensions.
        in2: second operand, of two dimensions.
        mode: as in `convolve`.
        boundary: what lies outside ``in1``: ``"fill"`` (or ``"pad"``), ``"wrap"`` (or
            ``"circular"``), ``"symm"`` (or ``"symmetric"``, the end samples repeated); also
            beyond the size of ``in1``. In ``"valid"`` nothing does.
        fillvalue: the constant of ``"fill"``, cast to the result's dtype.

    Returns:
        The convolution, in NumPy's promoted dtype.

    Raises:
        ValueError: an operand is not a matrix or is empty, ``mode`` or ``boundary`` is unknown,
            ``fillvalue`` is no scalar of the dtype, or neither operand contains the other in
            ``"valid"``.
        TypeError: an operand is no array of numbers.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.convolve2d([[1, 2], [3, 4]], [[1, 1]], "same", "wrap"))
        [[3 3]
         [7 7]]
    """
    return filter_matrices("scipy.signal.convolve2d", in1, in2, mode, boundary, fillvalue)


def correlate2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    boundary: str = "fill",
    fillvalue: ArrayLike = 0,
) -> Array:
    """Cross-correlates two matrices, as `scipy.signal.correlate2d`.

    Args:
        in1: first operand, of two dimensions.
        in2: second operand, of two dimensions; conjugated if complex (in ``"valid"``, ``in1``
            is, should ``in2`` be the larger: so does SciPy).
        mode: ``"full"``, ``"valid"``, or ``"same"``, which starts at ``K//2`` of full: for even
            sizes one sample after that of `correlate`.
        boundary: as in `convolve2d`.
        fillvalue: as in `convolve2d`.

    Returns:
        The correlation, in NumPy's promoted dtype.

    Raises:
        ValueError: as in `convolve2d`.
        TypeError: an operand is no array of numbers.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.correlate2d([[1, 2], [3, 4]], [[1, 10]], "same"))
        [[21  2]
         [43  4]]
    """
    return filter_matrices("scipy.signal.correlate2d", in1, in2, mode, boundary, fillvalue)


def choose_conv_method(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", measure: bool = False
) -> Any:
    """Says which method SciPy would choose, as `scipy.signal.choose_conv_method`.

    It speaks of SciPy's two algorithms. Which engine filtrax uses is what `filtrax.plan` says.

    Args:
        in1: first operand of a convolution.
        in2: second operand, of the same rank.
        mode: as in `convolve`.
        measure: time `convolve` with both methods instead of estimating.

    Returns:
        ``"direct"`` or ``"fft"``; with ``measure``, also the seconds that each took.

    Raises:
        ValueError: ranks differ, ``mode`` is unknown, or an integer operand is empty.
        TypeError: an operand is no array of numbers.

    Example:
        >>> import numpy as np
        >>> from filtrax.compat import scipy_signal
        >>> scipy_signal.choose_conv_method(np.ones(100_000, "f"), np.ones(5_000, "f"))
        'fft'
        >>> scipy_signal.choose_conv_method([1, 2, 3], [1, 1])
        'direct'
    """
    convention = CONVENTIONS["scipy.signal.convolve"]
    scipy_mode(convention, mode)
    a, b = operands(in1, in2)
    if measure:
        times = {method: _seconds(a, b, mode, method) for method in ("fft", "direct")}
        return ("fft" if times["fft"] < times["direct"] else "direct"), times
    whole = any(jnp.issubdtype(each.dtype, jnp.integer) for each in (a, b))
    if whole and 0 in (a.size, b.size):
        raise empty_error(a, b)
    if a.dtype == b.dtype == np.bool_ or overflows_double(a, b):
        return "direct"
    return "fft" if fft_is_cheaper(a.shape, b.shape, mode) else "direct"


def _seconds(a: Array, b: Array, mode: str, method: str) -> float:
    """The least time of a few runs, the first of which compiles and does not count."""
    times = []
    for _ in range(4):
        start = perf_counter()
        convolve(a, b, mode, method).block_until_ready()
        times.append(perf_counter() - start)
    return min(times[1:])


def correlation_lags(in1_len: int, in2_len: int, mode: str = "full") -> Array:
    """The lag of each output of `correlate`, as `scipy.signal.correlation_lags`.

    Args:
        in1_len: length N of the first operand.
        in2_len: length K of the second.
        mode: as in `correlate`. In ``"same"`` SciPy's lags start at ``(N+K-1)//2 - N//2 - K + 1``,
            which for odd N and even K is one more than the first lag of `correlate`.

    Returns:
        The lags, ascending integers.

    Raises:
        ValueError: a length is negative, or ``mode`` is unknown.
        TypeError: a length is not an integer.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.correlation_lags(4, 3))
        [-2 -1  0  1  2  3]
    """
    scipy_mode(CONVENTIONS["scipy.signal.correlate"], mode)
    n, k = integer("in1_len", in1_len), integer("in2_len", in2_len)
    for name, length in (("in1_len", n), ("in2_len", k)):
        if length < 0:
            raise value_error(name, "an integer of at least 0", repr(length))
    if mode == "valid":
        lags = np.arange(min(n - k, 0), max(n - k, 0) + 1)
    else:
        lags = np.arange(1 - k, n)
        if mode == "same":
            first = len(lags) // 2 - n // 2
            lags = lags[first : first + n]
    return jnp.asarray(lags, promoted(np.int64))
