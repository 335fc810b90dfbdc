"""What a unit of each engine's work costs, in nanoseconds, by platform and dtype.

The tables are data; each column belongs to one of the counts that `_choose.counts_of` gives.
``python -m benchmarks.calibrate`` fits and writes them; the present ones come from two cores of
an Intel Xeon with JAX 0.10.2 (`shift` and `direct` call for less by hand: on small arrays the
fit of one line overstates them). A platform that has
not been measured uses a guess in the same form, in which only the ratios matter.
"""

from typing import Any

import jax.numpy as jnp

Prices = dict[str, tuple[float, ...]]

# begin calibrated
MEASURED: dict[str, dict[str, Prices]] = {
    "cpu": {
        "float32": {
            "direct": (50000.0, 0.252, 0.542, 2.38, 0.0792, 0.533, 0.0198, 2.35, 0.0),
            "fft": (38200.0, 0.169, 0.423, 0.404, 0.623, 1.45),
            "overlap": (39600.0, 0.142, 0.666, 1.48, 0.0773, 1.33),
            "shift": (35000.0, 0.0302, 6.32, 0.219, 0.0134, 0.185),
            "toeplitz": (39700.0, 0.01, 0.0109, 2.42, 0.901, 0.789, 1.17, 2.34),
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
