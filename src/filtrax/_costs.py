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
                61000.0,
                1.09,
                2.86,
                1.14,
                4.15,
                1.48,
                40.9,
                0.407,
                22.1,
                0.204,
                1.53,
                0.00959,
                41.3,
                1.21,
                10.0,
                0.27,
                3.36,
                0.0,
            ),
            "fft": (44700.0, 0.054, 0.56, 3.44, 3.24, 2.35, 3.3),
            "toeplitz": (45300.0, 0.0241, 0.0, 0.0265, 2.26, 2.21, 0.343, 1.08, 2.17, 5710.0, 5.3),
        },
        "complex64": {
            "direct": (
                71600.0,
                2.37,
                0.0,
                0.774,
                4.94,
                0.768,
                1.35,
                2.79,
                17.7,
                0.487,
                8.78,
                0.0538,
                28.3,
                2.16,
                5.33,
                0.833,
                5.96,
                4.03,
            ),
            "fft": (36400.0, 0.378, 0.314, 1.29, 0.00217, 1.42, 5.75),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (35900.0, 0.115, 0.131, 0.15, 5.02, 9.47, 0.0, 4.91, 4.17, 3010.0, 6.13),
        },
        "float32": {
            "direct": (
                54100.0,
                1.11,
                0.0,
                1.88,
                4.72,
                1.31,
                83.7,
                0.248,
                5.16,
                0.152,
                3.37,
                0.0186,
                15.6,
                0.476,
                21.1,
                0.25,
                4.16,
                0.0,
            ),
            "fft": (49800.0, 0.208, 0.706, 1.65, 3.14, 1.23, 4.09),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.5, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (
                38200.0,
                0.0221,
                0.0234,
                0.0336,
                1.8,
                1.72,
                0.298,
                1.27,
                2.69,
                5540.0,
                4.79,
            ),
        },
        "float64": {
            "direct": (
                34000.0,
                0.395,
                1.22,
                0.726,
                2.11,
                0.379,
                1.7,
                0.315,
                27.4,
                0.16,
                3.77,
                1.0,
                1.0,
                0.47,
                1.75,
                0.522,
                7.48,
                1.58,
            ),
            "fft": (47800.0, 0.508, 1.0, 0.0, 2.81, 4.34, 6.48),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.5, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (
                33300.0,
                0.0458,
                0.000557,
                0.0341,
                4.93,
                10.3,
                1.79,
                2.2,
                2.78,
                4130.0,
                5.81,
            ),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (65300.0, 0.0215, 0.806, 0.27, 1.71),
            "shift": (
                24000.0,
                0.835,
                0.0174,
                0.0333,
                0.039,
                0.176,
                60.9,
                1.48,
                0.0855,
                0.0159,
                0.0358,
                0.0537,
                50.7,
                0.216,
                7.38,
            ),
        },
        "complex64": {
            "overlap": (52200.0, 0.0523, 1.17, 0.417, 5.33),
            "shift": (
                18900.0,
                0.891,
                0.066,
                0.0802,
                0.139,
                0.378,
                49.8,
                4.75,
                1.0,
                1.0,
                0.1,
                1.0,
                33.6,
                0.15,
                28.9,
            ),
        },
        "float32": {
            "overlap": (61500.0, 0.0139, 0.823, 0.274, 1.03),
            "shift": (
                28800.0,
                0.397,
                0.0153,
                0.0354,
                0.0306,
                0.124,
                42.6,
                3.15,
                0.0,
                0.0154,
                0.0302,
                0.0377,
                47.3,
                0.0915,
                7.27,
            ),
        },
        "float64": {
            "overlap": (62300.0, 0.0534, 1.63, 0.371, 1.06),
            "shift": (
                25100.0,
                0.669,
                0.0317,
                0.0617,
                0.0836,
                0.442,
                34.6,
                5.28,
                1.0,
                0.0299,
                0.0602,
                0.0964,
                19.2,
                0.379,
                5.26,
            ),
        },
    },
}
# end calibrated

# Wide and deep: products are cheap, samples moved are what counts, every call costs a launch.
_ACCELERATOR: Prices = {
    "direct": (1e4, *(1e-4, 2e-3) * 8, 4e-3),
    "shift": (5e3, 0.0, 1e-4, 1e-3, 2e-3, 2e-3, 1e-4),
    "toeplitz": (1e4, 5e-5, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 5e3),
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
