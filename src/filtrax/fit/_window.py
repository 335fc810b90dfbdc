"""Which samples meet which taps in a fit: the forward filter as a matrix that is never built.

The matrix is X[i, m] = x[i + start - m]: column m is the signal as tap m sees it. `forward` is its
product with a kernel and `adjoint` that of its conjugate transpose with a signal; both are one
filter, by whichever engine suits their shapes.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from filtrax import _boundary
from filtrax._errors import value_error
from filtrax._geometry import resolve_axis
from filtrax._rows import filter_rows
from filtrax._spec import integer, make_spec
from filtrax._typing import Array


@dataclass(frozen=True, slots=True)
class Window:
    """The extent of a fit along the signal.

    Attributes:
        taps: length of the kernel, K.
        samples: length of the signal, N.
        outputs: length of the output, M.
        padding: samples before and after the signal that the outputs see.
        boundary: what lies there, a name or a number.
    """

    taps: int
    samples: int
    outputs: int
    padding: tuple[int, int]
    boundary: Any


def make_window(samples: int, taps: Any, mode: Any, delay: Any, boundary: Any) -> Window:
    """The window of a convolution whose output comes ``delay`` samples late.

    Raises:
        ValueError: a choice is impossible, or there are fewer samples than taps.
        TypeError: a choice has the wrong type.
    """
    taps, delay = integer("num_taps", taps), integer("delay", delay)
    if taps < 1:
        raise value_error("num_taps", "at least 1", f"{taps}")
    if samples < taps:
        raise value_error("x", f"at least as many samples as taps, {taps}", f"{samples}")
    spec, fills = make_spec(1, "convolve", mode, boundary)
    axis = resolve_axis(spec.axes[0], "convolve", samples, taps)
    if abs(delay) >= samples:
        raise value_error("delay", f"less than the signal's {samples} samples", f"{delay}")
    outside = spec.axes[0].boundary
    return Window(
        taps, samples, axis.m, (axis.lo + delay, axis.hi - delay),
        float(fills[0]) if outside == "constant" else outside,
    )  # fmt: skip


def forward(x: Array, h: Array, window: Window) -> Array:
    """X h: rows (..., N) and kernels (K,) or (..., K) to (..., M)."""
    if jnp.iscomplexobj(h) and not jnp.iscomplexobj(x):
        return lax.complex(forward(x, h.real, window), forward(x, h.imag, window))
    return filter_rows(x, h, mode=window.padding, boundary=window.boundary)


def adjoint(x: Array, u: Array, window: Window, kernel: jax.ShapeDtypeStruct) -> Array:
    """X^H u, summed over the rows that share a kernel."""
    pulled = jax.linear_transpose(lambda h: forward(x, h, window), kernel)
    (found,) = pulled(jnp.conj(u))
    return jnp.conj(found)


def extended(x: Array, window: Window) -> Array:
    """The samples that the outputs see, M + K - 1 of each row."""
    name, fill = window.boundary, None
    if not isinstance(name, str):
        name, fill = "constant", jnp.asarray(window.boundary, x.dtype)
    return _boundary.extend(x, x.ndim - 1, window.padding, name, fill)
