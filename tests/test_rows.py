"""filter_rows and filter_separable, against NumPy row loops and the N-D loop of the oracle."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from jax.test_util import check_grads

import filtrax
import oracle
from filtrax._engines import ENGINES
from filtrax._spec import OPERATIONS


def random(shape: tuple[int, ...], dtype: Any = "float64", seed: int = 0) -> np.ndarray:
    return oracle.samples(np.random.default_rng(seed), shape, jnp.dtype(dtype))


def close(got: Any, expected: Any, note: str = "") -> None:
    assert got.shape == np.shape(expected), note
    expected = np.asarray(expected)
    expected = expected.astype(complex if expected.dtype.kind == "c" else float)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11, err_msg=note)


@pytest.mark.parametrize("taps", range(1, 9))
@pytest.mark.parametrize("operation", OPERATIONS)
def test_same_is_numpys_in_every_row(operation: str, taps: int) -> None:
    x, h = random((5, 11)), random((taps,), seed=1)
    peer = getattr(np, operation)
    got = jax.jit(
        lambda x, h: [
            filtrax.filter_rows(x, h, operation=operation, mode=mode)  # type: ignore[arg-type]
            for mode in ("same", "full", "valid")
        ]
    )(x, h)
    for mode, y in zip(("same", "full", "valid"), got, strict=True):
        close(y, [peer(row, h, mode) for row in x], mode)


def test_the_numbers_of_the_origin_question() -> None:
    signal, kernel = [1, 0, 2, 3, 0, 1, 1], [2, 1, 3]
    y = filtrax.filter_rows(signal, kernel, operation="correlate", mode="valid")
    assert y.tolist() == [8, 11, 7, 9, 4]
    z = filtrax.filter_rows(signal, kernel, mode="valid")
    assert z.tolist() == np.convolve(signal, kernel, "valid").tolist()


def test_the_default_is_convolve_same() -> None:
    x, h = random((3, 9)), random((4,), seed=1)
    close(filtrax.filter_rows(x, h), [np.convolve(row, h, "same") for row in x])


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_each_option_is_passed_on(engine: str) -> None:
    x, h = random((3, 9), "complex128"), random((4,), "complex128", 1)
    options: tuple[dict[str, Any], ...] = (
        {"mode": "full", "boundary": "reflect"},
        {"mode": "same", "origin": 1, "boundary": 2.5},
        {"mode": "causal", "stride": 2},
        {"mode": (3, -1), "dilation": 2},
        {"mode": "valid", "conjugate": True},
        {"mode": "valid", "conjugate": False},
    )
    for operation in OPERATIONS:
        for each in options:
            got = filtrax.filter_rows(
                x,
                h,
                operation=operation,  # type: ignore[arg-type]
                method=engine,  # type: ignore[arg-type]
                precision="high",
                **each,
            )
            close(got, oracle.slide(x, h, operation, **each), f"{operation} {each}")


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_rows_along_any_axis(axis: int) -> None:
    x, h = random((4, 5, 6)), random((3,), seed=1)
    expected = np.apply_along_axis(lambda row: np.convolve(row, h, "same"), axis, x)
    close(filtrax.filter_rows(x, h, axis=axis), expected)


#: (x, h, axis): kernels broadcast from the right against x without the filtered axis.
SHAPES = (
    ((7, 20), (7, 5), -1, (7, 20)),
    ((1, 100), (7, 10), -1, (7, 100)),
    ((2, 7, 20), (7, 5), -1, (2, 7, 20)),
    ((2, 7, 20), (2, 1, 5), -1, (2, 7, 20)),
    ((20, 7), (7, 5), 0, (20, 7)),
    ((2, 20, 7), (7, 5), 1, (2, 20, 7)),
    ((2, 20, 7), (2, 7, 5), 1, (2, 20, 7)),
    ((20, 2, 1), (2, 3, 5), 0, (20, 2, 3)),
    ((1, 9), (1, 5), -1, (1, 9)),
)


@pytest.mark.parametrize(("x_shape", "h_shape", "axis", "y_shape"), SHAPES)
def test_a_kernel_for_each_row(
    x_shape: tuple[int, ...], h_shape: tuple[int, ...], axis: int, y_shape: tuple[int, ...]
) -> None:
    x, h = random(x_shape), random(h_shape, seed=1)
    got = filtrax.filter_rows(x, h, axis=axis)
    assert got.shape == y_shape
    rows = np.moveaxis(x, axis, -1)
    batch = np.broadcast_shapes(rows.shape[:-1], h.shape[:-1])
    rows = np.broadcast_to(rows, (*batch, rows.shape[-1]))
    kernels = np.broadcast_to(h, (*batch, h.shape[-1]))
    expected = np.empty(rows.shape)
    for at in np.ndindex(*batch):
        expected[at] = np.convolve(rows[at], kernels[at], "same")
    close(got, np.moveaxis(expected, -1, axis))


def test_gradients_by_kernels_of_rows() -> None:
    x, h = jnp.asarray(random((3, 6))), jnp.asarray(random((3, 2), seed=1))
    run = jax.jit(lambda x, h: filtrax.filter_rows(x, h, boundary="symmetric") ** 2)
    check_grads(run, (x, h), order=1, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)


SEPARABLE: tuple[dict[str, Any], ...] = (
    {},
    {"mode": "full"},
    {"mode": ("valid", "causal")},
    {"mode": (1, 2)},
    {"mode": ((0, 3), "same")},
    {"boundary": "wrap", "mode": "full"},
    {"boundary": ("edge", "symmetric"), "mode": "full"},
    {"boundary": 2.5, "mode": "full"},
    {"boundary": (2.5, "reflect"), "mode": "full"},
    {"boundary": ("wrap", -1.5), "mode": "full"},
    {"boundary": ("zero", 2.0), "mode": "full"},
    {"boundary": (2.0, "zero"), "mode": "full"},
    {"boundary": (2.0, 3.0), "mode": "full"},
    {"stride": (1, 2), "dilation": (2, 1)},
    {"origin": (0, 1), "boundary": 1.0},
    {"stride": 2, "mode": "full", "boundary": 1.0},
)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_separable_is_the_filter_by_the_outer_product(dtype: str) -> None:
    x = random((2, 5, 6), dtype)
    kernels = random((2,), dtype, 1), random((3,), dtype, 2)
    outer = np.multiply.outer(*kernels)
    # Operations take turns: each meets every option, with one of the orders of axes.
    turns = itertools.product(enumerate(SEPARABLE), enumerate(((1, 2), (-1, 0))))
    for (turn, options), (order, axes) in turns:
        operation = OPERATIONS[(turn + order + (dtype == "float64")) % 2]
        got = filtrax.filter_separable(
            x,
            kernels,
            axes,
            operation=operation,  # type: ignore[arg-type]
            **options,
        )
        choices = {"mode": "same", **options}
        close(got, oracle.slide(x, outer, operation, axes=axes, **choices), f"{choices} {axes}")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32"])
def test_separable_keeps_integers(dtype: str) -> None:
    x = random((5, 6), dtype)
    kernels = random((2,), dtype, 1), random((3,), dtype, 2)
    expected = oracle.slide(x, np.multiply.outer(*map(oracle.wide, kernels)), "convolve", "full",
                            boundary=3)  # fmt: skip
    got = filtrax.filter_separable(x, kernels, (0, 1), mode="full", boundary=3)
    assert got.dtype == jnp.dtype(dtype)
    oracle.check(got, expected, 0.0)


def test_separable_of_kernels_real_and_complex_with_a_constant_outside() -> None:
    """Under strict promotion, which unites neither the kernels' sums nor NumPy's constant."""
    x, real = np.ones((3, 4), "float32"), np.array([1, 2, 1], "float32")
    other = np.array([1, 2j, 3], "complex64")
    got = filtrax.filter_separable(x, [real, other], (0, 1), boundary=np.float64(1.5))
    padded = np.pad(x, 1, constant_values=1.5)
    want = scipy.signal.convolve2d(padded, np.outer(real, other), "valid")
    assert got.dtype == jnp.complex64
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_separable_in_float32_and_three_axes() -> None:
    x = random((4, 3, 5), "float32")
    kernels = [random((k,), "float32", k) for k in (2, 3, 2)]
    outer = np.multiply.outer(np.multiply.outer(kernels[0], kernels[1]), kernels[2])
    traced = jnp.asarray(1.5, "float32")
    got = jax.jit(lambda x, c: filtrax.filter_separable(x, kernels, (0, 1, 2), boundary=c))(
        x, traced
    )
    assert got.dtype == jnp.float32
    expected = oracle.slide(x, outer, "convolve", "same", boundary=1.5)
    np.testing.assert_allclose(got, expected.astype(float), rtol=1e-5, atol=1e-5)


def test_separable_gradients() -> None:
    x = jnp.asarray(random((4, 5)))
    kernels = [jnp.asarray(random((k,), seed=k)) for k in (2, 3)]

    @jax.jit
    def run(x: jax.Array, first: jax.Array, second: jax.Array, outside: jax.Array) -> jax.Array:
        return filtrax.filter_separable(x, [first, second], (0, 1), boundary=outside) ** 2

    arguments = (x, *kernels, jnp.asarray(0.7))
    check_grads(run, arguments, order=1, modes=("fwd", "rev"), rtol=1e-6, atol=1e-6)
