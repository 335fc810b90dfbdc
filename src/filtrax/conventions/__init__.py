"""What each library means by convolution: a table, and functions that work from it."""

from filtrax.conventions._apply import apply
from filtrax.conventions._describe import describe
from filtrax.conventions._identify import Closest, Identification, Match, identify
from filtrax.conventions._table import CONVENTIONS, Convention, Mode
from filtrax.conventions._translate import Translation, translate

__all__ = [
    "CONVENTIONS",
    "Closest",
    "Convention",
    "Identification",
    "Match",
    "Mode",
    "Translation",
    "apply",
    "describe",
    "identify",
    "translate",
]
