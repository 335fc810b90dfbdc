"""Kernels compiled for CPUs: loading them, and calling them from a lowered program."""

import ctypes
import math
import os
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

_TARGET, _TARGET_BANDS, _TARGET_EXTEND = "filtrax_compiled", "filtrax_bands", "filtrax_extend"
_LIBRARY = Path(__file__).with_name("libfiltrax.so")

TAPS, DOTS, FRAMES, WINOGRAD, WINOGRAD_SUMS = range(5)
#: Of 64 bytes, which cores multiply at once or in two halves, or of 32 or less; in the order of
#: their numbers in ``source/entry.cc``.
VECTORS = ("unknown", "short", "halved", "long")
#: In the order of their numbers there, and as many axes as have margins at most.
BOUNDARIES, MARGIN_AXES = ("edge", "wrap", "reflect", "symmetric"), 6


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
    """Whether the library was built and has kernels for this machine.

    ``FILTRAX_COMPILED=0`` in the environment says no, too.
    """
    library = _library()
    if library is None or not library.filtrax_kernels():
        return False
    for target, handler in (
        (_TARGET, library.filtrax_correlate), (_TARGET_BANDS, library.filtrax_bands),
        (_TARGET_EXTEND, library.filtrax_extend),
    ):  # fmt: skip
        jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(handler), platform="cpu")
    return True


@cache
def vectors() -> str:
    """What vectors the kernels for this machine are made of, one of `VECTORS`."""
    library = _library()
    return VECTORS[library.filtrax_kernels() if library else 0]


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


def _extension(axes: tuple[tuple[int, ...], ...]) -> tuple[int, tuple[int, ...]]:
    """The place of the first axis among those that the library knows, and the numbers of all."""
    # The last axis is that of runs in memory; one without margins behind it is part of each sample.
    items = axes[-1][0] if len(axes) > 1 and axes[-1][1:3] == (0, 0) else 1
    kept = axes[:-1] if items > 1 else axes
    unused = MARGIN_AXES - len(kept)
    padded = (*((1, 0, 0, 0),) * unused, *kept)
    return unused, (*(number for axis in padded for number in axis), items)


def call_in_bands(
    algorithm: int,
    problems: tuple[tuple[int, ...], tuple[int, ...]],
    axes: tuple[tuple[int, ...], ...],
    bands: tuple[int, ...],
    x: jax.Array,
    h: jax.Array,
    shape: tuple[int, ...],
) -> jax.Array:
    """The correlation of an array with margins, which are made of a band of it at a time.

    Args:
        algorithm: of the correlations of bands.
        problems: the numbers of a band's, and of the last one's.
        axes: of each array, as `extend` takes them; the first one is cut.
        bands: arrays, samples and outputs of each; bands, places between them, those that one reads
            and those that the last one does, and outputs of one.
        x: the arrays, one after the other.
        h: the kernel.
        shape: of the result.
    """
    cut, extension = _extension(axes)
    result: Any = jax.ShapeDtypeStruct((math.prod(shape),), x.dtype)
    out = jax.ffi.ffi_call(_TARGET_BANDS, result)(
        x.ravel(), h.ravel(), algorithm=np.int64(algorithm),
        problems=np.array([*problems[0], *problems[1]], np.int64),
        extension=np.array(extension, np.int64),
        bands=np.array([*bands[:3], cut, *bands[3:]], np.int64),
    )  # fmt: skip
    return out.reshape(shape)


def extend(
    x: jax.Array, axes: tuple[tuple[int, ...], ...], shape: tuple[int, ...], back: bool = False
) -> jax.Array:
    """An array with margins (see `_margins`), or the transpose: what goes back from them.

    Args:
        x: the array, one of `EXTENDED`.
        axes: at most `MARGIN_AXES` of them: samples, those before and after, and the boundary's
            place in `BOUNDARIES`.
        shape: of the result.
        back: whether to transpose.
    """
    numbers = np.array(_extension(axes)[1], np.int64)
    result: Any = jax.ShapeDtypeStruct((math.prod(shape),), x.dtype)
    out = jax.ffi.ffi_call(_TARGET_EXTEND, result)(x.ravel(), back=back, extension=numbers)
    return out.reshape(shape)
