"""How exact an engine is for a problem: expected error, what it is relative to, how NaN spreads.

Engines say what they do in units of the rounding of the arithmetic; here it becomes numbers, and
the promise that ``accuracy=`` asks for is held against them.
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from filtrax._engines import Correlation, fold_problem, labels_of
from filtrax._engines.base import SCALES, Engine
from filtrax._errors import describe, type_error, value_error
from filtrax._spec import choice

#: What matrix products in float32 round their factors to, where they are not asked for more.
_FACTORS = {
    ("cuda", "default"): 2.0**-11, ("cuda", "high"): 2.0**-11,  # TF32
    ("rocm", "default"): 2.0**-11, ("rocm", "high"): 2.0**-11,
    ("tpu", "default"): 2.0**-9, ("tpu", "high"): 2.0**-17,  # one and three products in bfloat16
}  # fmt: skip


def as_accuracy(value: Any) -> str | float:
    """Checks the argument ``accuracy``."""
    if isinstance(value, str):
        return choice("accuracy", value, SCALES)
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating)):
        wanted = f"one of {', '.join(map(repr, SCALES))}, or a number"
        raise type_error("accuracy", wanted, describe(value))
    if not 0 < value < math.inf:
        raise value_error("accuracy", "a finite number above 0", repr(value))
    return float(value)


def seen_by(engine: Engine, problem: Correlation) -> Correlation:
    """The problem as an engine is given it."""
    return problem if engine.in_place else fold_problem(problem)


def expected_error(engine: Engine, problem: Correlation, platform: str, precision: str) -> float:
    """The relative error to expect for well-scaled data of random signs."""
    seen = seen_by(engine, problem)
    if not jnp.issubdtype(seen.dtype, jnp.inexact):
        return 0.0
    # Half precision is summed in float32, and rounded once at the end.
    bits = jnp.finfo(seen.dtype).bits
    summed = jnp.finfo(jnp.float32 if bits < 32 else seen.dtype)
    error = float(summed.eps) * engine.error(seen)
    if bits < 32:
        error += float(jnp.finfo(seen.dtype).eps) / 2
    if bits <= 32 and engine.multiplies(seen):
        coarse = _FACTORS.get((platform, precision), 0.0)
        error += coarse if coarse > float(jnp.finfo(seen.dtype).eps) / 2 else 0.0
    return error


def spread(engine: Engine, problem: Correlation) -> tuple[int, ...]:
    """The most outputs along each axis of a problem that one NaN in the signal spoils."""
    seen = seen_by(engine, problem)
    found = engine.spread(seen)
    if engine.in_place:
        return found
    slides = iter(found)
    return tuple(1 if label else next(slides) for label in labels_of(problem.axes))


def breaks(
    engine: Engine, problem: Correlation, accuracy: str | float, platform: str, precision: str
) -> str | None:
    """Why an engine does not keep the accuracy asked for, or ``None``."""
    if not jnp.issubdtype(problem.dtype, jnp.inexact):
        return None
    if isinstance(accuracy, str):
        scale = engine.scale(seen_by(engine, problem))
        if SCALES.index(scale) <= SCALES.index(accuracy):
            return None
        return f"its errors are relative to the whole {scale}, not to each {accuracy}"
    error = expected_error(engine, problem, platform, precision)
    if error <= accuracy:
        return None
    return f"an error of {error:.2g} is to be expected of it in {problem.dtype}"
