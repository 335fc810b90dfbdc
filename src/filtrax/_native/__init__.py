"""Kernels compiled for CPUs: loading them, and calling them from a lowered program."""

import ctypes
import math
import os
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

_TARGET = "filtrax_compiled"
_LIBRARY = Path(__file__).with_name("libfiltrax.so")

TAPS, DOTS, FRAMES, WINOGRAD, WINOGRAD_SUMS = range(5)


@cache
def _library() -> ctypes.CDLL | None:
    if os.environ.get("FILTRAX_COMPILED", "1") == "0":
        return None
    try:
        return ctypes.CDLL(str(_LIBRARY))
    except OSError:
        return None


@cache
def available() -> bool:
    """Whether the library was built; ``FILTRAX_COMPILED=0`` in the environment says no, too."""
    library = _library()
    if library is None:
        return False
    handler = jax.ffi.pycapsule(library.filtrax_correlate)
    jax.ffi.register_ffi_target(_TARGET, handler, platform="cpu")
    return True


@cache
def are_vectors_narrow() -> bool:
    """Whether cores multiply less than 64 bytes at once, as far as there are kernels to tell."""
    library = _library()
    return library is not None and library.filtrax_vector_bytes() < 64


def call(
    algorithm: int,
    numbers: tuple[int, ...],
    lhs: jax.Array,
    rhs: jax.Array,
    shape: tuple[int, ...],
    block: int = 0,
) -> jax.Array:
    """The correlation that ``numbers`` describe (see `_engines.loops`)."""
    # As vectors: of axes of length one XLA may think that they lie in another order, and copies.
    result: Any = jax.ShapeDtypeStruct((math.prod(shape),), lhs.dtype)
    out = jax.ffi.ffi_call(_TARGET, result)(
        lhs.ravel(), rhs.ravel(), algorithm=np.int64(algorithm), block=np.int64(block),
        problem=np.array(numbers, np.int64),
    )  # fmt: skip
    return out.reshape(shape)
