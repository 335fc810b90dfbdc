"""Which of its two methods SciPy would choose: its own estimate, from operation counts."""

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from filtrax._typing import Array
from filtrax.compat._scipy import is_complex
from filtrax.conventions._table import CONVENTIONS


def overflows_double(a: Array, b: Array) -> bool:
    """Whether a sum of integers might not be exact in the float64 of SciPy's FFT."""
    if not any(jnp.issubdtype(each.dtype, jnp.integer) for each in (a, b)):
        return False
    if any(isinstance(each, Tracer) for each in (a, b)):
        return True
    # Python's integers, as the product may exceed every dtype.
    peaks = [max(abs(int(each.min())), abs(int(each.max()))) if not is_complex(each.dtype)
             else int(abs(each).max()) for each in (a, b)]  # fmt: skip
    return peaks[0] * peaks[1] * min(a.size, b.size) > 2**52 - 1


# Nanoseconds per operation of SciPy's two methods, and the lead in seconds that its FFT must have:
# the values it was calibrated to, by rank (one dimension or more) and mode, to four digits.
_COSTS = {
    (True, "full"): (1.765, 0.2141, -1e-3),
    (True, "valid"): (1.891, 0.2136, -1e-3),
    (True, "same"): (3.265, 0.2848, -1e-3),
    (True, "same, in2 longer"): (3.216, 11.77, -1e-5),
    (False, "full"): (1.998, 16.62, -1e-4),
    (False, "valid"): (1.859, 21.12, -1e-4),
    (False, "same"): (2.047, 15.54, -1e-4),
}


def fft_is_cheaper(n: tuple[int, ...], k: tuple[int, ...], mode: str) -> bool:
    """SciPy's estimate, from the multiplications of each method."""
    whole = int(np.prod([max(i + j - 1, 0) for i, j in zip(n, k, strict=True)], dtype=object))
    size_n, size_k = int(np.prod(n, dtype=object)), int(np.prod(k, dtype=object))
    window = CONVENTIONS["scipy.signal.convolve"].modes[mode]
    lengths = [window.length(i, j) for i, j in zip(n, k, strict=True)]
    outputs = int(np.prod(lengths, dtype=object))
    if mode == "same":
        products = size_n * size_k
        if len(n) == 1 and size_n >= size_k:
            # In one dimension the zeros beyond the ends are not multiplied.
            products -= (size_k // 2) * ((size_k + 1) // 2)
    elif len(n) == 1 and mode == "full":
        products = size_n * size_k
    else:
        products = min(size_n, size_k) * outputs
    case = "same, in2 longer" if len(n) == 1 and mode == "same" and size_k > size_n else mode
    fft, direct, lead = _COSTS[len(n) == 1, case]
    transforms = 3 * whole * np.log(whole) if whole else 0.0
    return bool(fft * 1e-9 * transforms < direct * 1e-9 * products + lead)
