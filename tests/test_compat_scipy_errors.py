"""How the SciPy presets are called: SciPy's signatures, and its errors for wrong calls."""

import inspect
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from filtrax.compat import scipy_ndimage, scipy_signal

Row = tuple[str, tuple[Any, ...], dict[str, Any], type[Exception], str]
OURS = {"signal": scipy_signal, "ndimage": scipy_ndimage}
SCIPY = {"signal": scipy.signal, "ndimage": scipy.ndimage}

V, M = [1.0, 2.0], [[1.0, 2.0]]
SIGNAL: list[Row] = [
    ("convolve", ([1.0], M), {}, ValueError, "in1, in2"),
    ("convolve", (3.0, V), {}, ValueError, "in1, in2"),
    ("correlate", (M, V), {}, ValueError, "in1, in2"),
    ("fftconvolve", (M, V), {}, ValueError, "in1, in2"),
    ("oaconvolve", (V, 1.0), {}, ValueError, "in1, in2"),
    ("convolve", (V, V, "foo"), {}, ValueError, "mode"),
    ("convolve", (V, V, None), {}, ValueError, "mode"),
    ("correlate", (V, V, 1), {}, ValueError, "mode"),
    ("fftconvolve", (V, V, "FULL"), {}, ValueError, "mode"),
    ("oaconvolve", (V, V, "causal"), {}, ValueError, "mode"),
    ("convolve2d", (M, M, "bar"), {}, ValueError, "mode"),
    ("correlate2d", (M, M, "bar"), {}, ValueError, "mode"),
    ("correlation_lags", (3, 2, "foo"), {}, ValueError, "mode"),
    ("correlation_lags", (None, 2, "same"), {}, TypeError, "in1_len"),
    ("correlation_lags", (2.5, 2, "same"), {}, TypeError, "in1_len"),
    ("choose_conv_method", (V, V, "foo"), {}, ValueError, "mode"),
    ("convolve", (V, V), {"method": "bar"}, ValueError, "method"),
    ("convolve", (V, V), {"method": None}, ValueError, "method"),
    ("correlate", (V, V), {"method": "fast"}, ValueError, "method"),
    ("convolve", ([], V), {}, ValueError, "in1, in2"),
    ("convolve", (V, []), {"mode": "same"}, ValueError, "in1, in2"),
    ("correlate", ([], []), {"mode": "valid"}, ValueError, "in1, in2"),
    ("convolve", (np.ones((2, 3)), np.ones((3, 2)), "valid"), {}, ValueError, "in1, in2"),
    ("correlate", (np.ones((2, 3)), np.ones((3, 2)), "valid"), {}, ValueError, "in1, in2"),
    ("convolve2d", (np.ones((2, 3)), np.ones((3, 2)), "valid"), {}, ValueError, "in1, in2"),
    ("fftconvolve", (np.ones((2, 3)), np.ones((3, 2)), "valid"), {}, ValueError, "in1, in2"),
    ("fftconvolve", (np.ones((2, 3)), np.ones((3, 3))), {"axes": 1}, ValueError, "in1, in2"),
    ("fftconvolve", (V, V), {"axes": []}, ValueError, "axes"),
    ("fftconvolve", (V, V), {"axes": 1}, ValueError, "axes"),
    ("fftconvolve", (M, M), {"axes": (0, -2)}, ValueError, "axes"),
    ("fftconvolve", (V, V), {"axes": 0.5}, ValueError, "axes"),
    ("oaconvolve", (V, M[0]), {"axes": "a"}, ValueError, "axes"),
    ("convolve2d", (V, M), {}, ValueError, "in1"),
    ("convolve2d", (M, V), {}, ValueError, "in2"),
    ("correlate2d", (M, 3), {}, ValueError, "in2"),
    ("convolve2d", (M, M), {"boundary": "reflect"}, ValueError, "boundary"),
    ("convolve2d", (M, M), {"boundary": 0}, ValueError, "boundary"),
    ("convolve2d", (M, M), {"fillvalue": "a"}, ValueError, "fillvalue"),
    ("convolve2d", (M, M), {"fillvalue": [1, 2]}, ValueError, "fillvalue"),
    ("convolve2d", (M, M), {"fillvalue": 1j}, ValueError, "fillvalue"),
    ("convolve2d", (np.ones((1, 2), "uint8"),) * 2, {"fillvalue": -1}, ValueError, "fillvalue"),
]

SIGNAL_STRICTER: list[Row] = [
    ("convolve", (V, V), {"mode": "foo", "method": "auto"}, ValueError, "mode"),
    ("convolve", (3, 4, "foo"), {}, ValueError, "mode"),
    ("convolve", ("ab", V), {}, TypeError, "in1"),
    ("correlate", (V, {}), {}, TypeError, "in2"),
    ("convolve2d", (M, M), {"fillvalue": None}, ValueError, "fillvalue"),
    ("convolve2d", (np.ones((3, 3)), np.ones((0, 2))), {}, ValueError, "in1, in2"),
    ("choose_conv_method", (V, M), {}, ValueError, "in1, in2"),
    ("correlation_lags", (-1, 2), {}, ValueError, "in1_len"),
    ("correlation_lags", (1, -2), {}, ValueError, "in2_len"),
]

X, IMAGE = np.arange(5.0), np.ones((3, 4))
W = [1.0, 2.0]
NDIMAGE: list[Row] = [
    ("correlate1d", (X, W), {"mode": "foo"}, RuntimeError, "mode"),
    ("correlate1d", (X, W), {"mode": None}, RuntimeError, "mode"),
    ("convolve1d", (X, W), {"mode": ["wrap"]}, RuntimeError, "mode"),
    ("correlate", (IMAGE, [[1.0]]), {"mode": ["wrap", "wrap"]}, RuntimeError, "mode"),
    ("gaussian_filter", (IMAGE, 1), {"mode": ["wrap"]}, RuntimeError, "mode"),
    ("uniform_filter", (IMAGE, 3), {"mode": ["wrap", "foo"]}, RuntimeError, "mode"),
    ("correlate1d", (X, []), {}, RuntimeError, "weights"),
    ("convolve1d", (X, []), {}, RuntimeError, "weights"),
    ("correlate1d", (X, 1.0), {}, RuntimeError, "weights"),
    ("correlate1d", (X, [[1.0]]), {}, RuntimeError, "weights"),
    ("correlate", (X, []), {}, RuntimeError, "weights"),
    ("convolve", (IMAGE, W), {}, RuntimeError, "weights"),
    ("convolve", (IMAGE, [W]), {"axes": 0}, RuntimeError, "weights"),
    ("correlate1d", (X, W), {"origin": 1}, ValueError, "origin"),
    ("convolve1d", (X, W), {"origin": -2}, ValueError, "origin"),
    ("correlate", (IMAGE, [W]), {"origin": (1, 0)}, ValueError, "origin"),
    ("correlate", (IMAGE, [W]), {"origin": (0,)}, RuntimeError, "origin"),
    ("correlate1d", (X, W), {"origin": None}, TypeError, "origin"),
    ("correlate1d", (X, [1.0, 2, 3]), {"origin": 1.0}, TypeError, "origin"),
    ("uniform_filter1d", (X, 3), {"origin": 2}, ValueError, "origin"),
    ("uniform_filter", (IMAGE, 3), {"origin": (0, -2)}, ValueError, "origin"),
    ("uniform_filter", (IMAGE, 3), {"origin": (0,)}, RuntimeError, "origin"),
    ("correlate1d", (X, W), {"axis": 1}, np.exceptions.AxisError, "axis"),
    ("uniform_filter1d", (X, 3), {"axis": -2}, np.exceptions.AxisError, "axis"),
    ("gaussian_filter1d", (np.array(3.0), 1), {}, np.exceptions.AxisError, "axis"),
    ("correlate1d", (X, W), {"axis": None}, TypeError, "axis"),
    ("correlate", (IMAGE, [W]), {"axes": (0, 0)}, ValueError, "axes"),
    ("gaussian_filter", (IMAGE, 1), {"axes": (2,)}, ValueError, "axes"),
    ("uniform_filter", (IMAGE, 3), {"axes": 1.0}, TypeError, "axes"),
    ("uniform_filter", (IMAGE, 3), {"axes": "a"}, TypeError, "axes"),
    ("correlate1d", (X, W), {"output": "bool"}, RuntimeError, "output"),
    ("correlate1d", (X, W), {"output": "foo"}, TypeError, "output"),
    ("correlate1d", (X, W), {"output": "complex64"}, RuntimeError, "output"),
    ("gaussian_filter", (X, 1), {"output": complex}, RuntimeError, "output"),
    ("gaussian_filter", (X * 1j, 1), {"output": float}, RuntimeError, "output"),
    ("correlate1d", (X * 1j, W), {"output": "float32"}, RuntimeError, "output"),
    ("correlate1d", (X, W), {"output": object}, RuntimeError, "output"),
    ("correlate1d", (X, W), {"mode": "constant", "cval": 1j}, TypeError, "cval"),
    ("correlate1d", (X, [1j]), {"mode": "constant", "cval": 1j}, ValueError, "cval"),
    ("correlate1d", (X, W), {"cval": None}, TypeError, "cval"),
    ("correlate1d", (X, W), {"cval": [1.0]}, TypeError, "cval"),
    ("correlate1d", (X, W), {"cval": "a"}, TypeError, "cval"),
    ("gaussian_filter1d", (X, 1), {"order": -1}, ValueError, "order"),
    ("gaussian_filter1d", (X, 1), {"order": 1.5}, TypeError, "order"),
    ("gaussian_filter", (X, 1), {"order": (1, 2)}, RuntimeError, "order"),
    ("gaussian_filter1d", (X, 1), {"radius": -1}, ValueError, "radius"),
    ("gaussian_filter1d", (X, 1), {"radius": 1.5}, ValueError, "radius"),
    ("gaussian_filter", (X, 1), {"radius": (1, 2)}, RuntimeError, "radius"),
    ("gaussian_filter1d", (X, -1.0), {}, ValueError, "radius"),
    ("gaussian_filter1d", (X, None), {}, TypeError, "sigma"),
    ("gaussian_filter1d", (X, [1.0]), {}, TypeError, "sigma"),
    ("gaussian_filter", (X, "a"), {}, TypeError, "sigma"),
    ("gaussian_filter", (X, 1j), {}, TypeError, "sigma"),
    ("gaussian_filter", (IMAGE, (1, 2, 3)), {}, RuntimeError, "sigma"),
    ("gaussian_filter1d", (X, np.nan), {}, ValueError, "sigma, truncate"),
    ("gaussian_filter1d", (X, 1), {"truncate": None}, TypeError, "truncate"),
    ("uniform_filter1d", (X, 0), {}, RuntimeError, "size"),
    ("uniform_filter1d", (X, 2.5), {}, TypeError, "size"),
    ("uniform_filter1d", (X, [3]), {}, TypeError, "size"),
    ("uniform_filter", (X, "a"), {}, TypeError, "size"),
    ("uniform_filter", (IMAGE, (3, 3, 3)), {}, RuntimeError, "size"),
]

NDIMAGE_STRICTER: list[Row] = [
    ("correlate1d", (X, W), {"output": np.zeros(5)}, TypeError, "output"),
    ("gaussian_filter", (X, 1), {"output": jnp.zeros(5)}, TypeError, "output"),
    ("gaussian_filter1d", (X, 0), {}, ValueError, "sigma"),
    ("gaussian_filter1d", (X, np.float64(0)), {"radius": 2}, ValueError, "sigma"),
    ("gaussian_filter1d", (X, np.inf), {}, ValueError, "sigma, truncate"),
    ("gaussian_filter1d", (X, "a"), {}, TypeError, "sigma"),
    ("gaussian_filter", (X, 1), {"truncate": "a"}, (TypeError, ValueError), "sigma, truncate"),  # type: ignore[list-item]
    ("correlate1d", (X, W), {"origin": 1.5}, TypeError, "origin"),
    ("correlate1d", (X, W), {"origin": True}, TypeError, "origin"),
    ("convolve1d", (X, 1.0), {}, RuntimeError, "weights"),
    ("correlate1d", ("ab", W), {}, TypeError, "input"),
    ("correlate1d", (X, "ab"), {}, TypeError, "weights"),
]

BOTH = [("signal", *row) for row in SIGNAL] + [("ndimage", *row) for row in NDIMAGE]
STRICTER = [("signal", *row) for row in SIGNAL_STRICTER]
STRICTER += [("ndimage", *row) for row in NDIMAGE_STRICTER]


def refused(
    module: str, name: str, args: Any, options: Any, error: type[Exception], argument: str
) -> None:
    with pytest.raises(error, match=f"^{argument}: expected ") as caught:
        getattr(OURS[module], name)(*args, **options)
    # A wrong value is a ValueError in all of filtrax, whatever else it is here.
    assert isinstance(caught.value, (ValueError, TypeError))


@pytest.mark.parametrize(("module", "name", "args", "options", "error", "argument"), BOTH)
def test_errors_of_scipy(
    module: str, name: str, args: Any, options: Any, error: type[Exception], argument: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy tries a lossy cast before it refuses.
        with pytest.raises(error):
            getattr(SCIPY[module], name)(*args, **options)
    refused(module, name, args, options, error, argument)


@pytest.mark.parametrize(("module", "name", "args", "options", "error", "argument"), STRICTER)
def test_stricter_than_scipy(
    module: str, name: str, args: Any, options: Any, error: type[Exception], argument: str
) -> None:
    refused(module, name, args, options, error, argument)


@pytest.mark.parametrize("module", ["signal", "ndimage"])
def test_signatures(module: str) -> None:
    for name in OURS[module].__all__:
        if name == "sepfir2d":
            continue  # SciPy's is compiled, and says nothing of its signature.
        ours, theirs = (
            [(p.name, p.default, p.kind) for p in inspect.signature(f).parameters.values()]
            for f in (getattr(OURS[module], name), getattr(SCIPY[module], name))
        )
        assert ours == theirs, name


def test_traced_sigma_needs_a_radius() -> None:
    for function in (scipy_ndimage.gaussian_filter1d, scipy_ndimage.gaussian_filter):
        with pytest.raises(TypeError, match=r"^radius: expected an integer where sigma is traced"):
            jax.jit(lambda s, f=function: f(X, s))(1.0)
