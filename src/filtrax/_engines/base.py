"""What every engine computes, and how any of the three roles is brought to it.

An engine is a function of a plain correlation,

    lhs (G, B, C, *N),  rhs (G, O, C, *K)  ->  out (G, B, O, *M)

    out[g, b, o, i] = sum over c, m of  rhs[g, o, c, m] * lhs[g, b, c, n]

with n from the index relation of each axis (see `_geometry`). It never hears of modes,
boundaries, conjugation or derivatives, and of convolution only if it reads arrays backwards.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._geometry import Axis

#: The arrays that a role is computed from.
OPERANDS = {"y": ("x", "h"), "x": ("y", "h"), "h": ("x", "y")}
#: What the plain correlation of a role calls the labels G, B, C and O of the forward problem.
_RENAMED = {"y": "gbco", "x": "gboc", "h": "gcbo"}


def labels_in_memory(name: str, batch_first: bool) -> str:
    """The labels of one of the arrays x, h and y in the order of its axes."""
    if name == "h":
        return "GOC"
    return ("BG" if batch_first else "GB") + ("C" if name == "x" else "O")


@dataclass(frozen=True, slots=True)
class Correlation:
    """A plain correlation, in numbers: what an engine's cost depends on.

    Attributes:
        g: groups.
        b: signals.
        c: channels, which are summed over.
        o: kernels.
        axes: those that are slid along.
        dtype: of all arrays.
        role: the one of the primitive, in whose order the labels of the arrays lie in memory.
        batch_first: whether signals lie before groups there.
    """

    g: int
    b: int
    c: int
    o: int
    axes: tuple[Axis, ...]
    dtype: jnp.dtype
    role: str = "y"
    batch_first: bool = False

    @property
    def labels(self) -> tuple[str, str, str]:
        """Of the two operands and of the output, in the order of the memory."""
        names = str.maketrans("GBCO", _RENAMED[self.role])
        lhs, rhs, out = (
            labels_in_memory(name, self.batch_first).translate(names)
            for name in (*OPERANDS[self.role], self.role)
        )
        return lhs, rhs, out

    @property
    def outputs(self) -> int:
        """Samples in the output."""
        return self.g * self.b * self.o * math.prod(axis.m for axis in self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the output as it lies."""
        labels = (getattr(self, label) for label in self.labels[-1])
        return (*labels, *(axis.m for axis in self.axes))

    @property
    def is_complex(self) -> bool:
        """Whether each sample is a pair of numbers."""
        return bool(jnp.issubdtype(self.dtype, jnp.complexfloating))

    @property
    def taps(self) -> int:
        """Taps of one kernel, over all axes."""
        return math.prod(axis.taps for axis in self.axes)

    @property
    def is_short(self) -> bool:
        """Whether the kernel is longer than the output, as in a gradient by the kernel."""
        return is_short(self.axes)

    @property
    def inputs(self) -> int:
        """Samples of the signal, with its padding."""
        return self.g * self.b * self.c * math.prod(window_length(axis) for axis in self.axes)

    @property
    def multiplications(self) -> int:
        """Products in the defining sum."""
        return self.outputs * self.c * self.taps


def is_short(axes: tuple[Axis, ...]) -> bool:
    """Whether a kernel is longer than the output that it gives from one signal."""
    outputs = math.prod(axis.m for axis in axes if not axis.paired)
    return math.prod(axis.taps for axis in axes) > outputs


def window_length(axis: Axis) -> int:
    """Samples from the first that an output uses to the last."""
    return (axis.m - 1) * axis.stride + axis.span


def rounding_of_sums(problem: Correlation, run: int = 16, joined: int = 32) -> float:
    """Errors of a sum grow as a random walk does, with the square root of its steps.

    A sum goes in runs, and sums of ``joined`` terms are added one after the other. The factor, and
    the lengths that the engines name, are fitted to errors measured.
    """
    terms = problem.c * problem.taps
    return 0.3 * math.sqrt(min(terms, run) + terms / joined)


def windows(problem: Correlation) -> tuple[int, ...]:
    """For each axis, the outputs whose window, from first tap to last, holds a given sample."""
    return tuple(
        1 if axis.paired else min(axis.m, -(-axis.span // axis.stride)) for axis in problem.axes
    )


#: What errors can be relative to, from the promise that is hardest to keep to the easiest.
SCALES = ("window", "block", "row")

#: Products of the defining sum below which only plain sums are chosen unasked: the others take no
#: less time, and round more or spread a NaN.
SMALL = 1 << 14


def calls_of(problem: Correlation) -> float:
    """The call itself, the first count of an engine; infinite for less than `SMALL` products."""
    return math.inf if problem.multiplications < SMALL else 1.0


#: Runs a problem on the operands of its role, as they lie: (problem, a, b) -> out.
RunAs = Callable[[Correlation, jax.Array, jax.Array], jax.Array]
#: Runs a correlation: (axes, lhs, rhs, precision, platform) -> out.
Run = Callable[[tuple[Axis, ...], jax.Array, jax.Array, lax.Precision, str], jax.Array]


@dataclass(frozen=True, slots=True)
class Engine:
    """One algorithm.

    Attributes:
        name: how ``method=`` and `filtrax.plan` call it.
        run: computes the correlation.
        refuses: the reason why it cannot serve a problem on a platform, or ``None``.
        work: counts of what it does for a problem, which the platform's constants price;
            the first is 1, for the call itself.
        block: the length of its blocks, if it has any.
        scratch: samples in the temporary arrays that it makes.
        error: the relative error to expect, in units of the rounding of the arithmetic.
        spread: the most outputs along each axis that one NaN or infinity in the signal spoils.
        scale: what its rounding errors are relative to: the products that an output sums
            (``"window"``), or the norms of all that is transformed with them (``"block"``,
            ``"row"``).
        multiplies: whether it leaves sums to matrix products, whose precision is a choice.
        in_place: whether it serves axes along which nothing slides where they are; for the
            others they are folded into the labels (see `_engines.fold`).
        run_as: the same where an engine reads and writes the arrays of every role where they lie,
            reversed or not; for the others labels are exchanged (see `as_correlation`) and arrays
            turned (see `forwards`) before and after.
    """

    name: str
    run: Run
    refuses: Callable[[Correlation, str], str | None]
    work: Callable[[Correlation], tuple[float, ...]]
    block: Callable[[Correlation], int | None] = lambda _: None
    scratch: Callable[[Correlation], float] = lambda _: 0.0
    error: Callable[[Correlation], float] = rounding_of_sums
    spread: Callable[[Correlation], tuple[int, ...]] = windows
    scale: Callable[[Correlation], str] = lambda _: "window"
    multiplies: Callable[[Correlation], bool] = lambda problem: problem.c > 1
    in_place: bool = False
    run_as: RunAs | None = None


def forwards(run: Run) -> Run:
    """An engine that is given, and gives, no array reversed."""

    def turn(
        axes: tuple[Axis, ...],
        lhs: jax.Array,
        rhs: jax.Array,
        precision: lax.Precision,
        platform: str,
    ) -> jax.Array:
        plain = tuple(replace(axis, reversed="") for axis in axes)
        out = run(plain, lhs, in_order(rhs, axes, "kernel"), precision, platform)
        return in_order(out, axes, "output")

    return turn


def in_order(array: jax.Array, axes: tuple[Axis, ...], name: str) -> jax.Array:
    """The ``"kernel"`` or the ``"output"``, turned where it is reversed."""
    turned = tuple(3 + number for number, axis in enumerate(axes) if axis.reversed == name)
    return lax.rev(array, turned) if turned else array


def correlation_for(
    role: str,
    sizes: tuple[int, int, int, int],
    axes: tuple[Axis, ...],
    dtype: jnp.dtype,
    batch_first: bool = False,
) -> Correlation:
    """Restates a role, in numbers; ``sizes`` are those of the forward problem's G, B, C and O."""
    # Role x sums over O; role h over B, with the output as a kernel as long as the signal.
    renamed = dict(zip(_RENAMED[role], sizes, strict=True))
    g, b, c, o = (renamed[label] for label in "gbco")
    turned = tuple(axis.for_role(role) for axis in axes)
    return Correlation(g, b, c, o, turned, dtype, role, batch_first)


def as_correlation(
    role: str, a: jax.Array, b: jax.Array, batch_first: bool = False
) -> tuple[jax.Array, jax.Array]:
    """The operands of a role as those of a plain correlation.

    They are (x, h) for role y, (y, h) for role x and (x, y) for role h. The result of the
    correlation has the labels that `from_correlation` puts back in order.
    """
    if batch_first:
        a, b = (
            array if name == "h" else jnp.swapaxes(array, 0, 1)
            for name, array in zip(OPERANDS[role], (a, b), strict=True)
        )
    a = jnp.swapaxes(a, 1, 2) if role == "h" else a
    return a, b if role == "y" else jnp.swapaxes(b, 1, 2)


def from_correlation(role: str, out: jax.Array, batch_first: bool = False) -> jax.Array:
    """Puts the labels of a correlation's result in the order of the array it stands for."""
    if role == "h":
        return jnp.swapaxes(out, 1, 2)
    return jnp.swapaxes(out, 0, 1) if batch_first else out


def correlation_of(axes: tuple[Axis, ...], lhs: jax.Array, rhs: jax.Array) -> Correlation:
    """The numbers of a plain correlation."""
    g, b, c = lhs.shape[:3]
    return Correlation(g, b, c, rhs.shape[1], axes, lhs.dtype)
