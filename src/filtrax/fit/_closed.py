"""A kernel from input and output, in closed form."""

import warnings
from functools import partial
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from filtrax._errors import type_error, value_error
from filtrax._rows import filter_rows
from filtrax._spec import OPERATIONS, choice, flag
from filtrax._typing import Array, ArrayLike, AxisBoundary, AxisMode, Operation
from filtrax.fit import _gram
from filtrax.fit._arguments import (
    IdentifiabilityWarning,
    as_data,
    as_ridge,
    as_weights,
    check_values,
)
from filtrax.fit._constraint import Feasible, feasible
from filtrax.fit._solve import Spectrum, hermitian, least_squares, spectrum
from filtrax.fit._window import Window, adjoint, forward, make_window

Edges = Literal["exact", "stationary"]
EDGES = ("exact", "stationary")


class FIRFit(eqx.Module):
    """A kernel that was fitted, and what the data say about it.

    Called with a signal, it filters: ``fit(x)`` has the length, delay and boundary of the output
    that was fitted.

    Attributes:
        kernel: the taps, (K,), or (..., K) for a kernel per row.
        residual: what the kernel leaves of y, of its shape.
        condition: condition number of the least-squares matrix, constraint, weights and ridge
            included (largest over smallest singular value), one for each kernel; infinite where
            the data do not determine every tap.
        rank: how many combinations of taps the data determine, one for each kernel.
        standard_error: of each tap, if what remains is white noise; infinite where the data do not
            determine every tap. At ``ridge=0`` and Gaussian noise this is the Cramér-Rao bound.
        operation: ``"convolve"`` or ``"correlate"``.
        padding: the explicit mode ``(lo, hi)`` that places the output, delay included.
        boundary: what lies outside the signal.
    """

    kernel: Array
    residual: Array
    condition: Array
    rank: Array
    standard_error: Array
    operation: Operation = eqx.field(static=True)
    padding: tuple[int, int] = eqx.field(static=True)
    boundary: AxisBoundary = eqx.field(static=True)

    def __call__(self, x: ArrayLike) -> Array:
        """Filters the rows of x as they were fitted."""
        return filter_rows(
            x, self.kernel, operation=self.operation, mode=self.padding, boundary=self.boundary
        )


def fit_fir(
    x: ArrayLike,
    y: ArrayLike,
    num_taps: int,
    *,
    delay: int = 0,
    mode: AxisMode = "causal",
    ridge: ArrayLike = 0.0,
    weights: ArrayLike | None = None,
    constraint: Any = None,
    edges: Edges = "exact",
    per_row: bool = False,
    operation: Operation = "convolve",
    boundary: AxisBoundary = "zero",
) -> FIRFit:
    """The kernel that turns x into y with the least squared error.

    It minimises ``sum(weights * |y - filter_rows(x, h, mode=mode)|**2) + ridge * sum(|h|**2)``,
    where the filter's output comes ``delay`` samples late. The matrix of that least-squares
    problem is never built: its normal matrix comes from correlations of the signals, and the
    solution is refined by residuals of the filter itself, which takes back the digits that normal
    equations lose (Björck, "Numerical Methods for Least Squares Problems", section 6.6).

    The kernel and the residual have derivatives by x, y, ridge and weights, forward and reverse and
    of every order, by implicit differentiation. Under `jax.jit` values are unknown, so nothing is
    checked or warned about that depends on them.

    Args:
        x: input, rows (..., N).
        y: wanted output, of the length that ``mode`` gives: (..., N) for ``"causal"`` and
            ``"same"``.
        num_taps: length of the kernel, K, at most N.
        delay: how many samples later than in ``mode`` the output stands; negative for a kernel that
            looks ahead.
        mode: extent of the output, as in `filtrax.convolve`. ``"valid"`` uses no sample outside x.
        ridge: added to the normal matrix's diagonal, in units of the energy of x.
        weights: not negative, broadcasting against y; those of one row are 1 over the variance of
            its noise. One for each row (last size 1) costs nothing; one for each sample costs
            N K**2 products and needs ``edges="exact"``.
        constraint: on the kernel that is returned: a promise of `filtrax.nn` that is linear in the
            taps (`Symmetric`, `Antisymmetric`, `Causal`, `AntiCausal`, `ZeroSum`, `UnitSum`,
            `BandLimited`), a tuple ``(A, b)`` for ``A @ h = b``, or a list of these.
        edges: ``"exact"`` solves the problem above (the covariance form). ``"stationary"`` takes
            the Toeplitz matrix of the autocorrelation of x for the normal matrix (the
            autocorrelation form, Wiener-Hopf equations): it has an error of order K/N, and no
            refinement, for it is another problem.
        per_row: a kernel for each row instead of one for all.
        operation: what the kernel is for: ``"convolve"``, or ``"correlate"``, which gives the
            reversed (and conjugated) kernel.
        boundary: what lies outside x, as in `filtrax.convolve`, where a constant must be a plain
            number.

    Returns:
        A `FIRFit`, whose ``kernel`` is in the promoted dtype of x and y, at least float32.

    Raises:
        ValueError: shapes do not fit, there are fewer samples or equations than taps, a value is
            not finite, ridge or a weight is negative, or the constraint is impossible.
        TypeError: an argument has the wrong type.

    Warns:
        IdentifiabilityWarning: the input does not determine every tap, as one sinusoid or a
            constant does not. The kernel is then the shortest of the best.

    Example:
        >>> import jax, filtrax
        >>> x = jax.random.normal(jax.random.key(0), (1000,))
        >>> y = filtrax.convolve(x, [0.5, 1.0, -0.25], "causal")
        >>> found = filtrax.fit.fit_fir(x, y, 3)
        >>> print(found.kernel.round(4))
        [ 0.5   1.   -0.25]
    """
    choice("operation", operation, OPERATIONS)
    choice("edges", edges, EDGES)
    flag("per_row", per_row)
    signal, wanted = as_data(x, y)
    window = make_window(signal.shape[-1], num_taps, mode, delay, boundary)
    if wanted.shape != (*signal.shape[:-1], window.outputs):
        raise value_error(
            "y", f"shape {(*signal.shape[:-1], window.outputs)}, which mode {mode!r} gives for x "
            f"of shape {signal.shape}", f"shape {wanted.shape}",
        )  # fmt: skip
    scale = as_ridge(ridge, wanted.dtype)
    loads = as_weights(weights, wanted)
    if edges == "stationary" and loads is not None and loads.shape[-1] != 1:
        raise value_error(
            "weights", "one for each row with edges='stationary'", f"shape {loads.shape}"
        )
    allowed = feasible(constraint, window.taps, operation)
    if allowed is not None and any(map(jnp.iscomplexobj, allowed)) and not jnp.iscomplexobj(wanted):
        raise type_error("constraint", "real equations for real signals", "complex ones")
    free = window.taps if allowed is None else allowed.basis.shape[1]
    equations = window.outputs if per_row else wanted.size
    if equations < free and not isinstance(ridge, Tracer) and float(np.asarray(ridge)) == 0:
        raise value_error(
            "y", f"at least as many samples as there are taps to fit, {free} (or a ridge)",
            f"{equations}",
        )  # fmt: skip
    check_values(signal, wanted, loads, per_row=per_row)
    kernel, residual, found, error = _fit(
        signal, wanted, scale, loads, allowed, window=window, edges=edges, per_row=per_row
    )
    if operation == "correlate":
        kernel, error = jnp.conj(kernel)[..., ::-1], error[..., ::-1]
    _warn(found, free)
    return FIRFit(
        kernel, residual, found.condition, found.rank, error,
        operation, window.padding, window.boundary,
    )  # fmt: skip


class _Taps(NamedTuple):
    """What is sought: kernels of a shape, in all directions or in those of a constraint."""

    kernel: jax.ShapeDtypeStruct
    basis: Array | None
    offset: Array | None

    @property
    def unknown(self) -> jax.ShapeDtypeStruct:
        """Shape and dtype of the coordinates."""
        if self.basis is None:
            return self.kernel
        shape = (*self.kernel.shape[:-1], self.basis.shape[1])
        return jax.ShapeDtypeStruct(shape, self.kernel.dtype)

    def directions(self, u: Array) -> Array:
        """The kernel of coordinates, without the offset."""
        return u if self.basis is None else _matmul(u, self.basis.T)

    def coordinates(self, h: Array) -> Array:
        """The adjoint of `directions`."""
        return h if self.basis is None else _matmul(h, jnp.conj(self.basis))

    def reduced(self, matrix: Array) -> Array:
        """A normal matrix in the coordinates."""
        if self.basis is None:
            return matrix
        return _matmul(_matmul(jnp.conj(self.basis).T, matrix), self.basis)


def _matmul(a: Array, b: Array) -> Array:
    dtype = np.promote_types(a.dtype, b.dtype)
    return jnp.matmul(a.astype(dtype), b.astype(dtype), precision=lax.Precision.HIGHEST)


@partial(jax.jit, static_argnames=("window", "edges", "per_row"))
def _fit(
    x: Array, y: Array, ridge: Array, weights: Array | None, allowed: Feasible | None,
    *, window: Window, edges: str, per_row: bool,
) -> tuple[Array, Array, Spectrum, Array]:  # fmt: skip
    kernel = jax.ShapeDtypeStruct((*(x.shape[:-1] if per_row else ()), window.taps), y.dtype)
    taps = _Taps(kernel, None, None)
    if allowed is not None:
        is_complex = jnp.iscomplexobj(allowed.basis)
        basis = allowed.basis.astype(y.dtype if is_complex else jnp.finfo(y.dtype).dtype)
        taps = taps._replace(basis=basis, offset=allowed.offset.astype(y.dtype))
    if edges == "stationary":
        h, residual, found = _by_correlations(x, y, ridge, weights, taps, window)
    else:
        h, residual, found = _by_samples(x, y, ridge, weights, taps, window)
    error = _standard_error(found, residual, ridge, weights, taps)
    return h, residual, found, lax.stop_gradient(error)


def _by_samples(
    x: Array, y: Array, ridge: Array, weights: Array | None, taps: _Taps, window: Window
) -> tuple[Array, Array, Spectrum]:
    """The least squares of these samples."""
    held, loads = lax.stop_gradient((x, weights))
    matrix = _normal(held, loads, taps, window)
    found = spectrum(taps.reduced(matrix), lax.stop_gradient(ridge))
    fixed = None if taps.offset is None else jnp.broadcast_to(taps.offset, taps.kernel.shape)
    u, residual = least_squares(
        lambda u: forward(x, taps.directions(u), window),
        lambda e: taps.coordinates(adjoint(x, e, window, taps.kernel)),
        found.inverse,
        y if fixed is None else y - forward(x, fixed, window),
        taps.unknown, weights, ridge,
    )  # fmt: skip
    h = taps.directions(u)
    return (h if fixed is None else h + fixed), residual, found


def _normal(x: Array, weights: Array | None, taps: _Taps, window: Window) -> Array:
    if weights is None or weights.shape[-1] == 1:
        return _gram.exact(x, weights, window, taps.kernel)
    return _gram.weighted(x, weights, window, taps.kernel)


def _by_correlations(
    x: Array, y: Array, ridge: Array, weights: Array | None, taps: _Taps, window: Window
) -> tuple[Array, Array, Spectrum]:
    """The Wiener-Hopf equations of the samples' correlations."""
    matrix = _gram.stationary(x, weights, window, taps.kernel)
    cross = adjoint(x, y if weights is None else weights.astype(y.dtype) * y, window, taps.kernel)
    if taps.offset is not None:
        cross = cross - _matmul(matrix, taps.offset[:, None])[..., 0]
    reduced = taps.reduced(matrix)
    found = spectrum(*lax.stop_gradient((reduced, ridge)))
    h = taps.directions(hermitian(reduced, ridge, found.inverse, taps.coordinates(cross)))
    if taps.offset is not None:
        h = h + taps.offset
    return h, y - forward(x, h, window), found


def _standard_error(
    found: Spectrum, residual: Array, ridge: Array, weights: Array | None, taps: _Taps
) -> Array:
    """Of each tap: the diagonal of the estimate's covariance under white noise."""
    power = jnp.abs(residual) ** 2
    counts = jnp.ones((), power.dtype) if weights is None else (weights > 0).astype(power.dtype)
    power = power if weights is None else weights * power
    counts = jnp.broadcast_to(counts, power.shape)
    axis = None if len(taps.kernel.shape) == 1 else -1
    freedom = jnp.sum(counts, axis) - found.rank.astype(power.dtype)
    variance = jnp.sum(power, axis) / jnp.where(freedom > 0, freedom, jnp.nan)
    whole = jnp.all(found.kept, -1) & (freedom > 0)
    values = jnp.where(found.kept, found.values, 1)
    vectors = taps.directions(jnp.swapaxes(found.vectors, -1, -2))
    spread = jnp.einsum(
        "...jk,...j->...k", jnp.abs(vectors) ** 2, (values - ridge) / values**2, precision="highest"
    )
    return jnp.where(whole[..., None], jnp.sqrt(variance[..., None] * spread), jnp.inf)


def _warn(found: Spectrum, free: int) -> None:
    if isinstance(found.rank, Tracer):
        return
    least = int(found.rank.min())
    if least < free:
        warnings.warn(
            f"x: does not determine the taps: {least} of {free} combinations of them can be told "
            f"from the data in {found.values.dtype}; fit fewer taps, add a ridge or a constraint, "
            "or use a richer input",
            IdentifiabilityWarning, stacklevel=3,
        )  # fmt: skip
