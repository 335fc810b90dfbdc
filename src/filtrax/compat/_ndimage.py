"""The one pass that every filter of `scipy.ndimage` is made of, and how arguments are read."""

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import X64_OFF, describe, type_error, value_error, warn_of_precision
from filtrax._layout import normalize_axes
from filtrax._operands import as_scalar, jax_dtype
from filtrax._spec import integer
from filtrax._typing import Array
from filtrax.compat._scipy import (
    SciPyArgumentError,
    as_sequence,
    is_complex,
    is_inexact,
    operand,
    promoted,
    slide,
    store,
    to_precision,
)
from filtrax.conventions._table import CONVENTIONS, Convention, Mode

_SYNONYMS = {"grid-mirror": "reflect", "grid-constant": "constant", "grid-wrap": "wrap"}


def filter_vector(
    operation: str, x: Any, weights: Any, axis: Any, output: Any, mode: Any, cval: Any, origin: Any
) -> Array:
    """A pass along one axis by a vector of weights."""
    x, weights = operand(x, "input"), operand(weights, "weights")
    if weights.ndim != 1 or weights.size == 0:
        raise SciPyArgumentError(f"weights: expected a vector, got shape {weights.shape}")
    axis = check_axis(axis, x.ndim)
    return filter_axes(operation, x, weights, (axis,), output, mode, cval, (origin,))


def filter_image(
    operation: str, x: Any, weights: Any, output: Any, mode: Any, cval: Any, origin: Any, axes: Any
) -> Array:
    """A pass along several axes by an array of weights."""
    x, weights = operand(x, "input"), operand(weights, "weights")
    chosen = check_axes(axes, x.ndim)
    if weights.ndim != len(chosen) or weights.size == 0:
        raise SciPyArgumentError(
            f"weights: expected {len(chosen)} dimensions, none empty, got shape {weights.shape}"
        )
    origins = for_each("origin", origin, len(chosen))
    if len(chosen) < x.ndim:
        # SciPy lines the weights up with ascending axes, and only here the origins with the
        # axes as they are given.
        origins = [shift for _, shift in sorted(zip(chosen, origins, strict=True))]
    if not chosen:
        y = filter_axes(
            operation, x[..., None], weights.reshape(1), (x.ndim,), output, mode, cval, (0,)
        )
        return y.reshape(x.shape)
    return filter_axes(operation, x, weights, sorted(chosen), output, mode, cval, origins)


def filter_axes(
    operation: str,
    x: Array,
    weights: Array,
    axes: Sequence[int],
    output: Any,
    mode: Any,
    cval: Any,
    origins: Sequence[Any],
    divisor: int = 1,
) -> Array:
    """Filters, divides by ``divisor``, and casts as SciPy does.

    The weights have a dimension for each of the axes, which ascend.
    """
    complex_weights = is_complex(weights.dtype)
    to_complex = complex_weights or is_complex(x.dtype)
    dtype = output_dtype(output, x.dtype, to_complex)
    if is_complex(dtype) and not to_complex:
        raise SciPyArgumentError(f"output: expected a real dtype for real operands, got {dtype}")
    convention = CONVENTIONS[f"scipy.ndimage.{operation}1d"]
    window = _mode(convention, mode)
    computed = _summed_in(x, weights, dtype, cval if window.boundary == "constant" else 0, divisor)
    padding = [
        _padding(operation, window, x.shape[axis], taps, origin)
        for axis, taps, origin in zip(axes, weights.shape, origins, strict=True)
    ]
    x, weights = to_precision(x, computed), to_precision(weights, computed)
    outside: Any = window.boundary
    constant = _constant(cval, x.dtype, complex_weights)
    if window is convention.modes["constant"]:
        outside = constant
    if x.size == 0:
        return jnp.zeros(x.shape, dtype)
    y = slide(
        operation, x, weights, padding, axes, boundary=outside, conjugate=convention.conjugate,
        # An integer that a transform has missed by a little would be cut off to the one below.
        accuracy="row" if is_inexact(dtype) else "window",
    )  # fmt: skip
    return store(_divide(y, divisor), dtype)


def _summed_in(x: Array, weights: Array, dtype: Any, cval: Any, divisor: int) -> np.dtype[Any]:
    """The dtype of the sums. SciPy's is float64, whatever goes in and comes out.

    A floating output needs no more than its own precision. For an integer one without
    ``jax_enable_x64``, integers are exact where they can be, and a float32 is said to be none.
    """
    if is_inexact(dtype):
        return promoted(x.dtype, dtype)
    double = promoted(np.float64)
    if double == np.float64:
        return double
    whole = not any(is_inexact(each.dtype) for each in (x, weights))
    if whole and divisor == 1 and isinstance(cval, (int, float)) and cval % 1 == 0:
        return np.dtype(np.int32)
    if not all(np.can_cast(each, double) for each in (x.dtype, dtype)):
        warn_of_precision(f"input: {x.dtype} is summed in float32, {X64_OFF}")
    return double


def _divide(y: Array, divisor: int) -> Array:
    if divisor == 1:
        return y
    if is_complex(y.dtype):
        return lax.complex(_divide(y.real, divisor), _divide(y.imag, divisor))
    return y / jnp.asarray(divisor, y.dtype)


def _mode(convention: Convention, mode: Any) -> Mode:
    known = (*convention.modes, *_SYNONYMS)
    if not isinstance(mode, str) or mode not in known:
        raise SciPyArgumentError(
            f"mode: expected one of {', '.join(map(repr, known))}, got {mode!r}"
        )
    return convention.modes[_SYNONYMS.get(mode, mode)]


def _padding(operation: str, window: Mode, n: int, taps: int, origin: Any) -> tuple[int, int]:
    """The window's padding, moved by the origin: to the right for correlate, else to the left."""
    lo, hi = window.padding(n, taps)
    shift = integer("origin", origin)
    shift = shift if operation == "correlate" else -shift
    if not 0 <= lo + shift < taps:
        allowed = f"{-(taps // 2)} to {(taps - 1) // 2} for {taps} weights"
        raise value_error("origin", allowed, repr(origin))
    return lo + shift, hi - shift


def _constant(cval: Any, dtype: Any, complex_weights: bool) -> Any:
    """What stands outside in mode "constant": zero if it is known to be, else a scalar."""
    if isinstance(cval, (list, tuple, str)) or np.ndim(cval) != 0:
        raise type_error("cval", "a number", describe(cval))
    value = operand(cval, "cval")
    if is_complex(value.dtype) and not is_complex(dtype):
        expected, got = "a real number for real input", describe(cval)
        raise (value_error if complex_weights else type_error)("cval", expected, got)
    if not isinstance(cval, jax.Array) and cval == 0:
        return "zero"
    return lax.convert_element_type(value, dtype)


def output_dtype(output: Any, given: Any, to_complex: bool) -> np.dtype[Any]:
    """The dtype that ``output`` asks for, or that of the input.

    Raises:
        TypeError: it is an array, or no dtype.
        ValueError: it is not complex and must be, or not numeric.
    """
    if output is None:
        return promoted(given, np.complex64) if to_complex else promoted(given)
    if not isinstance(output, (str, type, np.dtype)):
        raise type_error("output", "a dtype (JAX arrays cannot be written into)", describe(output))
    try:
        asked = np.dtype(output)
    except TypeError as error:
        raise type_error("output", "a dtype", describe(output)) from error
    if to_complex and not is_complex(asked):
        if isinstance(output, str):
            raise SciPyArgumentError(f"output: expected a complex dtype, got {output!r}")
        warnings.warn(
            f"output: promoting {asked} to complex, as operands are", UserWarning, stacklevel=4
        )
        asked = promoted(asked, np.complex64)
    named_bool = isinstance(output, str) and asked == np.bool_
    if named_bool or not (jnp.issubdtype(asked, jnp.number) or asked == np.bool_):
        raise SciPyArgumentError(f"output: expected a numeric dtype, got {output!r}")
    dtype = jax_dtype(asked)
    if dtype != asked and output not in (float, int, complex):
        warn_of_precision(f"output: {asked} becomes {dtype}, {X64_OFF}")
    return dtype


def check_axis(axis: Any, rank: int) -> int:
    """One axis counted from the front; out of range it is NumPy's AxisError."""
    axis = integer("axis", axis)
    if not -rank <= axis < rank:
        raise np.exceptions.AxisError(
            f"axis: expected an axis of an array of {rank} dimensions, got {axis}"
        )
    return axis % rank


def check_axes(axes: Any, rank: int) -> tuple[int, ...]:
    """The axes counted from the front, in the order given; all by default, and perhaps none."""
    if axes is None:
        return tuple(range(rank))
    given = tuple(integer("axes", axis) for axis in as_sequence(axes))
    return normalize_axes(given, rank) if given else ()


def for_each(name: str, value: Any, count: int) -> list[Any]:
    """One value for each axis, from a single one or from as many."""
    values = list(as_sequence(value))
    if len(values) == 1 and values[0] is value:
        return [value] * count
    if len(values) != count:
        raise SciPyArgumentError(
            f"{name}: expected one value, or one for each of {count} axes, got {describe(value)}"
        )
    return values


def between_passes(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in which one pass hands its result to the next.

    It is the output's; but SciPy's booleans are bytes, which keep what a large constant makes.
    """
    return np.dtype(np.uint8) if dtype == np.bool_ else dtype


def after_passes(y: Array, dtype: np.dtype[Any]) -> Array:
    """The result in the output's dtype; if there was no pass, cast as NumPy does."""
    return jnp.asarray(y != np.zeros((), y.dtype)) if dtype == np.bool_ else store(y, dtype)


def compare(name: str, value: Any, threshold: float) -> bool:
    """Whether a concrete number exceeds a threshold."""
    as_scalar(value, name)
    return bool(value > threshold)
