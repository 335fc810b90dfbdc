"""How good the choice of an engine is: 200 problems, each by every engine that might be best.

    python -m benchmarks.regret [--cells 200] [--json FILE] [--write-docs]

The problems are drawn with a fixed seed: rows, kernels per row, channels and images, four dtypes,
the value and both gradients. Engines priced at more than 20 times the cheapest are not timed.
"""

import argparse
import json
import math
import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from benchmarks.demands import FOLDER
from benchmarks.machine import machine, title
from filtrax._choose import choose
from filtrax._engines import Correlation
from filtrax._geometry import Axis
from filtrax._primitive import bind

SEED, CELLS = 20_240, 200
FAR = 20.0
#: Samples in the largest operand or output; estimated nanoseconds of the cheapest engine.
LARGEST, LONGEST = 4e6, 2e8
#: Seconds for one engine's rounds.
BUDGET = 0.06
ROLES = {"y": "value", "x": "gradient by signal", "h": "gradient by kernel"}


@dataclass(frozen=True, slots=True)
class Problem:
    """A pass of the primitive: sizes (G, B, C, O), the forward axes, the array sought, a dtype."""

    sizes: tuple[int, int, int, int]
    axes: tuple[Axis, ...]
    role: str
    dtype: str

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        g, b, c, o = self.sizes
        return {
            "x": (g, b, c, *(a.n for a in self.axes)),
            "h": (g, o, c, *(a.k for a in self.axes)),
            "y": (g, b, o, *(a.m for a in self.axes)),
        }

    @property
    def plain(self) -> Correlation:
        """What an engine sees; half precision is computed in float32."""
        g, b, c, o = self.sizes
        b, c, o = {"y": (b, c, o), "x": (b, o, c), "h": (c, b, o)}[self.role]
        dtype = "float32" if self.dtype == "bfloat16" else self.dtype
        axes = tuple(axis.for_role(self.role) for axis in self.axes)
        return Correlation(g, b, c, o, axes, np.dtype(dtype))

    @property
    def name(self) -> str:
        sizes = " ".join(f"{k}={v}" for k, v in zip("GBCO", self.sizes, strict=True))
        n = "x".join(str(a.n) for a in self.axes)
        k = "x".join(str(a.k) for a in self.axes)
        mode = "valid" if self.axes[0].lo == 0 else "same"
        return f"{sizes} N={n} K={k} {mode} {self.dtype}, {ROLES[self.role]}"


def draw(seed: int = SEED) -> Callable[[], Problem]:
    """A source of problems."""
    source = random.Random(seed)

    def spread(low: float, high: float) -> int:
        return round(math.exp(source.uniform(math.log(low), math.log(max(low, high)))))

    def one() -> Problem:
        kind = source.choices(("rows", "per row", "channels", "images"), (45, 25, 10, 20))[0]
        rank = 2 if kind == "images" else 1
        n = spread(24, 1200) if rank == 2 else spread(64, 1e6)
        k = spread(2, min(n, 32 if rank == 2 else 20_000))
        same = source.random() < 0.7
        axis = Axis(n, k, n if same else n - k + 1, k // 2 if same else 0)
        rows = spread(1, LARGEST / n**rank)
        sizes = {
            "rows": (1, rows, 1, 1),
            "per row": (rows, 1, 1, 1),
            "channels": (1, min(rows, 8), source.choice((1, 4, 16)), source.choice((4, 16, 64))),
            "images": (1, min(rows, 64), 1, 1),
        }[kind]
        dtypes = ("float32", "float64", "complex64", "bfloat16")
        dtype = source.choices(dtypes, (60, 20, 10, 10))[0]
        role = source.choices(("y", "x", "h"), (50, 20, 30))[0]
        return Problem(sizes, (axis,) * rank, role, dtype)

    return one


def suitable(problem: Problem, platform: str) -> bool:
    """Whether it fits and ends."""
    sizes = [math.prod(shape) for shape in problem.shapes.values()]
    cost = choose(problem.plain, "auto", platform).cost
    return max(sizes) <= LARGEST and min(cost.values()) <= LONGEST


def operands(problem: Problem) -> list[jax.Array]:
    """Random operands of the role."""
    rng = np.random.default_rng(0)
    arrays = []
    for name in {"y": "xh", "x": "yh", "h": "xy"}[problem.role]:
        drawn = rng.standard_normal(problem.shapes[name])
        if problem.dtype.startswith("complex"):
            drawn = drawn + 1j * rng.standard_normal(drawn.shape)
        arrays.append(jnp.asarray(drawn, problem.dtype))
    return arrays


def measure(problem: Problem, platform: str) -> dict[str, Any]:
    """The time of each engine that might be best, and what the choice costs."""
    plan = choose(problem.plain, "auto", platform)
    cheapest = min(plan.cost.values())
    tried = [name for name, cost in plan.cost.items() if cost <= FAR * cheapest]
    with jax.enable_x64(problem.dtype == "float64"):
        arrays = operands(problem)
        calls = {
            name: jax.jit(partial(bind, role=problem.role, axes=problem.axes, method=name))
            for name in tried
        }
        times: dict[str, list[float]] = {name: [] for name in tried}
        for call in calls.values():
            jax.block_until_ready(call(*arrays))
            jax.block_until_ready(call(*arrays))
        for _ in range(25):
            for name, call in calls.items():
                if len(times[name]) < 3 or sum(times[name]) < BUDGET:
                    start = time.perf_counter()
                    jax.block_until_ready(call(*arrays))
                    times[name].append(time.perf_counter() - start)
    median = {name: 1e3 * statistics.median(each) for name, each in times.items()}
    best = min(median, key=lambda name: median[name])
    return {
        "name": problem.name,
        "chosen": plan.engine,
        "best": best,
        "regret": median[plan.engine] / median[best],
        "milliseconds": median,
        "estimated": {name: cost / 1e6 for name, cost in plan.cost.items() if cost < math.inf},
        "not_timed": [name for name in plan.cost if name not in tried],
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
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--write-docs", action="store_true", help="write into docs/benchmarks")
    options = parser.parse_args(argv)
    platform = {"gpu": "cuda"}.get(jax.default_backend(), jax.default_backend())
    source, problems = draw(options.seed), []
    while len(problems) < options.cells:
        problem = source()
        if suitable(problem, platform):
            problems.append(problem)
    table = []
    for done, problem in enumerate(tqdm(problems, unit="problem")):
        table.append(measure(problem, platform))
        if done % 40 == 39:
            jax.clear_caches()
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
