"""NumPy, SciPy and OpenCV on the host, and CuPy's copies of the first two on a GPU."""

import importlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy import ndimage, signal

from benchmarks.cases import VALUE, Case
from benchmarks.peers.base import Peer
from benchmarks.reference import Operands, spread

#: (name, call, whether its time grows with the number of products)
Way = tuple[str, Callable[[], Any], bool]
#: More rows than this are not looped over on a GPU, where each call costs a launch.
LOOPED = 256


def peers(case: Case, given: Operands) -> list[Peer]:
    """None has derivatives, a loop on the device, or bfloat16."""
    if case.task != VALUE or case.form == "loop" or case.dtype == "bfloat16":
        return []
    x, h = given.x, given.h
    ways = [
        *_numpy(case, x, h, np, ""),
        *_scipy(case, x, h, signal, ndimage, ""),
        *_cv2(case, x, h),
    ]
    found = [Peer(name, call, _fetch, direct=direct) for name, call, direct in ways]
    return found + _cupy(case, given)


def _fetch(result: Any) -> tuple[np.ndarray, ...]:
    return (np.asarray(result),)


def _numpy(case: Case, x: Any, h: Any, xp: Any, prefix: str) -> Iterator[Way]:
    """Row by row, as one does it."""
    if len(case.axes) != 1 or case.kind == "channels":
        return
    (axis,) = case.axes
    mode = "full" if case.mode == "causal" else case.mode
    stop = x.shape[axis] if case.mode == "causal" else None
    taps = h if case.is_shared else xp.moveaxis(xp.broadcast_to(h, _full_shape(case)), axis, -1)

    def call() -> Any:
        rows = xp.moveaxis(x, axis, -1)
        flat = rows.reshape(-1, rows.shape[-1])
        if case.is_shared:
            done = [xp.convolve(row, h, mode)[:stop] for row in flat]
        else:
            each = zip(flat, taps.reshape(-1, taps.shape[-1]), strict=True)
            done = [xp.convolve(row, tap, mode)[:stop] for row, tap in each]
        return xp.moveaxis(xp.stack(done).reshape(*rows.shape[:-1], -1), -1, axis)

    yield f"{prefix or 'numpy'}.convolve", call, True


#: What `scipy.ndimage` calls boundaries.
_OF_NDIMAGE = {"reflect": "mirror", "symmetric": "reflect", "edge": "nearest", "wrap": "wrap"}


def _full_shape(case: Case) -> list[int]:
    """One kernel for each row, whether the case has them or repeats them."""
    shape = list(case.x)
    shape[case.axes[0]] = case.kernel[0]
    return shape


def _scipy(case: Case, x: Any, h: Any, sig: Any, ndi: Any, prefix: str) -> Iterator[Way]:
    prefix = prefix or "scipy"
    if case.kind == "separable":
        yield f"{prefix}.ndimage.convolve1d", partial(_two_passes, ndi, x, h), True
        kernel = h[0][:, None] * h[1]
        yield f"{prefix}.signal.oaconvolve", partial(sig.oaconvolve, x, kernel, "same"), False
        return
    if case.kind == "channels":
        return
    kernel = spread(case, h)
    mode = "full" if case.mode == "causal" else case.mode
    if case.boundary != "zero":
        pads = [(0, 0)] * x.ndim
        for axis, k, (start, _) in zip(case.axes, case.kernel, case.windows, strict=True):
            pads[axis] = (k - 1 - start, start)
        xp = importlib.import_module("numpy" if prefix == "scipy" else "cupy")
        for name in ("fftconvolve", "oaconvolve"):
            function = getattr(sig, name)
            yield (
                f"{prefix}.signal.{name}",
                lambda function=function: function(
                    xp.pad(x, pads, mode=case.boundary), kernel, "valid", axes=case.axes
                ),
                False,
            )
        if x.ndim == h.ndim and all(k % 2 for k in case.kernel):
            call = partial(ndi.convolve, x, h, mode=_OF_NDIMAGE[case.boundary])
            yield f"{prefix}.ndimage.convolve", call, True
        return
    cut = [slice(None)] * x.ndim
    if case.mode == "causal":
        cut[case.axes[0]] = slice(0, x.shape[case.axes[0]])
    if case.is_shared:
        whole = partial(sig.convolve, x, kernel, mode)
        yield f"{prefix}.signal.convolve", lambda: whole()[tuple(cut)], False
    for name in ("fftconvolve", "oaconvolve"):
        some = partial(getattr(sig, name), x, kernel, mode, axes=case.axes)
        yield f"{prefix}.signal.{name}", lambda some=some: some()[tuple(cut)], False
    if case.is_shared and case.mode == "same":
        # Its centre is K//2 of the reversed kernel, one off at even K.
        origin = [0 if k % 2 else -1 for k in case.kernel]
        if len(case.axes) == 1:
            call = partial(
                ndi.convolve1d, x, h, axis=case.axes[0], mode="constant", origin=origin[0]
            )
            yield f"{prefix}.ndimage.convolve1d", call, True
        elif x.ndim == h.ndim:
            call = partial(ndi.convolve, x, h, mode="constant", origin=origin)
            yield f"{prefix}.ndimage.convolve", call, True


def _two_passes(ndi: Any, x: Any, h: Any) -> Any:
    return ndi.convolve1d(
        ndi.convolve1d(x, h[0], axis=0, mode="constant"), h[1], axis=1, mode="constant"
    )


def _cv2(case: Case, x: np.ndarray, h: np.ndarray) -> Iterator[Way]:
    try:
        import cv2
    except ImportError:
        return
    if not case.is_shared or case.mode != "same" or case.kind == "channels":
        return
    if case.dtype not in ("float32", "float64"):
        return
    zero, one = cv2.BORDER_CONSTANT, np.ones(1, x.dtype)
    # It has none that wraps around.
    borders = {
        "zero": zero, "reflect": cv2.BORDER_REFLECT_101, "symmetric": cv2.BORDER_REFLECT,
        "edge": cv2.BORDER_REPLICATE,
    }  # fmt: skip
    border = borders.get(case.boundary)
    if border is None:
        return
    if x.ndim == 3 and case.axes == (1, 2):
        image = np.ascontiguousarray(np.flip(h))
        centre = (h.shape[1] // 2, h.shape[0] // 2)

        def each() -> np.ndarray:
            done = [cv2.filter2D(i, -1, image, anchor=centre, borderType=border) for i in x]
            return np.stack(done)

        yield "cv2.filter2D", each, False
    if x.ndim != 2:
        return
    if case.kind == "separable":
        down, across = (np.ascontiguousarray(each[::-1]) for each in h)
        yield (
            "cv2.sepFilter2D",
            lambda: cv2.sepFilter2D(x, -1, across, down, borderType=zero),
            True,
        )
        return
    flipped = np.flip(spread(case, h))
    kernel = np.ascontiguousarray(flipped)
    anchor = (kernel.shape[1] // 2, kernel.shape[0] // 2)
    # It turns to an FFT of its own for large kernels: its time is not foreseen.
    yield (
        "cv2.filter2D",
        lambda: cv2.filter2D(x, -1, kernel, anchor=anchor, borderType=border),
        False,
    )
    if len(case.axes) == 1:
        taps = np.ascontiguousarray(h[::-1])
        pair = (one, taps) if case.axes[0] == 0 else (taps, one)
        yield (
            "cv2.sepFilter2D",
            lambda: cv2.sepFilter2D(x, -1, *pair, anchor=anchor, borderType=zero),
            True,
        )


def _cupy(case: Case, given: Operands) -> list[Peer]:
    try:
        cupy = importlib.import_module("cupy")
        ndi = importlib.import_module("cupyx.scipy.ndimage")
        sig = importlib.import_module("cupyx.scipy.signal")
    except ImportError:
        return []
    x, h = cupy.asarray(given.x), cupy.asarray(given.h)
    ways = list(_scipy(case, x, h, sig, ndi, "cupyx.scipy"))
    if np.prod(case.x) <= LOOPED * max(case.lengths):
        ways += _numpy(case, x, h, cupy, "cupy")

    def waited(call: Callable[[], Any]) -> Any:
        result = call()
        cupy.cuda.get_current_stream().synchronize()
        return result

    def fetch(result: Any) -> tuple[np.ndarray, ...]:
        return (cupy.asnumpy(result),)

    return [Peer(name, partial(waited, call), fetch, direct=direct) for name, call, direct in ways]
