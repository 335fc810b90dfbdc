"""A cascade given by what a listener would name: frequencies, qualities and gains."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_real, as_scalar
from filtrax._spec import choice
from filtrax._typing import Array, ArrayLike
from filtrax.iir import biquad
from filtrax.iir._design import KINDS
from filtrax.nn._cascade import LIMIT, Cascade

#: Frequencies stay this fraction of half of fs away from both ends.
_MARGIN = 1e-4


class Biquads(Cascade):
    """Sections of the audio EQ cookbook, one after the other, with learnable settings.

    Every value that the parameters can take is a valid setting, and stable.

    Attributes:
        places: where each frequency lies between 0 and half of ``fs``, before a sigmoid.
        log_q: logarithms of the qualities.
        gain_db: gains of peaks and shelves in decibels.
        kinds: of the sections, as in `filtrax.iir.biquad`.
        fs: sampling frequency, the unit of frequencies.

    Example:
        >>> import filtrax.nn
        >>> layer = filtrax.nn.Biquads(["highpass", "notch"], [0.5, 50.0], [0.7, 30.0], fs=360.0)
        >>> [f"{f:.2f}" for f in layer.frequency]
        ['0.50', '50.00']
    """

    places: Array
    log_q: Array
    gain_db: Array
    kinds: tuple[str, ...] = eqx.field(static=True)
    fs: float = eqx.field(static=True)

    def __init__(
        self,
        kinds: Sequence[str],
        frequency: ArrayLike,
        q: ArrayLike = 0.5**0.5,
        gain_db: ArrayLike = 0.0,
        *,
        fs: float = 2.0,
    ) -> None:
        """Takes the settings to start from.

        Args:
            kinds: one for each section, as in `filtrax.iir.biquad`.
            frequency: one for each section.
            q: one, or one for each section.
            gain_db: one, or one for each section.
            fs: sampling frequency.

        Raises:
            ValueError: a kind is unknown, or a setting impossible.
            TypeError: an argument has the wrong type.
        """
        if not isinstance(kinds, (list, tuple)):
            raise type_error("kinds", "a sequence of names", describe(kinds))
        for kind in kinds:
            choice("kinds", kind, KINDS)
        if not kinds:
            raise value_error("kinds", "at least one", "none")
        as_scalar(fs, "fs", positive=True)
        f = _settings("frequency", frequency, len(kinds))
        quality, gain = _settings("q", q, len(kinds)), _settings("gain_db", gain_db, len(kinds))
        place = 2 * f / fs
        if not ((place > _MARGIN) & (place < 1 - _MARGIN)).all():
            raise value_error("frequency", f"values between 0 and {fs / 2}", f"{f}")
        if not (quality > 0).all():
            raise value_error("q", "positive values", f"{quality}")
        inner = (place - _MARGIN) / (1 - 2 * _MARGIN)
        self.places = jnp.asarray(np.log(inner / (1 - inner)))
        self.log_q = jnp.asarray(np.log(quality))
        self.gain_db = jnp.asarray(gain)
        self.kinds, self.fs = tuple(kinds), fs

    @property
    def frequency(self) -> Array:
        """The frequencies."""
        return self.fs / 2 * (_MARGIN + (1 - 2 * _MARGIN) * jax.nn.sigmoid(self.places))

    @property
    def q(self) -> Array:
        """The qualities."""
        return jnp.exp(self.log_q)

    @property
    def sos(self) -> Array:
        """The sections (S, 6)."""
        f, q = self.frequency, self.q
        rows = [
            biquad(kind, f[i], q[i], self.gain_db[i], fs=self.fs)
            for i, kind in enumerate(self.kinds)
        ]
        sections = jnp.stack(rows)
        # Very high qualities round to a pole on the circle.
        a2 = jnp.clip(sections[:, 5], -LIMIT, LIMIT)
        a1 = jnp.clip(sections[:, 4], -LIMIT * (1 + a2), LIMIT * (1 + a2))
        return jnp.concatenate([sections[:, :4], jnp.stack([a1, a2], -1)], -1)


def _settings(name: str, value: ArrayLike, count: int) -> np.ndarray:
    """One number for each section."""
    array = np.asarray(as_real(value, name), float)
    if array.shape not in ((), (1,), (count,)):
        raise value_error(name, f"one number, or one for each of {count} kinds", describe(array))
    if not np.isfinite(array).all():
        raise value_error(name, "finite numbers", f"{array}")
    return np.broadcast_to(array, (count,))
