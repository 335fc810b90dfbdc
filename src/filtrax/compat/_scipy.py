"""What the SciPy presets share: NumPy's dtypes, and a window of the table put to the funnel."""

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._correlate import convolve, correlate
from filtrax._errors import X64_OFF, value_error, warn_of_precision
from filtrax._operands import as_numeric, check_dtype, jax_dtype, narrowed
from filtrax._typing import Accuracy, Array
from filtrax.conventions._table import Convention, Mode

_FUNCTIONS = {"convolve": convolve, "correlate": correlate}
_NUMPY_KINDS = "biufc"


class SciPyArgumentError(ValueError, RuntimeError):
    """A wrong value where `scipy.ndimage` raises a RuntimeError: code that catches either works."""


def operand(value: Any, name: str) -> Array:
    """An array of numbers or booleans.

    NumPy's stay with NumPy until their dtype is settled: a cast there compiles nothing.
    """
    if not isinstance(value, np.ndarray | np.generic):
        return as_numeric(value, name, allow_bool=True)
    host = np.asarray(value)
    check_dtype(host.dtype, name, value, allow_bool=True)
    return cast(Array, narrowed(host, name))


def fixed_taps(values: Any) -> Any:
    """Weights of our own making, in the precision that JAX has."""
    return values if isinstance(values, jax.Array) else narrowed(values, "weights", warn=False)


def as_sequence(value: Any) -> tuple[Any, ...]:
    """The values of what SciPy takes as one for each axis, else the value alone."""
    several = isinstance(value, (list, tuple, range)) or (
        isinstance(value, (np.ndarray, jax.Array)) and value.ndim > 0
    )
    return tuple(value) if several else (value,)


def promoted(*dtypes: Any) -> np.dtype[Any]:
    """NumPy's common dtype, within what JAX's x64 setting allows.

    NumPy knows nothing of bfloat16 and its kin; they follow JAX's promotion.
    """
    dtypes = tuple(np.dtype(dtype) for dtype in dtypes)
    if all(dtype.kind in _NUMPY_KINDS for dtype in dtypes):
        return jax_dtype(np.result_type(*dtypes))
    with jax.numpy_dtype_promotion("standard"):
        return np.dtype(jnp.result_type(*dtypes))


def common_dtype(*arrays: Any, through: Callable[[Any], Any] = np.dtype) -> np.dtype[Any]:
    """The `promoted` dtype of arrays, or of what ``through`` makes of each of their dtypes.

    Where JAX's is so narrow that it may not hold what an operand holds, there is a warning.
    """
    dtypes = [np.dtype(through(array.dtype)) for array in arrays]
    dtype = promoted(*dtypes)
    if all(each.kind in _NUMPY_KINDS for each in dtypes):
        wide = np.result_type(*dtypes)
        if wide != dtype and not all(np.can_cast(array.dtype, dtype) for array in arrays):
            warn_of_precision(f"result: {wide} becomes {dtype}, {X64_OFF}")
    return dtype


def real_of(dtype: Any) -> np.dtype[Any]:
    """The floating dtype of a complex one's parts; others as they are."""
    return np.dtype(jnp.finfo(dtype).dtype) if is_complex(dtype) else np.dtype(dtype)


def is_complex(dtype: Any) -> bool:
    """Whether the dtype is a complex one."""
    return bool(jnp.issubdtype(dtype, jnp.complexfloating))


def is_inexact(dtype: Any) -> bool:
    """Whether the dtype is floating or complex."""
    return bool(jnp.issubdtype(dtype, jnp.inexact))


def to_precision(array: Array, dtype: Any) -> Array:
    """Casts to a dtype, except that a real array beside a complex one stays real."""
    dtype = dtype if is_complex(array.dtype) else real_of(dtype)
    if isinstance(array, np.ndarray):
        # Not jnp.asarray, which compiles a program for every new shape.
        return jax.device_put(array.astype(dtype))
    return lax.convert_element_type(array, dtype)


def store(y: Array, dtype: Any) -> Array:
    """Casts as SciPy's C loops do: fractions are cut off, integers wrap.

    A direct cast would saturate. C casts to less than 64 bits by way of int32 (uint32: of int64),
    and leaves undefined what does not fit there; this is what x86 processors make of it.
    """
    dtype = np.dtype(dtype)
    if dtype == np.bool_:
        # To C a boolean is an unsigned byte: a fraction below one is cut off to False.
        y = store(y, np.uint8) if is_inexact(y.dtype) else y
        return y != jnp.zeros((), y.dtype)
    if is_inexact(dtype) or not is_inexact(y.dtype):
        return lax.convert_element_type(y, dtype)
    widest = np.dtype(jax.dtypes.canonicalize_dtype(np.int64))
    through = np.dtype(np.int32) if dtype.itemsize < 4 or dtype == np.int32 else widest
    limit = jnp.asarray(2.0 ** (8 * through.itemsize - 1), y.dtype)
    cut = lax.convert_element_type(y, through)
    lowest = jnp.full(y.shape, np.iinfo(through).min, through)
    wrapped = lax.convert_element_type(lax.select((-limit <= y) & (y < limit), cut, lowest), dtype)
    if dtype.kind == "u" and dtype.itemsize == through.itemsize:
        # The upper half of the range fits no signed integer.
        upper = lax.convert_element_type(y, dtype)
        upper = lax.select(y < limit + limit, upper, jnp.zeros(y.shape, dtype))
        return lax.select(y < limit, wrapped, upper)
    return wrapped


def slide(
    operation: str,
    x: Array,
    h: Array,
    padding: Sequence[tuple[int, int]],
    axes: Sequence[int],
    *,
    boundary: Any = "zero",
    conjugate: bool = False,
    accuracy: Accuracy = "row",
) -> Array:
    """The funnel, for operands of one precision of which one may be real, the other complex."""
    # Strict promotion would have the real one made complex, at twice the cost.
    with jax.numpy_dtype_promotion("standard"):
        return _FUNCTIONS[operation](
            x, h, tuple(padding), axes=tuple(axes), boundary=boundary, conjugate=conjugate,
            accuracy=accuracy,
        )  # fmt: skip


def windowed(
    x: Array,
    h: Array,
    convention: Convention,
    mode: Mode,
    axes: Sequence[int],
    *,
    boundary: Any = "zero",
    accuracy: Accuracy = "row",
) -> Array:
    """A convention's window of the full output along ``axes``.

    Args:
        x: the first operand.
        h: the second, of the rank of x; along other axes the two broadcast.
        convention: its operation and conjugation are used.
        mode: the window.
        axes: the filtered axes.
        boundary: what lies outside x, in filtrax's words; one for all axes.
        accuracy: as in `filtrax.convolve`.
    """
    n, k = [x.shape[a] for a in axes], [h.shape[a] for a in axes]
    starts = [mode.start(*sizes) for sizes in zip(n, k, strict=True)]
    lengths = [mode.length(*sizes) for sizes in zip(n, k, strict=True)]
    operation, conjugate = convention.operation, convention.conjugate
    if isinstance(boundary, str) and boundary == "zero" and math.prod(k) > math.prod(n):
        # A long kernel over a short signal is the same sum with the parts exchanged, far cheaper.
        if operation == "correlate":
            h = jnp.flip(jnp.conj(h) if conjugate else h, axis=tuple(axes))
        x, h, n, k = h, x, k, n
        operation, conjugate = "convolve", False
    padding = [
        (taps - 1 - start, start + length - samples)
        for samples, taps, start, length in zip(n, k, starts, lengths, strict=True)
    ]
    return slide(
        operation, x, h, padding, axes, boundary=boundary, conjugate=conjugate, accuracy=accuracy
    )


def scipy_mode(convention: Convention, mode: Any) -> Mode:
    """The mode of a name; anything else is a ValueError, as in SciPy."""
    if not isinstance(mode, str) or mode not in convention.modes:
        known = ", ".join(map(repr, convention.modes))
        raise value_error("mode", f"one of {known}", repr(mode))
    return convention.modes[mode]
