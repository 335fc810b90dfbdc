"""Fitting a kernel to data: closed form against dense least squares, and steps of gradients.

    python -m benchmarks.fitting                  all cases, two minutes
    python -m benchmarks.fitting --only 1025      the cases whose name has this text
    python -m benchmarks.fitting --write-docs     and put the rows in docs/benchmarks/fitting.md
    python -m benchmarks.fitting --quick          a smoke test; do not quote its numbers

One process; in each round every peer has a few calls in a row (see `clock`), in turn. Medians,
results awaited. The input is coloured noise, the output a known kernel's plus a little white noise.
The error is the largest difference from the same least squares solved in extended precision,
relative to its largest tap. `numpy.linalg.lstsq` is given its matrix; building it is not counted. A
step of gradients is the value, the gradient and Adam's change of the kernel, in float32.
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Spinning worker threads of one library would take the cores from the next.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from scipy import signal as scipys
from tqdm import tqdm

import filtrax
from benchmarks import clock
from benchmarks.by_case import HEAD, Timing, table, told
from benchmarks.machine import machine
from filtrax import fit, nn
from filtrax.fit import fit_fir

#: Seconds that a peer may spend on one case, past the least number of rounds.
BUDGET = 1.5
#: The peers that solve the problem of ``Case.exact``.
WITH_ERROR = ("fit_fir", "numpy.linalg.lstsq")
#: Of the kernels that are learned by gradients.
TAPS = 31
DOCS = Path(__file__).parents[1] / "docs" / "benchmarks" / "fitting.md"
#: Its annotations are of another array type.
signal: Any = scipys
Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Case:
    """Peers of one problem; the first is what the others are measured by."""

    peers: dict[str, Call]
    exact: np.ndarray | None = None


def data(n: int, taps: int, dtype: str, rows: tuple[int, ...] = ()) -> tuple[np.ndarray, ...]:
    """Input, output, and the kernel behind them."""
    rng = np.random.default_rng(0)
    x = signal.lfilter([1], [1, -0.9], rng.standard_normal((*rows, n)), axis=-1)
    h = rng.standard_normal(taps) * np.exp(-np.arange(taps) / (taps / 4))
    y = signal.fftconvolve(x, np.broadcast_to(h, (*rows, taps)), axes=-1)[..., :n]
    y = y + 0.01 * rng.standard_normal(y.shape)
    return x.astype(dtype), y.astype(dtype), h.astype(dtype)


def matrix(x: np.ndarray, taps: int) -> np.ndarray:
    """The Toeplitz matrix of a causal fit, row after row of x."""
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(np.atleast_2d(x), ((0, 0), (taps - 1, 0))), taps, axis=-1
    )
    return np.ascontiguousarray(windows[..., ::-1].reshape(-1, taps))


def refined(a: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The least squares of a matrix in extended precision: normal equations, refined twice."""
    solve = partial(np.linalg.solve, a.T.astype(float) @ a.astype(float))
    h = np.zeros(a.shape[1], np.longdouble)
    for _ in range(3):
        slope = np.zeros(a.shape[1], np.longdouble)
        # A piece at a time: extended precision takes twice the memory.
        for rows in range(0, len(a), 1 << 16):
            part = a[rows : rows + (1 << 16)].astype(np.longdouble)
            slope += part.T @ (y[rows : rows + (1 << 16)].astype(np.longdouble) - part @ h)
        h = h + solve(slope.astype(float))
    return h


def fit_case(n: int, taps: int, dtype: str, lead: tuple[int, ...] = (), dense: bool = True) -> Case:
    x, y, h = data(n, taps, dtype, lead)
    on_device = jnp.asarray(x), jnp.asarray(y), jnp.asarray(h)
    forward = jax.jit(lambda x, h: filtrax.filter_rows(x, h, mode="causal"))

    def kernel(**options: Any) -> Call:
        run = jax.jit(lambda x, y: fit_fir(x, y, taps, **options).kernel)
        return partial(run, *on_device[:2])

    peers: dict[str, Call] = {
        "one forward filter": partial(forward, on_device[0], on_device[2]),
        "fit_fir": kernel(),
        "fit_fir, stationary": kernel(edges="stationary"),
        "fit_fir, symmetric": kernel(constraint=nn.Symmetric()),
    }
    exact = None
    if dense:
        a = matrix(x, taps)
        peers["numpy.linalg.lstsq"] = lambda: np.linalg.lstsq(a, y.ravel(), rcond=None)[0]
        exact = refined(a, y.ravel())
    return Case(peers, exact)


def gradient_case(n: int, taps: int, dtype: str) -> Case:
    x, y, h = map(jnp.asarray, data(n, taps, dtype))

    def loss(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.sum(fit_fir(x, y, taps).kernel ** 2)

    return Case(
        {
            "one forward filter": partial(
                jax.jit(lambda x, h: filtrax.filter_rows(x, h, mode="causal")), x, h
            ),
            "value": partial(jax.jit(loss), x, y),
            "value and gradient by x and y": partial(
                jax.jit(jax.value_and_grad(loss, (0, 1))), x, y
            ),
        },
    )


def stepping(
    filtered: Callable[[jax.Array, jax.Array], jax.Array],
    x: jax.Array,
    y: jax.Array,
    count: int,
    *,
    scanned: bool = False,
) -> Call:
    """Some steps of Adam from a kernel of zeros, each one jitted call or all in one scan."""
    optimizer = optax.adam(1e-2)

    def step(h: Any, state: Any, x: jax.Array, y: jax.Array) -> Any:
        value, slope = jax.value_and_grad(lambda h: jnp.mean((filtered(x, h) - y) ** 2))(h)
        change, state = optimizer.update(slope, state, h)
        return optax.apply_updates(h, change), state, value

    @jax.jit
    def scan(h: Any, state: Any, x: jax.Array, y: jax.Array) -> Any:
        def body(carry: Any, _: None) -> Any:
            h, state, value = step(carry[0], carry[1], x, y)
            return (h, state), value

        # The losses, too: what is not returned is not computed.
        (h, _), losses = lax.scan(body, (h, state), None, count)
        return h, losses

    one = jax.jit(step)

    def run() -> Any:
        h: Any = jnp.zeros(TAPS, x.dtype)
        state = optimizer.init(h)
        if scanned:
            return scan(h, state, x, y)
        for _ in range(count):
            h, state, _ = one(h, state, x, y)
        return h

    return run


def torch_steps(x: np.ndarray, y: np.ndarray, count: int) -> Call:
    """The same in torch, whose convolution is a correlation with the same "same"."""
    import torch

    inputs, wanted = (torch.from_numpy(each)[:, None] for each in (x, y))

    def run() -> Any:
        h = torch.zeros(1, 1, TAPS, requires_grad=True)
        optimizer = torch.optim.Adam([h], 1e-2)
        for _ in range(count):
            optimizer.zero_grad()
            got = torch.nn.functional.conv1d(inputs, h, padding=TAPS // 2)
            torch.nn.functional.mse_loss(got, wanted).backward()
            optimizer.step()
        return h.detach().numpy()

    return run


def step_case(shape: tuple[int, int], count: int) -> Case:
    x, y, _ = data(shape[1], TAPS, "float32", shape[:1])
    given = jnp.asarray(x), jnp.asarray(y)

    def by_convolve(x: jax.Array, h: jax.Array) -> jax.Array:
        return jax.vmap(lambda row: jnp.convolve(row, h, mode="same"))(x)

    peers: dict[str, Call] = {
        "filtrax": stepping(filtrax.filter_rows, *given, count),
        "filtrax, in lax.scan": stepping(filtrax.filter_rows, *given, count, scanned=True),
        "jnp.convolve": stepping(by_convolve, *given, count),
        "jnp.convolve, in lax.scan": stepping(by_convolve, *given, count, scanned=True),
    }
    if find_spec("torch"):
        peers["torch"] = torch_steps(x, y, count)
    return Case(peers)


def fit_steps_case(shape: tuple[int, int], count: int) -> Case:
    x, y, _ = data(shape[1], TAPS, "float32", shape[:1])
    given = jnp.asarray(x), jnp.asarray(y)

    def run() -> Any:
        model = nn.FIR(jnp.zeros(TAPS, jnp.float32))
        return fit.fit(model, *given, steps=count, progress=False).model

    return Case({
        "bare steps in lax.scan": stepping(filtrax.filter_rows, *given, count, scanned=True),
        "bare jitted steps": stepping(filtrax.filter_rows, *given, count),
        "fit.fit": run,
    })  # fmt: skip


def cases(quick: bool) -> dict[str, Callable[[], Case]]:
    """What is measured, by name."""
    if quick:
        return {
            "9 taps from 4096": lambda: fit_case(4096, 9, "float64"),
            "derivatives, 9 taps from 4096": lambda: gradient_case(4096, 9, "float64"),
            "2 steps of Adam on (4, 512), 31 taps": lambda: step_case((4, 512), 2),
            "4 steps of Adam by fit on (4, 512), 31 taps": lambda: fit_steps_case((4, 512), 4),
        }
    return {
        "129 taps from 1e6, float64": lambda: fit_case(1_000_000, 129, "float64"),
        "129 taps from 1e6, float32": lambda: fit_case(1_000_000, 129, "float32"),
        "31 taps from 1e5, float64": lambda: fit_case(100_000, 31, "float64"),
        "31 taps from (256, 4096), float32": lambda: fit_case(4096, 31, "float32", (256,)),
        "1025 taps from 1e6, float64": lambda: fit_case(1_000_000, 1025, "float64", dense=False),
        "derivatives, 129 taps from 1e6, float64": lambda: gradient_case(1_000_000, 129, "float64"),
        "10 steps of Adam on (256, 4096), 31 taps": lambda: step_case((256, 4096), 10),
        "200 steps of Adam by fit on (256, 4096), 31 taps": lambda: fit_steps_case(
            (256, 4096), 200
        ),
    }


def measure(name: str, case: Case, rounds: int) -> list[Timing]:
    """All peers of a case, in turn."""
    first, errors = {}, {}
    times: dict[str, list[float]] = {}
    calls = {
        peer: lambda call=call: jax.block_until_ready(call()) for peer, call in case.peers.items()
    }
    for peer, call in calls.items():
        results: list[Any] = []
        first[peer] = clock.once(lambda call=call, results=results: results.append(call()))
        errors[peer] = error(results[0], case.exact) if peer in WITH_ERROR else None
        # Nothing is compiled in NumPy, so that a long call need not be repeated.
        times[peer] = [first[peer]] if peer.startswith("numpy") and first[peer] > BUDGET else []
    expected = {peer: clock.once(call) for peer, call in calls.items() if not times[peer]}
    for _ in range(rounds):
        for peer, call in calls.items():
            if sum(times[peer]) < BUDGET:
                times[peer] += clock.row(call, expected[peer])
    return [
        Timing(name, peer, 1e3 * statistics.median(each), first[peer], errors[peer], len(each))
        for peer, each in times.items()
    ]


def error(result: Any, exact: np.ndarray | None) -> float | None:
    if exact is None:
        return None
    wrong = np.abs(np.asarray(result).astype(np.longdouble) - exact)
    return float(wrong.max() / np.abs(exact).max())


def markdown(lines: list[str], setting: dict[str, Any], kept: str = "") -> str:
    """The table, with the lines of an earlier one for the cases that were not measured again."""
    measured = {line.split("|")[1] for line in lines}
    old = [line for line in kept.splitlines() if line.startswith("| ")][1:]
    old = [line for line in old if line.split("|")[1] not in measured]
    return "\n".join([told(setting), "", *HEAD, *old, *lines])


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small signals, three rounds")
    parser.add_argument("--only", default="", help="the cases whose name has this text")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    parser.add_argument("--write-docs", action="store_true", help=f"also write {DOCS.name}")
    options = parser.parse_args(argv)
    chosen = {n: make for n, make in cases(options.quick).items() if options.only in n}
    setting = machine()
    timings: list[Timing] = []
    with jax.enable_x64(True):
        for name, make in tqdm(chosen.items(), unit="case"):
            timings += measure(name, make(), rounds=3 if options.quick else 15)
    print(markdown(table(timings), setting))
    if options.json:
        content = {"machine": setting, "timings": [asdict(t) for t in timings]}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    if options.write_docs:
        kept = DOCS.read_text() if DOCS.exists() else ""
        DOCS.write_text(markdown(table(timings), setting, kept) + "\n")


if __name__ == "__main__":
    main()
