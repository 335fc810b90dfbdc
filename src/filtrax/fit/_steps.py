"""One step of an optimiser, for `fit` and for loops of one's own."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree

from filtrax._errors import describe, type_error, value_error
from filtrax._spec import choice
from filtrax._typing import Array
from filtrax.fit._extra import extra
from filtrax.fit._losses import MSE, Loss, SquaredLoss

OPTIMIZERS = ("adam", "lbfgs", "gauss-newton")
#: Damping of Gauss-Newton steps: the first, its factor after a step that failed, and after one
#: that did not.
_FIRST, _MORE, _LESS = 1e-2, 4.0, 0.25


class Stepper(NamedTuple):
    """An optimiser with its loss: two pure functions.

    Attributes:
        init: ``init(model, x, y) -> state``.
        step: ``step(model, state, x, y) -> (model, state, loss)``, where ``loss`` is that of the
            model before the step.
    """

    init: Callable[[Any, Any, Any], Any]
    step: Callable[[Any, Any, Any, Any], tuple[Any, Any, Array]]


def stepper(loss: Loss | None = None, optimizer: Any = "adam") -> Stepper:
    """One step of learning as pure functions: what `fit` runs, for a loop of your own.

    Args:
        loss: a function ``(prediction, target) -> scalar``; by default `MSE`.
        optimizer: ``"adam"`` (rate 1e-2), ``"lbfgs"``, an optax transformation, or
            ``"gauss-newton"``: damped Gauss-Newton steps (Levenberg and Marquardt) with the full
            Jacobian, for few parameters and a loss with ``residuals``.

    Returns:
        The `Stepper`. Learned is every floating or complex array of a model.

    Raises:
        ValueError: the name is unknown, or the loss has no residuals.
        TypeError: the optimizer is neither a name nor an optax transformation.
        ImportError: optax is not installed.

    Example:
        >>> import equinox as eqx, jax, numpy as np
        >>> from filtrax import fit, nn
        >>> x = jax.random.normal(jax.random.key(0), (8, 256))
        >>> y = nn.FIR([0.2, 0.5, 0.3])(x)
        >>> model, (init, step) = nn.FIR([0.0, 1.0, 0.0]), fit.stepper()
        >>> state, run = init(model, x, y), eqx.filter_jit(step)
        >>> for _ in range(200):
        ...     model, state, loss = run(model, state, x, y)
        >>> print(np.asarray(model.kernel).round(2))
        [0.2 0.5 0.3]
    """
    loss = MSE() if loss is None else loss
    if not callable(loss):
        raise type_error("loss", "a function of prediction and target", describe(loss))
    try:
        hash((loss, optimizer))
    except TypeError:
        return _make(loss, optimizer)
    # The same functions each time, so that what was compiled for them is found again.
    return _made(loss, optimizer)


@lru_cache(maxsize=64)
def _made(loss: Loss, optimizer: Any) -> Stepper:
    return _make(loss, optimizer)


def _make(loss: Loss, optimizer: Any) -> Stepper:
    if optimizer == "gauss-newton":
        if not isinstance(loss, SquaredLoss):
            raise value_error("loss", "one with residuals for 'gauss-newton'", describe(loss))
        return _gauss_newton(loss)
    optax = extra("optax")
    if isinstance(optimizer, str):
        choice("optimizer", optimizer, OPTIMIZERS)
        made = optax.lbfgs() if optimizer == "lbfgs" else optax.adam(1e-2)
        return _by_gradient(loss, made, optimizer == "lbfgs")
    if not hasattr(optimizer, "init") or not hasattr(optimizer, "update"):
        raise type_error(
            "optimizer", f"one of {', '.join(map(repr, OPTIMIZERS))} or an optax transformation",
            describe(optimizer),
        )  # fmt: skip
    return _by_gradient(loss, optimizer, False)


def _by_gradient(loss: Loss, optimizer: Any, searches: bool) -> Stepper:
    optax = extra("optax")
    optimizer = optax.with_extra_args_support(optimizer)

    def init(model: Any, x: Any, y: Any) -> Any:
        return optimizer.init(_parameters(model)[0])

    def step(model: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any, Array]:
        parameters, rebuild = _parameters(model)

        def value_of(parameters: Any) -> Array:
            value = loss(rebuild(parameters)(x), y)
            # What a line search keeps has the precision of the parameters.
            return lax.convert_element_type(value, kept) if searches else value

        kept = jnp.finfo(jax.tree.leaves(parameters)[0].dtype).dtype
        if searches:
            # Value and gradient of where the last search ended are in the state.
            find = optax.value_and_grad_from_state(value_of)
            value, gradient = find(parameters, state=state)
        else:
            value, gradient = jax.value_and_grad(value_of)(parameters)
        # optax mixes its own constants with whatever precision comes.
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(
                gradient, state, parameters, value=value, grad=gradient, value_fn=value_of
            )
            return rebuild(optax.apply_updates(parameters, updates)), state, value

    return Stepper(init, step)


def _gauss_newton(loss: SquaredLoss) -> Stepper:
    """Damped steps; a filter has few parameters and many residuals, so the Jacobian is affordable.

    The state holds the damping, and the loss, slope and curvature where the model stands.
    """

    def errors_of(model: Any, x: Any, y: Any) -> tuple[Array, Callable[[Array], Array], Any]:
        parameters, rebuild = _parameters(model)
        start, unravel = ravel_pytree(parameters)

        def errors(vector: Array) -> Array:
            wrong = loss.residuals(rebuild(unravel(vector))(x), y).ravel()
            return jnp.concatenate([wrong.real, wrong.imag]) if jnp.iscomplexobj(wrong) else wrong

        return start, errors, lambda vector: rebuild(unravel(vector))

    def normal(errors: Callable[[Array], Array], at: Array) -> tuple[Array, Array]:
        wrong, pushed = jax.linearize(errors, at)
        jacobian = jax.vmap(pushed)(jnp.eye(at.size, dtype=at.dtype))
        highest = lax.Precision.HIGHEST
        products = jnp.matmul(jacobian, jacobian.T, precision=highest)
        return jnp.matmul(jacobian, wrong, precision=highest), products

    def init(model: Any, x: Any, y: Any) -> Any:
        start, errors, _ = errors_of(model, x, y)
        value = loss(model(x), y)
        return jnp.asarray(_FIRST, start.dtype), value, *normal(errors, start)

    def step(model: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any, Array]:
        damping, value, slope, products = state
        start, errors, rebuild = errors_of(model, x, y)
        # Relative to each parameter's own curvature, so that their units do not matter.
        own = jnp.diag(products)
        ridge = damping * (own + 1e-6 * jnp.max(own) + jnp.finfo(own.dtype).tiny)
        moved = start - jnp.linalg.solve(products + jnp.diag(ridge), slope)
        found = loss(rebuild(moved)(x), y)
        better = found < value
        kept = jnp.where(better, moved, start)
        slope, products = lax.cond(
            better, lambda: normal(errors, moved), lambda: (slope, products)
        )  # fmt: skip
        damping = jnp.clip(damping * jnp.where(better, _LESS, _MORE).astype(own.dtype), 1e-15, 1e12)
        return rebuild(kept), (damping, jnp.where(better, found, value), slope, products), value

    return Stepper(init, step)


def _parameters(model: Any) -> tuple[Any, Callable[[Any], Any]]:
    """What is learned of a model, real numbers only, and the way back.

    Complex arrays become pairs of real ones: the gradient of a complex number is conjugated in
    JAX, and not every optimiser knows that.
    """
    arrays, rest = eqx.partition(model, eqx.is_inexact_array)
    if not jax.tree.leaves(arrays):
        raise value_error("model", "at least one floating or complex array to learn", "none")

    def split(array: Array) -> Any:
        return (array.real, array.imag) if jnp.iscomplexobj(array) else array

    def join(array: Array, parts: Any) -> Array:
        return lax.complex(*parts) if jnp.iscomplexobj(array) else parts

    return jax.tree.map(split, arrays), lambda parts: eqx.combine(
        jax.tree.map(join, arrays, parts), rest
    )
