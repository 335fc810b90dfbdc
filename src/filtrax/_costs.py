"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones come from two cores of an
AMD EPYC with AVX-512 (48 KiB and 1 MiB of cache a core) with JAX 0.10.2; those of XLA's form of
`shift` and `overlap` from an older machine, or guessed; a few were set by hand from single times:
of banks (`shift` in all dtypes, `direct` in bfloat16), and of `direct` along three axes in float32
and float64. Those of the compiled `overlap` in small blocks were fitted by themselves, to layers.
What was not measured of a dtype costs what it does in float32, float64 or complex64; a platform
that has not been measured uses a guess in the same form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

from filtrax import _native

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "bfloat16": {
            "direct": (
                63300.0,
                0.196,
                0.944,
                0.273,
                2.43,
                0.761,
                14.3,
                0.127,
                4.44,
                0.0672,
                0.467,
                0.0025,
                3.8,
                0.388,
                4.3,
                0.00693,
                2.05,
                16.4,
                0.0554,
                2.29,
                0.0203,
                0.151,
            ),
            "fft": (53300.0, 0.0765, 0.24, 0.561, 0.968, 0.288, 1.37),
            "toeplitz": (
                50200.0,
                0.00356,
                0.00764,
                0.00961,
                0.291,
                0.46,
                0.347,
                0.448,
                0.738,
                7330.0,
                1.72,
            ),
        },
        "complex64": {
            "direct": (
                71000.0,
                0.76,
                0.066,
                0.349,
                1.72,
                0.326,
                1.49,
                0.343,
                0.0,
                0.135,
                2.52,
                0.0012,
                5.84,
                0.0779,
                3.17,
                0.0226,
                5.5,
                26.7,
                0.00538,
                1.08,
                0.356,
                2.37,
            ),
            "fft": (41600.0, 0.0881, 0.119, 1.08, 0.554, 0.161, 1.35),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.5, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (
                55400.0,
                0.0318,
                0.0674,
                0.0795,
                0.367,
                1.55,
                1.37,
                1.66,
                0.983,
                6220.0,
                3.46,
            ),
        },
        "float32": {
            "direct": (
                35400.0,
                0.157,
                0.0,
                0.251,
                2.48,
                0.59,
                12.1,
                0.067,
                0.0,
                0.0532,
                0.576,
                0.0025,
                2.36,
                0.137,
                4.83,
                0.00611,
                2.25,
                7.0,
                0.1,
                1.7,
                0.1,
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
                0.273,
                0.0,
                0.0807,
                0.848,
                0.0324,
                2.37,
                0.0,
                0.25,
                0.0,
                0.5,
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
            "overlap": (
                14900.0,
                0.0131,
                0.214,
                0.077,
                0.242,
                0.00374,
                0.0558,
                0.0859,
                0.0546,
                0.0846,
            ),
            "shift": (
                8480.0,
                0.00128,
                0.00511,
                0.00348,
                0.00823,
                0.0931,
                3.96,
                2.16,
                0.0784,
                0.00613,
                0.0112,
                0.0129,
                29.4,
                0.061,
                0.242,
                0.00419,
                0.00751,
                0.08,
                0.00177,
                0.586,
            ),
        },
        "complex64": {
            "overlap": (11400.0, 0.0172, 0.547, 0.121, 0.156, 1.0, 1.0, 1.0, 1.0, 1.0),
            "shift": (
                6770.0,
                0.00629,
                0.0181,
                0.0416,
                0.0299,
                0.0423,
                16.8,
                4.06,
                1.0,
                1.0,
                0.0328,
                0.0133,
                19.1,
                0.118,
                4.88,
                0.00411,
                0.00232,
                0.282,
                0.00303,
                0.187,
            ),
        },
        "float32": {
            "overlap": (
                10700.0,
                0.00737,
                0.282,
                0.0504,
                0.0355,
                0.00405,
                0.0423,
                0.0719,
                0.0418,
                0.124,
            ),
            "shift": (
                6240.0,
                0.0027,
                0.00471,
                0.00914,
                0.00654,
                0.0499,
                10.9,
                0.507,
                1.0,
                0.0063,
                0.00869,
                0.00695,
                23.2,
                0.0522,
                0.881,
                0.0034,
                0.0083,
                0.101,
                0.00255,
                0.515,
            ),
        },
        "float64": {
            "overlap": (10200.0, 0.021, 0.295, 0.112, 0.0878, 0.00828, 0.0885, 0.12, 0.0861, 0.192),
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
                0.0032,
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
    "direct": (1e4, *(1e-4, 2e-3) * 10, 4e-3),
    "shift": (5e3, 0.0, 1e-4, 1e-3, 2e-3, 2e-3, 1e-4),
    "toeplitz": (1e4, 5e-5, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 5e3),
    "fft": (3e4, 1e-4, 1e-4, 4e-3, 4e-3, 2e-4, 4e-3),
    "overlap": (4e4, 1e-4, 1e-4, 6e-3, 4e-3, 2e-4, 4e-3),
}


def table_of(platform: str, compiled: bool = False) -> str:
    """The name of the prices of this machine: CPUs that multiply short vectors have their own."""
    name = f"{platform} compiled" if compiled else platform
    return f"{name} narrow" if platform == "cpu" and _native.are_vectors_narrow() else name


def prices_for(platform: str, dtype: Any, compiled: bool = False) -> Prices:
    """The prices of a platform, or of kernels compiled for it, for the arithmetic of a dtype."""
    own = table_of(platform, compiled)
    if own not in MEASURED and platform not in MEASURED:
        return _ACCELERATOR
    name = jnp.dtype(dtype).name
    # Half precision is summed in float32, and integers run at the speed of numbers as wide.
    kind = "complex64" if name.startswith("complex") else "float64" if "64" in name else "float32"
    prices: Prices = {}
    # What was not measured of short vectors costs what it does of long ones.
    for table in (MEASURED.get(own.removesuffix(" narrow"), {}), MEASURED.get(own, {})):
        prices |= {**table.get(kind, {}), **table.get(name, {})}
    return prices
