"""One kernel that slides over signals, or a bank of them."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from filtrax._errors import describe, value_error
from filtrax._operands import as_numeric
from filtrax._spec import integer, make_spec
from filtrax._typing import Array, ArrayLike, Boundary, Mode, Operation
from filtrax.nn._constrained import Constrained
from filtrax.nn._sliding import FUNCTIONS, Kernel, Sliding, as_array, as_kernel, frozen, promises


class FIR(Sliding):
    """A filter of finite impulse response whose taps are learned.

    Attributes:
        kernel: the leaf: an array, or a `Constrained` kernel.
        operation: ``"convolve"`` or ``"correlate"``.
        mode: extent of the output.
        boundary: what lies outside the signal.
        axes: the filtered axes, counted from the end; ``None`` for as many as the kernel has.
        fs: sampling frequency, the unit of frequencies.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax import nn
        >>> layer = nn.FIR([0.25, 0.5, 0.25])
        >>> layer
        FIR(3 taps, convolve, mode='same', boundary='zero')
        >>> print(layer(jnp.array([[0.0, 4.0, 0.0, 0.0]])))
        [[1. 2. 1. 0.]]
    """

    kernel: Kernel
    operation: Operation = eqx.field(static=True)
    mode: Any = eqx.field(static=True)
    boundary: Any = eqx.field(static=True)
    axes: tuple[int, ...] | None = eqx.field(static=True)
    fs: float = eqx.field(static=True)

    def __init__(
        self,
        kernel: ArrayLike | Constrained,
        *,
        operation: Operation = "convolve",
        mode: Mode = "same",
        boundary: Boundary = "zero",
        axes: int | tuple[int, ...] | None = None,
        fs: float = 2.0,
    ) -> None:
        """Takes the taps to start from.

        Args:
            kernel: taps: an array (integers become floats), or a `Constrained` kernel. See
                `filtrax.nn.init` for some to start from. With ``axes=None`` its dimensions align
                with the last ones of a signal. With ``axes``, a kernel of as many dimensions is
                shared; with more it broadcasts against the signal from the right: a kernel (R, K)
                with ``axes=-1`` has one for each of R rows.
            operation: ``"convolve"`` (kernel reversed) or ``"correlate"``.
            mode: as in `filtrax.convolve`.
            boundary: as in `filtrax.convolve`; a constant is not learned.
            axes: the filtered axes, counted from the end, so that batches can stand before.
            fs: sampling frequency, the unit of `frequency_response`.

        Raises:
            ValueError: an argument has an impossible value.
            TypeError: an argument has the wrong type.
        """
        self.kernel = as_kernel(kernel, operation)
        ndim = self.taps.ndim
        if axes is not None:
            given = axes if isinstance(axes, (tuple, list)) else (axes,)
            axes = tuple(integer("axes", axis) for axis in given)
            if not axes or len(set(axes)) < len(axes) or not all(-ndim <= a < 0 for a in axes):
                raise value_error(
                    "axes", f"distinct axes from -{ndim} to -1, counted from the end", f"{axes}"
                )
        self.operation, self.mode, self.boundary = operation, frozen(mode), frozen(boundary)
        self.axes, self.fs = axes, fs
        make_spec(self._axis_count, operation, self.mode, self.boundary)

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

    def __call__(self, x: ArrayLike, *, key: object = None) -> Array:
        """Filters x.

        Args:
            x: signals; dimensions before those that the kernel speaks of are batches.
            key: ignored; `equinox.nn.Sequential` passes one.

        Returns:
            The filtered signals.

        Raises:
            ValueError: the shapes do not fit.
            TypeError: x is no array of numbers.
        """
        signal, taps = as_numeric(x, "x"), self.taps
        if signal.ndim < taps.ndim:
            raise value_error("x", f"at least {taps.ndim} dimensions", describe(signal))
        if self.axes is not None and taps.ndim > len(self.axes):
            taps = taps.reshape((1,) * (signal.ndim - taps.ndim) + taps.shape)
        return FUNCTIONS[self.operation](
            signal, taps, self.mode, axes=self.axes, boundary=self.boundary
        )


class FilterBank(Sliding):
    """Several kernels that meet the same signal: a new axis of channels stands before the time.

    Attributes:
        kernel: the leaf: an array (channels, taps), or a `Constrained` kernel.
        operation: ``"convolve"`` or ``"correlate"``.
        mode: extent of the output.
        boundary: what lies outside the signal.
        fs: sampling frequency, the unit of frequencies.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax import nn
        >>> bank = nn.FilterBank([[0.5, 0.5], [0.5, -0.5]], mode="causal")
        >>> bank
        FilterBank(2 kernels of 2 taps, convolve, mode='causal', boundary='zero')
        >>> bank(jnp.ones((5, 100))).shape
        (5, 2, 100)
    """

    kernel: Kernel
    operation: Operation = eqx.field(static=True)
    mode: Any = eqx.field(static=True)
    boundary: Any = eqx.field(static=True)
    fs: float = eqx.field(static=True)

    def __init__(
        self,
        kernel: ArrayLike | Constrained,
        *,
        operation: Operation = "convolve",
        mode: Mode = "same",
        boundary: Boundary = "zero",
        fs: float = 2.0,
    ) -> None:
        """Takes the taps to start from.

        Args:
            kernel: (channels, taps), or ``(channels, *taps)`` for filters of several axes. For a
                `Constrained` kernel give ``ndim=1``, so that each channel keeps the promises.
            operation: ``"convolve"`` (kernel reversed) or ``"correlate"``.
            mode: as in `filtrax.convolve`.
            boundary: as in `filtrax.convolve`; a constant is not learned.
            fs: sampling frequency, the unit of `frequency_response`.

        Raises:
            ValueError: an argument has an impossible value.
            TypeError: an argument has the wrong type.
        """
        self.kernel = as_kernel(kernel, operation)
        if self.taps.ndim < 2:
            raise value_error("kernel", "shape (channels, taps)", f"shape {self.taps.shape}")
        self.operation, self.mode, self.boundary = operation, frozen(mode), frozen(boundary)
        self.fs = fs
        make_spec(self._axis_count, operation, self.mode, self.boundary)

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

    def __call__(self, x: ArrayLike, *, key: object = None) -> Array:
        """Filters x by every kernel.

        Args:
            x: signals (..., N), or ``(..., *N)`` for filters of several axes.
            key: ignored; `equinox.nn.Sequential` passes one.

        Returns:
            The filtered signals (..., channels, M).

        Raises:
            ValueError: the shapes do not fit.
            TypeError: x is no array of numbers.
        """
        signal, count = as_numeric(x, "x"), self._axis_count
        if signal.ndim < count:
            raise value_error("x", f"at least {count} dimensions", describe(signal))
        signal = jnp.expand_dims(signal, -count - 1)
        taps = self.taps.reshape((1,) * (signal.ndim - count - 1) + self.taps.shape)
        return FUNCTIONS[self.operation](
            signal, taps, self.mode, axes=tuple(range(-count, 0)), boundary=self.boundary
        )


def _sizes(shape: tuple[int, ...], count: int) -> list[Any]:
    """The sizes of rows, and one word for the last ``count`` sizes."""
    first = len(shape) - count
    return [*shape[:first], "x".join(map(str, shape[first:])) + " taps"]
