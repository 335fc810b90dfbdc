"""Random calls of NumPy's and SciPy's convolution functions, as Hypothesis draws them.

Sizes are 0 to 12 along each of up to three axes. Left out is only what SciPy does not survive or
answers with uninitialised memory: empty operands of its N-dimensional direct method (see `drawn`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

COMMON = (
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "float32", "float64", "complex64", "complex128",
)  # fmt: skip
RARE = ("float16", "longdouble")
NDIMAGE_MODES = (
    "reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap",
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One call of a function of `scipy.signal`, `scipy.ndimage` or NumPy.

    Attributes:
        module: ``"signal"``, ``"ndimage"`` or ``"numpy"``.
        name: the function.
        operands: shape and dtype of each array among the arguments, which come first.
        options: the other arguments.
        form: how the arrays are given: ``"traced"``, ``"numpy"`` or ``"list"``.
        style: how their values are drawn: ``"plain"``, or ``"extreme"`` integers and floats over
            many decades.
        seed: of their values.
    """

    module: str
    name: str
    operands: tuple[tuple[tuple[int, ...], str], ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    form: str = "traced"
    style: str = "plain"
    seed: int = 0

    def values(self, repeat: int = 0) -> list[np.ndarray]:
        """The arrays, from the seed."""
        rng = np.random.default_rng([self.seed, repeat])
        # ndimage sums in double and C does not define casts of what is beyond: mostly below.
        limit = 2**12 if self.module == "ndimage" and self.seed % 4 else 2**64
        return [_values(rng, *operand, self.style, limit) for operand in self.operands]


def _values(rng: np.random.Generator, shape: Any, dtype: str, style: str, limit: int) -> np.ndarray:
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.4
    if kind in "iu":
        limits = np.iinfo(dtype)
        if style == "extreme":
            low, high = max(limits.min, -limit), min(limits.max, limit)
            return rng.integers(low, high, shape, dtype, endpoint=True)
        # 8-bit integers often overflow in a sum, which must wrap.
        return rng.integers(0 if kind == "u" else -99, 100, shape).astype(dtype)
    x = rng.normal(size=shape)
    if kind == "c":
        x = x + 1j * rng.normal(size=shape)
    if style == "extreme":
        x = x * 10.0 ** rng.uniform(-3, 3, shape)
    return np.asarray(x, dtype)


def _dtype(draw: Any) -> str:
    return draw(st.sampled_from(COMMON * 32 + RARE))


def _size(draw: Any, longest: int = 12) -> int:
    return draw(st.one_of(st.integers(1, longest), st.integers(1, longest), st.integers(0, 12)))


def _shape(draw: Any, rank: int, longest: int = 12) -> tuple[int, ...]:
    return tuple(_size(draw, longest) for _ in range(rank))


def _rank(draw: Any) -> int:
    return draw(st.sampled_from((0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3)))


def _pair(draw: Any, rank: int) -> tuple[Any, Any]:
    """Two operands, mostly of one rank, of one dtype or two."""
    first = _dtype(draw)
    second = first if draw(st.booleans()) else _dtype(draw)
    if first == second == "bool" and draw(st.integers(0, 3)):
        second = _dtype(draw)  # In several dimensions SciPy has no code for two booleans.
    wrong = draw(st.integers(0, 99)) == 0
    return (_shape(draw, rank), first), (_shape(draw, max(rank - wrong, 0)), second)


def _mode(draw: Any) -> str:
    return draw(st.sampled_from(("full", "same", "valid") * 30 + ("foo",)))


def _fits(draw: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """For "valid": mostly operands of which one contains the other."""
    if draw(st.integers(0, 19)) and len(a[0]) == len(b[0]):
        large = tuple(map(max, a[0], b[0]))
        small = tuple(map(min, a[0], b[0]))
        a, b = ((large, a[1]), (small, b[1])) if draw(st.booleans()) else (
            (small, a[1]), (large, b[1]))  # fmt: skip
    return a, b


def numpy_call(draw: Any) -> Call:
    a, b = _pair(draw, draw(st.sampled_from((0, 1, 1, 1, 1, 1, 1, 1, 2))))
    name = draw(st.sampled_from(("convolve", "correlate")))
    return Call("numpy", name, (a, b), {"mode": _mode(draw)})


def whole(draw: Any) -> Call:
    a, b = _pair(draw, _rank(draw))
    options = {"mode": _mode(draw)}
    if options["mode"] == "valid":
        a, b = _fits(draw, a, b)
    method = draw(st.sampled_from((None, None, "auto", "direct", "direct", "fft")))
    if method:
        options["method"] = method
    return Call("signal", draw(st.sampled_from(("convolve", "correlate"))), (a, b), options)


def along(draw: Any) -> Call:
    rank = _rank(draw)
    a, b = _pair(draw, rank)
    options: dict[str, Any] = {"mode": _mode(draw)}
    if options["mode"] == "valid":
        a, b = _fits(draw, a, b)
    if rank and draw(st.booleans()):
        axes = draw(st.permutations(range(rank)))[: draw(st.integers(1, rank))]
        if len(a[0]) == len(b[0]) and draw(st.integers(0, 9)):
            # Elsewhere the two broadcast.
            n, k = list(a[0]), list(b[0])
            for i in set(range(rank)) - set(axes):
                n[i], k[i] = draw(st.sampled_from(((n[i], n[i]), (n[i], 1), (1, k[i]))))
            a, b = (tuple(n), a[1]), (tuple(k), b[1])
        axes = [axis - rank * draw(st.booleans()) for axis in axes]
        options["axes"] = axes[0] if len(axes) == 1 and draw(st.booleans()) else axes
    return Call("signal", draw(st.sampled_from(("fftconvolve", "oaconvolve"))), (a, b), options)


def matrices(draw: Any) -> Call:
    a, b = _pair(draw, 2)
    options: dict[str, Any] = {"mode": _mode(draw)}
    if options["mode"] == "valid":
        a, b = _fits(draw, a, b)
    if draw(st.integers(0, 3)):
        options["boundary"] = draw(
            st.sampled_from(("fill", "pad", "wrap", "circular", "symm", "symmetric", "foo"))
        )
    if draw(st.booleans()):
        options["fillvalue"] = draw(st.sampled_from((0, 1, 2, -3, 1.5, 2 + 1j, True)))
    return Call("signal", draw(st.sampled_from(("convolve2d", "correlate2d"))), (a, b), options)


def separable(draw: Any) -> Call:
    real = draw(st.sampled_from(("float32", "float64", "int32", "uint8")))
    dtype = draw(st.sampled_from((real, real, "complex128")))
    taps = [(((2 * draw(st.integers(0, 3)) + 1),), real) for _ in range(2)]
    # Where a filter is longer than the matrix SciPy reads beyond its memory.
    shape = tuple(draw(st.integers(taps[i][0][0], 12)) for i in (1, 0))
    return Call("signal", "sepfir2d", ((shape, dtype), *taps))


def lags(draw: Any) -> Call:
    sizes = {"in1_len": _size(draw), "in2_len": _size(draw)}
    return Call("signal", "correlation_lags", (), sizes | {"mode": _mode(draw)})


def choice(draw: Any) -> Call:
    rank = _rank(draw)
    a, b = ((_shape(draw, rank), _dtype(draw)) for _ in range(2))
    return Call("signal", "choose_conv_method", (a, b), {"mode": _mode(draw)}, "numpy")


def polynomial(draw: Any) -> Call:
    rank = draw(st.integers(1, 3))
    length = draw(st.integers(1, 9))
    options = {
        "window_length": length,
        "polyorder": draw(st.integers(0, min(length - 1, 4) + (draw(st.integers(0, 29)) == 0))),
        "axis": draw(st.integers(-rank, rank - 1)),
        "mode": draw(st.sampled_from(("interp", "mirror", "constant", "nearest", "wrap"))),
    }
    if draw(st.booleans()):
        options |= {"deriv": draw(st.integers(0, 3)), "delta": draw(st.sampled_from((1.0, 0.5)))}
    return Call("signal", "savgol_filter", ((_shape(draw, rank), _dtype(draw)),), options)


def _outside(draw: Any, axes: int = 0) -> dict[str, Any]:
    """Mode and constant of ndimage; for several axes perhaps one mode for each."""
    names = NDIMAGE_MODES * 10 + ("foo",)
    mode: Any = draw(st.sampled_from(names))
    if axes and draw(st.booleans()):
        mode = [draw(st.sampled_from(names)) for _ in range(axes)]
    options: dict[str, Any] = {"mode": mode}
    if draw(st.booleans()):
        options["cval"] = draw(st.sampled_from((0, 1, 2, -3, 1.5)))
    return options


def _output(draw: Any, *given: str) -> dict[str, Any]:
    """Now and then an output dtype, mostly complex where it must be."""
    if draw(st.integers(0, 3)):
        return {}
    output = draw(st.sampled_from(COMMON))
    if draw(st.integers(0, 19)):
        to_complex = any(dtype[0] == "c" for dtype in given)
        output = draw(st.sampled_from([each for each in COMMON if (each[0] == "c") == to_complex]))
    by_name = draw(st.booleans()) and output != "bool"
    return {"output": output if by_name else np.dtype(output).type}


def _origin(draw: Any, taps: int) -> int:
    wrong = draw(st.integers(0, 99)) == 0
    return draw(st.integers(-(taps // 2) - wrong, max((taps - 1) // 2 + wrong, -(taps // 2))))


def vector(draw: Any) -> Call:
    shape = _shape(draw, max(_rank(draw), draw(st.integers(0, 19)) > 0))
    taps, dtypes = _size(draw), (_dtype(draw), _dtype(draw))
    options = {**_outside(draw), **_output(draw, *dtypes), "origin": _origin(draw, taps)}
    if shape and draw(st.booleans()):
        options["axis"] = draw(st.integers(-len(shape), len(shape) - 1))
    if any(dtype[0] == "c" for dtype in dtypes) and draw(st.integers(0, 3)) == 0:
        options["cval"] = 2 + 1j
    operands = ((shape, dtypes[0]), ((taps,), dtypes[1]))
    return Call("ndimage", draw(st.sampled_from(("correlate1d", "convolve1d"))), operands, options)


def image(draw: Any) -> Call:
    rank = _rank(draw)
    shape, axes = _shape(draw, rank), list(range(rank))
    dtypes = (_dtype(draw), _dtype(draw))
    options = {**_outside(draw), **_output(draw, *dtypes)}
    if rank and draw(st.booleans()):
        axes = draw(st.permutations(range(rank)))[: draw(st.integers(1, rank))]
        signed = [axis - rank * (len(axes) > 1 and draw(st.booleans())) for axis in axes]
        options["axes"] = tuple(signed)
    taps = tuple(_size(draw, {1: 12, 2: 6, 3: 4}[len(axes)]) for axes in [axes] for _ in axes)
    if axes and draw(st.booleans()):
        fits = dict(zip(sorted(axes), taps, strict=True))
        # With fewer axes than dimensions SciPy takes origins in the order of the axes.
        order = axes if len(axes) < rank else sorted(axes)
        options["origin"] = [_origin(draw, fits[axis]) for axis in order]
    operands = ((shape, dtypes[0]), (taps, dtypes[1]))
    return Call("ndimage", draw(st.sampled_from(("correlate", "convolve"))), operands, options)


def smoothing(draw: Any) -> Call:
    name = draw(
        st.sampled_from(
            ("gaussian_filter", "gaussian_filter1d", "uniform_filter", "uniform_filter1d")
        )
    )
    rank = _rank(draw)
    single = name.endswith("1d")
    rank = max(rank, single and draw(st.integers(0, 19)) > 0)
    axes = list(range(rank))
    options: dict[str, Any] = {}
    if single:
        axes = axes[:1]
        if rank:
            options["axis"] = draw(st.integers(-rank, rank - 1))
    elif rank and draw(st.booleans()):
        axes = draw(st.permutations(range(rank)))[: draw(st.integers(1, rank))]
        options["axes"] = tuple(axes)
    dtype = _dtype(draw)
    options |= {**_outside(draw, 0 if single else len(axes)), **_output(draw, dtype)}

    def one_or_each(value: Callable[[], Any]) -> Any:
        if single or draw(st.booleans()):
            return value()
        return [value() for _ in axes]

    if name.startswith("gaussian"):
        options["sigma"] = one_or_each(lambda: draw(st.sampled_from((0.5, 0.7, 1, 1.3, 2.0))))
        if draw(st.integers(0, 2)) == 0:
            options["order"] = one_or_each(lambda: draw(st.integers(0, 3)))
        if draw(st.integers(0, 2)) == 0:
            options["radius"] = one_or_each(lambda: draw(st.integers(0, 6)))
        elif draw(st.booleans()):
            options["truncate"] = draw(st.sampled_from((1.0, 2.5, 4.0)))
    else:
        size = draw(st.sampled_from((0, 1, 2, 2, 3, 3, 4, 5, 6, 7)))
        options |= {"size": size, "origin": one_or_each(lambda: _origin(draw, size))}
    return Call("ndimage", name, ((_shape(draw, rank), dtype),), options)


def derivative(draw: Any) -> Call:
    name = draw(
        st.sampled_from(
            ("prewitt", "sobel", "laplace", "gaussian_laplace", "gaussian_gradient_magnitude")
        )
    )
    rank = draw(st.integers(1, 3))
    options: dict[str, Any] = {}
    count = rank
    if name in ("prewitt", "sobel"):
        options["axis"] = draw(st.integers(-rank, rank - 1))
    elif draw(st.booleans()):
        count = draw(st.integers(1, rank))
        options["axes"] = tuple(draw(st.permutations(range(rank)))[:count])
    if name.startswith("gaussian"):
        options["sigma"] = draw(st.sampled_from((0.7, 1, 1.5)))
    dtype = _dtype(draw)
    options |= {**_outside(draw, count), **_output(draw, dtype)}
    return Call("ndimage", name, ((_shape(draw, rank), dtype),), options)


FAMILIES = (
    *[numpy_call] * 3, *[whole] * 6, *[along] * 4, *[matrices] * 5, *[vector] * 6, *[image] * 6,
    *[smoothing] * 7, *[derivative] * 5, separable, lags, choice, *[polynomial] * 2,
)  # fmt: skip


@st.composite
def drawn(draw: Any) -> Call:
    """A call that SciPy survives."""
    call = draw(st.sampled_from(FAMILIES))(draw)
    empty = any(0 in shape for shape, _ in call.operands)
    matrix = call.name in ("convolve2d", "correlate2d")
    several = call.name in ("convolve", "correlate") and call.module == "signal"
    if empty and (matrix or (several and len(call.operands[0][0]) > 1)):
        grown = tuple((tuple(max(n, 1) for n in shape), dtype) for shape, dtype in call.operands)
        call = Call(call.module, call.name, grown, call.options)
    form = call.form
    if form == "traced":
        form = draw(st.sampled_from(("traced",) * 6 + ("numpy", "list")))
    style = draw(st.sampled_from(("plain",) * 19 + ("extreme",)))
    seed = draw(st.integers(0, 2**32))
    return Call(call.module, call.name, call.operands, call.options, form, style, seed)
