"""Sample after sample: the recurrence as it is written, in transposed direct form II.

It needs no tables and treats infinities and NaN as any loop does.
"""

import jax
import jax.numpy as jnp
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
    numerators = [[b[:, s, k, None] for k in range(taps)] for s in range(sections)]
    denominators = [[a[:, s, k, None] for k in range(taps)] for s in range(sections)]

    def step(state: tuple[tuple[jax.Array, ...], ...], v: jax.Array) -> tuple[tuple, jax.Array]:
        after = []
        for z, p, q in zip(state, numerators, denominators, strict=True):
            w = p[0] * v + z[0]
            fed_back = [q[k] * w for k in range(1, taps)]
            held = [p[k] * v for k in range(1, taps)]
            held = [old + new for old, new in zip(z[1:], held, strict=False)] + held[-1:]
            pairs = zip(held, fed_back, strict=True)
            if careful:
                kept = (
                    jnp.where(jnp.isfinite(lost), kept - lost, -lost) for kept, lost in pairs
                )  # fmt: skip
            else:
                kept = (kept - lost for kept, lost in pairs)
            after.append(tuple(kept))
            v = w
        return tuple(after), v

    number = x.shape[0] * x.shape[1]
    few = isinstance(number, int) and number <= _FEW
    unroll = _UNROLL if few and not careful else 1
    zero, _ = _sharding.vary_alike(jnp.zeros(x.shape[:2], x.dtype), x[..., 0])
    start = ((zero,) * (taps - 1),) * sections
    _, y = lax.scan(step, start, jnp.moveaxis(x, -1, 0), reverse=reverse, unroll=unroll)
    return jnp.moveaxis(y, 0, -1)[..., :length]
