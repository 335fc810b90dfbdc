"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one count of the engine's ``work``. The present ones
were set by hand from timings on two cores of an Intel Xeon with JAX 0.10.2;
``python -m benchmarks.calibrate`` fits and writes them for another machine. A platform that has
not been measured uses a guess in the same form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "float32": {
            "direct": (3e4, 0.28, 5.0, 0.065, 0.4, 0.09, 2.5),
            "fold": (0.5,),
            "fft": (3.5e4, 0.15, 0.4, 0.0, 0.5),
            "overlap": (3.5e4, 0.096, 0.16, 1.8, 0.1),
            "shift": (3e3, 0.02, 1.0, 0.5, 0.1, 1.2),
            "toeplitz": (3e4, 0.007, 0.05, 4.0, 0.6, 0.6, 4.0),
        }
    }
}
# end calibrated

# Wide and deep: products are cheap, samples moved are what counts, every call costs a launch.
_ACCELERATOR: Prices = {
    "direct": (1e4, 1e-4, 2e-3, 1e-4, 2e-3, 1e-4, 2e-3),
    "shift": (5e3, 1e-4, 1e-3, 2e-3, 2e-3, 4e-3),
    "toeplitz": (1e4, 5e-5, 5e-5, 4e-3, 4e-3, 4e-3, 4e-3),
    "fold": (4e-3,),
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
