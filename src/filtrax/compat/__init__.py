"""The peers' own names and signatures: change one import, and it runs in JAX.

Each function is a preset over the one funnel; none has arithmetic of its own.
"""

from filtrax.compat import numpy, tensorflow, torch

__all__ = ["numpy", "tensorflow", "torch"]
