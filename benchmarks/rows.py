"""Filtering every row of a matrix with one kernel, against the ways people do it today.

    python -m benchmarks.rows            all sizes, some minutes
    python -m benchmarks.rows --quick    a smoke test; do not quote its numbers

One process; in each round every peer runs once, in turn, so that a busy moment of the machine
hits all of them alike. Each timed call follows an untimed one of the same peer (its data in the
caches, another library's threads asleep). Medians, float32, zero boundary, the `same` part,
results awaited. Beside each time stands the largest error, relative to the largest value of the
same sum in float64: a time without it says nothing.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import time
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
from tqdm import tqdm

import filtrax

SHAPES = ((256, 4096), (1, 1_000_000), (64, 65_536), (1000, 31))
TAPS = (3, 9, 31, 129)
PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "opencv-python-headless", "torch")
OURS = "filtrax.filter_rows"
#: Seconds that a peer may spend on one case, past the least number of rounds.
BUDGET = 2.0

#: A peer: from the matrix and the kernel to a call without arguments that filters.
Peer = Callable[[np.ndarray, np.ndarray], Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class Timing:
    """One peer on one case."""

    rows: int
    samples: int
    taps: int
    peer: str
    milliseconds: float
    error: float
    rounds: int


def numpy_loop(x: np.ndarray, h: np.ndarray) -> Callable[[], Any]:
    return lambda: np.stack([np.convolve(row, h, mode="same") for row in x])


def scipy_ndimage(x: np.ndarray, h: np.ndarray) -> Callable[[], Any]:
    from scipy import ndimage

    return partial(ndimage.convolve1d, x, h, axis=-1, mode="constant")


def scipy_oaconvolve(x: np.ndarray, h: np.ndarray) -> Callable[[], Any]:
    from scipy import signal

    return partial(signal.oaconvolve, x, h[None], mode="same", axes=-1)


def jax_numpy(x: np.ndarray, h: np.ndarray) -> Callable[[], Any]:
    row = partial(jnp.convolve, mode="same", precision=lax.Precision.HIGHEST)
    return partial(jax.jit(jax.vmap(row, (0, None))), jnp.asarray(x), jnp.asarray(h))


def jax_lax(x: np.ndarray, h: np.ndarray) -> Callable[[], Any]:
    @jax.jit
    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        (k,) = h.shape
        return lax.conv_general_dilated(
            x[:, None], h[None, None, ::-1], (1,), [(k // 2, (k - 1) // 2)],
            precision=lax.Precision.HIGHEST,
        )[:, 0]  # fmt: skip

    return partial(run, jnp.asarray(x), jnp.asarray(h))


def opencv(x: np.ndarray, h: np.ndarray) -> Callable[[], Any]:
    import cv2

    kernel = np.ascontiguousarray(h[None, ::-1])
    anchor = (len(h) // 2, 0)
    return lambda: cv2.filter2D(x, -1, kernel, anchor=anchor, borderType=cv2.BORDER_CONSTANT)


def torch_conv1d(x: np.ndarray, h: np.ndarray) -> Callable[[], Any]:
    import torch

    rows = torch.from_numpy(x)[:, None]
    kernel = torch.from_numpy(np.ascontiguousarray(h[None, None, ::-1]))

    def run() -> Any:
        with torch.no_grad():
            return torch.nn.functional.conv1d(rows, kernel, padding=len(h) // 2)[:, 0]

    return run


def ours(x: np.ndarray, h: np.ndarray) -> Callable[[], Any]:
    return partial(jax.jit(filtrax.filter_rows), jnp.asarray(x), jnp.asarray(h))


PEERS: dict[str, Peer] = {
    OURS: ours,
    "numpy.convolve, row by row": numpy_loop,
    "scipy.ndimage.convolve1d": scipy_ndimage,
    "scipy.signal.oaconvolve": scipy_oaconvolve,
    "jax.numpy.convolve, vmapped": jax_numpy,
    "jax.lax.conv_general_dilated": jax_lax,
    "cv2.filter2D": opencv,
    "torch conv1d": torch_conv1d,
}


def installed() -> tuple[dict[str, Peer], list[str]]:
    """The peers that can run here, and the names of those that cannot."""
    x, h = np.ones((2, 8), np.float32), np.ones(3, np.float32)
    peers, missing = {}, []
    for name, peer in PEERS.items():
        try:
            peer(x, h)()
        except ImportError:
            missing.append(name)
        else:
            peers[name] = peer
    return peers, missing


def once(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def measure(
    peers: dict[str, Peer], rows: int, samples: int, taps: int, rounds: int
) -> list[Timing]:
    """All peers on one case, in turn."""
    rng = np.random.default_rng(taps)
    x = rng.standard_normal((rows, samples), dtype=np.float32)
    h = rng.standard_normal(taps, dtype=np.float32)
    exact = np.asarray(numpy_loop(x.astype(np.float64), h.astype(np.float64))())
    calls = {name: peer(x, h) for name, peer in peers.items()}
    errors, times = {}, {name: [] for name in calls}
    for name, call in calls.items():
        result = np.asarray(call())
        errors[name] = float(np.abs(result - exact).max() / np.abs(exact).max())
        once(call)
    least = min(3, rounds)
    for _ in range(rounds):
        for name, call in calls.items():
            if len(times[name]) < least or sum(times[name]) < BUDGET:
                once(call)
                times[name].append(once(call))
    median = {name: 1e3 * statistics.median(each) for name, each in times.items()}
    return [
        Timing(rows, samples, taps, name, median[name], errors[name], len(times[name]))
        for name in calls
    ]


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    can_tell = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if can_tell else os.cpu_count()
    return {
        "cpu": cpu,
        "cores": cores,
        "device": jax.devices()[0].device_kind,
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "filtrax": filtrax.__version__,
        **versions,
    }


def markdown(timings: list[Timing], setting: dict[str, Any], missing: list[str]) -> str:
    """Two tables: times with errors, and each peer's time over filtrax's."""
    peers = list(dict.fromkeys(t.peer for t in timings))
    cases = list(dict.fromkeys((t.rows, t.samples, t.taps) for t in timings))
    at = {(t.rows, t.samples, t.taps, t.peer): t for t in timings}
    label = {case: f"({case[0]}, {case[1]}) K={case[2]}" for case in cases}

    def table(columns: list[str], cell: Callable[[Timing, Timing], str]) -> list[str]:
        lines = ["| case | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
        for case in cases:
            cells = [cell(at[*case, peer], at[*case, OURS]) for peer in columns]
            lines.append(f"| {label[case]} | " + " | ".join(cells) + " |")
        return lines

    lines = [", ".join(f"{key} {value}" for key, value in setting.items() if value is not None), ""]
    lines += ["Milliseconds, median (largest error relative to the largest value in float64):", ""]
    lines += table(peers, lambda t, _: f"{t.milliseconds:.3g} ({t.error:.0e})")
    others = [peer for peer in peers if peer != OURS]
    lines += ["", f"Time of each peer over the time of {OURS} (above 1: the peer is slower):", ""]
    lines += table(others, lambda t, base: f"{t.milliseconds / base.milliseconds:.2g}")
    if missing:
        lines += ["", f"Not installed, so not measured: {', '.join(missing)}."]
    if any(samples < max(TAPS) for _, samples, _ in cases):
        lines += ["", "Kernels longer than a row are left out: the peers' `same` differs there."]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two small kernels, three rounds")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args(argv)
    peers, missing = installed()
    setting = machine()
    taps = TAPS[:2] if options.quick else TAPS
    cases = [(*shape, k) for shape in SHAPES for k in taps if k <= shape[1]]
    timings: list[Timing] = []
    for case in tqdm(cases, unit="case"):
        timings += measure(peers, *case, rounds=3 if options.quick else 21)
    print(markdown(timings, setting, missing))
    if options.json:
        content = {"machine": setting, "timings": [asdict(t) for t in timings]}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
