"""Random cases of NumPy and SciPy; every mode in full is in `tests/test_conventions.py`."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.signal

from filtrax import conventions
from filtrax.compat import numpy as fnp
from filtrax.compat import scipy_signal as fsignal
from peers import PEERS, scipy_conjugates_the_wrong_one
from random_cases import CHUNK, CHUNKS, Case, check_chunk, numbers

pytestmark = pytest.mark.parity

FLOATING = ("float32", "float64", "complex64", "complex128")


def numpy_case(rng: np.random.Generator) -> Case:
    dtype = str(rng.choice([*FLOATING, "float16", "int8", "uint8", "int32", "int64"]))
    x, h = numbers(rng, rng.integers(1, 41), dtype), numbers(rng, rng.integers(1, 13), dtype)
    name = str(rng.choice(["convolve", "correlate"]))
    mode: Any = str(rng.choice(["full", "same", "valid"]))
    if rng.random() < 0.5:
        ours = partial(conventions.apply, name=f"numpy.{name}", mode=mode)
    else:
        ours = partial(getattr(fnp, name), mode=mode)
    note = f"np.{name} {mode} {x.shape} {h.shape} {dtype} {ours}"
    return Case(note, [x, h], dtype, ours, partial(getattr(np, name), mode=mode), h.size)


def scipy_case(rng: np.random.Generator) -> Case:
    name = str(rng.choice([n for n in PEERS if n.startswith("scipy")]))
    modes = list(conventions.CONVENTIONS[name].modes)
    mode = str(rng.choice(modes))
    integers = ["int32", "int64"] if "ndimage" not in name else []
    dtype = str(rng.choice([*FLOATING, *integers]))
    rank = 2 if name.endswith("2d") or ("signal" in name and rng.random() < 0.3) else 1
    largest, taps = (41, 13) if rank == 1 else (9, 6)
    x = numbers(rng, tuple(rng.integers(1, largest, rank)), dtype)
    h = numbers(rng, tuple(rng.integers(1, taps, rank)), dtype)
    if scipy_conjugates_the_wrong_one(name, mode, x, h):
        mode = "full"
    peer = partial(_scipy, name=name, mode=mode)
    if "signal" in name and rng.random() < 0.5:
        ours = partial(getattr(fsignal, name.rpartition(".")[2]), mode=mode)
    else:
        ours = partial(conventions.apply, name=name, mode=mode)
    # Where operands are exchanged a sum has no more terms than the smaller of the two.
    return Case(
        f"{name} {mode} {x.shape} {h.shape} {dtype} {ours}", [x, h], dtype, ours, peer, h.size
    )


def _scipy(x: np.ndarray, h: np.ndarray, name: str, mode: str) -> np.ndarray:
    if name in ("scipy.signal.convolve", "scipy.signal.correlate"):
        function = getattr(scipy.signal, name.rpartition(".")[2])
        return function(x, h, mode=mode, method="direct")
    return PEERS[name](x, h, mode)


@pytest.mark.parametrize("chunk", CHUNKS)
def test_numpy(chunk: int) -> None:
    rng = np.random.default_rng([1, chunk])
    assert check_chunk(chunk, [numpy_case(rng) for _ in range(CHUNK)]) == CHUNK


@pytest.mark.parametrize("chunk", CHUNKS)
def test_scipy(chunk: int) -> None:
    rng = np.random.default_rng([2, chunk])
    assert check_chunk(chunk, [scipy_case(rng) for _ in range(CHUNK)]) > 0.8 * CHUNK
