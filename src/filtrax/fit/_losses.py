"""Losses: small frozen records that compare a prediction with its target, giving one number.

Any function of the two may stand in their place. Those with ``residuals`` are sums of squares,
which is what ``optimizer="gauss-newton"`` asks for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_numeric, as_scalar
from filtrax._spec import integer
from filtrax._typing import Array, ArrayLike

Loss = Callable[[Any, Any], Array]


@runtime_checkable
class SquaredLoss(Protocol):
    """A loss that is the mean of the squares of residuals."""

    def residuals(self, prediction: Any, target: Any, /) -> Array:
        """What is squared; real or complex, of any shape."""
        ...

    def __call__(self, prediction: Any, target: Any, /) -> Array:
        """The mean of the squares."""
        ...


@dataclass(frozen=True, slots=True)
class MSE:
    """The mean of squared errors.

    Attributes:
        skip: samples at the start of the last axis whose errors do not count, while a filter
            swings in.

    Example:
        >>> from filtrax import fit
        >>> print(fit.MSE()([1.0, 2.0], [1.0, 4.0]))
        2.0
    """

    skip: int = 0

    def __post_init__(self) -> None:
        if integer("skip", self.skip) < 0:
            raise value_error("skip", "no negative number", f"{self.skip}")

    def residuals(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        """The errors."""
        got, wanted = comparable(prediction, target)
        if self.skip and not self.skip < got.shape[-1]:
            raise value_error("skip", f"0 to {got.shape[-1] - 1}", f"{self.skip}")
        return (got - wanted)[..., self.skip :] if self.skip else got - wanted

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        """The mean of their squares."""
        return mean_square(self.residuals(prediction, target))


@dataclass(frozen=True, slots=True)
class LogSpectral:
    """The mean square of the difference of two spectra in decibels, along the last axis.

    Phases do not matter. It is the square of the log-spectral distance (L. Rabiner and B.-H.
    Juang, Fundamentals of Speech Recognition, section 4.5).

    Attributes:
        floor_db: what lies this far below the target's greatest power is drowned.

    Example:
        >>> import numpy as np
        >>> from filtrax import fit
        >>> x = np.random.default_rng(0).standard_normal(256).astype(np.float32)
        >>> print(fit.LogSpectral(floor_db=-200)(10 * x, x).round(2))  # 20 dB, squared
        400.0
    """

    floor_db: float = -80.0

    def __post_init__(self) -> None:
        as_scalar(self.floor_db, "floor_db", finite=True)

    def residuals(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        """The differences in decibels."""
        got, wanted = comparable(prediction, target)
        powers = [_power(each) for each in (got, wanted)]
        tiny = jnp.finfo(powers[1].dtype).tiny
        floor = jnp.max(powers[1]) * 10 ** (self.floor_db / 10) + tiny
        return 10 * (jnp.log10(powers[0] + floor) - jnp.log10(powers[1] + floor))

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        """The mean of their squares."""
        return mean_square(self.residuals(prediction, target))


@dataclass(frozen=True, slots=True)
class MultiResolutionSTFT:
    """Magnitudes of short-time Fourier transforms, compared at several lengths of the window.

    The sum of spectral convergence and the mean absolute difference of log magnitudes, averaged
    over the lengths (R. Yamamoto, E. Song and J.-M. Kim, "Parallel WaveGAN", ICASSP 2020). Windows
    are Hann's, and advance by a quarter of their length.

    Attributes:
        sizes: lengths of the window, multiples of 4, none longer than the signal.
        floor_db: what lies this far below the target's mean power is drowned.

    Example:
        >>> import numpy as np
        >>> from filtrax import fit
        >>> x = np.random.default_rng(0).standard_normal(2048)
        >>> bool(fit.MultiResolutionSTFT()(x, x) == 0)
        True
    """

    sizes: tuple[int, ...] = (64, 256, 1024)
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        as_scalar(self.floor_db, "floor_db", finite=True)
        if not isinstance(self.sizes, (tuple, list)):
            raise type_error("sizes", "a tuple of lengths", describe(self.sizes))
        if not self.sizes or any(integer("sizes", n) < 4 or n % 4 for n in self.sizes):
            raise value_error("sizes", "positive multiples of 4", f"{self.sizes}")

    def __call__(self, prediction: ArrayLike, target: ArrayLike) -> Array:
        """The loss."""
        got, wanted = comparable(prediction, target)
        if got.ndim == 0 or got.shape[-1] < max(self.sizes):
            raise value_error(
                "sizes", f"windows no longer than the signal of shape {got.shape}", f"{self.sizes}"
            )
        terms = [self._at(size, got, wanted) for size in self.sizes]
        return jnp.mean(jnp.stack(terms))

    def _at(self, size: int, got: Array, wanted: Array) -> Array:
        powers = [_power(_frames(each, size)) for each in (got, wanted)]
        tiny = jnp.finfo(powers[1].dtype).tiny
        floor = jnp.mean(powers[1]) * 10 ** (self.floor_db / 10) + tiny
        got, wanted = (jnp.sqrt(each + floor) for each in powers)
        apart = jnp.sum((wanted - got) ** 2) / jnp.sum(wanted**2)
        # At a perfect match the root has no slope.
        convergence = jnp.where(apart > 0, jnp.sqrt(jnp.where(apart > 0, apart, 1)), 0)
        return convergence + jnp.mean(jnp.abs(jnp.log(wanted) - jnp.log(got)))


def mean_square(residuals: Array) -> Array:
    """The mean of squared magnitudes."""
    if jnp.iscomplexobj(residuals):
        return jnp.mean(residuals.real**2 + residuals.imag**2)
    return jnp.mean(residuals**2)


def comparable(prediction: Any, target: Any) -> tuple[Array, Array]:
    """Both as arrays of one dtype, the prediction's unless only the target is complex.

    Raises:
        ValueError: the shapes differ; nothing is broadcast, for that is hardly ever meant.
    """
    got = as_numeric(prediction, "prediction", warn=False)
    wanted = as_numeric(target, "y", warn=False)
    if got.shape != wanted.shape:
        raise value_error(
            "y", f"the shape of what the model makes of x, {got.shape}", f"{wanted.shape}"
        )
    if not jnp.issubdtype(got.dtype, jnp.inexact):
        got = lax.convert_element_type(got, jnp.result_type(float))
    if jnp.iscomplexobj(wanted) and not jnp.iscomplexobj(got):
        got = lax.complex(got, jnp.zeros_like(got))
    return got, lax.convert_element_type(wanted, got.dtype)


def _power(x: Array) -> Array:
    spectrum = jnp.fft.fft(x) if jnp.iscomplexobj(x) else jnp.fft.rfft(x)
    return spectrum.real**2 + spectrum.imag**2


def _frames(x: Array, size: int) -> Array:
    """All frames that advance by a quarter, in no particular order: four reshapes, no gather."""
    hop, parts = size // 4, []
    for start in range(0, size, hop):
        count = (x.shape[-1] - start) // size
        if count > 0:
            part = lax.slice_in_dim(x, start, start + count * size, axis=-1)
            parts.append(part.reshape(*x.shape[:-1], count, size))
    window = np.sin(np.pi * np.arange(size) / size) ** 2
    return jnp.concatenate(parts, -2) * jnp.asarray(window, x.real.dtype)
