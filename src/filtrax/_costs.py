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
                70700.0,
                1.2,
                0.792,
                1.02,
                1.52,
                1.85,
                32.9,
                0.411,
                24.4,
                0.198,
                1.89,
                0.0116,
                31.6,
                1.13,
                9.23,
                0.208,
                3.58,
                0.0,
            ),
            "fft": (54300.0, 0.147, 0.666, 2.13, 2.44, 1.98, 3.39),
            "toeplitz": (54700.0, 0.0253, 0.0117, 0.0294, 2.48, 1.94, 0.375, 1.04, 1.93, 2.69),
        },
        "complex64": {
            "direct": (
                72600.0,
                2.42,
                0.0,
                0.764,
                9.05,
                0.966,
                1.47,
                2.25,
                23.6,
                0.483,
                8.22,
                0.0473,
                54.8,
                2.06,
                5.18,
                0.651,
                7.76,
                4.17,
            ),
            "fft": (42500.0, 0.351, 0.416, 1.44, 0.659, 1.31, 5.71),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (48800.0, 0.13, 0.169, 0.19, 4.6, 6.95, 2.13, 2.82, 5.14, 5.76),
        },
        "float32": {
            "direct": (
                55900.0,
                1.14,
                0.0,
                2.52,
                5.59,
                1.8,
                45.8,
                0.165,
                16.8,
                0.178,
                2.83,
                0.026,
                0.0,
                0.561,
                20.6,
                0.172,
                5.84,
                0.0,
            ),
            "fft": (51800.0, 0.224, 0.757, 1.22, 2.76, 1.53, 2.39),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.5, 0.374, 1.68),
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
            "fft": (52200.0, 0.625, 1.09, 0.0, 2.5, 3.94, 6.48),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.5, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (47000.0, 0.0626, 0.0774, 0.0562, 3.42, 9.47, 0.909, 3.25, 2.38, 4.32),
        },
    },
    "cpu compiled": {
        "bfloat16": {
            "overlap": (71300.0, 0.0268, 0.644, 0.295, 0.974),
            "shift": (
                28300.0,
                0.894,
                0.014,
                0.0372,
                0.0995,
                0.0225,
                0.205,
                64.7,
                4.89,
                0.0739,
                0.0226,
                0.047,
                0.0488,
                0.253,
                8.36,
            ),
        },
        "complex64": {
            "overlap": (59300.0, 0.0878, 0.722, 0.638, 1.36),
            "shift": (
                22500.0,
                0.826,
                0.06,
                0.078,
                1.0,
                0.169,
                0.425,
                109.0,
                4.81,
                0.457,
                1.0,
                0.118,
                1.0,
                0.371,
                44.4,
            ),
        },
        "float32": {
            "overlap": (57900.0, 0.0252, 0.761, 0.298, 1.09),
            "shift": (
                25100.0,
                0.771,
                0.0144,
                0.0321,
                0.0573,
                0.027,
                0.126,
                35.7,
                3.55,
                0.414,
                0.0254,
                0.0531,
                0.0416,
                0.136,
                5.52,
            ),
        },
        "float64": {
            "overlap": (64500.0, 0.0739, 1.28, 0.463, 1.57),
            "shift": (
                27600.0,
                0.753,
                0.0279,
                0.0628,
                0.17,
                0.0437,
                0.449,
                42.9,
                3.87,
                0.391,
                0.0328,
                0.0762,
                0.09,
                0.544,
                11.6,
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
