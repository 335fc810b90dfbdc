"""Fitting a layer to a wanted frequency response."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_real, as_scalar
from filtrax._spec import choice, flag
from filtrax._typing import Array, ArrayLike
from filtrax.fit._arguments import check_finite
from filtrax.fit._losses import mean_square
from filtrax.fit._steps import stepper
from filtrax.fit._train import Fitted, _pair, _positive, run

if TYPE_CHECKING:
    # Layers take a while to import, and whoever has one has done so.
    from filtrax.nn._filter import Filter

Layer = TypeVar("Layer", bound="Filter")
#: Powers on the way to the greatest error: each starts where the one before it ended.
_POWERS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


_Target = tuple[Array, Array, Array, Array]


@dataclass(frozen=True, slots=True)
class _ResponseError:
    """The mean of a power of the weighted error, relative to a size.

    The target holds what is wanted, the weights, the size and the power.
    """

    scale: str
    is_square: bool

    def errors(self, response: Array, target: _Target) -> Array:
        """Weighted, before the power; complex where phases count."""
        wanted, weights, size, _ = target
        if self.scale == "linear" and jnp.iscomplexobj(wanted):
            wrong = response - lax.convert_element_type(wanted, response.dtype)
            return wrong * lax.convert_element_type(weights / size, wrong.dtype)
        real = jnp.finfo(response.dtype).dtype
        sizes = [jnp.abs(response), lax.convert_element_type(jnp.abs(wanted), real)]
        if self.scale == "db":
            sizes = [20 * jnp.log10(each + 1e-12) for each in sizes]
        return (sizes[0] - sizes[1]) * lax.convert_element_type(weights / size, real)

    def residuals(self, response: Array, target: _Target) -> Array:
        wrong = self.errors(response, target)
        if self.is_square:
            return wrong
        return (wrong.real**2 + wrong.imag**2) ** (target[3] / 4)

    def __call__(self, response: Array, target: _Target) -> Array:
        return mean_square(self.residuals(response, target))


class _Gain(eqx.Module):
    """A layer seen as a function of frequencies."""

    layer: Any

    def __call__(self, frequencies: Array) -> Array:
        return self.layer.frequency_response(frequencies)


def fit_response(
    layer: Layer,
    frequencies: ArrayLike,
    response: ArrayLike,
    *,
    weights: ArrayLike = 1.0,
    scale: str = "linear",
    norm: float = 2.0,
    optimizer: Any = "gauss-newton",
    steps: int = 100,
    progress: bool = False,
) -> Fitted[Layer]:
    """Changes a layer so that its frequency response comes near to a wanted one.

    With ``norm=2`` and a `filtrax.nn.FIR` this is weighted least squares, the design that
    `scipy.signal.firls` makes; with ``norm=inf`` the equiripple design of `scipy.signal.remez`,
    come near to by powers of the error up to 128.

    Args:
        layer: to start from: `filtrax.nn.FIR`, `SOS`, `Biquads` or any other with a
            ``frequency_response``. For linear phase give it a `Symmetric` kernel.
        frequencies: in the unit of the layer's ``fs``.
        response: wanted there: complex for magnitude and phase, real for the magnitude alone.
            Delays count from the input sample of the same index, so that in mode ``"same"`` a
            symmetric kernel of odd length wants no phase.
        weights: of the errors, one or one for each frequency; a negative one is an error.
        scale: ``"linear"``, or ``"db"`` to compare magnitudes in decibels.
        norm: 2 for the mean of squares, a greater even number, or infinity for the greatest error.
        optimizer: as for `stepper`.
        steps: at most so many are tried, for each power.
        progress: whether to show a bar.

    Returns:
        The layer, with the course of the losses: of the last power, for ``norm=inf``.

    Raises:
        ValueError: shapes differ, the scale or the norm is impossible, or a number is NaN.
        TypeError: an argument has the wrong type.
        ImportError: a library is not installed that the optimizer needs.

    Example:
        >>> import numpy as np
        >>> from filtrax import fit, nn
        >>> f = np.linspace(0.01, 0.99, 200)
        >>> wanted = nn.Biquads(["peaking"], [0.3], 2.0, 6.0)
        >>> start = nn.Biquads(["peaking"], [0.4], 1.0, 3.0)
        >>> target = abs(wanted.frequency_response(f))
        >>> found = fit.fit_response(start, f, target, scale="db").model
        >>> f"{found.frequency[0]:.3f} {found.gain_db[0]:.3f}"
        '0.300 6.000'
    """
    if not callable(getattr(layer, "frequency_response", None)):
        raise type_error("layer", "a layer with a frequency_response", describe(layer))
    choice("scale", scale, ("linear", "db"))
    flag("progress", progress)
    points, wanted = _pair((frequencies, response), "frequencies", "response")
    if points.shape != wanted.shape:
        raise value_error(
            "response", f"the shape of frequencies, {points.shape}", f"{wanted.shape}"
        )
    weight = as_real(weights, "weights")
    check_finite("weights", weight)
    if weight.shape not in ((), points.shape) or not np.all(np.asarray(weight) >= 0):
        raise value_error(
            "weights", "one, or one for each frequency, not negative", describe(weights)
        )
    as_scalar(norm, "norm")
    if not (norm == np.inf or (norm >= 2 and norm % 2 == 0)):
        raise value_error("norm", "2, a greater even number, or infinity", f"{norm}")
    powers = [p for p in _POWERS if p < norm] + ([] if norm == np.inf else [float(norm)])
    _positive("steps", steps)
    is_real = jnp.issubdtype(points.dtype, jnp.floating)
    real = points.dtype if is_real else jnp.result_type(float)
    weight = jnp.broadcast_to(lax.convert_element_type(weight, real), points.shape)
    none = np.empty(0)
    found: Any = Fitted(_Gain(layer), none, none, none, "steps")
    for power in powers:
        size, loss = jnp.ones((), real), _ResponseError(scale, power == 2)
        target = wanted, weight, size, jnp.asarray(power, real)
        if power > 2:
            # Relative to the greatest error of the start: high powers leave the range of floats.
            size = jnp.max(jnp.abs(loss.errors(found.model(points), target)))
            target = wanted, weight, size, target[3]
        data = points, target
        found = run(
            found.model, stepper(loss, optimizer), loss, data, data, steps=steps, batch=None,
            patience=None, check_every=min(50, steps), key=jax.random.key(0), progress=progress,
        )  # fmt: skip
    return Fitted(found.model.layer, found.losses, found.checks, found.checked, found.stopped)
