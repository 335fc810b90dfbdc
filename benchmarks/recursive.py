"""Recursive filters, against SciPy's compiled loops and the ways people write them in JAX.

    python -m benchmarks.recursive            all cases, about a minute (--write-docs: into docs)
    python -m benchmarks.recursive --quick    a smoke test; do not quote its numbers

One process; in each round every peer has a few calls in a row (see `clock`), in turn, so that a
busy moment of the machine hits all of them alike. Medians, float32, from rest, results awaited.
Coefficients are known while tracing, as SciPy's are, except where a row says "traced". The error is
the root mean square, relative to that of SciPy's result in extended precision. Compile times are of
the first call.
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

# Spinning worker threads of one library would take the cores from the next.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy import signal as scipys
from tqdm import tqdm

import filtrax
from benchmarks import clock
from benchmarks.by_case import HEAD, Timing, table, told
from benchmarks.machine import machine

#: Seconds that a peer may spend on one case, past the least number of rounds.
BUDGET = 1.5
#: Its annotations are of another array type.
signal: Any = scipys
Call = Callable[[], Any]
ROOT = Path(__file__).resolve().parents[1]
LARGE = ((1, 1_000_000), (256, 4096))
#: What must be reached: a case, who must be slower than whom, and how often.
DEMANDS = (
    (f"lfilter order 2, {LARGE[0]}", "scipy.signal.lfilter", "filtrax.lfilter", 2.0),
    (f"lfilter order 2, {LARGE[0]}", "scipy.signal.lfilter", "filtrax.lfilter, traced", 2.0),
    (f"lfilter order 2, {LARGE[1]}", "scipy.signal.lfilter", "filtrax.lfilter", 3.0),
    (f"lfilter order 2, {LARGE[1]}", "scipy.signal.lfilter", "filtrax.lfilter, traced", 3.0),
    ("sosfilt 4 sections, (16, 65536)", "scipy.signal.sosfilt", "filtrax.sosfilt", 2.0),
    ("sosfilt 4 sections, (16, 65536)", "scipy.signal.sosfilt", "filtrax.sosfilt, traced", 2.0),
    *((f"filtfilt order 2, {s}", "filtrax.lfilter", "filtrax.filtfilt", 1 / 2.5) for s in LARGE),
    *(
        (f"value and gradient by b and a, {s}", "filtrax, value", "filtrax, by b and a", 1 / 5)
        for s in LARGE
    ),
)
#: Seconds of a first call.
PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Case:
    """Peers that compute the same thing, and what that is in extended precision."""

    name: str
    peers: dict[str, Call]
    exact: np.ndarray | None


def lax_scan(b: np.ndarray, a: np.ndarray, x: jax.Array) -> Call:
    """The recurrence written down, sample after sample."""

    @jax.jit
    def run(x: jax.Array) -> jax.Array:
        def step(z: tuple[jax.Array, jax.Array], v: jax.Array) -> Any:
            y = b[0] * v + z[0]
            return (b[1] * v - a[1] * y + z[1], b[2] * v - a[2] * y), y

        zero = jnp.zeros(x.shape[:1], x.dtype)
        return lax.scan(step, (zero, zero), x.T)[1].T

    return partial(run, x)


def associative_scan(b: np.ndarray, a: np.ndarray, x: jax.Array) -> Call:
    """The state recurrence as a scan over pairs of matrix and vector."""
    matrix = np.array([[-a[1], 1], [-a[2], 0]], np.float32)
    column = (b[1:] - b[0] * a[1:]).astype(np.float32)
    highest = lax.Precision.HIGHEST

    @jax.jit
    def run(x: jax.Array) -> jax.Array:
        def join(left: Any, right: Any) -> Any:
            product = jnp.matmul(right[0], left[0], precision=highest)
            moved = jnp.einsum("...ij,...j->...i", right[0], left[1], precision=highest)
            return product, moved + right[1]

        steps = jnp.broadcast_to(matrix, (*x.shape, 2, 2))
        _, states = lax.associative_scan(join, (steps, x[..., None] * column), axis=1)
        before = jnp.pad(states[:, :-1, 0], ((0, 0), (1, 0)))
        return b[0] * x + before

    return partial(run, x)


def lfilter_case(shape: tuple[int, int], *, associative: bool) -> Case:
    x = signals(shape)
    b, a = (each.astype(np.float32) for each in signal.butter(2, 0.1))
    device = jnp.asarray(x)
    known = jax.jit(lambda x: filtrax.lfilter(b, a, x))
    peers: dict[str, Call] = {
        "filtrax.lfilter": partial(known, device),
        "filtrax.lfilter, traced": partial(
            jax.jit(filtrax.lfilter), jnp.asarray(b), jnp.asarray(a), device
        ),
        "scipy.signal.lfilter": partial(signal.lfilter, b, a, x),
        "lax.scan": lax_scan(b, a, device),
    }
    if associative:
        peers["lax.associative_scan"] = associative_scan(b, a, device)
    wide = [each.astype(np.longdouble) for each in (b, a, x)]
    return Case(f"lfilter order 2, {shape}", peers, signal.lfilter(*wide))


def sosfilt_case(shape: tuple[int, int]) -> Case:
    x = signals(shape)
    sos = signal.butter(8, 0.1, output="sos").astype(np.float32)
    device = jnp.asarray(x)
    known = jax.jit(lambda x: filtrax.sosfilt(sos, x))
    peers: dict[str, Call] = {
        "filtrax.sosfilt": partial(known, device),
        "filtrax.sosfilt, traced": partial(jax.jit(filtrax.sosfilt), jnp.asarray(sos), device),
        "scipy.signal.sosfilt": partial(signal.sosfilt, sos, x),
    }
    exact = signal.sosfilt(sos.astype(np.longdouble), x.astype(np.longdouble))
    return Case(f"sosfilt 4 sections, {shape}", peers, exact)


def filtfilt_case(shape: tuple[int, int]) -> Case:
    x = signals(shape)
    b, a = (each.astype(np.float32) for each in signal.butter(2, 0.1))
    device = jnp.asarray(x)
    peers: dict[str, Call] = {
        "filtrax.filtfilt": partial(jax.jit(lambda x: filtrax.filtfilt(b, a, x)), device),
        "filtrax.lfilter": partial(jax.jit(lambda x: filtrax.lfilter(b, a, x)), device),
        "scipy.signal.filtfilt": partial(signal.filtfilt, b, a, x),
    }
    return Case(f"filtfilt order 2, {shape}", peers, None)


def gradient_case(shape: tuple[int, int]) -> Case:
    x = jnp.asarray(signals(shape))
    b, a = (jnp.asarray(each, jnp.float32) for each in signal.butter(2, 0.1))

    def loss(b: jax.Array, a: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.mean(filtrax.lfilter(b, a, x) ** 2)

    def stepwise(b: jax.Array, a: jax.Array, x: jax.Array) -> jax.Array:
        def step(z: tuple[jax.Array, jax.Array], v: jax.Array) -> Any:
            y = b[0] * v + z[0]
            return (b[1] * v - a[1] * y + z[1], b[2] * v - a[2] * y), y

        zero = jnp.zeros(x.shape[:1], x.dtype)
        return jnp.mean(lax.scan(step, (zero, zero), x.T)[1] ** 2)

    return Case(
        f"value and gradient by b and a, {shape}",
        {
            "filtrax, by b and a": partial(jax.jit(jax.value_and_grad(loss, (0, 1))), b, a, x),
            "filtrax, by x": partial(jax.jit(jax.value_and_grad(loss, 2)), b, a, x),
            "filtrax, value": partial(jax.jit(loss), b, a, x),
            "autodiff of lax.scan": partial(jax.jit(jax.value_and_grad(stepwise, (0, 1))), b, a, x),
        },
        None,
    )


def cascade_gradient_case(shape: tuple[int, int]) -> Case:
    x = jnp.asarray(signals(shape))
    sos = jnp.asarray(signal.butter(8, 0.1, output="sos"), jnp.float32)

    def loss(sos: jax.Array, x: jax.Array) -> jax.Array:
        return jnp.mean(filtrax.sosfilt(sos, x) ** 2)

    peers: dict[str, Call] = {
        "filtrax, by sos": partial(jax.jit(jax.value_and_grad(loss)), sos, x),
        "filtrax, by x": partial(jax.jit(jax.value_and_grad(loss, 1)), sos, x),
        "filtrax, value": partial(jax.jit(loss), sos, x),
    }
    return Case(f"value and gradient by 4 sections, {shape}", peers, None)


def missing_case(shape: tuple[int, int]) -> Case:
    """One sample of one row is no number."""
    x = signals(shape).copy()
    b, a = (each.astype(np.float32) for each in signal.butter(2, 0.1))
    device = jnp.asarray(x)
    x[0, shape[1] // 2] = np.nan
    holed = jnp.asarray(x)
    run = jax.jit(lambda x: filtrax.lfilter(b, a, x))
    peers: dict[str, Call] = {
        "filtrax.lfilter": partial(run, holed),
        "filtrax.lfilter, nothing missing": partial(run, device),
        "filtrax.lfilter, sample by sample": partial(
            jax.jit(lambda x: filtrax.lfilter(b, a, x, method="scan")), holed
        ),
        "scipy.signal.lfilter": partial(signal.lfilter, b, a, x),
    }
    return Case(f"lfilter with a NaN, {shape}", peers, None)


def signals(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def cases(quick: bool) -> list[Callable[[], Case]]:
    if quick:
        return [
            lambda: lfilter_case((4, 4096), associative=True),
            lambda: sosfilt_case((4, 4096)),
            lambda: filtfilt_case((4, 4096)),
            lambda: gradient_case((4, 4096)),
            lambda: cascade_gradient_case((4, 4096)),
            lambda: missing_case((4, 4096)),
        ]
    return [
        lambda: lfilter_case(LARGE[0], associative=True),
        lambda: lfilter_case(LARGE[1], associative=True),
        lambda: lfilter_case((1, 999_983), associative=False),
        lambda: lfilter_case((64, 100), associative=True),
        lambda: sosfilt_case((16, 65_536)),
        lambda: filtfilt_case((1, 1_000_000)),
        lambda: filtfilt_case((256, 4096)),
        lambda: gradient_case((1, 1_000_000)),
        lambda: gradient_case((256, 4096)),
        lambda: cascade_gradient_case((16, 65_536)),
        lambda: missing_case((256, 4096)),
    ]


def measure(case: Case, rounds: int) -> list[Timing]:
    """All peers of a case, in turn."""
    calls = {
        name: lambda call=call: jax.block_until_ready(call()) for name, call in case.peers.items()
    }
    first = {name: clock.once(call) for name, call in calls.items()}
    errors = {name: error(call, case.exact) for name, call in calls.items()}
    expected = {name: clock.once(call) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    least = min(3, rounds)
    for _ in range(rounds):
        for name, call in calls.items():
            if len(times[name]) < least or sum(times[name]) < BUDGET:
                times[name] += clock.row(call, expected[name])
    return [
        Timing(
            case.name, name, 1e3 * statistics.median(each), first[name], errors[name], len(each)
        )
        for name, each in times.items()
    ]  # fmt: skip


def error(call: Call, exact: np.ndarray | None) -> float | None:
    if exact is None:
        return None
    wrong = np.asarray(call()).astype(exact.dtype) - exact
    return float(np.sqrt(np.mean(wrong**2) / np.mean(exact**2)))


def judged(timings: list[Timing]) -> list[str]:
    """What must be reached, and what was."""
    found = {(t.case, t.peer): t for t in timings}
    lines = ["| must be reached | found | |", "|---|---|---|"]
    for case, slow, fast, wanted in DEMANDS:
        pair = [found.get((case, peer)) for peer in (slow, fast)]
        if None in pair:
            continue
        before, after = (t.milliseconds for t in pair if t)
        if wanted >= 1:
            text = f"{case}: {fast} at least {wanted:g} times faster than {slow}"
            shown = before / after
        else:
            text = f"{case}: {fast} at most {1 / wanted:g} times {slow}"
            shown = after / before
        lines.append(f"| {text} | {shown:.2f} | {verdict(before / after >= wanted)} |")
    slowest = max((t for t in timings if "filtrax" in t.peer), key=lambda t: t.first_call)
    lines.append(
        f"| first call, compiled in it: at most {PATIENCE:g} s | {slowest.first_call:.2f} "
        f"({slowest.case}: {slowest.peer}) | {verdict(slowest.first_call <= PATIENCE)} |"
    )
    return lines


def verdict(passed: bool) -> str:
    return "**yes**" if passed else "no"


def markdown(timings: list[Timing], setting: dict[str, Any]) -> str:
    """The demands, and one table: each case's peers, with their time over that of its first."""
    return "\n".join([told(setting), "", *judged(timings), "", *HEAD, *table(timings)])


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small signals, three rounds")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--write-docs", action="store_true", help="write into docs/benchmarks")
    options = parser.parse_args(argv)
    setting = machine()
    timings: list[Timing] = []
    for make in tqdm(cases(options.quick), unit="case"):
        timings += measure(make(), rounds=3 if options.quick else 15)
    table = markdown(timings, setting)
    print(table)
    if options.write_docs:
        (ROOT / "docs/benchmarks/recursive.md").write_text(table + "\n")
    if options.json:
        content = {"machine": setting, "timings": [asdict(t) for t in timings]}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
