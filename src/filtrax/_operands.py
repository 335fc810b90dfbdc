"""What a user passes becomes arrays and constants of numbers, or an error that names it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from filtrax._errors import X64_OFF, describe, type_error, value_error, warn_of_precision
from filtrax._spec import Spec, choice
from filtrax._typing import Array

_PRECISIONS = {
    "default": lax.Precision.DEFAULT,
    "high": lax.Precision.HIGH,
    "highest": lax.Precision.HIGHEST,
}


def as_operands(
    x: Any, h: Any, preferred: Any = None, names: tuple[str, str] = ("x", "h")
) -> tuple[Array, Array]:
    """Two arrays of one precision; a real one stays real beside a complex one.

    Python's numbers, and lists of nothing else, take the dtype of the other operand if they can,
    as scalars do everywhere in JAX. Two operands of booleans stay booleans.

    Args:
        x: the first operand.
        h: the second.
        preferred: the dtype asked for instead of the promoted one, which must lead to it.
        names: what the caller calls the two.

    Raises:
        TypeError: an operand is no array of numbers, or no integer dtype holds both.
        ValueError: integers do not fit, or ``preferred`` is too narrow.
    """
    arrays = [
        as_numeric(value, name, allow_bool=True) for value, name in zip((x, h), names, strict=True)
    ]
    scalars = [_scalar_of(value) for value in (x, h)]
    if None not in scalars:
        dtype, scalars = jnp.result_type(sum(scalars)), [None, None]
    elif (dtype := _one_precision(arrays)) is None:
        given = (a if scalar is None else scalar for a, scalar in zip(arrays, scalars, strict=True))
        try:
            dtype = jnp.result_type(*given)
        except jax.dtypes.TypePromotionError as error:
            rule = jax.numpy_dtype_promotion.value
            refusal = type_error(
                ", ".join(names), f"dtypes that {rule} promotion in JAX unites (cast one of them)",
                " and ".join(str(array.dtype) for array in arrays),
            )  # fmt: skip
            # Strict promotion is the user's wish: its refusal is JAX's own.
            raise (type(error)(*refusal.args) if rule == "strict" else refusal) from error
    for array, scalar, name in zip(arrays, scalars, names, strict=True):
        if scalar is not None and jnp.issubdtype(dtype, jnp.integer):
            limits = jnp.iinfo(dtype)
            host = np.asarray(array)
            wide = host[(host < int(limits.min)) | (host > int(limits.max))]
            if wide.size:
                raise value_error(
                    name, f"integers that fit the other operand's {dtype}", str(wide.flat[0])
                )
    kinds = [array.dtype for array in arrays]
    whole = all(jnp.issubdtype(kind, jnp.integer) for kind in kinds)
    held = dtype.kind in "iu" and all(np.can_cast(kind, dtype) for kind in kinds)
    if whole and scalars == [None, None] and not held:
        raise type_error(
            ", ".join(names), "integers of dtypes that one integer dtype holds (cast one of them)",
            " and ".join(map(str, kinds)),
        )  # fmt: skip
    if preferred is not None:
        wanted = as_preferred(preferred, dtype)
        if _is_complex(wanted) and not _is_complex(dtype):
            # Nothing else would make the result complex.
            arrays[0] = lax.convert_element_type(arrays[0], wanted)
        dtype = wanted
    return _to_precision(arrays[0], dtype), _to_precision(arrays[1], dtype)


def _is_complex(dtype: Any) -> bool:
    return bool(jnp.issubdtype(dtype, jnp.complexfloating))


def _one_precision(arrays: list[Array]) -> Any:
    """The complex dtype of two operands of one precision, for which nothing is promoted."""
    first, second = (array.dtype for array in arrays)
    if _is_complex(first) and jnp.finfo(first).dtype == second:
        return first
    if _is_complex(second) and jnp.finfo(second).dtype == first:
        return second
    return None


def as_preferred(preferred: Any, promoted: Any) -> Any:
    """The dtype asked for, if the promoted one leads to it and JAX has it at present."""
    name = "preferred_element_type"
    try:
        dtype = jnp.dtype(preferred)
    except TypeError as error:
        raise type_error(name, "a dtype", describe(preferred)) from error
    if dtype != jax.dtypes.canonicalize_dtype(dtype):
        raise value_error(name, "a dtype that needs no jax_enable_x64", str(dtype))
    try:
        with jax.numpy_dtype_promotion("standard"):
            leads = jnp.promote_types(promoted, dtype) == dtype
    except jax.dtypes.TypePromotionError:
        # JAX promotes no floats of 8 bits by itself, but this is asked for.
        leads = np.can_cast(promoted, dtype)
    if not (leads and jnp.issubdtype(dtype, jnp.number)):
        raise value_error(name, f"a dtype of numbers to which {promoted} is promoted", str(dtype))
    return dtype


def _scalar_of(value: Any) -> Any:
    """Zero of Python's own kind, for a number or nested lists of such numbers; else None."""
    leaves, kinds = [value], {int: 0, float: 0.0, complex: 0j}
    found: Any = None
    while leaves:
        leaf = leaves.pop()
        if isinstance(leaf, (list, tuple)):
            leaves.extend(leaf)
        elif type(leaf) in kinds:
            found = kinds[type(leaf)] if found is None else found + kinds[type(leaf)]
        else:
            return None
    return found


def _to_precision(array: Array, dtype: Any) -> Array:
    if _is_complex(dtype) and not jnp.iscomplexobj(array):
        dtype = jnp.finfo(dtype).dtype
    return lax.convert_element_type(array, dtype)


def as_numeric(value: Any, name: str, *, allow_bool: bool = False, warn: bool = True) -> Array:
    """An array of numbers; anything else is a TypeError that says what came.

    A NumPy array that JAX holds in fewer bits only is a `PrecisionWarning`, if ``warn``.

    Raises:
        TypeError: no array of numbers can be made of it, or its dtype is bool (unless allowed).
        ValueError: its integers do not fit JAX's current integer width.
    """
    if not isinstance(value, jax.Array):
        if isinstance(value, np.ma.MaskedArray):
            # NumPy would drop the mask without a word.
            raise type_error(
                name, "an array without a mask (fill it; where= is told which samples count)",
                describe(value),
            )  # fmt: skip
        try:
            host = np.asarray(value)
        except jax.errors.TracerArrayConversionError:
            # A list that holds traced numbers, such as taps [a, b] made inside a jit.
            return as_numeric(jnp.asarray(value), name, allow_bool=allow_bool)
        except (ValueError, TypeError, RuntimeError) as error:
            # Tensors of torch that are differentiated raise the last.
            raise type_error(name, "an array of numbers", describe(value)) from error
        check_dtype(host.dtype, name, value, allow_bool)
        return jnp.asarray(narrowed(host, name, warn=warn and hasattr(value, "dtype")))
    check_dtype(value.dtype, name, value, allow_bool)
    return value


def narrowed(host: np.ndarray, name: str, *, warn: bool = True) -> np.ndarray:
    """The array in the dtype in which JAX holds it, with a warning if that has fewer bits.

    Raises:
        ValueError: its integers do not fit.
    """
    dtype = jax_dtype(host.dtype)
    if dtype == host.dtype:
        return host
    with np.errstate(over="ignore"):
        array = host.astype(dtype)
    if host.dtype.kind in "iu" and np.any(host != array):
        raise value_error(name, f"integers that fit {dtype} (or jax_enable_x64)", f"{host.dtype}")
    if warn:
        warn_of_precision(
            f"{name}: {host.dtype} becomes {dtype}, "
            + ("the widest there is" if host.dtype.char in "gG" else X64_OFF)
        )
    return array


def jax_dtype(dtype: Any) -> np.dtype[Any]:
    """The dtype in which JAX holds another: extended precision has none of its own."""
    dtype = np.dtype(dtype)
    if dtype.kind in "fc" and dtype.char in "gG":
        dtype = np.dtype(np.float64 if dtype.kind == "f" else np.complex128)
    return np.dtype(jax.dtypes.canonicalize_dtype(dtype))


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
    if jax.dtypes.itemsize_bits(dtype) < 8:
        raise type_error(name, "numbers of at least 8 bits (cast with .astype)", describe(value))


def as_key(value: Any, name: str = "key") -> Any:
    """A single random key of JAX's, of the new kind or the old.

    Raises:
        TypeError: it is none.
    """
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    is_new = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ()
    if not is_new and not (dtype == np.uint32 and shape in ((2,), (4,))):
        raise type_error(name, "a key, such as jax.random.key(0)", describe(value))
    return value


def as_real(value: Any, name: str) -> Array:
    """An array of real numbers: settings to start from, which may be rounded without a warning."""
    array = as_numeric(value, name, warn=False)
    if jnp.iscomplexobj(array):
        raise type_error(name, "real numbers", describe(value))
    return array


def as_scalar(value: Any, name: str, *, positive: bool = False, finite: bool = False) -> Array:
    """A real number as an array of no dimensions; it may be traced.

    A positive number must be finite, too.

    Raises:
        TypeError: it is no single real number.
        ValueError: it is known not to be positive or finite, and should be.
    """
    try:
        array = as_numeric(value, name, warn=False)
    except TypeError as error:
        raise type_error(name, "a real number", describe(value)) from error
    if array.ndim or jnp.iscomplexobj(array):
        raise type_error(name, "a real number", describe(value))
    if isinstance(array, Tracer):
        return array
    if positive and not array > 0:
        raise value_error(name, "a positive number", describe(value))
    if (positive or finite) and not np.isfinite(np.asarray(array)):
        raise value_error(name, "a finite number", describe(value))
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
