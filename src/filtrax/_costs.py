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
                95300.0,
                1.64,
                88.0,
                0.64,
                4.99,
                0.249,
                3.82,
                0.238,
                4.63,
                0.294,
                4.37,
                0.0433,
                12.4,
                0.29,
                2.59,
                1.68,
                3.28,
                2.04,
            ),
            "fft": (52700.0, 0.351, 0.573, 0.0, 2.01, 1.82),
            "overlap": (54800.0, 0.271, 0.482, 1.98, 0.496, 1.41),
            "shift": (41500.0, 0.125, 5.11, 0.444, 0.647, 0.592, 0.00703),
            "toeplitz": (73500.0, 0.0783, 0.114, 0.136, 3.59, 1.74, 1.18, 3.53, 2.58, 3.17),
        },
        "float32": {
            "direct": (
                58500.0,
                0.174,
                19.4,
                0.629,
                8.78,
                0.763,
                13.3,
                0.0677,
                0.419,
                0.0848,
                1.14,
                0.0166,
                3.29,
                0.577,
                13.2,
                0.151,
                5.22,
                0.0,
            ),
            "fft": (46600.0, 0.282, 0.392, 0.305, 1.42, 1.58),
            "overlap": (43800.0, 0.181, 0.308, 1.98, 0.571, 1.49),
            "shift": (41500.0, 0.0265, 1.52, 0.219, 0.0397, 0.214, 0.00536),
            "toeplitz": (42200.0, 0.0106, 0.0181, 0.0205, 1.46, 1.05, 0.804, 0.449, 1.01, 2.05),
        },
        "float64": {
            "direct": (
                42800.0,
                0.0976,
                1.1,
                2.74,
                0.612,
                0.104,
                2.52,
                0.154,
                1.14,
                0.261,
                1.98,
                0.58,
                1.36,
                0.161,
                1.59,
                0.145,
                4.96,
                1.02,
            ),
            "fft": (43000.0, 0.448, 0.577, 1.26, 2.34, 4.01),
            "overlap": (40600.0, 0.232, 0.349, 4.65, 0.911, 3.37),
            "shift": (48700.0, 0.0515, 3.23, 0.467, 0.634, 0.458, 0.0073),
            "toeplitz": (63500.0, 0.0221, 0.0376, 0.0583, 3.28, 0.457, 0.359, 2.43, 1.69, 4.16),
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
