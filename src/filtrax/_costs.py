"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones come from two cores of an
AMD EPYC with AVX2 (32 KiB and 512 KiB of cache a core) with JAX 0.10.2; those of XLA's form of
`shift` and `overlap` from an older machine, or guessed. Of the compiled form a call of `overlap`
and products in runs of taps were set so that they judge well there and on a newer EPYC with
AVX-512. What was not measured of a dtype costs what it does in float32, float64 or
complex64; a platform that has not been measured uses a guess in the same form, in which only the
ratios matter.
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
                71400.0,
                2.46,
                0.0,
                0.746,
                4.85,
                0.82,
                1.18,
                3.02,
                15.7,
                0.502,
                8.35,
                0.0538,
                28.3,
                2.16,
                5.77,
                0.828,
                5.37,
                3.59,
            ),
            "fft": (36200.0, 0.367, 0.314, 1.49, 0.0, 1.41, 5.67),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (36300.0, 0.115, 0.128, 0.16, 4.91, 9.79, 0.0, 4.85, 4.07, 3060.0, 6.2),
        },
        "float32": {
            "direct": (
                57000.0,
                1.15,
                0.0,
                1.91,
                4.82,
                0.905,
                98.4,
                0.328,
                1.55,
                0.159,
                3.07,
                0.0186,
                15.6,
                0.423,
                27.9,
                0.236,
                4.04,
                0.0,
            ),
            "fft": (51000.0, 0.228, 0.725, 1.39, 3.07, 1.23, 4.03),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.5, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (
                38100.0,
                0.0232,
                0.0212,
                0.0359,
                1.81,
                1.83,
                0.277,
                1.28,
                2.73,
                6340.0,
                4.48,
            ),
        },
        "float64": {
            "direct": (
                34200.0,
                0.411,
                1.03,
                0.718,
                2.15,
                0.377,
                1.68,
                0.319,
                26.8,
                0.178,
                3.11,
                1.0,
                1.0,
                0.464,
                2.14,
                0.606,
                6.36,
                1.45,
            ),
            "fft": (47600.0, 0.51, 0.997, 0.0, 2.97, 4.37, 6.43),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.5, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (
                34500.0,
                0.0492,
                0.00611,
                0.0367,
                4.66,
                9.72,
                1.52,
                2.11,
                2.57,
                4630.0,
                6.18,
            ),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (45000.0, 0.0215, 0.806, 0.27, 1.71),
            "shift": (
                24000.0,
                0.013,
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
                0.0042,
                0.008,
                0.25,
                0.0055,
                0.5,
            ),
        },
        "complex64": {
            "overlap": (45000.0, 0.0527, 1.17, 0.424, 5.35),
            "shift": (
                20600.0,
                0.013,
                0.042,
                0.0676,
                0.126,
                0.547,
                70.7,
                4.83,
                0.464,
                1.0,
                0.103,
                1.0,
                34.7,
                0.347,
                37.5,
                0.0,
                0.0,
                0.0,
                0.0,
                0.0,
            ),
        },
        "float32": {
            "overlap": (45000.0, 0.0127, 0.838, 0.281, 1.03),
            "shift": (
                31000.0,
                0.00822,
                0.014,
                0.0315,
                0.0368,
                0.109,
                44.5,
                1.99,
                0.469,
                0.0138,
                0.0314,
                0.0474,
                51.1,
                0.0936,
                5.48,
                0.0042,
                0.008,
                0.1,
                0.0055,
                0.5,
            ),
        },
        "float64": {
            "overlap": (45000.0, 0.0482, 1.71, 0.386, 1.01),
            "shift": (
                35100.0,
                0.0068,
                0.0332,
                0.0586,
                0.0912,
                0.496,
                43.9,
                3.55,
                0.499,
                0.0306,
                0.064,
                0.0934,
                36.5,
                0.44,
                10.6,
                0.0084,
                0.016,
                0.2,
                0.011,
                0.6,
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
