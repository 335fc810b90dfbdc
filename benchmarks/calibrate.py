"""Measures what each engine's work costs on this machine and writes ``filtrax._costs``.

    python -m benchmarks.calibrate [--dtypes float32 float64 ...] [--keep FOLDER [--seconds 50]]

Run it with nothing else on the machine; some five minutes a dtype. Each engine's time over a set
of problems, of which most are drawn at random, is fitted by non-negative prices for the counts it
reports; the relative misfit is printed beside them. Kernels that are compiled have prices of their
own; those of the engines in whose place they stand are fitted with ``FILTRAX_COMPILED=0``. With
``--keep`` the times are kept, and a later call goes on where one ended:
``--seconds`` ends a call early, before anything is fitted.
"""

import argparse
import itertools
import math
import pathlib
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.optimize

from benchmarks.passes import Kept, Meter, Pass, Sizes, Times, platform_of_plans
from benchmarks.regret import draw, suitable
from filtrax._choose import counts_of
from filtrax._costs import MEASURED, Prices, table_of
from filtrax._engines import fold_problem
from filtrax._engines.compiled import is_compiled
from filtrax._geometry import Axis

COSTS = pathlib.Path(__file__).parents[1] / "src" / "filtrax" / "_costs.py"
#: Problems drawn, of float32 and of others, from another seed than those that judge the choice.
DRAWN, DRAWN_OTHERS, SEED = 200, 100, 1
#: Seconds for the rounds of one engine.
BUDGET = 0.008
#: With fewer times than this, and where it is never among the better, an engine keeps its prices.
LEAST = 12
DTYPES = ("float32", "float64", "complex64", "bfloat16", "complex128")

Case = tuple[Sizes, str, tuple[Axis, ...]]


def problems(dtype: str, platform: str) -> list[Pass]:
    """Forward and gradient problems of every kind that a fit must cover."""
    source = draw(SEED)
    drawn = (replace(each, dtype=dtype) for each in iter(source, None))
    fit_for_it = filter(lambda each: suitable(each, platform), drawn)
    count = DRAWN if dtype == "float32" else DRAWN_OTHERS
    fixed = [Pass(sizes, axes, role, dtype) for sizes, role, axes in _cases()]
    return [*itertools.islice(fit_for_it, count), *fixed]


def _cases() -> Iterator[Case]:
    for n in (2**14, 2**17, 2**20):
        full = Axis(n, n, 2 * n - 1, n - 1)
        yield (1, 1, 1, 1), "y", (full,)
        yield (1, 1, 1, 1), "h", (full,)
    for (g, b), (n, k) in itertools.product(
        [(1, 1), (1, 256), (256, 1)], [(4096, 9), (4096, 64), (4096, 511), (16384, 1025)]
    ):
        axis = Axis(n, k, n, k // 2)
        yield (g, b, 1, 1), "y", (axis,)
        yield (g, b, 1, 1), "h", (axis,)
    for n, k in itertools.product([100, 500], [5, 20, 60]):
        # What takes little more than a call.
        yield (1, 8, 1, 1), "y", (Axis(n, k, n, k // 2),)
        yield (1, 8, 1, 1), "h", (Axis(n, k, n, k // 2),)
    for b, n, k in itertools.product([1, 8], [32, 100], [2, 5, 16]):
        axis = Axis(n, k, n - k + 1, 0)
        yield (1, b, 1, 1), "y", (axis, axis)
        if k == 5:
            yield (1, b, 1, 1), "h", (axis, axis)
    for n, k in itertools.product([64, 256, 1024], [3, 7, 15, 31, 129]):
        if k < n:
            axis = Axis(n, k, n, k // 2)
            yield (1, 1, 1, 1), "y", (axis, axis)
            if k < 16:
                yield (1, 1, 1, 1), "h", (axis, axis)
    for (n, lanes), k in itertools.product([(4096, 256), (256, 4096)], [3, 9, 31, 100]):
        # Along an axis with others behind it, with one kernel and with one for each entry.
        for carried in (Axis(lanes, 1, lanes, 0), Axis(lanes, lanes, lanes, 0, paired=True)):
            yield (1, 1, 1, 1), "y", (Axis(n, k, n, k // 2), carried)
            yield (1, 1, 1, 1), "h", (Axis(n, k, n, k // 2), carried)
    for (c, o), (b, n, k) in itertools.product(
        [(1, 16), (3, 8), (16, 1), (16, 16), (64, 64)], [(4, 1000, 5), (8, 4096, 31)]
    ):
        yield (1, b, c, o), "y", (Axis(n, k, n, k // 2),)
        yield (1, b, c, o), "h", (Axis(n, k, n, k // 2),)
    for (c, o), (b, n, k) in itertools.product(
        [(1, 64), (3, 8), (16, 2)], [(8, 20_000, 31), (4, 50_000, 65)]
    ):
        yield (1, b, c, o), "y", (Axis(n, k, n, k // 2),)
        yield (1, b, c, o), "h", (Axis(n, k, n, k // 2),)
    for (c, o), (b, n, k) in itertools.product(
        [(1, 16), (3, 8), (16, 1), (16, 16), (64, 64)], [(8, 14, 3), (4, 56, 3), (2, 56, 7)]
    ):
        axis = Axis(n, k, n, k // 2)
        yield (1, b, c, o), "y", (axis, axis)
        yield (1, b, c, o), "h", (axis, axis)
    for (g, b), n, k in itertools.product([(32, 8), (64, 1)], [7, 14, 28, 56], [3, 7]):
        axis = Axis(n, k, n, k // 2)
        yield (g, b, 1, 1), "y", (axis, axis)
        yield (g, b, 1, 1), "h", (axis, axis)
    for o, n, k in itertools.product([16, 64, 256], [7, 14, 28], [1, 3, 5]):
        axis = Axis(n, k, n, k // 2)
        yield (1, 8, o, o), "y", (axis, axis)
        yield (1, 8, o, o), "h", (axis, axis)
    for (c, o), (n, k) in itertools.product(
        [(1, 64), (1, 256), (256, 32), (256, 256)], [(1000, 1), (1000, 4)]
    ):
        # Few products for each number that is read.
        yield (1, 16, c, o), "y", (Axis(n, k, n, k // 2),)
        yield (1, 16, c, o), "h", (Axis(n, k, n, k // 2),)
    for sizes, (n, k) in itertools.product(
        [(1, 1, 1, 1), (1, 4, 1, 1), (8, 1, 1, 1), (1, 2, 8, 8), (1, 2, 1, 16), (1, 1, 32, 32)],
        [(16, 3), (32, 3), (24, 5), (64, 7)],
    ):
        if sizes[2] * sizes[3] == 1 or n < 64:
            yield from ((sizes, role, (Axis(n, k, n, k // 2),) * 3) for role in ("y", "h"))
    for (g, b), n, k in itertools.product([(32, 8), (64, 1)], [14, 28, 112], [3, 5]):
        axis = Axis(n, k, n // 2, k // 2, stride=2)
        yield from (((g, b, 1, 1), role, (axis, axis)) for role in ("y", "x", "h"))
    for o in (1, 16):
        strided = Axis(4000, 9, 2000, 4, stride=2)
        yield from (((1, 8, o, o), role, (strided,)) for role in ("y", "x", "h"))


Key = tuple[str, str]


def fit(
    measured: list[tuple[Pass, Times]], platform: str
) -> tuple[dict[str, Prices], dict[Key, float]]:
    """Prices in nanoseconds by table and engine, and the misfit where one is among the better."""
    table = Table(measured, platform)
    prices: dict[str, Prices] = {}
    misfits: dict[Key, float] = {}
    for key in table.keys:
        among_better = table.matters(key) == 1.0
        # One that is never among the better was hardly timed.
        if table.timed[key].sum() < LEAST or not among_better.any():
            continue
        each = table.prices(key)
        misfits[key] = float(np.median(np.abs(table.errors(key, each))[among_better]))
        where, name = key
        prices.setdefault(where, {})[name] = tuple(float(f"{p:.3g}") for p in each)
    return prices, misfits


class Table:
    """Counts and times over the problems, in nanoseconds, by the table of prices and the engine.

    Without a time is an engine that was too far off, or that is not chosen unasked.
    """

    def __init__(self, measured: list[tuple[Pass, Times]], platform: str):
        self.best = np.array([1e9 * min(times.values()) for _, times in measured])
        rows: dict[Key, dict[int, tuple[float, ...]]] = {}
        for number, (work, _) in enumerate(measured):
            for name, engine in work.engines(platform).items():
                key = (table_of(platform, is_compiled(engine)), name)
                rows.setdefault(key, {})[number] = counts_of(engine, work.plain)
        self.keys = sorted(rows)
        self.counts, self.times, self.timed = {}, {}, {}
        for key, counted in rows.items():
            width = len(next(iter(counted.values())))
            none = (math.inf,) * width
            counts = np.array([counted.get(number, none) for number in range(len(measured))])
            times = np.array([1e9 * times.get(key[1], math.nan) for _, times in measured])
            self.timed[key] = np.isfinite(counts[:, 0]) & np.isfinite(times)
            self.times[key] = np.where(self.timed[key], times, self.best)
            self.counts[key] = np.where(self.timed[key][:, None], counts, 0.0)
            if key[1] == "direct":
                self.times[key][[_is_slow_in_loops(work) for work, _ in measured]] *= 3

    def matters(self, key: Key) -> np.ndarray:
        """The weight of each time: one far from the best decides nothing."""
        return np.minimum(1.0, 2 * self.best / self.times[key]) * self.timed[key]

    def errors(self, key: Key, prices: np.ndarray) -> np.ndarray:
        """Logarithms of estimated over measured times."""
        estimated = np.maximum(self.counts[key] @ prices, 1.0)
        return np.where(self.timed[key], np.log(estimated / self.times[key]), 0.0)

    def prices(self, key: Key) -> np.ndarray:
        """Non-negative least squares of the error relative to the best engine's time."""
        rows = self.timed[key]
        counts, times = self.counts[key][rows], self.times[key][rows]
        prices, predicted = np.zeros(counts.shape[1]), times
        for _ in range(30):
            # In logarithms, nearly: a factor of two up weighs as much as one down.
            weight = self.matters(key)[rows] / np.sqrt(np.maximum(predicted, 1.0) * times)
            prices, _ = scipy.optimize.nnls(counts * weight[:, None], times * weight)
            predicted = counts @ prices
        # What no problem counts costs something.
        return np.where(counts.any(axis=0), prices, 1.0)


def _is_slow_in_loops(work: Pass) -> bool:
    """Whether `direct` is many times slower inside a loop, of which a plan does not hear.

    So it is for channels in float32, for which alone there is a fast library (see docs/design.md).
    """
    seen = fold_problem(work.plain)
    return not seen.is_short and seen.c * seen.o > 1 and seen.dtype.itemsize <= 4


def write(found: dict[str, dict[str, Prices]]) -> None:
    """Puts prices, by table and dtype, into the module; what was not measured now keeps its own."""
    text = COSTS.read_text()
    begin, end = text.index("# begin calibrated"), text.index("# end calibrated")
    merged = {where: dict(table) for where, table in MEASURED.items()}
    for where, by_dtype in found.items():
        for dtype, prices in by_dtype.items():
            kept = merged.setdefault(where, {}).get(dtype, {})
            merged[where][dtype] = {**kept, **prices}
    rows = "\n".join(["MEASURED: dict[str, dict[str, Prices]] = {", *_indented(merged), "}"])
    body = f"# begin calibrated\n# fmt: off\n{rows}\n# fmt: on\n"
    COSTS.write_text(text[:begin] + body + text[end:])


def _indented(table: dict[str, Any]) -> Iterator[str]:
    """The lines of a table of tables, whose rows are filled, not a number a line."""
    for name, entry in sorted(table.items()):
        if isinstance(entry, dict):
            lines = [f'"{name}": {{', *_indented(entry), "},"]
        else:
            lines = textwrap.wrap(f'"{name}": {entry},', 84, subsequent_indent="    ")
        yield from (f"    {line}" for line in lines)


def main(argv: list[str] | None = None) -> None:
    """Measures, fits, prints and writes."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.calibrate", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--dtypes", nargs="+", default=DTYPES, choices=DTYPES)
    parser.add_argument("--keep", type=pathlib.Path, help="keep the times in this folder")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end after so many")
    options = parser.parse_args(argv)
    platform = platform_of_plans()
    begun = time.perf_counter()
    found: dict[str, dict[str, Prices]] = {}
    for dtype in options.dtypes:
        kept = Kept(options.keep / f"{platform}-{dtype}.jsonl" if options.keep else None)
        passes = problems(dtype, platform)
        left = options.seconds - (time.perf_counter() - begun)
        if not kept.measure(passes, Meter(platform, BUDGET), left):
            print(f"{dtype}: {len(kept.times)} of {len(passes)}; call again to go on")
            return
        measured = [(work, kept.times[work.name]) for work in passes]
        prices, misfits = fit(measured, platform)
        for (where, name), misfit in misfits.items():
            found.setdefault(where, {})[dtype] = prices[where]
            print(f"{where} {dtype} {name}: {prices[where][name]}, median misfit {misfit:.0%}")
    write(found)


if __name__ == "__main__":
    main()
