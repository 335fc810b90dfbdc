"""Folding axes along which nothing slides into the labels G, B and C.

An axis with one tap for all is a batch, one with a kernel for each of its entries a group, and
one that is summed whole a channel. Engines that slide along every axis see them as such.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import jax
from jax import lax

from filtrax._engines.base import Correlation, Run, is_short
from filtrax._geometry import Axis


def labels_of(axes: Sequence[Axis]) -> tuple[str | None, ...]:
    """For each axis the label that it folds into, or ``None``; one axis at least is kept."""
    labels = [_label(axis) for axis in axes]
    if None not in labels:
        last = max(number for number, axis in enumerate(axes) if not axis.paired)
        labels[last] = None
    return tuple(labels)


def _label(axis: Axis) -> str | None:
    if axis.paired:
        return "G"
    if axis.lo != 0 or axis.base != 1:
        return None
    if axis.k == 1 and axis.stride == 1 and axis.n == axis.m:
        return "B"
    if axis.m == 1 and axis.dilation == 1 and axis.n == axis.k:
        return "C"
    return None


def sums_last(axes: Sequence[Axis], sizes: Sequence[int]) -> bool:
    """Whether channels are better summed after the correlation than within it.

    So it is for few outputs where channels stand before an axis with kernels of its own: to
    bring them behind it would transpose the whole signal. ``sizes`` are those of (B, C, O).
    """
    b, c, o = sizes
    return (
        b == o == 1
        and isinstance(c, int)
        and c != 1
        and is_short(tuple(axes))
        and any(axis.paired and axis.n > 1 for axis in axes)
    )


def _with_channels(axes: Sequence[Axis], count: int) -> tuple[Axis, ...]:
    """Channels as an axis with kernels of its own, before the others."""
    return (Axis(count, count, count, 0, paired=True), *axes)


def fold_problem(problem: Correlation) -> Correlation:
    """The same problem with the sizes of folded axes in its labels."""
    if sums_last(problem.axes, (problem.b, problem.c, problem.o)):
        problem = replace(problem, c=1, axes=_with_channels(problem.axes, problem.c))
    labels = labels_of(problem.axes)

    def size(label: str) -> int:
        return math.prod(a.n for a, own in zip(problem.axes, labels, strict=True) if own == label)

    return replace(
        problem, g=problem.g * size("G"), b=problem.b * size("B"), c=problem.c * size("C"),
        axes=tuple(a for a, own in zip(problem.axes, labels, strict=True) if own is None),
    )  # fmt: skip


def moves(problem: Correlation) -> bool:
    """Whether folding transposes arrays.

    It does for signals before groups, for an axis behind one that is kept, and for one behind one
    with a label that comes later.
    """
    if problem.batch_first and problem.g != 1 and problem.b != 1:
        return True
    if sums_last(problem.axes, (problem.b, problem.c, problem.o)):
        problem = replace(problem, c=1, axes=_with_channels(problem.axes, problem.c))
    labels = labels_of(problem.axes)
    sizes = {"G": problem.g, "B": problem.b, "C": problem.c}
    order = [label for label, size in sizes.items() if size > 1]
    order += [
        label or "kept" for label, axis in zip(labels, problem.axes, strict=True) if axis.n > 1
    ]
    ranks = ["GBC".find(label) if label != "kept" else 3 for label in order]
    return ranks != sorted(ranks)


def folded(run: Run) -> Run:
    """An engine that is given its operands, and gives its result, with axes unfolded."""

    def unfold(
        axes: tuple[Axis, ...],
        lhs: jax.Array,
        rhs: jax.Array,
        precision: lax.Precision,
        platform: str,
    ) -> jax.Array:
        g, b, c, o = (*lhs.shape[:3], rhs.shape[1])
        if sums_last(axes, (b, c, o)):
            lhs, rhs = (array.reshape(g, 1, 1, c, *array.shape[3:]) for array in (lhs, rhs))
            return unfold(_with_channels(axes, c), lhs, rhs, precision, platform).sum(3)
        labels = labels_of(axes)
        kept = tuple(axis for axis, label in zip(axes, labels, strict=True) if label is None)
        if len(kept) == len(axes):
            return run(axes, lhs, rhs, precision, platform)
        out = run(kept, _gather(lhs, labels, "GBC"), _gather(rhs, labels, "GOC"), precision,
                  platform)  # fmt: skip
        return _spread(out, axes, labels, (lhs.shape[0], lhs.shape[1], rhs.shape[1]))

    return unfold


def _order(labels: Sequence[str | None], names: str) -> list[list[int]]:
    """For each label of an array, and last for none, the axes that belong to it."""
    groups = [
        [number, *(3 + i for i, label in enumerate(labels) if label == name)]
        for number, name in enumerate(names)
    ]
    return [*groups, [3 + i for i, label in enumerate(labels) if label is None]]


def _gather(array: jax.Array, labels: Sequence[str | None], names: str) -> jax.Array:
    """From (G, B, C, *axes) to the same with folded axes in their labels."""
    # An axis whose label the array lacks has one entry there.
    absent = [3 + i for i, label in enumerate(labels) if label is not None and label not in names]
    *groups, kept = _order(labels, names)
    order = [axis for group in groups for axis in group]
    moved = array.transpose([*order, *absent, *kept])
    sizes = [math.prod(array.shape[axis] for axis in group) for group in groups]
    return moved.reshape(*sizes, *(array.shape[axis] for axis in kept))


def _spread(
    out: jax.Array, axes: Sequence[Axis], labels: Sequence[str | None], sizes: tuple[int, ...]
) -> jax.Array:
    """From (G, B, O, *kept) to all axes in their places; those summed over have one entry."""
    *groups, kept = _order(labels, "GBO")
    absent = [3 + i for i, label in enumerate(labels) if label == "C"]
    order = [*(axis for group in groups for axis in group), *absent, *kept]
    full = [*sizes, *(axis.m for axis in axes)]
    back = [order.index(axis) for axis in range(len(order))]
    return out.reshape([full[axis] for axis in order]).transpose(back)
