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
                44000.0,
                0.31,
                0.353,
                0.288,
                1.9,
                0.943,
                6.4,
                0.117,
                0.0,
                0.0552,
                0.474,
                0.00509,
                1.23,
                0.395,
                5.28,
                0.0114,
                1.94,
                0.0,
            ),
            "fft": (39700.0, 0.0697, 0.214, 0.388, 0.997, 0.61, 1.34),
            "toeplitz": (
                41800.0,
                0.00306,
                0.00561,
                0.00799,
                0.453,
                0.419,
                0.205,
                0.317,
                0.768,
                4160.0,
                1.63,
            ),
        },
        "complex64": {
            "direct": (
                82700.0,
                0.8,
                0.0606,
                0.359,
                1.28,
                0.131,
                0.128,
                0.521,
                0.61,
                0.0934,
                3.14,
                0.0237,
                2.37,
                0.0804,
                2.9,
                0.037,
                5.73,
                4.62,
            ),
            "fft": (30100.0, 0.0912, 0.118, 0.54, 0.575, 0.897, 4.87),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (
                45900.0,
                0.0284,
                0.0593,
                0.0562,
                1.33,
                2.76,
                1.87,
                1.51,
                1.44,
                6010.0,
                2.89,
            ),
        },
        "float32": {
            "direct": (
                42200.0,
                0.116,
                0.0,
                0.288,
                2.08,
                0.339,
                13.8,
                0.0624,
                0.0,
                0.052,
                0.94,
                0.00473,
                1.97,
                0.156,
                3.69,
                0.0113,
                1.78,
                0.0,
            ),
            "fft": (30200.0, 0.0505, 0.224, 0.602, 1.17, 0.608, 1.96),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.5, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (
                33800.0,
                0.00316,
                0.00699,
                0.00613,
                0.475,
                0.505,
                0.25,
                0.388,
                0.739,
                1790.0,
                1.83,
            ),
        },
        "float64": {
            "direct": (
                7400.0,
                0.0672,
                0.528,
                0.226,
                2.16,
                0.0798,
                1.09,
                0.0799,
                12.1,
                0.044,
                1.31,
                0.698,
                0.0,
                0.0807,
                0.848,
                0.0324,
                2.37,
                0.403,
            ),
            "fft": (29200.0, 0.145, 0.373, 0.0, 1.52, 1.32, 2.36),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.5, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (
                30900.0,
                0.00836,
                0.013,
                0.0134,
                1.24,
                0.351,
                0.334,
                0.571,
                0.886,
                2030.0,
                1.95,
            ),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (11300.0, 0.00705, 0.27, 0.07, 0.213),
            "shift": (
                6990.0,
                0.00145,
                0.00477,
                0.0101,
                0.00834,
                0.0489,
                11.6,
                1.85,
                0.0459,
                0.00517,
                0.0109,
                0.0108,
                18.2,
                0.091,
                0.0842,
                0.0025,
                0.0187,
                0.15,
                0.0,
                1.26,
            ),
        },
        "complex64": {
            "overlap": (10300.0, 0.0129, 0.507, 0.136, 0.425),
            "shift": (
                6820.0,
                0.00388,
                0.0185,
                0.0404,
                0.0286,
                0.0671,
                5.38,
                0.0,
                1.0,
                1.0,
                0.0333,
                1.0,
                14.9,
                0.103,
                13.1,
                1.0,
                1.0,
                1.0,
                1.0,
                1.0,
            ),
        },
        "float32": {
            "overlap": (11200.0, 0.00525, 0.268, 0.077, 0.0645),
            "shift": (
                6360.0,
                0.00166,
                0.00472,
                0.0113,
                0.00677,
                0.0436,
                11.6,
                0.557,
                1.0,
                0.00618,
                0.00782,
                0.00577,
                13.2,
                0.0979,
                0.735,
                0.00271,
                0.0162,
                0.156,
                0.0,
                1.48,
            ),
        },
        "float64": {
            "overlap": (10200.0, 0.021, 0.295, 0.112, 0.0878),
            "shift": (
                6920.0,
                0.00217,
                0.00933,
                0.032,
                0.0154,
                0.0798,
                7.72,
                0.035,
                1.0,
                0.0116,
                0.0203,
                0.0174,
                14.5,
                0.139,
                3.12,
                0.00504,
                0.0312,
                0.219,
                0.0,
                2.52,
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
