"""The real functions that `filtrax.conventions` speaks of, called on one row or one image.

MATLAB cannot be called here: its entry is a NumPy loop over what MathWorks documents of `conv`.
There w(k) is the sum over j of u(j) v(k-j+1), 'same' the central part, of the size of u, and
'valid' has max(length(u)-length(v)+1, 0) samples. Which part is central for an even v is settled
by the worked example of that page, which `test_conventions.py` holds.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from filtrax.conventions import CONVENTIONS, Translation, apply, translate

#: Lengths of signal and kernel: odd, even, one tap, one sample, and the kernel the longer.
SIZES = ((9, 3), (8, 4), (7, 1), (5, 5), (6, 6), (3, 5), (4, 7), (3, 4), (2, 6), (1, 2))


#: Raises ValueError where the library refuses.
Peer = Callable[[np.ndarray, np.ndarray, Any], np.ndarray]


def _scipy(function: Callable[..., np.ndarray]) -> Peer:
    # The direct method is the definition; SciPy's own choice may be an FFT, which rounds.
    return lambda x, h, mode: function(x, h, mode=mode, method="direct")


def _scipy_2d(function: Callable[..., np.ndarray]) -> Peer:
    def call(x: np.ndarray, h: np.ndarray, mode: str) -> np.ndarray:
        y = function(np.atleast_2d(x), np.atleast_2d(h), mode=mode)
        return y[0] if h.ndim == 1 else y

    return call


def _ndimage(function: Callable[..., np.ndarray]) -> Peer:
    return lambda x, h, mode: function(x, h, mode=mode)


def _lax(x: Any, h: Any, mode: str) -> np.ndarray:
    y = jax.lax.conv_general_dilated(
        x[None, None], h[None, None], (1,) * h.ndim, mode, precision=jax.lax.Precision.HIGHEST
    )
    return np.asarray(y[0, 0])


def _matlab(x: np.ndarray, h: np.ndarray, mode: str) -> np.ndarray:
    n, k = len(x), len(h)
    full = np.zeros(n + k - 1, np.result_type(x, h))
    for i in range(n):
        for j in range(k):
            full[i + j] += x[i] * h[j]
    if mode == "full":
        return full
    if mode == "same":
        first = -(-(k + 1) // 2)  # Counted from one, as MATLAB counts: ceil((k+1)/2).
        return full[first - 1 : first - 1 + n]
    return full[k - 1 : k - 1 + max(n - k + 1, 0)]


#: By their names in the table; those of optional libraries are in `tests/parity`.
PEERS: dict[str, Peer] = {
    "numpy.convolve": np.convolve,
    "numpy.correlate": np.correlate,
    "scipy.signal.convolve": _scipy(scipy.signal.convolve),
    "scipy.signal.correlate": _scipy(scipy.signal.correlate),
    "scipy.signal.convolve2d": _scipy_2d(scipy.signal.convolve2d),
    "scipy.signal.correlate2d": _scipy_2d(scipy.signal.correlate2d),
    "scipy.ndimage.convolve1d": _ndimage(scipy.ndimage.convolve1d),
    "scipy.ndimage.correlate1d": _ndimage(scipy.ndimage.correlate1d),
    "jax.lax.conv": _lax,
    "matlab.conv": _matlab,
}

#: One way to say what stands outside x, as `describe` words it, and `numpy.pad`'s name for it.
OUTSIDE: dict[str, Any] = {
    "zero": "constant",
    "the nearest sample": "edge",
    "x mirrored about its end samples": "reflect",
    "x mirrored about its edges, the end samples repeated": "symmetric",
    "x repeated periodically": "wrap",
}


def signals(n: Any, k: Any, dtype: str = "float64", seed: int = 0) -> tuple[Any, Any]:
    """A signal and a kernel of those shapes without symmetry of any kind."""
    rng = np.random.default_rng([seed, *np.atleast_1d(n), *np.atleast_1d(k)])
    drawn = []
    for shape in (n, k):
        if np.dtype(dtype).kind in "iu":
            drawn.append(rng.integers(-9 if np.dtype(dtype).kind == "i" else 1, 10, shape))
        else:
            drawn.append(rng.normal(size=shape))
            if np.dtype(dtype).kind == "c":
                drawn[-1] = drawn[-1] + 1j * rng.normal(size=shape)
    return drawn[0].astype(dtype), drawn[1].astype(dtype)


def run_together(function: Callable[..., Any], *operands: Any, fast: bool = True) -> Any:
    """Compiles and runs a function of many small results at once.

    With ``fast`` the compiler does not optimise, which takes half the time and asks of the
    operations no more than their meaning.
    """
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    lowered = jax.jit(function).lower(*operands)
    return lowered.compile(compiler_options=options if fast else None)(*operands)


def apply_together(pairs: list[tuple[np.ndarray, np.ndarray]], name: str, mode: Any) -> list[Any]:
    """`conventions.apply` for each pair, or the ValueError that it raises."""
    refused: dict[int, ValueError] = {}

    def run(pairs: Any) -> dict[int, Any]:
        results = {}
        for index, (x, h) in enumerate(pairs):
            try:
                results[index] = apply(x, h, name, mode)
            except ValueError as error:
                refused[index] = error
        return results

    results = run_together(run, pairs) | refused
    return [results[index] for index in range(len(pairs))]


def scipy_conjugates_the_wrong_one(name: str, mode: Any, x: np.ndarray, h: np.ndarray) -> bool:
    """SciPy's correlate2d exchanges operands in 'valid' and then conjugates x, not the kernel."""
    return (
        name == "scipy.signal.correlate2d"
        and mode == "valid"
        and np.iscomplexobj(h)
        and h.shape[-1] > x.shape[-1]
    )


def pad(x: np.ndarray, pairs: Any, boundary: Any) -> np.ndarray:
    """`numpy.pad` where negative numbers drop samples."""
    pairs = [pairs] if x.ndim == 1 else list(pairs)
    grown = np.pad(x, [(max(lo, 0), max(hi, 0)) for lo, hi in pairs], mode=boundary)
    kept = [
        slice(max(-lo, 0), size - max(-hi, 0))
        for (lo, hi), size in zip(pairs, grown.shape, strict=True)
    ]
    return grown[tuple(kept)]


def translated(
    x: np.ndarray, translation: Translation, target: Peer, padding: Any = None
) -> np.ndarray:
    """Calls the real target as a translation says."""
    padded = pad(x, translation.padding if padding is None else padding, translation.boundary)
    y = target(padded, np.asarray(translation.kernel), translation.mode)
    return pad(y, _negative(translation.crop), "constant")


def _negative(pairs: Any) -> Any:
    if isinstance(pairs[0], tuple):
        return [_negative(pair) for pair in pairs]
    return -pairs[0], -pairs[1]


def cases_of_translation(
    sources: dict[str, Peer], targets: dict[str, Peer], complex_too: bool = True
) -> Iterator[tuple[str, str, Any, np.ndarray, np.ndarray]]:
    """Source, target, mode, x and h: odd and even kernels, also longer than the signal."""
    for source, target in itertools.product(sources, targets):
        modes: list[Any] = list(CONVENTIONS[source].modes)
        if CONVENTIONS[source].integer_padding:
            modes += [1, 2]
        dtypes = ["float64", "complex128"] if complex_too else ["float64"]
        for mode, (n, k), dtype in itertools.product(modes, SIZES, dtypes):
            x, h = signals(n, k, dtype)
            if not scipy_conjugates_the_wrong_one(source, mode, x, h):
                yield source, target, mode, x, h


def check_translation(
    source: str,
    target: str,
    mode: Any,
    x: np.ndarray,
    h: np.ndarray,
    peers: dict[str, Peer],
) -> bool:
    """The real target, called as told, gives the real source's result. False if that is none."""
    note = f"{source} {mode!r} by {target}, x {x.shape}, h {h.shape} {h.dtype}"
    try:
        expected = peers[source](x, h, mode)
    except ValueError:
        with pytest.raises(ValueError, match=r"^(h|n): "):
            translate(h, source, target, mode, n=x.shape)
        return False
    if expected.size == 0:
        with pytest.raises(ValueError, match=r"^n: expected a length"):
            translate(h, source, target, mode, n=x.shape)
        assert translate(h, source, target, mode).apply(x).shape == expected.shape, note
        return False
    tolerance: dict[str, Any] = {
        "rtol": 1e-12,
        "atol": 1e-12 * float(np.abs(h).sum() * np.abs(x).max()),
    }
    told = translate(h, source, target, mode, n=x.shape)
    got = translated(x, told, peers[target])
    assert got.shape == expected.shape, f"{note}: {told}"
    np.testing.assert_allclose(got, expected, **tolerance, err_msg=f"{note}: {told}")
    if told.native is not None and not scipy_conjugates_the_wrong_one(target, told.native, x, h):
        native = peers[target](x, np.asarray(told.kernel), told.native)
        np.testing.assert_allclose(native, expected, **tolerance, err_msg=f"{note}: native")
    # Without n: for long signals at once, for short ones through padding_for.
    general = translate(h, source, target, mode)
    assert general.padding_for(x.shape) == told.padding, note
    if all(size >= taps for size, taps in zip(x.shape, h.shape, strict=True)):
        assert general.padding == told.padding, note
        if general.native is not None:
            assert told.native is not None, note
    return True
