"""How good the choice of an engine is: 200 problems, each by every engine that might be best.

    python -m benchmarks.regret [--cells 200] [--dtypes float64] [--keep FILE [--seconds 50]]
                                [--json FILE] [--write-docs]

The problems are drawn with a fixed seed: rows, kernels per row, channels, images, volumes and
layers of networks, four dtypes, the value and both gradients. Engines priced at more than 20 times
the best are not timed. With ``--keep`` times are kept, a later call goes on where one ended, and
the choice that other prices make is judged without measuring again.
"""

import argparse
import itertools
import json
import math
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks.demands import FOLDER
from benchmarks.machine import machine, title
from benchmarks.passes import Kept, Meter, Pass, Sizes, Times, platform_of_plans
from filtrax._geometry import Axis

SEED, CELLS = 20_240, 200
#: Dtypes and how often they are drawn.
DTYPES = {"float32": 60, "float64": 20, "complex64": 10, "bfloat16": 10}
#: Samples in the largest operand or output; estimated nanoseconds of the cheapest engine.
LARGEST, LONGEST = 4e6, 2e8
#: Seconds for one engine's rounds.
BUDGET = 0.06


def draw(seed: int = SEED) -> Callable[[], Pass]:
    """A source of problems."""
    source = random.Random(seed)

    def spread(low: float, high: float) -> int:
        return round(math.exp(source.uniform(math.log(low), math.log(max(low, high)))))

    def layer() -> tuple[Sizes, tuple[Axis, ...]]:
        rank = source.choices((1, 2), (30, 70))[0]
        n = spread(*((16, 4000), (4, 128))[rank - 1])
        k = source.choice((1, 3, 5, 7)) if rank == 2 else spread(1, 32)
        k = min(k, n)
        stride = source.choices((1, 2), (80, 20))[0]
        same = source.random() < 0.8
        whole = n if same else n - k + 1
        axis = Axis(n, k, -(-whole // stride), k // 2 if same else 0, stride=stride)
        channels, kernels = (source.choice((1, 3, 8, 16, 32, 64, 128, 256)) for _ in "co")
        groups = source.choices((1, 4), (90, 10))[0]
        each_its_own = source.random() < 0.15
        images = spread(1, min(LARGEST / (groups * channels * n**rank), 64))
        sizes = (channels, images, 1, 1) if each_its_own else (groups, images, channels, kernels)
        return sizes, (axis,) * rank

    def one() -> Pass:
        kinds = ("rows", "per row", "channels", "images", "volumes", "layers")
        kind = source.choices(kinds, (34, 20, 8, 12, 6, 20))[0]
        dtype = source.choices(list(DTYPES), list(DTYPES.values()))[0]
        role = source.choices(("y", "x", "h"), (50, 20, 30))[0]
        if kind == "layers":
            return Pass(*layer(), role, dtype)
        rank = {"images": 2, "volumes": 3}.get(kind, 1)
        n = spread(*((64, 1e6), (24, 1200), (12, 150))[rank - 1])
        k = spread(2, min(n, (20_000, 32, 10)[rank - 1]))
        same = source.random() < 0.7
        axis = Axis(n, k, n if same else n - k + 1, k // 2 if same else 0)
        rows = spread(1, LARGEST / n**rank)
        sizes = {
            "rows": (1, rows, 1, 1),
            "per row": (rows, 1, 1, 1),
            "channels": (1, min(rows, 8), source.choice((1, 4, 16)), source.choice((4, 16, 64))),
            "images": (1, min(rows, 64), 1, 1),
            "volumes": (1, min(rows, 16), 1, 1),
        }[kind]
        return Pass(sizes, (axis,) * rank, role, dtype)

    return one


def suitable(problem: Pass, platform: str) -> bool:
    """Whether it fits and ends."""
    sizes = [math.prod(shape) for shape in problem.shapes.values()]
    return max(sizes) <= LARGEST and min(problem.chosen(platform).cost.values()) <= LONGEST


def judged(problem: Pass, times: Times, platform: str) -> dict[str, Any]:
    """What the choice costs, by the times of all engines that were tried."""
    plan = problem.chosen(platform)
    best = min(times, key=lambda name: times[name])
    return {
        "name": problem.name,
        "chosen": plan.engine,
        "best": best,
        "regret": times[plan.engine] / times[best],
        "milliseconds": {name: 1e3 * each for name, each in times.items()},
        "estimated": {name: cost / 1e6 for name, cost in plan.cost.items() if cost < math.inf},
        "not_timed": [name for name in plan.cost if name not in times],
    }


def markdown(found: dict[str, Any], worst: int = 20) -> str:
    """The share within 15 %, and the worst choices."""
    table = sorted(found["table"], key=lambda each: -each["regret"])
    lines = [
        f"{found['cells']} problems on {found['title']}: the engine chosen is within 15 % of the "
        f"best in {found['within_15_percent']:.1%}, at worst {found['worst']:.2f} times slower.",
        "",
        "| problem | chosen | best | times slower | milliseconds |",
        "|---|---|---|---|---|",
    ]
    for each in table[:worst]:
        times = ", ".join(f"{name} {ms:.3g}" for name, ms in each["milliseconds"].items())
        lines.append(
            f"| {each['name']} | {each['chosen']} | {each['best']} | {each['regret']:.2f} "
            f"| {times} |"
        )
    return "\n".join(lines) + "\n"


def summary(table: list[dict[str, Any]]) -> dict[str, Any]:
    """What the demands ask of the table."""
    regrets = [each["regret"] for each in table]
    setting = machine()
    return {
        "machine": setting,
        "title": title(setting),
        "cells": len(regrets),
        "within_15_percent": sum(regret <= 1.15 for regret in regrets) / len(regrets),
        "worst": max(regrets),
        "table": table,
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.regret", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--cells", type=int, default=CELLS)
    parser.add_argument("--seed", type=int, default=SEED, help="draws other problems")
    parser.add_argument("--dtypes", nargs="+", default=list(DTYPES), choices=DTYPES)
    parser.add_argument("--keep", type=Path, help="keep the times in this file, and go on with it")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end after so many")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--write-docs", action="store_true", help="write into docs/benchmarks")
    options = parser.parse_args(argv)
    platform = platform_of_plans()
    source = draw(options.seed)
    drawn = filter(
        lambda p: p.dtype in options.dtypes and suitable(p, platform), iter(source, None)
    )
    problems = list(itertools.islice(drawn, options.cells))
    kept = Kept(options.keep)
    for problem in problems:
        # Other prices may choose an engine that was too far off to be timed.
        if problem.chosen(platform).engine not in kept.times.get(problem.name, ()):
            kept.times.pop(problem.name, None)
    if not kept.measure(problems, Meter(platform, BUDGET), options.seconds):
        print(f"{len(kept.times)} of {len(problems)} problems; call again to go on")
        return
    table = [judged(problem, kept.times[problem.name], platform) for problem in problems]
    found = summary(table)
    print(markdown(found))
    text = json.dumps(found, indent=1) + "\n"
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    if options.write_docs:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "regret.json").write_text(text, encoding="utf-8")
        (FOLDER / "regret.md").write_text(markdown(found), encoding="utf-8")


if __name__ == "__main__":
    main()
