"""Each public function, called with every wrong value of the tables, says what is wrong.

`wrong_values` pairs each value with its error and with what the message must show of it;
`wrong_calls` says which table belongs to which argument of which function.
"""

import re
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import filtrax
from test_surface import public
from wrong_calls import CALLS
from wrong_learning import LEARNING
from wrong_values import Wrong

EVERY = [*CALLS, *LEARNING]
PACKAGE = str(Path(filtrax.__file__).parent)
#: What an error says: the argument (or several that do not fit), what it should be, what came.
FORM = re.compile(
    r"^(?P<names>[\w\[\], ]+): expected (?P<expected>.+), got (?P<got>.+)$", re.DOTALL
)
#: What is public and takes no arguments of a user's: records that filtrax itself fills.
RECORDS = {"Bucket", "Closest", "Convention", "ConvergenceWarning", "Deconvolution", "FIRFit",
           "Fitted", "IdentifiabilityWarning", "Identification", "Match", "Mode", "Plan",
           "PrecisionWarning", "Stepper", "Translation"}  # fmt: skip

#: What has tests of its own for wrong input.
ELSEWHERE = ("filtrax.nn.init.design", "filtrax.testing.")


def is_promise(value: Any) -> bool:
    """A word for `Constrained`, with at most a few settings, which `test_nn_constraints` tries."""
    return isinstance(value, type) and issubclass(value, filtrax.nn.Constraint)


def fault(function: Callable[..., Any], arguments: Any, name: str, wrong: Wrong) -> str | None:
    """What is not as promised about a wrong call, if anything."""
    label, value, errors, shown = wrong
    where = f"{name}={label}"
    try:
        function(**arguments, **{name: value})
    except Exception as error:
        said = f"{where}: {type(error).__name__}: {error}"
        if not isinstance(error, errors):
            return f"{said}\n    is no {errors}"
        raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
        if not raised_in.startswith(PACKAGE):
            return f"{said}\n    comes from deep inside, {raised_in}"
        form = FORM.match(str(error))
        if form is None:
            return f"{said}\n    is not of the form"
        if name not in re.split(r"\W+", form["names"]):
            return f"{said}\n    names another argument"
        if not re.search(shown, form["got"]):
            return f"{said}\n    does not show what came, {shown}"
        return None
    return f"{where}: accepted"


@pytest.mark.parametrize(
    ("function", "valid", "tables"), [call[1:] for call in EVERY], ids=[call[0] for call in EVERY]
)
def test_every_wrong_value_is_named_and_shown(
    function: Callable[..., Any], valid: dict[str, Any], tables: dict[str, list[Wrong]]
) -> None:
    faults = []
    with warnings.catch_warnings():
        # A dtype that NumPy has not got warns before it fails.
        warnings.simplefilter("ignore")
        for name, table in tables.items():
            rest = {other: value for other, value in valid.items() if other != name}
            faults += [fault(function, rest, name, wrong) for wrong in table]
    found = [each for each in faults if each is not None]
    assert not found, "\n".join(found)


def test_each_public_function_has_forty_kinds_of_wrong_input() -> None:
    kinds: Counter[Any] = Counter()
    for _, function, _, tables in EVERY:
        kinds[getattr(function, "func", function)] += sum(map(len, tables.values()))
    for name, value in public():
        is_record = name.rsplit(".", 1)[-1] in RECORDS or is_promise(value)
        if callable(value) and not is_record and not name.startswith(ELSEWHERE):
            assert kinds[value] >= 40, f"{name}: {kinds[value]}"


def test_no_value_is_listed_twice_for_an_argument() -> None:
    for name, _, _, tables in EVERY:
        for argument, table in tables.items():
            labels = [label for label, *_ in table]
            assert len(set(labels)) == len(labels), f"{name}({argument})"
