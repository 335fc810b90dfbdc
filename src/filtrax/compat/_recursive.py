"""`scipy.signal`'s recursive filters with nothing but its own arguments."""

from typing import Any

from filtrax import iir
from filtrax._typing import ArrayLike


def lfilter(
    b: ArrayLike, a: ArrayLike, x: ArrayLike, axis: int = -1, zi: ArrayLike | None = None
) -> Any:
    """Filters x by the recursive filter b / a, as `scipy.signal.lfilter`.

    Args:
        b: numerator.
        a: denominator; its first coefficient must not be 0.
        x: signals.
        axis: the axis along which time runs.
        zi: the state before the first sample.

    Returns:
        The filtered signals; with ``zi`` also the state after the last sample.

    Raises:
        ValueError: as `filtrax.lfilter`.
        TypeError: as `filtrax.lfilter`.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.lfilter([1.0], [1.0, -0.5], [1.0, 0.0, 0.0]))
        [1.   0.5  0.25]
    """
    return iir.lfilter(b, a, x, axis, zi)


def sosfilt(sos: ArrayLike, x: ArrayLike, axis: int = -1, zi: ArrayLike | None = None) -> Any:
    """Filters x by a cascade of second-order sections, as `scipy.signal.sosfilt`.

    Args:
        sos: sections (S, 6).
        x: signals.
        axis: the axis along which time runs.
        zi: the states before the first sample.

    Returns:
        The filtered signals; with ``zi`` also the states after the last sample.

    Raises:
        ValueError: as `filtrax.sosfilt`.
        TypeError: as `filtrax.sosfilt`.

    Example:
        >>> from filtrax.compat import scipy_signal
        >>> print(scipy_signal.sosfilt([[1.0, 0, 0, 1, -0.5, 0]], [1.0, 0.0, 0.0]))
        [1.   0.5  0.25]
    """
    return iir.sosfilt(sos, x, axis, zi)
