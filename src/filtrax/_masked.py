"""Samples that do not count, and outputs divided by the weight that did.

Both are two passes of the same linear filter: one over the samples, with zeros in the place of
those that do not count, and one over the mask.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import describe, type_error, value_error
from filtrax._spec import flag
from filtrax._typing import Array

#: Transforms leave roundings where no weight is: below so many units of it there is none.
_ROUNDING = 64.0
_TRANSFORMS = ("fft", "overlap")

#: A linear filter of an array, given what lies outside it and the accuracy.
Apply = Callable[[Array, Any, Any], Array]


def as_normalize(value: Any, dtype: Any) -> bool:
    """Checks the argument ``normalize``, for a result of the given dtype."""
    asked = flag("normalize", value)
    if asked and not jnp.issubdtype(dtype, jnp.inexact):
        expected = "False for integers and booleans (a ratio of them is none)"
        raise type_error("normalize", expected, str(dtype))
    return asked


def counted_only(x: Array, where: Any) -> tuple[Array, Array | None]:
    """The samples with zeros for those that do not count, and the mask in the rank of x.

    Raises:
        TypeError: ``where`` is not an array of booleans.
        ValueError: it does not broadcast against x.
    """
    if where is None:
        return x, None
    try:
        mask = jnp.asarray(where)
    except (TypeError, ValueError, OverflowError) as error:
        raise type_error("where", "an array of booleans", describe(where)) from error
    if mask.dtype != jnp.bool_:
        raise type_error("where", "an array of booleans, True where x counts", describe(where))
    lacking = x.ndim - mask.ndim
    shape = (1,) * lacking + mask.shape
    if lacking < 0 or any(m not in (1, n) for m, n in zip(shape, x.shape, strict=True)):
        raise value_error("where", f"a shape that broadcasts to that of x, {x.shape}",
                          f"{mask.shape}")  # fmt: skip
    mask = mask.reshape(shape)
    # A selection, not a product: zero times a NaN would be a NaN, here and in the gradient.
    return jnp.where(mask, x, jnp.zeros((), x.dtype)), mask


def normalized(
    apply: Apply,
    x: Array,
    mask: Array | None,
    gains: tuple[Array, Array],
    *,
    axes: tuple[int, ...],
    boundary: Any,
    method: str,
    accuracy: Any,
) -> Array:
    """The filtered samples by the share of the kernel's weight that met any.

    Args:
        apply: the filter.
        x: the samples, zero where they do not count.
        mask: those that count, ``None`` for all.
        gains: the sum of the taps and that of their absolute values, which broadcast against the
            result.
        axes: the filtered axes of x.
        boundary: what lies outside x.
        method: as the user gave it.
        accuracy: as the user gave it.
    """
    total, size = gains
    # A weight is compared with zero, which only sums of its own terms reach.
    if method == "auto" and accuracy in ("row", "block"):
        accuracy = "window"
    y = apply(x, boundary, accuracy)
    # A mask that rows share has one row; along the filtered axes it must be there in full.
    lengths = tuple(x.shape[axis] if axis in axes else 1 for axis in range(x.ndim))
    if mask is not None:
        lengths = tuple(map(max, zip(lengths, mask.shape, strict=True)))
    counts = jnp.broadcast_to(True if mask is None else mask, lengths)
    weight = apply(counts.astype(jnp.finfo(x.dtype).dtype), _outside_mask(boundary), accuracy)
    is_sum = accuracy == "window" or method not in ("auto", *_TRANSFORMS)
    least = 0.0 if is_sum else _ROUNDING * float(jnp.finfo(y.dtype).eps) * size
    covered = jnp.abs(weight) > least
    # The second selection keeps the division, and its gradient, finite where it is not used.
    safe = jnp.where(covered, weight, jnp.ones((), weight.dtype)).astype(y.dtype)
    return jnp.where(covered, y / safe * total.astype(y.dtype), jnp.asarray(np.nan, y.dtype))


def _outside_mask(boundary: Any) -> Any:
    """A number outside is a sample that counts; zeros by name are no samples at all."""
    if isinstance(boundary, (list, tuple)):
        return tuple(map(_outside_mask, boundary))
    return boundary if isinstance(boundary, str) else 1.0


def gains(h: Array, axes: tuple[int, ...] | None, conjugate: bool) -> tuple[Array, Array]:
    """The sums of the taps along some axes, or all, and of their absolute values."""
    taps = lax.conj(h) if conjugate and jnp.iscomplexobj(h) else h
    keep = axes is not None
    return jnp.sum(taps, axes, keepdims=keep), jnp.sum(jnp.abs(taps), axes, keepdims=keep)
