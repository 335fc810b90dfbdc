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

from filtrax.iir._cascade import Joint
from filtrax.iir._double import rounded

#: Sets of coefficients whose sums are worked out side by side: there are many to a block.
_TOGETHER = 16

_sum = partial(jnp.einsum, precision=lax.Precision.HIGHEST)


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
    parts = joint.parts._replace(**{name: rounded(getattr(joint.parts, name)) for name in "ABCDP"})
    rows, direct, scale = rounded(joint.rows), rounded(joint.direct), joint.scale
    count, groups, order = parts.A.shape[:3]

    def placed(own: Any, section: int) -> Any:
        ahead, behind = section * order, (count - 1 - section) * order
        return jnp.pad(own, [(0, 0)] * (own.ndim - 1) + [(ahead, behind)])

    # w = P^-1 s: what the states know of past outputs.
    units = jnp.broadcast_to(jnp.eye(order, dtype=parts.P.dtype), parts.P.shape)
    remembered = lax.linalg.triangular_solve(parts.P, units, left_side=True, lower=True)
    past, taken = [], []
    state = jnp.zeros((groups, count * order), parts.A.dtype)
    gain = jnp.ones((groups, 1), parts.A.dtype)
    taken.append(jnp.concatenate([state, gain], -1))
    for s in reversed(range(count)):
        now = jnp.concatenate([placed(parts.C[s, :, 1], s) + rows[s], direct[s]], -1)
        before = placed(remembered[s], s)
        before = jnp.pad(before, ((0, 0), (0, 0), (0, 1)))
        past.append(jnp.concatenate([now[:, None], before], 1))
        state = state * parts.D[s, :, :1] + placed(parts.B[s, :, :, 0], s)
        gain = gain * parts.D[s, :, :1]
        taken.append(jnp.concatenate([state, gain], -1))
    # In the scale of the states.
    wide = jnp.concatenate([scale, jnp.ones((groups, 1))], -1)
    return Sensitivity(
        steps,
        jnp.stack(taken[::-1], 1) / wide[:, None],
        jnp.stack(past[::-1], 1) * wide[:, None, None],
    )


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
) -> tuple[jax.Array, jax.Array]:
    """By the numerators and denominators, each (G, S, K).

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
        found = _of_one(*jax.tree.map(lambda each: each[0], operands))
        return found[0][None], found[1][None]
    return lax.map(lambda each: _of_one(*each), operands, batch_size=_TOGETHER)


def _over_blocks(left: jax.Array, right: jax.Array) -> jax.Array:
    """Products of what stands in (G, B, n, I) and (G, B, n, J), summed: (G, I, J)."""
    if left.shape[-1] > right.shape[-1]:
        # The narrow one first, and without an axis of groups: four times as fast, each.
        return jnp.swapaxes(_over_blocks(right, left), 1, 2)
    if left.shape[0] > 1:
        return _sum("gbni,gbnj->gij", left, right)
    return _sum("ni,nj->ij", *(each.reshape(-1, each.shape[-1]) for each in (left, right)))[None]


def _of_one(
    sums: jax.Array, readout: jax.Array, intake: jax.Array, known: Sensitivity
) -> tuple[jax.Array, jax.Array]:
    """From the sums over blocks (N + L, N + L) to the gradients (S, K)."""
    order = intake.shape[0]
    forward, backward = _inner(readout, intake, known.steps)
    # To the sums over samples: rows (s, x), columns (m, c).
    half = _sum("ink,kl->inl", forward, sums)
    by_state = jnp.concatenate([
        _sum("inl,iml->nm", half, backward), _sum("ini->n", half[..., order:])[:, None]
    ], -1)  # fmt: skip
    by_sample = jnp.concatenate([
        _sum("ik,imk->m", sums[order:], backward), jnp.trace(sums[order:, order:])[None]
    ])  # fmt: skip
    both = jnp.concatenate([by_state, by_sample[None]])
    # A numerator acts on what a section hands on, a denominator on what it takes in.
    each = np.arange(known.past.shape[0])
    by_past = _sum("skn,nm->skm", known.past, both)
    by_b, by_a = (
        _sum("skm,sm->sk", by_past, known.taken[each + behind]) for behind in (1, 0)
    )  # fmt: skip
    return by_b, -by_a


def _inner(readout: jax.Array, intake: jax.Array, steps: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The states at each sample over what stands at the ends and the samples, (L, N, N + L).

    Forward before each sample, and those of the transpose behind each.
    """
    size = steps.shape[0]
    lags = np.arange(size)[:, None] - np.arange(size) - 1
    # Those of the future are none.
    driven = jnp.pad(intake[:, ::-1], ((0, 0), (0, 1)))[:, np.where(lags >= 0, lags, size)]
    heard = jnp.pad(readout.T, ((0, 0), (0, 1)))[:, np.where(lags.T >= 0, lags.T, size)]
    forward = jnp.concatenate([steps, driven.swapaxes(0, 1)], -1)
    backward = jnp.concatenate([steps[::-1].swapaxes(1, 2), heard.swapaxes(0, 1)], -1)
    return forward, backward
