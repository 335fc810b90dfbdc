"""Caches under many threads, and the same bits from process to process."""

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import filtrax
from filtrax import _boundary, _geometry, _layout, _primitive
from filtrax._engines import ENGINES, overlap, spectral

#: Every cache of plain convolution; those of recursive filters are keyed by coefficients.
CACHES: tuple[Any, ...] = (
    _boundary.margin_runs, _geometry.resolve_axis, _layout._make_layout, _primitive._compiled,
    spectral.fast_length, overlap._hop,
)  # fmt: skip


def calls() -> list[tuple[Callable[[], Any], np.ndarray]]:
    """Calls of many shapes and kinds, each with what SciPy says."""
    rng = np.random.default_rng(0)
    found: list[tuple[Callable[[], Any], np.ndarray]] = []
    for number in range(12):
        n, k = 20 + number, 2 + number % 7
        x, h = rng.normal(size=(2, n)), rng.normal(size=k)
        rows = np.stack([np.convolve(row, h) for row in x])
        found.append((partial(filtrax.convolve, x, h), rows))
        padded = np.pad(x, ((0, 0), (k, k)), "reflect")
        valid = np.stack([np.correlate(row, h, "valid") for row in padded])
        found.append(
            (lambda x=x, h=h, k=k: filtrax.correlate(x, h, (k, k), boundary="reflect"), valid)
        )
        b, a = [1.0, 0.3], [1.0, -0.02 * number, 0.1]
        recursive: Any = scipy.signal.lfilter(b, a, x)
        found.append((partial(filtrax.lfilter, b, a, x), recursive))
    return found


def test_many_threads_with_different_shapes() -> None:
    work = calls()
    start = threading.Barrier(8)
    stop = threading.Event()

    def run(seed: int) -> list[str]:
        order = np.random.default_rng(seed).permutation(len(work))
        start.wait()
        wrong = []
        # Settings of JAX are each thread's own.
        with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
            for number in order:
                call, expected = work[number]
                got = np.asarray(call())
                if got.dtype != expected.dtype or np.abs(got - expected).max() > 1e-11:
                    wrong.append(f"call {number}: off by {np.abs(got - expected).max()}")
        return wrong

    def clear() -> None:
        while not stop.is_set():
            for cache in CACHES:
                cache.cache_clear()
            stop.wait(0.001)

    cleaner = threading.Thread(target=clear)
    cleaner.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            wrong = list(pool.map(run, range(8)))
    finally:
        stop.set()
        cleaner.join()
    assert not any(wrong), wrong


def bytes_of_everything() -> str:
    """One digest for each engine's value and gradients, and for recursive filters."""
    import hashlib

    rng = np.random.default_rng(1)
    lines = []

    def note(name: str, *arrays: Any) -> None:
        digest = hashlib.sha256(b"".join(np.asarray(each).tobytes() for each in arrays))
        lines.append(f"{name} {digest.hexdigest()}")

    x = jnp.asarray(rng.normal(size=(8, 6000)), jnp.float32)
    h = jnp.asarray(rng.normal(size=150), jnp.float32)
    image, kernel = x[:1].reshape(60, 100), h[:35].reshape(5, 7)
    for engine in sorted(ENGINES):

        def loss(x: Any, h: Any, engine: Any = engine) -> Any:
            y = filtrax.convolve(x, h, "same", method=engine)
            return jnp.sum(jnp.sin(y)), y

        run = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))
        for name, signal, taps in (("rows", x, h), ("image", image, kernel)):
            (value, y), slopes = run(signal, taps)
            note(f"{engine} {name}", value, y, *slopes)
    for form in ("block", "scan"):

        def filtered(x: Any, a: Any, form: Any = form) -> Any:
            y = filtrax.lfilter(jnp.asarray([1.0, 0.5], x.dtype), a, x, method=form)
            return jnp.sum(jnp.sin(y))

        a = jnp.asarray([1.0, -0.9, 0.2], jnp.float32)
        value, slopes = jax.jit(jax.value_and_grad(filtered, (0, 1)))(x, a)
        note(f"lfilter {form}", value, *slopes)
    note("pearson", filtrax.cross_correlate(x, h, "valid", normalize="pearson"))
    note("delay", filtrax.estimate_delay(x, x[:, ::-1]))
    return "\n".join(lines)


def test_two_processes_give_identical_bytes() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import conftest; "
        "from test_threads import bytes_of_everything; print(bytes_of_everything())"
    )
    folder = __file__.rsplit("/", 1)[0]
    started = [
        subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    runs = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert runs[0].count("\n") == 2 * len(ENGINES) + 4
    assert runs[0] == runs[1]


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_a_second_call_gives_the_same_bits(engine: Any) -> None:
    rng = np.random.default_rng(2)
    x, h = rng.normal(size=(4, 3000)), rng.normal(size=64)
    first, second = (np.asarray(filtrax.convolve(x, h, method=engine)).tobytes() for _ in range(2))
    assert first == second
