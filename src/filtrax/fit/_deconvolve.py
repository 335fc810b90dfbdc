"""The signal behind a filtered one: a regularised inverse, by conjugate gradients or transforms."""

import warnings
from functools import partial
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.scipy.sparse.linalg import cg

from filtrax._correlate import convolve, correlate
from filtrax._errors import describe, value_error
from filtrax._layout import make_layout
from filtrax._operands import as_scalar
from filtrax._spec import OPERATIONS, choice, integer, make_spec
from filtrax._typing import Array, ArrayLike, Axes, Boundary, Mode, Operation
from filtrax.fit._arguments import ConvergenceWarning, as_floating, as_ridge, check_finite
from filtrax.fit._solve import Map

_FUNCTIONS = {"convolve": convolve, "correlate": correlate}


class Deconvolution(eqx.Module):
    """A signal that was sought behind a filtered one.

    Attributes:
        signal: the estimate.
        residual: what the filtered estimate leaves of y.
        error: how far the normal equations are from being solved, relative to their right side.
    """

    signal: Array
    residual: Array
    error: Array


def deconvolve(
    y: ArrayLike,
    h: ArrayLike,
    *,
    ridge: ArrayLike,
    penalty: ArrayLike | None = None,
    operation: Operation = "convolve",
    mode: Mode = "same",
    axes: Axes = None,
    boundary: Boundary = "zero",
    method: Literal["auto", "cg", "fft"] = "auto",
    steps: int = 200,
    tolerance: float | None = None,
) -> Deconvolution:
    """The signal x for which ``convolve(x, h, mode)`` comes near to y: a regularised inverse.

    It minimises ``sum(|y - convolve(x, h)|**2) + ridge * sum(|convolve(x, penalty)|**2)``. A filter
    hardly passes some frequencies; there the ridge keeps noise from being blown up (A. N. Tikhonov,
    1963; in the form of N. Wiener's filter, ridge is the ratio of the powers of noise and signal).
    Solved by conjugate gradients with the filter and its adjoint, whose preconditioner is the
    inverse of the same problem on a circle; or by that inverse alone, where the boundary is
    ``"wrap"`` and so the problem is on a circle.

    Not to be taken for `scipy.signal.deconvolve`, which divides polynomials, or for
    `scipy.signal.wiener`, which smooths; `skimage.restoration.wiener` is its ``"wrap"`` form with a
    Laplacian penalty.

    Args:
        y: the filtered signal, or image.
        h: the kernel, as in `filtrax.convolve`.
        ridge: weight of the penalty, above 0 unless the filter is well invertible.
        penalty: a kernel whose output should be small, such as ``[1, -2, 1]`` for smooth signals;
            by default the signal itself. It meets the axes of x as h does, and counts where it lies
            inside x.
        operation: by which h has filtered, ``"convolve"`` or ``"correlate"``.
        mode: by which h has filtered; the estimate has the length that y comes from.
        axes: along which h has filtered, as in `filtrax.convolve`.
        boundary: what was outside x.
        method: ``"cg"``, ``"fft"`` (needs ``boundary="wrap"`` and ``mode="same"`` or
            ``"causal"``), or ``"auto"``: ``"fft"`` where it can serve.
        steps: of conjugate gradients at most.
        tolerance: of the normal equations, relative; by default the square root of the rounding.

    Returns:
        A `Deconvolution`. Its signal has derivatives by y, h and ridge, by implicit
        differentiation.

    Raises:
        ValueError: shapes do not fit, ridge is negative, or ``"fft"`` cannot serve.
        TypeError: an argument has the wrong type.

    Warns:
        ConvergenceWarning: the tolerance was not reached.

    Example:
        >>> import filtrax
        >>> blurred = filtrax.convolve([0.0, 0.0, 1.0, 0.0, 0.0, -2.0, 0.0], [1, 2, 1], "same")
        >>> print(filtrax.fit.deconvolve(blurred, [1, 2, 1], ridge=1e-6).signal.round(2) + 0)
        [ 0.  0.  1.  0.  0. -2.  0.]
    """
    function = _FUNCTIONS[choice("operation", operation, OPERATIONS)]
    choice("method", method, ("auto", "cg", "fft"))
    if integer("steps", steps) < 1:
        raise value_error("steps", "at least 1", f"{steps}")
    if tolerance is not None:
        as_scalar(tolerance, "tolerance", positive=True)
    wanted, taps = as_floating(y, "y"), as_floating(h, "h")
    if wanted.ndim == 0:
        raise value_error("y", "at least one dimension", "a scalar")
    for name, array in (("y", wanted), ("h", taps)):
        check_finite(name, array)
    dtype = np.promote_types(wanted.dtype, taps.dtype)
    taps = taps.astype(dtype)
    filtered = make_layout(wanted.shape, taps.shape, axes).filtered
    spec, _ = make_spec(len(filtered), operation, mode, boundary)
    if any(axis.boundary == "constant" for axis in spec.axes):
        raise value_error("boundary", "a name: a constant is no multiple of x", describe(boundary))
    circle = all(a.boundary == "wrap" and a.mode in ("same", "causal") for a in spec.axes)
    if method == "fft" and not circle:
        raise value_error(
            "method", "'cg', unless boundary is 'wrap' and mode 'same' or 'causal'", "'fft'"
        )
    sides = taps.shape if taps.ndim == len(filtered) else [taps.shape[a] for a in filtered]
    shape = list(wanted.shape)
    for axis, each, k in zip(filtered, spec.axes, sides, strict=True):
        shape[axis] = _length(each.mode, wanted.shape[axis], k)
    extra = None
    if penalty is not None:
        extra = as_floating(penalty, "penalty").astype(dtype)
        check_finite("penalty", extra)
        if extra.ndim == 0:
            raise value_error("penalty", "at least one dimension", describe(penalty))
        if axes is None and extra.ndim > len(filtered):
            raise value_error("penalty", f"at most {len(filtered)} dimensions", f"{extra.ndim}")
    run = partial(function, axes=axes)
    problem = _Problem(
        lambda x: run(x, taps, mode, boundary=boundary),
        lambda x: run(x, taps, "same", boundary="wrap"),
        None if extra is None else lambda x: run(x, extra, "same" if circle else "valid",
                                                 boundary="wrap" if circle else "zero"),
        None if extra is None else lambda x: run(x, extra, "same", boundary="wrap"),
        as_ridge(ridge, dtype), filtered, jax.ShapeDtypeStruct(tuple(shape), dtype),
    )  # fmt: skip
    limit = float(jnp.finfo(dtype).eps) ** 0.5 if tolerance is None else float(tolerance)
    right = problem.adjoint(wanted.astype(dtype))
    if circle and method != "cg":
        signal = problem.inverse(right)
    else:
        guess = lax.stop_gradient(problem.response())
        signal, _ = cg(
            problem.normal, right, tol=limit / 4, maxiter=steps,
            M=lambda x: problem.inverse(x, guess),
        )  # fmt: skip
    wrong = jnp.linalg.norm((problem.normal(signal) - right).ravel())
    size = jnp.linalg.norm(right.ravel())
    error = lax.stop_gradient(wrong / jnp.where(size > 0, size, 1))
    if not isinstance(error, Tracer) and not float(error) <= limit:
        warnings.warn(
            f"deconvolve: the normal equations are solved to {float(error):.1e} instead of "
            f"{limit:.1e}; allow more steps, or a larger ridge",
            ConvergenceWarning, stacklevel=2,
        )  # fmt: skip
    return Deconvolution(signal, wanted - problem.forward(signal), error)


class _Problem(NamedTuple):
    """The filter, the penalty, and the same two on a circle."""

    forward: Map
    on_circle: Map
    penalty: Map | None
    penalty_on_circle: Map | None
    ridge: Array
    axes: tuple[int, ...]
    signal: jax.ShapeDtypeStruct

    def adjoint(self, u: Array) -> Array:
        """The conjugate transpose of the filter."""
        return _adjoint(self.forward, u, self.signal)

    def normal(self, x: Array) -> Array:
        """The matrix of the normal equations times x."""
        run = self.penalty
        small = x if run is None else _adjoint(run, run(x), self.signal)
        return self.adjoint(self.forward(x)) + self.ridge.astype(small.dtype) * small

    def response(self) -> Array:
        """What the normal equations on a circle do to each frequency."""
        impulse = jnp.zeros(self.signal.shape, self.signal.dtype)
        first = tuple(
            slice(0, 1) if axis in self.axes else slice(None) for axis in range(impulse.ndim)
        )
        impulse = impulse.at[first].set(1)

        def power(run: Map) -> Array:
            return jnp.abs(jnp.fft.fftn(run(impulse), axes=self.axes)) ** 2

        total = power(self.on_circle)
        if self.penalty_on_circle is None:
            return total + self.ridge
        return total + self.ridge * power(self.penalty_on_circle)

    def inverse(self, x: Array, response: Array | None = None) -> Array:
        """The inverse of the normal equations on a circle; what they take to zero stays there."""
        gain = self.response() if response is None else response
        known = gain > float(jnp.finfo(gain.dtype).eps) * jnp.max(gain)
        scale = jnp.where(known, 1 / jnp.where(known, gain, 1), 0)
        spectrum = jnp.fft.fftn(x, axes=self.axes)
        out = jnp.fft.ifftn(spectrum * scale.astype(spectrum.dtype), axes=self.axes)
        return (out if jnp.iscomplexobj(x) else out.real).astype(x.dtype)


def _adjoint(run: Map, u: Array, signal: jax.ShapeDtypeStruct) -> Array:
    (found,) = jax.linear_transpose(run, signal)(jnp.conj(u))
    return jnp.conj(found)


def _length(mode: str | tuple[int, int], outputs: int, taps: int) -> int:
    """The samples that so many outputs come from."""
    added = {"full": taps - 1, "same": 0, "causal": 0, "valid": 1 - taps}
    samples = outputs - (sum(mode) - taps + 1 if isinstance(mode, tuple) else added[mode])
    if samples < 1:
        raise value_error(
            "y", f"at least {outputs - samples + 1} samples in {mode!r}", f"{outputs}"
        )
    return samples
