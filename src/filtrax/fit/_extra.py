"""Libraries that only fitting needs, imported when they are used."""

from importlib import import_module
from typing import Any


def extra(module: str) -> Any:
    """The module.

    Raises:
        ImportError: it is not installed; the message says how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        name = module.split(".", maxsplit=1)[0]
        raise ImportError(
            f"filtrax.fit needs {name} here, which is not installed: pip install 'filtrax[fit]'"
        ) from error
