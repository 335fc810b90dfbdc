"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones (float32, float64 and
complex64) come from two cores of an Intel Xeon with AVX-512 (family 6, model 167; 48 KiB and 2 MiB
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
                116000.0,
                0.797,
                70.2,
                0.586,
                4.88,
                0.235,
                3.74,
                0.242,
                4.09,
                0.265,
                3.61,
                0.0465,
                10.2,
                0.273,
                2.14,
                0.355,
                9.0,
                1.8,
            ),
            "fft": (52600.0, 0.324, 0.529, 0.0, 2.6, 2.89),
            "overlap": (49300.0, 0.246, 0.393, 2.54, 0.477, 2.44),
            "shift": (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
            "toeplitz": (78000.0, 0.0728, 0.122, 0.133, 2.73, 1.42, 1.55, 3.19, 2.94, 4.59),
        },
        "float32": {
            "direct": (
                101000.0,
                0.127,
                18.0,
                0.51,
                4.35,
                0.844,
                14.2,
                0.0807,
                0.334,
                0.0802,
                0.915,
                0.0162,
                1.81,
                0.616,
                10.1,
                0.154,
                2.01,
                0.0,
            ),
            "fft": (73200.0, 0.161, 0.264, 1.5, 1.19, 1.55),
            "overlap": (76200.0, 0.146, 0.102, 1.97, 0.374, 1.68),
            "shift": (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
            "toeplitz": (86800.0, 0.00802, 0.0137, 0.0204, 1.19, 0.632, 0.842, 0.389, 1.14, 2.92),
        },
        "float64": {
            "direct": (
                51800.0,
                0.0908,
                0.988,
                1.13,
                1.59,
                0.107,
                2.35,
                0.2,
                0.522,
                0.231,
                1.86,
                0.46,
                1.66,
                0.165,
                1.54,
                0.137,
                5.32,
                1.06,
            ),
            "fft": (49600.0, 0.365, 0.477, 1.98, 2.55, 3.52),
            "overlap": (44600.0, 0.296, 0.444, 3.76, 0.792, 3.28),
            "shift": (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
            "toeplitz": (68500.0, 0.0206, 0.0358, 0.0492, 2.73, 0.551, 0.887, 1.11, 1.59, 5.16),
        },
    }
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


# Of kernels compiled for CPUs, for float32, and how many times dearer other numbers are. Measured
# by hand on two cores of an AMD EPYC (Zen 3, AVX2).
_COMPILED: Prices = {
    "shift": (4e3, 0.024, 0.2, 0.03, 0.1, 0.06),
    "overlap": (8e3, 0.066, 0.1, 0.15),
}
_DEARER = {"float64": 2.1, "complex64": 2.2, "complex128": 4.6, "int64": 8.0, "uint64": 8.0}
#: A complex product is four real ones.
_COMPLEX_PRODUCTS = 2.5


def _compiled_prices(dtype: Any) -> Prices:
    name = jnp.dtype(dtype).name
    factor = _DEARER.get(name, 1.0)
    products = factor * (_COMPLEX_PRODUCTS if name.startswith("complex") else 1.0)
    call, *shift = _COMPILED["shift"]
    first, *overlap = _COMPILED["overlap"]
    return {
        "shift": (call, *(products * price for price in shift)),
        "overlap": (first, *(factor * price for price in overlap)),
    }


def prices_for(platform: str, dtype: Any, compiled: bool = False) -> Prices:
    """The prices of a platform for the arithmetic that a dtype is computed in."""
    if compiled:
        return _compiled_prices(dtype)
    if platform not in MEASURED:
        return _ACCELERATOR
    table = MEASURED[platform]
    name = jnp.dtype(dtype).name
    # Half precision is summed in float32, and integers run at its speed.
    return table.get(name) or table["complex64" if name.startswith("complex") else "float32"]
