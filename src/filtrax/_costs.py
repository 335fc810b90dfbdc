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
                93300.0,
                1.71,
                85.3,
                0.694,
                5.35,
                0.241,
                3.94,
                0.227,
                4.69,
                0.295,
                4.99,
                0.043,
                12.4,
                0.283,
                2.72,
                1.61,
                4.15,
                1.81,
            ),
            "fft": (47500.0, 0.372, 0.565, 0.0, 2.46, 4.68),
            "overlap": (43000.0, 0.244, 0.803, 3.57, 0.379, 3.93),
            "shift": (41800.0, 0.125, 5.11, 0.435, 0.65, 0.607, 0.0115),
            "toeplitz": (40100.0, 0.077, 0.116, 0.129, 4.06, 2.34, 1.08, 4.06, 3.35, 5.06),
        },
        "float32": {
            "direct": (
                58100.0,
                0.16,
                20.3,
                0.593,
                8.69,
                0.73,
                13.6,
                0.0685,
                0.415,
                0.0843,
                1.16,
                0.0165,
                3.27,
                0.603,
                12.3,
                0.137,
                5.44,
                0.0,
            ),
            "fft": (40700.0, 0.176, 0.385, 0.0, 0.893, 1.58),
            "overlap": (38300.0, 0.0963, 0.576, 1.73, 0.137, 1.19),
            "shift": (41700.0, 0.0269, 1.49, 0.216, 0.0402, 0.214, 0.00532),
            "toeplitz": (45200.0, 0.0108, 0.0153, 0.0206, 1.43, 0.663, 0.766, 0.453, 0.954, 1.91),
        },
        "float64": {
            "direct": (
                43400.0,
                0.0982,
                1.1,
                2.78,
                0.588,
                0.0997,
                2.56,
                0.158,
                1.12,
                0.264,
                1.99,
                0.55,
                1.89,
                0.155,
                1.63,
                0.148,
                4.86,
                1.03,
            ),
            "fft": (48200.0, 0.323, 0.623, 0.0, 1.61, 2.48),
            "overlap": (39200.0, 0.195, 1.16, 3.01, 0.379, 2.86),
            "shift": (49100.0, 0.0514, 3.19, 0.466, 0.634, 0.457, 0.00731),
            "toeplitz": (50500.0, 0.0228, 0.0352, 0.0551, 3.52, 0.522, 0.241, 2.65, 1.71, 3.33),
        },
    }
}
# end calibrated

# Wide and deep: products are cheap, samples moved are what counts, every call costs a launch.
_ACCELERATOR: Prices = {
    "direct": (1e4, *(1e-4, 2e-3) * 8, 4e-3),
    "shift": (5e3, 1e-4, 1e-3, 2e-3, 2e-3, 4e-3, 0.0),
    "toeplitz": (1e4, 5e-5, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3),
    "fft": (3e4, 1e-4, 1e-4, 4e-3, 2e-4, 4e-3),
    "overlap": (4e4, 1e-4, 1e-4, 6e-3, 2e-4, 4e-3),
}


def prices_for(platform: str, dtype: Any) -> Prices:
    """The prices of a platform for the arithmetic that a dtype is computed in."""
    if platform not in MEASURED:
        return _ACCELERATOR
    table = MEASURED[platform]
    name = jnp.dtype(dtype).name
    # Half precision is summed in float32, and integers run at its speed.
    return table.get(name) or table["complex64" if name.startswith("complex") else "float32"]
