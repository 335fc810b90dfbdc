"""filtrax: differentiable filters that slide over data, in JAX."""

from filtrax import compat, conventions, fit, iir, nn
from filtrax._bucket import Bucket, pad_to_bucket
from filtrax._choose import Plan
from filtrax._correlate import convolve, correlate
from filtrax._cross_correlate import correlation_lags, cross_correlate
from filtrax._delay import estimate_delay
from filtrax._errors import PrecisionWarning
from filtrax._plan import plan
from filtrax._rows import filter_rows, filter_separable
from filtrax.iir import (
    filtfilt,
    lfilter,
    lfilter_zi,
    lfiltic,
    sosfilt,
    sosfilt_zi,
    sosfiltfilt,
)

__version__ = "0.1.0"

__all__ = [
    "Bucket",
    "Plan",
    "PrecisionWarning",
    "compat",
    "conventions",
    "convolve",
    "correlate",
    "correlation_lags",
    "cross_correlate",
    "estimate_delay",
    "filter_rows",
    "filter_separable",
    "filtfilt",
    "fit",
    "iir",
    "lfilter",
    "lfilter_zi",
    "lfiltic",
    "nn",
    "pad_to_bucket",
    "plan",
    "sosfilt",
    "sosfilt_zi",
    "sosfiltfilt",
]
