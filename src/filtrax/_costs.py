"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones come from two cores of an
Intel Xeon with JAX 0.10.2. A platform that has not been measured uses a guess in the same form, in
which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {'cpu': {'complex64': {'direct': (131000.0,
                                  1.8,
                                  77.8,
                                  2.48,
                                  15.4,
                                  0.343,
                                  3.91,
                                  0.259,
                                  4.41,
                                  0.175,
                                  6.22,
                                  0.0517,
                                  5.24,
                                  0.195,
                                  5.48,
                                  2.27,
                                  4.58,
                                  2.21),
                       'fft': (30700.0, 0.406, 0.712, 0.0, 1.46, 7.27),
                       'overlap': (38700.0, 0.394, 1.04, 2.65, 0.407, 5.49),
                       'shift': (68500.0, 0.148, 25.6, 0.339, 1.62, 0.433, 0.0312),
                       'toeplitz': (12200.0,
                                    0.0624,
                                    0.0912,
                                    0.172,
                                    3.27,
                                    2.67,
                                    1.47,
                                    8.96,
                                    6.01,
                                    9.65)},
         'float32': {'direct': (32600.0,
                                0.0664,
                                52.8,
                                0.485,
                                16.4,
                                0.763,
                                15.6,
                                0.128,
                                0.0172,
                                0.071,
                                1.75,
                                0.0102,
                                5.93,
                                0.778,
                                11.2,
                                0.692,
                                3.97,
                                0.0),
                     'fft': (16100.0, 0.158, 0.468, 0.0106, 0.83, 1.95),
                     'overlap': (24400.0, 0.0779, 1.62, 2.06, 0.117, 2.37),
                     'shift': (38500.0, 0.0217, 4.99, 0.246, 0.186, 0.228, 0.00734),
                     'toeplitz': (25000.0,
                                  0.00938,
                                  0.0248,
                                  0.0345,
                                  1.08,
                                  1.15,
                                  0.634,
                                  1.43,
                                  2.15,
                                  2.75)},
         'float64': {'direct': (33300.0,
                                0.167,
                                1.92,
                                3.15,
                                0.522,
                                0.0874,
                                2.88,
                                0.235,
                                0.226,
                                0.24,
                                2.77,
                                0.665,
                                6.98,
                                0.117,
                                2.53,
                                0.172,
                                2.61,
                                1.2),
                     'fft': (65300.0, 0.328, 0.654, 0.0, 1.0, 3.47),
                     'overlap': (39000.0, 0.264, 1.48, 2.49, 0.212, 5.1),
                     'shift': (45900.0, 0.0369, 18.5, 0.593, 0.294, 0.495, 0.0219),
                     'toeplitz': (39400.0,
                                  0.0285,
                                  0.0226,
                                  0.0986,
                                  3.13,
                                  1.38,
                                  0.319,
                                  2.54,
                                  1.75,
                                  4.33)}}}
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
