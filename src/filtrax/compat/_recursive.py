"""`scipy.signal`'s recursive filters with nothing but its own arguments."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from filtrax import iir


def _of_scipy(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function without the options that are ours alone, which are keywords."""
    own = inspect.signature(function)
    shared = own.replace(
        parameters=[p for p in own.parameters.values() if p.kind is not p.KEYWORD_ONLY]
    )

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        bound = shared.bind(*args, **kwargs)
        return function(*bound.args, **bound.kwargs)

    vars(run)["__signature__"] = shared
    return run


lfilter = _of_scipy(iir.lfilter)
sosfilt = _of_scipy(iir.sosfilt)
