"""Least squares from the normal matrix without its loss of digits, and with implicit derivatives.

Normal equations square the condition number. So the solution is refined with residuals that the
filter itself computes (corrected seminormal equations, Å. Björck, "Numerical Methods for Least
Squares Problems", section 6.6): each step takes off the error a factor of the condition number
squared times the rounding, down to the error of an orthogonal factorisation.

The solution is that of the augmented system, residual and kernel together,

    e + X h = f,    X^H W e - ridge h = g,

which JAX differentiates implicitly: a derivative is one more such solution, whose right side is the
filter's own derivative.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._typing import Array

#: More steps of refinement do not help what these do not.
_MOST_STEPS = 12
#: Eigenvalues below so many roundings of the largest are rounding themselves (up to 9 were seen,
#: of sinusoids and constants with 8 to 257 taps in float32 and float64).
_NOISE = 16.0

Map = Callable[[Array], Array]


class Spectrum(NamedTuple):
    """The eigenvalues of a normal matrix, ridge included, and which of them mean something."""

    values: Array  # (..., F), ascending
    vectors: Array  # (..., F, F)
    kept: Array  # (..., F)

    def inverse(self, g: Array) -> Array:
        """The pseudo-inverse times vectors (..., F)."""
        vectors, values = self.vectors.astype(g.dtype), self.values.astype(g.dtype)
        parts = jnp.einsum("...ij,...i->...j", jnp.conj(vectors), g, precision=_HIGHEST)
        parts = jnp.where(self.kept, parts / jnp.where(self.kept, values, 1), 0)
        return jnp.einsum("...ij,...j->...i", vectors, parts, precision=_HIGHEST)

    @property
    def rank(self) -> Array:
        """How many directions the data determine."""
        return jnp.sum(self.kept, -1)

    @property
    def condition(self) -> Array:
        """Largest over smallest singular value of the matrix whose normal matrix this is."""
        ratio = self.values[..., -1] / jnp.where(self.kept, self.values, jnp.inf).min(-1)
        return jnp.where(jnp.all(self.kept, -1), jnp.sqrt(ratio), jnp.inf)


_HIGHEST = lax.Precision.HIGHEST


def spectrum(matrix: Array, ridge: Array) -> Spectrum:
    """The eigenvalues of a Hermitian matrix plus ridge."""
    values, vectors = jnp.linalg.eigh(matrix)
    noise = _NOISE * float(jnp.finfo(values.dtype).eps) * jnp.abs(values).max(-1, keepdims=True)
    values = values + ridge
    return Spectrum(values, vectors, values > noise)


def least_squares(
    forward: Map,
    adjoint: Map,
    inverse: Map,
    y: Array,
    kernel: jax.ShapeDtypeStruct,
    weights: Array | None,
    ridge: Array,
) -> tuple[Array, Array]:
    """The kernel of least squares, and what it leaves of y.

    Args:
        forward: X, linear and differentiable by what it closes over.
        adjoint: its conjugate transpose.
        inverse: of the normal matrix, nearly; not differentiated.
        y: the wanted output.
        kernel: shape and dtype of the solution.
        weights: real, broadcasting against y, or none.
        ridge: added to the normal matrix's diagonal.
    """

    def weigh(u: Array) -> Array:
        return u if weights is None else u * weights.astype(u.dtype)

    def loaded(h: Array) -> Array:
        return ridge.astype(h.dtype) * h

    def augmented(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        e, h = pair
        return e + forward(h), adjoint(weigh(e)) - loaded(h)

    def solution(right: tuple[Array, Array], inner: Map, outer: Map) -> tuple[Array, Array]:
        f, g = right

        def step(state: Any) -> Any:
            count, h, e, _, last = state
            change = inverse(adjoint(outer(e)) - loaded(h) - g)
            h = h + change
            return count + 1, h, f - inner(forward(h)), last, _norm(change)

        def unfinished(state: Any) -> Any:
            count, h, _, before, last = state
            shrinking = last < before / 2
            # The next change would be this one times the factor by which it shrank.
            matters = last * last > float(jnp.finfo(last.dtype).eps) * _norm(h) * before
            return (count < 2) | ((count < _MOST_STEPS) & jnp.any(shrinking & matters))

        none = jnp.zeros_like(g)
        size = _norm(none)
        state = (0, none, f, size, size)
        _, h, e, _, _ = lax.while_loop(unfinished, step, state)
        return e, h

    def solve(_: Any, right: Any) -> Any:
        return solution(right, lambda u: u, weigh)

    def solve_transposed(_: Any, right: Any) -> Any:
        e, h = solution(jax.tree.map(jnp.conj, right), weigh, lambda u: u)
        return jnp.conj(e), jnp.conj(h)

    right = y, jnp.zeros(kernel.shape, kernel.dtype)
    e, h = lax.custom_linear_solve(augmented, right, solve, solve_transposed)
    return h, e


def _norm(h: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.abs(h) ** 2, -1))


def hermitian(matrix: Array, ridge: Array, inverse: Map, g: Array) -> Array:
    """The solution of ``(matrix + ridge) @ h = g``, differentiated implicitly."""

    def product(h: Array) -> Array:
        return jnp.einsum("...ij,...j->...i", matrix.astype(h.dtype), h, precision=_HIGHEST) + (
            ridge.astype(h.dtype) * h
        )

    def solve_transposed(_: Any, right: Array) -> Array:
        return jnp.conj(inverse(jnp.conj(right)))

    return lax.custom_linear_solve(product, g, lambda _, right: inverse(right), solve_transposed)
