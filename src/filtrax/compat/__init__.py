"""The peers' own names and signatures: change one import, and it runs in JAX.

Each function is a preset over the one funnel; none has arithmetic of its own.
"""

from filtrax.compat import numpy, scipy_ndimage, scipy_signal, tensorflow, torch

__all__ = ["numpy", "scipy_ndimage", "scipy_signal", "tensorflow", "torch"]
