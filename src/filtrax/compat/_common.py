"""What the presets of machine-learning libraries share: their channels."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from filtrax._correlate import resolve_windows
from filtrax._errors import describe, type_error, value_error
from filtrax._geometry import passive_axis
from filtrax._operands import as_numeric
from filtrax._primitive import bind
from filtrax._spec import Spec, integer, make_spec
from filtrax._typing import Array


def as_pair(value: Any, name: str, rank: int, *, least: int = 1) -> tuple[int, ...]:
    """One integer for each of ``rank`` axes, from one or from a sequence of that many."""
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    if len(values) == 1:
        values *= rank
    if len(values) != rank:
        raise value_error(name, f"one integer or {rank} of them", describe(value))
    values = tuple(integer(name, each) for each in values)
    if min(values) < least:
        raise value_error(name, f"integers of at least {least}", describe(value))
    return values


def same_padding(n: int, k: int, stride: int, dilation: int) -> tuple[int, int]:
    """TensorFlow's SAME: ceil(n / stride) outputs, the odd zero on the right."""
    span = (k - 1) * dilation + 1
    total = max((-(-n // stride) - 1) * stride + span - n, 0)
    return total // 2, total - total // 2


def check_channels(x: Array, w: Array, groups: int, *, names: tuple[str, str]) -> None:
    """Checks x (B, Cin, *N) against w (Cout, Cin/groups, *K).

    Raises:
        ValueError: channels, groups or sizes do not fit.
        TypeError: the dtypes differ.
    """
    if x.dtype != w.dtype:
        raise type_error(names[1], f"the dtype of {names[0]}, {x.dtype}", str(w.dtype))
    if groups < 1:
        raise value_error("groups", "an integer of at least 1", repr(groups))
    if x.shape[1] != w.shape[1] * groups:
        raise value_error(
            names[0], f"{w.shape[1] * groups} channels ({groups} groups of {w.shape[1]})",
            str(x.shape[1]),
        )  # fmt: skip
    if w.shape[0] % groups or not w.shape[0]:
        raise value_error(
            names[1], f"output channels divisible by groups={groups}", str(w.shape[0])
        )
    if min(w.shape) < 1:
        raise value_error(names[1], "no empty dimension", f"shape {w.shape}")


def correlate_channels(
    x: Array,
    w: Array,
    padding: list[tuple[int, int]],
    *,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> Array:
    """Correlates x (B, Cin, *N) with w (Cout, Cin/groups, *K), summed over the group's channels.

    Returns:
        An array (B, Cout, *M); empty where the padded signal is shorter than the kernel.
    """
    spec, _ = make_spec(
        len(padding), "correlate", padding, stride=stride, dilation=dilation, conjugate=False
    )
    lengths = tuple(
        (n + lo + hi - (k - 1) * d - 1) // s + 1
        for n, k, (lo, hi), s, d in zip(
            x.shape[2:], w.shape[2:], padding, stride, dilation, strict=True
        )
    )
    if min(lengths) < 1 or min(x.shape[2:]) < 1:
        return jnp.zeros((x.shape[0], w.shape[0], *(max(m, 0) for m in lengths)), x.dtype)
    return _correlate_channels(x, w, spec=spec, groups=groups)


@partial(jax.jit, static_argnames=("spec", "groups"), inline=True)
def _correlate_channels(x: Array, w: Array, *, spec: Spec, groups: int) -> Array:
    b, _, *n = x.shape
    o, c, *k = w.shape
    axes = resolve_windows(spec, tuple(n), tuple(k))
    if c == 1 and o == groups:
        # A kernel for each channel, which is an axis along which nothing slides: no array moves.
        paired = (passive_axis(groups, groups), *axes)
        y = bind(x[None, :, None], w.reshape(1, 1, 1, groups, *k), axes=paired)
        return y.reshape(b, o, *y.shape[4:])
    signals, kernels = x.reshape(b, groups, c, *n), w.reshape(groups, o // groups, c, *k)
    y = bind(signals, kernels, axes=axes, batch_first=True)
    return y.reshape(b, o, *y.shape[3:])


def as_batched(value: Any, name: str, ranks: tuple[int, ...]) -> Array:
    """An array of numbers of one of the given ranks."""
    array = as_numeric(value, name)
    if array.ndim not in ranks:
        expected = " or ".join(map(str, ranks))
        raise value_error(name, f"{expected} dimensions", f"shape {array.shape}")
    return array
