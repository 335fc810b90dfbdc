"""Types shared by the public functions."""

from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.typing
import numpy as np
from jax.typing import ArrayLike as ScalarOrArray

Array = jax.Array
DTypeLike = jax.typing.DTypeLike
#: Anything that becomes an array of numbers: JAX and NumPy arrays, scalars, nested lists.
ArrayLike = ScalarOrArray | np.ndarray | Sequence[Any]

Operation = Literal["convolve", "correlate"]
Padding = tuple[int, int]
#: How far the output extends: a name, or explicit ``(lo, hi)`` padding.
AxisMode = Literal["full", "same", "valid", "causal"] | Padding
Mode = AxisMode | Sequence[AxisMode]
BoundaryName = Literal["zero", "edge", "reflect", "symmetric", "wrap"]
#: What lies outside the signal: a name, or a constant value.
AxisBoundary = BoundaryName | ScalarOrArray
Boundary = AxisBoundary | Sequence[AxisBoundary]
Axes = int | Sequence[int] | None
Method = Literal["auto", "direct", "shift", "toeplitz", "fft", "overlap"]
#: What errors must be relative to, or the largest relative error to expect.
Accuracy = Literal["window", "block", "row"] | float
Precision = jax.lax.Precision | Literal["default", "high", "highest"] | None
