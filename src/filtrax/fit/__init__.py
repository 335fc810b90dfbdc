"""Fitting: the filter that turns one signal into another, from data."""

from filtrax.fit._arguments import ConvergenceWarning, IdentifiabilityWarning
from filtrax.fit._closed import FIRFit, fit_fir
from filtrax.fit._deconvolve import Deconvolution, deconvolve
from filtrax.fit._design import fit_response
from filtrax.fit._losses import MSE, LogSpectral, MultiResolutionSTFT
from filtrax.fit._steps import Stepper, stepper
from filtrax.fit._train import Fitted, fit
from filtrax.fit._wiener import wiener, wiener_hopf

__all__ = [
    "MSE",
    "ConvergenceWarning",
    "Deconvolution",
    "FIRFit",
    "Fitted",
    "IdentifiabilityWarning",
    "LogSpectral",
    "MultiResolutionSTFT",
    "Stepper",
    "deconvolve",
    "fit",
    "fit_fir",
    "fit_response",
    "stepper",
    "wiener",
    "wiener_hopf",
]
