"""A cascade whose coefficients are free, except that it stays stable."""

from importlib import import_module
from typing import Any, Self

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from filtrax._errors import describe, value_error
from filtrax._operands import as_real, as_scalar
from filtrax._spec import choice
from filtrax._typing import Array, ArrayLike
from filtrax.nn._cascade import Cascade, from_reflections, to_reflections

_DESIGNS = ("butter", "cheby1", "cheby2", "ellip", "bessel", "iirfilter", "iirpeak", "iirnotch",
            "iircomb")  # fmt: skip
_AS_POLYNOMIALS = ("iirpeak", "iirnotch", "iircomb")


class SOS(Cascade):
    """Second-order sections with free numerators and poles inside the unit circle.

    Each denominator is held as two reflection coefficients behind a tanh: whatever the parameters
    are, the poles lie inside the circle. A layer made from a design computes what the design does,
    except that poles nearer than 1e-6 to the circle are drawn inside.

    Attributes:
        numerators: (S, 3).
        reflections: (S, 2), before the tanh.
        fs: sampling frequency, the unit of frequencies.

    Example:
        >>> import filtrax.nn
        >>> layer = filtrax.nn.SOS.design("butter", 4, 0.2)
        >>> layer.sos.shape
        (2, 6)
        >>> bool((abs(layer.poles()) < 1).all())
        True
    """

    numerators: Array
    reflections: Array
    fs: float = eqx.field(static=True)

    def __init__(self, sos: ArrayLike, *, fs: float = 2.0) -> None:
        """Takes the sections of a stable filter.

        Args:
            sos: (S, 6), as SciPy's designs give them with ``output="sos"``.
            fs: sampling frequency.

        Raises:
            ValueError: of another shape, or not stable; ``fs`` is not positive.
            TypeError: an argument is not made of real numbers.
        """
        as_scalar(fs, "fs", positive=True)
        sections = np.atleast_2d(np.asarray(as_real(sos, "sos"), float))
        if sections.ndim != 2 or sections.shape[1] != 6 or not len(sections):
            raise value_error("sos", "shape (sections, 6) with a section", describe(sections))
        if not sections[:, 3].all():
            raise value_error("sos", "no 0 in sos[:, 3], which divides each section", "a 0")
        sections = sections / sections[:, 3:4]
        a1, a2 = sections[:, 4], sections[:, 5]
        if not ((np.abs(a2) < 1) & (np.abs(a1) < 1 + a2)).all():
            raise value_error(
                "sos", "poles inside the unit circle", f"denominators {sections[:, 3:]}"
            )
        self.numerators = jnp.asarray(sections[:, :3])
        self.reflections = jnp.asarray(np.stack(to_reflections(a1, a2), -1))
        self.fs = fs

    @classmethod
    def design(cls, name: str, *args: Any, fs: float = 2.0, **kwargs: Any) -> Self:
        """A layer from a design of `scipy.signal`.

        Args:
            name: ``"butter"``, ``"cheby1"``, ``"cheby2"``, ``"ellip"``, ``"bessel"``,
                ``"iirfilter"``, ``"iirpeak"``, ``"iirnotch"`` or ``"iircomb"``.
            *args: of that function.
            fs: sampling frequency.
            **kwargs: of that function.

        Raises:
            ValueError: the name is unknown.
        """
        choice("name", name, _DESIGNS)
        # SciPy's filters take a while to import, and only designs need them.
        signal = import_module("scipy.signal")
        function = getattr(signal, name)
        if name in _AS_POLYNOMIALS:
            return cls(signal.tf2sos(*function(*args, fs=fs, **kwargs)), fs=fs)
        return cls(function(*args, fs=fs, output="sos", **kwargs), fs=fs)

    @property
    def sos(self) -> Array:
        """The sections (S, 6)."""
        a1, a2 = from_reflections(self.reflections[:, 0], self.reflections[:, 1])
        return jnp.concatenate(
            [self.numerators, jnp.stack([jnp.ones_like(a1), a1, a2], -1)], -1
        )  # fmt: skip
