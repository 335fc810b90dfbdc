"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones (float32, float64 and
complex64) come from two cores of an AMD EPYC with AVX-512 (family 26, model 2; 48 KiB and 1 MiB
of cache a core) with JAX 0.10.2. A platform that has not been measured uses a guess in the same
form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "complex64": {
            "direct": (
                53400.0,
                0.335,
                45.2,
                0.235,
                2.77,
                0.139,
                0.857,
                0.184,
                1.05,
                0.169,
                1.57,
                0.0188,
                5.75,
                0.108,
                1.06,
                0.148,
                6.56,
                2.04,
            ),
            "fft": (25300.0, 0.123, 0.166, 0.084, 1.13, 1.41),
            "overlap": (27300.0, 0.101, 0.129, 1.03, 0.191, 1.08),
            "shift": (14300.0, 0.0566, 1.44, 0.0757, 0.104, 0.192, 0.00468),
            "toeplitz": (40300.0, 0.0381, 0.0641, 0.0726, 0.926, 0.944, 2.17, 0.629, 1.06, 2.48),
        },
        "float32": {
            "direct": (
                68200.0,
                0.0852,
                16.9,
                0.279,
                2.32,
                0.942,
                7.0,
                0.0549,
                0.132,
                0.0562,
                0.389,
                0.00856,
                0.838,
                0.656,
                4.08,
                0.137,
                1.07,
                0.0,
            ),
            "fft": (55500.0, 0.0916, 0.0, 0.574, 0.888, 0.478),
            "overlap": (54100.0, 0.093, 0.0, 0.946, 0.247, 0.522),
            "shift": (54100.0, 0.0177, 0.43, 0.00324, 0.0251, 0.069, 0.00824),
            "toeplitz": (55800.0, 0.00458, 0.0071, 0.0099, 0.477, 0.201, 0.3, 0.241, 0.613, 1.26),
        },
        "float64": {
            "direct": (
                10300.0,
                0.0728,
                0.321,
                0.519,
                0.918,
                0.0656,
                1.34,
                0.0769,
                0.299,
                0.106,
                0.71,
                0.21,
                1.56,
                0.0707,
                0.964,
                0.0862,
                1.74,
                0.123,
            ),
            "fft": (23400.0, 0.143, 0.295, 1.06, 2.0, 1.22),
            "overlap": (23400.0, 0.107, 0.185, 2.34, 0.526, 0.891),
            "shift": (10700.0, 0.0397, 1.13, 0.098, 0.0322, 0.167, 0.00836),
            "toeplitz": (28900.0, 0.00835, 0.023, 0.0281, 1.12, 0.392, 0.549, 0.599, 0.817, 1.78),
        },
    }
}
# end calibrated

# Wide and deep: products are cheap, samples moved are what counts, every call costs a launch.
_ACCELERATOR: Prices = {
    "direct": (1e4, *(1e-4, 2e-3) * 8, 4e-3),
    "shift": (5e3, 1e-4, 1e-3, 2e-3, 2e-3, 4e-3, 0.0),
    "toeplitz": (1e4, 5e-5, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3),
    "fft": (3e4, 1e-4, 1e-4, 4e-3, 2e-4, 4e-3),
    "overlap": (4e4, 1e-4, 1e-4, 6e-3, 2e-4, 4e-3),
}


def prices_for(platform: str, dtype: Any) -> Prices:
    """The prices of a platform for the arithmetic that a dtype is computed in."""
    if platform not in MEASURED:
        return _ACCELERATOR
    table = MEASURED[platform]
    name = jnp.dtype(dtype).name
    # Half precision is summed in float32, and integers run at its speed.
    return table.get(name) or table["complex64" if name.startswith("complex") else "float32"]
