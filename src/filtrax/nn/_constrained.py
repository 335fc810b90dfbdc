"""A kernel held as free parameters, so that it keeps its promises whatever an optimiser does."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from filtrax._errors import describe, value_error
from filtrax._operands import as_numeric
from filtrax._spec import integer
from filtrax._typing import Array, ArrayLike
from filtrax.nn._constraints import Constraint, check
from filtrax.nn._maps import resolve


class Constrained(eqx.Module):
    """A kernel that keeps promises by construction: it is computed from parameters without any.

    Give it to a layer in place of an array. The promises hold to rounding after any step of any
    optimiser, because the optimiser sees only ``free``. Which go together:

    * `Symmetric`, `Antisymmetric`, `Causal`, `AntiCausal`, `ZeroSum`, one `BandLimited`,
      `UnitSum` and `UnitEnergy` in any number, as long as some kernel other than zero obeys all
      of them: they are (with `UnitSum` an offset, and with `UnitEnergy` a length) one subspace;
    * `NonNegative` with `Symmetric`, `Causal`, `AntiCausal` and one of `UnitSum`, `UnitEnergy`;
    * `MinimumPhase` with one of `UnitSum`, `UnitEnergy`;
    * `LowRank` with `NonNegative` and `UnitEnergy`; with `UnitSum` if also `NonNegative`.

    Anything else is an error when the kernel is made.

    Attributes:
        free: what is learned.
        constraints: the promises.
        shape: of one kernel; what the kernel to start from has before that are rows.

    Example:
        >>> import numpy as np
        >>> from filtrax import nn
        >>> kernel = nn.Constrained([0.1, 0.3, 0.4, 0.2, 0.1], nn.Symmetric(), nn.UnitSum())
        >>> print(np.asarray(kernel.value).round(3))
        [0.08 0.23 0.38 0.23 0.08]
    """

    free: Any
    constraints: tuple[Constraint, ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self, kernel: ArrayLike, *constraints: Constraint, ndim: int | None = None
    ) -> None:
        """Starts near a given kernel: from the nearest one, where the promises are linear.

        Args:
            kernel: real taps to start from, known (not traced).
            *constraints: the promises; their order does not matter.
            ndim: how many of the last dimensions make one kernel; by default all. With fewer,
                each of the others has a kernel with the same promises.

        Raises:
            ValueError: no kernel keeps all promises, or the taps are no finite numbers.
            TypeError: an argument has the wrong type.
        """
        array = as_numeric(kernel, "kernel", warn=False)
        taps = np.asarray(array, float) if not jnp.iscomplexobj(array) else None
        if taps is None or not taps.size:
            raise value_error("kernel", "at least one tap, real", describe(array))
        if not np.isfinite(taps).all():
            raise value_error("kernel", "finite taps", f"{taps}")
        count = taps.ndim if ndim is None else integer("ndim", ndim)
        if not 1 <= count <= taps.ndim:
            raise value_error("ndim", f"1 to {taps.ndim}", f"{count}")
        lead, self.shape = taps.shape[: taps.ndim - count], taps.shape[taps.ndim - count :]
        self.constraints = check(constraints)
        plan = resolve(self.constraints, self.shape)
        starts = [plan.start(row) for row in taps.reshape(-1, int(np.prod(self.shape)))]
        dtype = array.dtype if jnp.issubdtype(array.dtype, jnp.inexact) else jnp.result_type(float)
        self.free = jax.tree.map(
            lambda *rows: jnp.asarray(np.stack(rows).reshape(*lead, *rows[0].shape), dtype), *starts
        )

    @property
    def value(self) -> Array:
        """The kernel."""
        plan = resolve(self.constraints, self.shape)
        leaf = jax.tree.leaves(self.free)[0]
        lead, kernel = leaf.shape[: leaf.ndim - plan.ndim], plan.kernel
        for _ in lead:
            kernel = jax.vmap(kernel)
        return kernel(self.free).reshape(*lead, *self.shape)
