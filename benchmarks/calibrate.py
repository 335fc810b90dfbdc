"""Measures what each engine's work costs on this machine and writes ``filtrax._costs``.

    python -m benchmarks.calibrate [--dtypes float32 float64 ...] [--keep FOLDER [--seconds 50]]

Run it with nothing else on the machine; some six minutes a dtype. Each engine's time over a set
of problems is fitted by non-negative prices for the counts it reports; the relative misfit is
printed beside them. With ``--keep`` the times are kept, and a later call goes on where one ended:
``--seconds`` ends a call early, before anything is fitted.
"""

import argparse
import itertools
import math
import pathlib
import pprint
import time
from collections.abc import Iterator

import numpy as np
import scipy.optimize

from benchmarks.passes import Kept, Meter, Pass, Times, platform_of_plans
from filtrax._choose import counts_of
from filtrax._costs import MEASURED, Prices
from filtrax._engines import ENGINES, fold_problem
from filtrax._geometry import Axis

COSTS = pathlib.Path(__file__).parents[1] / "src" / "filtrax" / "_costs.py"
#: (G, B, C, O), N, K: rows, kernels per row, channels, and the roles of a gradient.
ROWS = [(1, 1), (1, 256), (1, 4096), (256, 1)]
LENGTHS = [256, 4096, 65536, 1_000_000]
TAPS = [3, 9, 31, 100, 257, 1025, 5000, 20000]
LARGEST = 5e6
#: Seconds for the rounds of one engine.
BUDGET = 0.03
DTYPES = ("float32", "float64", "complex64", "bfloat16", "complex128")

Case = tuple[tuple[int, int, int, int], str, tuple[Axis, ...]]


def problems(dtype: str) -> list[Pass]:
    """Forward and gradient problems of every size that a fit must cover."""
    return [Pass(sizes, axes, role, dtype) for sizes, role, axes in _cases()]


def _cases() -> Iterator[Case]:
    for (g, b), n, k in itertools.product(ROWS, LENGTHS, TAPS):
        if g * b * n <= LARGEST and k < n:
            same = Axis(n, k, n, k // 2)
            yield (g, b, 1, 1), "y", (same,)
            yield (g, b, 1, 1), "h", (same,)
    for n in (2**14, 2**17, 2**20):
        full = Axis(n, n, 2 * n - 1, n - 1)
        yield (1, 1, 1, 1), "y", (full,)
        yield (1, 1, 1, 1), "h", (full,)
    for n, k in ((4096, 9), (4096, 100), (256, 31), (65536, 3)):
        yield (1, 64, 1, 1), "y", (Axis(n, k, n - k + 1, 0),)
        yield (1, 64, 1, 1), "y", (Axis(n, k, n + k - 1, k - 1),)
    for (c, o), n, k in itertools.product([(4, 4), (64, 64), (1, 16)], [256, 4096], TAPS[:5]):
        if k < n and c * o * n * k < 1e9:
            yield (1, 4, c, o), "y", (Axis(n, k, n - k + 1, 0),)
            yield (1, 4, c, o), "h", (Axis(n, k, n - k + 1, 0),)
    for (c, o), n, k in itertools.product([(16, 16), (4, 16)], [1024, 65536], [3, 9, 37]):
        yield (1, 2, c, o), "y", (Axis(n, k, n, k // 2),)
        yield (1, 2, c, o), "h", (Axis(n, k, n, k // 2),)
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


def fit(measured: list[tuple[Pass, Times]]) -> tuple[Prices, dict[str, float]]:
    """Prices in nanoseconds for every engine, and the misfit where it is among the better ones."""
    table = Table(measured)
    prices = {name: table.prices(name) for name in sorted(ENGINES)}
    misfits: dict[str, float] = {}
    for name, each in prices.items():
        errors = np.abs(table.errors(name, each))[table.matters(name) == 1.0]
        misfits[name] = float(np.median(errors)) if errors.size else math.nan
    rounded = {name: tuple(float(f"{p:.3g}") for p in each) for name, each in prices.items()}
    return rounded, misfits


class Table:
    """Counts and times of all engines over the problems, in nanoseconds.

    Without a time is an engine that was too far off, or that is not chosen unasked.
    """

    def __init__(self, measured: list[tuple[Pass, Times]]):
        self.counts, self.times, self.timed = {}, {}, {}
        self.best = np.array([1e9 * min(times.values()) for _, times in measured])
        for name in ENGINES:
            counts = np.array([counts_of(name, work.plain) for work, _ in measured])
            times = np.array([1e9 * times.get(name, math.nan) for _, times in measured])
            self.timed[name] = np.isfinite(counts[:, 0]) & np.isfinite(times)
            self.times[name] = np.where(self.timed[name], times, self.best)
            self.counts[name] = np.where(self.timed[name][:, None], counts, 0.0)
            if name == "direct":
                self.times[name][[_is_slow_in_loops(work) for work, _ in measured]] *= 3

    def matters(self, name: str) -> np.ndarray:
        """The weight of each time: one far from the best decides nothing."""
        return np.minimum(1.0, 2 * self.best / self.times[name]) * self.timed[name]

    def errors(self, name: str, prices: np.ndarray) -> np.ndarray:
        """Logarithms of estimated over measured times."""
        estimated = np.maximum(self.counts[name] @ prices, 1.0)
        return np.where(self.timed[name], np.log(estimated / self.times[name]), 0.0)

    def prices(self, name: str) -> np.ndarray:
        """Non-negative least squares of the error relative to the best engine's time."""
        rows = self.timed[name]
        counts, times = self.counts[name][rows], self.times[name][rows]
        prices, predicted = np.zeros(counts.shape[1]), times
        for _ in range(30):
            # In logarithms, nearly: a factor of two up weighs as much as one down.
            weight = self.matters(name)[rows] / np.sqrt(np.maximum(predicted, 1.0) * times)
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


def write(platform: str, table: dict[str, Prices]) -> None:
    """Puts prices into the module; dtypes that were not measured now keep theirs."""
    text = COSTS.read_text()
    begin, end = text.index("# begin calibrated"), text.index("# end calibrated")
    merged = {**MEASURED, platform: {**MEASURED.get(platform, {}), **table}}
    value = pprint.pformat(merged, width=96)
    body = f"# begin calibrated\nMEASURED: dict[str, dict[str, Prices]] = {value}\n"
    COSTS.write_text(text[:begin] + body + text[end:])


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
    table: dict[str, Prices] = {}
    for dtype in options.dtypes:
        kept = Kept(options.keep / f"{platform}-{dtype}.jsonl" if options.keep else None)
        passes = problems(dtype)
        left = options.seconds - (time.perf_counter() - begun)
        if not kept.measure(passes, Meter(platform, BUDGET), left):
            print(f"{dtype}: {len(kept.times)} of {len(passes)}; call again to go on")
            return
        measured = [(work, kept.times[work.name]) for work in passes]
        table[dtype], misfits = fit(measured)
        for name, prices in table[dtype].items():
            print(f"{dtype} {name}: {prices}, median misfit {misfits[name]:.0%}")
    write(platform, table)


if __name__ == "__main__":
    main()
