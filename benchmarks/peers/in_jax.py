"""filtrax, and JAX's own ways, in every task and form."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.signal
import numpy as np
from jax import lax

import filtrax
from benchmarks.cases import BY_KERNEL, BY_SIGNAL, VALUE, Case
from benchmarks.peers.base import JNP, LAX, OURS, OUTSIDE, SIGNAL, STREAM, Peer
from benchmarks.reference import Operands
from filtrax.compat import torch as compat

Function = Callable[[jax.Array, jax.Array], jax.Array]
#: Transforms, whose time cannot be foreseen from the number of products.
FFT = ("jax.scipy.signal.fftconvolve", "jax.scipy.signal.oaconvolve")
#: A stream's array is read and written once: only few taps come near it.
FEW = 9


def peers(case: Case, given: Operands) -> list[Peer]:
    """filtrax first."""
    x, h, ct = jnp.asarray(given.x), jnp.asarray(given.h), jnp.asarray(given.ct)
    found = []
    for name, function in functions(case).items():
        call = compiled(case, function, x, h, ct)
        direct = name != OURS and name not in FFT
        kin = "XLA's convolution" if name in (JNP, LAX, SIGNAL) else ""
        found.append(
            Peer(name, call, fetch, direct=direct, compiles=True, repeats=case.iterations, kin=kin)
        )
    if case.form == "loop":
        call = partial(waited, jax.jit(functions(case)[OURS]), x, h)
        found.append(Peer(OUTSIDE, call, fetch, compiles=True, yardstick=True))
    if case.task == VALUE and case.form == "jit" and case.taps <= FEW:
        call = partial(waited, jax.jit(lambda x, c: x * c), x, jnp.ones((), x.dtype))
        found.append(Peer(STREAM, call, fetch, compiles=True, yardstick=True))
    return found


def waited(function: Callable[..., Any], *args: jax.Array) -> Any:
    """A call whose result is there."""
    return jax.block_until_ready(function(*args))


def fetch(result: Any) -> tuple[np.ndarray, ...]:
    """Arrays of the device as NumPy's."""
    return tuple(np.asarray(each) for each in jax.tree.leaves(result))


def compiled(
    case: Case, function: Function, x: jax.Array, h: jax.Array, ct: jax.Array
) -> Callable[[], Any]:
    """The task, in the form of the case."""
    if case.task == BY_KERNEL:

        def by_kernel(x: jax.Array, h: jax.Array, ct: jax.Array) -> Any:
            y, pull = jax.vjp(lambda h: function(x, h), h)
            return y, *pull(ct)

        return partial(waited, jax.jit(by_kernel), x, h, ct)
    if case.task == BY_SIGNAL:

        def by_signal(x: jax.Array, h: jax.Array, ct: jax.Array) -> Any:
            _, pull = jax.vjp(lambda x: function(x, h), x)
            return pull(ct)[0]

        return partial(waited, jax.jit(by_signal), x, h, ct)
    if case.form == "loop":

        def loop(x: jax.Array, h: jax.Array) -> jax.Array:
            return lax.fori_loop(0, case.iterations, lambda _, x: function(x, h), x)

        return partial(waited, jax.jit(loop), x, h)
    return partial(waited, function if case.form == "call" else jax.jit(function), x, h)


def functions(case: Case) -> dict[str, Function]:
    """By name, each from signal and kernel to the output."""
    if case.kind == "channels":
        return {OURS: partial(_ours_channels, case), LAX: partial(_lax_channels, case)}
    if case.kind == "separable":

        def outer(x: jax.Array, h: jax.Array) -> jax.Array:
            return jax.scipy.signal.fftconvolve(x, jnp.outer(h[0], h[1]), mode="same")

        return {
            OURS: lambda x, h: filtrax.filter_separable(x, (h[0], h[1]), case.axes),
            LAX: partial(_lax_separable, case),
            "jax.scipy.signal.fftconvolve": outer,
        }
    found: dict[str, Function] = {OURS: partial(_ours, case)}
    if len(case.axes) == 1:
        found[JNP] = partial(_by_row, case, _jnp_row)
    found[LAX] = partial(_lax, case)
    if case.is_shared and case.mode != "causal":
        found[SIGNAL] = partial(_signal, case, jax.scipy.signal.convolve)
    # XLA has no FFT in half precision.
    for name in FFT if case.dtype != "bfloat16" else ():
        function = getattr(jax.scipy.signal, name.rsplit(".", 1)[1], None)
        if function is not None:
            if len(case.axes) == 1:
                found[name] = partial(_by_row, case, function)
            elif case.is_shared and len(case.x) == len(case.axes):
                found[name] = partial(_signal, case, function)
    if case.family in {"depthwise", "jax#13800"}:
        found["shifts by hand (JAX)"] = partial(_by_hand, case)
    return found


def _ours(case: Case, x: jax.Array, h: jax.Array) -> jax.Array:
    mode: Any = case.mode
    boundary: Any = case.boundary
    return filtrax.convolve(x, h, mode, axes=case.axes, boundary=boundary)


def _jnp_row(x: jax.Array, h: jax.Array, mode: str) -> jax.Array:
    return jnp.convolve(x, h, mode=mode, precision=lax.Precision.HIGHEST)


def _by_row(case: Case, function: Callable[..., jax.Array], x: jax.Array, h: jax.Array) -> Any:
    """A function of two vectors, mapped over all other axes."""
    (axis,) = case.axes
    x = jnp.moveaxis(x, axis, -1)
    h = h if case.is_shared else jnp.moveaxis(h, axis, -1)
    n, mode = x.shape[-1], "full" if case.mode == "causal" else case.mode

    def row(x: jax.Array, h: jax.Array) -> jax.Array:
        return function(x, h, mode=mode)[: n if case.mode == "causal" else None]

    mapped = row
    for size in reversed([1] * (x.ndim - 1) if case.is_shared else h.shape[:-1]):
        mapped = jax.vmap(mapped, (0, None if size == 1 else 0))
    if not case.is_shared:
        h = h.reshape([size for i, size in enumerate(h.shape) if size > 1 or i == h.ndim - 1])
    return jnp.moveaxis(mapped(x, h), -1, axis)


def _signal(case: Case, function: Callable[..., jax.Array], x: jax.Array, h: jax.Array) -> Any:
    """A function of two arrays of equal rank."""
    shape = [1] * x.ndim
    for axis, k in zip(case.axes, h.shape, strict=True):
        shape[axis] = k
    if case.boundary != "zero":
        x, mode = jnp.pad(x, _pads(case), mode=case.boundary), "valid"
    else:
        mode = case.mode
    return function(x, h.reshape(shape), mode=mode)


def _pads(case: Case) -> list[tuple[int, int]]:
    """For a correlation with the reversed kernel, along every axis of the signal."""
    pads = [(0, 0)] * len(case.x)
    sizes = zip(case.axes, case.lengths, case.kernel, case.windows, strict=True)
    for axis, n, k, (start, m) in sizes:
        pads[axis] = (k - 1 - start, start + m - n)
    return pads


def _lax(case: Case, x: jax.Array, h: jax.Array) -> jax.Array:
    """Rows as a batch of one channel, or as channels in groups of one."""
    pads = _pads(case)
    if case.boundary != "zero":
        x = jnp.pad(x, pads, mode=case.boundary)
        pads = [(0, 0)] * x.ndim
    pads = [pads[axis] for axis in case.axes]
    rank, highest = len(case.axes), lax.Precision.HIGHEST
    steps = (1,) * rank
    if case.is_shared:
        x = jnp.moveaxis(x, case.axes, range(-rank, 0))
        batch = x.shape[:-rank]
        x = x.reshape(math.prod(batch), 1, *x.shape[-rank:])
        h = lax.rev(h, tuple(range(rank)))[None, None]
        y = lax.conv_general_dilated(x, h, steps, pads, precision=highest)
        return jnp.moveaxis(y.reshape(*batch, *y.shape[2:]), range(-rank, 0), case.axes)
    (axis,) = case.axes
    if x.ndim == 2:
        x, h, axis = x[None], h[None], axis + 1
    # Channels stay where they are: the layout is told, not made.
    channel = 3 - axis
    spec = "NCW" if axis == 2 else "NWC"
    h = lax.rev(jnp.moveaxis(h, (axis, channel), (2, 0)), (2,))
    y = lax.conv_general_dilated(
        x, h, steps, pads, dimension_numbers=(spec, "OIW", spec),
        feature_group_count=x.shape[channel], precision=highest,
    )  # fmt: skip
    return y if len(case.x) == 3 else y[0]


def _ours_channels(case: Case, x: jax.Array, h: jax.Array) -> jax.Array:
    layer: Any = compat.conv1d if len(case.axes) == 1 else compat.conv2d
    return layer(x, h, padding=case.margins, stride=case.stride, groups=case.groups)


def _lax_channels(case: Case, x: jax.Array, h: jax.Array) -> jax.Array:
    steps = (case.stride,) * len(case.axes)
    pads = [(m, m) for m in case.margins]
    return lax.conv_general_dilated(
        x, h, steps, pads, feature_group_count=case.groups,
        precision=lax.Precision.HIGHEST,
    )  # fmt: skip


def _lax_separable(case: Case, x: jax.Array, h: jax.Array) -> jax.Array:
    for axis in case.axes:
        (k,) = h[axis].shape
        shape = (1, 1, k, 1) if axis == 0 else (1, 1, 1, k)
        pads = [(0, 0), (0, 0)]
        pads[axis] = (k // 2, (k - 1) // 2)
        x = lax.conv_general_dilated(
            x.reshape(1, 1, *x.shape[-2:]), h[axis, ::-1].reshape(shape), (1, 1), pads,
            precision=lax.Precision.HIGHEST,
        )[0, 0]  # fmt: skip
    return x


def _by_hand(case: Case, x: jax.Array, h: jax.Array) -> jax.Array:
    """What people write instead of a depthwise convolution."""
    (axis,) = case.axes
    n, k = x.shape[axis], h.shape[axis]
    padded = jnp.pad(x, _pads(case))
    taps = [lax.slice_in_dim(h, m, m + 1, axis=axis) for m in range(k)]
    parts = [lax.slice_in_dim(padded, k - 1 - m, k - 1 - m + n, axis=axis) for m in range(k)]
    total = taps[0] * parts[0]
    for tap, part in zip(taps[1:], parts[1:], strict=True):
        total = total + tap * part
    return total
