"""What the primitives of the recursive filters have in common."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import mlir

from filtrax import _sharding
from filtrax._primitive import run_by_lowering


def define(
    name: str,
    abstract: Callable[..., Any],
    lowering: Callable[..., Any],
    *,
    multiple_results: bool = False,
) -> Primitive:
    """A primitive that runs by its lowering, outside of `jax.jit`, too."""
    primitive = Primitive(name)
    primitive.multiple_results = multiple_results

    run_by_lowering(primitive)
    primitive.def_abstract_eval(abstract)
    mlir.register_lowering(primitive, lowering)
    return primitive


def batch_size(args: Any, dims: Any) -> int:
    """How many there are of the operands that have a batch."""
    (size,) = {arg.shape[dim] for arg, dim in zip(args, dims, strict=True) if dim is not None}
    return size


def fold(args: Any, dims: Any) -> tuple[jax.Array, ...]:
    """The operands with a batch folded into their groups, the first axis."""
    size, folded = batch_size(args, dims), []
    for arg, dim in zip(args, dims, strict=True):
        alone = dim is None
        each = jnp.broadcast_to(arg[None], (size, *arg.shape)) if alone else arg
        folded.append(lax.collapse(each if alone else jnp.moveaxis(each, dim, 0), 0, 2))
    return _sharding.vary_alike(*folded)


def unfold(out: jax.Array, size: int) -> jax.Array:
    """The batch before the groups of a result of folded operands."""
    return out.reshape(size, -1, *out.shape[1:])


def batch(primitive: Primitive, args: Any, dims: Any, **params: Any) -> tuple[Any, Any]:
    """Batches signals (G, B, T) and what belongs to their groups: one result, or several.

    The batch becomes rows, or groups if anything but the signals has it, too.
    """
    axis = 1 if all(dim is None for dim in dims[1:]) else 0
    if axis:
        x = jnp.moveaxis(args[0], dims[0], 1)
        operands = _sharding.vary_alike(lax.collapse(x, 1, 3), *args[1:])
    else:
        operands = fold(args, dims)
    size = batch_size(args, dims)
    found = jax.tree.map(
        lambda out: out.reshape(*out.shape[:axis], size, -1, *out.shape[axis + 1 :]),
        primitive.bind(*operands, **params),
    )
    return found, jax.tree.map(lambda _: axis, found)


def automatic(function: Any, outs: Any, *operands: jax.Array) -> list[jax.Array]:
    """`_sharding.automatic` for several results."""
    axes = _sharding.explicit_axes(*operands)
    if not axes:
        return function(*operands)
    run: Any = jax.sharding.auto_axes(function, axes=axes, out_sharding=outs)
    with jax.sharding.use_abstract_mesh(outs[0].mesh):
        return run(*operands)
