"""One-dimensional filters over many rows, and N-dimensional ones made of 1-D passes."""

from collections.abc import Sequence
from functools import reduce
from operator import mul
from typing import Any

import jax
import jax.numpy as jnp

from filtrax._correlate import convolve, correlate
from filtrax._engines.taps import widened
from filtrax._errors import describe, type_error, value_error
from filtrax._layout import normalize_axes, single_axis
from filtrax._masked import as_normalize, counted_only, gains, normalized
from filtrax._operands import as_numeric, as_operands
from filtrax._spec import OPERATIONS, choice, integer, make_spec
from filtrax._typing import (
    Accuracy,
    Array,
    ArrayLike,
    AxisBoundary,
    AxisMode,
    DTypeLike,
    Method,
    Operation,
    Precision,
)

_FUNCTIONS = {"convolve": convolve, "correlate": correlate}


def filter_rows(
    x: ArrayLike,
    h: ArrayLike,
    *,
    operation: Operation = "convolve",
    mode: AxisMode = "same",
    boundary: AxisBoundary = "zero",
    axis: int = -1,
    origin: int = 0,
    stride: int = 1,
    dilation: int = 1,
    conjugate: bool | None = None,
    method: Method = "auto",
    precision: Precision = None,
    accuracy: Accuracy = "row",
    where: ArrayLike | None = None,
    normalize: bool = False,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Runs a 1-D filter over every row of x.

    Args:
        x: signals of shape (..., N); each vector along ``axis`` is a row.
        h: one kernel (K,) for all rows, or one for each: an array whose last dimension holds
            the taps and whose others broadcast against those of x without ``axis``, from the
            right as in NumPy. A single row and R kernels give R rows.
        operation: ``"convolve"`` (kernel reversed, as NumPy) or ``"correlate"`` (as it is, as
            machine-learning libraries).
        mode: as in `filtrax.convolve`.
        boundary: as in `filtrax.convolve`.
        axis: the axis along which a row runs.
        origin: as in `filtrax.convolve`.
        stride: as in `filtrax.convolve`.
        dilation: as in `filtrax.convolve`.
        conjugate: as in `filtrax.convolve`.
        method: as in `filtrax.convolve`.
        precision: as in `filtrax.convolve`.
        accuracy: as in `filtrax.convolve`.
        where: as in `filtrax.convolve`.
        normalize: as in `filtrax.convolve`.
        preferred_element_type: as in `filtrax.convolve`.

    Returns:
        The filtered rows, of the rank of x.

    Raises:
        ValueError: an argument has an impossible value, or shapes do not fit.
        TypeError: an argument has the wrong type.

    Example:
        >>> import jax.numpy as jnp
        >>> import filtrax
        >>> x = jnp.arange(8.0).reshape(2, 4)
        >>> print(filtrax.filter_rows(x, jnp.array([1.0, 1.0, 1.0])))
        [[ 1.  3.  6.  5.]
         [ 9. 15. 18. 13.]]
    """
    function = _FUNCTIONS[choice("operation", operation, OPERATIONS)]
    rows, taps = as_operands(x, h, preferred_element_type)
    if rows.ndim == 0:
        raise value_error("x", "at least one dimension", "a scalar")
    axis = single_axis(axis, rows.ndim)
    if not 1 <= taps.ndim <= rows.ndim:
        raise value_error("h", f"1 to {rows.ndim} dimensions", f"{taps.ndim} (shape {taps.shape})")
    if taps.ndim > 1:
        taps = taps.reshape((1,) * (rows.ndim - taps.ndim) + taps.shape)
        taps = jnp.moveaxis(taps, -1, axis)
    return function(
        rows, taps, mode, axes=axis, boundary=boundary, origin=origin, stride=stride,
        dilation=dilation, conjugate=conjugate, method=method, precision=precision,
        accuracy=accuracy, where=where, normalize=normalize,
    )  # fmt: skip


def filter_separable(
    x: ArrayLike,
    kernels: Sequence[ArrayLike],
    axes: Sequence[int],
    *,
    operation: Operation = "convolve",
    mode: AxisMode | Sequence[AxisMode] = "same",
    boundary: AxisBoundary | Sequence[AxisBoundary] = "zero",
    origin: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    conjugate: bool | None = None,
    method: Method = "auto",
    precision: Precision = None,
    accuracy: Accuracy = "row",
    where: ArrayLike | None = None,
    normalize: bool = False,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Filters x by the outer product of 1-D kernels, one pass along each axis.

    The result is that of the N-D filter ``h[i, j, ...] = kernels[0][i] * kernels[1][j] * ...``
    at the cost of the sum of the kernels' lengths instead of their product.

    Args:
        x: array of any rank.
        kernels: the 1-D kernels, one for each of ``axes``.
        axes: distinct axes of x.
        operation: ``"convolve"`` or ``"correlate"``.
        mode: as in `filtrax.convolve`; one, or one for each axis.
        boundary: as in `filtrax.convolve`; one, or one for each axis.
        origin: as in `filtrax.convolve`; one, or one for each axis.
        stride: as in `filtrax.convolve`; one, or one for each axis.
        dilation: as in `filtrax.convolve`; one, or one for each axis.
        conjugate: as in `filtrax.convolve`.
        method: as in `filtrax.convolve`.
        precision: as in `filtrax.convolve`.
        accuracy: as in `filtrax.convolve`.
        where: as in `filtrax.convolve`.
        normalize: as in `filtrax.convolve`.
        preferred_element_type: as in `filtrax.convolve`.

    Returns:
        The filtered array, of the rank of x.

    Raises:
        ValueError: an argument has an impossible value, or lengths do not fit.
        TypeError: an argument has the wrong type.

    Example:
        >>> import jax.numpy as jnp
        >>> import filtrax
        >>> box = jnp.ones(3)
        >>> print(filtrax.filter_separable(jnp.ones((3, 3)), (box, box), axes=(0, 1)))
        [[4. 6. 4.]
         [6. 9. 6.]
         [4. 6. 4.]]
    """
    function = _FUNCTIONS[choice("operation", operation, OPERATIONS)]
    y = as_numeric(x, "x", allow_bool=True)
    if y.ndim == 0:
        raise value_error("x", "at least one dimension", "a scalar")
    if not isinstance(axes, (list, tuple)):
        raise type_error("axes", "a sequence of integers", describe(axes))
    order = normalize_axes(tuple(integer("axes", axis) for axis in axes), y.ndim)
    if not isinstance(kernels, (list, tuple)):
        raise type_error("kernels", "a sequence of 1-D kernels", describe(kernels))
    if len(kernels) != len(order):
        raise value_error("kernels", f"one kernel for each of {len(order)} axes", str(len(kernels)))
    taps = []
    for i, kernel in enumerate(kernels):
        y, tap = as_operands(y, kernel, preferred_element_type, ("x", f"kernels[{i}]"))
        taps.append(tap)
    for i, tap in enumerate(taps):
        if tap.ndim != 1:
            raise value_error(f"kernels[{i}]", "one dimension", f"shape {tap.shape}")
        if not tap.size:
            raise value_error(f"kernels[{i}]", "at least one tap", "0")
    spec, _ = make_spec(len(order), operation, mode, boundary, origin, stride, dilation, conjugate)
    with jax.numpy_dtype_promotion("standard"):  # What strict promotion forbids was refused above.
        promoted = jnp.result_type(y, *taps)
    as_ratio = as_normalize(normalize, promoted)
    y, mask = counted_only(y, where)
    if as_ratio:
        # Half precision as float32, so that the ratio is rounded once.
        y = widened(as_operands(y, jnp.zeros((), promoted))[0])
        taps = [widened(tap) for tap in taps]

    def apply(y: Array, boundary: Any, accuracy: Any) -> Array:
        _, fills = make_spec(len(order), operation, mode, boundary)
        gain: Any = 1
        constants = any(fill is not None for fill in fills)
        for tap, axis, choices, fill in zip(taps, order, spec.axes, fills, strict=True):
            extent: Any = choices.mode
            outside: Any = choices.boundary
            if constants:
                # Beyond the edge the earlier passes have scaled a constant, too.
                with jax.numpy_dtype_promotion("standard"):
                    outside = outside if fill is None else fill * gain
                    gain = gain * jnp.sum(jnp.conj(tap) if spec.conjugate else tap)
            y = function(
                y, tap, extent, axes=axis, boundary=outside, origin=choices.origin,
                stride=choices.stride, dilation=choices.dilation, conjugate=spec.conjugate,
                method=method, precision=precision, accuracy=accuracy,
            )  # fmt: skip
        return y

    if not as_ratio:
        return apply(y, boundary, accuracy)
    sums = (gains(tap, None, spec.conjugate) for tap in taps)
    total, size = (reduce(mul, factors) for factors in zip(*sums, strict=True))
    y = normalized(
        apply, y, mask, (total, size),
        axes=order, boundary=boundary, method=method, accuracy=accuracy,
    )  # fmt: skip
    return y.astype(promoted)
