"""How far `filtrax.compat` agrees with the NumPy and SciPy installed, call by call.

A call agrees if both raise, or if shape, dtype and values are the same: integers exactly, others
within 8 units in the last place of the sum of absolute products (of the norms' product where
SciPy transforms). What does not agree must be one of the differences of `LISTED`, which
`docs/promises.md` explains and `test_agreement.py` shows one by one.

Compiling is what calls cost, so a chunk of them is traced and compiled at once.
"""

import warnings
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import numpy as np
import scipy.ndimage
import scipy.signal
from hypothesis import HealthCheck, Phase, given, seed, settings

from agreement_calls import Call, drawn
from filtrax.compat import numpy as fnumpy
from filtrax.compat import scipy_ndimage, scipy_signal

PEERS = {"signal": scipy.signal, "ndimage": scipy.ndimage, "numpy": np}
OURS = {"signal": scipy_signal, "ndimage": scipy_ndimage, "numpy": fnumpy}
#: Draws of values for each traced call.
REPEATS = 2
CHUNK = 25
BOUND = 8
TRANSFORMS = ("fftconvolve", "oaconvolve")
#: Shorter sums are never left to a transform.
FEWEST_TRANSFORMED = 64


def draw_calls(number: int, count: int) -> list[Call]:
    """Calls of one seed."""
    calls: list[Call] = []

    @seed(number)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    @given(drawn())
    def collect(call: Call) -> None:
        calls.append(call)

    collect()
    return calls[:count]


def peer(call: Call, arrays: list[Any], **options: Any) -> Any:
    """What the library itself says: an array, or the exception it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            got = getattr(PEERS[call.module], call.name)(*arrays, **call.options | options)
        except Exception as error:
            return error
    return got if isinstance(got, str) else np.asarray(got)


def ours(call: Call, arrays: list[Any]) -> Any:
    """What filtrax says, an exception included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(OURS[call.module], call.name)(*arrays, **call.options)
        except Exception as error:
            return error


def as_given(call: Call, arrays: list[np.ndarray]) -> list[Any]:
    """The arrays as the call passes them."""
    return [array.tolist() for array in arrays] if call.form == "list" else arrays


def traceable(call: Call) -> bool:
    """Whether JAX can hold the operands as they are."""
    return call.form == "traced" and all(dtype != "longdouble" for _, dtype in call.operands)


def run(calls: list[Call]) -> list[tuple[Call, list[Any], Any]]:
    """Each call with its arguments and our answer, for every draw of values."""
    told: dict[int, Any] = {}

    def program(traced: dict[int, list[Any]]) -> dict[int, Any]:
        results = {}
        for index, call in enumerate(calls):
            arrays = traced[index] if index in traced else as_given(call, call.values())
            got = ours(call, arrays)
            if isinstance(got, Exception | str):
                told[index] = got
            else:
                results[index] = got
        return results

    draws = [
        {i: call.values(repeat) for i, call in enumerate(calls) if traceable(call)}
        for repeat in range(REPEATS)
    ]
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    compiled = jax.jit(program).lower(draws[0]).compile(compiler_options=options)
    answers = []
    for repeat, draw in enumerate(draws):
        results = compiled(draw)
        for index, call in enumerate(calls):
            if repeat and index not in draw:
                continue
            got = told[index] if index in told else np.asarray(results[index])
            answers.append((call, as_given(call, call.values(repeat)), got))
    return answers


def disagreement(call: Call, arrays: list[Any], want: Any, got: Any) -> str | None:
    """In what the two differ, or None."""
    if isinstance(want, Exception) or isinstance(got, Exception):
        if isinstance(want, Exception) and isinstance(got, Exception):
            return None
        return "only SciPy refuses" if isinstance(want, Exception) else "only we refuse"
    if isinstance(want, str):
        return None if want == got else "answer"
    if got.shape != want.shape:
        return "shape"
    if got.dtype != want.dtype:
        return "dtype"
    off = distance(got, want)
    if want.dtype.kind not in "fc":
        return "value" if np.any(off != 0) else None
    with np.errstate(all="ignore"):
        allowed = BOUND * float(np.finfo(want.dtype).eps) * scale(call, arrays)
        return None if np.all((off <= allowed) | (off == 0)) else "value"


def distance(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Absolute differences; equal infinities and NaN at the same place are none."""
    if want.dtype.kind == "b":
        # SciPy leaves bytes other than 0 and 1 in its booleans, which compare as unequal.
        return (got != (want.view(np.uint8) != 0)).astype(int)
    if want.dtype.kind in "iu":
        return np.abs(got.astype(object) - want.astype(object)).astype(object)
    with np.errstate(all="ignore"):
        same = (got == want) | (np.isnan(got) & np.isnan(want))
        wide = np.clongdouble if want.dtype.kind == "c" else np.longdouble
        return np.where(same, 0.0, np.abs(got.astype(wide) - want.astype(wide)))


def scale(call: Call, arrays: list[Any]) -> Any:
    """The size of what was summed, which rounding is measured by."""
    sizes = [np.abs(np.asarray(a).astype(np.complex128)) for a in arrays]
    options = call.options
    if call.name in (*TRANSFORMS, "sepfir2d") or transformed(call, arrays):
        return float(np.prod([np.linalg.norm(size.ravel()) for size in sizes]))
    outside = abs(options.get("cval", options.get("fillvalue", 0)))
    if len(sizes) == 2:
        absolute = {k: abs(v) for k, v in options.items() if k in ("cval", "fillvalue")}
        if call.module == "signal" and call.name in ("convolve", "correlate"):
            absolute["method"] = "direct"
        summed = peer(call, sizes, **absolute, **({"output": float} if "output" in options else {}))
        return np.asarray(summed, float)
    largest = max(np.max(sizes[0], initial=0), outside)
    rank, order = sizes[0].ndim, np.max(options.get("order", 0), initial=0)
    gains: dict[str, Callable[[], float]] = {
        "prewitt": lambda: 2.0 * 3**rank, "sobel": lambda: 2.0 * 4**rank,
        "laplace": lambda: 4.0 * rank, "gaussian_laplace": lambda: 2.0**6 * rank,
        "gaussian_gradient_magnitude": lambda: 2.0**4 * rank,
        "uniform_filter": lambda: 1.0, "uniform_filter1d": lambda: 1.0,
        "gaussian_filter": lambda: 2.0 ** (rank * (2 * order + 2)),
        "gaussian_filter1d": lambda: 2.0 ** (2 * order + 2),
        "savgol_filter": lambda: _polynomial_gain(options),
    }  # fmt: skip
    return float(largest) * gains[call.name]()


def transformed(call: Call, arrays: list[Any]) -> bool:
    """Whether SciPy's `convolve` or `correlate` takes an FFT."""
    if call.module != "signal" or call.name not in ("convolve", "correlate"):
        return False
    method = call.options.get("method", "auto")
    if method == "auto" and all(np.size(array) for array in arrays):
        method = scipy.signal.choose_conv_method(
            arrays[0], arrays[1], call.options.get("mode", "full")
        )
    return method == "fft"


def _polynomial_gain(options: dict[str, Any]) -> float:
    length, degree = options["window_length"], options["polyorder"]
    extra = {key: options[key] for key in ("deriv", "delta") if key in options}
    places = range(length) if options["mode"] == "interp" else [None]
    taps = [
        scipy.signal.savgol_coeffs(length, degree, pos=place, use="dot", **extra)
        for place in places
    ]
    return max(float(np.abs(each).sum()) for each in taps)


def dtypes(arrays: list[Any]) -> list[np.dtype[Any]]:
    """The dtypes that NumPy sees."""
    return [np.asarray(array).dtype for array in arrays]


def _narrowed(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """Extended precision is taken as double."""
    given = dtypes(arrays)
    if not any(dtype == np.longdouble for dtype in given) or isinstance(got, Exception):
        return False
    double = [np.asarray(array) for array in arrays]
    double = [array.astype(float) if array.dtype == np.longdouble else array for array in double]
    want = peer(call, double)
    if isinstance(want, Exception) or disagreement(call, double, want, got) is None:
        return True
    return _nearer(call, double, want, got)


def _taken(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """Half precision, and booleans in several dimensions, which SciPy has no code for."""
    if not isinstance(want, Exception) or isinstance(got, Exception):
        return False
    given = dtypes(arrays)
    halves = any(dtype == np.float16 for dtype in given)
    return halves or all(dtype == np.bool_ for dtype in given)


def _cut(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """A sum that is an integer but for rounding, cut off to that integer or to the one below."""
    if call.module != "ndimage" or isinstance(want, Exception) or want.dtype.kind not in "iub":
        return False
    passes = np.asarray(arrays[0]).ndim
    if call.name == "gaussian_gradient_magnitude" and want.dtype != np.bool_:
        return _of_cut_derivatives(call, arrays[0], got)
    fractions = len(arrays) == 1 or dtypes(arrays)[1].kind in "fc"
    off = distance(got, want)
    # Zero and the largest integer are neighbours, as sums wrap around.
    off = np.minimum(off, 2 ** (8 * want.dtype.itemsize) - off)
    return fractions and bool(np.max(off) <= passes * scale_of_steps(call))


def _of_cut_derivatives(call: Call, x: Any, got: np.ndarray) -> bool:
    """Whether a gradient's length comes from derivatives off by one a pass at most.

    The squares of the derivatives wrap around, so one more or less may change all.
    """
    options, rank = call.options, np.ndim(x)
    axes = options.get("axes", range(rank))
    modes = options["mode"] if isinstance(options["mode"], list) else [options["mode"]] * len(axes)
    others: dict[str, Any] = {key: options[key] for key in ("output", "cval") if key in options}
    derivatives = []
    for axis, mode in zip(axes, modes, strict=True):
        order: Any = [int(i == axis) for i in range(rank)]
        blurred = scipy.ndimage.gaussian_filter(x, options["sigma"], order, mode=mode, **others)
        derivatives.append(np.asarray(blurred))
    reached = np.zeros(got.shape, bool)
    with np.errstate(all="ignore"):
        for steps in product(range(-rank, rank + 1), repeat=len(axes)):
            total = np.zeros_like(got)
            for each, step in zip(derivatives, steps, strict=True):
                off = each + np.array(step).astype(each.dtype)
                total += off * off
            np.sqrt(total, total, casting="unsafe")
            reached |= total == got
    return bool(reached.all())


def scale_of_steps(call: Call) -> int:
    """By how much the later passes may stretch a step of one."""
    return 4 if call.name in ("sobel", "prewitt", "laplace", "gaussian_laplace") else 1


def _undefined(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """Sums beyond 2**53 that end in an integer: rounded in double, in another order than here."""
    if call.module != "ndimage" or isinstance(want, Exception) or want.dtype.kind not in "iub":
        return False
    if want.dtype == np.uint64 and len(arrays) == 1:
        return True  # A negative sum has become a huge one for the next pass.
    # Nor does C define the cast of a sum that fits neither the output nor 32 bits.
    limit = 2**53 if want.dtype.itemsize == 8 or want.dtype == np.uint32 else 2**31
    return bool(np.max(scale(call, arrays), initial=0) >= limit)


def _transformed(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """Integers that SciPy sends through an FFT; ours are those of its direct method."""
    if isinstance(want, Exception) or want.dtype.kind not in "iub" or not transformed(call, arrays):
        return False
    if want.dtype == np.bool_:
        counts = peer(call, [np.asarray(array).astype(int) for array in arrays], method="direct")
        return bool(np.all(got == (counts != 0)))
    exact = peer(call, arrays, method="direct")
    return not isinstance(exact, Exception) and not np.any(distance(got, exact))


def _nearer(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """SciPy's own rounding: what it says in extended precision is what we say."""
    if isinstance(want, Exception) or want.dtype.kind not in "fc":
        return False
    # ndimage has no extended precision, but holds what lies between complex passes in the input's.
    widest = np.float64 if call.module == "ndimage" else np.longdouble
    wide = [np.asarray(a).astype(np.result_type(np.asarray(a), widest)) for a in arrays]
    exact = peer(call, wide)
    if isinstance(exact, Exception) or exact.shape != got.shape:
        return False
    allowed = BOUND * float(np.finfo(want.dtype).eps) * scale(call, arrays)
    return bool(np.all(distance(got, exact) <= allowed))


def _by_norms(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """Long sums that filtrax leaves to a transform: their errors are relative to norms."""
    if len(arrays) < 2 or want.dtype.kind not in "fc" or call.options.get("method") == "direct":
        return False
    x, h = (np.abs(np.asarray(array).astype(complex)) for array in arrays)
    if min(x.size, h.size) < FEWEST_TRANSFORMED:
        return False
    outside = abs(call.options.get("cval", call.options.get("fillvalue", 0)))
    # As large as all that is filtered can be, what lies outside included.
    norm = max(x.max(), outside) * np.prod(np.add(x.shape, h.shape)) ** 0.5
    allowed = BOUND * float(np.finfo(want.dtype).eps) * norm * np.linalg.norm(h.ravel())
    return bool(np.all(distance(got, want) <= allowed))


def _short(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """`reflect` far beyond a short signal, where SciPy leaves its own rule."""
    if call.name not in ("correlate", "convolve") or call.module != "ndimage":
        return False
    shape, taps = np.shape(arrays[0]), np.shape(arrays[1])
    mirrored = call.options.get("mode") in ("reflect", "grid-mirror", "mirror", "wrap", "grid-wrap")
    return mirrored and max(taps, default=0) >= 2 * min(shape, default=1)


def _empty(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """Empty operands of `method="fft"` or "auto", which look at a first or a largest value."""
    return isinstance(want, IndexError | ValueError) and got.size == 0


def _unseen(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """Arguments that SciPy does not look at: the ranks in `choose_conv_method`, and a mode."""
    if not isinstance(got, ValueError):
        return False
    return call.name == "choose_conv_method" or call.options.get("mode") == "foo"


def _fitted(call: Call, arrays: list[Any], want: Any, got: Any) -> bool:
    """`savgol_filter` at the ends, where SciPy fits powers of the samples' numbers."""
    if call.name != "savgol_filter" or isinstance(want, Exception):
        return False
    allowed = 1000 * BOUND * float(np.finfo(want.dtype).eps) * scale(call, arrays)
    return bool(np.all(distance(got, want) <= allowed))


#: The differences that are meant, by the name that `docs/promises.md` gives them.
LISTED: dict[str, Callable[[Call, list[Any], Any, Any], bool]] = {
    "longdouble": _narrowed,
    "more dtypes": _taken,
    "integers by FFT": _transformed,
    "rounding of SciPy": _nearer,
    "sums by FFT": _by_norms,
    "short signals": _short,
    "beyond 2**53": _undefined,
    "cut off": _cut,
    "empty operands": _empty,
    "arguments unseen": _unseen,
    "polynomials": _fitted,
}


def listed(call: Call, arrays: list[Any], want: Any, got: Any) -> str | None:
    """Which listed difference it is."""
    for name, holds in LISTED.items():
        try:
            if holds(call, arrays, want, got):
                return name
        except (TypeError, ValueError, AttributeError):
            continue
    return None


def sweep(number: int, count: int) -> tuple[Counter[str], list[str]]:
    """Compares the calls of one seed: counts, and a text for each difference not listed."""
    counts: Counter[str] = Counter()
    found: list[str] = []
    calls = draw_calls(number, count)
    for start in range(0, len(calls), CHUNK):
        for call, arrays, got in run(calls[start : start + CHUNK]):
            want = peer(call, arrays)
            counts["calls"] += 1
            difference = disagreement(call, arrays, want, got)
            if difference is None:
                counts["agree"] += 1
                counts["both refuse"] += isinstance(want, Exception)
                continue
            reason = listed(call, arrays, want, got)
            counts[f"listed: {reason}" if reason else "not listed"] += 1
            if reason is None:
                found.append(f"{difference}: {call}\n  theirs {want!r}\n  ours {got!r}")
    return counts, found
