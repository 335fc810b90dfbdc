"""What is fitted and learned, with right calls and wrong values as in `wrong_calls`."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from filtrax import fit, nn
from wrong_calls import (
    AXES,
    AXIS,
    BOTH,
    BOUNDARY,
    COUNT,
    FLAG,
    INTEGER,
    LABELS,
    NAME,
    SIGNAL,
    SOS,
    STEP,
    Call,
)
from wrong_values import (
    BELOW_ZERO,
    EMPTY,
    NOT_A_FLAG,
    NOT_A_LOSS,
    NOT_A_MODEL,
    NOT_A_NAME,
    NOT_A_NUMBER,
    NOT_AN_INTEGER,
    NOT_FINITE,
    NOT_NUMBERS,
    NOT_POSITIVE,
    NOT_REAL,
    TOO_SMALL,
    Wrong,
    kind,
    not_finite,
    raising,
)


@dataclass(frozen=True)
class Applied:
    """A layer or a loss: made from some of the arguments, called with the others."""

    func: Any
    called_with: tuple[str, ...]

    def __call__(self, **arguments: Any) -> Any:
        data = [arguments.pop(name) for name in self.called_with]
        return self.func(**arguments)(*data)


X = np.sin(np.arange(40.0) ** 2).astype("float32")
Y = np.convolve(X, [1.0, 0.5, 0.25])[:40].astype("float32")
F = np.linspace(0.0, 1.0, 8, dtype="float32")
ROW = nn.FIR([0.0, 1.0, 0.0])
#: Among them several keys where one is wanted.
NOT_A_KEY = kind(
    NOT_A_LOSS, [row for row in NOT_NUMBERS if row[0] in ("random keys", "a function", "a type")]
)
FINITE = kind(SIGNAL, not_finite(40))
OPTIONAL = kind(NOT_NUMBERS, without=("None",))
SETTING = kind(NOT_A_NUMBER, NOT_REAL, NOT_FINITE)
RIDGE = raising(BOTH, kind(SETTING, NOT_POSITIVE, without=("zero",)))
FS = kind(NOT_A_NUMBER, NOT_REAL, NOT_FINITE, NOT_POSITIVE)
OPTIMIZER = NOT_A_NAME
PLACED: dict[str, list[Wrong]] = {"operation": NAME, "mode": NAME, "boundary": BOUNDARY, "fs": FS}
#: Kernels come as a sequence, so that some of these are sequences of wrong kernels.
KERNELS = raising(BOTH, kind(NOT_NUMBERS, EMPTY, without=(
    "ragged lists", "None within", "strings", "a date",
)))  # fmt: skip

LEARNING: list[Call] = [
    ("fit.fit_fir", fit.fit_fir, {"x": X, "y": Y, "num_taps": 3},
     {"x": FINITE, "y": FINITE, "num_taps": STEP, "delay": INTEGER, "mode": NAME, "ridge": RIDGE,
      "weights": kind(OPTIONAL, NOT_REAL, not_finite(40)), "edges": NAME, "per_row": FLAG,
      "operation": NAME, "boundary": BOUNDARY}),
    ("fit.wiener_hopf", fit.wiener_hopf, {"auto": [1.0, 0.5], "cross": [0.5, 1.0]},
     {"auto": kind(SIGNAL, not_finite(2)), "cross": kind(SIGNAL, not_finite(2)), "ridge": RIDGE}),
    ("fit.wiener", fit.wiener, {"auto": [2.0] * 5, "cross": [1.0] * 5, "num_taps": 3},
     {"auto": kind(SIGNAL, not_finite(5)), "cross": kind(SIGNAL, not_finite(5)),
      "num_taps": kind(STEP, without=("None",)),
      "delay": INTEGER, "ridge": RIDGE, "n": kind(INTEGER, without=("None",))}),
    ("fit.deconvolve", fit.deconvolve, {"y": X, "h": [1.0, 2.0, 1.0], "ridge": 1e-3},
     {"y": FINITE, "h": FINITE, "ridge": RIDGE, "penalty": kind(OPTIONAL, not_finite(3)),
      "operation": NAME, "mode": NAME, "axes": AXES, "boundary": BOUNDARY, "method": NAME,
      "steps": STEP, "tolerance": kind(SETTING, NOT_POSITIVE, without=("None",))}),
    ("fit.fit_response", fit.fit_response, {"layer": ROW, "frequencies": F, "response": F},
     {"layer": NOT_A_MODEL, "frequencies": kind(SIGNAL, not_finite(8)),
      "response": kind(SIGNAL, not_finite(8)),
      "weights": kind(NOT_NUMBERS, EMPTY, NOT_REAL, NOT_FINITE, not_finite(8)), "scale": NAME,
      "norm": kind(NOT_A_NUMBER, NOT_REAL, NOT_POSITIVE), "optimizer": OPTIMIZER, "steps": STEP,
      "progress": FLAG}),
    ("fit.fit", fit.fit, {"model": ROW, "x": X, "y": Y, "progress": False},
     {"model": NOT_A_MODEL, "x": FINITE, "y": FINITE, "loss": kind(NOT_A_LOSS, without=("None",)),
      "optimizer": OPTIMIZER, "steps": STEP, "batch": kind(STEP, without=("None",)),
      "validation": kind(NOT_A_MODEL, without=("None",)),
      "patience": kind(STEP, without=("None",)), "check_every": STEP,
      "key": kind(NOT_A_KEY, without=("None",)), "progress": NOT_A_FLAG}),
    ("fit.stepper", fit.stepper, {},
     {"loss": kind(NOT_A_LOSS, without=("None",)),
      "optimizer": kind(OPTIMIZER, kind(NOT_A_LOSS, without=(*LABELS, "a string")))}),
    ("fit.MSE", Applied(fit.MSE, ("prediction", "y")), {"prediction": X, "y": Y},
     {"skip": COUNT, "prediction": NOT_NUMBERS, "y": NOT_NUMBERS}),
    ("fit.LogSpectral", Applied(fit.LogSpectral, ("prediction", "y")), {"prediction": X, "y": Y},
     {"floor_db": SETTING, "prediction": NOT_NUMBERS, "y": NOT_NUMBERS}),
    ("fit.MultiResolutionSTFT", Applied(fit.MultiResolutionSTFT, ("prediction", "y")),
     {"prediction": X, "y": Y, "sizes": (8, 16)},
     {"sizes": NOT_AN_INTEGER, "floor_db": SETTING, "prediction": NOT_NUMBERS, "y": NOT_NUMBERS}),
    ("nn.FIR", Applied(nn.FIR, ("x",)), {"kernel": [1.0, 2.0, 1.0], "x": X},
     {**PLACED, "kernel": kind(NOT_NUMBERS, EMPTY), "x": SIGNAL,
      "axes": kind(AXIS, TOO_SMALL, without=("None", "below zero"))}),
    ("nn.FilterBank", Applied(nn.FilterBank, ("x",)), {"kernel": np.eye(3), "x": X},
     {**PLACED, "kernel": kind(NOT_NUMBERS, EMPTY), "x": SIGNAL}),
    ("nn.Separable", Applied(nn.Separable, ("x",)),
     {"kernels": [[1.0, 2.0, 1.0], [1.0, -1.0]], "x": X.reshape(5, 8)},
     {**PLACED, "kernels": KERNELS, "x": NOT_NUMBERS}),
    ("nn.Constrained", nn.Constrained, {"kernel": [1.0, 2.0, 1.0]},
     {"kernel": raising(BOTH, kind(NOT_NUMBERS, EMPTY, not_finite(3), NOT_REAL)),
      "ndim": kind(STEP, without=("None",))}),
    ("nn.SOS, called", Applied(nn.SOS, ("x",)), {"sos": SOS, "x": X}, {"x": NOT_NUMBERS, "fs": FS}),
    ("nn.Biquads, called", Applied(nn.Biquads, ("x",)),
     {"kinds": ["peaking"], "frequency": [0.3], "x": X},
     {"x": NOT_NUMBERS, "fs": FS, "frequency": kind(NOT_FINITE, NOT_REAL),
      "q": kind(NOT_FINITE, NOT_POSITIVE, NOT_REAL), "gain_db": kind(NOT_FINITE, NOT_REAL)}),
    ("nn.init.delta", nn.init.delta, {"shape": 3},
     {"shape": STEP, "at": kind(AXIS, BELOW_ZERO, without=("None",))}),
    ("nn.init.random", nn.init.random, {"key": jax.random.key(0), "shape": 3},
     {"key": NOT_A_KEY, "shape": STEP}),
]  # fmt: skip
