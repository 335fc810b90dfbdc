"""Making one library give another's result: a kernel, explicit padding, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jax import lax

from filtrax import _boundary
from filtrax._errors import describe, value_error
from filtrax._operands import as_numeric
from filtrax._spec import integer
from filtrax._typing import Array, ArrayLike
from filtrax.conventions._apply import apply_mode, check_sizes
from filtrax.conventions._table import Convention, Mode, lookup

Pair = tuple[int, int]

# How a target is made to take explicit padding: by computing no sample that is not asked for,
# or, where it knows only outputs of the input's length, by cutting those off afterwards.
_CARRIERS = ("valid", "VALID", "constant", "BORDER_CONSTANT")


@dataclass(frozen=True)
class Translation:
    """How to call the target so that it gives the source's result.

    Pad x by ``padding`` with ``boundary``, call the target on it with ``kernel`` and
    ``mode``, and keep the output without ``crop`` samples at its ends. The object unpacks as
    ``kernel, padding, explanation``.

    Attributes:
        kernel: what to give the target.
        padding: samples to add before and after x, ``(lo, hi)``, or one pair for each
            dimension of a kernel of several; negative numbers drop samples.
        explanation: one line that says what was done and why.
        boundary: what to pad with, as `numpy.pad` calls it (``"constant"`` is zeros).
        mode: the target's mode to call it in.
        crop: samples to cut off the output's ends, shaped as ``padding``; not zero only for
            targets whose output always has the input's length.
        native: the target's own mode that needs no padding, if there is one.
        source: the name of the source's convention.
        target: the name of the target's convention.
        source_mode: the source's mode.
    """

    kernel: Array
    padding: Any
    explanation: str
    boundary: str
    mode: str
    crop: Any
    native: str | int | None
    source: str
    target: str
    source_mode: Any

    def __iter__(self) -> Iterator[Any]:
        return iter((self.kernel, self.padding, self.explanation))

    def padding_for(self, n: int | tuple[int, ...]) -> Any:
        """The padding for a signal of length n, also where it is shorter than the kernel.

        Args:
            n: the length, or one for each dimension of the kernel.

        Returns:
            ``(lo, hi)``, or one pair for each dimension.

        Raises:
            ValueError: the source refuses such sizes, or its result is empty.
            TypeError: n is not made of integers.
        """
        convention = lookup(self.source)
        lengths = _lengths(n, self.kernel.ndim)
        mode = convention.mode(self.source_mode)
        check_sizes(lengths, self.kernel.shape, convention, mode)
        _check_not_empty(convention, mode, lengths, self.kernel.shape)
        return _paired(_paddings(mode, lengths, self.kernel.shape))

    def apply(self, x: ArrayLike) -> Array:
        """Runs the target's convention as told, on a signal of any length.

        Args:
            x: signal, with at least as many dimensions as the kernel.

        Returns:
            What the source gives for x.

        Raises:
            ValueError: the source refuses such sizes.
            TypeError: x is not an array of numbers.
        """
        x = as_numeric(x, "x")
        rank = self.kernel.ndim
        if x.ndim < rank:
            raise value_error("x", f"at least {rank} dimensions", f"shape {x.shape}")
        first = x.ndim - rank
        source = lookup(self.source)
        mode = source.mode(self.source_mode)
        if _is_empty(mode, x.shape[first:], self.kernel.shape):
            # No target need be asked, and some exchange the operands where nothing fits.
            return apply_mode(x, self.kernel, source, mode)
        pairs = self.padding_for(x.shape[first:])
        pairs = (pairs,) if rank == 1 else pairs
        crops = (self.crop,) if rank == 1 else self.crop
        for axis, pair in enumerate(pairs):
            x = _boundary.extend(x, first + axis, pair, mode.boundary)
        target = lookup(self.target)
        y = apply_mode(x, self.kernel, target, target.mode(self.mode))
        for axis, (before, after) in enumerate(crops):
            y = lax.slice_in_dim(y, before, y.shape[first + axis] - after, axis=first + axis)
        return y


def translate(
    h: ArrayLike,
    source: str,
    target: str,
    mode: Any = None,
    *,
    n: int | tuple[int, ...] | None = None,
) -> Translation:
    """Finds the kernel and padding that make the target give the source's result.

    Reversing the kernel is not enough for an even kernel, whose "same" lies one sample apart
    in different libraries, nor for one longer than the signal, which some libraries exchange
    with it, nor for a complex one, which some conjugate.

    Args:
        h: the source's kernel.
        source: a key of ``CONVENTIONS``.
        target: a key of ``CONVENTIONS``.
        mode: the source's mode, as it spells it; by default, its own default.
        n: the signal's length, or one for each dimension of h. Without it, the padding is for
            signals at least as long as the kernel; `Translation.padding_for` gives others.

    Returns:
        The kernel, the padding and a one-line explanation, with what else the call needs.

    Raises:
        ValueError: a name or mode is unknown, h is empty or has a rank that one of the two
            does not take, or the source refuses such sizes or gives an empty result for n.
        TypeError: an argument has the wrong type.

    Example:
        >>> from filtrax import conventions
        >>> kernel, padding, why = conventions.translate(
        ...     [1, 2, 3, 4], "numpy.convolve", "tensorflow.nn.conv1d", "same")
        >>> print(kernel, padding)
        [4 3 2 1] (2, 1)
    """
    h = as_numeric(h, "h")
    here, there = lookup(source, "source"), lookup(target, "target")
    if h.ndim < 1:
        raise value_error("h", "at least one dimension", "a scalar")
    if h.size == 0:
        raise value_error("h", "at least one tap", f"shape {h.shape}")
    wanted = here.mode(mode)
    lengths = h.shape if n is None else _lengths(n, h.ndim)
    check_sizes(lengths, h.shape, here, wanted)
    _check_not_empty(here, wanted, lengths, h.shape)
    kernel = h
    if here.operation != there.operation:
        kernel = jnp.flip(kernel)
    if here.conjugate != there.conjugate and jnp.iscomplexobj(kernel):
        kernel = jnp.conj(kernel)
    carrier = next(name for name in _CARRIERS if name in there.modes)
    check_sizes(h.shape, h.shape, there, there.modes[carrier])
    pairs = _paddings(wanted, lengths, h.shape)
    crop = [
        (0, 0) if carrier.lower() == "valid" else (k - 1 - start, start)
        for k, start in ((k, there.modes[carrier].start(k, k)) for k in h.shape)
    ]
    native = _native(wanted, there, h.shape, None if n is None else lengths)
    spelled = here.default if mode is None else mode
    return Translation(
        kernel=kernel, padding=_paired(pairs),
        explanation=_explain(here, there, spelled, wanted, pairs, crop, carrier, native, h, n),
        boundary="constant" if wanted.boundary == "zero" else wanted.boundary,
        mode=carrier, crop=_paired(crop), native=native, source=source, target=target,
        source_mode=spelled,
    )  # fmt: skip


def _lengths(n: Any, rank: int) -> tuple[int, ...]:
    if isinstance(n, (list, tuple)):
        lengths = tuple(integer("n", each) for each in n)
    else:
        lengths = (integer("n", n),) * rank
    if len(lengths) != rank:
        raise value_error("n", f"one length for each of {rank} dimensions", describe(n))
    if min(lengths) < 1:
        raise value_error("n", "at least one sample", describe(n))
    return lengths


def _is_empty(mode: Mode, n: tuple[int, ...], k: tuple[int, ...]) -> bool:
    return any(mode.length(*sizes) < 1 for sizes in zip(n, k, strict=True))


def _check_not_empty(
    convention: Convention, mode: Mode, n: tuple[int, ...], k: tuple[int, ...]
) -> None:
    if _is_empty(mode, n, k):
        raise value_error(
            "n", f"a length for which {convention.name} gives at least one sample",
            f"{n} with a kernel of {k}",
        )  # fmt: skip


def _paddings(mode: Mode, n: tuple[int, ...], k: tuple[int, ...]) -> list[Pair]:
    return [mode.padding(*sizes) for sizes in zip(n, k, strict=True)]


def _paired(pairs: list[Pair]) -> Any:
    return pairs[0] if len(pairs) == 1 else tuple(pairs)


def _native(
    wanted: Mode, there: Convention, k: tuple[int, ...], n: tuple[int, ...] | None
) -> str | None:
    """The target's mode with the same windows for signals of length n, or no shorter than h."""
    sizes = [
        (samples, taps)
        for i, taps in enumerate(k)
        for samples in (range(taps, 2 * taps + 2) if n is None else (n[i],))
    ]
    for name, mode in there.modes.items():
        fits = mode.excess is None or all(taps - samples <= mode.excess for samples, taps in sizes)
        if fits and mode.boundary == wanted.boundary and all(
            mode.padding(*size) == wanted.padding(*size) for size in sizes
        ):  # fmt: skip
            return name
    return None


def _explain(
    here: Convention,
    there: Convention,
    spelled: Any,
    wanted: Mode,
    pairs: list[Pair],
    crop: list[Pair],
    carrier: str,
    native: str | None,
    h: Array,
    n: Any,
) -> str:
    """One line: what happens to the kernel, what to x, and why that is needed."""
    steps = []
    if here.operation != there.operation:
        who = here.name if here.operation == "convolve" else there.name
        steps.append(f"reverse the kernel, because only {who} reverses it")
    if here.conjugate != there.conjugate and jnp.iscomplexobj(h):
        who = here.name if here.conjugate else there.name
        steps.append(f"conjugate the kernel, because only {who} conjugates it")
    if not steps:
        steps.append(f"keep the kernel, because both {here.operation}")
    filling = "zeros" if wanted.boundary == "zero" else f"numpy.pad's {wanted.boundary!r} samples"
    padding, cut = _paired(pairs), _paired(crop)
    if any(pair != (0, 0) for pair in pairs):
        pad = f"pad x by {padding} with {filling}, as {spelled!r} of {here.name} does, and call "
    else:
        pad = f"leave x as {spelled!r} of {here.name} takes it, and call "
    pad += f"{there.name} in {carrier!r}"
    if any(pair != (0, 0) for pair in crop):
        pad += f", then cut {cut} samples off its ends"
    if native is not None:
        pad += f" (its {native!r} on x itself gives the same)"
    else:
        pad += _near_miss(wanted, there, h.shape)
    steps.append(pad)
    sentence = "; ".join(steps)
    if n is None and _depends_on_n(wanted, h.shape):
        sentence += "; for a signal shorter than the kernel the padding is padding_for(n)"
    return sentence[0].upper() + sentence[1:] + "."


def _near_miss(wanted: Mode, there: Convention, k: tuple[int, ...]) -> str:
    """The target's mode of the same length that is placed differently, if there is one."""
    for name, mode in there.modes.items():
        same_length = all(mode.length(2 * t, t) == wanted.length(2 * t, t) for t in k)
        if same_length and mode.boundary == wanted.boundary:
            other = _paired(_paddings(mode, tuple(2 * t for t in k), k))
            return f" (its own {name!r} would pad by {other})"
    return ""


def _depends_on_n(mode: Mode, k: tuple[int, ...]) -> bool:
    return any(
        mode.padding(n, taps) != mode.padding(taps, taps) for taps in k for n in range(1, taps)
    )
