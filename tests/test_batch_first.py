"""The primitive of arrays whose signals lie before their groups, as a layer's do."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P
from jax.test_util import check_grads

import oracle
from filtrax import _primitive
from filtrax._engines import ENGINES
from filtrax._geometry import Axis

engines = pytest.mark.parametrize("engine", sorted(ENGINES))

#: Signals, groups, channels and kernels.
B, G, C, O = 4, 3, 2, 5  # noqa: E741
AXES = (Axis(9, 4, 9, 2),)


def random(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return oracle.samples(np.random.default_rng(seed), shape, jnp.dtype("float64"))


def operands(*batch: int) -> tuple[np.ndarray, np.ndarray]:
    return random((*batch, B, G, C, 9)), random((*batch, G, O, C, 4), seed=1)


def filtered(engine: Any) -> Any:
    return jax.jit(partial(_primitive.bind, axes=AXES, method=engine, batch_first=True))


def loop(x: Any, h: Any) -> np.ndarray:
    return oracle.channels(np.swapaxes(x, 0, 1), h, "correlate", "same").swapaxes(0, 1)


def close(got: Any, expected: Any) -> None:
    assert got.shape == np.shape(expected)
    np.testing.assert_allclose(got, expected.astype(np.float64), rtol=1e-11, atol=1e-11)


@engines
def test_values(engine: Any) -> None:
    x, h = operands()
    close(filtered(engine)(x, h), loop(x, h))


@engines
def test_derivatives(engine: Any) -> None:
    check_grads(
        lambda x, h: filtered(engine)(x, h) ** 2, operands(), order=2, modes=("fwd", "rev"),
        rtol=1e-6, atol=1e-6,
    )  # fmt: skip


@engines
@pytest.mark.parametrize("mapped", [(0, None), (None, 0), (0, 0), (2, 3)])
def test_vmap_is_a_loop(engine: Any, mapped: tuple[int | None, int | None]) -> None:
    x, h = operands(2)
    pairs = [(x[i if mapped[0] is not None else 0], h[i if mapped[1] is not None else 0])
             for i in range(2)]  # fmt: skip
    moved = [
        array[0] if axis is None else np.moveaxis(array, 0, axis)
        for array, axis in zip((x, h), mapped, strict=True)
    ]
    got = jax.vmap(filtered(engine), mapped)(*moved)
    close(got, np.stack([loop(*pair) for pair in pairs]))


@engines
@pytest.mark.parametrize("label", ["signals", "groups"])
def test_explicit_sharding_follows_the_label(engine: Any, label: str) -> None:
    devices = jax.make_mesh((2,), ("parts",), axis_types=(AxisType.Explicit,))
    x, h = random((4, 2, C, 9)), random((2, O, C, 4), seed=1)
    of_x, of_h = (P("parts"), P()) if label == "signals" else (P(None, "parts"), P("parts"))
    with jax.set_mesh(devices):
        placed = (
            jax.device_put(array, NamedSharding(devices, spec))
            for array, spec in ((x, of_x), (h, of_h))
        )
        got = filtered(engine)(*placed)
        assert jax.typeof(got).sharding.spec == P(*of_x, *(None,) * (4 - len(of_x)))
        close(got, loop(x, h))
