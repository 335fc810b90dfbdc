"""The table: what each library means by convolution or correlation, as data.

Every convention is a named operation followed by a window of its full output. Along one axis,
with N samples and K taps, full has N + K - 1 samples,

    convolve:   full[j] = sum over m of h[m] * x[j - m]
    correlate:  full[j] = sum over m of h[m] * x[j - (K - 1) + m]

and a mode is the window [start, start + length) of it, with some boundary in place of the
zeros outside x. Two libraries with the same operation differ in nothing but that window, the
boundary, the conjugation of a complex kernel, and what they do when the kernel is the longer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from filtrax._errors import describe as describe_value
from filtrax._errors import type_error, value_error
from filtrax._typing import BoundaryName

Length = Callable[[int, int], int]


@dataclass(frozen=True)
class Mode:
    """One extent of the output: a window of full.

    Attributes:
        start: where the window begins in full, from (N, K).
        length: how many samples it has.
        start_formula: ``start`` as text.
        length_formula: ``length`` as text.
        boundary: what lies outside x, in filtrax's words.
        excess: by how many samples the kernel may exceed the signal before the library
            raises an error; ``None`` for any number.
        swaps_whole: in several dimensions, an error if the kernel is longer along one axis
            and shorter along another.
    """

    start: Length
    length: Length
    start_formula: str
    length_formula: str
    boundary: BoundaryName = "zero"
    excess: int | None = None
    swaps_whole: bool = False

    def padding(self, n: int, k: int) -> tuple[int, int]:
        """The padding (lo, hi) of x whose correlation gives the window."""
        start = self.start(n, k)
        return k - 1 - start, start + self.length(n, k) - n


@dataclass(frozen=True)
class Convention:
    """What one library's function computes.

    Attributes:
        name: the function, as its library spells it.
        operation: ``"convolve"`` (kernel reversed) or ``"correlate"``.
        conjugate: whether a complex kernel is conjugated.
        modes: the extents that the function knows, as its library spells them.
        default: the mode that it uses unasked, or ``None`` if it must be named.
        ranks: ranks of kernel that the function takes; ``None`` for any. One row counts as a
            vector, so a two-dimensional function takes vectors too.
        integer_padding: whether an integer p is a mode too: p zeros on both sides.
        note: what else to know.
    """

    name: str
    operation: str
    conjugate: bool
    modes: Mapping[str, Mode]
    default: str | None
    ranks: tuple[int, ...] | None = (1,)
    integer_padding: bool = False
    note: str = ""

    def mode(self, mode: Any) -> Mode:
        """Looks a mode up; ``None`` is the default.

        Raises:
            ValueError: the function has no such mode, or needs one named.
            TypeError: the mode is neither a name nor, where allowed, an integer.
        """
        known = ", ".join(map(repr, self.modes))
        if self.integer_padding:
            known += " or an integer"
            if isinstance(mode, int) and not isinstance(mode, bool):
                return _integer_padding(mode)
        if mode is None:
            if self.default is None:
                raise value_error("mode", f"a mode of {self.name} ({known})", "None")
            mode = self.default
        if not isinstance(mode, str):
            raise type_error("mode", f"a mode of {self.name} ({known})", describe_value(mode))
        if mode not in self.modes:
            raise value_error("mode", f"a mode of {self.name} ({known})", repr(mode))
        return self.modes[mode]


def _integer_padding(p: int) -> Mode:
    if p < 0:
        raise value_error("mode", "padding of at least 0", repr(p))
    return Mode(
        lambda n, k: k - 1 - p, lambda n, k: n + 2 * p - k + 1,
        f"K-1-{p}", f"N+{2 * p}-K+1", excess=2 * p,
    )  # fmt: skip


_FULL = Mode(lambda n, k: 0, lambda n, k: n + k - 1, "0", "N+K-1")
# Centred with the spare sample of an even kernel before (LOWER) or behind (UPPER) the centre.
_SAME_LOWER = Mode(lambda n, k: (k - 1) // 2, lambda n, k: n, "(K-1)//2", "N")
_SAME_UPPER = Mode(lambda n, k: k // 2, lambda n, k: n, "K//2", "N")
# NumPy exchanges the operands when the kernel is the longer, and what is centred with them.
_NUMPY_CONVOLVE_SAME = Mode(lambda n, k: (min(n, k) - 1) // 2, max, "(min(N,K)-1)//2", "max(N,K)")
_NUMPY_CORRELATE_SAME = Mode(
    lambda n, k: (k - 1) // 2 if k <= n else n // 2, max,
    "(K-1)//2 if K <= N else N//2", "max(N,K)",
)  # fmt: skip
_VALID_SWAPPED = Mode(
    lambda n, k: min(n, k) - 1, lambda n, k: abs(n - k) + 1, "min(N,K)-1", "|N-K|+1",
    swaps_whole=True,
)  # fmt: skip


def _valid(excess: int | None) -> Mode:
    return Mode(
        lambda n, k: k - 1, lambda n, k: max(n - k + 1, 0), "K-1", "max(N-K+1, 0)", excess=excess
    )


def _bordered(same: Mode, borders: Mapping[str, BoundaryName]) -> dict[str, Mode]:
    """One mode for each border a library names: always the input's length."""
    return {
        name: Mode(same.start, same.length, same.start_formula, same.length_formula, boundary)
        for name, boundary in borders.items()
    }


_NDIMAGE: dict[str, BoundaryName] = {
    "reflect": "symmetric",
    "constant": "zero",
    "nearest": "edge",
    "mirror": "reflect",
    "wrap": "wrap",
}
_OPENCV: dict[str, BoundaryName] = {
    "BORDER_REFLECT_101": "reflect",
    "BORDER_CONSTANT": "zero",
    "BORDER_REPLICATE": "edge",
    "BORDER_REFLECT": "symmetric",
}
_SCIPY = {"full": _FULL, "same": _SAME_LOWER, "valid": _VALID_SWAPPED}

_ROWS = (
    Convention(
        "numpy.convolve", "convolve", False,
        {"full": _FULL, "same": _NUMPY_CONVOLVE_SAME, "valid": _VALID_SWAPPED}, "full",
        note="The longer operand is taken as the signal, so 'same' has max(N, K) samples.",
    ),
    Convention(
        "numpy.correlate", "correlate", True,
        {"valid": _VALID_SWAPPED, "same": _NUMPY_CORRELATE_SAME, "full": _FULL}, "valid",
        note="The default is 'valid', where numpy.convolve has 'full'.",
    ),
    Convention("scipy.signal.convolve", "convolve", False, _SCIPY, "full", None),
    Convention("scipy.signal.correlate", "correlate", True, _SCIPY, "full", None),
    Convention(
        "scipy.signal.convolve2d", "convolve", False, _SCIPY, "full", (1, 2),
        note="With boundary='fill'; 'wrap' and 'symm' are in filtrax.compat.scipy_signal.",
    ),
    Convention(
        "scipy.signal.correlate2d", "correlate", True,
        {"full": _FULL, "same": _SAME_UPPER, "valid": _VALID_SWAPPED}, "full", (1, 2),
        note="At even sizes 'same' lies one sample after that of scipy.signal.correlate. Where "
        "'valid' exchanges the operands, SciPy conjugates x in place of h; filtrax does not.",
    ),
    Convention(
        "scipy.ndimage.convolve1d", "convolve", False, _bordered(_SAME_UPPER, _NDIMAGE), "reflect",
        note="Its 'reflect' is numpy.pad's 'symmetric', its 'mirror' numpy.pad's 'reflect'.",
    ),
    Convention(
        "scipy.ndimage.correlate1d", "correlate", True, _bordered(_SAME_LOWER, _NDIMAGE), "reflect",
        note="Its 'reflect' is numpy.pad's 'symmetric', its 'mirror' numpy.pad's 'reflect'.",
    ),
    Convention(
        "tensorflow.nn.conv1d", "correlate", False,
        {"SAME": _SAME_UPPER, "VALID": _valid(excess=1)}, None,
        note="At stride 1; with a stride, SAME pads by an amount that depends on N.",
    ),
    Convention(
        "torch.nn.functional.conv1d", "correlate", False,
        {"valid": _valid(excess=0), "same": _SAME_UPPER}, "valid", integer_padding=True,
        note="An integer padding p puts p zeros on both sides.",
    ),
    Convention(
        "jax.lax.conv", "correlate", False,
        {"SAME": _SAME_UPPER, "VALID": _valid(excess=None), "SAME_LOWER": _SAME_LOWER}, None, None,
        note="As jax.lax.conv_general_dilated at stride 1; SAME_LOWER is known there only.",
    ),
    Convention(
        "matlab.conv", "convolve", False,
        {"full": _FULL, "same": _SAME_UPPER, "valid": _valid(excess=None)}, "full",
        note="'same' has the first input's length and starts at K//2, where NumPy starts at "
        "(K-1)//2.",
    ),
    Convention(
        "opencv.filter2D", "correlate", False, _bordered(_SAME_LOWER, _OPENCV),
        "BORDER_REFLECT_101", (1, 2),
        note="Real data only; the anchor is the kernel's centre K//2.",
    ),
)  # fmt: skip

#: Every convention by the name of its function.
CONVENTIONS: Mapping[str, Convention] = MappingProxyType({row.name: row for row in _ROWS})


def lookup(name: Any, argument: str = "name") -> Convention:
    """The convention of a name.

    Raises:
        ValueError: there is none of that name.
        TypeError: the name is not a string.
    """
    known = ", ".join(CONVENTIONS)
    if not isinstance(name, str):
        raise type_error(argument, f"the name of a convention ({known})", describe_value(name))
    if name not in CONVENTIONS:
        raise value_error(argument, f"one of {known}", repr(name))
    return CONVENTIONS[name]
