"""States to start from: at rest under a constant, or after a known past."""

from typing import Any

import jax.numpy as jnp

from filtrax._errors import describe, value_error
from filtrax._typing import Array, ArrayLike
from filtrax.iir._arguments import (
    cast,
    common_dtype,
    known,
    numeric,
    padded,
    sections,
    transfer_function,
)
from filtrax.iir._double import Double, double, rounded, stack, two_sum


def lfilter_zi(b: ArrayLike, a: ArrayLike) -> Array:
    """The state of `lfilter` under a constant input of 1, as `scipy.signal.lfilter_zi`.

    ``lfilter(b, a, x, zi=lfilter_zi(b, a) * x[0])`` starts without a step from 0 to ``x[0]``.

    Args:
        b: numerator (K,).
        a: denominator, likewise.

    Returns:
        The state, of length ``max(len(a), len(b)) - 1``.

    Raises:
        ValueError: b or a is not 1-D or empty, ``a[0]`` is 0, or the filter has a pole at z = 1,
            where a constant makes it grow for ever.
        TypeError: b or a is no array of numbers.

    Example:
        >>> import filtrax
        >>> print(filtrax.lfilter_zi([1.0], [1.0, -0.5]))
        [1.]
    """
    numerator, denominator = numeric(b, "b"), numeric(a, "a")
    _check_vectors(b=numerator, a=denominator)
    numerator, denominator = transfer_function(numerator, denominator)
    dtype = common_dtype(numerator, denominator)
    p, q = _exact_if_known(numerator, denominator, dtype)
    return cast(rounded(_held(p / q[0], q / q[0])[1]), dtype)


def sosfilt_zi(sos: ArrayLike) -> Array:
    """The states of `sosfilt` under a constant input of 1, as `scipy.signal.sosfilt_zi`.

    Args:
        sos: sections (S, 6).

    Returns:
        The states (S, 2).

    Raises:
        ValueError: of another shape, ``sos[:, 3]`` is not 1, or there is a pole at z = 1.
        TypeError: sos is no array of numbers.

    Example:
        >>> import filtrax
        >>> print(filtrax.sosfilt_zi([[1.0, 0, 0, 1, -0.5, 0]]))
        [[1. 0.]]
    """
    cascade = sections(sos)
    if cascade.ndim != 2:
        raise value_error("sos", "shape (sections, 6)", describe(cascade))
    dtype = common_dtype(cascade)
    b, a = _exact_if_known(cascade[:, :3], cascade[:, 3:], dtype)
    level, states = None, []
    for section in range(b.shape[0]):
        gain, state = _held(b[section], a[section])
        states.append(state if level is None else level * state)
        level = gain if level is None else level * gain
    return cast(rounded(stack(states, 0)), dtype)


def lfiltic(b: ArrayLike, a: ArrayLike, y: ArrayLike, x: ArrayLike | None = None) -> Array:
    """The state of `lfilter` after given outputs and inputs, as `scipy.signal.lfiltic`.

    Args:
        b: numerator (K,).
        a: denominator, likewise.
        y: past outputs, the latest first: ``y[-1], y[-2], ...``; zero beyond those given.
        x: past inputs, likewise; zero by default.

    Returns:
        The state, of length ``max(len(a), len(b)) - 1``.

    Raises:
        ValueError: an argument is not 1-D, b or a is empty, or ``a[0]`` is 0.
        TypeError: an argument is no array of numbers.

    Example:
        >>> import filtrax
        >>> print(filtrax.lfiltic([1.0], [1.0, -0.5], y=[2.0]))
        [1.]
    """
    outputs, inputs = numeric(y, "y"), numeric(() if x is None else x, "x")
    p, q = numeric(b, "b"), numeric(a, "a")
    _check_vectors(b=p, a=q, y=outputs, x=inputs)
    p, q = transfer_function(p, q)
    dtype = common_dtype(p, q, outputs, *([] if x is None else [inputs]))
    p, q, outputs, inputs = (cast(each, dtype).reshape(-1) for each in (p, q, outputs, inputs))
    order = max(p.shape[0], q.shape[0]) - 1
    return (_remembered(p, inputs, order) - _remembered(q, outputs, order)) / q[0]


def _remembered(taps: Array, past: Array, order: int) -> Array:
    """What each state holds of past values, the latest first: sums of taps[m+1+i] * past[i]."""
    count = taps.shape[0] - 1
    past = jnp.pad(past, (0, max(count - past.shape[0], 0)))[:count]
    held = [jnp.sum(taps[m + 1 :] * past[: count - m]) for m in range(count)]
    held += [jnp.zeros((), taps.dtype)] * (order - count)
    return jnp.stack(held) if order else jnp.zeros((0,), taps.dtype)


def _check_vectors(**arrays: Any) -> None:
    for name, array in arrays.items():
        if array.ndim > 1:
            raise value_error(name, "one dimension", describe(array))


def steady_gain(b: Any, a: Any, dtype: Any) -> Array:
    """The response (...) of cascades b, a (..., S, K) to a constant, for the working dtype."""
    p, q = _exact_if_known(b, a, dtype)
    gain = _total(p) / _checked(_total(q))
    level = gain[..., 0]
    for section in range(1, gain.shape[-1]):
        level = level * gain[..., section]
    return cast(rounded(level), dtype)


def _held(b: Any, a: Any) -> tuple[Any, Any]:
    """The gain for a constant and the state it leads to; a[0] = 1."""
    length = max(b.shape[0], a.shape[0])
    b, a = (padded(each, length, ()) for each in (b, a))
    gain = _total(b) / _checked(_total(a))
    # What the coefficients from i + 1 on will add, for an input of 1 and an output of the gain.
    added, states = b - a * gain, []
    for k in range(length - 1, 0, -1):
        states.append(added[k] + states[-1] if states else added[k])
    return gain, stack(states[::-1], 0) if states else added[:0]


def _exact_if_known(b: Any, a: Any, dtype: Any) -> tuple[Any, Any]:
    """Both as more than float64 if they are known, else in the dtype."""
    if isinstance(b, Double):
        return b, a
    hosts = known(b), known(a)
    if hosts[0] is not None and hosts[1] is not None:
        return double(hosts[0]), double(hosts[1])
    return cast(b, dtype), cast(a, dtype)


def _checked(total: Any) -> Any:
    host = known(rounded(total))
    if host is not None and (host == 0).any():
        raise value_error("a", "no pole at z = 1 (coefficients that do not sum to 0)", "one")
    return total


def _total(coefficients: Any) -> Any:
    """The sum over the last axis, with the rounding errors of the additions added back."""
    total = coefficients[..., 0]
    lost = total * 0.0
    for k in range(1, coefficients.shape[-1]):
        if isinstance(total, Double):
            total = total + coefficients[..., k]
        else:
            total, error = two_sum(total, coefficients[..., k])
            lost = lost + error
    return total + lost
