"""Numbers as sums of two: nearly 80 bits out of the hardware's 53, in NumPy and in JAX alike.

Tables of poles near the circle need more than float64 has, and an extended precision that every
platform knows does not exist. Here a number is ``hi + lo``. Nothing rests on the rounding of a
product: the factors are split so that partial products are exact, and then it does not matter
whether a compiler contracts a product and a sum (T. J. Dekker, Numerische Mathematik 18, 1971).
Matrix products slice their operands so that each partial sum is exact (K. Ozaki et al., Numerical
Algorithms 59, 2012). A sum is of two that D. E. Knuth's algorithm keeps the rest of.

The functions serve plain arrays, too: one text computes in either precision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

#: Bits of a half of a factor, of which products are exact.
_HALF = 26
#: Bits and number of the slices of a matrix: sums of 512 products of slices are exact.
_SLICE, _SLICES = 22, 4


@partial(jax.tree_util.register_dataclass, data_fields=["hi", "lo"], meta_fields=[])
@dataclass(frozen=True, slots=True)
class Double:
    """An array of numbers ``hi + lo``, both of 64 bits (or complex of 128)."""

    hi: Any
    lo: Any

    #: NumPy's arrays leave the arithmetic to this class.
    __array_ufunc__ = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.hi.shape

    def __getitem__(self, index: Any) -> "Double":
        return Double(self.hi[index], self.lo[index])

    def reshape(self, *shape: int) -> "Double":
        return Double(self.hi.reshape(*shape), self.lo.reshape(*shape))

    def __neg__(self) -> "Double":
        return Double(-self.hi, -self.lo)

    def __add__(self, other: Any) -> "Double":
        other = _double(other)
        total, lost = two_sum(self.hi, other.hi)
        return _joined(total, lost + (self.lo + other.lo))

    def __sub__(self, other: Any) -> "Double":
        return self + -_double(other)

    def __mul__(self, other: Any) -> "Double":
        return _by_parts(_product, self, _double(other))

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other: Any) -> "Double":
        other = _double(other)
        if _is_complex(other.hi):
            return self * conj(other) / size_squared(other)
        if _is_complex(self.hi):
            return _complex(_real(self) / other, _imag(self) / other)
        # Of few bits, or a compiler that multiplies by 1 / other would join product and sum.
        first, _ = _halves(self.hi / other.hi)
        rest = self - other * first
        return _joined(first, rest.hi / other.hi)


def double(value: np.ndarray) -> Double:
    """What float64 holds of a NumPy array, and what it loses of extended precision."""
    kind = np.complex128 if value.dtype.kind == "c" else np.float64
    with np.errstate(over="ignore", invalid="ignore"):
        hi = value.astype(kind)
        if value.dtype.itemsize <= hi.dtype.itemsize:
            return Double(hi, np.zeros_like(hi))
        return Double(hi, np.where(np.isfinite(hi), value - hi, 0).astype(kind))


def is_host(x: Any) -> bool:
    """Whether the arrays are NumPy's, or numbers."""
    return not isinstance(jax.tree.leaves(x)[0], jax.Array)


def rounded(x: Any) -> Any:
    """The nearest float64."""
    return x.hi + x.lo if isinstance(x, Double) else x


def conj(x: Any) -> Any:
    """The conjugate."""
    return _each(lambda part: part.conj() if _is_complex(part) else part, x)


def size_squared(x: Any) -> Any:
    """The square of the absolute value."""
    if not _is_complex(rounded(x)):
        return x * x
    re, im = _real(x), _imag(x)
    return re * re + im * im


def sqrt(x: Any) -> Any:
    """The root of a positive real number."""
    if not isinstance(x, Double):
        return _module(x).sqrt(x)
    root = _module(x.hi).sqrt(x.hi)
    rest = x - _double(root) * root
    return _joined(root, rest.hi / (2 * root))


def scaled(x: Any, factor: Any) -> Any:
    """The product with powers of two or zeros, which rounding does not see."""
    return _each(lambda part: part * factor, x)


def merged(x: Any, y: Any) -> Any:
    """The sum of arrays of which one is zero wherever the other is not."""
    return _each(add, x, y)


def matmul(x: Any, y: Any) -> Any:
    """The product of matrices (..., M, K) and (..., K, N)."""
    if not isinstance(x, Double):
        return _plain_matmul(x, y)
    if _is_complex(x.hi) or _is_complex(y.hi):
        # As real matrices of twice the size.
        a, b = _real(x), _imag(x)
        rows = join([join([a, -b], -1), join([b, a], -1)], -2)
        found = _real_matmul(rows, join([_real(y), _imag(y)], -2))
        half = x.shape[-2]
        return _complex(found[..., :half, :], found[..., half:, :])
    return _real_matmul(x, y)


def loop(body: Callable[[Any, Any], tuple[Any, Any]], carry: Any, xs: Any) -> tuple[Any, Any]:
    """`jax.lax.scan`, or the same over NumPy's arrays."""
    if not is_host(carry):
        return lax.scan(body, carry, xs)
    found = []
    for i in range(len(jax.tree.leaves(xs)[0])):
        carry, out = body(carry, jax.tree.map(lambda x, i=i: x[i], xs))
        found.append(out)
    return carry, jax.tree.map(lambda *each: np.stack(each), *found)


def join(arrays: list[Any], axis: int) -> Any:
    """Concatenated arrays of either precision."""
    return _each(lambda *parts: _module(parts[0]).concatenate(parts, axis), *arrays)


def stack(arrays: list[Any], axis: int) -> Any:
    """Stacked arrays of either precision."""
    return _each(lambda *parts: _module(parts[0]).stack(parts, axis), *arrays)


def move(x: Any, source: int, target: int) -> Any:
    """The array with an axis at another place."""
    return _each(lambda part: _module(part).moveaxis(part, source, target), x)


def pad(x: Any, widths: Any) -> Any:
    """The array with zeros around it."""
    return _each(lambda part: _module(part).pad(part, widths), x)


def where(condition: Any, x: Any, y: Any) -> Any:
    """A choice between arrays of either precision, or between one and a number."""
    module = np if all(map(is_host, (condition, x, y))) else jnp
    if isinstance(x, Double):
        y = _double(y)
        return Double(module.where(condition, x.hi, y.hi), module.where(condition, x.lo, y.lo))
    return module.where(condition, x, y)


def power_of_two(x: Any) -> Any:
    """A power of two near to each positive number: no more than twice or half of it."""
    if _module(x) is np:
        return np.ldexp(1.0, np.frexp(x)[1] - 1)
    return lax.reduce_precision(x, 11, 0)


def _each(function: Callable[..., Any], *arrays: Any) -> Any:
    """A function of both parts in turn; `jax.tree.map` would be slow on the host."""
    if not isinstance(arrays[0], Double):
        return function(*arrays)
    return Double(function(*(x.hi for x in arrays)), function(*(x.lo for x in arrays)))


def _module(x: Any) -> Any:
    return np if isinstance(x, (np.ndarray, np.generic)) else jnp


def _is_complex(x: Any) -> bool:
    return x.dtype.kind == "c"


def _double(x: Any) -> Double:
    if isinstance(x, Double):
        return x
    x = np.asarray(float(x)) if isinstance(x, (int, float)) else x
    return Double(x, np.zeros((), x.dtype))


def _real(x: Any) -> Any:
    return _each(lambda part: part.real, x)


def _imag(x: Any) -> Any:
    return _each(lambda part: part.imag if _is_complex(part) else 0 * part, x)


def _complex(re: Any, im: Any) -> Any:
    def whole(re: Any, im: Any) -> Any:
        return re + 1j * im if _module(re) is np else lax.complex(re, im)

    return _each(whole, re, im)


def _by_parts(product: Callable[..., Double], x: Double, y: Double) -> Double:
    kinds = _is_complex(x.hi), _is_complex(y.hi)
    if kinds == (False, False):
        return product(x, y)
    if kinds == (True, False):
        return _complex(product(_real(x), y), product(_imag(x), y))
    if kinds == (False, True):
        return _complex(product(x, _real(y)), product(x, _imag(y)))
    a, b, c, d = _real(x), _imag(x), _real(y), _imag(y)
    return _complex(product(a, c) - product(b, d), product(a, d) + product(b, c))


def _product(x: Double, y: Double) -> Double:
    (a, b), (c, d) = _halves(x.hi), _halves(y.hi)
    return _joined(a * c, (a * d + b * c) + (b * d + (x.hi * y.lo + x.lo * y.hi)))


def _halves(x: Any) -> tuple[Any, Any]:
    if _module(x) is np:
        # Veltkamp's way; only a compiler would spoil it.
        spread = x * (2.0 ** (53 - _HALF) + 1)
        high = spread - (spread - x)
    else:
        high = lax.reduce_precision(x, 11, _HALF - 1)
    return high, x - high


def two_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """A rounded sum and what rounding took from it."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _joined(large: Any, small: Any) -> Double:
    """Of two numbers, the larger first, those that do not overlap."""
    total = large + small
    return Double(total, small - (total - large))


def _real_matmul(x: Double, y: Double) -> Double:
    (left, row_scale), (right, column_scale) = _sliced(x, -1, -3), _sliced(y, -2, -2)
    (*lead, _, m, k), n = left.shape, right.shape[-1]
    found = _plain_matmul(
        left.reshape(*lead, _SLICES * m, k), right.reshape(*lead, k, _SLICES * n)
    ).reshape(*lead, _SLICES, m, _SLICES, n)
    # Slice i times slice j: all products whose last digits weigh the same.
    levels = [
        reduce(add, [found[..., i, :, level - i, :] for i in range(level + 1)])
        for level in range(_SLICES)
    ]
    total, lost = two_sum(levels[0], levels[1])
    return scaled(_joined(total, lost + (levels[2] + levels[3])), row_scale * column_scale)


def _plain_matmul(x: Any, y: Any) -> Any:
    if _module(x) is np:
        return np.matmul(x, y)
    return jnp.matmul(x, y, precision=lax.Precision.HIGHEST)


def _sliced(x: Double, axis: int, place: int) -> tuple[Any, Any]:
    """Slices whose sum is x over a power of two, each a few bits on a grid of its own.

    The scale is that of what lies along ``axis``; the slices stand along a new axis at ``place``.
    """
    module = _module(x.hi)
    largest = module.abs(x.hi).max(axis, keepdims=True)
    # A row of zeros has any scale.
    scale = 2 * power_of_two(where(largest == 0, 1.0, largest))
    shape = (_SLICES,) + (1,) * (-place - 1)
    grids = (2.0 ** (_SLICE * np.arange(1, _SLICES + 1))).reshape(shape)
    # On the grid before the first everything is rounded to 0.
    coarser = np.concatenate([np.full((1, *shape[1:]), 2.0**-100), grids[:-1]])

    def slices(part: Any) -> Any:
        part = module.expand_dims(part / scale, place)
        return module.round(part * grids) / grids - module.round(part * coarser) / coarser

    return slices(x.hi) + slices(x.lo), scale
