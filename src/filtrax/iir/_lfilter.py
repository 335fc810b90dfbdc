"""`lfilter` and `sosfilt`: one filter given by its polynomials, or a cascade of small ones."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._spec import choice
from filtrax._typing import Array, ArrayLike
from filtrax.iir._arguments import (
    Coefficients,
    Rows,
    cast,
    check_zi,
    common_dtype,
    make_rows,
    numeric,
    samples_of,
    sections,
    single_section,
    split_sections,
    transfer_function,
)
from filtrax.iir._choose import METHODS
from filtrax.iir._core import Cascade, Form, prepare, run, with_tables, working


def lfilter(
    b: ArrayLike,
    a: ArrayLike,
    x: ArrayLike,
    axis: int = -1,
    zi: ArrayLike | None = None,
    *,
    method: str = "auto",
) -> Any:
    """Filters x by the recursive filter b / a, as `scipy.signal.lfilter`.

    ``a[0] y[n] = b[0] x[n] + b[1] x[n-1] + ... - a[1] y[n-1] - a[2] y[n-2] - ...``

    It is differentiable by b, a, x and zi, in both modes and to any order. Coefficients that are
    known while JAX traces are used as they are given, also where x is of lower precision.

    Args:
        b: numerator. One filter (K,) for all rows, or one for each: an array whose last dimension
            holds the coefficients and whose others broadcast against those of x without ``axis``.
        a: denominator, likewise; its first coefficient must not be 0.
        x: signals.
        axis: the axis along which time runs.
        zi: the state before the first sample, of length ``max(len(a), len(b)) - 1`` along
            ``axis`` and otherwise of x's shape (or 1 there); zero by default.
        method: ``"auto"``, or the form to use: ``"block"`` or ``"scan"`` (see `filtrax.iir.plan`).

    Returns:
        The filtered signals; with ``zi`` also the state after the last sample.

    Raises:
        ValueError: b or a is empty, ``a[0]`` is 0, or a shape does not fit.
        TypeError: an argument is no array of numbers.

    Example:
        >>> import filtrax
        >>> print(filtrax.lfilter([1.0], [1.0, -0.5], [1.0, 0.0, 0.0, 0.0]))
        [1.    0.5   0.25  0.125]
    """
    choice("method", method, METHODS)
    p, q = transfer_function(b, a)
    signal = samples_of(x)
    state = None if zi is None else numeric(zi, "zi")
    dtype = common_dtype(p, q, signal, *(() if state is None else (state,)))
    wide, _ = working(dtype)
    coefficients = single_section(p, q, wide)
    rows = make_rows(signal, coefficients.b.shape[:-2], axis, "b, a")
    before = None
    if state is not None:
        order = coefficients.b.shape[-1] - 1
        expected = [*rows.batch[: rows.axis], order, *rows.batch[rows.axis :]]
        check_zi(state, expected, broadcast=True)
        before = (cast(state, wide),)
    is_fir = q.shape[-1] == 1
    y, after = _filtered(signal, before, coefficients, rows, dtype, method, is_fir=is_fir)
    return y if zi is None else (y, after[0])


def sosfilt(
    sos: ArrayLike,
    x: ArrayLike,
    axis: int = -1,
    zi: ArrayLike | None = None,
    *,
    method: str = "auto",
) -> Any:
    """Filters x by a cascade of second-order sections, as `scipy.signal.sosfilt`.

    All sections run as one filter in a single pass, unless states or, in forward mode, derivatives
    by their coefficients are asked for.

    Args:
        sos: sections (S, 6), each ``b0 b1 b2 1 a1 a2``; or (..., S, 6), one cascade for each row,
            as in `lfilter`.
        x: signals.
        axis: the axis along which time runs.
        zi: the states before the first sample, of shape (S, ...) with x's shape behind, but 2
            along ``axis``; zero by default.
        method: as in `lfilter`.

    Returns:
        The filtered signals; with ``zi`` also the states after the last sample.

    Raises:
        ValueError: a shape does not fit, or ``sos[:, 3]`` is not 1.
        TypeError: an argument is no array of numbers.

    Example:
        >>> import filtrax
        >>> print(filtrax.sosfilt([[1.0, 0, 0, 1, -0.5, 0]], [1.0, 0.0, 0.0, 0.0]))
        [1.    0.5   0.25  0.125]
    """
    choice("method", method, METHODS)
    cascade = sections(sos)
    signal = samples_of(x)
    state = None if zi is None else numeric(zi, "zi")
    dtype = common_dtype(cascade, signal, *(() if state is None else (state,)))
    wide, _ = working(dtype)
    coefficients = split_sections(cascade, wide)
    rows = make_rows(signal, coefficients.b.shape[:-2], axis, "sos")
    before = None
    if state is not None:
        count = cascade.shape[-2]
        expected = [count, *rows.batch[: rows.axis], 2, *rows.batch[rows.axis :]]
        check_zi(state, expected, broadcast=False)
        states = cast(state, wide)
        before = tuple(states[s] for s in range(count))
    y, after = _filtered(signal, before, coefficients, rows, dtype, method)
    return y if zi is None else (y, jnp.stack(after))


def _filtered(
    x: Any,
    before: tuple[Array, ...] | None,
    coefficients: Coefficients,
    rows: Rows,
    dtype: Any,
    method: str,
    *,
    is_fir: bool = False,
) -> tuple[Array, tuple[Array, ...]]:
    wide, _ = working(dtype)
    if jnp.issubdtype(coefficients.b.dtype, jnp.complexfloating):
        wide = coefficients.b.dtype
    samples = x.shape[rows.axis]
    if is_fir:
        b, a = (rows.groups(each) for each in coefficients[:2])
        cascade, form = Cascade(b, a, ()), Form("fir")
    else:
        cascade, form = prepare(
            coefficients, rows, samples, method=method, joint=before is None
        )  # fmt: skip
    y, after = _run(cast(x, wide), before, cascade, rows=rows, form=form)
    y = lax.convert_element_type(y, dtype)
    return y, tuple(lax.convert_element_type(each, dtype) for each in after)


@partial(jax.jit, static_argnames=("rows", "form"), inline=True)
def _run(
    x: Array, before: tuple[Array, ...] | None, cascade: Cascade, *, rows: Rows, form: Form
) -> tuple[Array, tuple[Array, ...]]:
    states = () if before is None else tuple(map(rows.pack, before))
    y, after = run(rows.pack(x), with_tables(cascade, form), form, states=states)
    return rows.unpack(y), tuple(map(rows.unpack, after))
