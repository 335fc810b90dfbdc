"""The derivative filters of `scipy.ndimage`: passes of short vectors, added up or squared."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._typing import Array, ArrayLike
from filtrax.compat._ndimage import (
    after_passes,
    between_passes,
    check_axes,
    check_axis,
    filter_vector,
    for_each,
    output_dtype,
)
from filtrax.compat._scipy import (
    SciPyArgumentError,
    fixed_taps,
    is_complex,
    is_inexact,
    operand,
    store,
)
from filtrax.compat._smoothing import gaussian_filter


def prewitt(
    input: ArrayLike,
    axis: int = -1,
    output: Any = None,
    mode: str | Sequence[str] = "reflect",
    cval: Any = 0.0,
) -> Array:
    """Prewitt's edge filter, as `scipy.ndimage.prewitt`: a difference, and sums across it.

    Args:
        input: array of at least one dimension.
        axis: the axis along which to differentiate.
        output: as in `correlate1d`.
        mode: as in `correlate1d`; one, or one for each axis of ``input``.
        cval: as in `correlate1d`.

    Returns:
        The filtered array, of the shape of ``input``.

    Raises:
        ValueError: as in `correlate1d`.
        TypeError: as in `correlate1d`.

    Example:
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.prewitt([[1, 2, 4], [1, 2, 4]]))
        [[3 9 6]
         [3 9 6]]
    """
    return _edges([1, 1, 1], input, axis, output, mode, cval)


def sobel(
    input: ArrayLike,
    axis: int = -1,
    output: Any = None,
    mode: str | Sequence[str] = "reflect",
    cval: Any = 0.0,
) -> Array:
    """Sobel's edge filter, as `scipy.ndimage.sobel`: a difference, and weighted sums across it.

    Args:
        input: array of at least one dimension.
        axis: the axis along which to differentiate.
        output: as in `correlate1d`.
        mode: as in `correlate1d`; one, or one for each axis of ``input``.
        cval: as in `correlate1d`.

    Returns:
        The filtered array, of the shape of ``input``.

    Raises:
        ValueError: as in `correlate1d`.
        TypeError: as in `correlate1d`.

    Example:
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.sobel([[1, 2, 4], [1, 2, 4]]))
        [[ 4 12  8]
         [ 4 12  8]]
    """
    return _edges([1, 2, 1], input, axis, output, mode, cval)


def _edges(across: list[int], input: Any, axis: Any, output: Any, mode: Any, cval: Any) -> Array:
    x = operand(input, "input")
    axis = check_axis(axis, x.ndim)
    dtype = _checked_output(output, x)
    modes = for_each("mode", mode, x.ndim)
    between, weights = between_passes(dtype), fixed_taps(np.array(across))
    difference = fixed_taps(np.array([-1, 0, 1]))
    y = filter_vector("correlate", x, difference, axis, between, modes[axis], cval, 0)
    for other in range(x.ndim):
        if other != axis:
            y = filter_vector("correlate", y, weights, other, between, modes[other], cval, 0)
    return after_passes(y, dtype)


def laplace(
    input: ArrayLike,
    output: Any = None,
    mode: str | Sequence[str] = "reflect",
    cval: Any = 0.0,
    *,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """The sum of second differences, as `scipy.ndimage.laplace`.

    Args:
        input: array of any rank.
        output: as in `correlate1d`.
        mode: as in `correlate1d`; one, or one for each of ``axes``.
        cval: as in `correlate1d`.
        axes: the axes along which to differentiate; all by default.

    Returns:
        The filtered array, of the shape of ``input``.

    Raises:
        ValueError: as in `correlate1d`.
        TypeError: as in `correlate1d`.

    Example:
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.laplace([0, 0, 1, 0, 0]))
        [ 0  1 -2  1  0]
    """
    x = operand(input, "input")
    dtype = _checked_output(output, x)

    between, difference = between_passes(dtype), fixed_taps(np.array([1, -2, 1]))

    def second(axis: int, outside: Any) -> Array:
        y = filter_vector("correlate", x, difference, axis, between, outside, cval, 0)
        return after_passes(y, dtype)

    return _over_axes(x, dtype, check_axes(axes, x.ndim), mode, second, _add)


def gaussian_laplace(
    input: ArrayLike,
    sigma: Any,
    output: Any = None,
    mode: str | Sequence[str] = "reflect",
    cval: Any = 0.0,
    *,
    axes: int | Sequence[int] | None = None,
    **kwargs: Any,
) -> Array:
    """The sum of Gaussian second derivatives, as `scipy.ndimage.gaussian_laplace`.

    Args:
        input: array of any rank.
        sigma: standard deviation; one, or one for each of ``axes``. Where ``axes`` names all axes
            in another order, SciPy takes them in the order of the axes, and so does this.
        output: as in `correlate1d`.
        mode: as in `correlate1d`; one, or one for each of ``axes``.
        cval: as in `correlate1d`.
        axes: the axes along which to differentiate and to smooth; all by default.
        **kwargs: ``truncate`` and ``radius`` of `gaussian_filter`.

    Returns:
        The filtered array, of the shape of ``input``.

    Raises:
        ValueError: as in `gaussian_filter`.
        TypeError: as in `gaussian_filter`.

    Example:
        >>> import numpy as np
        >>> from filtrax.compat import scipy_ndimage
        >>> y = scipy_ndimage.gaussian_laplace(np.eye(3, dtype="f"), 1)
        >>> print(np.asarray(y, "d").round(2))
        [[-0.38  0.04  0.35]
         [ 0.04 -0.07  0.04]
         [ 0.35  0.04 -0.38]]
    """
    x = operand(input, "input")
    dtype = _checked_output(output, x)
    chosen = check_axes(axes, x.ndim)
    widths = for_each("sigma", sigma, len(chosen))
    if len(chosen) < x.ndim:
        given = dict(zip(chosen, widths, strict=True))
        widths = [given.get(axis, 0) for axis in range(x.ndim)]

    def second(axis: int, outside: Any) -> Array:
        return gaussian_filter(
            x, widths, [2 * (i == axis) for i in range(x.ndim)], dtype, outside, cval, **kwargs
        )

    return _over_axes(x, dtype, chosen, mode, second, _add)


def gaussian_gradient_magnitude(
    input: ArrayLike,
    sigma: Any,
    output: Any = None,
    mode: str | Sequence[str] = "reflect",
    cval: Any = 0.0,
    *,
    axes: int | Sequence[int] | None = None,
    **kwargs: Any,
) -> Array:
    """The length of the Gaussian gradient, as `scipy.ndimage.gaussian_gradient_magnitude`.

    Its derivative is zero where the gradient is.

    Args:
        input: array of any rank.
        sigma: standard deviation; one, or one for each axis of ``input``: as in SciPy all of them
            are smoothed.
        output: as in `correlate1d`.
        mode: as in `correlate1d`; one, or one for each of ``axes``.
        cval: as in `correlate1d`.
        axes: the axes along which to differentiate; all by default.
        **kwargs: ``truncate`` and ``radius`` of `gaussian_filter`.

    Returns:
        The filtered array, of the shape of ``input``.

    Raises:
        ValueError: as in `gaussian_filter`.
        TypeError: as in `gaussian_filter`.

    Example:
        >>> import numpy as np
        >>> from filtrax.compat import scipy_ndimage
        >>> y = scipy_ndimage.gaussian_gradient_magnitude(np.eye(3, dtype="f"), 1)
        >>> print(np.asarray(y, "d").round(2))
        [[0.15 0.2  0.13]
         [0.2  0.   0.2 ]
         [0.13 0.2  0.15]]
    """
    x = operand(input, "input")
    dtype = _checked_output(output, x)
    chosen = check_axes(axes, x.ndim)

    def square(axis: int, outside: Any) -> Array:
        orders = [int(i == axis) for i in range(x.ndim)]
        y = gaussian_filter(x, sigma, orders, dtype, outside, cval, **kwargs)
        return y & y if dtype == np.bool_ else y * y

    total = _over_axes(x, dtype, chosen, mode, square, _add)
    return _root(total) if chosen else total


def _over_axes(
    x: Array,
    dtype: np.dtype[Any],
    axes: tuple[int, ...],
    mode: Any,
    term: Callable[[int, Any], Array],
    join: Callable[[Array, Array], Array],
) -> Array:
    """The terms of all axes in the output's dtype; without an axis, the input cast to it."""
    if not axes:
        return after_passes(jnp.asarray(x), dtype)
    modes = for_each("mode", mode, len(axes))
    y, *others = [term(*each) for each in zip(axes, modes, strict=True)]
    for other in others:
        y = join(y, other)
    return y


def _add(a: Array, b: Array) -> Array:
    return a | b if a.dtype == np.bool_ else a + b


def _root(y: Array) -> Array:
    """The square root in y's dtype, integers cut off, with a derivative of zero at zero."""
    if y.dtype == np.bool_:
        return y
    if not is_inexact(y.dtype):
        root = jnp.sqrt(y.astype(jnp.result_type(float)))
        return store(root, y.dtype)
    one = jnp.ones((), y.dtype)
    zero = y == jnp.zeros((), y.dtype)
    return jnp.where(zero, y, lax.sqrt(jnp.where(zero, one, y)))


def _checked_output(output: Any, x: Array) -> np.dtype[Any]:
    dtype = output_dtype(output, x.dtype, False)
    if is_complex(x.dtype) and not is_complex(dtype):
        raise SciPyArgumentError(f"output: expected a complex dtype, got {dtype}")
    if is_complex(dtype) and not is_complex(x.dtype):
        raise SciPyArgumentError(f"output: expected a real dtype for real input, got {dtype}")
    return dtype
