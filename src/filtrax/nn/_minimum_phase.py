"""Kernels whose zeros lie inside the unit circle, by their reflection coefficients.

The step-up recursion of Levinson and Durbin makes of any numbers between -1 and 1 a polynomial
with all zeros inside the circle, and of each such polynomial there is one such set of numbers.
So the promise needs no care while learning. Holding the cepstrum instead would need a truncation
to a finite kernel, and a truncated minimum-phase series need not be one. The cepstrum is where
the start comes from: the minimum-phase kernel with the magnitude of a given one (A. V. Oppenheim
and R. W. Schafer, Discrete-Time Signal Processing, ch. 13).
"""

import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._typing import Array

#: Reflection coefficients stay this far below 1.
LIMIT = 1 - 2.0**-12
#: Where a step-down loses its digits, zeros are drawn towards 0 by such factors.
_SHRINK = (1.0, 1 - 1e-6, 1 - 1e-5, 1 - 1e-4, 1 - 1e-3, 0.99, 0.95, 0.9, 0.5)


def step_up(free: Array) -> Array:
    """Free parameters (K,), the gain and K-1 others, to a kernel (K,)."""
    reflections = LIMIT * jnp.tanh(free[1:])
    one = jnp.zeros_like(free).at[0].set(1)

    def step(pair: tuple[Array, Array], k: Array) -> tuple[tuple[Array, Array], None]:
        forward, backward = pair
        moved = jnp.concatenate([jnp.zeros_like(backward[:1]), backward[:-1]])
        return (forward + k * moved, k * forward + moved), None

    (kernel, _), _ = lax.scan(step, (one, one), reflections)
    return free[0] * kernel


def start(kernel: np.ndarray) -> np.ndarray:
    """The free parameters whose kernel has the magnitude of a given one."""
    minimal = by_cepstrum(kernel)
    for shrink in _SHRINK:
        drawn = minimal * shrink ** np.arange(minimal.size)
        reflections = _step_down(drawn)
        if (np.abs(reflections) < LIMIT * (1 - 1e-6)).all():
            break
    else:
        reflections = np.zeros(minimal.size - 1)
    return np.concatenate([minimal[:1], np.arctanh(reflections / LIMIT)])


def by_cepstrum(kernel: np.ndarray) -> np.ndarray:
    """The minimum-phase kernel with the same magnitude, by the folded cepstrum."""
    count = kernel.size
    size = 1 << int(np.ceil(np.log2(max(64 * count, 1 << 14))))
    power = np.abs(np.fft.fft(kernel, size)) ** 2
    # Zeros on the circle have no logarithm; they end up a little inside.
    cepstrum = np.fft.ifft(0.5 * np.log(power + 1e-12 * power.max())).real
    folded = np.zeros(size)
    folded[0], folded[1 : size // 2] = cepstrum[0], 2 * cepstrum[1 : size // 2]
    folded[size // 2] = cepstrum[size // 2]
    return np.fft.ifft(np.exp(np.fft.fft(folded))).real[:count]


def _step_down(kernel: np.ndarray) -> np.ndarray:
    a, found = kernel / kernel[0], []
    while a.size > 1:
        k = a[-1]
        found.append(k)
        if not abs(k) < 1:
            return np.full(kernel.size - 1, np.inf)
        a = ((a - k * a[::-1]) / (1 - k * k))[:-1]
    return np.asarray(found[::-1])
