"""How a wrong argument is reported: its name, what was expected, what came."""

import sys
import warnings
from pathlib import Path
from typing import Any

_HERE = str(Path(__file__).parent)

#: Why numbers lose bits, and what to do about it.
X64_OFF = (
    'as jax_enable_x64 is off; jax.config.update("jax_enable_x64", True) keeps 64 bits, and a cast '
    "of your own says that 32 will do"
)


class PrecisionWarning(UserWarning):
    """Numbers are held in fewer bits than they came with, because JAX has no more of them."""


def warn_of_precision(message: str) -> None:
    """A `PrecisionWarning` for the caller's line: the first frame outside this package."""
    level, frame = 1, sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, PrecisionWarning, stacklevel=level)


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
