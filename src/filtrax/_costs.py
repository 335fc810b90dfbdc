"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data, written by ``python -m benchmarks.calibrate``; each column belongs to one
count of the engine's ``work``. A platform that has not been measured uses a guess in the same
form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "float32": {
            "direct": (3000.0, 0.4, 5.0, 0.0),
            "shift": (500.0, 0.02, 0.3, 0.15),
            "toeplitz": (5000.0, 0.013, 0.04, 0.6, 0.5, 1.0),
            "fft": (5000.0, 0.1, 0.35, 0.5, 0.5),
            "overlap": (8000.0, 0.1, 0.35, 0.8, 0.5),
        }
    }
}
# end calibrated

# Wide and deep: products are cheap, samples moved are what counts, every call costs a launch.
_ACCELERATOR: Prices = {
    "direct": (1e4, 1e-4, 2e-3, 2e-3),
    "shift": (5e3, 1e-4, 2e-3, 2e-3),
    "toeplitz": (1e4, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3),
    "fft": (3e4, 1e-4, 1e-4, 4e-3, 2e-4),
    "overlap": (4e4, 1e-4, 1e-4, 6e-3, 2e-4),
}


def prices_for(platform: str, dtype: Any) -> Prices:
    """The prices of a platform for the arithmetic that a dtype is computed in."""
    if platform not in MEASURED:
        return _ACCELERATOR
    table = MEASURED[platform]
    name = jnp.dtype(dtype).name
    # Half precision and integers run at the speed of float32.
    return table.get(name, table["float32"])
