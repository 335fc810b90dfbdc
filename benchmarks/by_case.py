"""Timings of the peers of a case, as a table; shared by the benchmarks beside the grid."""

from dataclasses import dataclass
from typing import Any

HEAD = ["| case | | ms | over the first | first call, s | error |", "|---|---|---|---|---|---|"]


@dataclass(frozen=True, slots=True)
class Timing:
    """One peer on one case."""

    case: str
    peer: str
    milliseconds: float
    first_call: float
    error: float | None
    rounds: int


def table(timings: list[Timing]) -> list[str]:
    """A table's lines: each case's peers, with their time over that of its first peer."""
    lines = []
    base: dict[str, float] = {}
    for t in timings:
        ours = base.setdefault(t.case, t.milliseconds)
        shown = "" if t.error is None else f"{t.error:.0e}"
        lines.append(
            f"| {t.case} | {t.peer} | {t.milliseconds:.3g} | {t.milliseconds / ours:.3g} "
            f"| {t.first_call:.2g} | {shown} |"
        )
    return lines


def told(setting: dict[str, Any]) -> str:
    """The machine and the versions, in one line."""
    return ", ".join(f"{key} {value}" for key, value in setting.items() if value is not None)
