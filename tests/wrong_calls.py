"""Every public function with a right call, and for each argument the tables of wrong values."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import filtrax
import filtrax.nn
from filtrax import conventions, iir
from filtrax.compat import numpy as np_like
from filtrax.compat import scipy_ndimage, scipy_signal, tensorflow, torch
from filtrax.nn import Biquads
from wrong_values import (
    BELOW_ZERO,
    EMPTY,
    NOT_A_FLAG,
    NOT_A_NAME,
    NOT_A_NUMBER,
    NOT_AN_INTEGER,
    NOT_NORMALISED,
    NOT_NUMBERS,
    NOT_SECTIONS,
    OUT_OF_RANK,
    TOO_SMALL,
    Wrong,
    kind,
    raising,
)

Call = tuple[str, Callable[..., Any], dict[str, Any], dict[str, list[Wrong]]]

X = np.arange(12.0).reshape(3, 4)
ROW = np.arange(4.0)
H = np.ones(3)
IMAGE = np.ones((1, 5, 6, 2))
#: Labels of values that two tables have in common.
LABELS = tuple(row[0] for row in NOT_A_NAME)
SOS = np.array([[1.0, 0.2, 0.1, 1.0, -0.5, 0.1]])

SIGNAL = kind(NOT_NUMBERS, EMPTY)
#: Compat functions take empty operands as their peers do.
OPERAND = NOT_NUMBERS
INTEGER = NOT_AN_INTEGER
STEP = kind(NOT_AN_INTEGER, TOO_SMALL)
COUNT = kind(NOT_AN_INTEGER, BELOW_ZERO)
AXIS = kind(NOT_AN_INTEGER, OUT_OF_RANK)
AXES = kind(AXIS, without=("None",))
OPTIONAL_COUNT = kind(COUNT, without=("None",))
NAME = NOT_A_NAME
OPTIONAL_NAME = kind(NOT_A_NAME, without=("None",))
FLAG = NOT_A_FLAG
#: SciPy raises a ValueError for any wrong name.
SCIPY_NAME = raising(ValueError, NOT_A_NAME)
BOTH = (TypeError, ValueError)
#: A lone integer is a constant boundary, a float as well.
BOUNDARY = kind(
    NOT_A_NAME,
    without=(
        "an integer",
        "a float",
    ),
)

#: A lone number is a bound of the error.
ACCURACY = kind(NOT_A_NAME, without=("an integer", "a float"))

CORE: dict[str, list[Wrong]] = {
    "x": SIGNAL, "h": SIGNAL, "mode": NAME, "boundary": BOUNDARY, "origin": INTEGER,
    "stride": STEP, "dilation": STEP, "conjugate": FLAG, "method": NAME,
    "precision": OPTIONAL_NAME, "accuracy": ACCURACY, "normalize": FLAG,
    "where": kind(NOT_NUMBERS, without=("None",)),
}  # fmt: skip


def same(function: Callable[..., Any], **always: Any) -> Callable[..., Any]:
    return partial(function, **always)


ONE = {"x": ROW, "h": H}
BA = {"b": [1.0, 0.5], "a": [1.0, -0.5]}
TORCH = {"input": np.ones((2, 7)), "weight": np.ones((4, 2, 3))}
TORCH2 = {"input": np.ones((2, 7, 7)), "weight": np.ones((4, 2, 3, 3))}
CONV: dict[str, list[Wrong]] = {
    "input": SIGNAL, "weight": SIGNAL, "bias": kind(NOT_NUMBERS, without=("None",)),
    "stride": STEP, "padding": kind(NOT_A_NAME, without=("an integer",)), "dilation": STEP,
    "groups": STEP,
}  # fmt: skip
TF: dict[str, list[Wrong]] = {
    "input": SIGNAL, "filters": SIGNAL, "padding": NAME,
    "dilations": kind(STEP, without=("None",)),
}  # fmt: skip
WHOLE: dict[str, list[Wrong]] = {"in1": OPERAND, "in2": OPERAND, "mode": SCIPY_NAME}
MATRICES: dict[str, list[Wrong]] = {
    **WHOLE, "boundary": SCIPY_NAME, "fillvalue": raising(ValueError, NOT_A_NUMBER),
}  # fmt: skip
ND: dict[str, list[Wrong]] = {
    "input": OPERAND, "mode": SCIPY_NAME, "cval": NOT_A_NUMBER, "origin": INTEGER,
}  # fmt: skip
EDGES = {name: table for name, table in ND.items() if name != "origin"}
SECTIONS = kind(SIGNAL, NOT_SECTIONS, NOT_NORMALISED)
CASCADE: dict[str, list[Wrong]] = {"sos": SECTIONS, "x": OPERAND, "axis": AXIS}
FRACTION: dict[str, list[Wrong]] = {"b": SIGNAL, "a": SIGNAL, "x": OPERAND, "axis": AXIS}
PADS: dict[str, list[Wrong]] = {
    "padtype": OPTIONAL_NAME, "padlen": OPTIONAL_COUNT,
}  # fmt: skip
STATE: dict[str, list[Wrong]] = {"zi": kind(NOT_NUMBERS, without=("None",))}

#: One for each axis, so that some of these are sequences of wrong values.
SIGMA = raising(BOTH, kind(NOT_A_NUMBER, without=(
    "several", "an array", "None within", "strings", "ragged lists", "an array of objects",
)))  # fmt: skip
#: As in SciPy, what `int` takes is a size; below 1 it is skipped.
INT_ACCEPTS = ("a fraction", "a whole float", "a NumPy float", "NaN", "True", "a Fraction",
               "an array")  # fmt: skip
#: Nothing but a name will do, so that nearly everything is wrong.
ONLY_NAME = kind(
    NOT_A_NAME,
    raising(BOTH, kind(NOT_NUMBERS, without=LABELS)),
    kind(NOT_A_FLAG, without=(*LABELS, "a string")),
    kind(NOT_AN_INTEGER, without=(*LABELS, "a string", "a date")),
)

CALLS: list[Call] = [
    ("filtrax.convolve", filtrax.convolve, ONE, {**CORE, "axes": AXES}),
    ("filtrax.correlate", filtrax.correlate, ONE, {**CORE, "axes": AXES}),
    ("filtrax.filter_rows", filtrax.filter_rows, {"x": X, "h": H},
     {**CORE, "axis": AXIS, "operation": NAME}),
    ("filtrax.filter_separable", filtrax.filter_separable,
     {"x": X, "kernels": [H, H], "axes": (0, 1)},
     {**{k: v for k, v in CORE.items() if k != "h"}, "x": NOT_NUMBERS, "axes": kind(NOT_AN_INTEGER),
      "kernels": kind(NOT_NUMBERS, without=("a too wide integer", "ragged lists", "None within",
                                            "strings", "a date",)), "operation": NAME}),
    ("filtrax.plan", filtrax.plan, {"x_shape": (3, 4), "h_shape": (3,)},
     {"x_shape": NOT_AN_INTEGER, "h_shape": NOT_AN_INTEGER, "operation": NAME, "mode": NAME,
      "axes": AXES, "stride": STEP, "dilation": STEP, "derivative": OPTIONAL_NAME, "method": NAME,
      "platform": OPTIONAL_NAME, "dtype": raising(TypeError, NOT_A_NAME)}),
    ("filtrax.cross_correlate", filtrax.cross_correlate, ONE,
     {"x": SIGNAL, "h": SIGNAL, "mode": NAME, "max_lag": OPTIONAL_COUNT,
      "normalize": OPTIONAL_NAME, "min_overlap": STEP, "axes": AXES, "method": NAME,
      "precision": OPTIONAL_NAME}),
    ("filtrax.correlation_lags", filtrax.correlation_lags, {"n": 5, "k": 3},
     {"n": STEP, "k": STEP, "mode": NAME, "max_lag": OPTIONAL_COUNT}),
    ("filtrax.estimate_delay", filtrax.estimate_delay, {"x": ROW, "y": H},
     {"x": SIGNAL, "y": SIGNAL, "axes": AXIS, "max_lag": OPTIONAL_COUNT, "weighting": NAME,
      "subsample": NAME}),
    ("filtrax.pad_to_bucket", filtrax.pad_to_bucket, {"x": ROW, "h_shape": (3,)},
     {"x": SIGNAL, "h_shape": NOT_AN_INTEGER, "mode": NAME, "operation": NAME, "axes": AXES,
      "boundary": BOUNDARY, "origin": INTEGER, "stride": STEP, "dilation": STEP,
      "lengths": kind(NOT_AN_INTEGER, without=("None",))}),
    ("filtrax.lfilter", filtrax.lfilter, {**BA, "x": ROW}, {**FRACTION, **STATE, "method": NAME}),
    ("filtrax.sosfilt", filtrax.sosfilt, {"sos": SOS, "x": ROW},
     {**CASCADE, **STATE, "method": NAME}),
    ("filtrax.filtfilt", filtrax.filtfilt, {**BA, "x": np.arange(40.0)},
     {**FRACTION, **PADS, "method": NAME}),
    ("filtrax.filtfilt, gust", same(filtrax.filtfilt, method="gust"), {**BA, "x": np.arange(40.0)},
     {"irlen": OPTIONAL_COUNT}),
    ("filtrax.sosfiltfilt", filtrax.sosfiltfilt, {"sos": SOS, "x": np.arange(40.0)},
     {**CASCADE, **PADS}),
    ("filtrax.lfilter_zi", filtrax.lfilter_zi, BA, {"b": SIGNAL, "a": SIGNAL}),
    ("filtrax.sosfilt_zi", filtrax.sosfilt_zi, {"sos": SOS}, {"sos": SECTIONS}),
    ("filtrax.lfiltic", filtrax.lfiltic, {**BA, "y": [1.0]},
     {"b": SIGNAL, "a": SIGNAL, "y": OPERAND, "x": kind(NOT_NUMBERS, without=("None",))}),
    ("filtrax.iir.plan", iir.plan, {"x_shape": (3, 4), "order": 2},
     {"x_shape": NOT_AN_INTEGER, "order": STEP, "dtype": raising(TypeError, NOT_A_NAME),
      "axis": AXIS, "sections": STEP, "traced": FLAG, "method": NAME, "platform": OPTIONAL_NAME}),
    ("filtrax.iir.biquad", iir.biquad, {"kind": "peaking", "frequency": 0.3},
     {"kind": NAME, "frequency": NOT_NUMBERS, "q": NOT_NUMBERS, "gain_db": NOT_NUMBERS,
      "fs": kind(NOT_A_NUMBER, TOO_SMALL)}),
    ("filtrax.iir.frequency_response", iir.frequency_response, {"sos": SOS, "frequencies": [0.1]},
     {"sos": SECTIONS, "frequencies": OPERAND, "fs": kind(NOT_A_NUMBER, TOO_SMALL)}),
    ("compat.numpy.convolve", np_like.convolve, {"a": ROW, "v": H},
     {"a": SIGNAL, "v": SIGNAL, "mode": NAME}),
    ("compat.numpy.correlate", np_like.correlate, {"a": ROW, "v": H},
     {"a": SIGNAL, "v": SIGNAL, "mode": NAME}),
    *[
        (f"compat.scipy_signal.{name}", getattr(scipy_signal, name), {"in1": ROW, "in2": H},
         {**WHOLE, "method": SCIPY_NAME})
        for name in ("convolve", "correlate")
    ],
    *[
        (f"compat.scipy_signal.{name}", getattr(scipy_signal, name), {"in1": ROW, "in2": H},
         {**WHOLE, "axes": raising(ValueError, AXES)})
        for name in ("fftconvolve", "oaconvolve")
    ],
    *[
        (f"compat.scipy_signal.{name}", getattr(scipy_signal, name), {"in1": X, "in2": X[:2, :2]},
         MATRICES)
        for name in ("convolve2d", "correlate2d")
    ],
    ("compat.scipy_signal.choose_conv_method", scipy_signal.choose_conv_method,
     {"in1": ROW, "in2": H}, WHOLE),
    ("compat.scipy_signal.correlation_lags", scipy_signal.correlation_lags,
     {"in1_len": 4, "in2_len": 3}, {"in1_len": COUNT, "in2_len": COUNT, "mode": SCIPY_NAME}),
    ("compat.scipy_signal.lfilter", scipy_signal.lfilter, {**BA, "x": ROW},
     {**FRACTION, **STATE}),
    ("compat.scipy_signal.sosfilt", scipy_signal.sosfilt, {"sos": SOS, "x": ROW},
     {**CASCADE, **STATE}),
    *[
        (f"compat.scipy_ndimage.{name}", getattr(scipy_ndimage, name), {"input": X, "weights": H},
         {**ND, "weights": OPERAND, "axis": AXIS})
        for name in ("convolve1d", "correlate1d")
    ],
    *[
        (f"compat.scipy_ndimage.{name}", getattr(scipy_ndimage, name),
         {"input": X, "weights": X[:2, :2]}, {**ND, "weights": OPERAND, "axes": AXES})
        for name in ("convolve", "correlate")
    ],
    ("compat.scipy_ndimage.gaussian_filter1d", scipy_ndimage.gaussian_filter1d,
     {"input": X, "sigma": 1.0},
     {"input": OPERAND, "sigma": NOT_A_NUMBER, "axis": AXIS, "order": COUNT, "mode": SCIPY_NAME,
      "truncate": raising(BOTH, NOT_A_NUMBER), "radius": raising(ValueError, OPTIONAL_COUNT)}),
    ("compat.scipy_ndimage.gaussian_filter", scipy_ndimage.gaussian_filter,
     {"input": X, "sigma": 1.0},
     {"input": OPERAND, "sigma": SIGMA, "order": COUNT, "mode": SCIPY_NAME,
      "truncate": raising(BOTH, NOT_A_NUMBER), "radius": raising(ValueError, OPTIONAL_COUNT),
      "axes": AXES}),
    ("compat.scipy_ndimage.uniform_filter1d", scipy_ndimage.uniform_filter1d,
     {"input": X, "size": 3},
     {**ND, "size": STEP, "axis": AXIS}),
    ("compat.scipy_ndimage.uniform_filter", scipy_ndimage.uniform_filter, {"input": X},
     {**ND, "size": raising(BOTH, kind(INTEGER, without=INT_ACCEPTS)), "axes": AXES}),
    *[
        (f"compat.scipy_ndimage.{name}", getattr(scipy_ndimage, name), {"input": X},
         {**EDGES, "axis": AXIS})
        for name in ("prewitt", "sobel")
    ],
    ("compat.scipy_ndimage.laplace", scipy_ndimage.laplace, {"input": X}, {**EDGES, "axes": AXES}),
    *[
        (f"compat.scipy_ndimage.{name}", getattr(scipy_ndimage, name), {"input": X, "sigma": 1.0},
         {**EDGES, "sigma": SIGMA, "axes": AXES})
        for name in ("gaussian_laplace", "gaussian_gradient_magnitude")
    ],
    ("compat.scipy_signal.savgol_filter", scipy_signal.savgol_filter,
     {"x": X, "window_length": 3, "polyorder": 1},
     {"x": OPERAND, "window_length": INTEGER, "polyorder": COUNT, "deriv": COUNT,
      "axis": AXIS}),
    ("compat.scipy_signal.sepfir2d", scipy_signal.sepfir2d,
     {"input": X, "hrow": H, "hcol": H},
     {"input": OPERAND, "hrow": OPERAND, "hcol": OPERAND}),
    ("compat.tensorflow.conv1d", tensorflow.conv1d,
     {"input": np.ones((1, 7, 2)), "filters": np.ones((3, 2, 4)), "stride": 1, "padding": "SAME"},
     {**TF, "stride": STEP, "data_format": OPTIONAL_NAME}),
    ("compat.tensorflow.conv2d", tensorflow.conv2d,
     {"input": IMAGE, "filters": np.ones((3, 3, 2, 4)), "strides": 1, "padding": "SAME"},
     {**TF, "strides": STEP, "data_format": OPTIONAL_NAME}),
    ("compat.torch.conv1d", torch.conv1d, TORCH, CONV),
    ("compat.torch.conv2d", torch.conv2d, TORCH2, CONV),
    ("conventions.apply", conventions.apply, {**ONE, "name": "numpy.convolve"},
     {"x": SIGNAL, "h": SIGNAL, "name": NAME, "mode": OPTIONAL_NAME, "method": NAME,
      "precision": OPTIONAL_NAME}),
    ("conventions.identify", conventions.identify, {**ONE, "y": ROW},
     {"x": SIGNAL, "h": SIGNAL, "y": OPERAND, "rtol": kind(NOT_A_NUMBER, without=("None",))}),
    ("conventions.translate", conventions.translate,
     {"h": H, "source": "numpy.convolve", "target": "tensorflow.nn.conv1d", "mode": "same"},
     {"h": SIGNAL, "source": NAME, "target": NAME, "mode": OPTIONAL_NAME,
      "n": kind(STEP, without=("None",))}),
    ("conventions.describe", conventions.describe, {"name": "numpy.convolve"}, {"name": ONLY_NAME}),
    ("nn.SOS", filtrax.nn.SOS, {"sos": SOS},
     {"sos": kind(SIGNAL, NOT_SECTIONS), "fs": kind(NOT_A_NUMBER, TOO_SMALL)}),
    ("nn.Biquads", Biquads, {"kinds": ["peaking"], "frequency": [0.3]},
     {"kinds": NOT_AN_INTEGER, "frequency": NOT_NUMBERS, "q": NOT_NUMBERS, "gain_db": NOT_NUMBERS,
      "fs": kind(NOT_A_NUMBER, TOO_SMALL)}),
]  # fmt: skip
