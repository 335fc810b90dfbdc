"""Matrix products ask for the precision that the caller chose, the highest unless told otherwise.

No accelerator is needed: the program that one would be given is read.
"""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax
from filtrax._engines import ENGINES
from filtrax.compat import scipy_signal, torch

engines = pytest.mark.parametrize("engine", sorted(ENGINES))
#: Rows and two kernels, so that the gradient by the kernels sums by products; two dimensions.
SHAPES = (((3, 400), (2, 5)), ((2, 20, 30), (2, 3, 4)), ((2, 90), (2, 70)))


def products(function: Callable[..., Any], *shapes: tuple[int, ...], platform: str) -> list[str]:
    """The precisions of each product and convolution in a program for some platform."""
    operands = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    lowered = jax.jit(function).trace(*operands).lower(lowering_platforms=(platform,))
    lines = lowered.as_text().splitlines()
    kinds = re.compile(r"stablehlo\.(dot_general|dot|convolution)\b")
    names = re.compile(r"\b(HIGHEST|HIGH|DEFAULT)\b")
    return [" ".join(names.findall(line)) for line in lines if kinds.search(line)]


def all_passes(**options: Any) -> Callable[..., Any]:
    """The values with each kernel and both gradients, in one program."""

    def bank(x: jax.Array, h: jax.Array) -> jax.Array:
        return jax.vmap(lambda h: filtrax.convolve(x, h, "same", **options))(h)

    def run(x: jax.Array, h: jax.Array) -> Any:
        y, pull = jax.vjp(bank, x, h)
        return y, pull(y)

    return run


@engines
@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_every_engine_asks_for_the_highest(engine: Any, platform: str) -> None:
    found: list[str] = []
    for shapes in SHAPES:
        found += products(all_passes(method=engine), *shapes, platform=platform)
    assert found, "products exist in one pass or the other"
    assert set(found) == {"HIGHEST HIGHEST"}


@engines
@pytest.mark.parametrize("precision", ["high", "default", jax.lax.Precision.HIGH])
def test_less_is_passed_on_where_it_is_asked_for(engine: Any, precision: Any) -> None:
    run = all_passes(method=engine, precision=precision)
    wanted = getattr(precision, "name", str(precision)).upper()
    assert set(products(run, *SHAPES[0], platform="cuda")) == {f"{wanted} {wanted}"}


def test_the_setting_of_jax_does_not_lower_it() -> None:
    with jax.default_matmul_precision("bfloat16"):
        found = products(all_passes(method="toeplitz"), *SHAPES[0], platform="cuda")
    assert set(found) == {"HIGHEST HIGHEST"}


def test_compat_and_recursive_filters_ask_for_the_highest() -> None:
    b, a = np.array([0.1, 0.2, 0.1], np.float32), np.array([1, -0.9, 0.2], np.float32)
    calls: list[tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = [
        (lambda x: filtrax.lfilter(b, a, x), ((2, 500),)),
        (lambda x: filtrax.sosfilt(np.concatenate([b, a])[None], x), ((2, 500),)),
        (torch.conv1d, ((2, 3, 40), (4, 3, 5))),
        (lambda x, h: scipy_signal.convolve2d(x, h, "same"), ((20, 30), (3, 3))),
    ]
    found: list[str] = []
    for function, shapes in calls:
        found += products(function, *shapes, platform="cuda")
    assert set(found) == {"HIGHEST HIGHEST"}


def test_filter_rows_and_separable_pass_it_on() -> None:
    def rows(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.filter_rows(x, h, method="toeplitz", precision="high")

    def separable(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.filter_separable(x, (h, h), (0, 1), method="toeplitz", precision="high")

    for function in (rows, separable):
        assert set(products(function, (90, 80), (5,), platform="cuda")) == {"HIGH HIGH"}


def test_the_plan_says_it_and_counts_its_error() -> None:
    assert filtrax.plan((9,), (3,)).precision == "highest"

    def error(method: Any, platform: str, **options: Any) -> float:
        shapes = ((4, 100), (9,))
        return filtrax.plan(*shapes, method=method, platform=platform, **options).error

    exact = error("toeplitz", "cuda")
    # TF32 keeps 10 bits behind the point, a single pass in bfloat16 keeps 7.
    assert error("toeplitz", "cuda", precision="default") == pytest.approx(exact + 2**-11)
    assert error("direct", "tpu", precision="default") > 2**-9 > 10 * error("direct", "tpu")
    # Sums of shifted copies are no products, nor are those of one CPU.
    assert error("shift", "cuda", precision="default") == error("shift", "cuda")
    assert error("toeplitz", "cpu", precision="default") == error("toeplitz", "cpu")
    # What is 16 bits wide has nothing to lose.
    half = error("toeplitz", "cuda", dtype="bfloat16", precision="default")
    assert half == error("toeplitz", "cuda", dtype="bfloat16")
