"""Running a convention on arrays: its window becomes explicit padding of the one funnel."""

from typing import Any

import jax.numpy as jnp

from filtrax._correlate import convolve, correlate
from filtrax._errors import value_error
from filtrax._operands import as_numeric, as_operands
from filtrax._typing import Array, ArrayLike
from filtrax.conventions._table import Convention, Mode, lookup

_FUNCTIONS = {"convolve": convolve, "correlate": correlate}


def apply(x: ArrayLike, h: ArrayLike, name: str, mode: Any = None, **options: Any) -> Array:
    """Computes what a library's function would, under its name and mode.

    Args:
        x: signal, with at least as many dimensions as h; the kernel's dimensions align with
            the last ones, so a vector filters each row of a matrix.
        h: kernel.
        name: a key of ``CONVENTIONS``, such as ``"numpy.convolve"``.
        mode: as that library spells it; by default, its own default.
        **options: ``method`` and ``precision`` of `filtrax.convolve`.

    Returns:
        The library's result for each row, in JAX's promoted dtype; empty where it is empty.

    Raises:
        ValueError: the name or mode is unknown, an operand is empty, or the library itself
            refuses such sizes.
        TypeError: an argument has the wrong type.

    Example:
        >>> from filtrax import conventions
        >>> print(conventions.apply([1, 2, 3], [1, 10], "numpy.convolve", "same"))
        [ 1 12 23]
        >>> print(conventions.apply([1, 2, 3], [1, 10], "matlab.conv", "same"))
        [12 23 30]
    """
    convention = lookup(name)
    return apply_mode(x, h, convention, convention.mode(mode), **options)


def apply_mode(
    x: ArrayLike, h: ArrayLike, convention: Convention, mode: Mode, **options: Any
) -> Array:
    """`apply` with the convention and the mode looked up."""
    x, h = as_numeric(x, "x"), as_numeric(h, "h")
    n, k = check_sizes(x.shape, h.shape, convention, mode)
    padding = tuple(mode.padding(*sizes) for sizes in zip(n, k, strict=True))
    lengths = tuple(mode.length(*sizes) for sizes in zip(n, k, strict=True))
    if min(lengths) < 1:
        dtype = jnp.result_type(*as_operands(x, h))
        return jnp.zeros((*x.shape[: x.ndim - h.ndim], *lengths), dtype)
    return _FUNCTIONS[convention.operation](
        x, h, padding, boundary=mode.boundary, conjugate=convention.conjugate, **options
    )


def check_sizes(
    x_shape: tuple[int, ...], h_shape: tuple[int, ...], convention: Convention, mode: Mode
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The lengths N and K along each filtered axis, if the library takes such operands.

    Raises:
        ValueError: it does not.
    """
    if not 1 <= len(h_shape) <= len(x_shape):
        raise value_error("h", f"1 to {len(x_shape)} dimensions", f"shape {h_shape}")
    if convention.ranks is not None and len(h_shape) not in convention.ranks:
        ranks = " or ".join(map(str, convention.ranks))
        raise value_error("h", f"{ranks} dimensions for {convention.name}", f"shape {h_shape}")
    n, k = x_shape[len(x_shape) - len(h_shape) :], h_shape
    if min(n) < 1:
        raise value_error("x", "at least one sample", f"shape {x_shape}")
    if min(k) < 1:
        raise value_error("h", "at least one tap", f"shape {h_shape}")
    excess = max(taps - samples for samples, taps in zip(n, k, strict=True))
    if mode.excess is not None and excess > mode.excess:
        raise value_error(
            "h", f"a kernel that fits the padded signal, as {convention.name} demands",
            f"{k} taps and {n} samples",
        )  # fmt: skip
    shortfall = max(samples - taps for samples, taps in zip(n, k, strict=True))
    if mode.swaps_whole and excess > 0 and shortfall > 0:
        raise value_error(
            "h", f"one operand at least as large in every dimension for 'valid', as "
            f"{convention.name} demands", f"x of {n} and h of {k}",
        )  # fmt: skip
    return n, k
