"""The block form: what a recursive filter does to blocks of samples, as matrix products.

A block's output is its samples times a triangular matrix of the impulse response, plus what the
state at its start still causes. Only that state passes from block to block, and that is the same
problem again with one sample a block: so it is solved by blocks of blocks, a few levels deep.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax.iir._tables import Tables

#: States up to which a product with them is a sum of their multiples.
_FEW = 5


class Level(NamedTuple):
    """M steps of the carry at once, as weights of row vectors.

    Attributes:
        local: from what enters in a run to the states before its steps, (G, M N, M N).
        after: and to the state behind it, (G, M N, N).
        across: from the state before a run to those before its steps, (G, N, M N).
    """

    local: jax.Array
    after: jax.Array
    across: jax.Array


class Weights(NamedTuple):
    """All that signals are multiplied by, of one output in one direction of time.

    Attributes:
        intake: to the state behind a block from its samples, (G, N, L).
        levels: of the carry.
        readout: to a block's samples from the state before it, (G, L, N).
        triangle: from samples to samples of one block, (G, L, L).
    """

    intake: jax.Array
    levels: tuple[Level, ...]
    readout: jax.Array
    triangle: jax.Array


def weights(tables: Tables, readout: int, reverse: bool) -> Weights:
    """From tables; once, where several branches need them: each would compile its own."""
    rows = tables.readout[:, readout]
    intake, rows = (tables.intake[..., ::-1], rows[:, ::-1]) if reverse else (tables.intake, rows)
    triangle = _triangle(tables.response[:, readout], reverse)
    return Weights(intake, tuple(map(_level, tables.powers)), rows, triangle)


def _ended_by_zero(entries: jax.Array) -> jax.Array:
    """Entries (G, M) whose place -1 is 0: a choice afterwards would be one more to compile."""
    return jnp.pad(entries, ((0, 0), (0, 1)))


def _level(run: jax.Array) -> Level:
    groups, count, order, _ = run.shape
    # Entry by entry: what is gathered as matrices and transposed would be several passes.
    entries = _ended_by_zero(run.reshape(groups, -1))
    step, state = np.divmod(np.arange((count - 1) * order), order)

    def taken(lags: np.ndarray, entered: np.ndarray, left: np.ndarray) -> jax.Array:
        places = np.where(lags < 0, -1, (lags * order + left) * order + entered)
        return entries[:, places.astype(np.int32)]

    one, column, its_state = np.arange(order), step[:, None], state[:, None]
    return Level(
        taken(step - 1 - column, its_state, state),
        taken(count - 2 - column + 0 * one, its_state, one),
        taken(step + 0 * one[:, None], one[:, None], state),
    )


def states(x: jax.Array, by: Weights, blocks: int, reverse: bool) -> tuple[jax.Array, jax.Array]:
    """The state at the start of each block, and after the last.

    Args:
        x: samples in blocks (G, B, blocks of x, L); the blocks that x lacks hold zeros.
        by: the weights.
        blocks: how many blocks to go through.
        reverse: whether time runs backwards.

    Returns:
        Arrays (G, B, blocks, N) and (G, B, N).
    """
    u = grouped(x, by.intake, transposed=True)
    if u.shape[2] < blocks:
        u = jnp.pad(u, ((0, 0), (0, 0), (0, blocks - u.shape[2]), (0, 0)))
    if reverse:
        u = u[:, :, ::-1]
    before, after = carry(u, by.levels)
    return (before[:, :, ::-1] if reverse else before), after


def ends(ct: jax.Array, by: Weights) -> jax.Array:
    """The states of the transpose behind each block, (G, B, blocks, N).

    Args:
        ct: what goes into the transpose, in blocks (G, B, blocks, L).
        by: the weights of the filter, forward in time.
    """
    return carry(grouped(ct, by.readout), by.levels, transposed=True)[0]


def outputs(x: jax.Array, before: jax.Array, by: Weights, blocks: int) -> jax.Array:
    """The samples (G, B, blocks, L), from the blocks and the states at their starts."""
    y = released(before[:, :, :blocks], by.readout)
    own = grouped(x[:, :, :blocks], by.triangle)
    if own.shape[2] == blocks:
        return own + y
    return y.at[:, :, : own.shape[2]].add(own)


def released(states: jax.Array, rows: jax.Array) -> jax.Array:
    """States (G, B, n, N) times a readout (G, L, N)."""
    order = states.shape[-1]
    if order > _FEW:
        return grouped(states, rows, transposed=True)
    # Few products a sample join the sum that follows; a matrix product would write them first.
    parts = [states[..., i, None] * rows[:, None, None, :, i] for i in range(order)]
    return sum(parts[1:], parts[0])


def _triangle(response: jax.Array, reverse: bool) -> jax.Array:
    """From samples to samples of one block: (G, L, L), entry [j, i] the response at i - j."""
    size = response.shape[-1]
    lags = np.arange(size)[None, :] - np.arange(size)[:, None]
    lags = lags.T if reverse else lags
    return _ended_by_zero(response)[:, np.maximum(lags, -1)]


def carry(
    u: jax.Array, levels: tuple[Level, ...], *, transposed: bool = False
) -> tuple[jax.Array, jax.Array]:
    """States before each step of s' = P s + u, from zero, and after the last.

    Transposed: the states behind each step, of those that follow it.
    """
    groups, rows, steps, order = u.shape
    if not levels:
        return jnp.zeros_like(u), u[:, :, 0]
    (local, after, across), rest = levels[0], levels[1:]
    if transposed:
        after, across = across, after
    radix = local.shape[-1] // order
    runs = -(-steps // radix)
    if runs * radix != steps:
        u = jnp.pad(u, ((0, 0), (0, 0), (0, runs * radix - steps), (0, 0)))
    u = u.reshape(groups, rows, runs, radix * order)
    before, left = (grouped(u, each, transposed=transposed) for each in (local, after))
    if runs > 1:
        starts, last = carry(left, rest, transposed=transposed)
        before = before + grouped(starts, across, transposed=transposed)
    else:
        last = left[:, :, 0]
    return before.reshape(groups, rows, runs * radix, order)[:, :, :steps], last


def grouped(x: jax.Array, weights: jax.Array, *, transposed: bool = False) -> jax.Array:
    """X (G, B, n, K) times weights (G, K, M), or their transpose; one group is a plain product."""
    groups, rows, count, inner = x.shape
    # No transpose is written: each would be a program to compile.
    side = 2 if transposed else 1
    if groups == 1:
        x, weights, dimensions = x.reshape(-1, inner), weights[0], (((1,), (side - 1,)), ((), ()))
    else:
        x, dimensions = x.reshape(groups, -1, inner), (((2,), (side,)), ((0,), (0,)))
    y = lax.dot_general(x, weights, dimensions, precision=lax.Precision.HIGHEST)
    return y.reshape(groups, rows, count, -1)
