"""From constraints to a map of free parameters to kernels that cannot break them.

There are four maps. Whatever is linear (and `UnitSum`, which is affine) becomes a basis;
`NonNegative`, `MinimumPhase` and `LowRank` have a map of their own. `UnitSum` and `UnitEnergy`
are the scale of whichever it is.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._errors import value_error
from filtrax._typing import Array
from filtrax.nn import _minimum_phase
from filtrax.nn._constraints import (
    AntiCausal,
    BandLimited,
    Causal,
    Constraint,
    LowRank,
    MinimumPhase,
    NonNegative,
    UnitEnergy,
    UnitSum,
)
from filtrax.nn._subspace import IMPOSSIBLE, PATTERN, SETTLED, affine, pattern, refused

#: The special maps, and which constraints each knows how to keep beside its own.
_BESIDE = {
    LowRank: (NonNegative, UnitSum, UnitEnergy),
    MinimumPhase: (UnitSum, UnitEnergy),
    NonNegative: (*PATTERN, UnitSum, UnitEnergy),
}
_ONE_DIMENSIONAL = (MinimumPhase, BandLimited, Causal, AntiCausal)


class Map(ABC):
    """From free parameters to the taps of one kernel, flattened, and back.

    Attributes:
        ndim: dimensions of each array of free parameters.
    """

    ndim: ClassVar[int] = 1

    @abstractmethod
    def kernel(self, free: Any) -> Array:
        """The taps (P,) that free parameters stand for."""

    @abstractmethod
    def start(self, taps: np.ndarray) -> Any:
        """Free parameters for taps near to given ones (P,)."""


@dataclass(frozen=True, eq=False)
class Subspace(Map):
    """``offset + columns @ free``, the second part brought to a length if there is a radius."""

    columns: np.ndarray
    offset: np.ndarray | None
    radius: float | None

    def kernel(self, free: Array) -> Array:
        columns = jnp.asarray(self.columns, free.dtype)
        taps = jnp.matmul(columns, free, precision=lax.Precision.HIGHEST)
        if self.radius is not None:
            taps = taps * (self.radius / jnp.linalg.norm(taps)).astype(free.dtype)
        return taps if self.offset is None else taps + jnp.asarray(self.offset, free.dtype)

    def start(self, taps: np.ndarray) -> np.ndarray:
        free = self.columns.T @ (taps if self.offset is None else taps - self.offset)
        if self.radius is not None and np.linalg.norm(free) <= 1e-12 * np.linalg.norm(taps):
            raise value_error(
                "kernel", "taps that are not zero where the constraints leave them free",
                f"{taps}",
            )  # fmt: skip
        return free


@dataclass(frozen=True, eq=False)
class Positive(Map):
    """A softplus for each tap that is free, repeated where taps are tied."""

    spread: np.ndarray
    scale: Constraint | None

    def kernel(self, free: Array) -> Array:
        spread = jnp.asarray(self.spread, free.dtype)
        taps = jnp.matmul(spread, jax.nn.softplus(free), precision=lax.Precision.HIGHEST)
        return scaled(taps, self.scale)

    def start(self, taps: np.ndarray) -> np.ndarray:
        mean = (self.spread / self.spread.sum(0)).T @ taps
        return _inverse_softplus(mean)


@dataclass(frozen=True, eq=False)
class Minimum(Map):
    """Reflection coefficients; see `_minimum_phase`."""

    scale: Constraint | None

    def kernel(self, free: Array) -> Array:
        return scaled(_minimum_phase.step_up(free), self.scale)

    def start(self, taps: np.ndarray) -> np.ndarray:
        return _minimum_phase.start(taps)


@dataclass(frozen=True, eq=False)
class Factors(Map):
    """The product of a tall and a wide matrix."""

    ndim: ClassVar[int] = 2
    shape: tuple[int, int]
    rank: int
    positive: bool
    scale: Constraint | None

    def kernel(self, free: tuple[Array, Array]) -> Array:
        left, right = (jax.nn.softplus(each) if self.positive else each for each in free)
        taps = jnp.matmul(left, right, precision=lax.Precision.HIGHEST)
        return scaled(taps.ravel(), self.scale)

    def start(self, taps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u, s, vh = np.linalg.svd(taps.reshape(self.shape), full_matrices=False)
        root = np.sqrt(s[: self.rank])
        left, right = u[:, : self.rank] * root, root[:, None] * vh[: self.rank]
        if not self.positive:
            return left, right
        # Of a matrix without negative entries the first singular vectors have none.
        return _inverse_softplus(np.abs(left)), _inverse_softplus(np.abs(right))


def scaled(taps: Array, scale: Constraint | None) -> Array:
    """The taps divided by their sum or their norm."""
    if isinstance(scale, UnitSum):
        return taps / jnp.sum(taps)
    if isinstance(scale, UnitEnergy):
        return taps / jnp.linalg.norm(taps)
    return taps


def _inverse_softplus(values: np.ndarray) -> np.ndarray:
    # Zero is out of reach, and near it the slope would be none.
    floor = max(1e-3 * np.max(np.abs(values), initial=0.0), 1e-6)
    raised = np.maximum(values, floor)
    return raised + np.log(-np.expm1(-raised))


@lru_cache(maxsize=256)
def resolve(constraints: tuple[Constraint, ...], shape: tuple[int, ...]) -> Map:
    """The map for kernels of one shape.

    Raises:
        ValueError: no kernel keeps all promises, or no map is known that does.
    """
    if len(shape) > 1:
        for each in constraints:
            if isinstance(each, _ONE_DIMENSIONAL):
                raise value_error("constraints", f"a 1-D kernel for {each!r}", f"shape {shape}")
    scales = [each for each in constraints if isinstance(each, (UnitSum, UnitEnergy))]
    for kind, beside in _BESIDE.items():
        own = next((each for each in constraints if isinstance(each, kind)), None)
        if own is not None:
            for each in constraints:
                if not isinstance(each, (kind, *beside)):
                    allowed = ", ".join(other.__name__ for other in beside)
                    raise value_error(
                        "constraints", f"beside {own!r} only {allowed}", f"{each!r}"
                    )  # fmt: skip
            if len({type(each) for each in scales}) > 1:
                raise value_error(
                    "constraints", f"beside {own!r} one of UnitSum and UnitEnergy", "both"
                )
            return _special(own, constraints, scales[0] if scales else None, shape)
    return _subspace(constraints, shape)


def _special(
    own: Constraint,
    constraints: tuple[Constraint, ...],
    scale: Constraint | None,
    shape: tuple[int, ...],
) -> Map:
    if isinstance(own, LowRank):
        if len(shape) != 2 or own.rank > min(shape):
            raise value_error(
                "constraints", f"for {own!r} a kernel of two dimensions of at least {own.rank}",
                f"shape {shape}",
            )  # fmt: skip
        positive = any(isinstance(each, NonNegative) for each in constraints)
        if isinstance(scale, UnitSum) and not positive:
            # The sum of a product may be zero, and then there is no factor that makes it 1.
            raise value_error("constraints", f"NonNegative beside {own!r} and UnitSum", "neither")
        return Factors((shape[0], shape[1]), own.rank, positive, scale)
    if isinstance(own, MinimumPhase):
        return Minimum(scale)
    spread = pattern(constraints, shape)
    if not spread.shape[1] or (spread < 0).any():
        raise refused(IMPOSSIBLE, constraints, shape)
    return Positive((spread > 0).astype(float), scale)


def _subspace(constraints: tuple[Constraint, ...], shape: tuple[int, ...]) -> Map:
    columns, offset = affine(constraints, shape)
    if not any(isinstance(each, UnitEnergy) for each in constraints):
        return Subspace(columns, offset, None)
    radius = 1.0 if offset is None else float(np.sqrt(max(1 - offset @ offset, 0.0)))
    if radius == 0:
        raise refused(SETTLED, constraints, shape)
    return Subspace(columns, offset, radius)
