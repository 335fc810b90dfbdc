"""Sample after sample: the recurrence as it is written, in transposed direct form II.

It needs no tables and treats infinities and NaN as any loop does.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax import _sharding

#: Samples in one turn of the loop, for so few rows that a turn is all overhead.
_UNROLL, _FEW = 8, 8


def run(
    x: jax.Array,
    b: jax.Array,
    a: jax.Array,
    length: int,
    reverse: bool,
    *,
    careful: bool = False,
) -> jax.Array:
    """Filters (G, B, T) by cascades b, a (G, S, K), from rest; gives (G, B, length).

    With ``careful`` a result overflows where SciPy's does, also when only a product on the way to
    it does: the compiler may fuse that into a sum which is finite. It takes three times as long.
    """
    samples = max(x.shape[-1], length)
    if x.shape[-1] < samples:
        x = jnp.pad(x, ((0, 0), (0, 0), (0, samples - x.shape[-1])))
    sections, taps = b.shape[1:]
    if careful:
        return _carefully(x, b, a, reverse)[..., :length]
    numerators = [[b[:, s, k, None] for k in range(taps)] for s in range(sections)]
    denominators = [[a[:, s, k, None] for k in range(taps)] for s in range(sections)]

    def step(state: tuple[tuple[jax.Array, ...], ...], v: jax.Array) -> tuple[tuple, jax.Array]:
        after = []
        for z, p, q in zip(state, numerators, denominators, strict=True):
            w = p[0] * v + z[0]
            fed_back = [q[k] * w for k in range(1, taps)]
            held = [p[k] * v for k in range(1, taps)]
            held = [old + new for old, new in zip(z[1:], held, strict=False)] + held[-1:]
            after.append(tuple(new - lost for new, lost in zip(held, fed_back, strict=True)))
            v = w
        return tuple(after), v

    number = x.shape[0] * x.shape[1]
    few = isinstance(number, int) and number <= _FEW
    unroll = _UNROLL if few else 1
    zero = _zeros(x.shape[:2], x)
    start = ((zero,) * (taps - 1),) * sections
    _, y = lax.scan(step, start, jnp.moveaxis(x, -1, 0), reverse=reverse, unroll=unroll)
    return jnp.moveaxis(y, 0, -1)[..., :length]


def _carefully(x: jax.Array, b: jax.Array, a: jax.Array, reverse: bool) -> jax.Array:
    """The same, an output as long as x: one section after the other, as one program."""

    def section(x: jax.Array, own: jax.Array) -> tuple[jax.Array, None]:
        p, q = own.transpose(0, 2, 1)[..., None]

        def step(z: jax.Array, v: jax.Array) -> tuple[jax.Array, jax.Array]:
            w = p[0] * v + z[0]
            kept, lost = _shifted(z, -1) + p[1:] * v, q[1:] * w
            return jnp.where(jnp.isfinite(lost), kept - lost, -lost), w

        start = _zeros((b.shape[2] - 1, *x.shape[1:]), x)
        return lax.scan(step, start, x, reverse=reverse)[1], None

    coefficients = jnp.stack([b, a]).transpose(2, 0, 1, 3)
    return jnp.moveaxis(lax.scan(section, jnp.moveaxis(x, -1, 0), coefficients)[0], 0, -1)


def _zeros(shape: tuple[int, ...], x: jax.Array) -> jax.Array:
    """Of x's dtype, varying over a mesh as x does."""
    return _sharding.vary_alike(jnp.zeros(shape, x.dtype), x)[0]


def _shifted(z: jax.Array, by: int, axis: int = 0) -> jax.Array:
    """Moved up or down along an axis, with zeros behind."""
    # Of two pieces, it would take the compiler twice as long.
    widths = [(0, 0, 0)] * z.ndim
    widths[axis] = (by, -by, 0)
    return lax.pad(z, np.zeros((), z.dtype), widths)


def gradient(ct: jax.Array, x: jax.Array, b: jax.Array, a: jax.Array) -> jax.Array:
    """By the coefficients of a cascade, for a cotangent of what `run` makes of x: (G, 2, S, K).

    In one loop forward: each coefficient's share is the cotangent times outputs of the cascade
    with one numerator left out, or with one denominator twice. No signal is kept.
    """
    (groups, rows, samples), (sections, taps) = ct.shape, b.shape[1:]
    x = jnp.pad(x, ((0, 0), (0, 0), (0, max(samples - x.shape[-1], 0))))[..., :samples]
    # Variants side by side: without the numerator of each section, and the cascade itself.
    left_out = (np.arange(sections + 1) == np.arange(sections)[:, None])[:, None, :, None, None]
    units = np.eye(1, taps, dtype=b.dtype)[0][:, None, None, None]
    numerators = jnp.where(left_out, units, b.transpose(1, 2, 0)[:, :, None, :, None])
    denominators = a.transpose(1, 2, 0)[:, :, None, :, None]
    # What passes to section t at once, of the signal (j = 0) and of the section j - 1.
    to, of, by = np.ix_(*[np.arange(sections + 1)] * 2, np.arange(sections))
    passed = ((of <= by) & (by < to))[..., None, None, None]
    direct = jnp.where(passed, numerators[:, 0], 1).prod(2)
    heard = (of <= to)[..., 0, None, None, None]

    def step(carry: Any, at: Any) -> tuple[Any, None]:
        states, twice, recent, sums = carry
        v, c = at
        heads = jnp.concatenate([jnp.broadcast_to(v, states[:1, 0].shape), states[:, 0]])
        # All sections at once: their outputs, behind what the first takes in.
        v = jnp.where(heard, direct * heads, 0).sum(1)
        states = _shifted(states, -1, 1)
        states = states + numerators[:, 1:] * v[:-1, None] - denominators[:, 1:] * v[1:, None]
        again = v[-1, -1] + twice[:, 0]
        twice = _shifted(twice, -1, 1) - denominators[:, 1:, 0] * again[:, None]
        now = jnp.concatenate([v[-1, :-1], again])
        recent = jnp.where(np.arange(taps)[:, None, None, None], _shifted(recent, 1), now)
        return (states, twice, recent, sums + c * recent), None

    recent = _zeros((taps, 2 * sections, groups, rows), x)
    start = (
        _zeros((sections, taps - 1, sections + 1, groups, rows), x),
        _zeros((sections, taps - 1, groups, rows), x),
        recent,
        recent,
    )
    signals = (jnp.moveaxis(x, -1, 0), jnp.moveaxis(ct, -1, 0))
    (_, _, _, sums), _ = lax.scan(step, start, signals)
    found = sums.sum(-1).transpose(2, 1, 0).reshape(groups, 2, sections, taps)
    return found * np.array([1, -1], x.dtype)[:, None, None]
