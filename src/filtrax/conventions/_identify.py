"""Which convention made this output? Trying every one, and naming the nearest if none did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import jax.numpy as jnp
import numpy as np

from filtrax._correlate import convolve, correlate
from filtrax._errors import value_error
from filtrax._operands import as_numeric, as_scalar
from filtrax._typing import ArrayLike
from filtrax.conventions._apply import apply_mode, check_sizes
from filtrax.conventions._table import CONVENTIONS, Convention, Mode

_FUNCTIONS = {"convolve": convolve, "correlate": correlate}


@dataclass(frozen=True)
class Match:
    """A convention that reproduces the output.

    Attributes:
        convention: its name in the table.
        mode: as that library spells it.
        error: largest difference, relative to the largest value that x and h can produce.
    """

    convention: str
    mode: str | int
    error: float


@dataclass(frozen=True)
class Closest:
    """The nearest scaled window of a full output with zeros outside.

    Attributes:
        operation: ``"convolve"`` if the kernel is reversed, else ``"correlate"``.
        conjugate: whether the kernel is conjugated.
        offset: for each filtered axis, where the window starts in full.
        scale: the factor, by least squares.
        error: what remains, relative to the norm of the output.
    """

    operation: str
    conjugate: bool
    offset: tuple[int, ...]
    scale: complex
    error: float

    def __str__(self) -> str:
        reversal = "reversed" if self.operation == "convolve" else "as it is"
        conjugation = ", conjugated" if self.conjugate else ""
        offset = self.offset[0] if len(self.offset) == 1 else self.offset
        scale = self.scale
        if abs(scale.imag) <= 1e-9 * abs(scale):
            scale = scale.real
        return (
            f"{self.operation} (kernel {reversal}{conjugation}), its full output from index "
            f"{offset} on, times {scale:.6g}; relative error left: {self.error:.2g}"
        )


@dataclass(frozen=True)
class Identification(Sequence[Match]):
    """The matches, best first; an empty sequence when no convention fits.

    Attributes:
        matches: every (convention, mode) that reproduces the output.
        closest: the nearest scaled window; ``None`` when there are matches, and when x, h or y
            is all zero or not finite.
    """

    matches: tuple[Match, ...]
    closest: Closest | None = field(default=None)

    @overload
    def __getitem__(self, index: int) -> Match: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Match, ...]: ...
    def __getitem__(self, index: Any) -> Any:
        return self.matches[index]

    def __len__(self) -> int:
        return len(self.matches)

    def __iter__(self) -> Iterator[Match]:
        return iter(self.matches)

    def __str__(self) -> str:
        if self.matches:
            return "\n".join(f"{m.convention}, mode {m.mode!r}" for m in self.matches)
        if self.closest is None:
            return "No convention reproduces this output."
        return f"No convention reproduces this output. Closest: {self.closest}."


def identify(
    x: ArrayLike, h: ArrayLike, y: ArrayLike, *, rtol: float | None = None
) -> Identification:
    """Finds every (convention, mode) that turns x and h into y.

    Args:
        x: signal; with more dimensions than h, each row is filtered.
        h: kernel.
        y: the observed output, of the rank of x.
        rtol: largest difference that counts as equal, relative to the largest value that x
            and h can produce; by default a small multiple of the rounding error of the
            coarsest dtype among x, h and y.

    Returns:
        The matches in the order of the table, libraries' default modes first among equals.
        When there are none, its ``closest`` says which reversal, conjugation, offset and scale
        come nearest, and ``print`` of it says so in words.

    Raises:
        ValueError: ranks do not fit, or an operand is empty.
        TypeError: an argument has the wrong type.

    Example:
        >>> from filtrax import conventions
        >>> found = conventions.identify([1, 0, 2, 3, 0, 1, 1], [2, 1, 3], [8, 11, 7, 9, 4])
        >>> [(m.convention, m.mode) for m in found][:2]
        [('numpy.correlate', 'valid'), ('scipy.signal.correlate', 'valid')]
    """
    # Results are compared within a tolerance, to which the loss of a few bits is nothing.
    x, h, y = (as_numeric(v, name, warn=False) for v, name in ((x, "x"), (h, "h"), (y, "y")))
    if not 1 <= h.ndim <= x.ndim:
        raise value_error("h", f"1 to {x.ndim} dimensions", f"shape {h.shape}")
    if y.ndim != x.ndim:
        raise value_error("y", f"the {x.ndim} dimensions of x", f"{y.ndim} (shape {y.shape})")
    rows = x.shape[: x.ndim - h.ndim]
    if y.shape[: len(rows)] != rows:
        raise value_error("y", f"the {rows} rows of x, then filtered axes", f"shape {y.shape}")
    for name, array in (("x", x), ("h", h)):
        if array.size == 0:
            raise value_error(name, "at least one sample", f"shape {array.shape}")
    observed = np.asarray(y)
    scale = _largest(x) * float(jnp.sum(jnp.abs(h)))
    rtol = _tolerance(x, h, y) if rtol is None else float(as_scalar(rtol, "rtol"))
    computed: dict[Any, np.ndarray] = {}
    matches = []
    for convention in CONVENTIONS.values():
        for spelled in _candidates(convention, x.shape[-1], h.shape[-1], y.shape[-1]):
            error = _error(x, h, observed, convention, convention.mode(spelled), computed, scale)
            if error <= rtol:
                matches.append(Match(convention.name, spelled, error))
    # Stable: within one convention the mode used unasked comes first, else the table's order.
    matches.sort(key=_rank)
    return Identification(tuple(matches), None if matches else _closest(x, h, observed))


def _rank(match: Match) -> tuple[int, bool]:
    names = list(CONVENTIONS)
    return names.index(match.convention), match.mode != CONVENTIONS[match.convention].default


def _candidates(convention: Convention, n: int, k: int, length: int) -> list[str | int]:
    """The modes by name, and the one integer padding that gives the right length."""
    spelled: list[str | int] = list(convention.modes)
    if convention.integer_padding:
        padding, odd = divmod(length - (n - k + 1), 2)
        if padding > 0 and not odd:
            spelled.append(padding)
    return spelled


def _error(
    x: Any,
    h: Any,
    observed: np.ndarray,
    convention: Convention,
    mode: Mode,
    computed: dict[Any, np.ndarray],
    scale: float,
) -> float:
    """The largest difference from the observed output; infinite where shapes differ."""
    try:
        n, k = check_sizes(x.shape, h.shape, convention, mode)
    except ValueError:
        return float("inf")
    lengths = tuple(mode.length(*sizes) for sizes in zip(n, k, strict=True))
    if (*x.shape[: x.ndim - h.ndim], *lengths) != observed.shape:
        return float("inf")
    # Conventions with the same operation and window differ in name only: compute it once.
    window = tuple(mode.padding(*sizes) for sizes in zip(n, k, strict=True))
    key = (convention.operation, convention.conjugate, mode.boundary, window)
    if key not in computed:
        computed[key] = np.asarray(apply_mode(x, h, convention, mode))
    if observed.size == 0:
        return 0.0
    if not (np.isfinite(computed[key]).all() and np.isfinite(observed).all()):
        return float("inf")
    difference = np.max(np.abs(_wide(computed[key]) - _wide(observed)))
    return float(difference / scale) if scale else float(difference)


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)


def _largest(array: Any) -> float:
    return float(jnp.max(jnp.abs(array)))


def _tolerance(*arrays: Any) -> float:
    """Room for the rounding of the coarsest dtype, summed over a kernel in any order."""
    floating = [a.dtype for a in arrays if jnp.issubdtype(a.dtype, jnp.inexact)]
    return 32 * max((float(jnp.finfo(dtype).eps) for dtype in floating), default=0.0)


def _closest(x: Any, h: Any, observed: np.ndarray) -> Closest | None:
    """The window of a full output, over all offsets, that a scale brings nearest to y."""
    target = _wide(observed)
    norm = np.linalg.norm(target)
    if target.size == 0 or norm == 0 or not np.isfinite(norm):
        return None
    axes = tuple(range(x.ndim - h.ndim, x.ndim))
    best = None
    for operation, function in _FUNCTIONS.items():
        for conjugate in (False, True) if jnp.iscomplexobj(h) else (False,):
            full = _wide(np.asarray(function(x, h, "full", conjugate=conjugate)))
            if not (full.any() and np.isfinite(full).all()):
                return None
            # Zeros around it, so that every overlap of the two counts.
            margins = [(0, 0)] * axes[0] + [(target.shape[a] - 1,) * 2 for a in axes]
            full = np.pad(full, margins)
            energy = np.real(_windows(np.abs(full) ** 2, np.ones(target.shape), axes))
            product = _windows(full, target, axes)
            with np.errstate(divide="ignore", invalid="ignore"):
                gain = np.abs(product) ** 2 / energy
            # Where there is next to nothing, rounding alone would decide.
            gain[energy <= 1e-12 * energy.max()] = -1
            at = np.unravel_index(int(np.argmax(gain)), gain.shape)
            scale = np.conj(product[at]) / energy[at]
            window = full[
                (..., *(slice(i, i + target.shape[a]) for i, a in zip(at, axes, strict=True)))
            ]
            error = float(np.linalg.norm(target - scale * window) / norm)
            offset = tuple(int(i) - target.shape[a] + 1 for i, a in zip(at, axes, strict=True))
            found = Closest(operation, conjugate, offset, complex(scale), error)
            if best is None or found.error < best.error - 1e-9:
                best = found
    return best


def _windows(full: np.ndarray, target: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """For each offset, the sum over a window of full * conj(target), batch included."""
    sizes = [full.shape[a] for a in axes]
    spectrum = np.fft.fftn(full, sizes, axes) * np.conj(np.fft.fftn(target, sizes, axes))
    sums = np.fft.ifftn(spectrum.sum(axis=tuple(range(axes[0]))))
    return sums[tuple(slice(full.shape[a] - target.shape[a] + 1) for a in axes)]
