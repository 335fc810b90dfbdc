"""What is asked for: a frozen, hashable record of every choice, without arrays or JAX."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from filtrax._errors import describe, type_error, value_error

OPERATIONS = ("convolve", "correlate")
MODES = ("full", "same", "valid", "causal")
BOUNDARIES = ("zero", "edge", "reflect", "symmetric", "wrap")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AxisSpec:
    """The choices along one filtered axis.

    ``mode`` is one of ``MODES`` or an explicit ``(lo, hi)`` padding. ``boundary`` is one of
    ``BOUNDARIES``, or ``"constant"``, whose value is an operand and so is no part of the spec.
    """

    mode: str | tuple[int, int]
    boundary: str = "zero"
    origin: int = 0
    stride: int = 1
    dilation: int = 1


@dataclass(frozen=True, slots=True)
class Spec:
    """The operation and, for each filtered axis, its choices."""

    operation: str
    conjugate: bool
    axes: tuple[AxisSpec, ...]


def make_spec(
    ndim: int,
    operation: Any,
    mode: Any,
    boundary: Any = "zero",
    origin: Any = 0,
    stride: Any = 1,
    dilation: Any = 1,
    conjugate: Any = None,
) -> tuple[Spec, tuple[Any, ...]]:
    """Checks a user's choices and spreads them over ``ndim`` filtered axes.

    Returns:
        The spec, and for each axis the value of a constant boundary (``None`` elsewhere).

    Raises:
        ValueError: a name is unknown, or a number or a sequence's length is out of range.
        TypeError: a choice has the wrong type.
    """
    operation = choice("operation", operation, OPERATIONS)
    if conjugate is None:
        # NumPy, SciPy and ndimage all conjugate in `correlate` and never in `convolve`.
        conjugate = operation == "correlate"
    elif not _is_flag(conjugate):
        raise type_error("conjugate", "True, False or None", describe(conjugate))
    fills_and_names = _parsed("boundary", boundary, ndim, _axis_boundary)
    specs = tuple(
        AxisSpec(*fields)
        for fields in zip(
            _parsed("mode", mode, ndim, _axis_mode),
            (name for name, _ in fills_and_names),
            _parsed("origin", origin, ndim, integer),
            _parsed("stride", stride, ndim, _positive),
            _parsed("dilation", dilation, ndim, _positive),
            strict=True,
        )
    )
    for spec in specs:
        if spec.origin and spec.mode != "same":
            raise value_error(
                "origin", f"0 unless mode is 'same' (mode is {spec.mode!r})", repr(spec.origin)
            )
    return Spec(operation, bool(conjugate), specs), tuple(fill for _, fill in fills_and_names)


def choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Returns ``value`` if it is one of the ``allowed`` names, else raises."""
    if not isinstance(value, str):
        raise type_error(name, f"one of {', '.join(map(repr, allowed))}", describe(value))
    if value not in allowed:
        raise value_error(name, f"one of {', '.join(map(repr, allowed))}", repr(value))
    return value


def _is_flag(value: Any) -> bool:
    """Whether it is Python's boolean or NumPy's, which is not imported for it."""
    kind = type(value)
    return kind is bool or (kind.__module__, kind.__name__) in (
        ("numpy", "bool"),
        ("numpy", "bool_"),
    )


def flag(name: str, value: Any) -> bool:
    """Returns ``value`` if it is a boolean; what only looks true or false is an error."""
    if not _is_flag(value):
        raise type_error(name, "True or False", describe(value))
    return bool(value)


def integer(name: str, value: Any) -> int:
    """Returns ``value`` as an ``int``; bools, floats and traced values are errors."""
    if isinstance(value, bool):
        raise type_error(name, "an integer", describe(value))
    try:
        return operator.index(value)
    except TypeError as error:
        # JAX's own TracerIntegerConversionError; this module does without JAX.
        traced = type(error).__name__.startswith("Tracer")
        hint = "an integer known at trace time" if traced else "an integer"
        raise type_error(name, hint, describe(value)) from error


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _is_pair(value: Any) -> bool:
    return (
        _is_sequence(value)
        and len(value) == 2
        and not any(isinstance(v, str) or _is_sequence(v) for v in value)
    )


def per_axis(name: str, value: Any, count: int) -> tuple[Any, ...]:
    """One value for each of ``count`` axes, from a single one or from a sequence of them."""
    # A lone (lo, hi) is one mode for every axis, not a sequence of two modes.
    if not _is_sequence(value) or (name == "mode" and _is_pair(value)):
        return (value,) * count
    if len(value) != count:
        raise value_error(
            name, f"one value, or one for each of the {count} filtered axes", f"{len(value)} values"
        )
    return tuple(value)


def _parsed(name: str, value: Any, count: int, parse: Callable[[str, Any], T]) -> tuple[T, ...]:
    values = per_axis(name, value, count)
    single = all(each is value for each in values)
    return tuple(parse(name if single else f"{name}[{i}]", each) for i, each in enumerate(values))


def _axis_mode(name: str, value: Any) -> str | tuple[int, int]:
    if _is_pair(value):
        return integer(f"{name}[0]", value[0]), integer(f"{name}[1]", value[1])
    if not isinstance(value, str):
        allowed = f"one of {', '.join(map(repr, MODES))}, or a pair of integers (lo, hi)"
        raise type_error(name, allowed, describe(value))
    return choice(name, value, MODES)


def _axis_boundary(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, str):
        if value not in BOUNDARIES:
            allowed = f"one of {', '.join(map(repr, BOUNDARIES))}, or a number"
            raise value_error(name, allowed, repr(value))
        return value, None
    if isinstance(value, (int, float, complex)) and not isinstance(value, bool):
        return ("zero", None) if value == 0 else ("constant", value)
    if getattr(value, "shape", None) == () and str(getattr(value, "dtype", "")) != "bool":
        return "constant", value
    allowed = f"one of {', '.join(map(repr, BOUNDARIES))}, or a number"
    raise type_error(name, allowed, describe(value))


def _positive(name: str, value: Any) -> int:
    result = integer(name, value)
    if result < 1:
        raise value_error(name, "an integer of at least 1", repr(result))
    return result
