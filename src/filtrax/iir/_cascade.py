"""Several sections as one state space, so that one pass over the signal serves them all."""

from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from filtrax.iir._double import (
    conj,
    join,
    loop,
    matmul,
    merged,
    move,
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
        system: of all states.
        parts: of each section, (S, G, ...).
        rows: what reaches each section from the states (S, G, S N), before the change of scale.
        direct: and from the input, (S, G, 1).
        scale: of the states (G, S N).
    """

    system: StateSpace
    parts: StateSpace
    rows: Any
    direct: Any
    scale: Any


def joint(b: Any, a: Any, *, unstable: bool = False) -> Joint:
    """The cascade of sections b, a (G, S, K) in the order they stand.

    Each section keeps its lattice; what it hands on drives the next. A change of scale then gives
    every state the same energy for white noise, or those behind a narrow band would be lost.
    Where a section is not stable the result is no number; one alone may be, with ``unstable``.
    """
    groups, count, order = b.shape[0], b.shape[1], b.shape[2] - 1
    unstable = unstable and count == 1
    parts = StateSpace(*(move(each, 1, 0) for each in state_space(b, a, unstable=unstable)))
    if count == 1:
        alone = StateSpace(*(part[0] for part in parts))
        rows, direct = alone.C[None, :, 0] * 0.0, alone.D[None, :, :1] * 0.0 + 1.0
        return Joint(alone, parts, rows, direct, np.ones((groups, order)))
    # Which of all states are a section's own: (S, N, S N).
    places = np.eye(count * order).reshape(count, order, count * order)

    def attached(carry: Any, section: Any) -> tuple[Any, Any]:
        # What reaches a section, over the states before it and the input.
        row, direct = carry
        part, place = section
        matrix = merged(part.B * row, _placed(part.A, place))
        column = part.B * direct
        gain = part.D[:, :1, None]
        handed = merged(row * gain, _placed(part.C[:, :1], place))
        return (handed, direct * gain), (matrix, column, row[:, 0], direct[..., 0])

    zero = parts.B[0, :, :1] * 0.0
    start = zero + np.zeros(count * order), zero + 1.0
    (row, direct), (matrix, column, rows, direct_to) = loop(attached, start, (parts, places))
    matrix, column = (
        join([each[s] for s in range(count)], -2) for each in (matrix, column)
    )  # fmt: skip
    scale = _scales(rounded(matrix), rounded(column))
    matrix = scaled(matrix, scale[:, None, :] / scale[:, :, None])
    column = scaled(column, 1 / scale[:, :, None])
    row = scaled(row, scale[:, None, :])
    # There is no 1/A of a cascade; its derivatives go section by section.
    readouts = join([row, row], 1)
    both = join([direct, direct], 1)[..., 0]
    system = StateSpace(matrix, column, readouts, both, None)
    return Joint(system, parts, rows, direct_to, scale)


def _placed(block: Any, place: Any) -> Any:
    """A section's columns (G, M, N) among all (G, M, S N)."""
    wide = [scaled(block[..., i, None], place[i]) for i in range(place.shape[0])]
    return reduce(merged, wide)


def _scales(matrix: Any, column: Any) -> Any:
    """The root of each state's energy, as powers of two, which rounding does not see."""

    def doubled(carry: Any, _: Any) -> tuple[Any, None]:
        energy, step = carry
        energy = energy + matmul(matmul(step, energy), conj(move(step, -1, -2)))
        return (energy, matmul(step, step)), None

    energy = column * conj(move(column, -1, -2))
    (energy, _), _ = loop(doubled, (energy, matrix), np.zeros(_DOUBLINGS))
    diagonal = energy.diagonal(0, -2, -1).real
    usable = (diagonal > 0) & (diagonal < np.inf)
    return power_of_two(where(usable, diagonal, 1.0) ** 0.5)
