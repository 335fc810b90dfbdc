"""What a user passes becomes arrays and constants of numbers, or an error that names it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from filtrax._errors import describe, type_error, value_error
from filtrax._spec import Spec, choice
from filtrax._typing import Array

_PRECISIONS = {
    "default": lax.Precision.DEFAULT,
    "high": lax.Precision.HIGH,
    "highest": lax.Precision.HIGHEST,
}


def as_operands(x: Any, h: Any) -> tuple[Array, Array]:
    """Two arrays of one precision; a real one stays real beside a complex one."""
    x, h = as_numeric(x, "x"), as_numeric(h, "h")
    dtype = jnp.result_type(x, h)
    return _to_precision(x, dtype), _to_precision(h, dtype)


def _to_precision(array: Array, dtype: Any) -> Array:
    if jnp.issubdtype(dtype, jnp.complexfloating) and not jnp.iscomplexobj(array):
        dtype = jnp.finfo(dtype).dtype
    return lax.convert_element_type(array, dtype)


def as_numeric(value: Any, name: str, *, allow_bool: bool = False) -> Array:
    """An array of numbers; anything else is a TypeError that says what came.

    Raises:
        TypeError: no array of numbers can be made of it, or its dtype is bool (unless allowed).
        ValueError: its integers do not fit JAX's current integer width.
    """
    if not isinstance(value, jax.Array):
        try:
            host = np.asarray(value)
        except jax.errors.TracerArrayConversionError:
            # A list that holds traced numbers, such as taps [a, b] made inside a jit.
            return as_numeric(jnp.asarray(value), name, allow_bool=allow_bool)
        except (ValueError, TypeError) as error:
            raise type_error(name, "an array of numbers", describe(value)) from error
        check_dtype(host.dtype, name, value, allow_bool)
        array = jnp.asarray(host)
        if (
            host.dtype.kind in "iu"
            and array.dtype != host.dtype
            and np.any(host != np.asarray(array))
        ):
            raise value_error(
                name, f"integers that fit {array.dtype} (or jax_enable_x64)", f"{host.dtype}"
            )
        return array
    check_dtype(value.dtype, name, value, allow_bool)
    return value


def check_dtype(dtype: Any, name: str, value: Any, allow_bool: bool = False) -> None:
    """Raises a TypeError unless a dtype is one of numbers."""
    if jnp.issubdtype(dtype, jnp.bool_):
        if allow_bool:
            return
        raise type_error(
            name, "numbers (cast booleans with .astype, to say which kind)", describe(value)
        )
    # NumPy counts time spans among the integers.
    if not jnp.issubdtype(dtype, jnp.number) or dtype.kind == "m":
        raise type_error(name, "an array of numbers", describe(value))


def as_real(value: Any, name: str) -> Array:
    """An array of real numbers."""
    array = as_numeric(value, name)
    if jnp.iscomplexobj(array):
        raise type_error(name, "real numbers", describe(value))
    return array


def as_scalar(value: Any, name: str, *, positive: bool = False) -> Array:
    """A real number as an array of no dimensions; it may be traced.

    Raises:
        TypeError: it is no single real number.
        ValueError: it is known not to be positive, and should be.
    """
    try:
        array = as_numeric(value, name)
    except TypeError as error:
        raise type_error(name, "a real number", describe(value)) from error
    if array.ndim or jnp.iscomplexobj(array):
        raise type_error(name, "a real number", describe(value))
    if positive and not isinstance(array, Tracer) and not array > 0:
        raise value_error(name, "a positive number", describe(value))
    return array


def fill_operands(spec: Spec, fills: tuple[Any, ...], dtype: Any) -> tuple[Array | None, ...]:
    """The constants of constant boundaries as scalars of x's dtype."""
    return tuple(
        _as_fill(fill, dtype) if axis.boundary == "constant" else None
        for axis, fill in zip(spec.axes, fills, strict=True)
    )


def _as_fill(fill: Any, dtype: Any) -> Array:
    if hasattr(fill, "dtype"):
        check_dtype(fill.dtype, "boundary", fill)
    if jnp.iscomplexobj(fill) and not jnp.issubdtype(dtype, jnp.complexfloating):
        raise type_error("boundary", f"a real number for x of dtype {dtype}", describe(fill))
    is_whole = isinstance(fill, int) or jnp.issubdtype(jnp.result_type(fill), jnp.integer)
    if jnp.issubdtype(dtype, jnp.integer) and not is_whole:
        raise type_error("boundary", f"an integer for x of dtype {dtype}", describe(fill))
    if isinstance(fill, (int, np.integer)) and jnp.issubdtype(dtype, jnp.integer):
        limits = jnp.iinfo(dtype)
        if not int(limits.min) <= int(fill) <= int(limits.max):
            raise value_error("boundary", f"an integer that fits x's dtype {dtype}", describe(fill))
    return lax.convert_element_type(fill, dtype)


def as_precision(precision: Any) -> lax.Precision:
    """A `jax.lax.Precision`; ``None`` is the highest, so that no TF32 comes unasked."""
    if precision is None:
        return lax.Precision.HIGHEST
    if isinstance(precision, lax.Precision):
        return precision
    return _PRECISIONS[choice("precision", precision, tuple(_PRECISIONS))]
