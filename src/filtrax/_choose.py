"""Which engine serves a problem: a pure function of shapes, dtype and platform.

The costs are in nanoseconds, from the constants below. Nothing is timed while tracing.
"""

from dataclasses import dataclass, replace

from filtrax._engines import ENGINES, Correlation
from filtrax._errors import value_error


@dataclass(frozen=True, slots=True)
class Constants:
    """What an engine costs on one platform.

    Attributes:
        call: fixed cost of one call.
        product: cost of one product of the defining sum.
        sample: cost of one output, whatever the number of taps.
    """

    call: float
    product: float
    sample: float


# Measured on two cores of an x86-64 CPU, float32; other platforms share them until measured.
# lax convolutions waste most of their width on few channels: hence the price by channel below.
_SHIFT = Constants(call=500.0, product=0.025, sample=0.15)
_DIRECT = Constants(call=3000.0, product=0.4, sample=5.0)
_DIRECT_FULL_WIDTH = 16
#: A shift program grows with its taps; past this many its compile time is not worth it.
_SHIFT_TAPS = 256
#: What a symbolic batch is taken to be: neither one row nor very many.
_SYMBOLIC_GUESS = 64


@dataclass(frozen=True, slots=True)
class Plan:
    """The engine chosen for a problem, and why.

    Attributes:
        engine: the name of the engine, as ``method=`` takes it.
        reason: one sentence.
        cost: estimated nanoseconds of each engine that could serve; ``inf`` where it will not
            be chosen unasked.
    """

    engine: str
    reason: str
    cost: dict[str, float]


def choose(problem: Correlation, method: str, platform: str) -> Plan:
    """The engine for a plain correlation.

    Raises:
        ValueError: the engine that ``method`` forces cannot serve the problem.
    """
    refusals = {name: engine.refuses(problem, platform) for name, engine in ENGINES.items()}
    known = _known(problem)
    cost = {name: _cost(name, known) for name, why in refusals.items() if why is None}
    if method != "auto":
        if refusals[method] is not None:
            fitting = ", ".join(map(repr, cost))
            raise value_error(
                "method", f"an engine that can serve the problem ({fitting})",
                f"{method!r}: {refusals[method]}",
            )  # fmt: skip
        return Plan(method, "asked for by method=", cost)
    engine = min(cost, key=lambda name: cost[name])
    others = ", ".join(f"{name} {cost[name] / 1e3:.3g} us" for name in cost if name != engine)
    reason = f"estimated at {cost[engine] / 1e3:.3g} us, the least"
    return Plan(engine, f"{reason} (against {others})" if others else reason, cost)


def _known(problem: Correlation) -> Correlation:
    """The problem with a guess for each symbolic size, which an export leaves open."""
    labels = {"g": problem.g, "b": problem.b, "c": problem.c, "o": problem.o}
    guesses = {
        label: _SYMBOLIC_GUESS for label, size in labels.items() if not isinstance(size, int)
    }
    return replace(problem, **guesses) if guesses else problem


def _cost(name: str, problem: Correlation) -> float:
    if name not in ("shift", "direct"):
        return float("inf")
    if name == "shift":
        if problem.taps > _SHIFT_TAPS:
            return float("inf")
        constants, width = _SHIFT, 1.0
    else:
        # Few channels, few outputs a position: most lanes of the convolution stand idle.
        constants = _DIRECT
        width = min(problem.c * problem.o, _DIRECT_FULL_WIDTH)
    work = constants.product * problem.multiplications / width
    return constants.call + work + constants.sample * problem.outputs
