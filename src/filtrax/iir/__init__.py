"""Recursive filters: SciPy's names and meaning, in blocks, with every derivative."""

from filtrax.iir._choose import plan
from filtrax.iir._lfilter import lfilter, sosfilt

__all__ = ["lfilter", "plan", "sosfilt"]
