"""Kernels to start from: for `filtrax.nn.FIR` and its like, or for `filtrax.nn.Constrained`."""

from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from filtrax._errors import value_error
from filtrax._operands import as_key
from filtrax._spec import choice, integer
from filtrax._typing import Array

__all__ = ["delta", "design", "random"]

_DESIGNS = {
    "firwin": "firwin", "firwin2": "firwin2", "firls": "firls", "remez": "remez",
    "savgol": "savgol_coeffs",
}  # fmt: skip


def delta(shape: int | tuple[int, ...], at: int | tuple[int, ...] | None = None) -> Array:
    """A one among zeros: a filter that does nothing yet.

    Args:
        shape: number of taps, or the kernel's shape.
        at: where the one stands; by default where ``mode="same"`` has the centre of a
            convolution, ``(K-1)//2``. The centre of a correlation is ``K//2``; for
            ``mode="causal"`` the one stands at 0 (in a correlation at K-1).

    Returns:
        The kernel, in JAX's default precision.

    Raises:
        ValueError: a size is not positive, or the place lies outside.

    Example:
        >>> from filtrax import nn
        >>> print(nn.init.delta(4))
        [0. 1. 0. 0.]
    """
    sizes = _shape(shape)
    given = at if isinstance(at, tuple) else (at,) * len(sizes)
    if len(given) != len(sizes):
        raise value_error("at", f"one place for each of {len(sizes)} axes", f"{at}")
    places = tuple(
        (n - 1) // 2 if place is None else integer("at", place)
        for n, place in zip(sizes, given, strict=True)
    )
    if not all(0 <= place < n for n, place in zip(sizes, places, strict=True)):
        raise value_error("at", f"a place in a kernel of shape {sizes}", f"{places}")
    return jnp.zeros(sizes, jnp.result_type(float)).at[places].set(1)


def random(key: Array, shape: int | tuple[int, ...]) -> Array:
    """Normal taps with the variance 1 / K: a filter that keeps the power of noise.

    Args:
        key: as `jax.random.key` makes them.
        shape: number of taps K, or (..., K).

    Returns:
        The kernel, in JAX's default precision.

    Raises:
        ValueError: a size is not positive.
        TypeError: the key is none.

    Example:
        >>> import jax
        >>> from filtrax import nn
        >>> nn.init.random(jax.random.key(0), (3, 31)).shape
        (3, 31)
    """
    sizes = _shape(shape)
    return jax.random.normal(as_key(key), sizes, jnp.result_type(float)) * sizes[-1] ** -0.5


def design(name: str, *args: Any, **kwargs: Any) -> Array:
    """A kernel by a design of `scipy.signal`.

    Args:
        name: ``"firwin"``, ``"firwin2"``, ``"firls"``, ``"remez"`` or ``"savgol"``.
        *args: of that function (of `savgol_coeffs` for ``"savgol"``).
        **kwargs: of that function.

    Returns:
        The kernel, in JAX's default precision.

    Raises:
        ValueError: the name is unknown, or SciPy refuses its arguments.

    Example:
        >>> import numpy as np
        >>> from filtrax import nn
        >>> print(np.asarray(nn.init.design("savgol", 5, 2)).round(3))
        [-0.086  0.343  0.486  0.343 -0.086]
    """
    choice("name", name, tuple(_DESIGNS))
    # SciPy's filters take a while to import, and only designs need them.
    function = getattr(import_module("scipy.signal"), _DESIGNS[name])
    return jnp.asarray(np.asarray(function(*args, **kwargs), float))


def _shape(shape: Any) -> tuple[int, ...]:
    sizes = tuple(integer("shape", n) for n in (shape if isinstance(shape, tuple) else (shape,)))
    if not sizes or min(sizes) < 1:
        raise value_error("shape", "positive sizes", f"{shape}")
    return sizes
