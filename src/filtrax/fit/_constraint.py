"""Linear constraints on the taps, kept by fitting only the directions that they leave.

The kernels that keep promises, in the words of `filtrax.nn`, are ``offset + basis @ u``; equations
``A h = b`` leave a part of those. A fit of u instead of h keeps all of them to rounding, whatever
the data are.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_numeric
from filtrax._typing import Array
from filtrax.fit._arguments import check_finite
from filtrax.nn._constraints import Constraint, check_operation
from filtrax.nn._subspace import LINEAR, affine

_NAMES = ", ".join(kind.__name__ for kind in LINEAR)
_ALLOWED = (
    "a promise of filtrax.nn such as nn.Symmetric(), a tuple (A, b) for A @ h = b, or a list of "
    "these"
)


class Feasible(NamedTuple):
    """The taps that satisfy a constraint: ``offset + basis @ u`` for every u."""

    basis: np.ndarray  # (K, F), orthonormal
    offset: Array | np.ndarray  # (K,), orthogonal to the basis


def feasible(constraint: Any, taps: int, operation: str) -> Feasible | None:
    """The taps that a constraint allows, or ``None`` without one.

    Args:
        constraint: what the user passed.
        taps: length of the kernel.
        operation: what the constrained kernel is for. The taps that are returned are those of the
            convolution.

    Raises:
        ValueError: nothing obeys the constraint, it leaves nothing to fit, or does not fit the
            kernel's length.
        TypeError: it is none of the kinds that there are.
    """
    if constraint is None:
        return None
    parts = _listed(constraint)
    promises = tuple(each for each in parts if isinstance(each, Constraint))
    for each in promises:
        if not isinstance(each, LINEAR):
            raise value_error(
                "constraint", f"promises that are linear in the taps ({_NAMES}); for others use "
                "filtrax.fit.fit with a filtrax.nn.Constrained kernel", f"{each!r}",
            )  # fmt: skip
    check_operation(promises, operation, "constraint")
    basis, offset = affine(promises, (taps,), "constraint")
    allowed = Feasible(basis, np.zeros(taps) if offset is None else offset)
    pairs = [each for each in parts if not isinstance(each, Constraint)]
    if pairs:
        allowed = _within(allowed, *_equations(pairs, taps), constraint)
    if operation == "convolve":
        return allowed
    return Feasible(allowed.basis.conj()[::-1], allowed.offset.conj()[::-1])


def _listed(constraint: Any) -> list[Any]:
    if isinstance(constraint, Constraint) or _is_pair(constraint):
        return [constraint]
    if not isinstance(constraint, (list, tuple)) or not constraint:
        raise type_error("constraint", _ALLOWED, describe(constraint))
    for each in constraint:
        if not isinstance(each, Constraint) and not _is_pair(each):
            raise type_error("constraint", _ALLOWED, describe(constraint))
    return list(constraint)


def _is_pair(constraint: Any) -> bool:
    is_tuple = isinstance(constraint, tuple) and len(constraint) == 2
    return is_tuple and not any(isinstance(each, (str, Constraint)) for each in constraint)


def _equations(pairs: list[Any], taps: int) -> tuple[np.ndarray, Any]:
    """A (Q, K) and b (Q,) of all pairs; b may be traced."""
    lefts, rights = zip(*(_equation(a, b, taps) for a, b in pairs), strict=True)
    stack: Any = jnp if any(isinstance(b, Tracer) for b in rights) else np
    dtype = np.result_type(float, *(b.dtype for b in rights))
    return np.concatenate(lefts), stack.concatenate([stack.asarray(b, dtype) for b in rights])


def _equation(left: Any, right: Any, taps: int) -> tuple[np.ndarray, Any]:
    if isinstance(left, Tracer):
        raise type_error("constraint[0]", "an array known at trace time", describe(left))
    # The solution may be traced, the equations' left side is settled now.
    with jax.ensure_compile_time_eval():
        matrix = np.asarray(as_numeric(left, "constraint[0]", warn=False))
        right = (
            right if isinstance(right, Tracer) else as_numeric(right, "constraint[1]", warn=False)
        )
    matrix = matrix.astype(complex if np.iscomplexobj(matrix) else float)
    if matrix.ndim == 1:
        matrix, right = matrix[None], jnp.atleast_1d(right)
    if matrix.ndim != 2 or matrix.shape[1] != taps:
        raise value_error("constraint[0]", f"shape (Q, {taps}) or ({taps},)", f"{matrix.shape}")
    if right.shape != matrix.shape[:1]:
        raise value_error("constraint[1]", f"shape {matrix.shape[:1]}", f"{right.shape}")
    check_finite("constraint[0]", matrix)
    check_finite("constraint[1]", right)
    return matrix, right


def _within(allowed: Feasible, matrix: np.ndarray, right: Any, constraint: Any) -> Feasible:
    """What of the allowed taps satisfies ``matrix @ h = right``."""
    basis, offset = allowed
    is_known = not isinstance(right, Tracer)
    stack: Any = np if is_known else jnp
    u, s, vh = np.linalg.svd(matrix @ basis)
    # What rounding leaves of an equation that the promises keep already is none.
    rank = int(np.sum(s > max(matrix.shape) * np.finfo(float).eps * np.linalg.norm(matrix)))
    inverse = basis @ (np.conj(vh[:rank]).T / s[:rank]) @ np.conj(u[:, :rank]).T
    dtype = np.result_type(right.dtype, inverse.dtype)
    moved = (right - matrix @ offset).astype(dtype)
    offset = offset + stack.matmul(inverse.astype(dtype), moved)
    if is_known:
        scale = np.abs(right) + np.abs(matrix) @ np.abs(offset)
        if not (np.abs(matrix @ offset - right) <= 1e-5 * scale.max()).all():
            raise value_error(
                "constraint", "equations that some kernel satisfies",
                f"{describe(constraint)}, which no {len(basis)} taps can",
            )  # fmt: skip
    if rank == basis.shape[1]:
        raise value_error(
            "constraint", "equations that leave something to fit",
            f"{describe(constraint)}, which determines all {len(basis)} taps",
        )  # fmt: skip
    return Feasible(basis @ np.conj(vh[rank:]).T, offset)
