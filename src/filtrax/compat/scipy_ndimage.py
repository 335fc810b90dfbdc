"""The linear filters of `scipy.ndimage`, under their names: change one import.

The arguments, their order and defaults, the output's shape and dtype are those of SciPy 1.17,
with one exception: ``output`` may be a dtype only, for a JAX array cannot be written into.
``mode`` has SciPy's names: its ``"reflect"`` is `numpy.pad`'s ``"symmetric"``, its ``"mirror"``
is `numpy.pad`'s ``"reflect"``.

What differs from SciPy, and why:

- SciPy sums in float64 whatever the dtype. Here a floating output is summed in the promoted dtype
  of input and output, so float32 stays float32 (and fast). An integer output is summed in
  float64 and then cut off towards zero as in SciPy. Sums of integers with integer weights are
  exact; with fractional weights, a sum that is an integer but for rounding may come out one off,
  as the order of the additions is another. Without ``jax_enable_x64`` that sum is a float32,
  exact to 2**24 only.
- Casting to an integer output wraps around as SciPy's C does on x86 processors, where C leaves the
  result undefined, too.
- A NaN or an infinity reaches those outputs whose window holds it, no more and no less, as long as
  filtrax sums: with some hundred weights it may choose a transform, through which it reaches
  further, and whose errors are relative to the whole (``filtrax.plan`` tells; ``method="shift"`` of
  `filtrax.correlate` never does). `scipy.ndimage.uniform_filter1d` carries it to the end of the
  row, with its running sum, and the N-dimensional `scipy.ndimage.correlate` skips samples whose
  weight is zero.
- Weights below 2.2e-16 count; `scipy.ndimage.correlate` drops them, and `correlate1d` takes
  weights for symmetric that differ by less.
- float16 and bfloat16 are accepted, where SciPy refuses; they are summed in float32.
- ``mode="reflect"`` obeys its rule for every kernel. `scipy.ndimage.correlate` and ``convolve`` do
  not where the kernel reaches four times the signal's length beyond its start.
- ``axes=-1`` works in `correlate` and `convolve`, where SciPy 1.17 miscounts a lone negative axis.
- Errors: a boolean or a float for an integer is a TypeError; ``sigma=0`` in `gaussian_filter1d` is
  a ValueError, not a ZeroDivisionError. Where SciPy raises a RuntimeError for a wrong value, the
  error here is both a RuntimeError and a ValueError.
"""

from collections.abc import Sequence
from typing import Any

from filtrax._typing import Array, ArrayLike
from filtrax.compat._derivatives import (
    gaussian_gradient_magnitude,
    gaussian_laplace,
    laplace,
    prewitt,
    sobel,
)
from filtrax.compat._ndimage import (
    filter_image,
    filter_vector,
)
from filtrax.compat._smoothing import (
    gaussian_filter,
    gaussian_filter1d,
    uniform_filter,
    uniform_filter1d,
)

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "laplace",
    "prewitt",
    "sobel",
    "uniform_filter",
    "uniform_filter1d",
]


def correlate1d(
    input: ArrayLike,
    weights: ArrayLike,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Array:
    """Correlates along one axis, as `scipy.ndimage.correlate1d`.

    Args:
        input: array of at least one dimension.
        weights: the kernel, a vector; conjugated if complex.
        axis: the filtered axis.
        output: dtype of the result; that of ``input`` by default, made complex if need be.
        mode: ``"reflect"``, ``"constant"``, ``"nearest"``, ``"mirror"``, ``"wrap"``, or
            ``"grid-mirror"``, ``"grid-constant"``, ``"grid-wrap"``.
        cval: the constant of ``"constant"``.
        origin: moves the output to the right for positive, to the left for negative values.

    Returns:
        The correlation, of the shape of ``input``.

    Raises:
        ValueError: ``mode``, ``origin``, ``axis`` or the shape of ``weights`` is impossible.
        TypeError: an argument has the wrong type; ``output`` is an array.

    Example:
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.correlate1d([2, 8, 0, 4, 1, 9, 9, 0], weights=[1, 3]))
        [ 8 26  8 12  7 28 36  9]
    """
    return filter_vector("correlate", input, weights, axis, output, mode, cval, origin)


def convolve1d(
    input: ArrayLike,
    weights: ArrayLike,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Array:
    """Convolves along one axis, as `scipy.ndimage.convolve1d`.

    Args:
        input: array of at least one dimension.
        weights: the kernel, a vector.
        axis: the filtered axis.
        output: as in `correlate1d`.
        mode: as in `correlate1d`.
        cval: as in `correlate1d`.
        origin: moves the output to the left for positive, to the right for negative values.

    Returns:
        The convolution, of the shape of ``input``.

    Raises:
        ValueError: as in `correlate1d`.
        TypeError: as in `correlate1d`.

    Example:
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.convolve1d([2, 8, 0, 4, 1, 9, 9, 0], weights=[1, 3]))
        [14 24  4 13 12 36 27  0]
    """
    return filter_vector("convolve", input, weights, axis, output, mode, cval, origin)


def correlate(
    input: ArrayLike,
    weights: ArrayLike,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int | Sequence[int] = 0,
    *,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """Correlates along several axes, as `scipy.ndimage.correlate`.

    Args:
        input: array of any rank.
        weights: the kernel, with a dimension for each of ``axes``, in ascending order of the
            axes; conjugated if complex.
        output: as in `correlate1d`.
        mode: as in `correlate1d`; one for all axes.
        cval: as in `correlate1d`.
        origin: as in `correlate1d`; one, or one for each of ``axes``.
        axes: the filtered axes; all by default.

    Returns:
        The correlation, of the shape of ``input``.

    Raises:
        ValueError: as in `correlate1d`.
        TypeError: as in `correlate1d`.

    Example:
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.correlate([[1, 2], [3, 4]], [[1, 10]], mode="nearest"))
        [[11 21]
         [33 43]]
    """
    return filter_image("correlate", input, weights, output, mode, cval, origin, axes)


def convolve(
    input: ArrayLike,
    weights: ArrayLike,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int | Sequence[int] = 0,
    *,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """Convolves along several axes, as `scipy.ndimage.convolve`.

    Args:
        input: array of any rank.
        weights: the kernel, as in `correlate`, not conjugated.
        output: as in `correlate1d`.
        mode: as in `correlate`.
        cval: as in `correlate1d`.
        origin: as in `convolve1d`; one, or one for each of ``axes``.
        axes: as in `correlate`.

    Returns:
        The convolution, of the shape of ``input``.

    Raises:
        ValueError: as in `correlate1d`.
        TypeError: as in `correlate1d`.

    Example:
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.convolve([[1, 2], [3, 4]], [[1, 10]], mode="constant"))
        [[12 20]
         [34 40]]
    """
    return filter_image("convolve", input, weights, output, mode, cval, origin, axes)
