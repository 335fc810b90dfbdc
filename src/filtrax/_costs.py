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
                1.41,
                39.6,
                0.407,
                22.1,
                0.204,
                1.53,
                0.00959,
                41.3,
                1.2,
                11.9,
                0.27,
                3.36,
                0.0,
            ),
            "fft": (45700.0, 0.0856, 0.586, 2.96, 3.21, 2.42, 3.47),
            "toeplitz": (44900.0, 0.0244, 0.0, 0.0226, 2.28, 3.05, 0.346, 1.07, 2.19, 5690.0, 5.3),
        },
        "complex64": {
            "direct": (
                70800.0,
                2.47,
                0.0,
                0.746,
                4.85,
                0.761,
                2.83,
                3.02,
                15.9,
                0.506,
                8.71,
                0.0538,
                28.3,
                2.2,
                6.67,
                0.829,
                5.38,
                2.66,
            ),
            "fft": (36200.0, 0.363, 0.313, 1.5, 0.0394, 1.42, 5.71),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (36300.0, 0.114, 0.133, 0.16, 4.86, 9.75, 0.0, 4.88, 4.12, 3050.0, 6.08),
        },
        "float32": {
            "direct": (
                56500.0,
                1.16,
                0.0,
                1.92,
                4.82,
                1.68,
                51.2,
                0.328,
                1.65,
                0.159,
                3.1,
                0.0186,
                15.6,
                0.684,
                19.3,
                0.237,
                4.04,
                0.0,
            ),
            "fft": (51500.0, 0.233, 0.722, 1.37, 3.01, 1.21, 4.01),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.5, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (
                38200.0,
                0.0233,
                0.0239,
                0.0382,
                1.76,
                1.86,
                0.273,
                1.25,
                2.76,
                6300.0,
                4.41,
            ),
        },
        "float64": {
            "direct": (
                34300.0,
                0.411,
                1.03,
                0.718,
                2.15,
                0.379,
                2.2,
                0.319,
                26.7,
                0.18,
                3.13,
                1.0,
                1.0,
                0.479,
                2.73,
                0.605,
                6.35,
                1.33,
            ),
            "fft": (47600.0, 0.526, 0.998, 0.0, 2.79, 4.3, 6.32),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.5, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (34400.0, 0.0484, 0.0276, 0.04, 4.38, 9.44, 1.69, 2.1, 2.87, 4530.0, 5.88),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (66300.0, 0.0224, 0.804, 0.269, 1.7),
            "shift": (
                23900.0,
                0.85,
                0.0174,
                0.0336,
                0.0392,
                0.171,
                60.6,
                5.23,
                0.0838,
                0.0154,
                0.0354,
                0.0546,
                51.4,
                0.205,
                7.23,
            ),
        },
        "complex64": {
            "overlap": (51700.0, 0.0491, 1.21, 0.423, 5.32),
            "shift": (
                20500.0,
                0.834,
                0.0644,
                0.0644,
                0.125,
                0.566,
                77.6,
                6.63,
                0.479,
                1.0,
                0.104,
                1.0,
                34.4,
                0.346,
                31.6,
            ),
        },
        "float32": {
            "overlap": (63800.0, 0.0123, 0.873, 0.274, 0.977),
            "shift": (
                27100.0,
                0.66,
                0.0165,
                0.0316,
                0.037,
                0.103,
                44.0,
                4.1,
                0.467,
                0.0171,
                0.0319,
                0.0479,
                49.9,
                0.0942,
                5.15,
            ),
        },
        "float64": {
            "overlap": (64400.0, 0.0474, 1.77, 0.378, 0.937),
            "shift": (
                34700.0,
                0.482,
                0.0337,
                0.0588,
                0.0912,
                0.495,
                43.1,
                6.41,
                0.491,
                0.03,
                0.064,
                0.0948,
                35.5,
                0.448,
                9.37,
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
