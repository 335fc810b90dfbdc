"""Numbers of two parts against exact rational arithmetic, in NumPy and compiled."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from filtrax.iir import _double
from filtrax.iir._double import Double

#: Digits that must be right.
SMALL = Fraction(1, 2**74)


def numbers(seed: int, *shape: int) -> Double:
    rng = np.random.default_rng(seed)
    hi = rng.standard_normal(shape) * 2.0 ** rng.integers(-8, 8, shape)
    return Double(hi, hi * rng.uniform(-1, 1, shape) * 2.0**-54)


def exact(x: Any) -> np.ndarray:
    """As an array of fractions."""
    parts = [np.asarray(part) for part in jax.tree.leaves(x)]
    values = [sum(Fraction(float(p.flat[i])) for p in parts) for i in range(parts[0].size)]
    return np.array(values, object).reshape(parts[0].shape)


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x + y,
    "difference": lambda x, y: x - y,
    # Nearly all digits cancel.
    "cancellation": lambda x, y: (x + y) - x,
    "product": lambda x, y: x * y,
    "quotient": lambda x, y: x / y,
    "chain": lambda x, y: (x - y * x / (x * x + y * y)) / (x * x),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_keep_more_than_float64(name: str, compiled: bool) -> None:
    run, x, y = OPERATIONS[name], numbers(0, 50), numbers(1, 50)
    wanted: Any = run(exact(x), exact(y))
    got = jax.jit(run)(*on_device(x, y)) if compiled else run(x, y)
    scale: Any = abs(exact(x)) + abs(exact(y)) if name == "cancellation" else abs(wanted)
    wrong: Any = abs(exact(got) - wanted)
    assert (wrong <= scale * SMALL).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_roots(compiled: bool) -> None:
    x = numbers(0, 50)
    x = x * x
    got = jax.jit(_double.sqrt)(*on_device(x)) if compiled else _double.sqrt(x)
    found = exact(got)
    assert (abs(found * found - exact(x)) <= SMALL * exact(x)).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_matrix_products(compiled: bool) -> None:
    x, y = numbers(0, 2, 5, 7), numbers(1, 2, 7, 3)
    got = jax.jit(_double.matmul)(*on_device(x, y)) if compiled else _double.matmul(x, y)
    wanted = np.stack([a.dot(b) for a, b in zip(exact(x), exact(y), strict=True)])
    # Relative to the largest of a row and of a column.
    scale: Any = abs(exact(x)).max(-1)[..., None] * abs(exact(y)).max(-2)[:, None]
    assert (abs(exact(got) - wanted) <= SMALL * scale).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_complex_numbers(compiled: bool) -> None:
    parts = [numbers(seed, 4, 4) for seed in range(4)]
    x, y = (Double(re.hi + 1j * im.hi, re.lo + 1j * im.lo) for re, im in (parts[:2], parts[2:]))

    def run(x: Any, y: Any) -> Any:
        return x * y, x / y, _double.matmul(x, y), _double.conj(x) + y

    with jax.numpy_dtype_promotion("standard"):  # As in the tables' lowering.
        got = jax.jit(run)(*on_device(x, y)) if compiled else run(x, y)
    a, b, c, d = (exact(each) for each in parts)
    size = c * c + d * d
    wanted = (
        (a * c - b * d, a * d + b * c),
        ((a * c + b * d) / size, (b * c - a * d) / size),
        (a.dot(c) - b.dot(d), a.dot(d) + b.dot(c)),
        (a + c, d - b),
    )
    for found, (re, im) in zip(got, wanted, strict=True):
        scale = max(abs(re).max(), abs(im).max())
        for part, expected in ((np.real, re), (np.imag, im)):
            each = Double(*(part(np.asarray(half)) for half in (found.hi, found.lo)))
            assert abs(exact(each) - expected).max() <= 16 * SMALL * scale


def test_extended_precision_is_split() -> None:
    value = np.longdouble(1) / 3 + np.array([0.0, 1.0])
    split = _double.double(value)
    assert (split.hi.astype(np.longdouble) + split.lo == value).all()


def on_device(*numbers: Any) -> Any:
    return jax.tree.map(jnp.asarray, numbers)
