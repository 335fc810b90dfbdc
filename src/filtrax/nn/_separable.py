"""Filters of several axes made of one-dimensional passes."""

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from filtrax._errors import describe, type_error, value_error
from filtrax._operands import as_numeric
from filtrax._rows import filter_separable
from filtrax._spec import make_spec
from filtrax._typing import Array, ArrayLike, AxisBoundary, AxisMode, Operation
from filtrax.nn._constrained import Constrained
from filtrax.nn._sliding import Kernel, Sliding, as_array, as_kernel, frozen, promises


class Separable(Sliding):
    """A filter of several axes whose kernel is an outer product, or a sum of a few.

    A pass along each axis costs the sum of the lengths, where the full kernel costs their product.

    Attributes:
        kernels: the leaves, one for each axis: (taps,), or (terms, taps) for a sum of products.
        operation: ``"convolve"`` or ``"correlate"``.
        mode: extent of the output.
        boundary: what lies outside the signal.
        fs: sampling frequency, the unit of frequencies.

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

    kernels: tuple[Kernel, ...]
    operation: Operation = eqx.field(static=True)
    mode: Any = eqx.field(static=True)
    boundary: Any = eqx.field(static=True)
    fs: float = eqx.field(static=True)

    def __init__(
        self,
        kernels: Sequence[ArrayLike | Constrained],
        *,
        operation: Operation = "convolve",
        mode: AxisMode | Sequence[AxisMode] = "same",
        boundary: AxisBoundary | Sequence[AxisBoundary] = "zero",
        fs: float = 2.0,
    ) -> None:
        """Takes the taps to start from.

        Args:
            kernels: one for each of the last axes of a signal, all (taps,), or all (terms, taps)
                with the same number of terms, whose outer products are summed.
            operation: ``"convolve"`` (kernels reversed) or ``"correlate"``.
            mode: as in `filtrax.convolve`.
            boundary: as in `filtrax.convolve`; a constant is not learned.
            fs: sampling frequency, the unit of `frequency_response`.

        Raises:
            ValueError: an argument has an impossible value.
            TypeError: an argument has the wrong type.
        """
        if not isinstance(kernels, (list, tuple)) or not kernels:
            raise type_error("kernels", "a sequence of kernels", describe(kernels))
        self.kernels = tuple(
            as_kernel(each, operation, f"kernels[{i}]") for i, each in enumerate(kernels)
        )
        shapes = [as_array(each).shape for each in self.kernels]
        if {len(shape) for shape in shapes} not in ({1}, {2}) or len({s[:-1] for s in shapes}) > 1:
            raise value_error("kernels", "all (taps,), or all (terms, taps)", f"shapes {shapes}")
        self.operation, self.mode, self.boundary = operation, frozen(mode), frozen(boundary)
        self.fs = fs
        make_spec(len(shapes), operation, self.mode, self.boundary)

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

    def __call__(self, x: ArrayLike, *, key: object = None) -> Array:
        """Filters x along its last axes.

        Args:
            x: signals; dimensions before the filtered ones are batches.
            key: ignored; `equinox.nn.Sequential` passes one.

        Returns:
            The filtered signals.

        Raises:
            ValueError: the shapes do not fit.
            TypeError: x is no array of numbers.
        """
        signal, factors = as_numeric(x, "x"), self.factors
        if signal.ndim < len(factors):
            raise value_error("x", f"at least {len(factors)} dimensions", describe(signal))

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
