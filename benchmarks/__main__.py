"""The grid against every peer that is installed.

    python -m benchmarks                  everything; some half an hour on two cores
    python -m benchmarks --quick          under a minute; do not quote its numbers
    python -m benchmarks --only PATTERN   cells whose name has the regular expression
    python -m benchmarks --list           the names
    python -m benchmarks --keep FILE      keep what is measured there, and go on from it
    python -m benchmarks --drawn 60       cells of 60 shapes drawn at random in place of the grid

Beside it: ``python -m benchmarks.regret`` (how good the choice of an engine is),
``python -m benchmarks.memory`` and ``python -m benchmarks.calibrate``.
"""

import argparse
import json
import os
import re
import time
from pathlib import Path
from typing import Any

# Spinning worker threads of one library would take the cores from the next.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import jax
from tqdm import tqdm

from benchmarks.cases import Case, grid
from benchmarks.demands import FOLDER, demands
from benchmarks.drawn import drawn
from benchmarks.machine import machine
from benchmarks.measure import Cell, Rates, Timing, failed, measure
from benchmarks.peers import OURS, missing
from benchmarks.report import markdown, one_line

#: Seconds for the rounds of one peer in one cell, when there is time enough.
BUDGET, LEAST, QUICK = 0.3, 0.03, 0.01
#: The share of a cell's time that goes into rounds; the rest compiles and checks.
SHARE, PEERS = 0.5, 10


def run(
    cases: list[Case],
    minutes: float,
    quick: bool = False,
    show: bool = False,
    keep: Path | None = None,
) -> list[Cell]:
    """Measures the cells in order; late ones get fewer rounds if the early ones took long."""
    # What the first compilation of a process costs belongs to no cell.
    jax.jit(jax.numpy.sum)(jax.numpy.ones(8)).block_until_ready()
    rates = Rates()
    order = {case.name: number for number, case in enumerate(cases)}
    cells = kept(keep, cases) if keep else []
    for cell in cells:
        cell.learn(rates)
    cases = [case for case in cases if case not in [cell.case for cell in cells]]
    end = time.monotonic() + 60 * minutes
    bar = tqdm(cases, unit="cell")
    for done, case in enumerate(bar):
        bar.set_description(case.name[:50].ljust(50))
        each = max(end - time.monotonic(), 0.0) / (len(cases) - done)
        budget = QUICK if quick else max(LEAST, min(BUDGET, SHARE * each / PEERS))
        try:
            cells.append(measure(case, rates, budget))
        except KeyboardInterrupt:
            bar.write(f"Interrupted: {len(cases) - done} cells are missing.")
            break
        except Exception as failure:  # One cell is no reason to lose the others.
            cells.append(Cell(case, [Timing(OURS, 0.0, note=failed(failure))]))
        if keep:
            with keep.open("a", encoding="utf-8") as file:
                file.write(json.dumps(cells[-1].as_dict()) + "\n")
        if show:
            bar.write(one_line(cells[-1]))
        if done % 40 == 39:
            # Programs of past cells are never called again.
            jax.clear_caches()
    return sorted(cells, key=lambda cell: order[cell.case.name])


def kept(path: Path, cases: list[Case]) -> list[Cell]:
    """The cells of an earlier run that ended before its time."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    known = {each["case"]["name"]: each["timings"] for each in map(json.loads, lines)}
    return [
        Cell(case, [Timing(**timing) for timing in known[case.name]])
        for case in cases
        if case.name in known
    ]


def content(cells: list[Cell], setting: dict[str, Any], absent: list[str]) -> dict[str, Any]:
    """All that was measured and judged, for JSON."""
    judged = [
        {
            "demand": demand.text,
            "cells": len(demand.judged),
            "failing": [
                {"cell": j.cell, "value": j.value, "limit": j.limit} for j in demand.failing
            ],
        }
        for demand in demands(cells)
    ]
    return {
        "machine": setting,
        "missing": absent,
        "demands": judged,
        "cells": [cell.as_dict() for cell in cells],
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="tiny cells of every family")
    parser.add_argument("--drawn", type=int, metavar="N", help="N shapes drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default 1)")
    parser.add_argument("--only", metavar="PATTERN", help="cells whose name has this pattern")
    parser.add_argument("--cells", type=int, metavar="N", help="N of the cells, evenly spread")
    parser.add_argument("--minutes", type=float, default=24.0, help="for the whole (default 24)")
    parser.add_argument("--list", action="store_true", help="print the names of the cells")
    parser.add_argument("--show", action="store_true", help="print each cell as it is done")
    parser.add_argument("--keep", type=Path, help="a file of what is measured, read if there")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--picture", type=Path, help="draw the ratios here")
    parser.add_argument(
        "--write-docs", action="store_true", help="write numbers, tables and picture into docs"
    )
    options = parser.parse_args(argv)
    cases = drawn(options.drawn, options.seed) if options.drawn else grid(options.quick)
    if options.only:
        cases = [case for case in cases if re.search(options.only, case.name)]
    if options.cells and options.cells < len(cases):
        cases = [cases[i * len(cases) // options.cells] for i in range(options.cells)]
    if options.list:
        print("\n".join(case.name for case in cases))
        return
    if not cases:
        parser.error("no cell has such a name; --list prints them")
    setting, absent = machine(), missing()
    cells = run(cases, options.minutes, options.quick, options.show, options.keep)
    text = markdown(cells, setting, absent)
    print(text)
    data = json.dumps(content(cells, setting, absent), indent=1) + "\n"
    pictures, files = [options.picture], {options.json: data}
    if options.write_docs:
        FOLDER.mkdir(parents=True, exist_ok=True)
        files |= {FOLDER / "results.json": data, FOLDER / "tables.md": PICTURE + text}
        pictures.append(FOLDER / "ratios.png")
    for path, body in files.items():
        if path:
            path.write_text(body, encoding="utf-8")
    for path in filter(None, pictures):
        from benchmarks.picture import draw

        draw(cells, setting, path)


PICTURE = "![Time of the fastest peer over the time of filtrax, cell by cell](ratios.png)\n\n"

if __name__ == "__main__":
    main()
