"""Filters as Equinox modules: with taps or settings to learn, and promises that they keep."""

from filtrax.nn import init
from filtrax.nn._biquads import Biquads
from filtrax.nn._constrained import Constrained
from filtrax.nn._constraints import (
    AntiCausal,
    Antisymmetric,
    BandLimited,
    Causal,
    Constraint,
    LowRank,
    MinimumPhase,
    NonNegative,
    Symmetric,
    UnitEnergy,
    UnitSum,
    ZeroSum,
)
from filtrax.nn._fir import FIR, FilterBank
from filtrax.nn._separable import Separable
from filtrax.nn._sos import SOS

__all__ = [
    "FIR",
    "SOS",
    "AntiCausal",
    "Antisymmetric",
    "BandLimited",
    "Biquads",
    "Causal",
    "Constrained",
    "Constraint",
    "FilterBank",
    "LowRank",
    "MinimumPhase",
    "NonNegative",
    "Separable",
    "Symmetric",
    "UnitEnergy",
    "UnitSum",
    "ZeroSum",
    "init",
]
