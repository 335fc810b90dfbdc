"""Fitting: the filter that turns one signal into another, from data."""

from filtrax.fit._arguments import ConvergenceWarning, IdentifiabilityWarning
from filtrax.fit._closed import FIRFit, fit_fir
from filtrax.fit._deconvolve import Deconvolution, deconvolve
from filtrax.fit._wiener import wiener, wiener_hopf

__all__ = [
    "ConvergenceWarning",
    "Deconvolution",
    "FIRFit",
    "IdentifiabilityWarning",
    "deconvolve",
    "fit_fir",
    "wiener",
    "wiener_hopf",
]
