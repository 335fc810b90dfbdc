"""The single funnel: every filtering operation of the library ends in `channels`."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from filtrax import _boundary, _bounded, _margins
from filtrax._accuracy import as_accuracy
from filtrax._engines import ENGINES
from filtrax._engines.taps import widened
from filtrax._geometry import Axis, passive_axis, resolve_axis
from filtrax._layout import Layout, make_layout
from filtrax._masked import as_normalize, counted_only, gains, normalized
from filtrax._operands import as_operands, as_precision, fill_operands
from filtrax._spec import AxisSpec, Spec, choice, make_spec
from filtrax._typing import (
    Accuracy,
    Array,
    ArrayLike,
    Axes,
    Boundary,
    DTypeLike,
    Method,
    Mode,
    Precision,
)

METHODS = ("auto", *ENGINES)


def convolve(
    x: ArrayLike,
    h: ArrayLike,
    mode: Mode = "full",
    *,
    axes: Axes = None,
    boundary: Boundary = "zero",
    origin: int | tuple[int, ...] = 0,
    stride: int | tuple[int, ...] = 1,
    dilation: int | tuple[int, ...] = 1,
    conjugate: bool | None = None,
    method: Method = "auto",
    precision: Precision = None,
    accuracy: Accuracy = "row",
    where: ArrayLike | None = None,
    normalize: bool = False,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Slides the reversed kernel h over x: ``y[i] = sum over m of h[m] * x[i + start - m]``.

    ``start`` is 0 for ``"full"`` and ``"causal"``, ``(K-1)//2 + origin`` for ``"same"`` and
    ``K-1`` for ``"valid"``, where K is the number of taps. The formula is the discrete
    convolution of `numpy.convolve`; operands are never swapped.

    Args:
        x: signal, any rank of at least 1, of any numbers or booleans.
        h: kernel. With ``axes=None`` its dimensions align with the last ones of x, so a
            vector filters each row of a matrix. With ``axes``, a kernel of rank ``len(axes)``
            is shared, and one of the rank of x broadcasts against x along the other axes: one
            kernel for each row.
        mode: extent of the output along each filtered axis: ``"full"`` (N+K-1), ``"same"``
            (N, centred), ``"valid"`` (N-K+1), ``"causal"`` (the first N of full), or explicit
            ``(lo, hi)`` padding of x, where negative numbers drop samples. One for all axes,
            or a sequence with one for each.
        axes: the filtered axes of x, an integer or several.
        boundary: what lies outside x: ``"zero"``, a number, ``"edge"``, ``"reflect"`` (about
            the end sample), ``"symmetric"`` (about the edge), ``"wrap"``; as `numpy.pad`, also
            beyond the signal's length. One, or a sequence with one for each filtered axis.
        origin: moves the kernel's centre by so many samples, in ``"same"`` only; the tap at
            ``(K-1)//2 + origin`` stands on the output sample.
        stride: step of the output.
        dilation: spacing of the taps.
        conjugate: whether to conjugate h; by default no (`correlate` does).
        method: ``"auto"``, or the engine to use: ``"direct"``, ``"shift"``, ``"toeplitz"``,
            ``"fft"`` or ``"overlap"``.
        precision: of matrix products on accelerators: ``"highest"`` (the default), ``"high"``,
            ``"default"`` or a `jax.lax.Precision`.
        accuracy: what ``"auto"`` must keep, in every derivative, too. By name, what an output's
            error may be relative to: ``"row"``, the largest values of its row; ``"block"``, those
            of a block (see `plan`); ``"window"``, its own samples under the kernel. A transform
            keeps no window. Or a number: the largest `Plan.error`.
        where: booleans that broadcast against x: the samples that count. Others contribute
            nothing to the result or to a gradient, also where they are NaN or infinite.
        normalize: whether each output is ``sum(h)`` times the weighted mean of the samples that
            count, ``sum of h x / sum of h`` over them; NaN where none does. ``"zero"`` is no
            sample outside x, a number is one that counts, other boundaries repeat the mask, too.
            ``"auto"`` then keeps the accuracy ``"window"``.
        preferred_element_type: a wider dtype in which to sum and to return, such as float32 for
            float16 operands, or int32 for int8 ones and to count booleans.

    Returns:
        The filtered array, of the rank of x and the promoted dtype of x and h, by JAX's rules:
        Python's numbers and lists of them take the other operand's. float16 and bfloat16 are
        summed in float32; integers stay integers and wrap around, booleans stay booleans.

    Raises:
        ValueError: an argument has an impossible value, or shapes do not fit.
        TypeError: an argument has the wrong type.

    Example:
        >>> import filtrax
        >>> print(filtrax.convolve([1, 0, 2, 3], [2, 1], mode="same"))
        [2 1 4 8]
    """
    return _filter(
        "convolve", x, h, mode, axes=axes, boundary=boundary, origin=origin, stride=stride,
        dilation=dilation, conjugate=conjugate, method=method, precision=precision,
        accuracy=accuracy, where=where, normalize=normalize,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


def correlate(
    x: ArrayLike,
    h: ArrayLike,
    mode: Mode = "full",
    *,
    axes: Axes = None,
    boundary: Boundary = "zero",
    origin: int | tuple[int, ...] = 0,
    stride: int | tuple[int, ...] = 1,
    dilation: int | tuple[int, ...] = 1,
    conjugate: bool | None = None,
    method: Method = "auto",
    precision: Precision = None,
    accuracy: Accuracy = "row",
    where: ArrayLike | None = None,
    normalize: bool = False,
    preferred_element_type: DTypeLike | None = None,
) -> Array:
    """Slides the kernel h over x as it is: ``y[i] = sum over m of conj(h[m]) * x[i - lo + m]``.

    ``lo`` is ``K-1`` for ``"full"`` and ``"causal"``, ``K//2 + origin`` for ``"same"`` and 0
    for ``"valid"``, where K is the number of taps. It is what machine-learning libraries call
    a convolution, and what NumPy and SciPy call a correlation; as there, a complex kernel is
    conjugated unless ``conjugate=False``.

    Args:
        x: signal, any rank of at least 1, of any numbers or booleans.
        h: kernel; see `convolve` for how it meets the axes of x.
        mode: extent of the output, as in `convolve`.
        axes: the filtered axes of x, as in `convolve`.
        boundary: what lies outside x, as in `convolve`.
        origin: moves the kernel's centre by so many samples, in ``"same"`` only; the tap at
            ``K//2 + origin`` stands on the output sample.
        stride: step of the output.
        dilation: spacing of the taps.
        conjugate: whether to conjugate h; by default yes.
        method: ``"auto"``, or the engine to use: ``"direct"``, ``"shift"``, ``"toeplitz"``,
            ``"fft"`` or ``"overlap"``.
        precision: of matrix products on accelerators, as in `convolve`.
        accuracy: what ``"auto"`` must keep, as in `convolve`.
        where: the samples that count, as in `convolve`.
        normalize: whether to divide by the weight that counted, as in `convolve`.
        preferred_element_type: a wider dtype of the result, as in `convolve`.

    Returns:
        The filtered array, of the rank of x and the promoted dtype of x and h.

    Raises:
        ValueError: an argument has an impossible value, or shapes do not fit.
        TypeError: an argument has the wrong type.

    Example:
        >>> import filtrax
        >>> print(filtrax.correlate([1, 0, 2, 3, 0, 1, 1], [2, 1, 3], mode="valid"))
        [ 8 11  7  9  4]
    """
    return _filter(
        "correlate", x, h, mode, axes=axes, boundary=boundary, origin=origin, stride=stride,
        dilation=dilation, conjugate=conjugate, method=method, precision=precision,
        accuracy=accuracy, where=where, normalize=normalize,
        preferred_element_type=preferred_element_type,
    )  # fmt: skip


def _filter(
    operation: str,
    x: Any,
    h: Any,
    mode: Any,
    *,
    axes: Any = None,
    boundary: Any = "zero",
    origin: Any = 0,
    stride: Any = 1,
    dilation: Any = 1,
    conjugate: Any = None,
    method: Any = "auto",
    precision: Any = None,
    accuracy: Any = "row",
    where: Any = None,
    normalize: Any = False,
    preferred_element_type: Any = None,
) -> Array:
    """The filter of the samples that count, divided by the weight that did if asked for."""
    x, h = as_operands(x, h, preferred_element_type)
    as_ratio = as_normalize(normalize, x.dtype)
    if x.dtype == bool:
        # NumPy's sum of booleans: whether any pair of true ones meets.
        counts = _filter(
            operation, x, h, mode, axes=axes, boundary=boundary, origin=origin, stride=stride,
            dilation=dilation, conjugate=conjugate, method=method, precision=precision,
            accuracy=accuracy, where=where, preferred_element_type=jnp.int32,
        )  # fmt: skip
        return counts != jnp.zeros((), counts.dtype)
    x, mask = counted_only(x, where)
    given = x.dtype
    if as_ratio:
        # Half precision as float32, so that the ratio is rounded once.
        x, h = widened(x), widened(h)

    def apply(x: Array, boundary: Any, accuracy: Any) -> Array:
        return _filter_all(
            operation, x, h, mode, axes=axes, boundary=boundary, origin=origin, stride=stride,
            dilation=dilation, conjugate=conjugate, method=method, precision=precision,
            accuracy=accuracy,
        )  # fmt: skip

    if not as_ratio:
        return apply(x, boundary, accuracy)
    filtered = make_layout(x.shape, h.shape, axes).filtered
    conjugated = operation == "correlate" if conjugate is None else conjugate
    y = normalized(
        apply, x, mask, gains(h, filtered if h.ndim == x.ndim else None, conjugated),
        axes=filtered, boundary=boundary, method=method, accuracy=accuracy,
    )  # fmt: skip
    return y if x.dtype == given else y.astype(given)


def _filter_all(
    operation: str,
    x: Array,
    h: Array,
    mode: Any,
    *,
    axes: Any,
    boundary: Any,
    origin: Any,
    stride: Any,
    dilation: Any,
    conjugate: Any,
    method: Any,
    precision: Any,
    accuracy: Any,
) -> Array:
    """Checks everything, settles the geometry in integers, and runs the result."""
    layout = make_layout(x.shape, h.shape, axes)
    spec, fills = make_spec(
        len(layout.filtered), operation, mode, boundary, origin, stride, dilation, conjugate
    )
    resolved = resolve_axes(spec, layout)
    spec, fills = spread(spec, fills, layout)
    return _run(
        x, h, fill_operands(spec, fills, x.dtype),
        spec=spec, layout=layout, axes=resolved, method=choice("method", method, METHODS),
        precision=as_precision(precision), accuracy=as_accuracy(accuracy),
    )  # fmt: skip


def resolve_axes(spec: Spec, layout: Layout) -> tuple[Axis, ...]:
    """The index relation of each spatial axis."""
    n, k = layout.x_shape[3:], layout.h_shape[3:]
    places = [layout.spatial.index(number) for number in range(len(layout.filtered))]
    names = [""] if len(layout.x_order) == 1 else [f" along axis {a}" for a in layout.filtered]
    sizes = (tuple(n[place] for place in places), tuple(k[place] for place in places))
    resolved = resolve_windows(spec, *sizes, names)
    return tuple(
        passive_axis(n[place], k[place]) if number is None else resolved[number]
        for place, number in enumerate(layout.spatial)
    )


def spread(spec: Spec, fills: tuple[Any, ...], layout: Layout) -> tuple[Spec, tuple[Any, ...]]:
    """The choices of the filtered axes among those of all spatial ones."""
    carried = AxisSpec("valid")
    axes = tuple(carried if number is None else spec.axes[number] for number in layout.spatial)
    values = tuple(None if number is None else fills[number] for number in layout.spatial)
    return replace(spec, axes=axes), values


def resolve_windows(
    spec: Spec, n: tuple[int, ...], k: tuple[int, ...], names: Sequence[str] = ()
) -> tuple[Axis, ...]:
    """`resolve_axes` from the lengths of signal and kernel along each axis."""
    return tuple(
        resolve_axis(axis, spec.operation, *sizes)
        for axis, *sizes in zip(spec.axes, n, k, names or ("",) * len(n), strict=True)
    )


_STATIC = ("spec", "layout", "axes", "method", "precision", "accuracy")


@partial(jax.jit, static_argnames=_STATIC, inline=True)
def _run(
    x: Array,
    h: Array,
    fills: tuple[Array | None, ...],
    *,
    spec: Spec,
    layout: Layout,
    axes: tuple[Axis, ...],
    method: str,
    precision: lax.Precision,
    accuracy: str | float,
) -> Array:
    x = x.transpose(layout.x_order).reshape(layout.x_shape)
    h = h.transpose(layout.h_order).reshape(layout.h_shape)
    y = channels(x, h, spec, axes, fills, method, precision, accuracy)
    return y.reshape(*layout.y_batch, *y.shape[3:]).transpose(layout.y_order)


def channels(
    x: Array,
    h: Array,
    spec: Spec,
    axes: tuple[Axis, ...],
    fills: tuple[Array | None, ...],
    method: str,
    precision: lax.Precision,
    accuracy: str | float = "row",
) -> Array:
    """The canonical problem: x (G, B, C, *N) and h (G, O, C, *K) to y (G, B, O, *M).

    Here conjugation and boundaries are settled; below, all is correlation.
    """
    if spec.conjugate:
        h = jnp.conj(h)
    # Repeated samples, of all axes at once; then constants, which stand over those at a corner.
    margins = [_margins.Margin()] * x.ndim
    for i, (axis, choices) in enumerate(zip(axes, spec.axes, strict=True)):
        if choices.boundary not in ("zero", "constant") and (axis.lo > 0 or axis.hi > 0):
            margins[3 + i] = _margins.Margin(axis.n, axis.lo, axis.hi, choices.boundary)
            axes = _extended(axes, i)
    if any(choices.boundary == "constant" for choices in spec.axes):
        x, margins = _margins.extend(x, tuple(margins)), [_margins.Margin()] * x.ndim
    for i, (choices, fill) in enumerate(zip(spec.axes, fills, strict=True)):
        axis = axes[i]
        # Axes are extended one after the other, as by repeated `numpy.pad`: at a corner a later
        # constant stands over an earlier axis's zeros, so there the zeros must be real, too.
        later = any(other.boundary == "constant" for other in spec.axes[i + 1 :])
        if (choices.boundary == "constant" or (choices.boundary == "zero" and later)) and (
            axis.lo > 0 or axis.hi > 0
        ):
            x = _boundary.extend(x, 3 + i, (axis.lo, axis.hi), choices.boundary, fill)
            axes = _extended(axes, i)
    correlation = partial(
        _bounded.bind, margins=tuple(margins), axes=axes, method=method, precision=precision,
        accuracy=accuracy,
    )  # fmt: skip
    x_complex, h_complex = (jnp.issubdtype(a.dtype, jnp.complexfloating) for a in (x, h))
    # Real on one side: two real filters, not a complex one with an imaginary part of zeros.
    if x_complex and not h_complex:
        return lax.complex(correlation(x.real, h), correlation(x.imag, h))
    if h_complex and not x_complex:
        return lax.complex(correlation(x, h.real), correlation(x, h.imag))
    return correlation(x, h)


def _extended(axes: tuple[Axis, ...], number: int) -> tuple[Axis, ...]:
    """The axes for a signal that is extended along one of them."""
    axis = axes[number]
    extended = replace(axis, n=axis.n + axis.lo + axis.hi, lo=0)
    return (*axes[:number], extended, *axes[number + 1 :])
