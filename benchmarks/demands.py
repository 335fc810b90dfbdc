"""The project's own demands on speed, one after the other, held against the timings.

Each has its limit, the cells that it speaks of, and those that fail. Nothing is rounded in its
own favour: 0.99 of the fastest peer is a failure.
"""

import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

import filtrax
from benchmarks.cases import BY_KERNEL, BY_SIGNAL, VALUE, Case
from benchmarks.measure import Cell, Timing
from benchmarks.peers.base import JNP, OURS, OUTSIDE, STREAM

#: Outputs from which the demands on a single cell hold.
MANY = 100_000
FOLDER = Path(__file__).parents[1] / "docs" / "benchmarks"
FOURIER = ("fft", "overlap")


@dataclass(frozen=True, slots=True)
class Judged:
    """One cell under one demand; ``value`` passes if it is on the right side of ``limit``."""

    cell: str
    value: float
    limit: float
    at_least: bool = True

    @property
    def passes(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def shortfall(self) -> float:
        """How many times it misses the limit."""
        low, high = (self.value, self.limit) if self.at_least else (self.limit, self.value)
        return high / low if low > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Demand:
    """One sentence of what must be reached."""

    text: str
    judged: tuple[Judged, ...]
    absent: str = "no cell measured"

    @property
    def failing(self) -> list[Judged]:
        return sorted((j for j in self.judged if not j.passes), key=lambda j: -j.shortfall)


def demands(cells: list[Cell], folder: Path = FOLDER) -> list[Demand]:
    """All of them, those first that the grid answers."""
    cells = [cell for cell in cells if (t := cell.of(OURS)) is not None and t.ran]
    values = [c for c in cells if c.case.task == VALUE and c.case.form == "jit"]
    large = [c for c in values if c.case.outputs >= MANY]
    grads = [c for c in cells if c.case.task != VALUE and c.case.outputs >= MANY]
    by = {task: [c for c in grads if c.case.task == task] for task in (BY_KERNEL, BY_SIGNAL)}
    to_jnp = {c.case: _over(c, c.of(JNP)) for c in cells}

    # Layers are products of matrices, as fast as the machine's in every library: no tenfold there,
    # and many outputs to each sample read.
    alone = [c for c in large if c.case.family != "layers"]
    apart = {task: [c for c in some if c.case.family != "layers"] for task, some in by.items()}

    def versus_jnp(some: list[Cell], limit: float) -> Iterator[Judged]:
        for cell in some:
            if (ratio := to_jnp[cell.case]) is not None:
                yield Judged(cell.case.name, ratio, limit)

    def make(text: str, judged: Iterator[Judged]) -> Demand:
        return Demand(text, tuple(judged))

    short = [c for c in large if c.case.taps <= 129]
    found = [
        make("forward, >= 1e5 outputs: not slower than the fastest peer (long-long: 1.3x)",
             _versus_best(large)),
        make("forward, >= 1e5 outputs, K <= 129: at least 10x faster than jnp.convolve",
             versus_jnp(short, 10)),
        make("forward, geometric mean over the grid: at least 2x over the fastest peer",
             _mean("all cells", [j.value for j in _versus_best(values)], 2)),
        make("forward, geometric mean over the grid: at least 20x over jnp.convolve",
             _mean("all cells", [j.value for j in versus_jnp(values, 1)], 20)),
        make("K <= 9: within 3x of a jitted x*c over the same array", _stream(alone)),
    ]  # fmt: skip
    for task, some in by.items():
        found += [
            make(f"{task}: at most 3x the forward time", _versus_forward(some, values)),
            make(f"{task}: at least 10x faster than jnp.convolve's", versus_jnp(apart[task], 10)),
            make(
                f"{task}: at least 10x faster than torch's convolution", _torch(apart[task], "conv")
            ),
            make(f"{task}: at least 10x faster than torch's FFT", _torch(apart[task], "FFT")),
        ]
    per_row = [c for c in by[BY_KERNEL] if not c.case.is_shared]
    found += [
        make("one kernel per row, >= 1e5 outputs: at most 2x the shared-kernel time",
             _versus_shared(large)),
        make("one kernel per row: gradient by kernel 30x faster than vmapped jnp.convolve's",
             versus_jnp(per_row, 30)),
        make("inside fori_loop: at most 1.5x the time outside", _loops(cells)),
        make("compile: at most 0.3 s where K <= 129", _compile(cells)),
        make("a second call of the same shapes never traces", _traces(cells)),
        make("error: at most 8 eps log2(N) (FFT engines), 4 eps sqrt(terms) (others)",
             _accuracy(cells)),
    ]  # fmt: skip
    return [*found, *_elsewhere(folder)]


def geometric(values: list[float]) -> float:
    """The geometric mean."""
    return statistics.geometric_mean(values) if values else math.nan


def _ours(cell: Cell) -> float:
    ours = cell.of(OURS)
    return ours.milliseconds if ours else math.nan


def _over(cell: Cell, other: Timing | None) -> float | None:
    """How many times slower another was than we were."""
    return other.milliseconds / _ours(cell) if other else None


def _mean(name: str, values: list[float], limit: float) -> Iterator[Judged]:
    if values:
        yield Judged(f"{name} ({len(values)})", geometric(values), limit)


def _versus_best(cells: list[Cell]) -> Iterator[Judged]:
    for cell in cells:
        if rivals := cell.rivals(OURS):
            limit = 1 / 1.3 if cell.case.family == "long" else 1.0
            yield Judged(cell.case.name, rivals[0].milliseconds / _ours(cell), limit)


def _stream(cells: list[Cell]) -> Iterator[Judged]:
    for cell in cells:
        if stream := cell.of(STREAM):
            ratio = _ours(cell) / stream.milliseconds
            yield Judged(cell.case.name, ratio, 3, at_least=False)


def _versus_forward(grads: list[Cell], values: list[Cell]) -> Iterator[Judged]:
    forward = {c.case: _ours(c) for c in values}
    for cell in grads:
        if time := forward.get(replace(cell.case, task=VALUE)):
            yield Judged(cell.case.name, _ours(cell) / time, 3, at_least=False)


def _torch(cells: list[Cell], which: str) -> Iterator[Judged]:
    for cell in cells:
        ratio = _over(cell, cell.of(f"torch {which}"))
        if ratio is not None:
            yield Judged(cell.case.name, ratio, 10)


def _versus_shared(values: list[Cell]) -> Iterator[Judged]:
    shared = {c.case: _ours(c) for c in values if c.case.family == "rows"}
    for cell in values:
        case = cell.case
        if case.family == "kernel per row":
            twin = replace(case, family="rows", h=(case.h[case.axes[0]],))
            if time := shared.get(twin):
                yield Judged(case.name, _ours(cell) / time, 2, at_least=False)


def _loops(cells: list[Cell]) -> Iterator[Judged]:
    for cell in cells:
        if outside := cell.of(OUTSIDE):
            ratio = _ours(cell) / outside.milliseconds
            yield Judged(cell.case.name, ratio, 1.5, at_least=False)


def _compile(cells: list[Cell]) -> Iterator[Judged]:
    for cell in cells:
        ours = cell.of(OURS)
        if cell.case.taps <= 129 and ours and ours.compile_seconds is not None:
            yield Judged(cell.case.name, ours.compile_seconds, 0.3, at_least=False)


def _traces(cells: list[Cell]) -> Iterator[Judged]:
    for cell in cells:
        ours = cell.of(OURS)
        if ours and ours.compilations is not None:
            yield Judged(cell.case.name, ours.compilations, 0, at_least=False)


def engine(case: Case, output: str) -> str | None:
    """The engine that `plan` names for one output; ``None`` where it has no shapes for it."""
    if case.kind != "filter":
        return None
    derivative = {"y": None, "dx": "x", "dh": "h"}[output]
    mode: Any = case.mode
    with jax.enable_x64(case.dtype == "float64"):
        return filtrax.plan(
            case.x, case.h, case.dtype, mode=mode, axes=case.axes, derivative=derivative
        ).engine


def allowed(case: Case, output: str) -> float:
    """The largest error of well-scaled data."""
    eps = float(jnp.finfo(jnp.dtype(case.dtype)).eps)
    if engine(case, output) in FOURIER:
        return 8 * eps * math.log2(math.prod(case.lengths))
    terms = case.taps * (case.h[1] if case.kind == "channels" else 1)
    if output == "dh":
        # Each tap of a kernel collects from all outputs that it serves.
        terms = case.outputs // (1 if case.is_shared else math.prod(case.h) // case.taps)
    return 4 * eps * math.sqrt(terms)


def _accuracy(cells: list[Cell]) -> Iterator[Judged]:
    for cell in cells:
        ours = cell.of(OURS)
        if cell.case.form == "loop" or ours is None:
            continue
        for output, error in ours.errors.items():
            limit = allowed(cell.case, output)
            yield Judged(f"{cell.case.name}: {output}", error, limit, at_least=False)


def _elsewhere(folder: Path) -> list[Demand]:
    """What `benchmarks.regret` and `benchmarks.memory` have written."""
    regret, memory = _read(folder / "regret.json"), _read(folder / "memory.json")
    share = worst = peak = ()
    if regret:
        share = (Judged(f"{regret['cells']} cells", regret["within_15_percent"], 0.95),)
        worst = tuple(
            Judged(each["name"], each["regret"], 1.5, at_least=False) for each in regret["table"]
        )
    if memory:
        name = f"{memory['samples']:.0e} samples"
        peak = (Judged(name, memory["times_input_plus_output"], 3, at_least=False),)
    run = "not measured yet: run `python -m benchmarks.{} --write-docs`".format
    return [
        Demand("auto: within 15 % of our best engine in 95 % of cells", share, run("regret")),
        Demand("auto: never worse than 1.5x our best engine", worst, run("regret")),
        Demand("overlap at 1e8 samples: at most 3x input plus output", peak, run("memory")),
    ]


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.exists() else None
