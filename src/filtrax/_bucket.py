"""Signals of many lengths in arrays of a few: what compiles once for each shape compiles seldom."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from filtrax import _boundary
from filtrax._correlate import resolve_axes
from filtrax._errors import describe, type_error, value_error
from filtrax._geometry import Axis
from filtrax._layout import make_layout
from filtrax._operands import as_numeric, fill_operands
from filtrax._plan import as_shape
from filtrax._spec import integer, make_spec
from filtrax._typing import Array, ArrayLike, Axes, Boundary, Mode, Operation


@partial(jax.tree_util.register_dataclass, data_fields=("x", "lengths"), meta_fields=("axes",))
@dataclass(frozen=True)
class Bucket:
    """A padded signal, and which outputs of a filter over it count.

    It is a pytree: pass it into ``jax.jit``, which traces anew for a new shape of ``x`` only.

    Attributes:
        x: the signal with its boundary written out, then zeros up to the bucket's length.
        lengths: how many outputs count, from the first on, along each of ``axes``.
        axes: the filtered axes.
    """

    x: Any
    lengths: Any
    axes: tuple[int, ...]

    def crop(self, y: ArrayLike) -> np.ndarray:
        """The outputs that count, as a NumPy array: JAX would compile a slice for each length.

        Args:
            y: what a filter in mode ``"valid"`` made of ``x``.

        Raises:
            ValueError: y is too small to be that.
            TypeError: y or the lengths are traced; inside ``jax.jit`` use `mask`.
        """
        for each in (y, self.lengths):
            if isinstance(each, Tracer):
                raise type_error("y", "known numbers (inside jax.jit use mask)", describe(each))
        host = np.asarray(y)
        self._check(host.shape)
        cut: list[slice] = [slice(None)] * host.ndim
        for axis, length in zip(self.axes, np.asarray(self.lengths).tolist(), strict=True):
            if host.shape[axis] < length:
                raise value_error(
                    "y", f"at least {length} outputs along axis {axis}", f"{host.shape}"
                )
            cut[axis] = slice(length)
        return host[tuple(cut)]

    def mask(self, y: Any) -> Array:
        """Which outputs count: booleans that broadcast against y, also inside ``jax.jit``.

        Args:
            y: what a filter in mode ``"valid"`` made of ``x``, or its shape.

        Raises:
            ValueError: y has another rank than ``x``.
        """
        shape = y if isinstance(y, tuple) else np.shape(y)
        self._check(shape)
        counts = jnp.ones((1,) * len(shape), bool)
        for number, axis in enumerate(self.axes):
            place = jnp.arange(shape[axis], dtype=jnp.int32) < self.lengths[number]
            counts = counts & place.reshape([-1 if a == axis else 1 for a in range(len(shape))])
        return counts

    def _check(self, shape: tuple[int, ...]) -> None:
        rank = np.ndim(self.x)
        if len(shape) != rank:
            raise value_error("y", f"the {rank} dimensions of x", f"shape {shape}")


def pad_to_bucket(
    x: ArrayLike,
    h_shape: Sequence[int],
    mode: Mode = "full",
    *,
    operation: Operation = "convolve",
    axes: Axes = None,
    boundary: Boundary = "zero",
    origin: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
    lengths: Sequence[int] | None = None,
) -> Bucket:
    """Pads a signal so that many lengths share few shapes, and few compilations.

    What lies outside x is written out first, whatever the mode and the boundary; zeros follow up
    to the length of a bucket. So a filter in mode ``"valid"`` over the result gives the outputs
    of the unpadded call, and then some that do not count:

        bucket = filtrax.pad_to_bucket(x, h.shape, "same", boundary="reflect")
        y = bucket.crop(filtrax.convolve(bucket.x, h, "valid"))

    The call must repeat ``axes``, ``stride`` and ``dilation``, which work on the padded signal as
    they do on any; ``mode``, ``boundary`` and ``origin`` are settled here. A filter without a
    look ahead, such as `lfilter`, needs no boundary: ``pad_to_bucket(x, (1,))`` pads for it.

    Args:
        x: signal, as in `convolve`. A known one is padded by NumPy, which compiles nothing.
        h_shape: shape of the kernel.
        mode: as in `convolve`.
        operation: ``"convolve"`` or ``"correlate"``: their origins count differently.
        axes: as in `convolve`.
        boundary: as in `convolve`.
        origin: as in `convolve`.
        stride: as in `convolve`.
        dilation: as in `convolve`.
        lengths: the lengths to choose from. By default 4, 5, 6 or 7 times a power of two: at most
            a quarter longer than needed, four for each octave, and fast for transforms.

    Returns:
        The padded signal with what cuts an output back: `Bucket`.

    Raises:
        ValueError: as `convolve`, or none of ``lengths`` is long enough.
        TypeError: as `convolve`.

    Example:
        >>> import jax.numpy as jnp
        >>> import filtrax
        >>> bucket = filtrax.pad_to_bucket(jnp.arange(1.0, 10.0), (3,), "same", boundary="edge")
        >>> bucket.x.shape
        (12,)
        >>> y = filtrax.convolve(bucket.x, jnp.ones(3), "valid")
        >>> print(bucket.crop(y))
        [ 4.  6.  9. 12. 15. 18. 21. 24. 26.]
    """
    signal = as_numeric(x, "x", allow_bool=True)
    taps = as_shape("h_shape", h_shape)
    choices = _choices(lengths)
    layout = make_layout(signal.shape, taps, axes)
    spec, fills = make_spec(
        len(layout.filtered), operation, mode, boundary, origin, stride, dilation
    )
    axis_of = {
        number: axis
        for number, axis in zip(layout.spatial, resolve_axes(spec, layout), strict=True)
        if number is not None
    }
    constants = fill_operands(spec, fills, signal.dtype)
    # Whatever is known goes to NumPy, where a new length compiles nothing.
    y: Any = signal if isinstance(signal, Tracer) else np.asarray(signal)
    for number, place in enumerate(layout.filtered):
        axis, choice = axis_of[number], spec.axes[number]
        y = _extended(y, place, axis, choice.boundary, constants[number])
        y = _zeros_behind(y, place, _bucket_length(y.shape[place], choices) - y.shape[place])
    counts = np.array([axis_of[number].m for number in range(len(layout.filtered))], np.int32)
    return Bucket(y, counts, layout.filtered)


def _choices(lengths: Any) -> tuple[int, ...] | None:
    if lengths is None:
        return None
    if not isinstance(lengths, (list, tuple)) or not lengths:
        raise type_error("lengths", "a sequence of integers", describe(lengths))
    choices = tuple(integer(f"lengths[{i}]", each) for i, each in enumerate(lengths))
    if min(choices) < 1:
        raise value_error("lengths", "integers of at least 1", repr(min(choices)))
    return choices


def _bucket_length(n: int, choices: tuple[int, ...] | None) -> int:
    """The least length of a bucket that holds n samples."""
    if choices is None:
        step = 1 << max(n.bit_length() - 3, 0)
        return -(-n // step) * step
    fitting = [each for each in choices if each >= n]
    if not fitting:
        raise value_error(
            "lengths", f"one of at least {n}, the signal's length with what lies outside it",
            repr(max(choices)),
        )  # fmt: skip
    return min(fitting)


def _extended(y: Any, place: int, axis: Axis, boundary: str, fill: Any) -> Any:
    """The samples from the first that an output uses to the last."""
    if isinstance(y, jax.Array):
        return _boundary.extend(y, place, (axis.lo, axis.hi), boundary, fill)
    start, stop = -axis.lo, axis.n + axis.hi
    if boundary not in ("zero", "constant"):
        return np.take(y, _boundary.source_index(axis.n, start, stop, boundary), axis=place)
    taken = np.take(y, _boundary.source_index(axis.n, start, stop, "edge"), axis=place)
    position = np.arange(start, stop)
    outside = (position < 0) | (position >= axis.n)
    np.moveaxis(taken, place, 0)[outside] = 0 if fill is None else np.asarray(fill)
    return taken


def _zeros_behind(y: Any, place: int, count: int) -> Any:
    widths = [(0, count if axis == place else 0) for axis in range(y.ndim)]
    return jnp.pad(y, widths) if isinstance(y, jax.Array) else np.pad(y, widths)
