"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones come from two cores of an
AMD EPYC with AVX2 (32 KiB and 512 KiB of cache a core) with JAX 0.10.2. What was not measured of a
dtype costs what it does in float32, float64 or complex64; a platform that has not been measured
uses a guess in the same form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "bfloat16": {
            "direct": (
                71700.0,
                1.19,
                0.802,
                1.02,
                1.52,
                1.85,
                32.9,
                0.411,
                24.2,
                0.198,
                1.88,
                0.0116,
                31.6,
                1.13,
                9.19,
                0.209,
                3.57,
                0.0,
            ),
            "fft": (59700.0, 0.37, 0.737, 0.6, 1.75, 3.04),
            "toeplitz": (54700.0, 0.0253, 0.0117, 0.0294, 2.48, 1.94, 0.375, 1.04, 1.93, 2.69),
        },
        "complex64": {
            "direct": (
                74100.0,
                2.4,
                0.0,
                0.763,
                9.05,
                0.958,
                1.46,
                2.25,
                23.2,
                0.485,
                7.95,
                0.0473,
                54.8,
                2.06,
                5.12,
                0.652,
                7.82,
                4.23,
            ),
            "fft": (42900.0, 0.382, 0.415, 1.46, 1.19, 5.28),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (49100.0, 0.13, 0.168, 0.189, 4.65, 6.93, 2.11, 2.82, 5.12, 5.78),
        },
        "float32": {
            "direct": (
                54400.0,
                1.15,
                0.0,
                2.53,
                5.59,
                1.81,
                46.5,
                0.188,
                16.4,
                0.178,
                2.88,
                0.026,
                0.0,
                0.551,
                21.1,
                0.172,
                5.77,
                0.0,
            ),
            "fft": (56400.0, 0.423, 0.809, 0.0, 1.21, 2.0),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (48500.0, 0.0259, 0.0263, 0.0279, 1.95, 1.6, 0.612, 0.954, 2.01, 2.84),
        },
        "float64": {
            "direct": (
                39600.0,
                0.36,
                1.3,
                0.859,
                1.44,
                0.439,
                1.67,
                0.773,
                13.4,
                0.183,
                4.22,
                0.895,
                0.0,
                0.496,
                3.03,
                0.634,
                4.82,
                2.08,
            ),
            "fft": (54100.0, 0.742, 1.08, 0.0, 3.45, 5.67),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (47000.0, 0.0626, 0.0774, 0.0562, 3.42, 9.47, 0.909, 3.25, 2.38, 4.32),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (70300.0, 0.0, 0.944, 0.281, 0.846),
            "shift": (
                28800.0,
                0.889,
                0.014,
                0.0369,
                0.0995,
                0.0229,
                0.207,
                63.0,
                4.89,
                0.0786,
                0.0226,
                0.047,
                0.0488,
                0.252,
                8.39,
            ),
        },
        "complex64": {
            "overlap": (59700.0, 0.0534, 1.04, 0.624, 1.27),
            "shift": (
                22700.0,
                0.822,
                0.0599,
                0.0778,
                1.0,
                0.168,
                0.43,
                105.0,
                4.93,
                0.395,
                1.0,
                0.118,
                1.0,
                0.37,
                45.2,
            ),
        },
        "float32": {
            "overlap": (56400.0, 0.000441, 1.05, 0.286, 0.958),
            "shift": (
                24900.0,
                0.773,
                0.0144,
                0.0321,
                0.0574,
                0.0279,
                0.129,
                34.1,
                3.6,
                0.416,
                0.0254,
                0.0531,
                0.0416,
                0.136,
                5.51,
            ),
        },
        "float64": {
            "overlap": (62300.0, 0.0125, 1.98, 0.434, 1.26),
            "shift": (
                27700.0,
                0.756,
                0.0278,
                0.0627,
                0.17,
                0.0446,
                0.456,
                38.6,
                3.97,
                0.396,
                0.0328,
                0.0762,
                0.0899,
                0.544,
                11.7,
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
    "fft": (3e4, 1e-4, 1e-4, 4e-3, 2e-4, 4e-3),
    "overlap": (4e4, 1e-4, 1e-4, 6e-3, 2e-4, 4e-3),
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
