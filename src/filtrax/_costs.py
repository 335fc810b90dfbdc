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
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "float32": {
            "direct": (52900.0, 0.283, 0.472, 2.94, 0.0728, 0.597, 0.0186, 1.94, 0.0),
            "fft": (34400.0, 0.17, 0.39, 0.0696, 0.788, 1.65),
            "overlap": (33400.0, 0.117, 0.599, 1.45, 0.0888, 1.48),
            "shift": (41400.0, 0.0281, 6.12, 0.212, 0.0347, 0.214),
            "toeplitz": (35500.0, 0.0107, 0.0164, 1.45, 0.69, 0.585, 0.943, 1.93),
        }
    }
}
# end calibrated

# Wide and deep: products are cheap, samples moved are what counts, every call costs a launch.
_ACCELERATOR: Prices = {
    "direct": (1e4, 1e-4, 1e-4, 2e-3, 1e-4, 2e-3, 1e-4, 2e-3, 4e-3),
    "shift": (5e3, 1e-4, 1e-3, 2e-3, 2e-3, 4e-3),
    "toeplitz": (1e4, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3, 4e-3, 4e-3),
    "fft": (3e4, 1e-4, 1e-4, 4e-3, 2e-4, 4e-3),
    "overlap": (4e4, 1e-4, 1e-4, 6e-3, 2e-4, 4e-3),
}


def prices_for(platform: str, dtype: Any) -> Prices:
    """The prices of a platform for the arithmetic that a dtype is computed in."""
    if platform not in MEASURED:
        return _ACCELERATOR
    table = MEASURED[platform]
    name = jnp.dtype(dtype).name
    # Half precision and integers run at the speed of float32.
    return table.get(name, table["float32"])
