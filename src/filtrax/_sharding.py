"""How arrays spread over a mesh of devices: rules for the primitive.

Inside `jax.shard_map` each operand varies over some mesh axes; under an explicitly sharded mesh
each array's type says which of its axes are divided. The primitive's labels settle both.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax import lax
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from filtrax._errors import value_error


def vary_alike(*operands: jax.Array) -> tuple[jax.Array, ...]:
    """Inside `jax.shard_map`, marks each operand as varying over every axis that one varies over.

    Without it the derivative by a replicated kernel lacks its sum over the devices, silently.
    """
    varying = [jax.typeof(operand).manual_axis_type.varying for operand in operands]
    union = frozenset().union(*varying)
    return tuple(
        lax.pcast(operand, tuple(sorted(union - own)), to="varying") if union - own else operand
        for operand, own in zip(operands, varying, strict=True)
    )


def output_sharding(
    avals: Sequence[Any], labels: Sequence[Sequence[str]], wanted: Sequence[str]
) -> NamedSharding:
    """The sharding of an output whose axes are labelled as the operands' are.

    Each label keeps its operand's mesh axis; axes labelled "" are not divided.

    Raises:
        ValueError: two labels of the output are divided over one mesh axis.
    """
    entries: dict[str, Any] = {}
    for aval, names in zip(avals, labels, strict=True):
        for label, entry in zip(names, aval.sharding.spec, strict=False):
            if label and entry is not None and entries.get(label) is None:
                entries[label] = entry
    mesh = next((a.sharding.mesh for a in avals if not a.sharding.mesh.empty), None)
    mesh = avals[0].sharding.mesh if mesh is None else mesh
    spec = [entries.get(label) for label in wanted]
    used = [axis for entry in spec if entry is not None for axis in _flat(entry)]
    if len(set(used)) != len(used):
        raise value_error("x, h", "batch axes divided over different mesh axes", repr(spec))
    return NamedSharding(mesh, PartitionSpec(*spec))


def _flat(entry: Any) -> tuple[Any, ...]:
    return entry if isinstance(entry, tuple) else (entry,)


def explicit_axes(*arrays: Any) -> tuple[Any, ...]:
    """The mesh axes over which types say how arrays are divided."""
    mesh = jax.typeof(arrays[0]).sharding.mesh
    if mesh.empty:
        return ()
    return tuple(
        name
        for name, kind in zip(mesh.axis_names, mesh.axis_types, strict=True)
        if kind == AxisType.Explicit
    )


def automatic(
    function: Callable[..., jax.Array], out: NamedSharding, *operands: jax.Array
) -> jax.Array:
    """Runs a function whose insides leave sharding to the compiler, for a result like ``out``."""
    axes = explicit_axes(*operands)
    if not axes:
        return function(*operands)
    mesh: Any = out.mesh
    run: Any = jax.sharding.auto_axes(function, axes=axes, out_sharding=out)
    with jax.sharding.use_abstract_mesh(mesh):
        return run(*operands)


def like(array: jax.Array, aval: Any) -> jax.Array:
    """A cotangent divided as its primal is, under an explicit mesh."""
    if explicit_axes(array) and jax.typeof(array).sharding.spec != aval.sharding.spec:
        return jax.sharding.reshard(array, aval.sharding)
    return array


def is_of_one_device(ctx: Any) -> bool:
    """Whether a program that is lowered runs whole on each device, and in this process.

    So it does on one device and inside `jax.shard_map`. XLA cannot divide a call into a library
    between devices, and an export cannot hold one.
    """
    module = ctx.module_context
    if module.lowering_parameters.for_export:
        return False
    divided = module.axis_context
    if hasattr(divided, "manual_axes"):
        return frozenset(divided.mesh.axis_names) == frozenset(divided.manual_axes)
    return getattr(divided, "num_devices", None) == 1
