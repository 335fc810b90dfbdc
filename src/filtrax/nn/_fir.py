"""One kernel that slides over signals, or a bank of them."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from filtrax._errors import value_error
from filtrax._spec import integer
from filtrax._typing import Array
from filtrax.nn._sliding import FUNCTIONS, Kernel, Sliding, as_array, as_kernel, promises


def _as_axes(axes: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    if axes is None:
        return None
    given = axes if isinstance(axes, (tuple, list)) else (axes,)
    return tuple(integer("axes", axis) for axis in given)


class FIR(Sliding):
    """A filter of finite impulse response whose taps are learned.

    Attributes:
        kernel: the leaf: an array of taps (integers become floats), or a `Constrained` kernel.
            See `filtrax.nn.init` for some to start from. With ``axes=None`` its dimensions align
            with the last ones of a signal. With ``axes``, a kernel of as many dimensions is
            shared; with more it broadcasts against the signal from the right: a kernel (R, K)
            with ``axes=-1`` has one for each of R rows.
        operation: ``"convolve"`` (kernel reversed) or ``"correlate"``.
        mode: extent of the output, as in `filtrax.convolve`.
        boundary: what lies outside the signal, as in `filtrax.convolve`; not learned.
        fs: sampling frequency, the unit of frequencies.
        axes: the filtered axes, counted from the end, so that batches can stand before.

    Raises:
        ValueError: an argument has an impossible value.
        TypeError: an argument has the wrong type.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax import nn
        >>> layer = nn.FIR([0.25, 0.5, 0.25])
        >>> layer
        FIR(3 taps, convolve, mode='same', boundary='zero')
        >>> print(layer(jnp.array([[0.0, 4.0, 0.0, 0.0]])))
        [[1. 2. 1. 0.]]
    """

    kernel: Kernel = eqx.field(converter=as_kernel)
    axes: tuple[int, ...] | None = eqx.field(
        static=True, default=None, kw_only=True, converter=_as_axes
    )

    def __check_init__(self) -> None:
        ndim, axes = self.taps.ndim, self.axes
        if axes is not None and (
            not axes or len(set(axes)) < len(axes) or not all(-ndim <= a < 0 for a in axes)
        ):
            raise value_error(
                "axes", f"distinct axes from -{ndim} to -1, counted from the end", f"{axes}"
            )

    @property
    def taps(self) -> Array:
        """The kernel as an array, whatever it is computed from."""
        return as_array(self.kernel)

    @property
    def _axis_count(self) -> int:
        return self.taps.ndim if self.axes is None else len(self.axes)

    @property
    def _kernels(self) -> Array:
        taps = self.taps
        if self.axes is None or taps.ndim == len(self.axes):
            return taps
        return jnp.moveaxis(taps, self.axes, range(-len(self.axes), 0))

    def _described(self) -> str:
        *rows, taps = _sizes(self._kernels.shape, self._axis_count)
        own = f"{'x'.join(map(str, rows))} kernels of " if rows else ""
        return f"{own}{taps}{promises(self.kernel)}"

    @property
    def _least_rank(self) -> int:
        return self.taps.ndim

    def _filtered(self, signal: Array) -> Array:
        taps = self.taps
        if self.axes is not None and taps.ndim > len(self.axes):
            taps = taps.reshape((1,) * (signal.ndim - taps.ndim) + taps.shape)
        return FUNCTIONS[self.operation](
            signal, taps, self.mode, axes=self.axes, boundary=self.boundary
        )


class FilterBank(Sliding):
    """Several kernels that meet the same signal: a new axis of channels stands before the time.

    Signals (..., N) become (..., channels, M).

    Attributes:
        kernel: the leaf: (channels, taps), or ``(channels, *taps)`` for filters of several axes.
            For a `Constrained` kernel give ``ndim=1``, so that each channel keeps the promises.
        operation: ``"convolve"`` (kernel reversed) or ``"correlate"``.
        mode: extent of the output, as in `filtrax.convolve`.
        boundary: what lies outside the signal, as in `filtrax.convolve`; not learned.
        fs: sampling frequency, the unit of frequencies.

    Raises:
        ValueError: an argument has an impossible value.
        TypeError: an argument has the wrong type.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax import nn
        >>> bank = nn.FilterBank([[0.5, 0.5], [0.5, -0.5]], mode="causal")
        >>> bank
        FilterBank(2 kernels of 2 taps, convolve, mode='causal', boundary='zero')
        >>> bank(jnp.ones((5, 100))).shape
        (5, 2, 100)
    """

    kernel: Kernel = eqx.field(converter=as_kernel)

    def __check_init__(self) -> None:
        if self.taps.ndim < 2:
            raise value_error("kernel", "shape (channels, taps)", f"shape {self.taps.shape}")

    @property
    def taps(self) -> Array:
        """The kernels as an array, whatever they are computed from."""
        return as_array(self.kernel)

    @property
    def _axis_count(self) -> int:
        return self.taps.ndim - 1

    def _described(self) -> str:
        channels, taps = _sizes(self.taps.shape, self._axis_count)
        return f"{channels} kernels of {taps}{promises(self.kernel)}"

    def _filtered(self, signal: Array) -> Array:
        count = self._axis_count
        signal = jnp.expand_dims(signal, -count - 1)
        taps = self.taps.reshape((1,) * (signal.ndim - count - 1) + self.taps.shape)
        return FUNCTIONS[self.operation](
            signal, taps, self.mode, axes=tuple(range(-count, 0)), boundary=self.boundary
        )


def _sizes(shape: tuple[int, ...], count: int) -> list[Any]:
    """The sizes of rows, and one word for the last ``count`` sizes."""
    first = len(shape) - count
    return [*shape[:first], "x".join(map(str, shape[first:])) + " taps"]
