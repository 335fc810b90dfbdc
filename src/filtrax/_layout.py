"""The axes rule: which axes are filtered, and how the others become a canonical batch.

An axis that is not filtered gets a label of the canonical problem: G if each of its entries has
its own kernel, B if they share one, O if one signal meets several kernels. Where that would
transpose the signal, it stays in place instead, a spatial axis along which nothing slides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from filtrax._errors import describe, type_error, value_error
from filtrax._spec import integer

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How x and h become (G, B, C, *N) and (G, O, C, *K), and how the result comes back.

    Attributes:
        x_order: permutation of the axes of x to (G..., B..., O..., filtered).
        x_shape: canonical shape of x.
        h_order: permutation of the axes of h.
        h_shape: canonical shape of h.
        y_batch: sizes of the output's axes in the order of ``x_order``, filtered ones left out.
        y_order: permutation that puts the output's axes back in place.
        filtered: the filtered axes of x, none negative, in the order asked for.
        spatial: for each spatial axis of the canonical problem, which of the filtered ones it is,
            or ``None`` for one that is only carried along.
    """

    x_order: Shape
    x_shape: Shape
    h_order: Shape
    h_shape: Shape
    y_batch: Shape
    y_order: Shape
    filtered: Shape
    spatial: tuple[int | None, ...]


def make_layout(x_shape: Shape, h_shape: Shape, axes: Any) -> Layout:
    """Applies the axes rule to two shapes.

    ``axes=None`` aligns the kernel's dimensions with the last ones of x. With ``axes``, a
    kernel of rank ``len(axes)`` is shared by all rows, and one of the rank of x broadcasts
    against x along the other axes.

    Raises:
        ValueError: ranks or sizes do not fit, or an axis is out of range or repeated.
        TypeError: ``axes`` is not made of integers.
    """
    if isinstance(axes, list):
        axes = tuple(axes)
    if not (axes is None or isinstance(axes, tuple)):
        axes = (axes,)
    if axes is not None:
        axes = tuple(integer("axes", axis) for axis in axes)
    return _make_layout(tuple(x_shape), tuple(h_shape), axes)


@lru_cache(maxsize=4096)
def _make_layout(x_shape: Shape, h_shape: Shape, axes: Shape | None) -> Layout:
    rank, h_rank = len(x_shape), len(h_shape)
    if rank == 0:
        raise value_error("x", "at least one dimension", "a scalar")
    if h_rank == 0:
        raise value_error("h", "at least one dimension", "a scalar")
    if axes is None:
        if h_rank > rank:
            raise value_error(
                "h", f"at most the {rank} dimensions of x", f"{h_rank} (shape {h_shape})"
            )
        filtered = tuple(range(rank - h_rank, rank))
    else:
        filtered = normalize_axes(axes, rank)
        if h_rank not in (len(filtered), rank):
            raise value_error(
                "h",
                f"{len(filtered)} dimensions (a shared kernel) or {rank} (those of x, "
                "broadcast against it)",
                f"{h_rank} (shape {h_shape})",
            )
    batch = tuple(a for a in range(rank) if a not in filtered)
    shared = h_rank == len(filtered)
    kernels = dict.fromkeys(batch, 1) if shared else {a: h_shape[a] for a in batch}
    for a in batch:
        if kernels[a] not in (1, x_shape[a]) and x_shape[a] != 1:
            raise value_error(
                "h",
                f"1 or {x_shape[a]} kernels along axis {a}, where x has {x_shape[a]} entries",
                f"{kernels[a]} (x of shape {x_shape}, h of shape {h_shape})",
            )
    o_axes = tuple(a for a in batch if kernels[a] != 1 and x_shape[a] == 1)
    behind = _carried(x_shape, kernels, filtered, o_axes)
    b_axes = tuple(a for a in batch if kernels[a] == 1 and a not in behind)
    g_axes = tuple(a for a in batch if a not in b_axes + o_axes + behind)
    order = g_axes + b_axes + o_axes
    spatial = tuple(sorted(filtered + behind)) if behind else filtered
    g = math.prod(x_shape[a] for a in g_axes)
    b = math.prod(x_shape[a] for a in b_axes)
    o = math.prod(kernels[a] for a in o_axes)
    x_order = order + spatial
    y_order = tuple(x_order.index(a) for a in range(rank))
    taps = dict(zip(filtered, h_shape if shared else (h_shape[a] for a in filtered), strict=True))
    return Layout(
        x_order=x_order,
        x_shape=(g, b, 1, *(x_shape[a] for a in spatial)),
        h_order=tuple(range(h_rank)) if shared else x_order,
        h_shape=(g, o, 1, *(taps[a] if a in taps else kernels[a] for a in spatial)),
        y_batch=tuple(kernels[a] if a in o_axes else x_shape[a] for a in order),
        y_order=y_order,
        filtered=filtered,
        spatial=tuple(filtered.index(a) if a in filtered else None for a in spatial),
    )


def _carried(
    x_shape: Shape, kernels: dict[int, int], filtered: Shape, o_axes: Shape
) -> tuple[int, ...]:
    """The axes that stay in the order of the memory, beside the filtered ones.

    They are those behind the first filtered axis, and those from the first on that has its own
    kernels and stands behind one that has not: labels would put it before.
    """
    if filtered != tuple(sorted(filtered)):
        return ()
    shared_before = stays = False
    found = []
    for axis, size in enumerate(x_shape):
        if axis in o_axes or axis in filtered:
            stays = stays or axis in filtered
            continue
        shared = kernels[axis] == 1
        stays = stays or (shared_before and not shared)
        shared_before = shared_before or (shared and size != 1)
        if stays:
            found.append(axis)
    # An export leaves some sizes open: those must be labels.
    return tuple(found) if all(isinstance(x_shape[axis], int) for axis in found) else ()


def normalize_axes(axes: Sequence[int], rank: int) -> Shape:
    """The axes counted from the front; out of range, repeated or missing ones are errors."""
    if not axes:
        raise value_error("axes", "at least one axis", "none")
    for axis in axes:
        if not -rank <= axis < rank:
            raise value_error("axes", f"axes from {-rank} to {rank - 1}", repr(axis))
    normalized = tuple(axis % rank for axis in axes)
    if len(set(normalized)) != len(normalized):
        raise value_error("axes", "distinct axes", repr(tuple(axes)))
    return normalized


def single_axis(axis: Any, rank: int, name: str = "axis") -> int:
    """One axis counted from the front."""
    if isinstance(axis, (list, tuple)):
        raise type_error(name, "one integer", describe(axis))
    axis = integer(name, axis)
    if not -rank <= axis < rank:
        raise value_error(name, f"an axis from {-rank} to {rank - 1}", repr(axis))
    return axis % rank
