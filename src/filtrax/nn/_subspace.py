"""The kernels that obey linear constraints: an orthonormal basis and an offset, in NumPy."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from filtrax._errors import value_error
from filtrax.nn._constraints import (
    AntiCausal,
    Antisymmetric,
    BandLimited,
    Causal,
    Constraint,
    Symmetric,
    UnitSum,
    ZeroSum,
)

#: Each tap is free, zero, or tied to its mirror image.
PATTERN = (Symmetric, Antisymmetric, Causal, AntiCausal)
#: What promises should be that no kernel keeps together, and what such that only one keeps.
IMPOSSIBLE = "promises that a kernel other than zero can keep together"
SETTLED = "promises that leave something to learn"
#: What is linear in the taps, or affine.
LINEAR = (*PATTERN, ZeroSum, BandLimited, UnitSum)


class Affine(NamedTuple):
    """The kernels ``offset + columns @ u`` for every u, flattened."""

    columns: np.ndarray  # (taps, freedoms), orthonormal
    offset: np.ndarray | None  # (taps,), orthogonal to the columns; none is zero


@lru_cache(maxsize=256)
def affine(
    constraints: tuple[Constraint, ...], shape: tuple[int, ...], name: str = "constraints"
) -> Affine:
    """All kernels that obey constraints which are linear in the taps.

    Args:
        constraints: those of the kinds in ``LINEAR`` count; their order does not matter.
        shape: of the kernel, whose taps are counted in row-major order.
        name: of the argument that they came in.

    Raises:
        ValueError: none but the kernel of zeros obeys them, or just one.
    """
    constraints = tuple(each for each in constraints if isinstance(each, LINEAR))
    bands = [each for each in constraints if isinstance(each, BandLimited)]
    if len(bands) > 1:
        raise value_error(name, "one BandLimited", f"{constraints}")
    columns, offset = pattern(constraints, shape), None
    if any(isinstance(each, ZeroSum) for each in constraints):
        columns = columns @ complement(columns.sum(0))
    for band in bands:
        # The last, for a bound on leakage holds in every part of a subspace, but what is left of
        # a subspace after a projection need not keep it. So there can be one band only.
        columns = _within(columns, band, name)
    if not columns.shape[1]:
        raise refused(IMPOSSIBLE, constraints, shape, name)
    if any(isinstance(each, UnitSum) for each in constraints):
        sums = columns.sum(0)
        if np.linalg.norm(sums) <= 1e-6:
            raise refused(IMPOSSIBLE, constraints, shape, name)
        # The least kernel with the sum 1; what remains free is orthogonal to it.
        offset = columns @ sums / (sums @ sums)
        columns = columns @ complement(sums)
        offset.setflags(write=False)
    if not columns.shape[1]:
        raise refused(SETTLED, constraints, shape, name)
    columns.setflags(write=False)
    return Affine(columns, offset)


def pattern(constraints: tuple[Constraint, ...], shape: tuple[int, ...]) -> np.ndarray:
    """The basis for the constraints of the kinds in ``PATTERN``: one or two entries a column."""
    count = int(np.prod(shape))
    even, odd = (any(isinstance(e, k) for e in constraints) for k in (Symmetric, Antisymmetric))
    zero = np.zeros(count, bool)
    for each in constraints:
        if isinstance(each, (Causal, AntiCausal)):
            zero |= _outside(each, count)
    if even or odd:
        zero |= zero[::-1]
    if odd:
        zero |= (np.arange(count) == count - 1 - np.arange(count)) | even
    index = np.arange(count)
    free = index[~zero & ((index <= count - 1 - index) | (not (even or odd)))]
    columns = np.zeros((count, free.size))
    if even or odd:
        columns[count - 1 - free, np.arange(free.size)] = 1.0 if even else -1.0
    columns[free, np.arange(free.size)] = 1.0
    return columns / np.maximum(np.linalg.norm(columns, axis=0), 1)


def _outside(side: Causal | AntiCausal, count: int) -> np.ndarray:
    """The taps that must be zero, the centre being where ``mode="same"`` has it."""
    reverse = side.operation == "correlate"
    after = np.arange(count) - (count // 2 if reverse else (count - 1) // 2)
    wanted = 1 if isinstance(side, Causal) else -1
    return after * (-wanted if reverse else wanted) < 0


def complement(vector: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span everything orthogonal to a vector."""
    norm = np.linalg.norm(vector)
    if norm <= 1e-9 * np.sqrt(vector.size):
        return np.eye(vector.size)
    return np.linalg.qr(vector[:, None], mode="complete")[0][:, 1:]


def _within(columns: np.ndarray, band: BandLimited, name: str) -> np.ndarray:
    """The part of a subspace that leaks no more than a band allows, by eigenvectors."""
    count = columns.shape[0]
    lag = np.arange(count)
    low, high = band.low / band.fs, band.high / band.fs
    # The integral of cos(2 pi f lag) over the band and its mirror image.
    kept = 2 * (high * np.sinc(2 * high * lag) - low * np.sinc(2 * low * lag))
    energy = kept[np.abs(lag[:, None] - lag)]
    values, vectors = np.linalg.eigh(columns.T @ energy @ columns)
    inside = values >= 1 - band.leakage
    if not inside.any():
        best = f"{1 - values.max(initial=0.0):.1g} of its energy"
        raise value_error(
            name, f"a kernel of {count} taps that leaks at most {band.leakage:g} of its "
            f"energy from {band.low:g} to {band.high:g}", f"at best {best}",
        )  # fmt: skip
    return columns @ vectors[:, inside]


def refused(
    expected: str, constraints: tuple[Constraint, ...], shape: tuple[int, ...],
    name: str = "constraints",
) -> ValueError:  # fmt: skip
    """The error for promises that no kernel keeps together, or only one."""
    return value_error(name, expected, f"{', '.join(map(repr, constraints))} for the shape {shape}")
