"""Recursive filters as Equinox modules that stay stable while they learn."""

from filtrax.nn._biquads import Biquads
from filtrax.nn._fit import fit_response, fit_signals
from filtrax.nn._sos import SOS

__all__ = ["SOS", "Biquads", "fit_response", "fit_signals"]
