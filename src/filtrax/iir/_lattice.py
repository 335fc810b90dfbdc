"""A recursive filter in coordinates that rounding does not hurt: the normalised lattice.

The state-space form here is input-normal (A A* + B B* = 1), whatever the poles, and is reached by
a step-down recursion without eigenvalues or Gramians. The states of the usual direct forms grow
without bound as poles near the circle; these never exceed the signal's norm.

The code runs on NumPy's extended precision and on traced JAX arrays alike: ``xp`` is the module.
Arrays carry any number of leading batch dimensions.
"""

from typing import Any, NamedTuple

import numpy as np

#: Radii by which an unstable or marginal filter's poles are pulled in while its coordinates are
#: chosen: the first that leaves them inside the circle is taken.
SHRINKS = np.array(
    [1.0]
    + [1.0 - 2.0**-j for j in range(10, 0, -1)]
    + [2.0**-j for j in range(2, 11)]
    + [2.0**-j for j in range(12, 41, 4)]
)


class StateSpace(NamedTuple):
    """s' = A s + B x, y = C s + D x, with two outputs y: of B/A, and of 1/A."""

    A: Any  # (..., N, N)
    B: Any  # (..., N, 1)
    C: Any  # (..., 2, N)
    D: Any  # (..., 2)


class _Steps(NamedTuple):
    reflections: list[Any]  # k_1 .. k_N
    squares: list[Any]  # 1 - |k_m|^2
    polynomials: list[Any]  # of order 0 .. N


def state_space(b: Any, a: Any, xp: Any) -> StateSpace:
    """The lattice of b / a.

    Args:
        b: numerators (..., N + 1).
        a: denominators (..., N + 1), whose first coefficient is 1.
        xp: ``numpy`` or ``jax.numpy``.
    """
    shrink = _shrink(a, xp)
    powers = shrink[..., None] ** xp.arange(a.shape[-1]).astype(shrink.dtype)
    b, a = b * powers, a * powers
    steps = _step_down(a, xp)
    order = a.shape[-1] - 1
    roots = [xp.sqrt(square) for square in steps.squares]
    # Every signal in the lattice as its coefficients over the states and the input.
    unit = xp.eye(order + 1).astype(a.dtype)
    forward = xp.broadcast_to(unit[order], a.shape)
    rows = []
    for m in range(order, 0, -1):
        k, c = steps.reflections[m - 1][..., None], roots[m - 1][..., None]
        if m < order:
            rows.append(xp.conj(k) * forward + c * unit[m - 1])
        forward = c * forward - k * unit[m - 1]
    matrix = xp.stack([forward, *rows[::-1]], -2) / shrink[..., None, None]
    one = xp.ones_like(b[..., :1])
    readouts = [
        _ladder(b[..., 1:] - b[..., :1] * a[..., 1:], steps, roots, xp),
        _ladder(-a[..., 1:], steps, roots, xp),
    ]
    return StateSpace(
        matrix[..., :order],
        matrix[..., order:],
        xp.stack(readouts, -2),
        xp.concatenate([b[..., :1], one], -1),
    )


def _step_down(a: Any, xp: Any) -> _Steps:
    """Reflection coefficients and the polynomials of falling order."""
    order = a.shape[-1] - 1
    real = not np.issubdtype(a.dtype, np.complexfloating)
    polynomial = a
    reflections, squares, polynomials = [], [], [a]
    for m in range(order, 0, -1):
        k = polynomial[..., m]
        size = xp.abs(k)
        square = (1 - size) * (1 + size)
        if m == 1 and real and order > 1:
            # Near z = 1 and z = -1 the sums below keep the digits that 1 - k^2 loses.
            above = polynomials[-2]
            p1, p2 = above[..., 1], above[..., 2]
            square = ((1 + p1) + p2) * ((1 - p1) + p2) / (1 + p2) ** 2
        reflections.append(k)
        squares.append(square)
        if m == 2 and real:
            last = polynomial[..., 1] / (1 + k)
            polynomial = xp.stack([xp.ones_like(last), last], -1)
        else:
            reverse = xp.conj(polynomial[..., ::-1])
            polynomial = (polynomial - k[..., None] * reverse)[..., :m] / square[..., None]
        polynomials.append(polynomial)
    return _Steps(reflections[::-1], squares[::-1], polynomials[::-1])


def _shrink(a: Any, xp: Any) -> Any:
    """The largest of `SHRINKS` that makes the filter stable, by a margin that rounding allows."""
    real = np.finfo(a.dtype).dtype
    radii = xp.asarray(SHRINKS.astype(real))
    powers = radii[:, None] ** xp.arange(a.shape[-1]).astype(real)
    steps = _step_down(a[..., None, :] * powers, xp)
    margin = float(1024 * np.finfo(real).eps)
    stable = xp.stack([square > margin for square in steps.squares]).all(0)
    first = xp.argmax(stable, -1)
    # Where none is, the filter overflows in a few samples; the tables will say so.
    return xp.where(stable.any(-1), radii[first], radii[-1])


def _ladder(numerator: Any, steps: _Steps, roots: list[Any], xp: Any) -> Any:
    """The output as a sum of states, from the numerator of the strictly proper part."""
    order = numerator.shape[-1]
    taps = [numerator] * order
    gain = xp.ones_like(roots[0])
    for m in range(order - 1, -1, -1):
        gain = gain * roots[m]
        top = numerator[..., m]
        taps[m] = top / gain
        reverse = xp.conj(steps.polynomials[m][..., ::-1])
        numerator = numerator[..., :m] - top[..., None] * reverse[..., :m]
    return xp.stack(taps, -1)
