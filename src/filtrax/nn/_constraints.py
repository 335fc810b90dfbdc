"""What may be promised of a kernel: the words for `Constrained`, each a small frozen record.

A record only names a promise; `_maps` turns a set of them into a map from free parameters to
kernels that cannot break them.
"""

from dataclasses import dataclass

from filtrax._errors import describe, type_error, value_error
from filtrax._spec import OPERATIONS, choice, integer


@dataclass(frozen=True, slots=True)
class Constraint:
    """A promise about a kernel; see `Constrained` for which go together."""


@dataclass(frozen=True, slots=True)
class Symmetric(Constraint):
    """The kernel reads the same from both ends: linear phase of type I (odd length) or II (even).

    A kernel of several dimensions is symmetric about its middle point.

    Example:
        >>> import numpy as np
        >>> from filtrax import nn
        >>> print(np.asarray(nn.Constrained([1.0, 2.0, 5.0], nn.Symmetric()).value).round(3))
        [3. 2. 3.]
    """


@dataclass(frozen=True, slots=True)
class Antisymmetric(Constraint):
    """Reversed, the kernel changes its sign: linear phase of type III (odd length) or IV (even).

    Type III passes neither 0 nor half the sampling frequency, type IV not 0; a type II kernel
    (`Symmetric`) does not pass half the sampling frequency.

    Example:
        >>> import numpy as np
        >>> from filtrax import nn
        >>> kernel = nn.Constrained([1.0, 2.0, 5.0], nn.Antisymmetric())
        >>> print(np.asarray(kernel.value).round(3))
        [-2. -0.  2.]
    """


@dataclass(frozen=True, slots=True)
class Causal(Constraint):
    """No output hears a later sample: of a kernel centred by ``mode="same"``, one side is zero.

    Attributes:
        operation: that the kernel is for, ``"convolve"`` or ``"correlate"``. Reversal exchanges
            past and future.

    Example:
        >>> from filtrax import nn
        >>> print(nn.Constrained([1.0, 2.0, 5.0], nn.Causal()).value)
        [0. 2. 5.]
    """

    operation: str = "convolve"

    def __post_init__(self) -> None:
        choice("operation", self.operation, OPERATIONS)


@dataclass(frozen=True, slots=True)
class AntiCausal(Constraint):
    """No output hears an earlier sample: the other side of `Causal`.

    Attributes:
        operation: that the kernel is for.

    Example:
        >>> from filtrax import nn
        >>> print(nn.Constrained([1.0, 2.0, 5.0], nn.AntiCausal()).value)
        [1. 2. 0.]
    """

    operation: str = "convolve"

    def __post_init__(self) -> None:
        choice("operation", self.operation, OPERATIONS)


@dataclass(frozen=True, slots=True)
class ZeroSum(Constraint):
    """The taps sum to 0: a constant signal vanishes.

    Example:
        >>> import numpy as np
        >>> from filtrax import nn
        >>> print(np.asarray(nn.Constrained([1.0, 2.0, 6.0], nn.ZeroSum()).value).round(3))
        [-2. -1.  3.]
    """


@dataclass(frozen=True, slots=True)
class BandLimited(Constraint):
    """At most a given part of the kernel's energy lies outside a band.

    No finite kernel is free of any; the kernels that promise a bound are spanned by discrete
    prolate spheroidal sequences (D. Slepian, Bell System Technical Journal 57, 1978).

    Attributes:
        low: lower edge of the band.
        high: upper edge.
        leakage: greatest part of the energy outside.
        fs: sampling frequency, the unit of the edges; by default half of it is 1.

    Example:
        >>> from filtrax import nn
        >>> kernel = nn.Constrained(nn.init.delta(31), nn.BandLimited(0.0, 0.5))
        >>> kernel.free.shape  # fewer than taps
        (11,)
    """

    low: float
    high: float
    leakage: float = 1e-4
    fs: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= self.fs / 2:
            raise value_error(
                "low, high", f"0 <= low < high <= {self.fs / 2:g}", f"{self.low}, {self.high}"
            )
        if not 0 < self.leakage < 1:
            raise value_error("leakage", "a part between 0 and 1", f"{self.leakage}")


@dataclass(frozen=True, slots=True)
class UnitSum(Constraint):
    """The taps sum to 1: a constant signal passes unchanged.

    Example:
        >>> import numpy as np
        >>> from filtrax import nn
        >>> kernel = nn.Constrained([1.0, 2.0, 6.0], nn.UnitSum(), nn.NonNegative())
        >>> print(np.asarray(kernel.value).round(3))
        [0.111 0.222 0.667]
    """


@dataclass(frozen=True, slots=True)
class UnitEnergy(Constraint):
    """The squares of the taps sum to 1: white noise keeps its power.

    Example:
        >>> import numpy as np
        >>> from filtrax import nn
        >>> print(np.asarray(nn.Constrained([3.0, 4.0], nn.UnitEnergy()).value).round(3))
        [0.6 0.8]
    """


@dataclass(frozen=True, slots=True)
class NonNegative(Constraint):
    """No tap is below 0: a smoothing kernel.

    Example:
        >>> from filtrax import nn
        >>> bool((nn.Constrained([1.0, -2.0, 6.0], nn.NonNegative()).value >= 0).all())
        True
    """


@dataclass(frozen=True, slots=True)
class MinimumPhase(Constraint):
    """All zeros lie inside the unit circle: of all kernels with its magnitude, the quickest.

    The kernel to start from keeps its magnitude (through the cepstrum), not its phase. Its first
    tap is the first to act: use it with ``mode="causal"`` and ``"convolve"``.

    Example:
        >>> import numpy as np
        >>> from filtrax import nn
        >>> kernel = nn.Constrained([1.0, 2.5, 1.0], nn.MinimumPhase())
        >>> print(np.asarray(kernel.value).round(3))
        [2.  2.  0.5]
    """


@dataclass(frozen=True, slots=True)
class LowRank(Constraint):
    """A kernel of two dimensions is a sum of few products of a column and a row.

    Attributes:
        rank: how many.

    Example:
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from filtrax import nn
        >>> kernel = nn.Constrained(jnp.eye(5), nn.LowRank(2))
        >>> int(jnp.linalg.matrix_rank(kernel.value))
        2
    """

    rank: int = 1

    def __post_init__(self) -> None:
        if integer("rank", self.rank) < 1:
            raise value_error("rank", "an integer of at least 1", f"{self.rank}")


def check(constraints: tuple[object, ...], name: str = "constraints") -> tuple[Constraint, ...]:
    """The constraints, if they are some."""
    for i, each in enumerate(constraints):
        if not isinstance(each, Constraint):
            raise type_error(f"{name}[{i}]", "a constraint such as nn.Symmetric()", describe(each))
    return constraints  # pyright: ignore[reportReturnType]


def check_operation(constraints: tuple[Constraint, ...], operation: str, name: str) -> None:
    """Raises where a promise of causality was made for the other operation."""
    for each in constraints:
        if isinstance(each, (Causal, AntiCausal)) and each.operation != operation:
            raise value_error(name, f"a promise made for {operation!r}", f"{each!r}")
