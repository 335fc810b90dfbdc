"""Measures what each engine's work costs on this machine and writes ``filtrax._costs``.

    python -m benchmarks.calibrate [--dtypes float32 float64 complex64]

Run it with nothing else on the machine. Each engine's time over a set of problems is fitted by
non-negative prices for the counts it reports; the relative misfit is printed beside them.
"""

import argparse
import itertools
import math
import pathlib
import pickle
import pprint
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from tqdm import tqdm

from filtrax._choose import counts_of
from filtrax._costs import MEASURED
from filtrax._engines import ENGINES, Correlation
from filtrax._geometry import Axis
from filtrax._primitive import bind

COSTS = pathlib.Path(__file__).parents[1] / "src" / "filtrax" / "_costs.py"
#: (G, B, C, O), N, K: rows, kernels per row, channels, and the roles of a gradient.
ROWS = [(1, 1), (1, 256), (1, 4096), (256, 1)]
LENGTHS = [256, 4096, 65536, 1_000_000]
TAPS = [3, 9, 31, 100, 257, 1025, 5000, 20000]
LARGEST = 5e6

Case = tuple[tuple[int, int, int, int], str, tuple[Axis, ...]]


def problems() -> Iterator[Case]:
    """Forward and gradient problems of every size that a fit must cover."""
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


@dataclass(frozen=True, slots=True)
class Sample:
    """The seconds that engines took for a problem."""

    case: Case
    dtype: str
    times: dict[str, float]


def operands(sizes: tuple[int, int, int, int], role: str, axes: tuple[Axis, ...], dtype: str):
    """Random operands of a role."""
    g, b, c, o = sizes
    rng = np.random.default_rng(0)
    shapes = {
        "x": (g, b, c, *(a.n for a in axes)),
        "h": (g, o, c, *(a.k for a in axes)),
        "y": (g, b, o, *(a.m for a in axes)),
    }
    names = {"y": "xh", "x": "yh", "h": "xy"}[role]
    return [jnp.asarray(rng.standard_normal(shapes[name]), dtype) for name in names]


def as_problem(sizes: tuple[int, int, int, int], role: str, axes: tuple[Axis, ...], dtype: str):
    """The plain correlation that an engine sees."""
    g, b, c, o = sizes
    b, c, o = {"y": (b, c, o), "x": (b, o, c), "h": (c, b, o)}[role]
    return Correlation(g, b, c, o, tuple(a.for_role(role) for a in axes), jnp.dtype(dtype))


def seconds(name: str, role: str, axes: tuple[Axis, ...], arrays: list[jax.Array]) -> float:
    """The median time of a compiled call; the fewer calls the longer one takes."""
    call = jax.jit(lambda a, b: bind(a, b, role=role, axes=axes, method=name))
    call(*arrays).block_until_ready()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < 0.03 and len(times) < 30):
        start = time.perf_counter()
        call(*arrays).block_until_ready()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def foretold(name: str, problem: Correlation, known: dict[str, float]) -> bool:
    """Whether an engine would be tried in vain: far over the best so far, or over a second."""
    limit = {"direct": 0.5, "toeplitz": 0.05}.get(name, 0.0)
    guess = problem.multiplications * limit * 1e-9
    if name == "toeplitz" and not problem.is_short:
        # The band of a kernel for each row is many times as large as the kernels.
        guess += problem.g * problem.o * problem.c * problem.taps * 128 * 5e-9
    return guess > min([1.0, *(30 * t for t in known.values())])


def measure(dtype: str) -> list[Sample]:
    """The time of every engine over the problems."""
    data = []
    order = ("fft", "overlap", "shift", "toeplitz", "direct")
    for case in tqdm(list(problems()), desc=dtype):
        arrays = operands(*case, dtype)
        problem = as_problem(*case, dtype)
        times: dict[str, float] = {}
        for name in order:
            refused = ENGINES[name].refuses(problem, "cpu") is not None
            endless = math.isinf(counts_of(name, problem)[0])
            if not (refused or endless or foretold(name, problem, times)):
                times[name] = seconds(name, *case[1:], arrays)
        data.append(Sample(case, dtype, times))
    return data


def fit(samples: list[Sample], name: str) -> tuple[tuple[float, ...], float]:
    """Prices in nanoseconds, and the misfit where the engine is among the better ones.

    Non-negative least squares of the error relative to the best engine's time: a time far from
    the best decides nothing.
    """
    rows = [s for s in samples if name in s.times]
    rows = [s for s in rows if math.isfinite(counts_of(name, as_problem(*s.case, s.dtype))[0])]
    counts = np.array([counts_of(name, as_problem(*s.case, s.dtype)) for s in rows])
    times = np.array([s.times[name] for s in rows]) * 1e9
    best = np.array([min(s.times.values()) for s in rows]) * 1e9
    matters = np.minimum(1.0, 2 * best / times)
    prices = np.zeros(counts.shape[1])
    predicted = times
    for _ in range(30):
        # In logarithms, nearly: a factor of two up weighs as much as one down.
        weight = matters / np.sqrt(np.maximum(predicted, 1.0) * times)
        prices, _ = scipy.optimize.nnls(counts * weight[:, None], times * weight)
        predicted = counts @ prices
    errors = np.abs(np.log(np.maximum(predicted, 1.0) / times))
    if name == "direct":
        # Channels: what is measured here is many times slower inside a loop (see docs/design.md).
        prices[2] *= 3
    used = [p if c.any() else p or 1.0 for p, c in zip(prices, counts.T, strict=True)]
    return tuple(float(f"{p:.3g}") for p in used), float(np.median(errors[matters == 1.0]))


def main() -> None:
    """Measures, fits, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64", "complex64"])
    parser.add_argument("--save", type=pathlib.Path, help="also keep the timings in this folder")
    options = parser.parse_args()
    platform = jax.default_backend()
    table = {}
    for dtype in options.dtypes:
        with jax.enable_x64(True):
            data = measure(dtype)
        table[dtype] = {}
        for name in sorted(ENGINES):
            table[dtype][name], misfit = fit(data, name)
            print(f"{dtype} {name}: {table[dtype][name]}, median misfit {misfit:.0%}")
        if options.save:
            options.save.mkdir(parents=True, exist_ok=True)
            path = options.save / f"{platform}-{dtype}.pickle"
            path.write_bytes(pickle.dumps(data))
    text = COSTS.read_text()
    begin, end = text.index("# begin calibrated"), text.index("# end calibrated")
    # Dtypes that were not measured now keep their prices.
    merged = {**MEASURED, platform: {**MEASURED.get(platform, {}), **table}}
    value = pprint.pformat(merged, width=96)
    body = f"# begin calibrated\nMEASURED: dict[str, dict[str, Prices]] = {value}\n"
    COSTS.write_text(text[:begin] + body + text[end:])


if __name__ == "__main__":
    main()
