"""Extending a signal, against numpy.pad."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filtrax._boundary import extend, margin_runs, source_index
from oracle import stands_at

NAMED = ("edge", "reflect", "symmetric", "wrap")
ALL = ("zero", "constant", *NAMED)


def padded(x: np.ndarray, lo: int, hi: int, boundary: str, fill: float = 0.0) -> np.ndarray:
    """numpy.pad along the last axis; negative numbers then drop samples of the wide result."""
    wide = [(0, 0)] * (x.ndim - 1) + [(max(lo, 0), max(hi, 0))]
    if boundary in ("zero", "constant"):
        y = np.pad(x, wide, constant_values=fill)
    else:
        y: np.ndarray = np.pad(x, wide, mode=boundary)  # type: ignore[call-overload]
    return y[..., max(-lo, 0) : y.shape[-1] - max(-hi, 0)]


@pytest.mark.parametrize("boundary", NAMED)
def test_source_index_is_numpy_pad(boundary: str) -> None:
    for n in range(1, 8):
        margin = 4 * n + 3
        index = source_index(n, -margin, n + margin, boundary)
        np.testing.assert_array_equal(index, padded(np.arange(n), margin, margin, boundary), str(n))


@pytest.mark.parametrize("boundary", NAMED)
def test_the_oracle_is_numpy_pad(boundary: str) -> None:
    for n in range(1, 8):
        walked = [stands_at(i, n, boundary) for i in range(-20, n + 20)]
        np.testing.assert_array_equal(walked, padded(np.arange(n), 20, 20, boundary), str(n))


@given(
    n=st.integers(1, 9),
    start=st.integers(-40, 40),
    count=st.integers(0, 40),
    boundary=st.sampled_from(NAMED),
)
def test_runs_list_the_source_index(n: int, start: int, count: int, boundary: str) -> None:
    runs = margin_runs(n, start, start + count, boundary)
    listed = [run.first + run.step * i for run in runs for i in range(run.count)]
    assert listed == source_index(n, start, start + count, boundary).tolist()


def paddings(n: int) -> list[tuple[int, int]]:
    """Short, long, several times the signal, negative, and both signs at once."""
    margins = [(0, 0), (1, 0), (0, 2), (2, 3), (n, n), (3 * n + 1, 0), (0, 5 * n + 2), (4 * n, 11)]
    cropped = [(-1, 0), (0, -2), (-1, -1), (-2, 5), (6, -1), (1 - n, 0), (0, 1 - n)]
    beyond = [(-n - 2, n + 5), (n + 4, -n - 1)]
    return (
        margins
        + [(lo, hi) for lo, hi in cropped if n + lo + hi >= 1 and n + min(lo, hi) >= 1]
        + (beyond)
    )


@pytest.mark.parametrize("boundary", ALL)
@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_extend_is_numpy_pad(boundary: str, n: int) -> None:
    x = np.random.default_rng(n).normal(size=(2, n))
    fill = 3.5 if boundary == "constant" else None
    cases = paddings(n)
    got = jax.jit(lambda x: [extend(x, 1, padding, boundary, fill) for padding in cases])(x)
    for padding, y in zip(cases, got, strict=True):
        lo, hi = padding
        # Padding that drops the whole signal leaves a piece of the extension.
        wide = padded(x, max(lo, n + 6), max(hi, n + 6), boundary, fill or 0.0)
        origin = max(lo, n + 6)
        np.testing.assert_array_equal(y, wide[:, origin - lo : origin + n + hi], f"{padding}")


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("boundary", ALL)
def test_any_axis(axis: int, boundary: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 2))
    fill = -1.0 if boundary == "constant" else None
    y = extend(jnp.asarray(x), axis, (2, 7), boundary, fill)
    wanted = padded(np.moveaxis(x, axis, -1), 2, 7, boundary, fill or 0.0)
    np.testing.assert_array_equal(y, np.moveaxis(wanted, -1, axis))


@pytest.mark.parametrize("boundary", ALL)
@pytest.mark.parametrize("margin", [2, 40])
def test_the_gradient_counts_how_often_a_sample_was_used(boundary: str, margin: int) -> None:
    n = 4
    weights = np.random.default_rng(1).normal(size=n + 2 * margin)

    def weighed(x: jax.Array) -> jax.Array:
        return jnp.vdot(jnp.asarray(weights), extend(x, 0, (margin, margin), boundary, None))

    got = jax.grad(weighed)(jnp.ones(n))
    wanted = np.zeros(n)
    for i, weight in enumerate(weights):
        source = stands_at(i - margin, n, boundary)
        if source is not None:
            wanted[source] += weight
    np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "bfloat16", "float32", "complex64"])
@pytest.mark.parametrize("boundary", ALL)
def test_dtype_is_kept(dtype: Any, boundary: str) -> None:
    x = jnp.arange(3).astype(dtype)
    fill = jnp.ones((), dtype) if boundary == "constant" else None
    y = extend(x, 0, (1, 9), boundary, fill)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(
        np.asarray(y).astype(complex),
        padded(np.arange(3), 1, 9, boundary, 0 if fill is None else 1).astype(complex),
    )
