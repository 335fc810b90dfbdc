"""Padding signals, cutting them into overlapping frames, and the matrix that blocks meet."""

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._geometry import Axis


def pad(array: jax.Array, axis: int, edges: tuple[int, int], interior: int = 0) -> jax.Array:
    """Zeros before, after and between the samples of one axis; negative numbers drop samples."""
    start, stop = (max(-edge, 0) for edge in edges)
    if interior == 0 and start + stop <= array.shape[axis]:
        # XLA would pad first and cut afterwards.
        array = lax.slice_in_dim(array, start, array.shape[axis] - stop, axis=axis)
        edges = (max(edges[0], 0), max(edges[1], 0))
        if edges == (0, 0):
            return array
    config = [(0, 0, 0)] * array.ndim
    config[axis] = (*edges, interior)
    return lax.pad(array, jnp.zeros((), array.dtype), config)


def window(lhs: jax.Array, axes: tuple[Axis, ...]) -> jax.Array:
    """The stretch of the zero-extended signal that the outputs use, samples spread by base."""
    for number, axis in enumerate(axes):
        lhs = pad(lhs, 3 + number, (axis.lo, axis.hi), axis.base - 1)
    return lhs


def hops(signal: jax.Array, axis: Axis, count: int, hop: int, width: int) -> list[jax.Array]:
    """The pieces (..., count, hop) that side by side are frames of at least ``width`` samples.

    The frames start every ``hop`` samples, the first where the first output meets the first tap.
    """
    reach = -(-width // hop)
    length = (count + reach - 1) * hop
    last = signal.ndim - 1
    used = (axis.n - 1) * axis.base + 1 + axis.lo
    signal = pad(signal, last, (axis.lo, length - used), axis.base - 1)
    pieces = signal.reshape(*signal.shape[:-1], count + reach - 1, hop)
    return [pieces[..., i : i + count, :] for i in range(reach)]


def frames(signal: jax.Array, axis: Axis, count: int, hop: int, width: int) -> jax.Array:
    """Cuts the last axis into frames (..., count, width) that start every ``hop`` samples."""
    if count == 1:
        used = (axis.n - 1) * axis.base + 1 + axis.lo
        edges = (axis.lo, width - used)
        return pad(signal, signal.ndim - 1, edges, axis.base - 1)[..., None, :]
    *whole, rest = hops(signal, axis, count, hop, width)
    return jnp.concatenate([*whole, rest[..., : width - len(whole) * hop]], axis=-1)


def band(axis: Axis, rhs: jax.Array, length: int) -> jax.Array:
    """The matrix (..., length, width) whose row l holds the taps, shifted by l strides."""
    taps = pad(rhs, rhs.ndim - 1, (0, 0), axis.dilation - 1)
    width = (length - 1) * axis.stride + axis.span
    # Rows of a width one stride too large, read at the right width, shift by themselves.
    row = pad(taps, taps.ndim - 1, (0, width + axis.stride - axis.span))
    rows = jnp.broadcast_to(row[..., None, :], (*row.shape[:-1], length, row.shape[-1]))
    flat = rows.reshape(*row.shape[:-1], length * row.shape[-1])
    return flat[..., : length * width].reshape(*row.shape[:-1], length, width)
