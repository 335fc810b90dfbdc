"""Measures what each engine's work costs on this machine and writes ``filtrax._costs``.

    python -m benchmarks.calibrate [--dtypes float32 float64 complex64]

Run it with nothing else on the machine. Each engine's time over a set of problems is fitted by
non-negative prices for the counts it reports; the relative misfit is printed beside them.
"""

import argparse
import itertools
import pathlib
import pprint
import statistics
import time
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from tqdm import tqdm

from filtrax._engines import ENGINES, Correlation
from filtrax._geometry import Axis
from filtrax._primitive import bind

COSTS = pathlib.Path(__file__).parents[1] / "src" / "filtrax" / "_costs.py"
#: (G, B, C, O), N, K: rows, kernels per row, channels, and the roles of a gradient.
ROWS = [(1, 1), (1, 256), (1, 4096), (256, 1)]
LENGTHS = [256, 4096, 65536, 1_000_000]
TAPS = [3, 9, 31, 129, 511, 2048, 20000]
LARGEST = 5e6


def problems() -> Iterator[tuple[tuple[int, int, int, int], str, tuple[Axis, ...]]]:
    """Forward and gradient problems of every size that a fit must cover."""
    for (g, b), n, k in itertools.product(ROWS, LENGTHS, TAPS):
        if g * b * n > LARGEST or k >= n:
            continue
        axis = Axis(n, k, n - k + 1, 0)
        yield (g, b, 1, 1), "y", (axis,)
        yield (g, b, 1, 1), "h", (axis,)
    for (c, o), n, k in itertools.product([(4, 4), (16, 16), (64, 64), (1, 16)], [256, 4096], TAPS):
        if k < n and c * o * n * k < 2e9:
            yield (1, 4, c, o), "y", (Axis(n, k, n - k + 1, 0),)
            yield (1, 4, c, o), "h", (Axis(n, k, n - k + 1, 0),)
    for n, k in itertools.product([64, 256, 1024], [3, 7, 15, 31, 129]):
        if k < n:
            axis = Axis(n, k, n - k + 1, 0)
            yield (1, 1, 1, 1), "y", (axis, axis)
            if k < 16:
                yield (1, 1, 1, 1), "h", (axis, axis)


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


def expensive(name: str, problem: Correlation) -> bool:
    """Problems that an engine would be tried on in vain."""
    if name == "shift":
        return problem.taps > 256
    limit = {"direct": 3e9, "toeplitz": 2e10}.get(name, 1e12)
    return problem.multiplications > limit


def measure(dtype: str) -> dict[str, list[tuple[tuple[float, ...], float]]]:
    """For each engine, its counts and its time over the problems."""
    data: dict[str, list[tuple[tuple[float, ...], float]]] = {name: [] for name in ENGINES}
    for sizes, role, axes in tqdm(list(problems()), desc=dtype):
        arrays = operands(sizes, role, axes, dtype)
        problem = as_problem(sizes, role, axes, dtype)
        for name, engine in ENGINES.items():
            if engine.refuses(problem, "cpu") is None and not expensive(name, problem):
                data[name].append((engine.work(problem), seconds(name, role, axes, arrays)))
    return data


def fit(samples: list[tuple[tuple[float, ...], float]]) -> tuple[tuple[float, ...], float]:
    """Prices in nanoseconds by non-negative least squares of the relative error, and the misfit."""
    counts = np.array([c for c, _ in samples])
    times = np.array([t for _, t in samples]) * 1e9
    prices, _ = scipy.optimize.nnls(counts / times[:, None], np.ones(len(times)))
    # Once more in logarithms, where a factor of two up weighs as much as one down.
    for _ in range(20):
        predicted = np.maximum(counts @ prices, 1.0)
        weight = 1 / np.sqrt(predicted * times)
        prices, _ = scipy.optimize.nnls(counts * weight[:, None], times * weight)
    misfit = float(np.median(np.abs(np.log(np.maximum(counts @ prices, 1.0) / times))))
    return tuple(float(f"{price:.3g}") for price in prices), misfit


def main() -> None:
    """Measures, fits, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64", "complex64"])
    options = parser.parse_args()
    platform = jax.default_backend()
    table = {}
    for dtype in options.dtypes:
        with jax.enable_x64(True):
            data = measure(dtype)
        table[dtype] = {}
        for name, samples in data.items():
            table[dtype][name], misfit = fit(samples)
            print(f"{dtype} {name}: {table[dtype][name]}, median misfit {misfit:.0%}")
    text = COSTS.read_text()
    begin, end = text.index("# begin calibrated"), text.index("# end calibrated")
    value = pprint.pformat({platform: table}, width=96)
    body = f"# begin calibrated\nMEASURED: dict[str, dict[str, Prices]] = {value}\n"
    COSTS.write_text(text[:begin] + body + text[end:])


if __name__ == "__main__":
    main()
