"""What every layer can tell of itself: its frequency response, its delay and its picture."""

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import value_error
from filtrax._operands import as_numeric
from filtrax._typing import Array, ArrayLike

#: Magnitudes below this are drawn as this: a zero has no decibels.
_FLOOR = 1e-10


class Filter(eqx.Module):
    """A layer that filters; ``fs`` is the sampling frequency, the unit of its frequencies."""

    fs: eqx.AbstractVar[float]

    @abstractmethod
    def response_at(self, *angles: Array) -> Array:
        """The complex gain at angles in radians a sample, one array for each filtered axis."""

    def frequency_response(self, worN: ArrayLike | int = 512) -> Array:
        """The complex gain: what the layer multiplies a complex sinusoid by.

        Delays count from the input sample of the same index: in mode ``"same"`` a symmetric
        kernel of odd length has a real gain.

        Args:
            worN: frequencies in the unit of ``fs``, or, as SciPy's ``worN``, how many of them
                from 0 up to but not including half of ``fs``. For a layer that filters several
                axes a tuple with one of these for each.

        Returns:
            The gains, of the shape of the frequencies (of several axes: a grid of all), after
            the rows where each has a kernel of its own.

        Raises:
            TypeError: frequencies are no numbers.
            ValueError: as many frequencies as axes are expected, or at least one.
        """
        return self.response_at(*self._angles(worN))

    def group_delay(self, worN: ArrayLike | int = 512) -> Array:
        """By how many samples the layer delays what happens around a frequency.

        Args:
            worN: frequencies, as for `frequency_response`.

        Returns:
            The delays; NaN where the gain is zero.

        Raises:
            ValueError: the layer filters several axes.
        """
        angles = self._angles(worN)
        if len(angles) != 1:
            raise value_error("self", "a layer that filters one axis", f"{len(angles)}")
        gain, slope = jax.jvp(self.response_at, angles, (jnp.ones_like(angles[0]),))
        return jnp.where(jnp.abs(gain) > _FLOOR, -jnp.imag(slope / gain), jnp.nan)

    @property
    def _axis_count(self) -> int:
        return 1

    def _angles(self, given: Any) -> tuple[Array, ...]:
        count = self._axis_count
        many = isinstance(given, tuple) and count > 1
        each = given if many else (given,) * count
        if len(each) != count:
            raise value_error("worN", f"one for each of {count} axes", f"{len(each)}")
        return tuple(2 * np.pi / self.fs * self._frequencies(one) for one in each)

    def _frequencies(self, given: Any) -> Array:
        if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
            if given < 1:
                raise value_error("worN", "at least one frequency", f"{given}")
            return jnp.asarray(np.arange(given) * (self.fs / 2 / given))
        points = as_numeric(given, "worN", warn=False)
        if jnp.issubdtype(points.dtype, jnp.floating):
            return points
        return lax.convert_element_type(points, jnp.result_type(float))


def canvas(panels: int) -> tuple[Any, Any]:
    """A figure with panels side by side; needs matplotlib."""
    # Slow to import, and only pictures need it.
    from matplotlib import pyplot  # noqa: PLC0415

    return pyplot.subplots(1, panels, figsize=(4 * panels, 3.6), layout="constrained")


def decibels(gain: Any) -> np.ndarray:
    """Magnitudes in decibels."""
    return 20 * np.log10(np.maximum(np.abs(np.asarray(gain)), _FLOOR))


def draw_response(layer: Filter, magnitude: Any, phase: Any, points: int) -> np.ndarray:
    """Draws magnitude and phase from 0 to half of fs, a line for each kernel.

    Returns:
        The frequencies drawn.
    """
    f = np.linspace(0, layer.fs / 2, points)
    gain = np.atleast_2d(np.asarray(layer.frequency_response(f)).reshape(-1, points))
    magnitude.plot(f, decibels(gain).T)
    magnitude.set(xlabel="frequency", ylabel="magnitude (dB)")
    bottom, top = magnitude.get_ylim()
    magnitude.set_ylim(max(bottom, top - 120), top)
    phase.plot(f, np.unwrap(np.angle(gain)).T)
    phase.set(xlabel="frequency", ylabel="phase (rad)")
    return f
