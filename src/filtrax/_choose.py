"""Which engine serves a problem: a pure function of shapes, dtype and platform.

Each engine counts what it would do; `_costs` prices the counts. Nothing is timed while tracing.
"""

from dataclasses import dataclass, replace

import jax.numpy as jnp

from filtrax._costs import prices_for
from filtrax._engines import ENGINES, Correlation, fold_problem, moves
from filtrax._errors import value_error

#: What a symbolic batch is taken to be: neither one row nor very many.
_SYMBOLIC_GUESS = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """The engine chosen for a problem, and why.

    Attributes:
        engine: the name of the engine, as ``method=`` takes it.
        reason: one sentence.
        block: length of the engine's blocks or transforms, ``None`` if it has none.
        cost: estimated nanoseconds of each engine that could serve; ``inf`` where it will not
            be chosen unasked.
        memory: estimated bytes of the engine's temporary arrays, beside operands and result.
        error: the error to expect, relative to the largest output, for well-scaled data of random
            signs; 0 for integers. Bounds several times as large are tested.
    """

    engine: str
    reason: str
    block: int | None
    cost: dict[str, float]
    memory: int
    error: float


def choose(problem: Correlation, method: str, platform: str) -> Plan:
    """The engine for a plain correlation.

    Raises:
        ValueError: the engine that ``method`` forces cannot serve the problem.
    """
    known = _known(problem)
    refusals = {
        name: engine.refuses(_seen(name, problem), platform) for name, engine in ENGINES.items()
    }
    cost = {name: _cost(name, known, platform) for name, why in refusals.items() if why is None}
    if method != "auto":
        if refusals[method] is not None:
            fitting = ", ".join(map(repr, cost))
            raise value_error(
                "method", f"an engine that can serve the problem ({fitting})",
                f"{method!r}: {refusals[method]}",
            )  # fmt: skip
        return _plan(method, "asked for by method=", known, cost)
    engine = min(cost, key=lambda name: cost[name])
    others = ", ".join(f"{name} {cost[name] / 1e3:.3g} us" for name in cost if name != engine)
    reason = f"estimated at {cost[engine] / 1e3:.3g} us, the least"
    reason = f"{reason} (against {others})" if others else reason
    return _plan(engine, reason, known, cost)


def _plan(name: str, reason: str, problem: Correlation, cost: dict[str, float]) -> Plan:
    engine, seen = ENGINES[name], _seen(name, problem)
    exact = not jnp.issubdtype(seen.dtype, jnp.inexact)
    # Half precision is summed in float32, and rounded once at the end.
    halves = not exact and jnp.finfo(seen.dtype).bits < 32
    wide = jnp.dtype(jnp.float32) if halves else seen.dtype
    error = 0.0 if exact else float(jnp.finfo(wide).eps) * engine.error(seen)
    if halves:
        error += float(jnp.finfo(seen.dtype).eps) / 2
    # Only sums inside a loop take half precision as it is.
    itemsize = (seen.dtype if engine.in_place else wide).itemsize
    return Plan(name, reason, engine.block(seen), cost, int(engine.scratch(seen) * itemsize), error)


def _known(problem: Correlation) -> Correlation:
    """The problem with a guess for each symbolic size, which an export leaves open."""
    labels = {"g": problem.g, "b": problem.b, "c": problem.c, "o": problem.o}
    guesses = {
        label: _SYMBOLIC_GUESS for label, size in labels.items() if not isinstance(size, int)
    }
    return replace(problem, **guesses) if guesses else problem


def _seen(name: str, problem: Correlation) -> Correlation:
    """The problem as the engine is given it."""
    return problem if ENGINES[name].in_place else fold_problem(problem)


def counts_of(name: str, problem: Correlation) -> tuple[float, ...]:
    """What an engine would do for a problem, in the counts that its prices belong to.

    Last, for an engine that needs axes folded, come the samples that folding transposes.
    """
    counts = ENGINES[name].work(_seen(name, problem))
    if ENGINES[name].in_place:
        return counts
    return *counts, float(problem.inputs + problem.outputs) if moves(problem) else 0.0


def _cost(name: str, problem: Correlation, platform: str) -> float:
    """Estimated nanoseconds."""
    prices = prices_for(platform, problem.dtype)[name]
    counts = counts_of(name, problem)
    return sum(price * count for price, count in zip(prices, counts, strict=True) if count)
