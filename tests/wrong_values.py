"""Wrong values by kind of argument: what came, the error, and how the message must show it.

Each kind is a table of (label, value, error, shown): the error's type, and what the message must
say after "got".
"""

import datetime
from fractions import Fraction
from typing import Any

import jax
import numpy as np

Errors = type[Exception] | tuple[type[Exception], ...]
Wrong = tuple[str, Any, Errors, str]


def _table(error: type[Exception], rows: dict[str, tuple[Any, str]]) -> list[Wrong]:
    return [(label, value, error, shown) for label, (value, shown) in rows.items()]


NOT_NUMBERS = _table(
    TypeError,
    {
        "None": (None, "None"),
        "a string": ("abc", "'abc'"),
        "bytes": (b"abc", "b'abc'"),
        "an object": (object(), "object"),
        "a dict": ({"a": 1}, r"\{'a': 1\}"),
        "a set": ({1}, r"\{1\}"),
        "None within": ([None, 1.0], "None, 1.0"),
        "strings": (["a", "b"], r"\['a', 'b'\]"),
        "ragged lists": ([[1.0, 2.0], [3.0]], "3.0"),
        "an array of objects": (np.array([1, None]), "dtype object"),
        "an array of characters": (np.array(["a"]), "<U1"),
        "dates": (np.array(["2020-01-01"], "M8[D]"), "datetime64"),
        "a date": ([datetime.date(2020, 1, 1)], "date"),
        "time spans": (np.array([1], "m8[s]"), "timedelta64"),
        "records": (np.zeros(3, [("a", float)]), "'a'"),
        "random keys": (jax.random.split(jax.random.key(0), 3), "key"),
        "a too wide integer": ([2**70], str(2**70)),
        "a function": (len, "len"),
        "a type": (float, "float"),
        "a generator": ((i for i in [1.0]), "generator"),
        "a slice": (slice(3), "slice"),
        "an ellipsis": (..., "Ellipsis"),
    },
)

NOT_AN_INTEGER = _table(
    TypeError,
    {
        "None": (None, "None"),
        "a fraction": (1.5, "1.5"),
        "a whole float": (2.0, "2.0"),
        "a NumPy float": (np.float32(2), "2.0"),
        "NaN": (float("nan"), "nan"),
        "infinity": (float("inf"), "inf"),
        "a complex number": (1j, "1j"),
        "True": (True, "True"),
        "a string": ("2", "'2'"),
        "bytes": (b"2", "b'2'"),
        "an object": (object(), "object"),
        "a dict": ({"a": 1}, r"\{'a': 1\}"),
        "a set": ({1}, r"\{1\}"),
        "a Fraction": (Fraction(2), "Fraction"),
        "a date": (np.datetime64("2020-01-01"), "2020"),
        # Where a sequence is taken, its first entry is what is wrong.
        "an array": (np.ones(2), r"shape \(2,\)|1\.0"),
        "a function": (len, "len"),
        "an ellipsis": (..., "Ellipsis"),
    },
)

NOT_A_NAME = _table(
    TypeError,
    {
        "None": (None, "None"),
        "an integer": (1, "1"),
        "a float": (0.5, "0.5"),
        "True": (True, "True"),
        "bytes": (b"full", "b'full'"),
        "an object": (object(), "object"),
        "a dict": ({"full": 1}, "full"),
        "a set": ({"full"}, "full"),
        "an array": (np.array(["full"]), "<U4"),
        "a function": (len, "len"),
        "an ellipsis": (..., "Ellipsis"),
    },
) + _table(
    ValueError,
    {
        "no such name": ("nope", "'nope'"),
        "nothing": ("", "''"),
        "upper case": ("FULL", "'FULL'"),
        "a space too much": ("full ", "'full '"),
        "several in one": ("full, same", "'full, same'"),
    },
)

NOT_A_FLAG = _table(
    TypeError,
    {
        "one": (1, "1"),
        "zero": (0, "0"),
        "a string": ("True", "'True'"),
        "a float": (1.0, "1.0"),
        "a list": ([True], r"\[True\]"),
        "an array": (np.array([True, False]), "bool"),
        "an object": (object(), "object"),
    },
)

NOT_A_NUMBER = [row for row in NOT_NUMBERS if row[0] != "a too wide integer"] + _table(
    TypeError, {"several": ([1.0, 2.0], r"1.0, 2.0"), "an array": (np.ones(2), r"shape \(2,\)")}
)

TOO_SMALL = _table(ValueError, {"zero": (0, "0"), "below zero": (-2, "-2")})
BELOW_ZERO = _table(ValueError, {"below zero": (-1, "-1"), "far below": (-(10**12), "-10+")})
OUT_OF_RANK = _table(ValueError, {"an axis too far": (7, "7"), "a negative one": (-8, "-8")})
NOT_SECTIONS = _table(
    ValueError,
    {
        "five columns": (np.ones((1, 5)), r"shape \(1, 5\)"),
        "seven columns": (np.ones((2, 7)), r"shape \(2, 7\)"),
        "no sections": (np.ones((0, 6)), r"shape \(0, 6\)"),
        "one number": (3.0, r"3\.|shape \(1, 1\)"),
        "a transposed array": (np.ones((6, 2)), r"shape \(6, 2\)"),
        "three coefficients": ([1.0, 0.5, 0.2], r"shape \(1, 3\)"),
        "a0 of 0": ([[1.0, 0, 0, 0, 0.5, 0]], "0"),
    },
)
NOT_NORMALISED = _table(
    ValueError,
    {
        "a0 of 2": ([[1.0, 0, 0, 2, 0.5, 0]], "2"),
        "a0 of NaN": ([[1.0, 0, 0, np.nan, 0.5, 0]], "nan"),
        "a0 in the last place": ([[1.0, 0, 0, 0.5, 0, 1]], "0.5"),
        "a0 of -1": ([[1.0, 0, 0, -1, 0.5, 0]], "-1"),
        "the second a0 of 3": ([[1.0, 0, 0, 1, 0, 0], [1.0, 0, 0, 3, 0, 0]], "3"),
        "a complex a0": ([[1.0, 0, 0, 1j, 0, 0]], "1j"),
        "zeros": (np.zeros((1, 6)), "0"),
        "an infinite a0": ([[1.0, 0, 0, np.inf, 0, 0]], "inf"),
        "many columns": (np.ones((2, 12)), r"shape \(2, 12\)"),
        "a flat cascade": (np.ones(12), r"shape \(1, 12\)"),
        "a column": (np.ones((6, 1)), r"shape \(6, 1\)"),
    },
)
NOT_POSITIVE = _table(
    ValueError, {"zero": (0, "0"), "below zero": (-2.5, "-2.5"), "minus infinity": (-np.inf, "inf")}
)
NOT_FINITE = _table(ValueError, {"NaN": (np.nan, "nan"), "infinity": (np.inf, "inf")})
NOT_REAL = _table(TypeError, {"a complex number": (1j, "1j|complex")})
NOT_A_LOSS = _table(
    TypeError,
    {
        "None": (None, "None"),
        "an integer": (1, "1"),
        "a float": (0.5, "0.5"),
        "True": (True, "True"),
        "a string": ("mse", "'mse'"),
        "bytes": (b"mse", "b'mse'"),
        "an object": (object(), "object"),
        "a list": ([len], "len"),
        "a tuple": ((), r"\(\)"),
        "a dict": ({"loss": 1}, "loss"),
        "a set": ({1}, r"\{1\}"),
        "an array": (np.ones(3), r"shape \(3,\)"),
        "a complex number": (1j, "1j"),
        "a generator": ((i for i in [1.0]), "generator"),
        "a slice": (slice(3), "slice"),
        "an ellipsis": (..., "Ellipsis"),
        "a date": (datetime.date(2020, 1, 1), "date"),
        "a Fraction": (Fraction(2), "Fraction"),
    },
)
#: A model must be called, and hold something to learn.
NOT_A_MODEL = NOT_A_LOSS
EMPTY = _table(ValueError, {"empty": (np.zeros(0), r"0|none|shape")})


def kind(*tables: list[Wrong], without: tuple[str, ...] = ()) -> list[Wrong]:
    """One table of several, without the rows that an argument allows."""
    return [row for table in tables for row in table if row[0] not in without]


def not_finite(*shape: int) -> list[Wrong]:
    """Arrays of which one number is none."""
    rows = {}
    for label, number in (("a NaN", np.nan), ("an infinity", np.inf), ("a lowest", -np.inf)):
        array = np.ones(shape)
        array.flat[1] = number
        rows[label] = (array, "nan|inf|NaN|not finite")
    return _table(ValueError, rows)


def raising(error: Errors, rows: list[Wrong]) -> list[Wrong]:
    """The same values where a peer raises another error for all of them."""
    return [(label, value, error, shown) for label, value, _, shown in rows]
