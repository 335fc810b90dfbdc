"""`numpy.convolve` and `numpy.correlate`: NumPy's names, defaults, swaps and dtypes.

Differences from NumPy: errors name the argument; `mode` is a name only (NumPy's undocumented
integers are refused); while ``jax_enable_x64`` is off, dtypes are narrowed to 32 bits, with a
`filtrax.PrecisionWarning` where that may lose something.
"""

from typing import Any, Literal

import numpy as np

from filtrax._errors import type_error, value_error
from filtrax._typing import Array, ArrayLike
from filtrax.compat._scipy import common_dtype, operand, store, to_precision, windowed
from filtrax.conventions._table import CONVENTIONS

__all__ = ["convolve", "correlate"]

NumpyMode = Literal["full", "same", "valid"]


def convolve(a: ArrayLike, v: ArrayLike, mode: NumpyMode = "full") -> Array:
    """`numpy.convolve` of two vectors.

    Args:
        a: signal, a vector or a scalar.
        v: kernel, a vector or a scalar. The longer of the two is taken as the signal.
        mode: ``"full"``, ``"same"`` (max(N, K) samples) or ``"valid"``.

    Returns:
        The convolution, in NumPy's result dtype.

    Raises:
        ValueError: an operand is empty or has more than one dimension, or the mode is unknown.
        TypeError: an operand is not made of numbers.

    Example:
        >>> from filtrax.compat import numpy as fnp
        >>> print(fnp.convolve([1.0, 2, 3], [0, 1, 0.5]))
        [0.  1.  2.5 4.  1.5]
    """
    return _one_dimensional("numpy.convolve", a, v, mode, scalars=True)


def correlate(a: ArrayLike, v: ArrayLike, mode: NumpyMode = "valid") -> Array:
    """`numpy.correlate` of two vectors; a complex v is conjugated.

    Args:
        a: signal, a vector.
        v: kernel, a vector.
        mode: ``"valid"``, ``"same"`` (max(N, K) samples) or ``"full"``.

    Returns:
        The correlation, in NumPy's result dtype.

    Raises:
        ValueError: an operand is empty or not a vector, or the mode is unknown.
        TypeError: an operand is not made of numbers.

    Example:
        >>> from filtrax.compat import numpy as fnp
        >>> print(fnp.correlate([1.0, 2, 3], [0, 1, 0.5]))
        [3.5]
    """
    return _one_dimensional("numpy.correlate", a, v, mode, scalars=False)


def _one_dimensional(name: str, a: Any, v: Any, mode: Any, *, scalars: bool) -> Array:
    if mode is None:  # Which a convention would take for the default.
        raise type_error("mode", "'full', 'same' or 'valid'", "None")
    window = CONVENTIONS[name].mode(mode)
    arrays = []
    for argument, value in (("a", a), ("v", v)):
        array = operand(value, argument)
        if array.ndim > 1 or (array.ndim == 0 and not scalars):
            expected = "a vector or a scalar" if scalars else "a vector"
            raise value_error(argument, expected, f"shape {array.shape}")
        if array.size == 0:
            raise value_error(argument, "at least one sample", f"shape {array.shape}")
        arrays.append(array.reshape(-1))
    dtype = common_dtype(*arrays)
    # NumPy's sum of booleans is their disjunction.
    inner = np.dtype(np.int32) if dtype == np.bool_ else dtype
    x, h = (to_precision(array, inner) for array in arrays)
    return store(windowed(x, h, CONVENTIONS[name], window, (0,)), dtype)
