"""The taps of a Gaussian and of its derivatives, sampled as `scipy.ndimage` samples them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from filtrax._errors import describe, type_error, value_error
from filtrax._spec import integer


def gaussian_kernel(sigma: Any, order: Any, truncate: Any, radius: Any) -> Any:
    """The kernel of a convolution, ``2 * radius + 1`` taps.

    It is made in NumPy's float64, or in JAX if sigma is traced.

    Args:
        sigma: standard deviation; traced only with a radius.
        order: how often to differentiate.
        truncate: the radius in standard deviations, unless ``radius`` is given.
        radius: taps on either side.

    Raises:
        ValueError: sigma is 0, order or radius is negative, or the radius is not finite.
        TypeError: an argument has the wrong type.
    """
    order = integer("order", order)
    if order < 0:
        raise value_error("order", "an integer of at least 0", repr(order))
    if isinstance(sigma, Tracer):
        if radius is None:
            raise type_error(
                "radius", "an integer where sigma is traced (it sets the number of taps)", "None"
            )
        if sigma.ndim:
            raise type_error("sigma", "a number", describe(sigma))
        inexact = jnp.issubdtype(sigma.dtype, jnp.floating)
        sigma = sigma.astype(sigma.dtype if inexact else jnp.result_type(float))
        x = jnp.arange(-_check_radius(radius), radius + 1, dtype=sigma.dtype)
        return _derivative(jax.nn.softmax(-0.5 * (x / sigma) ** 2), x, sigma, order)
    try:
        sigma = float(sigma)
    except (TypeError, ValueError) as error:
        raise type_error("sigma", "a number", describe(sigma)) from error
    if radius is None:
        radius = _reach(sigma, truncate)
    radius = _check_radius(radius)
    if sigma**2 == 0:
        raise value_error("sigma", "a number whose square is not 0", repr(sigma))
    x = np.arange(-radius, radius + 1, dtype=np.float64)
    bell = np.exp(-0.5 / sigma**2 * x**2)
    return _derivative(bell / bell.sum(), x, sigma, order)


def _derivative(bell: Any, x: Any, sigma: Any, order: int) -> Any:
    """The bell times the polynomial of its n-th derivative, by the recurrence of Hermite's."""
    previous, polynomial = 0 * x, 0 * x + 1
    for n in range(order):
        previous, polynomial = polynomial, -(x * polynomial + n * previous) / sigma**2
    return polynomial * bell


def _reach(sigma: float, truncate: Any) -> int:
    try:
        return int(float(truncate) * sigma + 0.5)
    except (ValueError, OverflowError) as error:
        raise value_error(
            "sigma, truncate", "finite numbers", f"{sigma!r} and {truncate!r}"
        ) from error
    except TypeError as error:
        raise type_error("truncate", "a number", describe(truncate)) from error


def _check_radius(radius: Any) -> int:
    """The radius; anything but an integer of at least 0 is a ValueError, as in SciPy."""
    try:
        value = integer("radius", radius)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if value < 0:
        raise value_error("radius", "an integer of at least 0", repr(value))
    return value
