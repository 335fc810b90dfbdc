"""Linear constraints on the taps, kept by fitting only the directions that they leave.

All taps with ``A h = b`` are ``offset + basis @ u``, with an orthonormal basis of what A does not
see. A fit of u instead of h keeps the constraint to rounding, whatever the data are.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_numeric
from filtrax._typing import Array

#: The constraints that have a name.
NAMES = ("symmetric", "antisymmetric", "unit_sum", "zero_sum")
_ALLOWED = f"one of {', '.join(map(repr, NAMES))}, a tuple (A, b) for A @ h = b, or a list of these"
_NO_EQUATION = (
    "an equation; for taps that must not be negative use filtrax.fit.fit with a parametrisation "
    "that keeps them so"
)


class Feasible(NamedTuple):
    """The taps that satisfy a constraint: ``offset + basis @ u`` for every u."""

    basis: np.ndarray  # (K, F), orthonormal
    offset: Array | np.ndarray  # (K,), orthogonal to the basis


def feasible(constraint: Any, taps: int, *, reverse: bool) -> Feasible | None:
    """The taps that a constraint allows, or ``None`` without one.

    Args:
        constraint: what the user passed.
        taps: length of the kernel.
        reverse: the constraint is on the conjugated and reversed kernel.

    Raises:
        ValueError: the equations contradict each other, leave nothing to fit or do not fit the
            kernel's length.
        TypeError: it is none of the kinds that there are.
    """
    if constraint is None:
        return None
    parts = [_equations(each, taps) for each in _listed(constraint)]
    matrix = np.concatenate([a for a, _ in parts])
    rights = [b for _, b in parts]
    dtype = np.result_type(float, *(b.dtype for b in rights))
    is_known = not any(isinstance(b, Tracer) for b in rights)
    stack: Any = np if is_known else jnp
    right = stack.concatenate([stack.asarray(b).astype(dtype) for b in rights])
    if reverse:
        matrix, right = np.conj(matrix)[:, ::-1], stack.conj(right)
    basis, inverse = _null_space(matrix.tobytes(), matrix.shape, matrix.dtype.name)
    dtype = np.result_type(dtype, inverse.dtype)
    offset = stack.matmul(inverse.astype(dtype), right.astype(dtype))
    if is_known:
        wrong = np.abs(matrix @ offset - right).max(initial=0)
        if not wrong <= 1e-5 * np.abs(right).max(initial=0):
            raise value_error(
                "constraint", "equations that some kernel satisfies",
                f"{describe(constraint)}, which no {taps} taps can",
            )  # fmt: skip
    if not basis.shape[1]:
        raise value_error(
            "constraint", "equations that leave something to fit",
            f"{describe(constraint)}, which determines all {taps} taps",
        )  # fmt: skip
    return Feasible(basis, offset)


def _listed(constraint: Any) -> tuple[Any, ...]:
    if isinstance(constraint, str) or _is_pair(constraint):
        return (constraint,)
    if not isinstance(constraint, (list, tuple)) or not constraint:
        raise type_error("constraint", _ALLOWED, describe(constraint))
    return tuple(constraint)


def _is_pair(constraint: Any) -> bool:
    is_tuple = isinstance(constraint, tuple) and len(constraint) == 2
    return is_tuple and not any(isinstance(each, str) for each in constraint)


def _equations(constraint: Any, taps: int) -> tuple[np.ndarray, Any]:
    """A (Q, K) and b (Q,) of one constraint."""
    if isinstance(constraint, str):
        return _named(constraint, taps)
    if not _is_pair(constraint):
        raise type_error("constraint", _ALLOWED, describe(constraint))
    left, right = constraint
    if isinstance(left, Tracer):
        raise type_error("constraint[0]", "an array known at trace time", describe(left))
    # The solution may be traced, the equations' left side is settled now.
    with jax.ensure_compile_time_eval():
        matrix = np.asarray(as_numeric(left, "constraint[0]"))
        right = right if isinstance(right, Tracer) else as_numeric(right, "constraint[1]")
    matrix = matrix.astype(complex if np.iscomplexobj(matrix) else float)
    if matrix.ndim == 1:
        matrix, right = matrix[None], jnp.atleast_1d(right)
    if matrix.ndim != 2 or matrix.shape[1] != taps:
        raise value_error("constraint[0]", f"shape (Q, {taps}) or ({taps},)", f"{matrix.shape}")
    if right.shape != matrix.shape[:1]:
        raise value_error("constraint[1]", f"shape {matrix.shape[:1]}", f"{right.shape}")
    if not np.isfinite(matrix).all():
        raise value_error("constraint[0]", "finite values", "a NaN or an infinity")
    return matrix, right


def _named(name: str, taps: int) -> tuple[np.ndarray, np.ndarray]:
    if name not in NAMES:
        allowed = _NO_EQUATION if name.replace("-", "").startswith("nonneg") else _ALLOWED
        raise value_error("constraint", allowed, repr(name))
    if name.endswith("_sum"):
        return np.ones((1, taps)), np.full(1, float(name == "unit_sum"))
    # Halves of h[m] - h[K-1-m], or of the sum, which holds an odd kernel's centre at zero.
    turned = np.eye(taps)[::-1]
    matrix = (np.eye(taps) + (turned if name == "antisymmetric" else -turned))[: (taps + 1) // 2]
    matrix = matrix[np.any(matrix != 0, 1)]
    return matrix, np.zeros(len(matrix))


@lru_cache(maxsize=32)
def _null_space(data: bytes, shape: tuple[int, int], dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """An orthonormal basis of what a matrix maps to zero, and the matrix's pseudo-inverse."""
    matrix = np.frombuffer(data, dtype).reshape(shape)
    u, s, vh = np.linalg.svd(matrix)
    rank = int(np.sum(s > max(shape) * np.finfo(float).eps * s.max(initial=0)))
    inverse = np.conj(vh[:rank]).T / s[:rank] @ np.conj(u[:, :rank]).T
    return np.conj(vh[rank:]).T, inverse
