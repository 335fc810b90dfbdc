"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones come from two cores of an
AMD EPYC with AVX2 (32 KiB and 512 KiB of cache a core) with JAX 0.10.2; those of XLA's form of
`shift` and `overlap` from an older machine, or guessed. What was not measured of a dtype costs
what it does in float32, float64 or complex64; a platform that has not been measured uses a guess
in the same form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "bfloat16": {
            "direct": (
                64400.0,
                1.26,
                0.719,
                0.902,
                1.92,
                1.86,
                33.1,
                0.55,
                17.0,
                0.187,
                1.62,
                0.0178,
                8.17,
                1.26,
                9.56,
                0.205,
                4.06,
                0.0,
            ),
            "fft": (52000.0, 0.209, 0.743, 1.73, 2.49, 1.08, 3.93),
            "toeplitz": (50100.0, 0.026, 0.0272, 0.0319, 2.14, 1.95, 0.609, 0.891, 2.14, 2.68),
        },
        "complex64": {
            "direct": (
                58700.0,
                2.58,
                0.0,
                0.624,
                3.03,
                1.04,
                1.58,
                2.45,
                18.4,
                0.529,
                8.16,
                0.0395,
                42.9,
                1.57,
                8.46,
                0.449,
                16.6,
                3.81,
            ),
            "fft": (46300.0, 0.335, 0.336, 1.4, 0.335, 1.59, 4.71),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (51600.0, 0.13, 0.125, 0.184, 4.87, 4.29, 2.91, 2.05, 5.15, 5.64),
        },
        "float32": {
            "direct": (
                59300.0,
                1.11,
                0.0,
                1.38,
                4.16,
                1.79,
                44.1,
                0.258,
                4.78,
                0.169,
                2.63,
                0.019,
                22.5,
                0.709,
                9.51,
                0.211,
                3.94,
                0.0,
            ),
            "fft": (46900.0, 0.193, 0.7, 1.9, 2.52, 1.41, 2.14),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.5, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (44200.0, 0.0263, 0.0287, 0.0375, 1.59, 2.37, 0.258, 1.21, 2.12, 2.76),
        },
        "float64": {
            "direct": (
                40300.0,
                0.358,
                1.29,
                0.578,
                3.17,
                0.435,
                1.66,
                0.503,
                17.9,
                0.177,
                4.35,
                1.0,
                1.0,
                0.483,
                3.36,
                0.404,
                7.23,
                2.18,
            ),
            "fft": (49100.0, 0.647, 1.01, 0.00905, 2.54, 2.61, 7.06),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.5, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (47100.0, 0.0654, 0.0346, 0.0403, 3.8, 5.12, 3.31, 1.24, 2.77, 5.37),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (67800.0, 0.0219, 0.74, 0.243, 1.14),
            "shift": (
                31800.0,
                0.535,
                0.0144,
                0.0394,
                0.0995,
                0.198,
                74.0,
                6.06,
                0.0517,
                0.0157,
                0.0388,
                0.0599,
                51.7,
                0.19,
                1.48,
            ),
        },
        "complex64": {
            "overlap": (58100.0, 0.068, 0.934, 0.555, 1.9),
            "shift": (
                24600.0,
                0.655,
                0.0616,
                0.0829,
                1.0,
                0.397,
                114.0,
                5.24,
                0.447,
                1.0,
                0.101,
                1.0,
                34.8,
                0.115,
                33.3,
            ),
        },
        "float32": {
            "overlap": (58900.0, 0.0156, 0.853, 0.264, 1.11),
            "shift": (
                25300.0,
                0.606,
                0.0146,
                0.034,
                0.0579,
                0.12,
                37.5,
                4.32,
                0.404,
                0.0186,
                0.0327,
                0.0575,
                51.5,
                0.11,
                0.0,
            ),
        },
        "float64": {
            "overlap": (58600.0, 0.0577, 1.51, 0.419, 1.45),
            "shift": (
                28600.0,
                0.577,
                0.0287,
                0.0688,
                0.172,
                0.414,
                46.8,
                4.65,
                0.374,
                0.0307,
                0.0747,
                0.104,
                34.6,
                0.379,
                11.9,
            ),
        },
    },
}
# end calibrated

# Wide and deep: products are cheap, samples moved are what counts, every call costs a launch.
_ACCELERATOR: Prices = {
    "direct": (1e4, *(1e-4, 2e-3) * 8, 4e-3),
    "shift": (5e3, 0.0, 1e-4, 1e-3, 2e-3, 2e-3, 1e-4),
    "toeplitz": (1e4, 5e-5, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3),
    "fft": (3e4, 1e-4, 1e-4, 4e-3, 4e-3, 2e-4, 4e-3),
    "overlap": (4e4, 1e-4, 1e-4, 6e-3, 4e-3, 2e-4, 4e-3),
}


def prices_for(platform: str, dtype: Any, compiled: bool = False) -> Prices:
    """The prices of a platform, or of kernels compiled for it, for the arithmetic of a dtype."""
    table = MEASURED.get(f"{platform} compiled" if compiled else platform)
    if table is None:
        return _ACCELERATOR
    name = jnp.dtype(dtype).name
    # Half precision is summed in float32, and integers run at the speed of numbers as wide.
    kind = "complex64" if name.startswith("complex") else "float64" if "64" in name else "float32"
    return {**table[kind], **table.get(name, {})}
