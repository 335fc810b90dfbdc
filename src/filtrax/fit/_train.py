"""Fitting a model to inputs and outputs by steps of an optimiser."""

import warnings
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_key, as_numeric
from filtrax._spec import flag, integer
from filtrax._typing import Array, ArrayLike
from filtrax.fit._arguments import IdentifiabilityWarning, check_finite, warn_of_constant
from filtrax.fit._extra import extra
from filtrax.fit._losses import MSE, Loss
from filtrax.fit._steps import Stepper, stepper

Model = TypeVar("Model")


@dataclass(frozen=True, slots=True)
class Fitted(Generic[Model]):
    """What `fit` found.

    Attributes:
        model: the best that was seen at a check.
        losses: of the model before each step, on what that step saw.
        checks: steps taken before each check; the first is 0.
        checked: the loss at each check: of the validation data, or else of all of x and y.
        stopped: ``"steps"``, ``"patience"`` or ``"interrupted"``.
    """

    model: Model
    losses: np.ndarray
    checks: np.ndarray
    checked: np.ndarray
    stopped: str

    @property
    def best(self) -> float:
        """The loss of ``model`` at its check."""
        return float(self.checked.min())

    @property
    def best_step(self) -> int:
        """Steps taken when ``model`` was seen."""
        return int(self.checks[self.checked.argmin()])


def fit(
    model: Model,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss | None = None,
    optimizer: Any = "adam",
    steps: int = 1000,
    batch: int | None = None,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    patience: int | None = None,
    check_every: int = 50,
    key: Array | None = None,
    progress: bool = True,
) -> Fitted[Model]:
    """Changes a model so that it turns x into y.

    Steps run in compiled chunks of ``check_every``. After each the loss of the validation data
    (or of all of x and y) is computed, the best model is kept, and the progress bar moves. Ctrl-C
    ends the fit, which then returns the best so far. For a loop of your own use `stepper`.

    Args:
        model: to start from: a function of x that is a JAX pytree, such as a layer of
            `filtrax.nn` or any Equinox module. It is called with all rows of x at once; wrap one
            that takes a single row in `jax.vmap`.
        x: inputs.
        y: wanted outputs.
        loss: a function ``(prediction, target) -> scalar``; by default `MSE`.
        optimizer: as for `stepper`: ``"adam"``, ``"lbfgs"``, ``"gauss-newton"``, or an optax
            transformation.
        steps: at most so many are taken.
        batch: rows (entries of the first axis) that a step sees, drawn anew with replacement for
            each step; by default all. For optimisers without a memory of the loss only.
        validation: inputs and outputs that are not learned from, to choose the best model by.
        patience: stop once so many steps brought no better check.
        check_every: steps between checks.
        key: for the batches, as `jax.random.key` makes them; the same key gives the same fit.
        progress: whether to show a bar with the loss.

    Returns:
        The best model and the course of the losses.

    Raises:
        ValueError: an argument has an impossible value, shapes do not fit, or x or y holds a NaN
            or an infinity.
        TypeError: an argument has the wrong type.
        FloatingPointError: the loss became NaN or infinite; the message says at which step.
        ImportError: optax or tqdm is not installed (``pip install 'filtrax[fit]'``).

    Warns:
        IdentifiabilityWarning: x is zero or constant, or y holds fewer numbers than are learned.

    Example:
        >>> import jax, numpy as np
        >>> from filtrax import fit, nn
        >>> x = jax.random.normal(jax.random.key(0), (8, 256))
        >>> y = nn.FIR([0.2, 0.5, 0.3])(x)
        >>> found = fit.fit(nn.FIR([0.0, 1.0, 0.0]), x, y, steps=200, progress=False)
        >>> print(np.asarray(found.model.kernel).round(2))
        [0.2 0.5 0.3]
    """
    if not callable(model):
        raise type_error("model", "something callable", describe(model))
    data = _pair((x, y), "x", "y")
    held = data if validation is None else _validation(validation)
    steps, check_every = (_positive(*each) for each in
                          (("steps", steps), ("check_every", check_every)))  # fmt: skip
    if patience is not None:
        _positive("patience", patience)
    if batch is not None:
        _check_batch(batch, optimizer, *data)
    loss = MSE() if loss is None else loss
    _check_excitation(model, *data)
    return run(
        model, stepper(loss, optimizer), loss, data, held, steps=steps, batch=batch,
        patience=patience, check_every=check_every,
        key=jax.random.key(0) if key is None else as_key(key), progress=flag("progress", progress),
    )  # fmt: skip


def run(
    model: Model,
    way: Stepper,
    loss: Loss,
    data: tuple[Any, Any],
    held: tuple[Any, Any],
    *,
    steps: int,
    batch: int | None,
    patience: int | None,
    check_every: int,
    key: Array,
    progress: bool,
) -> Fitted[Model]:
    """`fit` on arguments that were checked; the data may be trees of arrays."""
    losses: list[np.ndarray] = []
    checks, checked = [0], [_finite(_evaluate(model, loss, *held), 0, "the given model")]
    best, taken, stopped = model, 0, "steps"
    bar = extra("tqdm.auto").tqdm(total=steps, unit="step") if progress else None
    try:
        state = _init(way, model, *data)
        while taken < steps:
            count = min(check_every, steps - taken)
            keys = jax.random.split(jax.random.fold_in(key, taken), count)
            model, state, values = _chunk(way, model, state, keys, *data, batch)
            values = np.asarray(values)
            wrong = np.flatnonzero(~np.isfinite(values))
            if wrong.size:
                before = values[wrong[0] - 1] if wrong[0] else checked[-1]
                raise _diverged(values[wrong[0]], taken + int(wrong[0]), f"{before:.3g} before")
            losses.append(values)
            taken += count
            now = _finite(_evaluate(model, loss, *held), taken, f"{values[-1]:.3g} before")
            if now < min(checked):
                best = model
            checks.append(taken)
            checked.append(now)
            if bar is not None:
                bar.update(count)
                bar.set_postfix(loss=f"{now:.3g}", best=f"{min(checked):.3g}")
            if patience is not None and taken - checks[int(np.argmin(checked))] >= patience:
                stopped = "patience"
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
    finally:
        if bar is not None:
            bar.close()
    return Fitted(
        best, np.concatenate(losses) if losses else np.empty(0), np.asarray(checks),
        np.asarray(checked), stopped,
    )  # fmt: skip


@eqx.filter_jit
def _evaluate(model: Any, loss: Loss, x: Any, y: Any) -> Array:
    return loss(model(x), y)


@eqx.filter_jit
def _init(way: Stepper, model: Any, x: Any, y: Any) -> Any:
    return way.init(model, x, y)


@eqx.filter_jit
def _chunk(
    way: Stepper, model: Any, state: Any, keys: Array, x: Any, y: Any, batch: int | None
) -> tuple[Any, Any, Array]:
    """Some steps in one program, and the loss before each."""
    carried, fixed = eqx.partition((model, state), eqx.is_array)

    def body(carried: Any, key: Array) -> tuple[Any, Array]:
        model, state = eqx.combine(carried, fixed)
        inputs, wanted = x, y
        if batch is not None:
            rows = jax.random.randint(key, (batch,), 0, x.shape[0])
            inputs, wanted = x[rows], y[rows]
        model, state, value = way.step(model, state, inputs, wanted)
        return eqx.partition((model, state), eqx.is_array)[0], value

    carried, values = lax.scan(body, carried, keys)
    model, state = eqx.combine(carried, fixed)
    return model, state, values


def _pair(pair: tuple[Any, Any], *names: str) -> tuple[Array, Array]:
    arrays = tuple(
        as_numeric(each, name, warn=False) for each, name in zip(pair, names, strict=True)
    )
    for array, name in zip(arrays, names, strict=True):
        if isinstance(array, Tracer):
            raise type_error(
                name, "numbers that are known: this is a loop in Python; under jax.jit use the "
                "steps of filtrax.fit.stepper", describe(array),
            )  # fmt: skip
        if not array.size:
            raise value_error(name, "at least one sample", f"shape {array.shape}")
        check_finite(name, array)
    return arrays[0], arrays[1]


def _check_excitation(model: Any, x: Array, y: Array) -> None:
    """Warns where the data cannot determine what is learned, as far as numbers and counts tell."""
    values = np.asarray(x)
    if values.size > 1 and np.all(values == values.flat[0]):
        warn_of_constant(values)
    learned = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
    free = sum(each.size * (1 + jnp.iscomplexobj(each)) for each in learned)
    known = y.size * (1 + jnp.iscomplexobj(y))
    if known < free:
        warnings.warn(
            f"y: holds {known} numbers, fewer than the {free} parameters that are learned from it",
            IdentifiabilityWarning, stacklevel=3,
        )  # fmt: skip


def _validation(given: Any) -> tuple[Array, Array]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise type_error("validation", "a pair of inputs and outputs", describe(given))
    return _pair((given[0], given[1]), "validation[0]", "validation[1]")


def _check_batch(batch: Any, optimizer: Any, x: Array, y: Array) -> None:
    if optimizer in ("lbfgs", "gauss-newton"):
        raise value_error("batch", f"None for {optimizer!r}, which compares steps", f"{batch}")
    if not x.ndim or not y.ndim or x.shape[0] != y.shape[0]:
        raise value_error("y", f"as many rows as x of shape {x.shape}", f"shape {y.shape}")
    if not 1 <= integer("batch", batch) <= x.shape[0]:
        raise value_error("batch", f"1 to {x.shape[0]} rows", f"{batch}")


def _positive(name: str, value: Any) -> int:
    if integer(name, value) < 1:
        raise value_error(name, "an integer of at least 1", f"{value}")
    return value


def _finite(value: Any, step: int, before: str) -> float:
    if np.ndim(value) or jnp.iscomplexobj(value):
        raise value_error("loss", "a function that returns one real number", describe(value))
    if not np.isfinite(value):
        raise _diverged(value, step, before)
    return float(value)


def _diverged(value: Any, step: int, before: str) -> FloatingPointError:
    return FloatingPointError(
        f"loss: expected finite numbers, got {float(value)} at step {step} ({before}); "
        "a lower learning rate may help, and jax.debug_nans shows where it arises"
    )
