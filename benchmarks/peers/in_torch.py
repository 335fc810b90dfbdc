"""torch's convolutions and its FFT, with torch's own derivatives."""

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.fft
import torch
from torch.nn import functional

from benchmarks.cases import BY_KERNEL, BY_SIGNAL, Case
from benchmarks.peers.base import Peer
from benchmarks.reference import Operands

# A type checker need not have torch.
Tensor = Any
Function = Callable[[Tensor, Tensor], Tensor]
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# As precise as the others: no TF32.
torch.backends.cudnn.allow_tf32 = False
torch.backends.cuda.matmul.allow_tf32 = False
# Its search pays off when a shape comes again, as it does here.
torch.backends.cudnn.benchmark = True
if hasattr(os, "sched_getaffinity"):
    torch.set_num_threads(len(os.sched_getaffinity(0)))


def peers(case: Case, given: Operands) -> list[Peer]:
    """A convolution, and an FFT where torch has one for the dtype."""
    images = case.outputs // math.prod(length for _, length in case.windows)
    unfolded = case.products / images * given.x.itemsize
    return [
        Peer(
            name,
            _task(case, function, given),
            fetch,
            direct=is_direct,
            repeats=case.iterations,
            unfolds=unfolded if is_direct else 0.0,
        )
        for name, function, is_direct in _functions(case)
    ]


def as_tensor(array: np.ndarray) -> Tensor:
    """Copied to the device; NumPy's bfloat16 is unknown to torch."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(np.array(array, np.float32)).to(DEVICE, torch.bfloat16)
    return torch.from_numpy(np.array(array)).to(DEVICE)


def fetch(result: Any) -> tuple[np.ndarray, ...]:
    """As NumPy arrays."""
    tensors = [t.detach().resolve_conj().cpu() for t in result]
    return tuple((t.float() if t.dtype == torch.bfloat16 else t).numpy() for t in tensors)


def _wait() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def _task(case: Case, function: Function, given: Operands) -> Callable[[], Any]:
    # torch's gradient of a complex array is the conjugate of the transpose that we measure.
    x, h, ct = as_tensor(given.x), as_tensor(given.h), as_tensor(given.ct.conj())
    if case.task == BY_KERNEL:
        h.requires_grad_()

        def by_kernel() -> Any:
            y = function(x, h)
            (dh,) = torch.autograd.grad(y, h, ct)
            _wait()
            return y, dh.conj()

        return by_kernel
    if case.task == BY_SIGNAL:
        x.requires_grad_()
        # The forward pass is not part of it: its graph is kept.
        graph: list[Tensor] = []

        def by_signal() -> Any:
            if not graph:
                graph.append(function(x, h))
            (dx,) = torch.autograd.grad(graph[0], x, ct, retain_graph=True)
            _wait()
            return (dx.conj(),)

        return by_signal

    def value() -> Any:
        y = x
        with torch.no_grad():
            for _ in range(case.iterations):
                y = function(y, h)
        _wait()
        return (y,)

    return value


def _functions(case: Case) -> list[tuple[str, Function, bool]]:
    if case.kind == "channels":
        layer = functional.conv1d if len(case.axes) == 1 else functional.conv2d
        function = partial(layer, padding=case.margins, stride=case.stride, groups=case.groups)
        return [("torch conv", function, True)]
    if case.kind == "separable":
        return [("torch conv", _separable, True)]
    if case.boundary == "symmetric":
        return []
    found = [("torch conv", partial(_conv, case), True)]
    if case.boundary == "zero" and case.dtype != "bfloat16":
        found.append(("torch FFT", partial(_fft, case), False))
    return found


def _cut(case: Case, y: Tensor) -> Tensor:
    """Padding of one size on both sides leaves a sample over at even K."""
    for axis, (_, length) in zip(case.axes, case.windows, strict=True):
        if y.shape[axis] != length:
            y = y.narrow(axis, 0, length)
    return y


def _conv(case: Case, x: Tensor, h: Tensor) -> Tensor:
    rank = len(case.axes)
    if rank > 1:
        return _conv_images(case, x, h)
    (axis,) = case.axes
    (k,) = case.kernel
    (start, _) = case.windows[0]
    pad = k - 1 - start
    if not case.is_shared:
        # Channels in groups of one, in the layout that torch has.
        last = x.ndim - 1
        rows = x if axis == last else x.transpose(-1, axis)
        taps = h if axis == last else h.transpose(-1, axis)
        rows = rows if x.ndim == 3 else rows[None]
        weight = taps.reshape(-1, 1, k).flip(-1)
        y = functional.conv1d(rows, weight, padding=pad, groups=rows.shape[1])
        y = y if x.ndim == 3 else y[0]
        return _cut(case, y if axis == last else y.transpose(-1, axis))
    weight = h.flip(0)[None, None]
    if x.ndim == 1:
        return _cut(case, functional.conv1d(x[None, None], weight, padding=pad)[0, 0])
    if axis == 1:
        return _cut(case, functional.conv1d(x[:, None], weight, padding=pad)[:, 0])
    image = functional.conv2d(x[None, None], weight[..., None], padding=(pad, 0))
    return _cut(case, image[0, 0])


def _conv_images(case: Case, x: Tensor, h: Tensor) -> Tensor:
    """Images or volumes, one or a batch of them."""
    rank = len(case.axes)
    image = x[None, None] if x.ndim == rank else x[:, None]
    pads = [k - 1 - start for k, (start, _) in zip(case.kernel, case.windows, strict=True)]
    if case.boundary != "zero":
        both = [pad for pad in reversed(pads) for _ in range(2)]
        names = {"edge": "replicate", "wrap": "circular"}
        image = functional.pad(image, both, mode=names.get(case.boundary, case.boundary))
        pads = [0] * rank
    layer = functional.conv2d if rank == 2 else functional.conv3d
    y = layer(image, h.flip(*range(rank))[None, None], padding=tuple(pads))
    return _cut(case, y[0, 0] if x.ndim == rank else y[:, 0])


def _separable(x: Tensor, h: Tensor) -> Tensor:
    k = h.shape[1]
    down = h[0].flip(0)[None, None, :, None]
    across = h[1].flip(0)[None, None, None, :]
    y = functional.conv2d(x[None, None], down, padding=(k // 2, 0))
    return functional.conv2d(y, across, padding=(0, k // 2))[0, 0, : x.shape[0], : x.shape[1]]


def _fft(case: Case, x: Tensor, h: Tensor) -> Tensor:
    """One transform at a fast length."""
    shape = [1] * x.ndim
    if case.is_shared:
        for axis, k in zip(case.axes, case.kernel, strict=True):
            shape[axis] = k
        h = h.reshape(shape)
    is_real = not x.is_complex()
    sizes = zip(case.lengths, case.kernel, strict=True)
    fast = [scipy.fft.next_fast_len(n + k - 1, is_real) for n, k in sizes]
    forward, back = (
        (torch.fft.rfftn, torch.fft.irfftn) if is_real else (torch.fft.fftn, torch.fft.ifftn)
    )
    y = back(forward(x, fast, case.axes) * forward(h, fast, case.axes), fast, case.axes)
    for axis, (start, length) in zip(case.axes, case.windows, strict=True):
        y = y.narrow(axis, start, length)
    return y
