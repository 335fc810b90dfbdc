"""Recursive filters: SciPy's names and meaning, in blocks, with every derivative."""

from filtrax.iir._choose import plan
from filtrax.iir._design import biquad, frequency_response
from filtrax.iir._filtfilt import filtfilt, sosfiltfilt
from filtrax.iir._initial import lfilter_zi, lfiltic, sosfilt_zi
from filtrax.iir._lfilter import lfilter, sosfilt

__all__ = [
    "biquad",
    "filtfilt",
    "frequency_response",
    "lfilter",
    "lfilter_zi",
    "lfiltic",
    "plan",
    "sosfilt",
    "sosfilt_zi",
    "sosfiltfilt",
]
