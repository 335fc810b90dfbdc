"""Which form serves a recursive filter: a pure function of sizes, dtype and platform.

As for `filtrax.plan`: each form counts what it would do, and a table prices the counts.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from filtrax._errors import describe, type_error, value_error
from filtrax._layout import single_axis
from filtrax._plan import as_dtype, as_platform, as_shape
from filtrax._spec import choice, integer

METHODS = ("auto", "block", "scan")

#: Up to so many samples a signal is one block, and no state is carried.
_SHORT = 128
#: Growth within a block past which rounding in the tables would show.
_GROWTH = 40.0
_BLOCK, _LEAST_BLOCK = 64, 8

#: Nanoseconds of ``block``: a call; a multiply-add of a product; a sample moved; an entry of
#: tables made from traced coefficients. Of ``scan``: a call; a step; a multiply-add.
_PRICES = {
    "cpu": {"block": (4e4, 0.006, 0.8, 20.0), "scan": (5e3, 5.0, 1.2)},
    "other": {"block": (5e4, 1e-4, 2e-3, 1.0), "scan": (2e4, 5e3, 1e-3)},
}


@dataclass(frozen=True, slots=True)
class Plan:
    """The form chosen for a recursive filter, and why.

    Attributes:
        engine: ``"block"`` or ``"scan"``.
        reason: one sentence.
        block: samples of a block, ``None`` for the sequential form.
        cost: estimated nanoseconds of each form that could serve.
    """

    engine: str
    reason: str
    block: int | None
    cost: dict[str, float]


def block_length(samples: int, radius: float | None) -> int | None:
    """Samples of a block, ``None`` where the sequential form must serve.

    Args:
        samples: of the signal.
        radius: the largest absolute value of a pole, if known.
    """
    length = max(samples, 1) if samples <= _SHORT else _BLOCK
    if radius is None or radius <= 1:
        return length
    if not math.isfinite(radius):
        return None
    limit = _GROWTH / math.log2(radius)
    if length > limit:
        length = 2 ** int(math.log2(max(limit, 1.0)))
    return length if length >= min(_LEAST_BLOCK, samples) else None


def radices(samples: int, block: int, order: int) -> tuple[int, ...]:
    """How many steps each level of the carry joins, until one run is left."""
    widest = max(3, min(6, int(math.log2(max(128 // order, 1)))))
    steps, found = -(-samples // block), []
    while steps > 1:
        # All levels alike: a last one of two steps would still take its pass.
        digits = math.ceil(math.log2(steps))
        radix = 2 ** math.ceil(digits / math.ceil(digits / widest))
        found.append(radix)
        steps = -(-steps // radix)
    return tuple(found)


def choose(
    groups: int,
    rows: int,
    samples: int,
    order: int,
    *,
    sections: int = 1,
    dtype: Any = "float32",
    traced: bool = False,
    radius: float | None = None,
    method: str = "auto",
    platform: str = "cpu",
) -> Plan:
    """The form for so many groups of rows.

    Args:
        groups: sets of coefficients.
        rows: rows that share a set.
        samples: of a row.
        order: of a section.
        sections: run one after the other.
        dtype: of the signal.
        traced: whether the tables are made from traced coefficients in each call.
        radius: largest absolute value of a known pole.
        method: ``"auto"`` or the form to use.
        platform: JAX's name of it.
    """
    block = block_length(samples, radius)
    prices = _PRICES.get(platform, _PRICES["other"])
    width = jnp.dtype(dtype).itemsize / 4
    call, step, product = prices["scan"]
    total = groups * rows * samples
    work = sections * order * width
    cost = {"scan": call + samples * step + total * work * product}
    if block is not None:
        call, product, move, entry = prices["block"]
        made = groups * sections * block * (order + 1) * entry if traced else 0.0
        each = (block + 2 * order) * product * width + move * width
        cost["block"] = call + made + total * sections * each
    if method != "auto":
        if method not in cost:
            reason = f"{method!r}: poles of radius {radius:.3g} overflow within a block"
            raise value_error("method", "'auto' or 'scan'", reason)
        return Plan(method, "asked for by method=", _block(method, block), cost)
    engine = min(cost, key=lambda name: cost[name])
    others = ", ".join(f"{name} {cost[name] / 1e3:.3g} us" for name in cost if name != engine)
    reason = f"estimated at {cost[engine] / 1e3:.3g} us"
    reason += f" (against {others})" if others else ", as blocks would overflow"
    return Plan(engine, reason, _block(engine, block), cost)


def _block(engine: str, block: int | None) -> int | None:
    return block if engine == "block" else None


def plan(
    x_shape: tuple[int, ...],
    order: int,
    dtype: Any = "float32",
    *,
    axis: int = -1,
    sections: int = 1,
    traced: bool = False,
    method: str = "auto",
    platform: str | None = None,
) -> Plan:
    """Says which form a recursive filter would use, and why, from sizes alone.

    Args:
        x_shape: shape of the signal.
        order: of the filter; of each section if there are several.
        dtype: of the signal.
        axis: the filtered axis.
        sections: sections of a cascade that run one after the other, as they do where states are
            asked for. Else a cascade runs as a single section of the whole order.
        traced: whether the coefficients are arguments of a jitted or differentiated function.
        method: ``"auto"``, or the form to ask about.
        platform: ``"cpu"``, ``"cuda"``, ``"rocm"`` or ``"tpu"``; by default JAX's own.

    Returns:
        The form (``"block"`` or ``"scan"``), the reason, the block's length and the costs.

    Raises:
        ValueError: an argument has an impossible value.
        TypeError: an argument has the wrong type.

    Example:
        >>> import filtrax
        >>> filtrax.iir.plan((256, 4096), order=2, platform="cpu").engine
        'block'
    """
    sizes = list(as_shape("x_shape", x_shape))
    if not sizes:
        raise value_error("x_shape", "at least one size", "none")
    samples = sizes.pop(single_axis(axis, len(sizes)))
    for name, count in (("order", order), ("sections", sections)):
        if integer(name, count) < 1:
            raise value_error(name, "an integer of at least 1", repr(count))
    if not isinstance(traced, bool):
        raise type_error("traced", "True or False", describe(traced))
    return choose(
        1, math.prod(sizes), samples, order, sections=sections, dtype=as_dtype(dtype),
        traced=traced, method=choice("method", method, METHODS), platform=as_platform(platform),
    )  # fmt: skip
