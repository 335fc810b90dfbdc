"""Several sections as one state space, so that one pass over the signal serves them all."""

from typing import Any, NamedTuple

import numpy as np

from filtrax.iir._double import (
    Double,
    conj,
    join,
    loop,
    matmul,
    merged,
    move,
    pad,
    power_of_two,
    rounded,
    scaled,
    where,
)
from filtrax.iir._lattice import StateSpace, state_space

#: Doublings of time after which what is left of a state is too small to matter for its scale.
_DOUBLINGS = 17


class Joint(NamedTuple):
    """A cascade as one state space, and what it was made of.

    Attributes:
        step: from states and input to two outputs and the states a sample later,
            (G, 2 + S N, S N + 1).
        parts: of each section, (G, S, ...).
        reach: from states and input to what arrives before each section and behind the last,
            (G, S + 1, S N + 1), before the change of scale.
        taken: from there to the states a sample later and to the output, after it.
        scale: of the states and the input or output (G, S N + 1).
    """

    step: Any
    parts: StateSpace
    reach: Any
    taken: Any
    scale: Any


def joint(b: Any, a: Any, *, unstable: bool = False) -> Joint:
    """The cascade of sections b, a (G, S, K) in the order they stand.

    Each section keeps its lattice; what it hands on drives the next. For doubles a change of scale
    then gives every state the same energy for white noise: a row of their products has one scale,
    and those behind a narrow band would be lost. Other numbers have exponents of their own.
    Where a section is not stable the result is no number; one alone may be, with ``unstable``.
    """
    groups, count, order = b.shape[0], b.shape[1], b.shape[2] - 1
    parts = state_space(b, a, unstable=unstable and count == 1)
    states, places = count * order, count + 1
    gains, driven = _gains(parts.D[..., 0]), parts.B[..., 0]
    # From each state of each section, and from the input, to the place before each section.
    onward = parts.C[:, None, :, 0] * move(gains[:, 1:], 1, 2)[..., None]
    reach = join([onward.reshape(groups, places, states), move(gains[:, :1], 1, 2)], -1)
    # From there to each state, and to the output.
    entering = driven[:, None] * gains[:, :, :-1, None]
    taken = join([entering.reshape(groups, places, states), gains[:, :, -1:]], -1)
    step = merged(driven[..., None] * reach[:, :-1, None], own_places(parts.A))
    step = step.reshape(groups, states, states + 1)
    scale = np.ones((groups, states + 1))
    if count > 1 and isinstance(step, Double):
        scale = _scales(rounded(step))
        inverse = 1 / scale
        step = scaled(step, scale[:, None] * inverse[:, :-1, None])
        taken = scaled(taken, inverse[:, None])
    result = scaled(reach[:, -1:], scale[:, None])
    # There is no 1/A of a cascade; its derivatives go section by section.
    other = result
    if count == 1:
        other = join([parts.C[:, 0, 1:], parts.D[:, :, 1:]], -1)
    return Joint(join([result, other, step], 1), parts, reach, taken, scale)


def own_places(parts: Any) -> Any:
    """What belongs to a section's states, (G, S, M, N), among all states and the input: else 0."""
    groups, count, rows, order = parts.shape
    spread = scaled(parts[:, :, :, None], np.eye(count)[:, None, :, None])
    return pad(spread.reshape(groups, count, rows, count * order), ((0, 0),) * 3 + ((0, 1),))


def _gains(direct: Any) -> Any:
    """From before each section to before each other, (G, S + 1, S + 1), past all states."""
    place, section = np.arange(direct.shape[-1] + 1), np.arange(direct.shape[-1])
    passed = (place[:, None, None] <= section) & (section < place[:, None])
    found = where(passed, direct[:, None, None], 1.0)
    while found.shape[-1] > 1:
        half, odd = divmod(found.shape[-1], 2)
        pairs = found[..., :half] * found[..., half : 2 * half]
        found = join([pairs, found[..., -1:]], -1) if odd else pairs
    return scaled(found[..., 0], np.triu(np.ones((len(place), len(place)))))


def _scales(step: Any) -> Any:
    """The root of each state's energy, as powers of two, which rounding does not see; and 1."""

    def doubled(carry: Any, _: Any) -> tuple[Any, None]:
        energy, step = carry
        energy = energy + matmul(matmul(step, energy), conj(move(step, -1, -2)))
        return (energy, matmul(step, step)), None

    matrix, column = step[..., :-1], step[..., -1:]
    energy = column * conj(move(column, -1, -2))
    (energy, _), _ = loop(doubled, (energy, matrix), np.zeros(_DOUBLINGS))
    diagonal = energy.diagonal(0, -2, -1).real
    usable = (diagonal > 0) & (diagonal < np.inf)
    scale = power_of_two(where(usable, diagonal, 1.0) ** 0.5)
    return join([scale, scale[..., :1] * 0.0 + 1.0], -1)
