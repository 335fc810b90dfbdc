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
MEASURED: dict[str, dict[str, Prices]] = {'cpu': {'bfloat16': {'direct': (71700.0, 1.19, 0.802, 1.02, 1.52, 1.85, 32.9, 0.411, 24.2,
                                 0.198, 1.88, 0.0116, 31.6, 1.13, 9.19, 0.209, 3.57, 0.0),
                      'fft': (59700.0, 0.37, 0.737, 0.6, 1.75, 3.04),
                      'toeplitz': (54700.0, 0.0253, 0.0117, 0.0294, 2.48, 1.94, 0.375, 1.04,
                                   1.93, 2.69)},
         'complex64': {'direct': (74100.0, 2.4, 0.0, 0.763, 9.05, 0.958, 1.46, 2.25, 23.2,
                                  0.485, 7.95, 0.0473, 54.8, 2.06, 5.12, 0.652, 7.82, 4.23),
                       'fft': (42900.0, 0.382, 0.415, 1.46, 1.19, 5.28),
                       'overlap': (49300.0, 0.246, 0.393, 2.54, 0.477, 2.44),
                       'shift': (20000.0, 25000.0, 0.112, 3.71, 0.356, 0.544, 0.4),
                       'toeplitz': (49100.0, 0.13, 0.168, 0.189, 4.65, 6.93, 2.11, 2.82, 5.12,
                                    5.78)},
         'float32': {'direct': (52700.0, 1.12, 0.491, 2.31, 5.72, 1.66, 56.0, 0.208, 15.4, 0.16,
                                3.57, 0.0261, 0.0, 0.536, 18.3, 0.185, 5.87, 0.0),
                     'fft': (57000.0, 0.421, 0.791, 0.0, 1.32, 2.04),
                     'overlap': (76200.0, 0.146, 0.102, 1.97, 0.374, 1.68),
                     'shift': (20000.0, 25000.0, 0.0235, 2.59, 0.195, 0.0316, 0.1),
                     'toeplitz': (47800.0, 0.0267, 0.0213, 0.0275, 2.15, 1.78, 0.621, 0.96, 2.0,
                                  3.08)},
         'float64': {'direct': (42800.0, 0.352, 1.48, 0.853, 1.47, 0.486, 1.34, 0.801, 12.9,
                                0.246, 3.74, 0.895, 0.0, 0.477, 3.2, 0.614, 4.21, 1.89),
                     'fft': (54400.0, 0.744, 1.09, 0.0, 3.47, 5.53),
                     'overlap': (44600.0, 0.296, 0.444, 3.76, 0.792, 3.28),
                     'shift': (20000.0, 25000.0, 0.0472, 2.89, 0.467, 0.371, 0.2),
                     'toeplitz': (46600.0, 0.0632, 0.0574, 0.0589, 4.01, 9.27, 1.24, 3.0, 2.8,
                                  4.37)}},
 'cpu compiled': {'bfloat16': {'overlap': (70300.0, 0.0, 0.944, 0.281, 0.846),
                               'shift': (28600.0, 0.905, 0.0142, 0.0422, 0.0997, 0.0292, 0.179,
                                         78.8, 4.18, 0.0226, 0.047, 0.0488, 0.251, 8.38)},
                  'complex64': {'overlap': (59700.0, 0.0534, 1.04, 0.624, 1.27),
                                'shift': (22300.0, 0.847, 0.0638, 0.0913, 1.0, 0.18, 0.331,
                                          135.0, 3.56, 1.0, 0.118, 1.0, 0.369, 45.1)},
                  'float32': {'overlap': (63600.0, 0.00525, 0.922, 0.324, 1.12),
                              'shift': (26900.0, 0.703, 0.0147, 0.0405, 0.0635, 0.0349, 0.0428,
                                        44.6, 3.57, 0.0261, 0.05, 0.0409, 0.149, 4.61)},
                  'float64': {'overlap': (75600.0, 0.0497, 1.66, 0.564, 1.11),
                              'shift': (34300.0, 0.831, 0.0318, 0.0787, 0.164, 0.0598, 0.391,
                                        59.0, 4.47, 0.0354, 0.0779, 0.089, 0.606, 5.51)}}}
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
