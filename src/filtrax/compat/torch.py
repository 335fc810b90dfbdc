"""`torch.nn.functional.conv1d` and `conv2d`: torch's names, padding forms, groups and bias.

Differences from torch: errors are ValueError or TypeError and name the argument.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp

from filtrax._errors import type_error, value_error
from filtrax._operands import as_numeric
from filtrax._spec import choice, integer
from filtrax._typing import Array, ArrayLike
from filtrax.compat._common import (
    as_batched,
    as_pair,
    check_channels,
    correlate_channels,
    same_padding,
)

__all__ = ["conv1d", "conv2d"]


def conv1d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """`torch.nn.functional.conv1d`: a correlation along the last axis, summed over channels.

    Args:
        input: (batch, channels, length) or (channels, length).
        weight: (output channels, channels / groups, taps).
        bias: (output channels,), added to the output.
        stride: step of the output.
        padding: zeros on both sides, ``"valid"`` (none) or ``"same"`` (stride 1 only).
        dilation: spacing of the taps.
        groups: how many groups the channels form; each output meets one.

    Returns:
        (batch, output channels, output length), without batch if the input has none.

    Raises:
        ValueError: shapes do not fit, or a number is out of range.
        TypeError: an argument has the wrong type, or dtypes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax.compat import torch as ftorch
        >>> x = jnp.array([1.0, 0, 2, 3, 0, 1, 1]).reshape(1, 1, 7)
        >>> h = jnp.array([2.0, 1, 3]).reshape(1, 1, 3)
        >>> print(ftorch.conv1d(x, h).ravel())
        [ 8. 11.  7.  9.  4.]
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, rank=1)


def conv2d(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """`torch.nn.functional.conv2d`: a correlation over the last two axes, summed over channels.

    Args:
        input: (batch, channels, height, width) or (channels, height, width).
        weight: (output channels, channels / groups, taps down, taps across).
        bias: (output channels,), added to the output.
        stride: step of the output, one or one for each axis.
        padding: zeros on both sides, one or one for each axis; ``"valid"`` (none) or
            ``"same"`` (stride 1 only).
        dilation: spacing of the taps, one or one for each axis.
        groups: how many groups the channels form; each output meets one.

    Returns:
        (batch, output channels, height, width), without batch if the input has none.

    Raises:
        ValueError: shapes do not fit, or a number is out of range.
        TypeError: an argument has the wrong type, or dtypes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax.compat import torch as ftorch
        >>> y = ftorch.conv2d(jnp.ones((1, 2, 5, 6)), jnp.ones((4, 2, 3, 3)), padding="same")
        >>> print(y.shape)
        (1, 4, 5, 6)
    """
    return _conv(input, weight, bias, stride, padding, dilation, groups, rank=2)


def _conv(
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    *,
    rank: int,
) -> Array:
    x = as_batched(input, "input", (rank + 1, rank + 2))
    w = as_batched(weight, "weight", (rank + 2,))
    steps, spacing = as_pair(stride, "stride", rank), as_pair(dilation, "dilation", rank)
    groups = integer("groups", groups)
    batched = x.ndim == rank + 2
    if not batched:
        x = x[None]
    check_channels(x, w, groups, names=("input", "weight"))
    sizes = list(zip(x.shape[2:], w.shape[2:], steps, spacing, strict=True))
    pairs = _padding(padding, sizes)
    for (n, k, _, d), (lo, hi) in zip(sizes, pairs, strict=True):
        if n < 1 or n + lo + hi < (k - 1) * d + 1:
            raise value_error(
                "input", f"at least {(k - 1) * d + 1} samples with padding, the kernel's span",
                f"{n} and padding ({lo}, {hi})",
            )  # fmt: skip
    filtered = partial(correlate_channels, stride=steps, dilation=spacing, groups=groups)
    if bias is None:
        y = filtered(x, w, pairs)
    else:
        offset = _bias(bias, x, w).reshape(-1, *(1,) * rank)
        # The sum and the bias are rounded to half precision once, together.
        wide = jnp.float32 if _is_half(x.dtype) else x.dtype
        y = filtered(x.astype(wide), w.astype(wide), pairs) + offset.astype(wide)
        y = y.astype(x.dtype)
    return y if batched else y[0]


def _bias(bias: Any, x: Array, w: Array) -> Array:
    offset = as_numeric(bias, "bias")
    if offset.dtype != x.dtype:
        raise type_error("bias", f"the dtype of input, {x.dtype}", str(offset.dtype))
    if offset.shape != w.shape[:1]:
        raise value_error("bias", f"shape {w.shape[:1]}", str(offset.shape))
    return offset


def _is_half(dtype: Any) -> bool:
    return dtype in (jnp.float16, jnp.bfloat16)


def _padding(padding: Any, sizes: list[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
    if isinstance(padding, str):
        if choice("padding", padding, ("valid", "same")) == "valid":
            return [(0, 0)] * len(sizes)
        if any(s != 1 for _, _, s, _ in sizes):
            raise value_error("padding", "'valid' or integers with a stride", "'same'")
        return [same_padding(*size) for size in sizes]
    return [(p, p) for p in as_pair(padding, "padding", len(sizes), least=0)]
