"""Asking which engine a call would use, from shapes alone."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from filtrax import _native
from filtrax._accuracy import as_accuracy
from filtrax._choose import Plan, choose
from filtrax._correlate import METHODS, resolve_axes
from filtrax._engines import correlation_for
from filtrax._errors import describe, type_error, value_error
from filtrax._layout import make_layout
from filtrax._operands import as_precision, check_dtype
from filtrax._primitive import PLATFORMS
from filtrax._spec import choice, integer, make_spec
from filtrax._typing import Accuracy, Axes, Method, Mode, Precision


def plan(
    x_shape: tuple[int, ...],
    h_shape: tuple[int, ...],
    dtype: Any = "float32",
    *,
    operation: str = "convolve",
    mode: Mode = "full",
    axes: Axes = None,
    stride: int | tuple[int, ...] = 1,
    dilation: int | tuple[int, ...] = 1,
    derivative: str | None = None,
    method: Method = "auto",
    precision: Precision = None,
    accuracy: Accuracy = "row",
    platform: str | None = None,
) -> Plan:
    """Says which engine a call would use, and why, from shapes alone.

    Args:
        x_shape: shape of the signal.
        h_shape: shape of the kernel.
        dtype: of both operands.
        operation: ``"convolve"`` or ``"correlate"``.
        mode: as in `convolve`.
        axes: as in `convolve`.
        stride: as in `convolve`.
        dilation: as in `convolve`.
        derivative: ``None`` for the value, ``"x"`` or ``"h"`` for the gradient by that operand.
        method: ``"auto"``, or the engine to ask about.
        precision: as in `convolve`.
        accuracy: as in `convolve`; with ``normalize=True``, ``"auto"`` keeps ``"window"``.
        platform: ``"cpu"``, ``"cuda"``, ``"rocm"`` or ``"tpu"``; by default JAX's own.

    Returns:
        The engine, the reason and the estimated cost of each candidate; the error to expect, what
        it is relative to, and how far a NaN spreads.

    Raises:
        ValueError: as `convolve`.
        TypeError: as `convolve`.

    Example:
        >>> import filtrax
        >>> filtrax.plan((256, 4096), (9,), mode="same", platform="cpu").engine
        'shift'
    """
    layout = make_layout(as_shape("x_shape", x_shape), as_shape("h_shape", h_shape), axes)
    spec, _ = make_spec(len(layout.filtered), operation, mode, stride=stride, dilation=dilation)
    role = "y" if derivative is None else choice("derivative", derivative, ("x", "h"))
    (g, b, c), o = layout.x_shape[:3], layout.h_shape[1]
    problem = correlation_for(role, (g, b, c, o), resolve_axes(spec, layout), as_dtype(dtype))
    platform = as_platform(platform)
    found = choose(
        problem, choice("method", method, METHODS), platform, as_accuracy(accuracy),
        as_precision(precision).name.lower(), platform == "cpu" and _native.available(),
    )  # fmt: skip
    slid = {number: place for place, number in enumerate(layout.spatial) if number is not None}
    return replace(found, spread=tuple(found.spread[slid[i]] for i in range(len(slid))))


def as_platform(platform: Any) -> str:
    """One of ``PLATFORMS``; by default that of JAX, whose "gpu" is CUDA's."""
    known = jax.default_backend() if platform is None else platform
    known = "cuda" if isinstance(known, str) and known == "gpu" else known
    return choice("platform", known, PLATFORMS)


def as_shape(name: str, value: Any) -> tuple[int, ...]:
    """A shape: integers, none negative."""
    if not isinstance(value, (list, tuple)):
        raise type_error(name, "a sequence of integers", describe(value))
    sizes = tuple(integer(f"{name}[{i}]", size) for i, size in enumerate(value))
    if any(size < 0 for size in sizes):
        raise value_error(name, "no negative sizes", repr(sizes))
    return sizes


def as_dtype(value: Any) -> jnp.dtype:
    """A dtype of numbers."""
    if value is None:  # NumPy would take float64.
        raise type_error("dtype", "a dtype of numbers", describe(value))
    try:
        dtype = jnp.dtype(value)
    except TypeError as error:
        raise type_error("dtype", "a dtype of numbers", describe(value)) from error
    check_dtype(dtype, "dtype", value)
    return dtype
