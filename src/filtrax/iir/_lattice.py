"""A recursive filter in coordinates that rounding does not hurt: the normalised lattice.

The state-space form here is input-normal (A A* + B B* = 1), whatever the poles, and is reached by
a step-down recursion without eigenvalues or Gramians. The states of the usual direct forms grow
without bound as poles near the circle; these never exceed the signal's norm.

The code runs on arrays of float64 and on `Double`s, of NumPy and of JAX. Arrays carry any number
of leading batch dimensions.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from filtrax.iir._double import (
    Double,
    conj,
    is_host,
    join,
    loop,
    move,
    rounded,
    scaled,
    size_squared,
    sqrt,
    stack,
)  # fmt: skip

#: Radii by which an unstable or marginal filter's poles are pulled in while its coordinates are
#: chosen: the first that leaves them inside the circle is taken.
SHRINKS = np.array(
    [1.0]
    + [1.0 - 2.0**-j for j in range(10, 0, -1)]
    + [2.0**-j for j in range(2, 11)]
    + [2.0**-j for j in range(12, 41, 4)]
)
#: Squares 1 - |k|^2 above this are positive, whatever rounding did.
_MARGIN, _MARGIN_OF_DOUBLES = 2.0**-42, 2.0**-53


class StateSpace(NamedTuple):
    """s' = A s + B x, y = C s + D x, with two outputs y: of B/A, and of 1/A.

    With w the output of 1/A, the states are also s[n] = P (w[n-1], ..., w[n-N]).
    """

    A: Any  # (..., N, N)
    B: Any  # (..., N, 1)
    C: Any  # (..., 2, N)
    D: Any  # (..., 2)
    P: Any  # (..., N, N), lower triangular


def state_space(b: Any, a: Any, *, unstable: bool = True) -> StateSpace:
    """The lattice of b / a.

    Args:
        b: numerators (..., N + 1).
        a: denominators (..., N + 1), whose first coefficient is 1.
        unstable: whether to find coordinates for poles on or outside the circle, too; else what
            comes of those is no number. It doubles what there is to compile.
    """
    order = a.shape[-1] - 1
    shrink = powers = None
    if unstable:
        shrink, powers = _shrink(a)
        b, a = b * powers, a * powers
    readouts = stack([b[..., 1:] - b[..., :1] * a[..., 1:], -a[..., 1:]], -2)
    direct = join([b[..., :1], a[..., :1]], -1)
    found = _second_order if order == 2 else _any_order
    matrix, column, readouts, past = found(a, readouts)
    if shrink is not None and powers is not None:
        matrix, column = (each / shrink[..., None, None] for each in (matrix, column))
        past = past / powers[..., None, 1:]
    return StateSpace(matrix, column, readouts, direct, past)


def _second_order(a: Any, readouts: Any) -> tuple[Any, ...]:
    """The matrices A, B, C and P, written out: in a loop they would take longer to compile."""
    (k, square), (last, last_square) = _reflections(a)
    (c, last_c), mirrored = (sqrt(square), sqrt(last_square)), conj(k)
    gain = c * last_c
    # Each product once, then put in place.
    parts = join([k, c * last, c, mirrored * last, gain, mirrored * last_c, last_c], -1)
    matrix = scaled(parts[..., [[0, 1], [2, 3]]], np.array([[-1.0, -1.0], [1.0, -1.0]]))
    past = scaled(parts[..., [[4, 4], [5, 6]]], np.array([[1.0, 0.0], [1.0, 1.0]]))
    first, second = readouts[..., :1], readouts[..., 1:]
    readouts = join([first - second * mirrored[..., None], second * c[..., None]], -1)
    readouts = readouts / gain[..., None]
    return matrix, parts[..., [[4], [5]]], readouts, past


def _reflections(a: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Of order 2: each coefficient k of the step-down, the first first, and 1 - |k|^2."""
    one, last = size_squared(a[..., :1]), a[..., 2:]
    last_square = one - size_squared(last)
    k = (a[..., 1:2] - last * conj(a[..., 1:2])) / last_square
    return (k, one - size_squared(k)), (last, last_square)


def _any_order(a: Any, readouts: Any) -> tuple[Any, ...]:
    """The same by the step-down, an order at a time."""
    order = a.shape[-1] - 1
    # Every signal in the lattice as its coefficients over the states and the input.
    units = np.eye(order + 1)
    forward = a * 0.0 + units[order]
    one = size_squared(a[..., :1])

    def down(carry: Any, unit: Any) -> tuple[Any, Any]:
        pair, readouts, forward, gain = carry
        k = pair[..., 0, -1:]
        pair, square = _stepped_down(pair, one)
        root = sqrt(square)
        gain = gain * root
        # The output as a sum of states: each takes the highest power that is left.
        top = readouts[..., -1:]
        tap = (top / gain[..., None])[..., 0]
        readouts = _shifted(readouts - top * pair[..., 1:, 1:])
        row = conj(k) * forward + scaled(root, unit)
        forward = root * forward - scaled(k, unit)
        return (pair, readouts, forward, gain), (row, tap, pair[..., 1, :] * gain)

    start = (_pair(a), readouts, forward, one)
    (_, _, forward, _), (rows, taps, mirrored) = loop(down, start, units[:order][::-1])
    # What comes first belongs to the last state; the first state's row is the forward signal.
    matrix = join([forward[None], rows[:0:-1]], 0)
    matrix = move(matrix, 0, -2)
    past = _past(move(mirrored[::-1], 0, -2))
    return matrix[..., :order], matrix[..., order:], move(taps[::-1], 0, -1), past


def _past(mirrored: Any) -> Any:
    """What each state m holds of w[n-1], ..., from the last m of its row's coefficients."""
    order = mirrored.shape[-2]
    row, column = np.arange(order)[:, None], np.arange(order)
    places = np.where(column <= row, order - row + column, 0)
    return scaled(mirrored[..., row, places], np.tril(np.ones((order, order))))


def is_stable(a: Any) -> Any:
    """Whether all poles of denominators (..., N + 1) lie inside the circle, by a margin."""
    margin = _MARGIN_OF_DOUBLES if isinstance(a, Double) else _MARGIN
    if a.shape[-1] == 3:
        squares = [rounded(square)[..., 0] for _, square in _reflections(a)]
        return (squares[0] > margin) & (squares[1] > margin)

    def down(carry: Any, _: Any) -> tuple[Any, None]:
        pair, stable = carry
        pair, square = _stepped_down(pair, one)
        return (pair, stable & (rounded(square)[..., 0] > margin)), None

    one = size_squared(a[..., :1])
    start = rounded(one)[..., 0] > 0
    (_, stable), _ = loop(down, (_pair(a), start), np.zeros(a.shape[-1] - 1))
    return stable


def _pair(a: Any) -> Any:
    """The polynomials of the step-down: denominators and their mirror images."""
    return stack([a, conj(a[..., ::-1])], -2)


def _stepped_down(pair: Any, one: Any) -> tuple[Any, Any]:
    """The pair of one order less, and 1 - |k|^2. Its last coefficients stay at the end.

    The one is no literal: a compiler folds constants into sums, and so their rests away.
    """
    k = pair[..., 0, -1:]
    square = one - size_squared(k)
    down = (pair - stack([k, conj(k)], -2) * pair[..., ::-1, :]) / square[..., None]
    return stack([_shifted(down[..., 0, :]), down[..., 1, :]], -2), square


def _shifted(polynomials: Any) -> Any:
    return join([polynomials[..., :1] * 0.0, polynomials[..., :-1]], -1)


def _shrink(a: Any) -> tuple[Any, Any]:
    """The largest of `SHRINKS` that makes the filter stable, and its powers (..., N + 1)."""
    powers = _shrink_powers(a.shape[-1])
    powers = powers if isinstance(a, Double) else powers.hi
    stable = is_stable(a[..., None, :] * powers)
    # Where none does, the filter overflows in a few samples; the tables will say so.
    first = stable.argmax(-1) + (len(SHRINKS) - 1) * ~stable.any(-1)
    # Where all are known, the numbers are NumPy's.
    radii, powers = jax.tree.map(lambda table: _like(table, stable), (SHRINKS, powers))
    return radii[first], powers[first]


def _like(table: np.ndarray, array: Any) -> Any:
    return table if is_host(array) else jnp.asarray(table)


@lru_cache(maxsize=64)
def _shrink_powers(count: int) -> Double:
    radii = Double(SHRINKS, 0 * SHRINKS)
    powers = [Double(0 * SHRINKS + 1, 0 * SHRINKS)]
    for _ in range(count - 1):
        powers.append(powers[-1] * radii)
    return stack(powers, -1)
