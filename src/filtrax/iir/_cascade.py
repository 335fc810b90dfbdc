"""Several sections as one state space, so that one pass over the signal serves them all."""

import numpy as np

from filtrax.iir._lattice import StateSpace, state_space

#: Doublings of time after which what is left of a state is too small to matter for its scale.
_DOUBLINGS = 24


def joint(b: np.ndarray, a: np.ndarray) -> StateSpace:
    """The cascade of sections b, a (G, S, K) in the order they stand.

    Each section keeps its lattice; what it hands on drives the next. A change of scale then gives
    every state the same energy for white noise, or those behind a narrow band would be lost.
    """
    count, order = b.shape[1], b.shape[2] - 1
    parts = [state_space(b[:, s], a[:, s], np) for s in range(count)]
    total = count * order
    matrix = np.zeros((b.shape[0], total, total)).astype(a.dtype)
    column = np.zeros((b.shape[0], total, 1)).astype(a.dtype)
    # What reaches a section, over the states before it and the input.
    row = np.zeros((b.shape[0], 1, total)).astype(a.dtype)
    direct = np.ones((b.shape[0], 1, 1)).astype(a.dtype)
    for s, part in enumerate(parts):
        own = slice(s * order, (s + 1) * order)
        matrix[:, own] = np.matmul(part.B, row)
        matrix[:, own, own] += part.A
        column[:, own] = np.matmul(part.B, direct)
        gain = part.D[:, :1, None]
        row, direct = row * gain, direct * gain
        row[:, :, own] += part.C[:, :1]
    scale = _scales(matrix, column)
    matrix = matrix * scale[:, None, :] / scale[:, :, None]
    column = column / scale[:, :, None]
    row = row * scale[:, None, :]
    # There is no 1/A of a cascade; its derivatives go section by section.
    readouts = np.concatenate([row, row], 1)
    return StateSpace(matrix, column, readouts, np.concatenate([direct, direct], 1)[..., 0])


def _scales(matrix: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The root of each state's energy, in powers of two, which rounding does not see."""
    kind = np.complex128 if matrix.dtype.kind == "c" else np.float64
    step, energy = matrix.astype(kind), column.astype(kind)
    energy = energy @ energy.conj().swapaxes(-1, -2)
    for _ in range(_DOUBLINGS):
        energy = energy + step @ energy @ step.conj().swapaxes(-1, -2)
        step = step @ step
    diagonal = np.einsum("gii->gi", energy).real
    usable = np.isfinite(diagonal) & (diagonal > 0)
    scale = np.exp2(np.round(np.log2(np.where(usable, diagonal, 1.0)) / 2))
    return scale.astype(np.finfo(matrix.dtype).dtype)
