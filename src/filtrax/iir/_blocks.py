"""The block form: what a recursive filter does to blocks of samples, as matrix products.

A block's output is its samples times a triangular matrix of the impulse response, plus what the
state at its start still causes. Only that state passes from block to block, and that is the same
problem again with one sample a block: so it is solved by blocks of blocks, a few levels deep.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax.iir._tables import Tables

#: States up to which a product with them is a sum of their multiples.
_FEW = 4

_product = partial(jnp.matmul, precision=lax.Precision.HIGHEST)


def states(x: jax.Array, tables: Tables, blocks: int, reverse: bool) -> tuple[jax.Array, jax.Array]:
    """The state at the start of each block, and after the last.

    Args:
        x: samples in blocks (G, B, blocks of x, L); the blocks that x lacks hold zeros.
        tables: of the filter.
        blocks: how many blocks to go through.
        reverse: whether time runs backwards.

    Returns:
        Arrays (G, B, blocks, N) and (G, B, N).
    """
    intake = tables.intake[..., ::-1] if reverse else tables.intake
    u = _grouped(x, jnp.swapaxes(intake, -1, -2))
    if u.shape[2] < blocks:
        u = jnp.pad(u, ((0, 0), (0, 0), (0, blocks - u.shape[2]), (0, 0)))
    if reverse:
        u = u[:, :, ::-1]
    before, after = _carry(u, tables.powers)
    return (before[:, :, ::-1] if reverse else before), after


def ends(ct: jax.Array, tables: Tables, readout: int) -> jax.Array:
    """The states of the transpose behind each block, (G, B, blocks, N).

    Args:
        ct: what goes into the transpose, in blocks (G, B, blocks, L).
        tables: of the filter.
        readout: which of its outputs.
    """
    u = _grouped(ct, tables.readout[:, readout])
    after, _ = _carry(u[:, :, ::-1], tuple(jnp.swapaxes(run, -1, -2) for run in tables.powers))
    return after[:, :, ::-1]


def outputs(
    x: jax.Array, before: jax.Array, tables: Tables, readout: int, blocks: int, reverse: bool
) -> jax.Array:
    """The samples (G, B, blocks, L), from the blocks and the states at their starts."""
    rows = tables.readout[:, readout]
    if reverse:
        rows = rows[:, ::-1]
    y = _released(before[:, :, :blocks], jnp.swapaxes(rows, -1, -2))
    own = _grouped(x[:, :, :blocks], _triangle(tables.response[:, readout], reverse))
    if own.shape[2] == blocks:
        return own + y
    return y.at[:, :, : own.shape[2]].add(own)


def _released(states: jax.Array, rows: jax.Array) -> jax.Array:
    """States (G, B, n, N) times rows (G, N, L)."""
    order = states.shape[-1]
    if order > _FEW:
        return _grouped(states, rows)
    # Few products a sample join the sum that follows; a matrix product would write them first.
    parts = [states[..., i, None] * rows[:, None, None, i] for i in range(order)]
    return sum(parts[1:], parts[0])


def _triangle(response: jax.Array, reverse: bool) -> jax.Array:
    """From samples to samples of one block: (G, L, L), entry [j, i] the response at i - j."""
    size = response.shape[-1]
    lags = np.arange(size)[None, :] - np.arange(size)[:, None]
    lags = lags.T if reverse else lags
    padded = jnp.pad(response, ((0, 0), (0, 1)))
    return padded[:, np.where(lags >= 0, lags, size)]


def _carry(u: jax.Array, powers: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
    """States before each step of s' = P s + u, from zero, and after the last."""
    groups, rows, steps, order = u.shape
    if not powers:
        return jnp.zeros_like(u), u[:, :, 0]
    run, rest = powers[0], powers[1:]
    radix = run.shape[1] - 1
    runs = -(-steps // radix)
    if runs * radix != steps:
        u = jnp.pad(u, ((0, 0), (0, 0), (0, runs * radix - steps), (0, 0)))
    own = _grouped(u.reshape(groups, rows, runs, radix * order), _local(run))
    before, after = own[..., : radix * order], own[..., radix * order :]
    if runs > 1:
        starts, last = _carry(after, rest)
        across = run[:, :radix].transpose(0, 3, 1, 2).reshape(groups, order, radix * order)
        before = before + _grouped(starts, across)
    else:
        last = after[:, :, 0]
    return before.reshape(groups, rows, runs * radix, order)[:, :, :steps], last


def _local(run: jax.Array) -> jax.Array:
    """From a run's inputs to the states at its M starts and after it: (G, M N, (M+1) N)."""
    groups, count, order, _ = run.shape
    radix = count - 1
    lags = np.arange(radix + 1)[None, :] - 1 - np.arange(radix)[:, None]
    padded = jnp.pad(run, ((0, 0), (0, 1), (0, 0), (0, 0)))
    weights = padded[:, np.where(lags >= 0, lags, count)]
    return weights.transpose(0, 1, 4, 2, 3).reshape(groups, radix * order, (radix + 1) * order)


def _grouped(x: jax.Array, weights: jax.Array) -> jax.Array:
    """X (G, B, n, K) times weights (G, K, M); one group is a plain matrix product."""
    groups, rows, count, inner = x.shape
    if groups == 1:
        y = _product(x.reshape(rows * count, inner), weights[0])
    else:
        y = _product(x.reshape(groups, rows * count, inner), weights)
    return y.reshape(groups, rows, count, weights.shape[-1])
