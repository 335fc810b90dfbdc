"""What layers of sliding kernels share: the leaf, the frequency response and the picture."""

from abc import abstractmethod
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._correlate import convolve, correlate
from filtrax._errors import describe, value_error
from filtrax._geometry import resolve_axis
from filtrax._operands import as_numeric, as_scalar
from filtrax._spec import AxisSpec, make_spec
from filtrax._typing import Array, ArrayLike, Boundary, Mode, Operation
from filtrax.nn._constrained import Constrained
from filtrax.nn._constraints import check_operation
from filtrax.nn._filter import Filter, canvas, decibels, draw_response

FUNCTIONS = {"convolve": convolve, "correlate": correlate}
#: A leaf to learn, or several that keep promises together.
Kernel = Array | Constrained


def as_kernel(kernel: Any, name: str = "kernel") -> Kernel:
    """What a layer holds: a constrained kernel as it is, anything else as inexact numbers."""
    if isinstance(kernel, Constrained):
        return kernel
    array = as_numeric(kernel, name, warn=False)
    if not array.ndim or not array.size:
        raise value_error(name, "at least one dimension and one tap", f"shape {array.shape}")
    if jnp.issubdtype(array.dtype, jnp.inexact):
        return array
    return lax.convert_element_type(array, jnp.result_type(float))


def as_array(kernel: Kernel) -> Array:
    """The taps."""
    return kernel.value if isinstance(kernel, Constrained) else kernel


def _frozen(value: Any) -> Any:
    """Lists as tuples, so that a layer's choices can be hashed."""
    return tuple(_frozen(each) for each in value) if isinstance(value, (list, tuple)) else value


class Sliding(Filter):
    """A layer whose output is a sum of taps times samples."""

    operation: Operation = eqx.field(static=True, default="convolve", kw_only=True)
    mode: Mode = eqx.field(static=True, default="same", kw_only=True, converter=_frozen)
    boundary: Boundary = eqx.field(static=True, default="zero", kw_only=True, converter=_frozen)
    fs: float = eqx.field(static=True, default=2.0, kw_only=True)

    def __check_init__(self) -> None:
        make_spec(self._axis_count, self.operation, self.mode, self.boundary)
        as_scalar(self.fs, "fs", positive=True)
        for each in jax.tree.leaves(self, is_leaf=lambda leaf: isinstance(leaf, Constrained)):
            if isinstance(each, Constrained):
                check_operation(each.constraints, self.operation, "kernel")

    @property
    @abstractmethod
    def taps(self) -> Array:
        """The kernel as an array, whatever it is computed from."""

    @property
    def _kernels(self) -> Array:
        """The taps with the filtered axes last."""
        return self.taps

    @property
    def _least_rank(self) -> int:
        """Dimensions of a signal that the layer needs."""
        return self._axis_count

    @abstractmethod
    def _filtered(self, signal: Array) -> Array:
        """The output for a signal of enough dimensions."""

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
        signal = as_numeric(x, "x")
        if signal.ndim < self._least_rank:
            raise value_error("x", f"at least {self._least_rank} dimensions", describe(signal))
        return self._filtered(signal)

    @abstractmethod
    def _described(self) -> str:
        """What the kernels are, for ``repr``."""

    def __pdoc__(self, **_: Any) -> Any:
        """How Equinox prints the layer, alone or in a larger model."""
        # Equinox brings it along.
        from wadler_lindig import TextDoc  # noqa: PLC0415

        return TextDoc(
            f"{type(self).__name__}({self._described()}, {self.operation}, mode={self.mode!r}, "
            f"boundary={self.boundary!r})"
        )

    def response_at(self, *angles: Array) -> Array:
        """The complex gain at angles in radians a sample, one array for each filtered axis."""
        taps = self._kernels
        first = taps.ndim - len(angles)
        if self.operation == "correlate":
            taps = jnp.conj(taps)
        if not jnp.iscomplexobj(taps):
            wide = taps if taps.dtype.itemsize >= 4 else lax.convert_element_type(taps, "float32")
            taps = lax.complex(wide, jnp.zeros_like(wide))
        spec, _ = make_spec(len(angles), self.operation, self.mode)
        gain = taps
        for axis, angle, count in zip(spec.axes, angles, taps.shape[first:], strict=True):
            turn = angle.reshape(-1, 1) * jnp.asarray(
                _steps(axis, self.operation, count), angle.dtype
            )
            wave = lax.complex(jnp.cos(turn), jnp.sin(turn))
            wave = lax.convert_element_type(wave, gain.dtype)
            # The foremost axis of taps goes; one of frequencies comes at the end.
            gain = jnp.tensordot(gain, wave, ((first,), (1,)), precision=lax.Precision.HIGHEST)
        return gain.reshape(*taps.shape[:first], *(n for angle in angles for n in angle.shape))

    def plot(self, *, points: int = 512) -> Any:
        """Draws taps, magnitude, phase and group delay; of a 2-D kernel, taps and magnitude.

        Needs matplotlib.

        Args:
            points: frequencies from 0 to half of ``fs``.

        Returns:
            The matplotlib figure.

        Raises:
            ValueError: the layer filters more than two axes, or two with several kernels.
        """
        if self._axis_count == 1:
            return self._plot_lines(points)
        if self._axis_count == 2 and self._kernels.ndim == 2:
            return self._plot_images(points)
        raise value_error(
            "self", "kernels of one axis, or one kernel of two", f"kernels of {self.taps.shape}"
        )

    def _plot_lines(self, points: int) -> Any:
        figure, (kernel, magnitude, phase, delay) = canvas(4)
        taps: Any = np.asarray(self._kernels)
        for part in [taps.real, taps.imag] if np.iscomplexobj(taps) else [taps]:
            kernel.plot(part.reshape(-1, taps.shape[-1]).T, ".-", linewidth=0.8)
        kernel.set(xlabel="tap", ylabel="value")
        f = draw_response(self, magnitude, phase, points)
        samples = np.array(self.group_delay(f)).reshape(-1, points)
        gain = np.abs(np.asarray(self.frequency_response(f))).reshape(-1, points)
        # Where next to nothing passes, its delay is noise.
        samples[gain < 1e-4 * gain.max()] = np.nan
        delay.plot(f, samples.T)
        low, high = delay.get_ylim()
        middle = (low + high) / 2
        delay.set_ylim(min(low, middle - 1), max(high, middle + 1))
        delay.set(xlabel="frequency", ylabel="group delay (samples)")
        return figure

    def _plot_images(self, points: int) -> Any:
        figure, (kernel, magnitude) = canvas(2)
        taps = np.real(np.asarray(self.taps))
        limit = np.abs(taps).max()
        drawn = kernel.imshow(taps, cmap="RdBu_r", vmin=-limit, vmax=limit)
        figure.colorbar(drawn, ax=kernel)
        kernel.set(xlabel="tap", ylabel="tap")
        half = self.fs / 2
        f = np.linspace(-half, half, min(points, 128))
        gain = decibels(self.frequency_response((f, f)))
        drawn = magnitude.imshow(gain, vmin=gain.max() - 80, extent=(-half, half, half, -half))
        figure.colorbar(drawn, ax=magnitude, label="magnitude (dB)")
        magnitude.set(xlabel="frequency", ylabel="frequency")
        return figure


def promises(kernel: Kernel) -> str:
    """What a kernel promises, for ``repr``."""
    if not isinstance(kernel, Constrained):
        return ""
    return "".join(f", {each!r}" for each in kernel.constraints)


@lru_cache(maxsize=1024)
def _steps(axis: AxisSpec, operation: str, count: int) -> np.ndarray:
    """By how many samples each tap reads ahead of the output sample."""
    reach = sum(map(abs, axis.mode)) if isinstance(axis.mode, tuple) else 0
    # Where a window begins does not depend on the signal's length, if only it is long enough.
    lo = resolve_axis(axis, operation, count + reach, count).lo
    taps = np.arange(count)
    return (taps[::-1] if operation == "convolve" else taps) - lo
