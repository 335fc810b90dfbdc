"""How a wrong argument is reported: its name, what was expected, what came."""

from typing import Any


def describe(value: Any) -> str:
    """A short rendering of an argument for an error message."""
    shape = getattr(value, "shape", None)
    dtype = getattr(value, "dtype", None)
    if shape is not None and dtype is not None and shape != ():
        return f"an array of shape {tuple(shape)} and dtype {dtype}"
    text = repr(value)
    text = text if len(text) <= 80 else text[:77] + "..."
    return f"{text} ({type(value).__name__})"


def value_error(name: str, expected: str, got: str) -> ValueError:
    """The error for an argument of a fitting type but an impossible value."""
    return ValueError(f"{name}: expected {expected}, got {got}")


def type_error(name: str, expected: str, got: str) -> TypeError:
    """The error for an argument of the wrong type."""
    return TypeError(f"{name}: expected {expected}, got {got}")
