"""Filters of several axes made of one-dimensional passes."""

import math
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp

from filtrax._errors import describe, type_error, value_error
from filtrax._rows import filter_separable
from filtrax._typing import Array, ArrayLike
from filtrax.nn._constrained import Constrained
from filtrax.nn._sliding import Kernel, Sliding, as_array, as_kernel, promises


def _as_kernels(kernels: Sequence[ArrayLike | Constrained]) -> tuple[Kernel, ...]:
    if not isinstance(kernels, (list, tuple)) or not kernels:
        raise type_error("kernels", "a sequence of kernels", describe(kernels))
    return tuple(as_kernel(each, f"kernels[{i}]") for i, each in enumerate(kernels))


class Separable(Sliding):
    """A filter of several axes whose kernel is an outer product, or a sum of a few.

    A pass along each axis costs the sum of the lengths, where the full kernel costs their product.

    Attributes:
        kernels: the leaves, one for each of the last axes of a signal: all (taps,), or all
            (terms, taps) with the same number of terms, whose outer products are summed.
        operation: ``"convolve"`` (kernels reversed) or ``"correlate"``.
        mode: extent of the output, as in `filtrax.convolve`.
        boundary: what lies outside the signal, as in `filtrax.convolve`; not learned.
        fs: sampling frequency, the unit of frequencies.

    Raises:
        ValueError: an argument has an impossible value.
        TypeError: an argument has the wrong type.

    Example:
        >>> import jax.numpy as jnp
        >>> from filtrax import nn
        >>> layer = nn.Separable([[1.0, 2.0, 1.0], [1.0, 0.0, -1.0]])
        >>> layer
        Separable(3x3 taps, convolve, mode='same', boundary='zero')
        >>> print(layer.taps)
        [[ 1.  0. -1.]
         [ 2.  0. -2.]
         [ 1.  0. -1.]]
    """

    kernels: tuple[Kernel, ...] = eqx.field(converter=_as_kernels)

    def __check_init__(self) -> None:
        shapes = [as_array(each).shape for each in self.kernels]
        if {len(shape) for shape in shapes} not in ({1}, {2}) or len({s[:-1] for s in shapes}) > 1:
            raise value_error("kernels", "all (taps,), or all (terms, taps)", f"shapes {shapes}")

    @property
    def factors(self) -> tuple[Array, ...]:
        """The kernels as arrays (terms, taps)."""
        return tuple(jnp.atleast_2d(as_array(each)) for each in self.kernels)

    @property
    def taps(self) -> Array:
        """The full kernel: the sum of the outer products."""
        product, *others = self.factors
        for each in others:
            row = each.reshape(each.shape[0], *(1,) * (product.ndim - 1), -1)
            product = product[..., None] * row
        return jnp.sum(product, 0)

    @property
    def _axis_count(self) -> int:
        return len(self.kernels)

    def _described(self) -> str:
        factors = self.factors
        terms = factors[0].shape[0]
        size = "x".join(str(each.shape[-1]) for each in factors) + " taps"
        sum_of = f"{terms} terms of " if terms > 1 else ""
        return sum_of + size + "".join(map(promises, self.kernels))

    def _filtered(self, signal: Array) -> Array:
        factors = self.factors

        def term(kernels: tuple[Array, ...]) -> Array:
            return filter_separable(
                signal, kernels, tuple(range(-len(kernels), 0)), operation=self.operation,
                mode=self.mode, boundary=self.boundary,
            )  # fmt: skip

        if factors[0].shape[0] == 1:
            return term(tuple(each[0] for each in factors))
        return jnp.sum(jax.vmap(term)(factors), 0)

    @property
    def cost(self) -> tuple[int, int]:
        """Taps that an output sample costs, in passes and by the full kernel."""
        sizes = [each.shape[-1] for each in self.factors]
        return self.factors[0].shape[0] * sum(sizes), math.prod(sizes)
