"""What a user passes to a fit becomes arrays of one precision; values are checked where known."""

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_numeric
from filtrax._typing import Array


class IdentifiabilityWarning(UserWarning):
    """The input does not determine every tap that is sought."""


class ConvergenceWarning(UserWarning):
    """An iteration stopped before it reached its tolerance."""


def as_floating(value: Any, name: str) -> Array:
    """An array of at least float32: integers become JAX's default float, half precision float32."""
    array = as_numeric(value, name)
    if not jnp.issubdtype(array.dtype, jnp.inexact):
        return array.astype(jnp.result_type(float))
    return array.astype(np.promote_types(array.dtype, jnp.float32))


def as_data(x: Any, y: Any) -> tuple[Array, Array]:
    """Input and output in one precision, complex y if either is.

    Raises:
        TypeError: either is no array of numbers.
        ValueError: their ranks or rows differ, or there is nothing in them.
    """
    x, y = as_floating(x, "x"), as_floating(y, "y")
    dtype = np.promote_types(x.dtype, y.dtype)
    if x.ndim == 0:
        raise value_error("x", "at least one dimension", "a scalar")
    if y.ndim != x.ndim or y.shape[:-1] != x.shape[:-1]:
        raise value_error("y", f"the rows of x, whose shape is {x.shape}", f"shape {y.shape}")
    if x.size == 0:
        raise value_error("x", "at least one sample", f"shape {x.shape}")
    is_complex = jnp.iscomplexobj(x)
    return x.astype(dtype if is_complex else jnp.finfo(dtype).dtype), y.astype(dtype)


def as_ridge(ridge: Any, dtype: Any) -> Array:
    """A scalar that is not negative, as far as is known."""
    value = as_numeric(ridge, "ridge")
    if value.shape != ():
        raise value_error("ridge", "one number", describe(ridge))
    if jnp.iscomplexobj(value):
        raise type_error("ridge", "a real number", describe(ridge))
    # As it was given: under jit even a constant becomes a tracer.
    if not isinstance(ridge, Tracer) and not 0 <= float(np.asarray(ridge)) < np.inf:
        raise value_error("ridge", "a finite number of at least 0", describe(ridge))
    return value.astype(jnp.finfo(dtype).dtype)


def as_weights(weights: Any, y: Array) -> Array | None:
    """Weights of y's rank, one for each row (last size 1) or for each sample."""
    if weights is None:
        return None
    array = as_numeric(weights, "weights")
    if jnp.iscomplexobj(array):
        raise type_error("weights", "real numbers", describe(array))
    if not 1 <= array.ndim <= y.ndim or any(
        a not in (1, b) for a, b in zip(array.shape[::-1], y.shape[::-1], strict=False)
    ):
        raise value_error(
            "weights", f"a shape that broadcasts against that of y, {y.shape}", f"{array.shape}"
        )
    shape = (*y.shape[:-1], array.shape[-1])
    return jnp.broadcast_to(array, shape).astype(jnp.finfo(y.dtype).dtype)


def check_values(x: Array, y: Array, weights: Array | None, *, per_row: bool) -> None:
    """Raises or warns about values that no fit can use; traced ones are unknown.

    Raises:
        ValueError: a value is not finite, or the weights are negative or all zero.
    """
    given = {"x": x, "y": y} | ({} if weights is None else {"weights": weights})
    for name, array in given.items():
        check_finite(name, array)
    if weights is not None and not isinstance(weights, Tracer):
        values = np.asarray(weights)
        if not (values.min() >= 0 and values.max() > 0):
            wanted = "values of at least 0, not all 0"
            raise value_error("weights", wanted, f"values from {values.min()} to {values.max()}")
    if not isinstance(x, Tracer):
        values = np.asarray(x)
        rows = np.all(values == values[..., :1], -1)
        if rows.all() or (per_row and rows.any()):
            warn_of_constant(values[rows], "in a row " if values.ndim > 1 else "")


def warn_of_constant(values: np.ndarray, where: str = "") -> None:
    """Says that an input holds the same number everywhere."""
    level = "constant" if values.any() else "zero"
    warnings.warn(
        f"x: is {level} {where}and so tells one tap from another at its ends at most",
        IdentifiabilityWarning, stacklevel=4,
    )  # fmt: skip


def check_finite(name: str, array: Array | np.ndarray) -> None:
    """Raises a ValueError that names the first value that is not finite; traced are unknown."""
    if isinstance(array, Tracer):
        return
    values = np.asarray(array)
    wrong = ~np.isfinite(values)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        where = f"index {place[0] if len(place) == 1 else place}"
        raise value_error(
            name, "finite values",
            f"{values[place]} at {where} ({wrong.sum()} of {values.size} not finite)",
        )  # fmt: skip
