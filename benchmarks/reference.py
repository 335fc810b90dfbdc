"""The operands of a case, and what comes of them in wider arithmetic: neither ours nor a peer's.

Few taps are summed one by one; many go through one FFT. Against float64 the sums are in long
double, against anything narrower in float64.
"""

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np
import scipy.fft

from benchmarks.cases import BY_KERNEL, BY_SIGNAL, VALUE, Case

#: More taps than this are not summed one by one.
FEW = 9


@dataclass(frozen=True, slots=True)
class Operands:
    """Signal, kernel and the cotangent of the output, in the dtype of the case."""

    x: np.ndarray
    h: np.ndarray
    ct: np.ndarray


def as_dtype(name: str) -> Any:
    """NumPy's own dtypes by name, and bfloat16."""
    return ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)


def operands(case: Case) -> Operands:
    """Normal data; a kernel that is applied again and again does not let it grow."""
    rng = np.random.default_rng([*case.x, *case.h])
    dtype = as_dtype(case.dtype)

    def normal(shape: tuple[int, ...]) -> np.ndarray:
        drawn = np.asarray(rng.standard_normal(shape, dtype=np.float32))
        if case.dtype.startswith("complex"):
            drawn = drawn + 1j * rng.standard_normal(shape, dtype=np.float32)
        if case.dtype == "float64":
            drawn = drawn + 1e-9 * rng.standard_normal(shape)
        return drawn.astype(dtype)

    x, h = normal(case.x), normal(case.h)
    # The value has no cotangent, and some outputs are large.
    ct = normal(case.y if case.task != VALUE else ())
    if case.form == "loop":
        axes = (1, 2) if case.kind == "channels" else None if case.is_shared else case.axes
        h = h / np.abs(h).sum(axis=axes, keepdims=True)
    return Operands(x, h.astype(dtype), ct)


def widen(array: np.ndarray) -> np.ndarray:
    """In arithmetic whose own errors do not count."""
    if array.dtype == np.float64:
        return array.astype(np.longdouble)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def exact(case: Case, given: Operands) -> dict[str, np.ndarray]:
    """The outputs of the task by name: ``y``, and ``dh`` or ``dx``."""
    x, h, ct = widen(given.x), widen(given.h), widen(given.ct)
    if case.kind == "channels":
        return _groups(case, x, h, ct)
    if case.kind == "separable":
        h = np.multiply.outer(h[0], h[1])
        case = replace(case, kind="filter", h=h.shape)
    h = spread(case, h)
    if case.boundary != "zero":
        pads = [(0, 0)] * x.ndim
        for axis, k, (start, _) in zip(case.axes, case.kernel, case.windows, strict=True):
            pads[axis] = (k - 1 - start, start)
        x = np.pad(x, pads, mode=case.boundary)  # type: ignore[call-overload]
        case = replace(case, x=x.shape, mode="valid", boundary="zero")
    if case.task == BY_SIGNAL:
        return {"dx": _by_signal(case, h, ct)}
    y = x
    for _ in range(case.iterations):
        y = _value(case, y, h)
    return {"y": y, "dh": _by_kernel(case, x, ct)} if case.task == BY_KERNEL else {"y": y}


def spread(case: Case, h: np.ndarray) -> np.ndarray:
    """The kernel with one dimension for each of the signal's."""
    if not case.is_shared:
        return h
    shape = [1] * len(case.x)
    for axis, k in zip(case.axes, case.kernel, strict=True):
        shape[axis] = k
    return h.reshape(shape)


def _groups(case: Case, x: np.ndarray, h: np.ndarray, ct: np.ndarray) -> dict[str, np.ndarray]:
    """Each group of channels with its kernels."""
    count = case.groups
    some = replace(
        case,
        x=(case.x[0], case.x[1] // count, *case.x[2:]),
        h=(case.h[0] // count, *case.h[1:]),
    )
    parts = zip(
        np.split(x, count, 1),
        np.split(h, count, 0),
        np.split(ct, count, 1) if ct.ndim else [ct] * count,
        strict=True,
    )
    found = [_channels(some, *part) for part in parts]
    return {
        name: np.concatenate([each[name] for each in found], 0 if name == "dh" else 1)
        for name in found[0]
    }


def _channels(case: Case, x: np.ndarray, h: np.ndarray, ct: np.ndarray) -> dict[str, np.ndarray]:
    """Tap by tap, each a product of matrices; outputs that a stride leaves out are made, too."""
    if case.stride > 1:
        every = replace(case, stride=1)
        kept = (..., *(slice(None, None, case.stride),) * len(case.axes))
        if ct.ndim:
            whole = np.zeros(every.y, ct.dtype)
            whole[kept] = ct
            ct = whole
        found = _channels(every, x, h, ct)
        return {name: each[kept] if name == "y" else each for name, each in found.items()}
    lengths = [length for _, length in case.windows]
    sizes = zip(case.lengths, case.kernel, case.windows, strict=True)
    pads = [(k - 1 - start, start + m - n) for n, k, (start, m) in sizes]
    met = [(at, (..., *map(slice, at, np.add(at, lengths)))) for at in _offsets(case)]

    def einsum(spec: str, *arrays: np.ndarray) -> np.ndarray:
        return np.einsum(spec, *arrays, optimize=True)

    if case.task == BY_SIGNAL:
        dx = _pad(case, np.zeros(case.x, ct.dtype), pads)
        for at, window in met:
            dx[window] += einsum("bo...,oc->bc...", ct, h[(..., *at)])
        return {"dx": _cut(case, dx, [lo for lo, _ in pads], case.lengths)}
    y = x
    for _ in range(case.iterations):
        padded = _pad(case, y, pads)
        y = np.zeros(case.y, x.dtype)
        for at, window in met:
            y += einsum("bc...,oc->bo...", padded[window], h[(..., *at)])
    if case.task != BY_KERNEL:
        return {"y": y}
    dh, padded = np.zeros(case.h, x.dtype), _pad(case, x, pads)
    for at, window in met:
        dh[(..., *at)] = einsum(
            "boi,bci->oc", *(a.reshape(*a.shape[:2], -1) for a in (ct, padded[window]))
        )
    return {"y": y, "dh": dh}


def _offsets(case: Case) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(k) for k in case.kernel)))


def _pad(case: Case, a: np.ndarray, pads: list[tuple[int, int]]) -> np.ndarray:
    """Zeros along the filtered axes; negative numbers drop samples."""
    every = dict(zip(case.axes, pads, strict=True))
    pairs = [every.get(axis, (0, 0)) for axis in range(a.ndim)]
    kept = tuple(
        slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(a.shape, pairs, strict=True)
    )
    return np.pad(a[kept], [(max(lo, 0), max(hi, 0)) for lo, hi in pairs])


def _cut(case: Case, a: np.ndarray, starts: Any, lengths: Any) -> np.ndarray:
    index = [slice(None)] * a.ndim
    for axis, start, length in zip(case.axes, starts, lengths, strict=True):
        index[axis] = slice(start, start + length)
    return a[tuple(index)]


def _padded_signal(case: Case, x: np.ndarray) -> np.ndarray:
    """So that the output i meets, with tap m, the sample i + K-1-m."""
    sizes = zip(case.lengths, case.kernel, case.windows, strict=True)
    return _pad(case, x, [(k - 1 - start, start + m - n) for n, k, (start, m) in sizes])


def _value(case: Case, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    starts, lengths = zip(*case.windows, strict=True)
    if case.taps > FEW:
        return _cut(case, _full(x, h, case.axes), starts, lengths)
    padded = _padded_signal(case, x)
    y = np.zeros(case.y, x.dtype)
    for at in _offsets(case):
        shifts = [k - 1 - m for k, m in zip(case.kernel, at, strict=True)]
        y += _cut(case, h, at, [1] * len(at)) * _cut(case, padded, shifts, lengths)
    return y


def _by_signal(case: Case, h: np.ndarray, ct: np.ndarray) -> np.ndarray:
    starts, _ = zip(*case.windows, strict=True)
    if case.taps > FEW:
        first = [k - 1 - s for k, s in zip(case.kernel, starts, strict=True)]
        return _cut(case, _full(ct, np.flip(h, case.axes), case.axes), first, case.lengths)
    sizes = zip(case.lengths, case.kernel, case.windows, strict=True)
    padded = _pad(case, ct, [(start, n + k - 1 - start - m) for n, k, (start, m) in sizes])
    dx = np.zeros(case.x, ct.dtype)
    for at in _offsets(case):
        dx += _cut(case, h, at, [1] * len(at)) * _cut(case, padded, at, case.lengths)
    return dx


def _by_kernel(case: Case, x: np.ndarray, ct: np.ndarray) -> np.ndarray:
    starts, lengths = zip(*case.windows, strict=True)
    # A shared kernel collects from every row.
    kept = case.h if not case.is_shared else [1] * x.ndim
    rest = tuple(a for a in range(x.ndim) if a not in case.axes and kept[a] == 1)
    if case.taps > FEW:
        first = [n - 1 - s for n, s in zip(case.lengths, starts, strict=True)]
        spectrum = _full(ct, np.flip(x, case.axes), case.axes, total=rest)
        return _cut(case, spectrum, first, case.kernel).reshape(case.h)
    padded = _padded_signal(case, x)
    dh = np.zeros([k if a not in rest else 1 for a, k in enumerate(_ranks(case))], x.dtype)
    for at in _offsets(case):
        shifts = [k - 1 - m for k, m in zip(case.kernel, at, strict=True)]
        met = (ct * _cut(case, padded, shifts, lengths)).sum(
            axis=(*rest, *case.axes), keepdims=True
        )
        _cut(case, dh, at, [1] * len(at))[...] = met
    return dh.reshape(case.h)


def _ranks(case: Case) -> list[int]:
    """Sizes of the kernel along every axis of the signal, as if it had one for each row."""
    sizes = list(case.x)
    for axis, k in zip(case.axes, case.kernel, strict=True):
        sizes[axis] = k
    return sizes


def _full(
    a: np.ndarray, b: np.ndarray, axes: tuple[int, ...], total: tuple[int, ...] = ()
) -> np.ndarray:
    """The full linear convolution along ``axes``, summed over ``total``."""
    lengths = [a.shape[axis] + b.shape[axis] - 1 for axis in axes]
    is_real = a.dtype.kind != "c" and b.dtype.kind != "c"
    fast = [scipy.fft.next_fast_len(n, is_real) for n in lengths]
    forward, back = (
        (scipy.fft.rfftn, scipy.fft.irfftn) if is_real else (scipy.fft.fftn, scipy.fft.ifftn)
    )
    with scipy.fft.set_workers(2):
        product = np.asarray(forward(a, fast, axes)) * np.asarray(forward(b, fast, axes))
        if total:
            product = product.sum(axis=total, keepdims=True)
        out = np.asarray(back(product, fast, axes))
    index = [slice(None)] * out.ndim
    for axis, n in zip(axes, lengths, strict=True):
        index[axis] = slice(0, n)
    return out[tuple(index)]


def error(result: np.ndarray, truth: np.ndarray) -> float:
    """The largest deviation, relative to the largest value; infinite for a wrong shape."""
    if result.shape != truth.shape or not math.prod(truth.shape):
        return float("inf")
    wide = result.astype(truth.dtype)
    wide -= truth
    return float(np.abs(wide).max() / np.abs(truth).max())
