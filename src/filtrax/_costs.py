"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones come from two cores of
an Intel Xeon with JAX 0.10.2. A platform that has
not been measured uses a guess in the same form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "float32": {
            "direct": (65300.0, 0.192, 0.6, 2.27, 0.0787, 0.503, 0.0206, 1.77, 0.0),
            "fft": (46700.0, 0.154, 0.414, 0.184, 0.708, 0.915),
            "overlap": (44300.0, 0.15, 0.644, 1.16, 0.0973, 1.33),
            "shift": (35000.0, 0.0283, 6.27, 0.201, 0.0452, 0.181),
            "toeplitz": (45200.0, 0.00707, 0.0154, 1.46, 0.826, 0.555, 1.5, 1.47),
        },
    },
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
