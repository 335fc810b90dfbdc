"""Random calls of a peer and of its counterpart here, compared to rounding.

Each case has shapes of its own, and so a compilation of its own; that is why a chunk of cases
is traced and compiled at once. `FILTRAX_PARITY_CASES` is the number of cases for each peer.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from peers import run_together

#: Cases for each of TensorFlow and torch.
CASES = int(os.environ.get("FILTRAX_PARITY_CASES", "550"))
CHUNK = 25
CHUNKS = range(-(-CASES // CHUNK))


class UnsupportedError(Exception):
    """The peer has no such kernel on this machine, whatever its documentation allows."""


@dataclass(frozen=True)
class Case:
    """One call.

    Attributes:
        note: what is called, for a failure's message.
        operands: NumPy arrays, in float64 or integers.
        dtype: what both are given.
        ours: the counterpart, from the operands.
        peer: the peer, from NumPy operands of ``dtype`` (by its name) to a NumPy array; raises
            ValueError where the peer refuses.
        terms: products in each sum, which is what rounding grows with.
    """

    note: str
    operands: list[np.ndarray]
    dtype: str
    ours: Callable[..., Any]
    peer: Callable[..., np.ndarray]
    terms: int


def numbers(rng: np.random.Generator, shape: Any, dtype: str) -> np.ndarray:
    """Values that the dtype holds exactly, as float64, complex128 or the integers themselves."""
    kind = jnp.dtype(dtype)
    if kind.kind in "iu":
        return rng.integers(0 if kind.kind == "u" else -9, 10, shape).astype(dtype)
    if kind.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return rng.normal(size=shape).astype(kind).astype(np.float64)


def check_chunk(chunk: int, cases: list[Case]) -> int:
    """Compares every case; returns how many of them had a result (the others were refused)."""
    # A quarter of the chunks is compiled as it is for users.
    ours = _run(cases, fast=chunk % 4 != 0)
    done = 0
    for index, case in enumerate(cases):
        try:
            expected = case.peer(*(a.astype(jnp.dtype(case.dtype)) for a in case.operands))
        except UnsupportedError:
            continue
        except ValueError as error:
            if not isinstance(ours[index], ValueError):
                raise AssertionError(f"{case.note}: the peer refuses: {error}") from error
            continue
        _compare(case, ours[index], expected)
        done += 1
    return done


def _run(cases: list[Case], *, fast: bool) -> dict[int, Any]:
    refused: dict[int, Any] = {}

    def run(operands: list[list[Any]]) -> dict[int, Any]:
        results = {}
        for index, (case, arrays) in enumerate(zip(cases, operands, strict=True)):
            try:
                results[index] = case.ours(*arrays)
            except ValueError as error:
                refused[index] = error
        return results

    arrays = [[jnp.asarray(a.astype(jnp.dtype(c.dtype))) for a in c.operands] for c in cases]
    return run_together(run, arrays, fast=fast) | refused


def _compare(case: Case, got: Any, expected: np.ndarray) -> None:
    assert not isinstance(got, Exception), f"{case.note}: the peer gives a result; here: {got}"
    assert got.shape == expected.shape, f"{case.note}: {got.shape} instead of {expected.shape}"
    assert got.dtype == case.dtype, f"{case.note}: {got.dtype}"
    if got.dtype.kind in "iu":
        np.testing.assert_array_equal(got, expected, err_msg=case.note)
        return
    wide = np.complex128 if np.iscomplexobj(expected) else np.float64
    # The peer itself, in float64, gives the exact result and the size of what was summed.
    exact_type = "complex128" if wide is np.complex128 else "float64"
    exact = case.peer(*(a.astype(exact_type) for a in case.operands))
    size = np.real(case.peer(*(np.abs(a).astype(exact_type) for a in case.operands)))
    dtype = jnp.dtype(case.dtype)
    half = dtype.itemsize == 2
    eps = float(jnp.finfo(dtype).eps)
    summed = float(jnp.finfo(jnp.float32).eps) if half else eps
    rounded = np.abs(exact)
    mine = np.abs(np.asarray(got).astype(wide) - exact)
    allowed = (case.terms + 2) * summed * size + half * eps * rounded + 1e-7 * half
    assert np.all(mine <= allowed), f"{case.note}: off by {mine.max()}\n{got}\n{exact}"
    # The peer may sum 16-bit products in 16 bits, so that it may differ from us by more.
    between = np.abs(np.asarray(got).astype(wide) - expected.astype(wide))
    allowed = 2 * (case.terms + 2) * eps * size + 1e-7 * half
    assert np.all(between <= allowed), f"{case.note}: {between.max()} from the peer"
