"""The tables, in Markdown."""

import math
from collections.abc import Callable
from typing import Any

from benchmarks.cases import TASKS, VALUE
from benchmarks.demands import MANY, Demand, demands, geometric
from benchmarks.machine import title
from benchmarks.measure import RULE, Cell, Timing
from benchmarks.peers.base import JNP, LAX, OURS, OUTSIDE, SIGNAL, STREAM

#: Failing cells named under a demand; JSON has them all.
LISTED = 200
NO_GPU = "CUDA: not measured on a GPU; the same command measures the same grid there."


def markdown(cells: list[Cell], setting: dict[str, Any], missing: list[str]) -> str:
    """Machine, demands, means and one table for each family."""
    versions = ", ".join(f"{k} {v}" for k, v in setting.items() if v is not None)
    lines = [f"Machine: {title(setting)}.", "", f"({versions})", ""]
    if setting["platform"] == "cpu":
        lines += [NO_GPU, ""]
    if missing:
        lines += [f"Not installed, so no peers: {', '.join(missing)}.", ""]
    lines += [
        "One process; the peers take turns in every round; medians; results awaited. The error is "
        "the largest deviation from the same sum in wider arithmetic, relative to its largest "
        f"value. {RULE} In brackets: foretold, not run. The columns of jnp show `jnp.convolve`; "
        "where it does not apply `jax.scipy.signal.convolve` or, for want of that, lax.",
        "",
    ]
    lines += summary(demands(cells)) + means(cells)
    for family in dict.fromkeys(cell.case.family for cell in cells):
        lines += table(family, [cell for cell in cells if cell.case.family == family])
    lines += troubles(cells)
    return "\n".join(lines).rstrip() + "\n"


def summary(found: list[Demand]) -> list[str]:
    """Every demand with its count, and below it the cells that fail."""
    lines = ["## What must be reached", ""]
    lines += ["| demand | pass | cells | worst |", "|---|---|---|---|"]
    for demand in found:
        if not demand.judged:
            lines.append(f"| {demand.text} | – | 0 | {demand.absent} |")
            continue
        passed = len(demand.judged) - len(demand.failing)
        ranked = sorted(demand.judged, key=lambda j: j.value, reverse=not demand.judged[0].at_least)
        worst = f"{number(ranked[0].value)} (limit {number(ranked[0].limit)})"
        verdict = "**yes**" if not demand.failing else "no"
        lines.append(f"| {demand.text} | {verdict} | {passed}/{len(demand.judged)} | {worst} |")
    lines += ["", "### Cells that fail", ""]
    for demand in found:
        if not demand.failing:
            continue
        lines += ["<details>", f"<summary>{demand.text}: {len(demand.failing)}</summary>", ""]
        for judged in demand.failing[:LISTED]:
            lines.append(f"- {judged.cell}: {number(judged.value)} (limit {number(judged.limit)})")
        lines += ["", "</details>", ""]
    if not any(demand.failing for demand in found):
        lines += ["None.", ""]
    return lines


def means(cells: list[Cell]) -> list[str]:
    """Geometric means of the ratios, by task and size."""
    lines = ["## Geometric means", "", "| task | outputs | best peer / filtrax | cells |"]
    lines[-1] += " jnp.convolve / filtrax | cells |"
    lines.append("|---" * 6 + "|")
    for task in TASKS:
        for large in (True, False):
            some = [c for c in cells if c.case.task == task and c.case.form == "jit"]
            some = [c for c in some if (c.case.outputs >= MANY) is large]
            best = [r for c in some if (r := ratio(c, next(iter(c.rivals(OURS)), None)))]
            jnp = [r for c in some if (r := ratio(c, c.of(JNP)))]
            size = ">= 1e5" if large else "< 1e5"
            if some:
                lines.append(
                    f"| {task} | {size} | {number(geometric(best))} | {len(best)} "
                    f"| {number(geometric(jnp))} | {len(jnp)} |"
                )
    return [*lines, ""]


def ratio(cell: Cell, other: Timing | None) -> float | None:
    """Another's time over ours."""
    ours = cell.of(OURS)
    return other.milliseconds / ours.milliseconds if ours and ours.ran and other else None


def table(family: str, cells: list[Cell]) -> list[str]:
    """One line a cell."""
    columns: list[tuple[str, Callable[[Cell], str]]] = [
        ("case", lambda c: c.case.shape_label),
        ("K", lambda c: c.case.taps_label),
        ("task", lambda c: c.case.task),
        ("filtrax ms", lambda c: milliseconds(c.of(OURS))),
        ("fastest peer ms", lambda c: milliseconds(_best(c))),
        ("which", lambda c: best.peer if (best := _best(c)) else "none"),
        ("jnp ms", lambda c: milliseconds(_own(c))),
        ("peer / filtrax", lambda c: number(ratio(c, _best(c)))),
        ("jnp / filtrax", lambda c: number(ratio(c, _own(c)))),
        ("error", lambda c: _error(c.of(OURS))),
        ("peer's error", lambda c: _error(_best(c))),
        ("compile s", lambda c: number(t.compile_seconds if (t := c.of(OURS)) else None)),
    ]
    for peer, name in ((STREAM, "x*c ms"), (OUTSIDE, "outside ms")):
        if any(cell.of(peer) for cell in cells):
            columns.append((name, lambda c, peer=peer: milliseconds(c.of(peer))))
    lines = [f"## {family}", "", "<details>", f"<summary>{len(cells)} cells</summary>", ""]
    lines.append("| " + " | ".join(name for name, _ in columns) + " |")
    lines.append("|---" * len(columns) + "|")
    for cell in cells:
        lines.append("| " + " | ".join(of(cell) for _, of in columns) + " |")
    return [*lines, "", "</details>", ""]


def _best(cell: Cell) -> Timing | None:
    return next(iter(cell.rivals(OURS)), None)


def _own(cell: Cell) -> Timing | None:
    """What JAX itself offers: `jnp.convolve` for vectors, else the next in place of it."""
    return cell.of(JNP) or cell.of(SIGNAL) or cell.of(LAX)


def _error(timing: Timing | None) -> str:
    return f"{max(timing.errors.values()):.0e}" if timing and timing.errors else ""


def milliseconds(timing: Timing | None) -> str:
    """A time; one foretold is marked."""
    if timing is None:
        return ""
    return number(timing.milliseconds) if timing.ran else f"({number(timing.milliseconds)})"


def number(value: float | None) -> str:
    """Three digits."""
    if value is None or math.isnan(value):
        return ""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def troubles(cells: list[Cell]) -> list[str]:
    """Peers that were left out or failed, so that nothing is missing silently."""
    lines = ["## Left out, failed or wrong", ""]
    for cell in cells:
        for timing in cell.timings:
            if timing.note:
                lines.append(f"- {cell.case.name}: {timing.peer} {timing.note}")
            elif timing.errors and not max(timing.errors.values()) < _suspicious(cell):
                lines.append(f"- {cell.case.name}: {timing.peer} is off by {_error(timing)}")
    if len(lines) == 2:
        lines.append("None.")
    return [*lines, ""]


def _suspicious(cell: Cell) -> float:
    """An error past this is no rounding."""
    return {"bfloat16": 0.1, "float64": 1e-9}.get(cell.case.dtype, 1e-2)


def one_line(cell: Cell) -> str:
    """For the terminal, while the grid runs."""
    ours, best = cell.of(OURS), _best(cell)
    other = f"{best.peer} {number(best.milliseconds)}" if best else "no peer"
    return (
        f"{cell.case.name}: {milliseconds(ours)} ms, {other}, ratio {number(ratio(cell, best))}"
        + ("" if cell.case.task != VALUE else f", error {_error(ours)}")
    )
