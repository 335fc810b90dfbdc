"""`filtfilt` and `sosfiltfilt`: forward, then backward in time, so that no phase is left."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import value_error
from filtrax._spec import choice, integer
from filtrax._typing import Array, ArrayLike
from filtrax.iir._arguments import (
    Coefficients,
    Rows,
    cast,
    common_dtype,
    known,
    make_rows,
    samples_of,
    sections,
    single_section,
    split_sections,
    transfer_function,
)
from filtrax.iir._core import Cascade, Form, prepare, there_and_back, with_tables, working
from filtrax.iir._gust import free_ends
from filtrax.iir._initial import steady_gain

_PADTYPES = ("odd", "even", "constant")


def filtfilt(
    b: ArrayLike,
    a: ArrayLike,
    x: ArrayLike,
    axis: int = -1,
    padtype: str | None = "odd",
    padlen: int | None = None,
    method: str = "pad",
    irlen: int | None = None,
) -> Array:
    """Filters x forward and backward by b / a, as `scipy.signal.filtfilt`.

    Args:
        b: numerator (K,), or one for each row as in `filtrax.lfilter`.
        a: denominator, likewise.
        x: signals.
        axis: the axis along which time runs.
        padtype: how x is continued at both ends: ``"odd"`` (mirrored through the end point),
            ``"even"`` (mirrored), ``"constant"`` (the end sample repeated), or ``None``.
        padlen: by how many samples, fewer than x has; by default ``3 * max(len(a), len(b))``.
        method: ``"pad"``, or ``"gust"``: no continuation, but the states at both ends for which
            forward-backward and backward-forward agree best (Gustafsson 1996).
        irlen: for ``"gust"``, the length after which the impulse response is negligible.

    Returns:
        The filtered signals, of x's shape.

    Raises:
        ValueError: x has no more than ``padlen`` samples, an argument has an impossible value, or
            the filter has a pole at z = 1.
        TypeError: an argument is no array of numbers.

    Example:
        >>> import filtrax
        >>> print(filtrax.filtfilt([0.5, 0.5], [1.0], [0.0, 0, 4, 0, 0], padlen=0))
        [0. 1. 2. 1. 0.]
    """
    choice("method", method, ("pad", "gust"))
    p, q = transfer_function(b, a)
    signal = samples_of(x)
    dtype = common_dtype(p, q, signal)
    wide, _ = working(dtype)
    coefficients = single_section(p, q, wide)
    rows = make_rows(signal, coefficients.b.shape[:-2], axis, "b, a")
    is_fir = q.shape[-1] == 1
    samples = signal.shape[rows.axis]
    if method == "gust":
        length = None if irlen is None else integer("irlen", irlen)
        if length is not None and length < 1:
            raise value_error("irlen", "at least 1", repr(irlen))
        cascade, form = _prepared(coefficients, rows, samples, is_fir=is_fir)
        y = free_ends(cast(signal, wide), cascade, rows=rows, form=form, irlen=length)
        return lax.convert_element_type(y, dtype)
    edge = _edge(padtype, padlen, lambda: 3 * coefficients.b.shape[-1], samples)
    return _both_ways(signal, coefficients, rows, dtype, padtype, edge, is_fir=is_fir)


def sosfiltfilt(
    sos: ArrayLike,
    x: ArrayLike,
    axis: int = -1,
    padtype: str | None = "odd",
    padlen: int | None = None,
) -> Array:
    """Filters x forward and backward by a cascade, as `scipy.signal.sosfiltfilt`.

    Args:
        sos: sections (S, 6), or one cascade for each row as in `filtrax.sosfilt`.
        x: signals.
        axis: the axis along which time runs.
        padtype: as in `filtfilt`.
        padlen: as in `filtfilt`, by default ``3 * (2 * S + 1 - n)``, where n is how often
            ``b2``, or ``a2`` if that is less often, is 0. It must be given where sos is traced,
            for then those zeros cannot be counted.

    Returns:
        The filtered signals, of x's shape.

    Raises:
        ValueError: as `filtfilt` and `filtrax.sosfilt`.
        TypeError: an argument is no array of numbers.

    Example:
        >>> import filtrax
        >>> sections = [[0.5, 0.5, 0, 1, 0, 0]]
        >>> print(filtrax.sosfiltfilt(sections, [0.0, 0, 4, 0, 0], padlen=0))
        [0. 1. 2. 1. 0.]
    """
    cascade = sections(sos)
    signal = samples_of(x)
    dtype = common_dtype(cascade, signal)
    wide, _ = working(dtype)
    coefficients = split_sections(cascade, wide)
    rows = make_rows(signal, coefficients.b.shape[:-2], axis, "sos")
    edge = _edge(padtype, padlen, lambda: 3 * _taps(cascade), signal.shape[rows.axis])
    return _both_ways(signal, coefficients, rows, dtype, padtype, edge)


def _taps(sos: Any) -> int:
    """SciPy's count: a section of first order has a tap less."""
    host = known(sos)
    if host is None:
        raise value_error("padlen", "an integer where sos is traced", "None")
    zeros = [int((host[..., column] == 0).sum(-1).min()) for column in (2, 5)]
    return 2 * host.shape[-2] + 1 - min(zeros)


def _edge(padtype: Any, padlen: Any, default: Callable[[], int], samples: int) -> int:
    """By how many samples to continue a signal at each end."""
    if padtype is None:
        edge = 0
    else:
        choice("padtype", padtype, _PADTYPES)
        edge = default() if padlen is None else integer("padlen", padlen)
    if edge < 0:
        raise value_error("padlen", "at least 0", repr(edge))
    if samples <= edge:
        raise value_error("x", f"more samples than padlen, which is {edge}", f"{samples}")
    return edge


def _prepared(
    coefficients: Coefficients, rows: Rows, samples: int, *, is_fir: bool, joint: bool = False
) -> tuple[Cascade, Form]:
    if is_fir:
        b, a = (rows.groups(each) for each in coefficients[:2])
        return Cascade(b, a, ()), Form("fir")
    return prepare(coefficients, rows, samples, joint=joint)


def _both_ways(
    x: Any,
    coefficients: Coefficients,
    rows: Rows,
    dtype: Any,
    padtype: Any,
    edge: int,
    *,
    is_fir: bool = False,
) -> Array:
    wide, _ = working(dtype)
    samples = x.shape[rows.axis] + 2 * edge
    cascade, form = _prepared(coefficients, rows, samples, is_fir=is_fir, joint=True)
    exact = coefficients.exact
    b, a = coefficients[:2] if exact is None else exact
    gain = steady_gain(rows.groups(b), rows.groups(a), coefficients.b.dtype)
    y = _run(
        cast(x, wide), gain, cascade, rows=rows, form=form, padtype=padtype, edge=edge
    )  # fmt: skip
    return lax.convert_element_type(y, dtype)


@partial(jax.jit, static_argnames=("rows", "form", "padtype", "edge"), inline=True)
def _run(
    x: Array,
    gain: Array,
    cascade: Cascade,
    *,
    rows: Rows,
    form: Form,
    padtype: str | None,
    edge: int,
) -> Array:
    cascade = with_tables(cascade, form)
    level = lax.convert_element_type(gain[:, None, None], x.dtype)
    signal = rows.pack(x)
    samples = signal.shape[-1]
    # Rest before the start, up to whole blocks: so neither pass has to pad, and both end with them.
    spare = -(samples + 2 * edge) % form.block if form.block else 0
    # A signal is filtered from the level of its first sample, as if that had lasted for ever: what
    # differs from it starts from rest. That needs no state, and no digits are lost where the gain
    # is small. The level that comes out of the first pass drops out of the second.
    rise, first = _continued(signal, padtype, edge, spare)
    z, last = there_and_back(rise, cascade, form)
    start = spare + edge
    return rows.unpack(z[..., start : start + samples] + level * (last + level * first))


def _continued(x: Array, padtype: str | None, edge: int, spare: int) -> tuple[Array, Array]:
    """X with ``edge`` samples more at both ends, less the first of all; ``spare`` zeros before."""
    samples, start = x.shape[-1], spare + edge
    parts: list[tuple[Any, int]] = [(x, start)]
    if edge and padtype == "constant":
        wide = (*x.shape[:-1], edge)
        left, right = jnp.broadcast_to(x[..., :1], wide), jnp.broadcast_to(x[..., -1:], wide)
        parts += [(right, start + samples), (left, spare)]
    elif edge:
        left, right = x[..., edge:0:-1], x[..., -2 : -edge - 2 : -1]
        if padtype == "odd":
            two = np.asarray(2, x.dtype)
            left, right = two * x[..., :1] - left, two * x[..., -1:] - right
        parts += [(right, start + samples), (left, spare)]
    first = parts[-1][0][..., :1]
    # Joined as pieces, the signal would be written twice: less its level, and then in its place.
    # It comes first, as else the compiler pads what the ends were written to, a sample at a time.
    rest = lax.stop_gradient(first - first)
    rise = jnp.broadcast_to(rest, (*x.shape[:-1], start + samples + edge))
    for part, at in parts:
        rise = lax.dynamic_update_slice_in_dim(rise, part - first, at, -1)
    return rise, first
