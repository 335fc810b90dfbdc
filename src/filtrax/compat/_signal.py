"""The three shapes of `scipy.signal`'s convolutions: whole arrays, chosen axes, and matrices."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import describe, value_error
from filtrax._layout import normalize_axes
from filtrax._spec import integer
from filtrax._typing import Array
from filtrax.compat._scipy import (
    as_sequence,
    common_dtype,
    is_complex,
    operand,
    promoted,
    scipy_mode,
    store,
    to_precision,
    windowed,
)
from filtrax.conventions._table import CONVENTIONS

_METHODS = ("auto", "direct", "fft")
_BOUNDARIES = {
    "fill": "fill",
    "pad": "fill",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "symmetric",
    "symmetric": "symmetric",
}


def filter_whole(name: str, in1: Any, in2: Any, mode: Any, method: Any) -> Array:
    """`convolve` and `correlate`: every axis is filtered."""
    convention = CONVENTIONS[name]
    _check_method(method)
    window = scipy_mode(convention, mode)
    # To SciPy "direct" is the sum itself, so no transform may bring in what lies outside it.
    accuracy = "window" if method == "direct" else "row"
    a, b = operands(in1, in2)
    dtype = common_dtype(a, b)
    if a.ndim == 0:
        a, b = _computable(a.reshape(1), b.reshape(1), dtype)
        return store(windowed(a, b, convention, window, (0,)).reshape(()), dtype)
    axes = range(a.ndim)
    if mode == "valid":
        _check_contains(a, b, axes)
    if 0 in (a.size, b.size):
        if mode == "same" and b.size:
            return jnp.zeros(a.shape, dtype)
        if mode == "valid" and a.ndim > 1:
            lengths = (window.length(*sizes) for sizes in zip(a.shape, b.shape, strict=True))
            return jnp.zeros(tuple(lengths), dtype)
        raise empty_error(a, b)
    a, b = _computable(a, b, dtype)
    return store(windowed(a, b, convention, window, axes, accuracy=accuracy), dtype)


def filter_along(in1: Any, in2: Any, mode: Any, axes: Any) -> Array:
    """`fftconvolve` and `oaconvolve`: chosen axes are filtered, the others broadcast."""
    convention = CONVENTIONS["scipy.signal.convolve"]
    window = scipy_mode(convention, mode)
    a, b = operands(in1, in2)
    dtype = promoted(a.dtype, b.dtype)
    if a.ndim == 0:
        a, b = _computable(a.reshape(1), b.reshape(1), dtype)
        return store(windowed(a, b, convention, window, (0,)).reshape(()), dtype)
    if 0 in (a.size, b.size):
        return jnp.zeros((0,), promoted(np.float64))
    asked = _check_axes(axes, a.ndim)
    # Along an axis where one operand has a single sample, convolving is broadcasting.
    filtered = [i for i in sorted(asked) if 1 not in (a.shape[i], b.shape[i])]
    for i, (n, k) in enumerate(zip(a.shape, b.shape, strict=True)):
        if i not in filtered and n != k and 1 not in (n, k):
            raise value_error(
                "in1, in2", f"equal sizes, or a size of 1, along axis {i} (not in axes)",
                f"shapes {a.shape} and {b.shape}",
            )  # fmt: skip
    if mode == "valid":
        _check_contains(a, b, filtered)
    if filtered:
        dtype = common_dtype(a, b, through=_transformable)
    else:
        filtered = list(asked[:1])
    if mode == "same":
        for i in range(a.ndim):
            if i not in filtered and b.shape[i] > 1 == a.shape[i]:
                # The crop to the size of in1, done before instead of after.
                start = window.start(1, b.shape[i])
                b = lax.slice_in_dim(b, start, start + window.length(1, b.shape[i]), axis=i)
    a, b = _computable(a, b, dtype)
    return store(windowed(a, b, convention, window, filtered), dtype)


def _transformable(dtype: Any) -> Any:
    """The dtype in which SciPy transforms: no integers, and no precision below single."""
    if not jnp.issubdtype(dtype, jnp.inexact):
        return np.float64
    return np.float32 if np.dtype(dtype).itemsize < 4 else dtype


def filter_matrices(
    name: str, in1: Any, in2: Any, mode: Any, boundary: Any, fillvalue: Any
) -> Array:
    """`convolve2d` and `correlate2d`."""
    convention = CONVENTIONS[name]
    window = scipy_mode(convention, mode)
    if not isinstance(boundary, str) or boundary not in _BOUNDARIES:
        raise value_error("boundary", f"one of {', '.join(map(repr, _BOUNDARIES))}", repr(boundary))
    a, b = operand(in1, "in1"), operand(in2, "in2")
    for each, argument in ((a, "in1"), (b, "in2")):
        if each.ndim != 2:
            raise value_error(argument, "two dimensions", f"shape {each.shape}")
    dtype = common_dtype(a, b)
    if mode == "valid":
        _check_contains(a, b, (0, 1))
    if 0 in (a.size, b.size):
        if mode == "same" and b.size:
            return jnp.zeros(a.shape, dtype)
        raise empty_error(a, b)
    swapped = mode == "valid" and any(k > n for n, k in zip(a.shape, b.shape, strict=True))
    a, b = _computable(a, b, dtype)
    outside: Any = _BOUNDARIES[boundary]
    if outside == "fill":
        outside = _as_fill(fillvalue, dtype)
        if not isinstance(outside, str):
            if jnp.iscomplexobj(outside) and not is_complex(a.dtype):
                a = a.astype(dtype)  # A real signal beside complex taps.
            outside = lax.convert_element_type(outside, a.dtype)
    if mode == "valid":
        outside = "zero"  # Nothing outside is met.
    y = windowed(a, b, convention, window, (0, 1), boundary=outside)
    if swapped and convention.conjugate and is_complex(dtype):
        y = jnp.conj(y)
    return store(y, dtype)


def _as_fill(value: Any, dtype: Any) -> Any:
    """The fill value, cast to the output's dtype if it can be."""
    expected = f"a scalar that can be cast to {np.dtype(dtype)}"
    if isinstance(value, jax.Array):
        if value.size != 1 or (is_complex(value.dtype) and not is_complex(dtype)):
            raise value_error("fillvalue", expected, describe(value))
        value = value.reshape(())
        return value if is_complex(dtype) else lax.convert_element_type(value, dtype)
    try:
        host = np.asarray(value)
        if host.dtype.kind not in "biufc" or host.size != 1:
            raise ValueError
        if host.dtype.kind == "c" and not is_complex(dtype):
            raise ValueError
        scalar = host.reshape(()).item()
        if jnp.issubdtype(dtype, jnp.integer):
            scalar = int(scalar)
            limits = jnp.iinfo(dtype)
            if not int(limits.min) <= scalar <= int(limits.max):
                raise ValueError
    except (ValueError, TypeError, OverflowError) as error:
        raise value_error("fillvalue", expected, describe(value)) from error
    if not is_complex(dtype) and dtype == np.bool_:
        scalar = int(bool(scalar))
    # A zero known while tracing saves extending the array.
    return "zero" if scalar == 0 else scalar


def operands(in1: Any, in2: Any) -> tuple[Array, Array]:
    a, b = operand(in1, "in1"), operand(in2, "in2")
    if a.ndim != b.ndim:
        raise value_error("in1, in2", "as many dimensions", f"shapes {a.shape} and {b.shape}")
    return a, b


def _computable(a: Array, b: Array, dtype: Any) -> tuple[Array, Array]:
    """The operands in the dtype of the result; booleans, which have no sum, as counts."""
    dtype = np.dtype(np.int32) if dtype == np.bool_ else dtype
    return to_precision(a, dtype), to_precision(b, dtype)


def _check_method(method: Any) -> None:
    if not isinstance(method, str) or method not in _METHODS:
        raise value_error("method", f"one of {', '.join(map(repr, _METHODS))}", repr(method))


def _check_contains(a: Array, b: Array, axes: Any) -> None:
    larger = any(a.shape[i] > b.shape[i] for i in axes)
    if larger and any(a.shape[i] < b.shape[i] for i in axes):
        raise value_error(
            "in1, in2", "one at least as large as the other in every dimension for 'valid'",
            f"shapes {a.shape} and {b.shape}",
        )  # fmt: skip


def _check_axes(axes: Any, rank: int) -> tuple[int, ...]:
    """The axes counted from the front; what is wrong with them is a ValueError, as in SciPy."""
    if axes is None:
        return tuple(range(rank))
    try:
        return normalize_axes(tuple(integer("axes", axis) for axis in as_sequence(axes)), rank)
    except TypeError as error:
        raise ValueError(str(error)) from error


def empty_error(a: Array, b: Array) -> ValueError:
    return value_error("in1, in2", "at least one sample in each", f"shapes {a.shape}, {b.shape}")
