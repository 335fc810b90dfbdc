"""The gradient by all coefficients of a cascade, from its blocks' ends alone.

Let s be the states of the whole cascade, going forward, and m those of its transpose, going
backward from the cotangent c. Changing a coefficient changes what a section takes in or hands on,
by a sum over its own past outputs of 1/A. Both are combinations of (s, x), and what a change
there does to the result is a combination of (m, c). So all that the signals contribute is

    K = sum over time of (s, x) (m, c)^T,

one small matrix. Within a block s and m are linear in what stands at its ends and in its samples.
So K comes from the sum over blocks of (s at the start, samples) (m at the end, samples)^T, which
is a matrix product: no section's signal is ever computed.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax.iir._cascade import Joint, own_places
from filtrax.iir._double import rounded

#: Sets of coefficients whose sums are worked out side by side: there are many to a block.
_TOGETHER = 16

_EXACT = lax.Precision.HIGHEST
_product = partial(jnp.matmul, precision=_EXACT)


class Sensitivity(NamedTuple):
    """What the gradient by coefficients needs beside the tables.

    Attributes:
        steps: the powers 0 to L - 1 of the step of one sample, (G, L, N, N).
        taken: over (m, c), what arrives of a unit put in before each section, and behind the
            last, (G, S + 1, N + 1).
        past: over (s, x), the outputs 0 to K - 1 samples ago of each section's 1/A,
            (G, S, K, N + 1).
    """

    steps: Any
    taken: Any
    past: Any


def sensitivity(joint: Joint, steps: Any) -> Sensitivity:
    """From a cascade in JAX's arrays; of the digits of pairs, those of float64 are enough."""
    own, scale = rounded(joint.parts.P), joint.scale
    order = own.shape[-1]
    # w = P^-1 s: what the states know of past outputs.
    remembered = _inverse(own)
    rows = jnp.concatenate([rounded(joint.parts.C)[:, :, 1:], remembered], -2)
    now = np.eye(1, order + 1)[0][:, None]
    past = own_places(rows) + rounded(joint.reach)[:, :-1, None] * now
    # In the scale of the states.
    return Sensitivity(steps, rounded(joint.taken), past * scale[:, None, None])


def _inverse(lower: Any) -> Any:
    """The inverse of triangular matrices."""
    order = lower.shape[-1]
    if order == 2:
        first, last = 1 / lower[..., 0, :1], 1 / lower[..., 1, 1:]
        parts = jnp.concatenate([first, lower[..., 1, :1] * first * last, last], -1)
        return parts[..., np.array([[0, 0], [1, 2]])] * np.array([[1.0, 0.0], [-1.0, 1.0]])
    units = jnp.broadcast_to(jnp.eye(order, dtype=lower.dtype), lower.shape)
    return lax.linalg.triangular_solve(lower, units, left_side=True, lower=True)


def shapes(groups: int, sections: int, taps: int, block: int) -> Sensitivity:
    """Of the arrays."""
    states = sections * (taps - 1)
    return Sensitivity(
        (groups, block, states, states),
        (groups, sections + 1, states + 1),
        (groups, sections, taps, states + 1),
    )


def gradient(
    starts: jax.Array,
    x: jax.Array,
    ends: jax.Array,
    ct: jax.Array,
    readout: jax.Array,
    intake: jax.Array,
    known: Sensitivity,
) -> jax.Array:
    """By the numerators and by the denominators, (G, 2, S, K).

    Args:
        starts: states before each block, (G, B, n, N).
        x: blocks of samples, (G, B, n, L), fewer if the others hold zeros.
        ends: states of the transpose behind each block, (G, B, n, N).
        ct: blocks of the cotangent, (G, B, n, L).
        readout: from the state before a block to its samples, (G, L, N).
        intake: from the samples of a block to the state behind it, (G, N, L).
        known: of the same tables.
    """
    # Sums over blocks, of what stands at their ends and their samples.
    pairs = [
        [_over_blocks(left, right[:, :, : left.shape[2]]) for right in (ends, ct)]
        for left in (starts, x)
    ]
    sums = jnp.concatenate([jnp.concatenate(pair, -1) for pair in pairs], -2)
    operands = (sums, readout, intake, known)
    if x.shape[0] == 1:
        return _of_one(*jax.tree.map(lambda each: each[0], operands))[None]
    return lax.map(lambda each: _of_one(*each), operands, batch_size=_TOGETHER)


def _over_blocks(left: jax.Array, right: jax.Array) -> jax.Array:
    """Products of what stands in (G, B, n, I) and (G, B, n, J), summed: (G, I, J)."""
    if left.shape[-1] > right.shape[-1]:
        # The narrow one first, and without an axis of groups: four times as fast, each.
        return jnp.swapaxes(_over_blocks(right, left), 1, 2)
    if left.shape[0] > 1:
        return lax.dot_general(left, right, (((1, 2), (1, 2)), ((0,), (0,))), _EXACT)
    left, right = (each.reshape(-1, each.shape[-1]) for each in (left, right))
    return lax.dot_general(left, right, (((0,), (0,)), ((), ())), _EXACT)[None]


def _of_one(
    sums: jax.Array, readout: jax.Array, intake: jax.Array, known: Sensitivity
) -> jax.Array:
    """From the sums over blocks (N + L, N + L) to the gradients (2, S, K)."""
    forward, backward = _inner(readout, intake, known.steps)
    # To the sums over samples: rows (s, x), columns (m, c).
    half = _product(forward, sums)
    both = _product(half.reshape(len(half), -1), backward.reshape(len(backward), -1).T)
    # A numerator acts on what a section hands on, a denominator on what it takes in.
    by_past = _product(known.past, both)
    heard = jnp.stack([known.taken[1:], -known.taken[:-1]])
    return jnp.sum(by_past * heard[:, :, None], -1)


def _inner(readout: jax.Array, intake: jax.Array, steps: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The states at each sample, and it, over what stands at the ends and the samples.

    Forward before each sample, and those of the transpose behind each: (N + 1, L, N + L).
    """
    size, order, _ = steps.shape
    lags = np.arange(size)[:, None] - np.arange(size) - 1
    # Those of the future are none.
    driven = jnp.where(lags >= 0, intake[:, ::-1][:, np.maximum(lags, 0)], 0)
    heard = jnp.where(lags.T >= 0, readout.T[:, np.maximum(lags.T, 0)], 0)
    own = np.eye(size, dtype=steps.dtype)[None]

    def joined(ends: jax.Array, samples: jax.Array) -> jax.Array:
        # A sum, as joining pieces would take the compiler longer.
        ends = jnp.pad(ends, ((0, 1), (0, 0), (0, size)))
        samples = jnp.pad(samples, ((0, 1), (0, 0), (order, 0)))
        return ends + samples + jnp.pad(own, ((order, 0), (0, 0), (order, 0)))

    forward = joined(steps.transpose(1, 0, 2), driven)
    return forward, joined(steps[::-1].transpose(2, 0, 1), heard)
