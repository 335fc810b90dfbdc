"""The public semantics once more, as slow and obvious loops that share no code with the library.

Every index is found by walking, every output is a sum over taps. Integers are summed modulo
2**64 and then cut to their width; everything else is summed in extended precision, so that a
comparison sees the library's rounding only.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: One boundary of each kind.
BOUNDARIES: tuple[Any, ...] = ("zero", 2, "edge", "reflect", "symmetric", "wrap")
#: One mode of each kind: the named ones, and padding that widens, narrows and does both.
MODES: tuple[Any, ...] = ("full", "same", "valid", "causal", (2, 1), (-1, -1), (-2, 4))

_PAD_NAMES = ("edge", "reflect", "symmetric", "wrap")


def stands_at(position: int, n: int, boundary: Any) -> int | None:
    """The sample that stands at a position of the extended signal; None is the constant."""
    if 0 <= position < n:
        return position
    if boundary not in _PAD_NAMES:
        return None
    if boundary == "edge":
        return 0 if position < 0 else n - 1
    if n == 1:
        return 0
    while not 0 <= position < n:
        if boundary == "wrap":
            position += n if position < 0 else -n
        elif boundary == "reflect":
            position = -position if position < 0 else 2 * (n - 1) - position
        else:
            position = -1 - position if position < 0 else 2 * n - 1 - position
    return position


def outputs(
    n: int, k: int, operation: str, mode: Any, origin: int = 0, stride: int = 1, dilation: int = 1
) -> tuple[list[list[int]], int]:
    """For each output, the position that each tap (as the user wrote it) meets.

    Also the number of outputs; a negative one says that there is no room for the kernel.
    """
    span = (k - 1) * dilation + 1
    # first: the leftmost position that the first output touches.
    first, count = {
        "full": (1 - span, n + span - 1),
        "causal": (1 - span, n),
        "valid": (0, n - span + 1),
        "same": (-(span // 2), n),
    }.get(mode if isinstance(mode, str) else "", (0, 0))
    if not isinstance(mode, str):
        first, count = -mode[0], mode[0] + n + mode[1] - span + 1
    first += origin if operation == "convolve" else -origin
    table = []
    for start in range(first, first + count, stride):
        touched = [start + m * dilation for m in range(k)]
        table.append(touched[::-1] if operation == "convolve" else touched)
    return table, count


def per_axis(value: Any, count: int, *, pair: bool = False) -> list[Any]:
    """One value for each axis; with ``pair``, two bare integers are one value."""
    bare = pair and not isinstance(value, str) and all(isinstance(v, int) for v in value)
    if isinstance(value, (list, tuple)) and not bare:
        return list(value)
    return [value] * count


def slide(
    x: Any,
    h: Any,
    operation: str,
    mode: Any = "full",
    *,
    axes: int | Sequence[int] | None = None,
    boundary: Any = "zero",
    origin: Any = 0,
    stride: Any = 1,
    dilation: Any = 1,
    conjugate: bool | None = None,
) -> np.ndarray:
    """What `filtrax.convolve` and `filtrax.correlate` should return, before rounding."""
    x, h = wide(x), wide(h)
    if conjugate if conjugate is not None else operation == "correlate":
        h = np.conj(h)
    if axes is None:
        axes = range(x.ndim - h.ndim, x.ndim)
    filtered = [a % x.ndim for a in ((axes,) if isinstance(axes, int) else axes)]
    if h.ndim == len(filtered) != x.ndim:
        taps_of = [h[tap] for tap in np.ndindex(*h.shape)]
        taps, rows = h.shape, [np.reshape(value, (1,) * (x.ndim - h.ndim)) for value in taps_of]
    elif h.ndim == len(filtered):  # A shared kernel along every axis: its axes follow `axes`.
        taps, rows = h.shape, [h[tap] for tap in np.ndindex(*h.shape)]
    else:
        moved = np.moveaxis(h, filtered, range(-len(filtered), 0))
        taps = moved.shape[x.ndim - len(filtered) :]
        rows = [moved[(..., *tap)] for tap in np.ndindex(*taps)]
    signal = np.moveaxis(x, filtered, range(-len(filtered), 0))
    sizes = signal.shape[x.ndim - len(filtered) :]
    many = len(filtered)
    boundaries = per_axis(boundary, many)
    tables = [
        outputs(n, k, operation, *choices)[0]
        for n, k, *choices in zip(
            sizes,
            taps,
            per_axis(mode, many, pair=True),
            per_axis(origin, many),
            per_axis(stride, many),
            per_axis(dilation, many),
            strict=True,
        )
    ]
    batch = np.broadcast_shapes(signal.shape[: x.ndim - many], np.shape(rows[0]))
    extent = tuple(len(table) for table in tables)
    y = np.zeros(batch + extent, np.result_type(x, h))
    for place in np.ndindex(*extent):
        total = np.zeros(batch, y.dtype)
        with np.errstate(over="ignore"):  # Integers wrap around, also in the last 64 bits.
            for row, tap in zip(rows, itertools.product(*map(range, taps)), strict=True):
                positions = [table[i][m] for table, i, m in zip(tables, place, tap, strict=True)]
                total = total + row * _sample(signal, positions, sizes, boundaries)
        y[(..., *place)] = total
    return np.moveaxis(y, range(-many, 0), filtered)


def _sample(signal: np.ndarray, positions: Any, sizes: Any, boundaries: Any) -> Any:
    """The extended signal at a position; the axis extended last decides, as in repeated np.pad."""
    index = []
    for axis in reversed(range(len(sizes))):
        found = stands_at(positions[axis], sizes[axis], boundaries[axis])
        if found is None:
            return 0 if boundaries[axis] == "zero" else wide(boundaries[axis]).astype(signal.dtype)
        index.insert(0, found)
    return signal[(..., *index)]


def channels(x: Any, h: Any, operation: str, mode: Any = "full", **options: Any) -> np.ndarray:
    """The canonical problem: x (G, B, C, *N), h (G, O, C, *K) to (G, B, O, *M), summed over C."""
    (g, b, c), o = x.shape[:3], h.shape[1]
    rows = [
        [
            [
                sum(slide(x[i, j, p], h[i, q, p], operation, mode, **options) for p in range(c))
                for q in range(o)
            ]
            for j in range(b)
        ]
        for i in range(g)
    ]
    return np.array(rows)


def wide(values: Any) -> np.ndarray:
    """The same numbers with room to sum them: int64 (modulo 2**64), or extended precision."""
    values = np.asarray(values)
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind == "c":
        return values.astype(np.clongdouble)
    return values.astype(np.float64).astype(np.longdouble)


def samples(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Random numbers of a dtype; integers from its whole range, so that sums wrap around."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def rounding(x: Any, h: Any, dtype: Any, *, terms: int, normwise: bool = False) -> float:
    """The largest error that summing in any order (or, normwise, by FFT) may leave.

    Sums of float16 and bfloat16 are kept in float32, so theirs is the last rounding alone, which
    `check` adds.
    """
    dtype = jnp.dtype(dtype)
    if dtype.kind in "iu":
        return 0.0
    eps = float(jnp.finfo(jnp.float32 if dtype.itemsize < 4 else dtype).eps)
    x, h = np.abs(wide(x)).astype(float), np.abs(wide(h)).astype(float)
    if normwise:
        return 8 * eps * float(np.linalg.norm(x) * np.linalg.norm(h))
    return 2 * (terms + 2) * eps * float(x.max(initial=2.0) * h.max() * terms)


def check(got: jax.Array, expected: np.ndarray, tolerance: float, note: str = "") -> None:
    """Shape, and values: integers exactly, others to the tolerance and their last place."""
    assert got.shape == expected.shape, f"{note}: shape {got.shape}, expected {expected.shape}"
    if got.dtype.kind in "iu":
        np.testing.assert_array_equal(got, expected.astype(got.dtype), err_msg=note)
        return
    host = wide(got)
    last_place = float(jnp.finfo(got.dtype).eps)
    error = np.abs(host - expected)
    allowed = tolerance + last_place * np.abs(expected)
    worst = float(np.max(error - allowed, initial=-1.0))
    assert np.all(np.isfinite(host)), f"{note}: not finite"
    assert worst <= 0, f"{note}: off by {float(error.max())}, got\n{got}\nexpected\n{expected}"
