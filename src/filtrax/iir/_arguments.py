"""What a user passes to a recursive filter becomes arrays of one dtype in the order of rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from filtrax._errors import X64_OFF, describe, value_error, warn_of_precision
from filtrax._layout import single_axis
from filtrax._operands import as_numeric
from filtrax._typing import Array
from filtrax.iir._double import Double, double, rounded

_NUMPY_KINDS = "biufc"


class Exact(NamedTuple):
    """Coefficients known while tracing, normalised, in more than float64."""

    b: Double  # (..., S, K)
    a: Double


class Coefficients(NamedTuple):
    """Sections of a filter with a[0] = 1, padded to one length.

    Attributes:
        b: numerators (..., S, K).
        a: denominators (..., S, K).
        exact: the same before rounding, unless they are traced.
    """

    b: Array
    a: Array
    exact: Exact | None


@dataclass(frozen=True, slots=True)
class Rows:
    """How an array of signals becomes (G, B, T): groups of rows with coefficients in common.

    Attributes:
        axis: the filtered axis of the result.
        batch: the other sizes of the result.
        grouped: which of those the coefficients differ along.
    """

    axis: int
    batch: tuple[int, ...]
    grouped: tuple[int, ...]

    @property
    def _order(self) -> tuple[int, ...]:
        shared = [i for i in range(len(self.batch)) if i not in self.grouped]
        return (*self.grouped, *shared)

    @property
    def _sizes(self) -> tuple[int, int]:
        groups = math.prod(self.batch[i] for i in self.grouped)
        rows = math.prod(size for i, size in enumerate(self.batch) if i not in self.grouped)
        return groups, rows

    @property
    def size(self) -> int:
        """How many rows there are."""
        return math.prod(self.batch)

    def pack(self, x: Array) -> Array:
        """Signals, or anything that lies along the filtered axis, to (G, B, T)."""
        x = jnp.moveaxis(x, self.axis, -1)
        x = jnp.broadcast_to(x, (*self.batch, x.shape[-1]))
        return x.transpose(*self._order, x.ndim - 1).reshape(*self._sizes, x.shape[-1])

    def unpack(self, y: Array) -> Array:
        """(G, B, T) to the result."""
        y = y.reshape(*(self.batch[i] for i in self._order), y.shape[-1])
        y = y.transpose(*np.argsort(self._order), y.ndim - 1)
        return jnp.moveaxis(y, -1, self.axis)

    def groups(self, coefficients: Any) -> Any:
        """Coefficients (..., S, K) to (G, S, K)."""
        lead = coefficients.shape[:-2]
        lead = (1,) * (len(self.batch) - len(lead)) + lead
        own = tuple(lead[i] for i in self.grouped)
        return coefficients.reshape(math.prod(own), *coefficients.shape[-2:])


def make_rows(x: Array, lead: tuple[int, ...], axis: Any, name: str) -> Rows:
    """The rows of x, for coefficients with leading sizes ``lead``.

    Raises:
        ValueError: the axis or the shapes do not fit.
        TypeError: the axis is no integer.
    """
    if x.ndim == 0:
        raise value_error("x", "at least one dimension", "a scalar")
    axis = single_axis(axis, x.ndim)
    own = tuple(size for i, size in enumerate(x.shape) if i != axis)
    if len(lead) > len(own):
        raise value_error(
            name, f"at most {len(own)} dimensions before the coefficients, x's beside its axis",
            f"sizes {lead}",
        )  # fmt: skip
    lead = (1,) * (len(own) - len(lead)) + lead
    if any(k != 1 and n not in (1, k) for n, k in zip(own, lead, strict=True)):
        raise value_error(name, f"dimensions that broadcast against x's {own}", f"{lead}")
    # Coefficients first: a size of x may be symbolic, in an export, and is then not compared.
    batch = tuple(n if k == 1 else k for n, k in zip(own, lead, strict=True))
    return Rows(axis, batch, tuple(i for i, k in enumerate(lead) if k != 1))


def known(value: Any) -> np.ndarray | None:
    """The numbers of an argument, unless they are traced or spread over several hosts."""
    if isinstance(value, Tracer):
        return None
    if isinstance(value, jax.Array) and not value.is_fully_addressable:
        return None
    return np.asarray(value)


def common_dtype(*values: Any) -> np.dtype[Any]:
    """NumPy's common floating dtype, within what JAX's x64 setting allows."""
    dtypes = [np.dtype(value.dtype) for value in values]
    if all(dtype.kind in _NUMPY_KINDS for dtype in dtypes):
        dtype = np.result_type(*dtypes)
        if dtype.kind in "fc" and np.finfo(dtype).dtype.itemsize > 8:
            # NumPy's extended precision: JAX has none.
            dtype = np.dtype(np.complex128 if dtype.kind == "c" else np.float64)
    else:
        with jax.numpy_dtype_promotion("standard"):
            dtype = np.dtype(jnp.result_type(*dtypes))
    if not jnp.issubdtype(dtype, jnp.inexact):
        dtype = np.dtype(np.float64)
    return np.dtype(jax.dtypes.canonicalize_dtype(dtype))


def real_of(dtype: Any) -> Any:
    """The floating dtype of a complex one's parts; others as they are."""
    is_complex = jnp.issubdtype(dtype, jnp.complexfloating)
    return jnp.finfo(dtype).dtype if is_complex else dtype


def is_complex(array: Any) -> bool:
    """Whether an array's dtype is a complex one."""
    return bool(jnp.issubdtype(array.dtype, jnp.complexfloating))


def numeric(value: Any, name: str, *, allow_bool: bool = True) -> Any:
    """An array of numbers, a NumPy one as it is: its precision may exceed JAX's."""
    if isinstance(value, jax.Array | np.ma.MaskedArray):
        return as_numeric(value, name, allow_bool=allow_bool)
    try:
        host = np.asarray(value)
    except (jax.errors.TracerArrayConversionError, ValueError, TypeError, RuntimeError):
        return as_numeric(value, name, allow_bool=allow_bool)
    if host.dtype.kind not in _NUMPY_KINDS or (host.dtype.kind == "b" and not allow_bool):
        return as_numeric(value, name, allow_bool=allow_bool)
    return host


def samples_of(x: Any, name: str = "x") -> Any:
    """A signal: as `numeric`, with a warning where a NumPy array comes in more bits than JAX has.

    Coefficients get none: those that are known are used in the precision that they came in.
    """
    array = numeric(x, name)
    if isinstance(array, np.ndarray) and hasattr(x, "dtype"):
        dtype = common_dtype(array)
        if not np.can_cast(array.dtype, dtype):
            has_none = array.dtype.kind in "fc" and array.dtype.char in "gG"
            why = "the widest there is" if has_none else X64_OFF
            warn_of_precision(f"{name}: {array.dtype} becomes {dtype}, {why}")
    return array


def cast(array: Any, dtype: Any) -> Array:
    """To a dtype. NumPy's precision may exceed JAX's: a host array is rounded on the host."""
    if isinstance(array, jax.Array):
        return lax.convert_element_type(array, dtype)
    with np.errstate(over="ignore"):
        return jnp.asarray(np.asarray(array).astype(dtype))


def transfer_function(b: Any, a: Any) -> tuple[Any, Any]:
    """The arrays b and a arrays (..., K), unequal in length.

    Raises:
        ValueError: one is empty or a scalar's stand-in, or ``a[0]`` is known to be 0.
        TypeError: one is no array of numbers.
    """
    arrays = []
    for name, value in (("b", b), ("a", a)):
        array = numeric(value, name)
        array = array.reshape(1) if array.ndim == 0 else array
        if not array.shape[-1] or 0 in array.shape:
            raise value_error(name, "at least one coefficient", describe(array))
        arrays.append(array)
    leading = known(arrays[1])
    if leading is not None and (leading[..., 0] == 0).any():
        raise value_error("a", "a first coefficient that is not 0", describe(arrays[1]))
    return arrays[0], arrays[1]


def single_section(b: Any, a: Any, dtype: Any) -> Coefficients:
    """Normalises b and a (..., K) and pads both to one length, as one section."""
    length = max(b.shape[-1], a.shape[-1])
    lead = np.broadcast_shapes(b.shape[:-1], a.shape[:-1])
    hosts = [known(b), known(a)]
    if hosts[0] is not None and hosts[1] is not None:
        wide = [double(each) for each in hosts if each is not None]
        with np.errstate(all="ignore"):
            wide = [each / wide[1][..., :1] for each in wide]
        wide = [padded(each, length, lead)[..., None, :] for each in wide]
        exact = Exact(*wide)
        if not any(part.dtype.kind == "c" for part in jax.tree.leaves(exact)):
            dtype = real_of(dtype)
        p, q = (cast(rounded(each), dtype) for each in exact)
        return Coefficients(p, q, exact)
    if not (is_complex(b) or is_complex(a)):
        dtype = real_of(dtype)
    p, q = cast(b, dtype), cast(a, dtype)
    first = q[..., :1]
    p, q = (padded(each / first, length, lead)[..., None, :] for each in (p, q))
    return Coefficients(p, q, None)


def padded(array: Any, length: int, lead: tuple[int, ...]) -> Any:
    """Coefficients (..., K) with zeros behind, for leading sizes ``lead``."""

    def longer(part: Any) -> Any:
        xp = np if isinstance(part, np.ndarray) else jnp
        widths = [(0, 0)] * (part.ndim - 1) + [(0, length - part.shape[-1])]
        return xp.broadcast_to(xp.pad(part, widths), (*lead, length))

    return jax.tree.map(longer, array)


def sections(sos: Any) -> Any:
    """Second-order sections as an array (..., S, 6).

    Raises:
        ValueError: of another shape, or with a known ``a0`` that is not 1.
        TypeError: no array of numbers.
    """
    sos = numeric(sos, "sos")
    sos = sos.reshape(1, -1) if sos.ndim == 1 else sos
    if sos.ndim < 2 or sos.shape[-1] != 6 or not sos.shape[-2]:
        raise value_error("sos", "shape (..., sections, 6) with a section", describe(sos))
    host = known(sos)
    if host is not None and not (host[..., 3] == 1).all():
        first = host[..., 3].ravel()
        raise value_error("sos", "1 in sos[..., 3] of each section", f"{first[first != 1][0]}")
    return sos


def split_sections(sos: Any, dtype: Any) -> Coefficients:
    """Numerators and denominators of second-order sections."""
    host = known(sos)
    if not is_complex(sos):
        dtype = real_of(dtype)
    exact = None
    if host is not None:
        wide = double(host)
        exact = Exact(wide[..., :3], wide[..., 3:])
    array = cast(sos, dtype)
    return Coefficients(array[..., :3], array[..., 3:], exact)


def check_zi(zi: Any, expected: Sequence[int], *, broadcast: bool) -> None:
    """Raises a ValueError unless zi has the shape expected, or broadcasts to it."""
    shape, expected = tuple(zi.shape), tuple(expected)
    fits = len(shape) == len(expected) and all(
        n == m or (broadcast and n == 1) for n, m in zip(shape, expected, strict=True)
    )
    if not fits:
        raise value_error("zi", f"shape {expected}", f"shape {shape}")
