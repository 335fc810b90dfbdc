"""The peak memory of `overlap` at 1e8 samples, against its input and output.

    python -m benchmarks.memory [--samples 100000000] [--taps 1025] [--write-docs]

Two child processes make the same signal; one filters it, the other makes an output of the same
size and no more. The difference of their peaks is what filtering needs beside the two arrays.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.demands import FOLDER
from benchmarks.machine import machine, title

SAMPLES, TAPS = 100_000_000, 1025
BASELINE = "baseline"


def child(what: str, samples: int, taps: int) -> int:
    """Bytes at the peak, after holding x and a result."""
    import jax
    import jax.numpy as jnp

    import filtrax

    # Made in place: no temporary is larger than the signal.
    make = jax.jit(lambda: jnp.sin(jnp.arange(samples, dtype=jnp.float32)))
    x = jax.block_until_ready(make())
    h = jax.block_until_ready(jnp.ones(taps, jnp.float32) / taps)
    if what == BASELINE:
        double = jax.jit(lambda x: jnp.concatenate([x, jnp.zeros(taps - 1, x.dtype)]))
        y = jax.block_until_ready(double(x))
    else:
        method: Any = what
        y = jax.block_until_ready(filtrax.convolve(x, h, method=method))
    assert y.shape == (samples + taps - 1,)
    return peak()


def peak() -> int:
    """The most that this process had resident, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(lines[0].split()[1]) * 1024
    # Kilobytes on Linux, bytes on macOS.
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def ask(what: str, samples: int, taps: int) -> int:
    """Runs a child and reads its peak."""
    command = [sys.executable, "-m", "benchmarks.memory", "--child", what]
    command += ["--samples", str(samples), "--taps", str(taps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout.split()[-1])


def measure(samples: int, taps: int, method: str = "overlap") -> dict[str, Any]:
    """The peaks, and how many times input and output they are."""
    held = 4 * (samples + samples + taps - 1)
    baseline, filtering = ask(BASELINE, samples, taps), ask(method, samples, taps)
    return {
        "machine": machine(),
        "method": method,
        "samples": samples,
        "taps": taps,
        "baseline_bytes": baseline,
        "peak_bytes": filtering,
        "input_plus_output_bytes": held,
        "times_input_plus_output": (held + filtering - baseline) / held,
    }


def sentence(found: dict[str, Any]) -> str:
    """What was found, with the machine."""
    return (
        f"`{found['method']}` with {found['samples']:,} samples and {found['taps']} taps of "
        f"float32 peaks at {found['times_input_plus_output']:.2f} times input plus output "
        f"({found['peak_bytes'] / 1e9:.2f} GB resident; {found['baseline_bytes'] / 1e9:.2f} GB in "
        f"a process that only holds both), on {title(found['machine'])}.\n"
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--taps", type=int, default=TAPS)
    parser.add_argument("--method", default="overlap")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--write-docs", action="store_true", help="write into docs/benchmarks")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.child:
        print(child(options.child, options.samples, options.taps))
        return
    found = measure(options.samples, options.taps, options.method)
    print(sentence(found))
    text = json.dumps(found, indent=1) + "\n"
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    if options.write_docs:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "memory.json").write_text(text, encoding="utf-8")
        (FOLDER / "memory.md").write_text(sentence(found), encoding="utf-8")


if __name__ == "__main__":
    main()
