"""Fitting a recursive layer to data or to a response: damped Gauss-Newton steps.

A filter has few parameters and many residuals, and its forward derivatives cost as little as the
filter itself: so the Jacobian is affordable, and a few steps replace thousands of gradients.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree

from filtrax._errors import value_error
from filtrax._spec import choice, integer
from filtrax._typing import Array, ArrayLike
from filtrax.nn._cascade import Cascade

Layer = TypeVar("Layer", bound=Cascade)
#: Damping: the first, its factor after a step that failed, and after one that did not.
_FIRST, _MORE, _LESS = 1e-2, 4.0, 0.25
_WORST = 1e12


def fit_signals(
    layer: Layer, x: ArrayLike, y: ArrayLike, *, skip: int = 0, steps: int = 50
) -> tuple[Layer, np.ndarray]:
    """Changes a layer's parameters so that it turns x into y, in the sense of least squares.

    Args:
        layer: to start from; a start near the target matters, for the error has local minima.
        x: inputs, time along the last axis.
        y: wanted outputs, of the shape of x.
        skip: samples at the start whose errors do not count, while the filter swings in.
        steps: at most so many are tried.

    Returns:
        The fitted layer, and the mean of squared errors before each step and after the last.

    Raises:
        ValueError: the shapes differ or nothing is left to compare.

    Example:
        >>> import jax, filtrax.nn
        >>> x = jax.random.normal(jax.random.key(0), (1000,))
        >>> wanted = filtrax.nn.SOS.design("butter", 2, 0.2)
        >>> found, errors = filtrax.nn.fit_signals(
        ...     filtrax.nn.SOS.design("butter", 2, 0.4), x, wanted(x)
        ... )
        >>> bool(errors[-1] < 1e-10)
        True
    """
    inputs, wanted = jnp.asarray(x), jnp.asarray(y)
    if inputs.shape != wanted.shape:
        raise value_error("y", f"the shape of x, {inputs.shape}", f"{wanted.shape}")
    if not 0 <= integer("skip", skip) < inputs.shape[-1]:
        raise value_error("skip", f"0 to {inputs.shape[-1] - 1}", f"{skip}")

    def residuals(layer: Layer) -> Array:
        return (layer(inputs) - wanted)[..., skip:].ravel()

    return _least_squares(layer, residuals, steps)


def fit_response(
    layer: Layer,
    frequencies: ArrayLike,
    response: ArrayLike,
    *,
    scale: str = "linear",
    steps: int = 100,
) -> tuple[Layer, np.ndarray]:
    """Changes a layer's parameters so that its frequency response comes near to a wanted one.

    Args:
        layer: to start from.
        frequencies: in the unit of the layer's ``fs``.
        response: wanted there: complex, or real for the magnitude alone.
        scale: ``"linear"``, or ``"db"`` to compare magnitudes in decibels.
        steps: at most so many are tried.

    Returns:
        The fitted layer, and the mean of squared errors before each step and after the last.

    Raises:
        ValueError: the shapes differ, or the scale is unknown.

    Example:
        >>> import numpy as np, filtrax.nn
        >>> f = np.linspace(0.01, 0.99, 200)
        >>> wanted = filtrax.nn.Biquads(["peaking"], [0.3], 2.0, 6.0)
        >>> start = filtrax.nn.Biquads(["peaking"], [0.4], 1.0, 3.0)
        >>> target = abs(wanted.frequency_response(f))
        >>> found, errors = filtrax.nn.fit_response(start, f, target, scale="db")
        >>> f"{found.frequency[0]:.3f} {found.gain_db[0]:.3f}"
        '0.300 6.000'
    """
    choice("scale", scale, ("linear", "db"))
    points, wanted = jnp.asarray(frequencies), jnp.asarray(response)
    if points.shape != wanted.shape:
        raise value_error(
            "response", f"the shape of frequencies, {points.shape}", f"{wanted.shape}"
        )
    phases = jnp.iscomplexobj(wanted) and scale == "linear"

    def residuals(layer: Layer) -> Array:
        got = layer.frequency_response(points)
        if phases:
            wrong = got - wanted
            return jnp.concatenate([wrong.real.ravel(), wrong.imag.ravel()])
        sizes = [jnp.abs(got), jnp.abs(wanted)]
        if scale == "db":
            sizes = [20 * jnp.log10(each + 1e-12) for each in sizes]
        return (sizes[0] - sizes[1]).ravel()

    return _least_squares(layer, residuals, steps)


def _least_squares(
    layer: Layer, residuals: Callable[[Layer], Array], steps: int
) -> tuple[Layer, np.ndarray]:
    parameters, rest = eqx.partition(layer, eqx.is_inexact_array)
    start, unravel = ravel_pytree(parameters)

    def errors(vector: Array) -> Array:
        return residuals(eqx.combine(unravel(vector), rest))

    @jax.jit
    def normal(vector: Array) -> tuple[Array, Array, Array]:
        wrong, pushed = jax.linearize(errors, vector)
        jacobian = jax.vmap(pushed)(jnp.eye(vector.size, dtype=vector.dtype))
        highest = lax.Precision.HIGHEST
        products = jnp.matmul(jacobian, jacobian.T, precision=highest)
        return jnp.mean(wrong**2), jnp.matmul(jacobian, wrong, precision=highest), products

    @jax.jit
    def step(vector: Array, slope: Array, products: Array, damping: Any) -> tuple[Array, Array]:
        # Relative to each parameter's own curvature, so that their units do not matter.
        own = jnp.diag(products)
        ridge = damping * (own + 1e-6 * jnp.max(own) + jnp.finfo(own.dtype).tiny)
        moved = vector - jnp.linalg.solve(products + jnp.diag(ridge), slope)
        return moved, jnp.mean(errors(moved) ** 2)

    damping, vector = _FIRST, start
    error, slope, products = normal(vector)
    history = [float(error)]
    for _ in range(integer("steps", steps)):
        moved, found = step(vector, slope, products, damping)
        if float(found) < history[-1]:
            gained = history[-1] - float(found)
            vector, damping = moved, damping * _LESS
            _, slope, products = normal(vector)
            history.append(float(found))
            if gained <= 1e-9 * history[-2]:
                break
        else:
            damping *= _MORE
            if damping > _WORST:
                break
    return eqx.combine(unravel(vector), rest), np.asarray(history)
