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
                1.03,
                1.51,
                1.86,
                33.1,
                0.55,
                17.0,
                0.187,
                1.62,
                0.0114,
                28.9,
                1.26,
                9.56,
                0.205,
                4.06,
                0.0,
            ),
            "fft": (52200.0, 0.211, 0.746, 1.42, 2.47, 1.86, 3.91),
            "toeplitz": (50100.0, 0.0258, 0.0263, 0.0306, 2.16, 1.97, 0.4, 1.05, 2.13, 2.67),
        },
        "complex64": {
            "direct": (
                58700.0,
                2.58,
                0.0,
                0.772,
                9.07,
                1.04,
                1.58,
                2.45,
                18.4,
                0.529,
                8.14,
                0.0568,
                27.2,
                1.57,
                8.45,
                0.449,
                16.6,
                3.81,
            ),
            "fft": (46600.0, 0.345, 0.339, 1.16, 0.256, 2.02, 4.67),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (51300.0, 0.129, 0.122, 0.177, 4.97, 4.39, 2.03, 2.82, 4.99, 5.57),
        },
        "float32": {
            "direct": (
                59200.0,
                1.11,
                0.0,
                2.49,
                5.6,
                1.79,
                44.2,
                0.258,
                4.79,
                0.169,
                2.63,
                0.0179,
                16.4,
                0.709,
                9.52,
                0.211,
                3.94,
                0.0,
            ),
            "fft": (47300.0, 0.182, 0.691, 2.0, 2.58, 1.36, 2.15),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.5, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (45000.0, 0.0261, 0.0278, 0.0346, 1.6, 2.34, 0.63, 0.986, 2.12, 2.83),
        },
        "float64": {
            "direct": (
                40300.0,
                0.358,
                1.29,
                0.858,
                1.44,
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
            "fft": (48900.0, 0.645, 1.0, 0.0, 2.47, 2.89, 6.98),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.5, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (46900.0, 0.0627, 0.0378, 0.0417, 3.75, 5.18, 0.885, 3.2, 2.4, 5.0),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (67500.0, 0.0239, 0.726, 0.287, 1.12),
            "shift": (
                30700.0,
                0.701,
                0.0141,
                0.0374,
                0.0993,
                0.0231,
                0.208,
                67.3,
                5.52,
                0.0749,
                0.0162,
                0.0492,
                0.0513,
                0.22,
                5.38,
            ),
        },
        "complex64": {
            "overlap": (58000.0, 0.07, 0.927, 0.597, 1.87),
            "shift": (
                24100.0,
                0.721,
                0.0602,
                0.078,
                1.0,
                0.17,
                0.427,
                111.0,
                5.09,
                0.459,
                1.0,
                0.108,
                1.0,
                0.169,
                42.1,
            ),
        },
        "float32": {
            "overlap": (58400.0, 0.0168, 0.846, 0.288, 1.09),
            "shift": (
                24500.0,
                0.731,
                0.0144,
                0.0322,
                0.0573,
                0.0274,
                0.128,
                36.8,
                3.7,
                0.416,
                0.0176,
                0.0456,
                0.0466,
                0.168,
                3.74,
            ),
        },
        "float64": {
            "overlap": (57500.0, 0.0586, 1.53, 0.453, 1.4),
            "shift": (
                28100.0,
                0.642,
                0.028,
                0.0628,
                0.169,
                0.0444,
                0.452,
                46.0,
                4.37,
                0.395,
                0.0316,
                0.0858,
                0.0973,
                0.421,
                14.4,
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
