"""`scipy.signal.sepfir2d`: a matrix filtered by one vector along rows and one along columns."""

from typing import Any

import numpy as np

from filtrax._errors import describe, type_error, value_error
from filtrax._typing import Array, ArrayLike
from filtrax.compat._ndimage import filter_vector
from filtrax.compat._scipy import operand, promoted, to_precision


def sepfir2d(input: ArrayLike, hrow: ArrayLike, hcol: ArrayLike) -> Array:
    """Convolves the rows and the columns of a matrix, as `scipy.signal.sepfir2d`.

    Beyond the edges the matrix is mirrored, the end samples repeated.

    Args:
        input: matrix.
        hrow: vector of an odd number of taps, for the rows (the last axis).
        hcol: likewise for the columns (the first axis).

    Returns:
        The filtered matrix, of the shape of ``input``; floating, in at least single precision.

    Raises:
        ValueError: an operand has the wrong number of dimensions, a filter has an even number of
            taps, or ``input`` is empty.
        TypeError: an operand is no array of numbers, or taps do not fit the precision of
            ``input`` (float64 taps and a float32 matrix, complex taps and a real one).

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.sepfir2d([[1, 2], [3, 4]], [1, 1, 1], [1]))
        [[ 4.  5.]
         [10. 11.]]
    """
    x = operand(input, "input")
    if x.ndim != 2 or x.size == 0:
        raise value_error("input", "a matrix that is not empty", f"shape {x.shape}")
    dtype = promoted(x.dtype, np.float32)
    exact = np.result_type(x.dtype, np.float32) if x.dtype.kind in "biufc" else dtype
    y = to_precision(x, dtype)
    for value, name, axis in ((hrow, "hrow", 1), (hcol, "hcol", 0)):
        y = filter_vector("convolve", y, _odd(value, name, exact), axis, None, "reflect", 0.0, 0)
    return y


def _odd(value: Any, name: str, dtype: Any) -> Array:
    taps = operand(value, name)
    if taps.ndim != 1 or taps.size % 2 == 0:
        raise value_error(name, "a vector of an odd number of taps", f"shape {taps.shape}")
    if taps.dtype.kind in "biufc" and not np.can_cast(taps.dtype, dtype):
        raise type_error(name, f"taps that {dtype} holds, as the input is", describe(value))
    return to_precision(taps, promoted(dtype))
