"""Which engine serves a problem: a pure function of shapes, dtype and platform.

Each engine counts what it would do; `_costs` prices the counts. Nothing is timed while tracing.
"""

from dataclasses import dataclass, replace

import jax.numpy as jnp

from filtrax._accuracy import breaks, expected_error, seen_by, spread
from filtrax._costs import prices_for
from filtrax._engines import ENGINES, Correlation, moves
from filtrax._engines.base import Engine
from filtrax._engines.compiled import is_compiled, serving
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
            signs; 0 for integers. It was fitted on a CPU: what is found there is 1/20 of it to
            three times as much.
        scale: what errors are relative to where the data are not well scaled: ``"window"``, the
            sum of an output's own products ``|h| |x|``; ``"block"`` and ``"row"``, the norms of
            the kernel and of everything in the same block or row.
        spread: the most outputs, along each filtered axis, that one NaN or infinity in the signal
            spoils. They lie around it; all others are as if it were not there.
        precision: of matrix products: ``"highest"``, ``"high"`` or ``"default"``.
    """

    engine: str
    reason: str
    block: int | None
    cost: dict[str, float]
    memory: int
    error: float
    scale: str
    spread: tuple[int, ...]
    precision: str


def choose(
    problem: Correlation,
    method: str,
    platform: str,
    accuracy: str | float = "row",
    precision: str = "highest",
    compiled: bool = False,
) -> Plan:
    """The engine for a plain correlation; ``compiled`` lets kernels serve where there are some.

    Raises:
        ValueError: the engine that ``method`` forces cannot serve the problem, or no engine keeps
            the ``accuracy``.
    """
    known = _known(problem)
    engines = engines_for(problem, compiled)
    refusals = {
        name: engine.refuses(seen_by(engine, problem), platform) for name, engine in engines.items()
    }
    able = [name for name, why in refusals.items() if why is None]
    broken = {name: breaks(engines[name], known, accuracy, platform, precision) for name in able}
    cost = {name: _cost(engines[name], known, platform) for name in able if broken[name] is None}

    def plan(name: str, reason: str) -> Plan:
        engine = engines[name]
        seen = seen_by(engine, known)
        return Plan(
            name, reason, engine.block(seen), cost, _memory(engine, known),
            expected_error(engine, known, platform, precision), engine.scale(seen),
            spread(engine, known), precision,
        )  # fmt: skip

    if method != "auto":
        if refusals[method] is not None:
            raise value_error(
                "method", f"an engine that can serve the problem ({', '.join(map(repr, able))})",
                f"{method!r}: {refusals[method]}",
            )  # fmt: skip
        if broken[method] is not None:
            raise value_error(
                "accuracy", f"one that method={method!r} keeps", f"{accuracy!r}: {broken[method]}"
            )
        return plan(method, "asked for by method=")
    if not cost:
        reasons = "; ".join(f"{name}: {broken[name]}" for name in able)
        raise value_error("accuracy", "one that some engine keeps", f"{accuracy!r} ({reasons})")
    engine = min(cost, key=lambda name: cost[name])
    others = ", ".join(f"{name} {cost[name] / 1e3:.3g} us" for name in cost if name != engine)
    reason = f"estimated at {cost[engine] / 1e3:.3g} us, the least"
    reason = f"{reason} (against {others})" if others else reason
    left_out = [name for name in able if name not in cost]
    if left_out:
        reason += f"; accuracy={accuracy!r} leaves out {', '.join(left_out)}"
    return plan(engine, reason)


def engines_for(problem: Correlation, compiled: bool) -> dict[str, Engine]:
    """Every engine by name, some of them compiled."""
    return serving(ENGINES, problem) if compiled else ENGINES


def _memory(engine: Engine, problem: Correlation) -> int:
    """Bytes of the temporary arrays."""
    seen = seen_by(engine, problem)
    halves = jnp.issubdtype(seen.dtype, jnp.floating) and seen.dtype.itemsize < 4
    # Only sums inside a loop take half precision as it is.
    wide = jnp.dtype(jnp.float32) if halves and not engine.in_place else seen.dtype
    return int(engine.scratch(seen) * wide.itemsize)


def _known(problem: Correlation) -> Correlation:
    """The problem with a guess for each symbolic size, which an export leaves open."""
    labels = {"g": problem.g, "b": problem.b, "c": problem.c, "o": problem.o}
    guesses = {
        label: _SYMBOLIC_GUESS for label, size in labels.items() if not isinstance(size, int)
    }
    return replace(problem, **guesses) if guesses else problem


def counts_of(engine: Engine, problem: Correlation) -> tuple[float, ...]:
    """What an engine would do for a problem, in the counts that its prices belong to.

    Last, for an engine that needs axes folded, come the samples that folding transposes.
    """
    counts = engine.work(seen_by(engine, problem))
    if engine.in_place:
        return counts
    return *counts, float(problem.inputs + problem.outputs) if moves(problem) else 0.0


def _cost(engine: Engine, problem: Correlation, platform: str) -> float:
    """Estimated nanoseconds."""
    prices = prices_for(platform, problem.dtype, is_compiled(engine))[engine.name]
    counts = counts_of(engine, problem)
    return sum(price * count for price, count in zip(prices, counts, strict=True) if count)
