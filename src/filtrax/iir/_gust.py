"""Forward and backward without a continuation: the states at the ends that fit best.

Filtering forward and then backward, and backward and then forward, differ only near the ends, by
what the states there release. The states for which the two differ least are a small least-squares
problem (F. Gustafsson, IEEE Transactions on Signal Processing 44, 1996).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from filtrax._typing import Array
from filtrax.iir._arguments import Rows, is_complex
from filtrax.iir._core import Cascade, Form, run, with_tables


@partial(jax.jit, static_argnames=("rows", "form", "irlen"), inline=True)
def free_ends(x: Array, cascade: Cascade, *, rows: Rows, form: Form, irlen: int | None) -> Array:
    """Filters both ways with the best states at both ends.

    Args:
        x: signals.
        cascade: one section.
        rows: of x.
        form: how to run the section.
        irlen: samples from an end that its state is taken to reach; all by default.
    """
    cascade = with_tables(cascade, form)
    signals = rows.pack(x)
    samples, order = signals.shape[-1], cascade.b.shape[-1] - 1
    both, _ = _there_and_back(signals, cascade, form, first_reverse=False)
    if not order:
        return rows.unpack(both)
    other, _ = _there_and_back(signals, cascade, form, first_reverse=True)
    reach = samples if irlen is None or samples <= 2 * irlen else irlen
    # What each state at the start releases, (G, order, reach), and that filtered backward.
    silence = jnp.zeros((cascade.b.shape[0], order, reach), cascade.b.dtype)
    units = jnp.broadcast_to(jnp.eye(order, dtype=silence.dtype), (*silence.shape[:2], order))
    released, _ = run(silence, cascade, form, states=(units,))
    returned, _ = run(released, cascade, form, reverse=True)
    # Of a state at the end the same, mirrored.
    ends = [jnp.concatenate([returned, released[..., ::-1]], 1)]
    gaps = [jnp.concatenate([returned - released, (released - returned)[..., ::-1]], 1)]
    missing = other - both
    if reach < samples:
        missing = jnp.concatenate([missing[..., :reach], missing[..., samples - reach :]], -1)
        ends, gaps = ([_apart(each[0], order)] for each in (ends, gaps))
    states = _fitted(gaps[0], missing)
    added = _product(states, ends[0])
    if reach < samples:
        both = both.at[..., :reach].add(added[..., :reach])
        both = both.at[..., samples - reach :].add(added[..., reach:])
    else:
        both = both + added
    return rows.unpack(both)


def _there_and_back(
    x: Array, cascade: Cascade, form: Form, *, first_reverse: bool
) -> tuple[Array, tuple[Array, ...]]:
    y, _ = run(x, cascade, form, reverse=first_reverse)
    return run(y, cascade, form, reverse=not first_reverse)


def _apart(rows: Array, order: int) -> Array:
    """The states of the start reach the first samples only, those of the end the last."""
    first, last = rows[:, :order], rows[:, order:]
    nothing = jnp.zeros_like(first)
    return jnp.concatenate(
        [jnp.concatenate([first, nothing], -1), jnp.concatenate([nothing, last], -1)], 1
    )


def _fitted(gaps: Array, missing: Array) -> Array:
    """For each group the states (B, 2 order) whose gaps (2 order, T) add up to what is missing."""
    if is_complex(missing) and not is_complex(gaps):
        return lax.complex(_fitted(gaps, missing.real), _fitted(gaps, missing.imag))
    found = jax.vmap(_least)(jnp.swapaxes(gaps, 1, 2), jnp.swapaxes(missing, 1, 2))
    return jnp.swapaxes(found, 1, 2)


@jax.custom_jvp
def _least(matrix: Array, wanted: Array) -> Array:
    """The least-squares solution of least norm."""
    return jnp.linalg.lstsq(matrix, wanted)[0]


@_least.defjvp
def _least_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    # Through the singular vectors, equal singular values would divide by zero. This rule (Golub
    # and Pereyra 1973) needs a constant rank only, and no square matrix of the signal's length.
    (m, d), (dm, dd) = primals, tangents
    z = _least(m, d)
    turned, turned_tangent = jnp.conj(m.T), jnp.conj(dm.T)
    left = d - m @ z
    change = _least(m, dd - dm @ z)
    change += _least(m, _least(turned, turned_tangent @ left))
    outside = turned_tangent @ _least(turned, z)
    return z, change + outside - _least(m, m @ outside)


def _product(states: Array, responses: Array) -> Array:
    highest = lax.Precision.HIGHEST
    if is_complex(states) and not is_complex(responses):
        return lax.complex(_product(states.real, responses), _product(states.imag, responses))
    return jnp.matmul(states, responses, precision=highest)
