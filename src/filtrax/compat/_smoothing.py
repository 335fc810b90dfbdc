"""The smoothing filters of `scipy.ndimage`: one pass of a vector along each axis."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax.core import Tracer

from filtrax._errors import describe
from filtrax._spec import integer
from filtrax._typing import Array, ArrayLike
from filtrax.compat._gaussian import gaussian_kernel
from filtrax.compat._ndimage import (
    after_passes,
    between_passes,
    check_axes,
    check_axis,
    compare,
    filter_axes,
    filter_vector,
    for_each,
    output_dtype,
)
from filtrax.compat._scipy import SciPyArgumentError, fixed_taps, is_complex, operand


def gaussian_filter1d(
    input: ArrayLike,
    sigma: Any,
    axis: int = -1,
    order: int = 0,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> Array:
    """Filters one axis by a Gaussian or its derivative, as `scipy.ndimage.gaussian_filter1d`.

    Args:
        input: array of at least one dimension.
        sigma: standard deviation in samples. It may be traced, for a gradient by it; then
            ``radius`` must be given, as the number of taps cannot depend on a traced value.
        axis: the filtered axis.
        order: 0 smooths; n differentiates n times.
        output: as in `correlate1d`.
        mode: as in `correlate1d`.
        cval: as in `correlate1d`.
        truncate: standard deviations at which the kernel ends.
        radius: taps on either side, instead of ``truncate``.

    Returns:
        The filtered array, of the shape of ``input``.

    Raises:
        ValueError: as in `correlate1d`; ``sigma`` is 0, ``order`` or ``radius`` is negative.
        TypeError: as in `correlate1d`; ``sigma`` is traced and ``radius`` is not given.

    Example:
        >>> import jax
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.gaussian_filter1d([0.0, 0.0, 8.0, 0.0, 0.0], 1).round(1))
        [0.5 1.9 3.2 1.9 0.5]
        >>> peak = lambda sigma: scipy_ndimage.gaussian_filter1d(
        ...     [0.0, 0.0, 1.0, 0.0, 0.0], sigma, radius=2)[2]
        >>> print(jax.grad(peak)(1.0).round(3))
        -0.372
    """
    kernel = fixed_taps(gaussian_kernel(sigma, order, truncate, radius))
    return filter_vector("convolve", input, kernel, axis, output, mode, cval, 0)


def gaussian_filter(
    input: ArrayLike,
    sigma: Any,
    order: int | Sequence[int] = 0,
    output: Any = None,
    mode: str | Sequence[str] = "reflect",
    cval: Any = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """Filters by a Gaussian, one pass for each axis, as `scipy.ndimage.gaussian_filter`.

    As in SciPy, each pass ends in the output's dtype, integers cut off, and each has the same
    ``cval``. A ``sigma`` of zero skips its axis, unless it is traced.

    Args:
        input: array of any rank.
        sigma: as in `gaussian_filter1d`; one, or one for each of ``axes``.
        order: as in `gaussian_filter1d`; one, or one for each of ``axes``.
        output: as in `correlate1d`.
        mode: as in `correlate1d`; one, or one for each of ``axes``.
        cval: as in `correlate1d`.
        truncate: as in `gaussian_filter1d`.
        radius: as in `gaussian_filter1d`; one, or one for each of ``axes``.
        axes: the filtered axes; all by default.

    Returns:
        The filtered array, of the shape of ``input``.

    Raises:
        ValueError: as in `gaussian_filter1d`, or a sequence has the wrong length.
        TypeError: as in `gaussian_filter1d`.

    Example:
        >>> import numpy as np
        >>> from filtrax.compat import scipy_ndimage
        >>> image = np.arange(50, step=2, dtype=np.int16).reshape((5, 5))
        >>> print(scipy_ndimage.gaussian_filter(image, sigma=1)[0])
        [ 4  6  8  9 11]
    """
    x = operand(input, "input")
    dtype = output_dtype(output, x.dtype, False)
    if is_complex(x.dtype) and not is_complex(dtype):
        raise SciPyArgumentError(f"output: expected a complex dtype, got {describe(output)}")
    chosen = check_axes(axes, x.ndim)
    passes = zip(
        chosen,
        for_each("sigma", sigma, len(chosen)),
        for_each("order", order, len(chosen)),
        for_each("mode", mode, len(chosen)),
        for_each("radius", radius, len(chosen)),
        strict=True,
    )
    y, between = x, between_passes(dtype)
    for axis, width, derivative, outside, taps in passes:
        if isinstance(width, Tracer) or compare("sigma", width, 1e-15):
            y = gaussian_filter1d(
                y, width, axis, derivative, between, outside, cval, truncate, radius=taps
            )
    return after_passes(y, dtype)


def uniform_filter1d(
    input: ArrayLike,
    size: int,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: Any = 0.0,
    origin: int = 0,
) -> Array:
    """Averages ``size`` neighbours along one axis, as `scipy.ndimage.uniform_filter1d`.

    Args:
        input: array of at least one dimension.
        size: samples to average.
        axis: the filtered axis.
        output: as in `correlate1d`.
        mode: as in `correlate1d`.
        cval: as in `correlate1d`.
        origin: as in `correlate1d`.

    Returns:
        The averages, of the shape of ``input``.

    Raises:
        ValueError: as in `correlate1d`; ``size`` is below 1.
        TypeError: as in `correlate1d`.

    Example:
        >>> import numpy as np
        >>> from filtrax.compat import scipy_ndimage
        >>> x = np.array([2, 8, 0, 4, 1, 9, 9, 0], np.int16)
        >>> print(scipy_ndimage.uniform_filter1d(x, size=3))
        [4 3 4 1 4 6 6 3]
    """
    x = operand(input, "input")
    axis = check_axis(axis, x.ndim)
    size = integer("size", size)
    if size < 1:
        raise SciPyArgumentError(f"size: expected an integer of at least 1, got {size}")
    # A sum, divided once: so averages of integers are those of SciPy, to the last.
    return filter_axes(
        "correlate", x, jnp.ones(size, bool), (axis,), output, mode, cval, (origin,), divisor=size
    )


def uniform_filter(
    input: ArrayLike,
    size: int | Sequence[int] = 3,
    output: Any = None,
    mode: str | Sequence[str] = "reflect",
    cval: Any = 0.0,
    origin: int | Sequence[int] = 0,
    *,
    axes: int | Sequence[int] | None = None,
) -> Array:
    """Averages boxes of neighbours, one pass for each axis, as `scipy.ndimage.uniform_filter`.

    As in SciPy, each pass ends in the output's dtype, integers cut off, and sizes up to 1 are
    skipped.

    Args:
        input: array of any rank.
        size: as in `uniform_filter1d`; one, or one for each of ``axes``.
        output: as in `correlate1d`.
        mode: as in `correlate1d`; one, or one for each of ``axes``.
        cval: as in `correlate1d`.
        origin: as in `correlate1d`; one, or one for each of ``axes``.
        axes: the filtered axes; all by default.

    Returns:
        The averages, of the shape of ``input``.

    Raises:
        ValueError: as in `uniform_filter1d`, or a sequence has the wrong length.
        TypeError: as in `uniform_filter1d`.

    Example:
        >>> from filtrax.compat import scipy_ndimage
        >>> print(scipy_ndimage.uniform_filter([[1.0, 2.0], [4.0, 8.0]], size=(1, 2)))
        [[1.  1.5]
         [4.  6. ]]
    """
    x = operand(input, "input")
    dtype = output_dtype(output, x.dtype, is_complex(x.dtype))
    chosen = check_axes(axes, x.ndim)
    passes = zip(
        chosen,
        for_each("size", size, len(chosen)),
        for_each("origin", origin, len(chosen)),
        for_each("mode", mode, len(chosen)),
        strict=True,
    )
    y, between = x, between_passes(dtype)
    for axis, width, shift, outside in passes:
        if compare("size", width, 1):
            if width == float("inf"):
                raise SciPyArgumentError("size: expected a finite number, got inf")
            y = uniform_filter1d(y, int(width), axis, between, outside, cval, shift)
    return after_passes(y, dtype)
