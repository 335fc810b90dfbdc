"""Margins of all axes at once, and what goes back from them, against numpy.pad and a sum."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from jax.sharding import PartitionSpec
from jax.test_util import check_grads

from filtrax import _native
from filtrax._boundary import source_index
from filtrax._margins import Margin, extend, fold_p, merged

NAMED = ("edge", "reflect", "symmetric", "wrap")
DTYPES = ("float32", "float64", "complex64", "complex128", "bfloat16", "float16", "int32", "int64")


def drawn(seed: int) -> tuple[np.ndarray, tuple[Margin, ...]]:
    """An array of whole numbers, and margins of some of its axes, short, long or negative."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, (200, 20, 9, 6, 5, 4, 3)[rng.integers(7)], rng.integers(1, 6)))
    margins = []
    for n in map(int, shape):
        before, after = (int(rng.integers(-n // 2, 3 * n + 2)) for _ in "ba")
        apart = rng.random() < 0.4 or n + before + after < 1
        margins.append(Margin() if apart else Margin(n, before, after, str(rng.choice(NAMED))))
    return rng.integers(-9, 9, shape), tuple(margins)


def taken(x: np.ndarray, margins: tuple[Margin, ...]) -> np.ndarray:
    """Each axis by the index of what stands there."""
    for place, margin in enumerate(margins):
        if not margin.is_none:
            start, stop = -margin.before, margin.n + margin.after
            x = np.take(x, source_index(margin.n, start, stop, margin.boundary), axis=place)
    return x


def given_back(y: np.ndarray, margins: tuple[Margin, ...]) -> np.ndarray:
    """Each axis by the sum of what repeats a sample, one after the other."""
    for place, margin in enumerate(margins):
        if not margin.is_none:
            start, stop = -margin.before, margin.n + margin.after
            moved = np.moveaxis(y, place, 0)
            summed = np.zeros((margin.n, *moved.shape[1:]), y.dtype)
            np.add.at(summed, source_index(margin.n, start, stop, margin.boundary), moved)
            y = np.moveaxis(summed, 0, place)
    return y


@pytest.mark.parametrize("seed", range(40))
def test_all_axes_at_once(seed: int) -> None:
    x, margins = drawn(seed)
    dtype = DTYPES[seed % len(DTYPES)]
    whole = taken(x, margins)
    with jax.enable_x64(True):
        found = jax.jit(extend, static_argnums=1)(jnp.asarray(x).astype(dtype), margins)
        np.testing.assert_array_equal(np.real(np.asarray(found)).astype(int), whole)
        if any(not margin.is_none for margin in margins):
            y = np.random.default_rng(seed).integers(-3, 3, whole.shape)
            back = fold_p.bind(jnp.asarray(y).astype(dtype), margins=margins)
            sums = given_back(y, margins)
            # Half precision rounds sums of several hundred.
            np.testing.assert_allclose(
                np.real(np.asarray(back)).astype(float), sums, rtol=2e-2 if "16" in dtype else 0
            )


@pytest.mark.parametrize("boundary", NAMED)
def test_one_axis_is_numpy_pad(boundary: Any) -> None:
    x = np.arange(12.0, dtype="float32").reshape(3, 4)
    found = extend(jnp.asarray(x), (Margin(), Margin(4, 3, 2, boundary)))
    np.testing.assert_array_equal(found, np.pad(x, ((0, 0), (3, 2)), mode=boundary))


def test_large_arrays_go_in_parts() -> None:
    x = np.random.default_rng(0).standard_normal((3, 70_001)).astype("float32")
    margins = (Margin(3, 1, 2, "wrap"), Margin(70_001, 300, 41_000, "reflect"))
    np.testing.assert_array_equal(extend(jnp.asarray(x), margins), taken(x, margins))
    y = taken(x, margins)
    back = fold_p.bind(jnp.asarray(y), margins=margins)
    np.testing.assert_allclose(back, given_back(y.astype(float), margins), rtol=1e-5, atol=1e-5)


def test_derivatives_and_maps() -> None:
    x, margins = np.random.default_rng(0).standard_normal((2, 5, 6)), (
        Margin(), Margin(5, 2, 7, "reflect"), Margin(6, -1, 3, "symmetric"),
    )  # fmt: skip
    with jax.enable_x64(True):
        run = lambda x: extend(x, margins)  # noqa: E731
        check_grads(run, (jnp.asarray(x),), order=2, modes=("fwd", "rev"))
        many = jnp.asarray(np.stack([x, 2 * x, -x], 2))
        np.testing.assert_array_equal(
            jax.vmap(run, in_axes=2)(many), np.stack([run(many[:, :, i]) for i in range(3)])
        )
        (back,) = jax.linear_transpose(run, jnp.asarray(x))(run(jnp.asarray(x)))
        np.testing.assert_allclose(back, given_back(taken(x, margins), margins))


def test_an_export_holds_no_call() -> None:
    margins = (Margin(), Margin(5, 2, 1, "edge"))
    (batch,) = export.symbolic_shape("batch")
    shape = jax.ShapeDtypeStruct((batch, 5), "float32")
    exported = export.export(jax.jit(lambda x: extend(x, margins)))(shape)
    assert "filtrax_extend" not in str(exported.mlir_module())
    x = np.arange(15, dtype="float32").reshape(3, 5)
    np.testing.assert_array_equal(exported.call(x), taken(x, margins))


def test_under_a_mesh() -> None:
    mesh = jax.make_mesh((8,), ("rows",))
    margins = (Margin(), Margin(5, 2, 1, "wrap"))
    x = np.arange(80, dtype="float32").reshape(16, 5)
    divided = jax.device_put(x, jax.NamedSharding(mesh, PartitionSpec("rows")))
    split = jax.shard_map(
        lambda x: extend(x, margins), mesh=mesh, in_specs=PartitionSpec("rows"),
        out_specs=PartitionSpec("rows"),
    )  # fmt: skip
    np.testing.assert_array_equal(jax.jit(split)(divided), taken(x, margins))
    out = jax.jit(lambda x: extend(x, margins))(divided)
    np.testing.assert_array_equal(out, taken(x, margins))
    with jax.set_mesh(mesh):
        assert jax.typeof(extend(divided, margins)).sharding.spec[0] == "rows"


@pytest.mark.skipif(not _native.available(), reason="the kernels were not compiled")
def test_a_kernel_copies() -> None:
    margins = (Margin(), Margin(5, 2, 1, "wrap"))
    x = jax.ShapeDtypeStruct((16, 5), "float32")
    assert "filtrax_extend" in jax.jit(lambda x: extend(x, margins)).lower(x).as_text()


def test_neighbours_without_margins_are_one_axis() -> None:
    margins = (Margin(), Margin(), Margin(4, 1, 1, "wrap"), Margin(), Margin())
    assert merged((2, 3, 4, 1, 6), margins) == ((6, 0, 0, 0), (4, 1, 1, 1), (6, 0, 0, 0))
