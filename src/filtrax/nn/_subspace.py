"""The kernels that obey linear constraints are a subspace: an orthonormal basis of it, in NumPy."""

from functools import lru_cache

import numpy as np

from filtrax._errors import value_error
from filtrax.nn._constraints import (
    AntiCausal,
    Antisymmetric,
    BandLimited,
    Causal,
    Constraint,
    Symmetric,
    ZeroSum,
)

#: Each tap is free, zero, or tied to its mirror image.
PATTERN = (Symmetric, Antisymmetric, Causal, AntiCausal)
LINEAR = (*PATTERN, ZeroSum, BandLimited)


@lru_cache(maxsize=256)
def basis(constraints: tuple[Constraint, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Orthonormal columns (taps, freedoms) that span the kernels obeying linear constraints.

    Args:
        constraints: of the kinds in ``LINEAR``; their order does not matter.
        shape: of the kernel, whose taps are counted in row-major order.

    Raises:
        ValueError: only the kernel of zeros obeys them.
    """
    columns = pattern(constraints, shape)
    if any(isinstance(each, ZeroSum) for each in constraints):
        columns = columns @ complement(columns.sum(0))
    for band in constraints:
        # The last, for a bound on leakage holds in every part of a subspace, but what is left of
        # a subspace after a projection need not keep it. So there can be one band only.
        if isinstance(band, BandLimited):
            columns = _within(columns, band)
    if not columns.shape[1]:
        raise impossible(constraints, shape)
    columns.setflags(write=False)
    return columns


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


def _within(columns: np.ndarray, band: BandLimited) -> np.ndarray:
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
            "constraints", f"a kernel of {count} taps that leaks at most {band.leakage:g} of its "
            f"energy from {band.low:g} to {band.high:g}", f"at best {best}",
        )  # fmt: skip
    return columns @ vectors[:, inside]


def impossible(constraints: tuple[Constraint, ...], shape: tuple[int, ...]) -> ValueError:
    """The error for promises that no kernel keeps."""
    return value_error(
        "constraints", "promises that a kernel other than zero can keep together",
        f"{', '.join(map(repr, constraints))} for the shape {shape}",
    )  # fmt: skip
