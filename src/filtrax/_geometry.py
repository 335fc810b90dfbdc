"""Where every sample and tap meet: the index relation of one axis, in plain integers.

All three arrays of a filtering problem are tied by one relation between the index n of the
signal, m of the kernel and i of the output:

    base * n  =  stride * i  +  dilation * m  -  lo

The output is the sum of x[n] h[m] over the pairs that meet at i. The derivative by x sums
over the same triples for each n, the derivative by h for each m, so both are correlations
too, with the constants exchanged: `Axis.for_role` is the whole of the adjoint's geometry.
A convolution is the correlation with a kernel that lies in memory from its last tap to its
first, and so is one of the two in each derivative.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from filtrax._errors import value_error
from filtrax._spec import AxisSpec

#: Which of the three arrays is computed from the other two.
ROLES = ("y", "x", "h")


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the canonical correlation: three sizes and the index relation.

    Attributes:
        n: length of the signal.
        k: number of taps.
        m: length of the output.
        lo: zeros before the signal (negative: samples dropped).
        stride: step of the output.
        dilation: spacing of the taps.
        base: spacing of the signal's samples, 1 in a forward problem.
        paired: each entry of the signal has its own kernel and output, so n, m and i are equal
            instead: nothing slides along this axis.
        reversed: the array that lies in memory from its last entry to its first: ``"kernel"``,
            ``"output"`` or none. The other attributes count its entries from the last on.
    """

    n: int
    k: int
    m: int
    lo: int
    stride: int = 1
    dilation: int = 1
    base: int = 1
    paired: bool = False
    reversed: str = ""

    @property
    def taps(self) -> int:
        """Taps that each output sums over."""
        return 1 if self.paired else self.k

    @property
    def span(self) -> int:
        """Samples from the first tap to the last."""
        return (self.taps - 1) * self.dilation + 1

    @property
    def hi(self) -> int:
        """Zeros after the signal that the last output needs (negative: samples dropped)."""
        used = (self.m - 1) * self.stride + self.span
        return used - ((self.n - 1) * self.base + 1) - self.lo

    def for_role(self, role: str) -> "Axis":
        """The plain correlation that computes the array named by ``role``.

        For ``"x"`` the output takes the signal's place and the kernel is read from its other end;
        for ``"h"`` the output takes the kernel's place.
        """
        if self.paired:
            return self
        if role == "x":
            assert self.reversed != "output"
            turned = "" if self.reversed or self.k == 1 else "kernel"
            lo = (self.k - 1) * self.dilation - self.lo
            return Axis(
                self.m, self.k, self.n, lo, self.base, self.dilation, self.stride, reversed=turned
            )
        if role == "h":
            turned = {"": "", "kernel": "output", "output": "kernel"}[self.reversed]
            return Axis(
                self.n, self.m, self.k, self.lo, self.dilation, self.stride, self.base,
                reversed=turned,
            )  # fmt: skip
        return self


def passive_axis(n: int, k: int) -> Axis:
    """An axis that is not filtered: one kernel for all its entries, or one for each."""
    return Axis(n, k, n, 0, paired=k > 1)


@lru_cache(maxsize=4096)
def resolve_axis(spec: AxisSpec, operation: str, n: int, k: int, name: str = "") -> Axis:
    """The index relation that a spec asks for, given the lengths of signal and kernel.

    Args:
        spec: the choices along this axis.
        operation: ``"convolve"`` or ``"correlate"``.
        n: length of the signal.
        k: number of taps.
        name: how an error message calls the axis, such as ``" along axis 1"``.

    Raises:
        ValueError: signal or kernel are empty, the kernel is longer than the signal in
            ``valid``, the padding leaves no room for it, or the origin lies outside it.
    """
    if n < 1:
        raise value_error("x", f"at least one sample{name}", "0")
    if k < 1:
        raise value_error("h", f"at least one tap{name}", "0")
    span = (k - 1) * spec.dilation + 1
    turned = "kernel" if operation == "convolve" and k > 1 else ""
    axis = Axis(n, k, 0, 0, spec.stride, spec.dilation, reversed=turned)
    if isinstance(spec.mode, tuple):
        lo, hi = spec.mode
        if n + lo + hi < span:
            raise value_error(
                "mode",
                f"padding that leaves at least the kernel's span of {span} samples{name}",
                f"{n} samples with padding ({lo}, {hi})",
            )
        length = n + lo + hi - span + 1
    elif spec.mode == "full":
        lo, length = span - 1, n + span - 1
    elif spec.mode == "valid":
        if span > n:
            raise value_error(
                "mode",
                f"a kernel no longer than the signal for 'valid'{name} "
                "(operands are never swapped; use filtrax.compat for a peer's behaviour)",
                f"a kernel spanning {span} samples and a signal of {n}",
            )
        lo, length = 0, n - span + 1
    elif spec.mode == "causal":
        lo, length = span - 1, n
    else:
        lo, length = _same_padding(spec, operation, span, name), n
    # Keep every stride-th output, the first included.
    return replace(axis, lo=lo, m=-(-length // spec.stride))


def _same_padding(spec: AxisSpec, operation: str, span: int, name: str) -> int:
    """Zeros on the left that put the kernel's centre on the output sample.

    The centre is NumPy's: for both operations span // 2 zeros on the left. The origin moves
    the centre along the kernel as the user wrote it, so its sign turns with the reversal.
    """
    lo = span // 2 + (spec.origin if operation == "correlate" else -spec.origin)
    if not 0 <= lo < span:
        centre = span // 2 if operation == "correlate" else (span - 1) // 2
        raise value_error(
            "origin",
            f"a shift that keeps the centre inside the kernel{name} "
            f"({-centre} to {span - 1 - centre} here)",
            repr(spec.origin),
        )
    return lo
