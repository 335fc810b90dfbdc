"""`tf.nn.conv1d` and `tf.nn.conv2d`: TensorFlow's names, layouts, SAME rule and groups.

Differences from TensorFlow: errors are ValueError or TypeError and name the argument; other
dtypes than TensorFlow's (complex, other integers) work too; VALID with a kernel one sample
longer than the input is empty, where some TensorFlow builds return uninitialised memory;
``name`` is ignored.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_numeric
from filtrax._spec import choice, integer
from filtrax._typing import Array, ArrayLike
from filtrax.compat._common import check_channels, correlate_channels, same_padding
from filtrax.conventions import CONVENTIONS

__all__ = ["conv1d", "conv2d"]


def conv1d(
    input: ArrayLike,
    filters: ArrayLike,
    stride: int | Sequence[int],
    padding: str,
    data_format: str | None = "NWC",
    dilations: int | Sequence[int] | None = None,
    name: str | None = None,
) -> Array:
    """`tf.nn.conv1d`: a correlation along the width, summed over channels.

    Args:
        input: (..., width, channels), or (..., channels, width) for ``"NCW"``, with at least
            one batch dimension.
        filters: (width, channels / groups, output channels); the number of groups follows.
        stride: step of the output: an integer, a sequence of one, or one for each dimension.
        padding: ``"SAME"`` or ``"VALID"``.
        data_format: ``"NWC"`` or ``"NCW"``.
        dilations: spacing of the taps, in the forms of ``stride``.
        name: ignored.

    Returns:
        (..., output width, output channels), or with the two exchanged for ``"NCW"``.

    Raises:
        ValueError: shapes do not fit or a name is unknown.
        TypeError: an argument has the wrong type, or dtypes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax.compat import tensorflow as ftf
        >>> x = jnp.array([1.0, 0, 2, 3, 0, 1, 1]).reshape(1, 7, 1)
        >>> h = jnp.array([2.0, 1, 3]).reshape(3, 1, 1)
        >>> print(ftf.conv1d(x, h, stride=1, padding="VALID").ravel())
        [ 8. 11.  7.  9.  4.]
    """
    choice("padding", padding, tuple(CONVENTIONS["tensorflow.nn.conv1d"].modes))
    layout = choice("data_format", "NWC" if data_format is None else data_format, ("NWC", "NCW"))
    return _conv(input, filters, ("stride", stride), padding, layout, dilations, 1)


def conv2d(
    input: ArrayLike,
    filters: ArrayLike,
    strides: int | Sequence[int],
    padding: str | Sequence[Sequence[int]],
    data_format: str = "NHWC",
    dilations: int | Sequence[int] | None = None,
    name: str | None = None,
) -> Array:
    """`tf.nn.conv2d`: a correlation over height and width, summed over channels.

    Args:
        input: (..., height, width, channels), or (..., channels, height, width) for
            ``"NCHW"``, with at least one batch dimension.
        filters: (height, width, channels / groups, output channels); the number of groups
            follows.
        strides: step of the output: an integer, a sequence of one, of two (height, width), or
            of four in the order of the layout.
        padding: ``"SAME"``, ``"VALID"``, or four pairs (before, after) in the order of the
            layout, with no padding of batch and channels.
        data_format: ``"NHWC"`` or ``"NCHW"``.
        dilations: spacing of the taps, in the forms of ``strides``.
        name: ignored.

    Returns:
        The input's layout, with the output's height, width and channels.

    Raises:
        ValueError: shapes do not fit or a name is unknown.
        TypeError: an argument has the wrong type, or dtypes differ.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax.compat import tensorflow as ftf
        >>> y = ftf.conv2d(jnp.ones((1, 5, 6, 2)), jnp.ones((3, 3, 2, 4)), 2, "SAME")
        >>> print(y.shape)
        (1, 3, 3, 4)
    """
    layout = choice("data_format", "NHWC" if data_format is None else data_format, ("NHWC", "NCHW"))
    return _conv(input, filters, ("strides", strides), padding, layout, dilations, 2)


def _conv(
    input: Any,
    filters: Any,
    stride: tuple[str, Any],
    padding: Any,
    layout: str,
    dilations: Any,
    rank: int,
) -> Array:
    x, w = as_numeric(input, "input"), as_numeric(filters, "filters")
    if x.ndim < rank + 2:
        raise value_error("input", f"at least {rank + 2} dimensions", f"shape {x.shape}")
    if w.ndim != rank + 2:
        raise value_error("filters", f"{rank + 2} dimensions", f"shape {w.shape}")
    steps = _spatial(stride[0], stride[1], layout, rank)
    spacing = _spatial("dilations", 1 if dilations is None else dilations, layout, rank)
    last = layout.endswith("C")
    batch = x.shape[: x.ndim - rank - 1]
    x = x.reshape(math.prod(batch), *x.shape[len(batch) :])
    if last:
        x = jnp.moveaxis(x, -1, 1)
    w = jnp.moveaxis(w, (-1, -2), (0, 1))
    groups = x.shape[1] // w.shape[1] if w.shape[1] else 1
    check_channels(x, w, max(groups, 1), names=("input", "filters"))
    sizes = list(zip(x.shape[2:], w.shape[2:], steps, spacing, strict=True))
    pairs = _padding(padding, sizes, layout)
    for (n, k, s, d), (lo, hi) in zip(sizes, pairs, strict=True):
        # TensorFlow divides by the stride, towards zero, before it looks for negative lengths.
        if (k - 1) * d + 1 - (n + lo + hi) >= 2 * s:
            raise value_error(
                "filters", f"a span of at most {n + lo + hi}, the padded input's length",
                str((k - 1) * d + 1),
            )  # fmt: skip
    y = correlate_channels(x, w, pairs, stride=steps, dilation=spacing, groups=groups)
    if last:
        y = jnp.moveaxis(y, 1, -1)
    return y.reshape(*batch, *y.shape[1:])


def _spatial(name: str, value: Any, layout: str, rank: int) -> tuple[int, ...]:
    """The entries for the spatial axes of an integer or of a sequence of 1, rank or rank + 2."""
    if not isinstance(value, (list, tuple)):
        value = (value,) * rank
    entries = tuple(integer(name, each) for each in value)
    if len(entries) == 1:
        entries *= rank
    elif len(entries) == rank + 2:
        if entries[0] != 1 or entries[layout.index("C")] != 1:
            raise value_error(name, "1 for batch and channels", describe(value))
        entries = tuple(e for e, letter in zip(entries, layout, strict=True) if letter not in "NC")
    if len(entries) != rank:
        raise value_error(name, f"1, {rank} or {rank + 2} integers", describe(value))
    if min(entries) < 1:
        raise value_error(name, "integers of at least 1", describe(value))
    return entries


def _padding(
    padding: Any, sizes: list[tuple[int, int, int, int]], layout: str
) -> list[tuple[int, int]]:
    if isinstance(padding, str):
        if choice("padding", padding, ("SAME", "VALID")) == "SAME":
            return [same_padding(*size) for size in sizes]
        return [(0, 0)] * len(sizes)
    if not isinstance(padding, (list, tuple)) or any(
        not isinstance(pair, (list, tuple)) or len(pair) != 2 for pair in padding
    ):
        raise type_error("padding", "'SAME', 'VALID' or a list of pairs", describe(padding))
    if len(padding) != len(layout):
        raise value_error("padding", f"{len(layout)} pairs, one for each of {layout}",
                          describe(padding))  # fmt: skip
    pairs = [(integer("padding", lo), integer("padding", hi)) for lo, hi in padding]
    if min(min(pair) for pair in pairs) < 0:
        raise value_error("padding", "integers of at least 0", describe(padding))
    if pairs[0] != (0, 0) or pairs[layout.index("C")] != (0, 0):
        raise value_error("padding", "no padding of batch and channels", describe(padding))
    return [pair for pair, letter in zip(pairs, layout, strict=True) if letter not in "NC"]
