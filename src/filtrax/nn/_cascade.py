"""What recursive layers share: a cascade of sections that cannot be unstable."""

from abc import abstractmethod
from typing import Any

import jax.numpy as jnp
import numpy as np

from filtrax._typing import Array, ArrayLike
from filtrax.iir import frequency_response, sosfilt
from filtrax.nn._filter import Filter, canvas, draw_response

#: How near to 1 a reflection coefficient may come: far enough that rounding to float32 leaves
#: the poles inside the unit circle.
LIMIT = 1 - 2.0**-20


class Cascade(Filter):
    """A layer that filters by second-order sections; `SOS` and `Biquads` are its two forms."""

    @property
    @abstractmethod
    def sos(self) -> Array:
        """The sections (S, 6) that the parameters stand for."""

    def __call__(
        self, x: ArrayLike, zi: ArrayLike | None = None, *, axis: int = -1, key: object = None
    ) -> Any:
        """Filters x along an axis; with ``zi`` gives the states after it, too.

        See `filtrax.sosfilt`. ``key`` is ignored; `equinox.nn.Sequential` passes one.
        """
        return sosfilt(self.sos, x, axis, zi)

    def response_at(self, *angles: Array) -> Array:
        """The complex gain at angles in radians a sample."""
        return frequency_response(self.sos, angles[0], fs=2 * np.pi)

    def poles(self) -> Any:
        """The poles of all sections."""
        return _roots(np.asarray(self.sos)[:, 3:])

    def zeros(self) -> Any:
        """The zeros of all sections."""
        return _roots(np.asarray(self.sos)[:, :3])

    def plot(self, *, points: int = 1024) -> Any:
        """Draws magnitude, phase, and poles with zeros; needs matplotlib.

        Args:
            points: frequencies from 0 to half of ``fs``.

        Returns:
            The matplotlib figure.
        """
        figure, (magnitude, phase, plane) = canvas(3)
        draw_response(self, magnitude, phase, points)
        turn = np.linspace(0, 2 * np.pi, 361)
        plane.plot(np.cos(turn), np.sin(turn), color="0.7", linewidth=1)
        poles, zeros = self.poles(), self.zeros()
        plane.plot(zeros.real, zeros.imag, "o", fillstyle="none", label="zeros")
        plane.plot(poles.real, poles.imag, "x", label="poles")
        plane.set(xlabel="real part", ylabel="imaginary part", aspect="equal")
        plane.legend(loc="upper right")
        return figure


def from_reflections(first: Array, second: Array) -> tuple[Array, Array]:
    """a1 and a2 of sections whose reflection coefficients are tanh of these: stable ones."""
    k1, k2 = LIMIT * jnp.tanh(first), LIMIT * jnp.tanh(second)
    return k1 * (1 + k2), k2


def to_reflections(a1: np.ndarray, a2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of `from_reflections`; what lies outside its reach goes to its edge."""
    edge = LIMIT * (1 - 1e-9)
    found = (np.clip(k, -edge, edge) / LIMIT for k in (a1 / (1 + a2), a2))
    first, second = (np.arctanh(k) for k in found)
    return first, second


def _roots(quadratics: np.ndarray) -> np.ndarray:
    found = [np.roots(each.astype(float)) for each in quadratics]
    return np.concatenate(found).astype(complex)
