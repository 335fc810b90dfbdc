"""The heart: one trilinear form as a JAX primitive, closed under every transformation.

    T(x, h, y) = sum of x[g,b,c,n] h[g,o,c,m] y[g,b,o,i] over all triples that meet

The primitive computes one of the three arrays, named by its static ``role``, from the other
two. So a transpose only changes the role, a batched operand only widens a label (G, B, O or
C), and each pass, at lowering, is a plain correlation that picks the engine for its own shapes.
The axes always describe the forward problem.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.sharding import NamedSharding

from filtrax import _native, _sharding
from filtrax._choose import choose, engines_for
from filtrax._engines import as_correlation, correlation_for, folded, forwards, from_correlation
from filtrax._engines.base import OPERANDS, Correlation, Run, labels_in_memory
from filtrax._engines.taps import widened
from filtrax._geometry import Axis

#: Platforms with a lowering of their own, so that each makes its own choice of engine.
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

correlate_p = Primitive("filtrax_correlate")


def bind(
    a: jax.Array,
    b: jax.Array,
    *,
    role: str = "y",
    axes: tuple[Axis, ...],
    method: str = "auto",
    precision: lax.Precision = lax.Precision.HIGHEST,
    accuracy: str | float = "row",
    batch_first: bool = False,
) -> jax.Array:
    """Computes the array named by ``role``.

    Args:
        a: x (G, B, C, *N) for roles y and h, y (G, B, O, *M) for role x.
        b: h (G, O, C, *K) for roles y and x, y for role h; of a's dtype.
        role: the array to compute.
        axes: the forward problem's index relations.
        method: ``"auto"``, or the engine that every pass must use.
        precision: of matrix products, where an engine has any.
        accuracy: what every pass must keep, as `_accuracy.as_accuracy` returns it.
        batch_first: whether x and y lie as (B, G, ...) instead.
    """
    a, b = _sharding.vary_alike(a, b)
    return correlate_p.bind(
        a, b, role=role, axes=axes, method=method, precision=precision, accuracy=accuracy,
        batch_first=batch_first,
    )  # fmt: skip


def abstract(
    a: Any, b: Any, *, role: str, axes: tuple[Axis, ...], batch_first: bool, **_: Any
) -> Any:
    """The type of the result."""
    sharding = _output_sharding(role, axes, batch_first, a, b)
    shape = _problem(role, axes, batch_first, a, b).shape
    return a.update(shape=shape, weak_type=False, sharding=sharding)


def _output_sharding(
    role: str, axes: tuple[Axis, ...], batch_first: bool, a: Any, b: Any
) -> NamedSharding:
    *labels, wanted = (_all_labels(name, axes, batch_first) for name in (*OPERANDS[role], role))
    return _sharding.output_sharding((a, b), labels, wanted)


def _all_labels(name: str, axes: tuple[Axis, ...], batch_first: bool) -> tuple[str, ...]:
    """The labels of every axis of an array; those that are slid along have none."""
    carried = (
        str(number) if axis.paired or (axis.k == 1 and axis.n == axis.m and name != "h") else ""
        for number, axis in enumerate(axes)
    )
    return (*labels_in_memory(name, batch_first), *carried)


def _problem(role: str, axes: tuple[Axis, ...], batch_first: bool, a: Any, b: Any) -> Correlation:
    sizes: dict[str, int] = {}
    for name, operand in zip(OPERANDS[role], (a, b), strict=True):
        sizes.update(zip(labels_in_memory(name, batch_first), operand.shape[:3], strict=True))
    g, b, c, o = (sizes[label] for label in "GBCO")
    return correlation_for(role, (g, b, c, o), axes, a.dtype, batch_first)


def _lowered(a: jax.Array, b: jax.Array, **params: Any) -> jax.Array:
    """One pass, whatever the mesh."""
    operands = (jax.typeof(a), jax.typeof(b))
    out = _output_sharding(params["role"], params["axes"], params["batch_first"], *operands)
    return _sharding.automatic(partial(_execute, **params), out, a, b)


def _execute(
    a: jax.Array,
    b: jax.Array,
    *,
    role: str,
    axes: tuple[Axis, ...],
    method: str,
    precision: lax.Precision,
    accuracy: str | float,
    batch_first: bool,
    platform: str,
    compiled: bool,
) -> jax.Array:
    """One pass as plain JAX: restate the role, choose an engine for it, run it."""
    problem = _problem(role, axes, batch_first, a, b)
    if _is_empty(a) or _is_empty(b):
        # A batch of none: nothing or a sum over nothing, made of the operands so that it varies
        # over a mesh as they do.
        nothing = (jnp.sum(a) + jnp.sum(b)).astype(a.dtype)
        return jnp.broadcast_to(nothing, problem.shape)
    plan = choose(problem, method, platform, accuracy, precision.name.lower(), compiled)
    engine = engines_for(problem, compiled)[plan.engine]
    if engine.run_as is not None:
        return engine.run_as(problem, a, b)
    run = forwards(engine.run if engine.in_place else _wide(folded(engine.run)))
    out = run(problem.axes, *as_correlation(role, a, b, batch_first), precision, platform)
    return from_correlation(role, out, batch_first).astype(a.dtype)


def _wide(run: Run) -> Run:
    """An engine that is given half precision as float32."""

    def widen(
        axes: tuple[Axis, ...],
        lhs: jax.Array,
        rhs: jax.Array,
        precision: lax.Precision,
        platform: str,
    ) -> jax.Array:
        return run(axes, widened(lhs), widened(rhs), precision, platform)

    return widen


def _is_empty(array: jax.Array) -> bool:
    # Symbolic sizes, in an export, are not compared.
    return any(isinstance(size, int) and size == 0 for size in array.shape)


@lru_cache(maxsize=4096)
def _compiled(primitive: Primitive, **params: Any) -> Callable[..., Any]:
    return jax.jit(partial(primitive.bind, **params))


def run_by_lowering(primitive: Primitive) -> None:
    """Implements a primitive outside of `jax.jit`, too."""

    def eager(*operands: jax.Array, **params: Any) -> Any:
        # Its implementation is its lowering, which `jax.disable_jit` must not take away.
        with jax.disable_jit(False):
            return _compiled(primitive, **params)(*operands)

    primitive.def_impl(eager)


def may_call_kernels(platform: str, ctx: Any) -> bool:
    """Whether a program that is lowered may hold calls of the compiled kernels."""
    return platform == "cpu" and _native.available() and _sharding.is_of_one_device(ctx)


def _transpose(role: str, ct: Any, a: Any, b: Any, *, linear_in_a: bool, **params: Any) -> Any:
    """The cotangent takes the output's place; the operand sought becomes the role."""
    sought, known = OPERANDS[role] if linear_in_a else OPERANDS[role][::-1]
    arrays = {role: ct, known: b if linear_in_a else a}
    first, second = OPERANDS[sought]
    found = bind(arrays[first], arrays[second], role=sought, **params)
    return _sharding.like(found, (a if linear_in_a else b).aval)


def _transpose_a(ct: Any, a: Any, b: Any, *, role: str, **params: Any) -> Any:
    return _transpose(role, ct, a, b, linear_in_a=True, **params)


def _transpose_b(ct: Any, a: Any, b: Any, *, role: str, **params: Any) -> Any:
    return _transpose(role, ct, a, b, linear_in_a=False, **params)


def _batch(
    args: Any, dims: Any, *, role: str, batch_first: bool, **params: Any
) -> tuple[jax.Array, int]:
    """Folds a batch into a label: G if both carry it, else one shared with the output."""
    names = OPERANDS[role]
    labels = {name: labels_in_memory(name, batch_first) for name in (*names, role)}
    mapped = [dim is not None for dim in dims]
    if all(mapped):
        label = "G"
    else:
        own = labels[names[mapped.index(True)]]
        label = next(each for each in labels[role] if each != "G" and each in own)
    folded = []
    sizes: tuple[int, ...] = (1, 1)
    for name, arg, dim, is_mapped in zip(names, args, dims, mapped, strict=True):
        if not is_mapped:
            folded.append(arg)
            continue
        place = labels[name].index(label)
        moved = jnp.moveaxis(arg, dim, place)
        sizes = moved.shape[place : place + 2]
        folded.append(lax.collapse(moved, place, place + 2))
    out = bind(*folded, role=role, batch_first=batch_first, **params)
    place = labels[role].index(label)
    return out.reshape(*out.shape[:place], *sizes, *out.shape[place + 1 :]), place


def _lower(platform: str, ctx: Any, *operands: Any, **params: Any) -> Any:
    compiled = may_call_kernels(platform, ctx)
    lowered = partial(_lowered, platform=platform, compiled=compiled)
    return mlir.lower_fun(lowered, multiple_results=False)(ctx, *operands, **params)


def _register() -> None:
    run_by_lowering(correlate_p)
    correlate_p.def_abstract_eval(abstract)
    ad.defbilinear(correlate_p, _transpose_a, _transpose_b)
    batching.primitive_batchers[correlate_p] = _batch
    for platform in PLATFORMS:
        mlir.register_lowering(correlate_p, partial(_lower, platform), platform=platform)


_register()
