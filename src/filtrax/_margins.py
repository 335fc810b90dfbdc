"""Extending arrays beyond their ends as a JAX primitive, so that it takes a copy and no more.

`_boundary.extend` says what stands there, one axis at a time. Here all axes are extended at once;
on a CPU a compiled kernel copies, and its transpose adds what margins repeat to the samples inside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from filtrax import _boundary, _native, _sharding
from filtrax._engines.loops import dtype_is_served
from filtrax._primitive import PLATFORMS, may_call_kernels, run_by_lowering


@dataclass(frozen=True, slots=True)
class Margin:
    """Samples before and after the ``n`` of an axis, and which boundary they follow.

    An axis without margins may be of any length: its ``n`` is not looked at.
    """

    n: int = 0
    before: int = 0
    after: int = 0
    boundary: str = "edge"

    @property
    def length(self) -> int:
        """Of the axis with its margins."""
        return self.n + self.before + self.after

    @property
    def is_none(self) -> bool:
        return self.before == self.after == 0


extend_p, fold_p = Primitive("filtrax_extend"), Primitive("filtrax_fold")


def extend(x: jax.Array, margins: tuple[Margin, ...]) -> jax.Array:
    """The array with margins, one for each axis of it."""
    return x if all(margin.is_none for margin in margins) else extend_p.bind(x, margins=margins)


def abstract(x: Any, *, margins: tuple[Margin, ...], back: bool) -> Any:
    """The type of an array with margins or, ``back``, of one that has lost them."""
    shape = tuple(
        n if margin.is_none else margin.n if back else margin.length
        for n, margin in zip(x.shape, margins, strict=True)
    )
    return x.update(shape=shape, weak_type=False, sharding=_output_sharding(x, margins))


def _output_sharding(x: Any, margins: tuple[Margin, ...]) -> Any:
    labels = [str(place) if margin.is_none else "" for place, margin in enumerate(margins)]
    return _sharding.output_sharding((x,), (labels,), labels)


def _plain(x: jax.Array, margins: tuple[Margin, ...]) -> jax.Array:
    for place, margin in enumerate(margins):
        if not margin.is_none:
            x = _boundary.extend(x, place, (margin.before, margin.after), margin.boundary)
    return x


def _plain_back(y: jax.Array, margins: tuple[Margin, ...]) -> jax.Array:
    shape = [n if m.is_none else m.n for n, m in zip(y.shape, margins, strict=True)]
    forwards = partial(_plain, margins=margins)
    (x,) = jax.linear_transpose(forwards, jax.ShapeDtypeStruct(shape, y.dtype))(y)
    return x


def merged(shape: tuple[int, ...], margins: tuple[Margin, ...]) -> tuple[tuple[int, ...], ...]:
    """The axes as the kernel reads them: neighbours without margins as one."""
    axes: list[tuple[int, ...]] = []
    for n, margin in zip(shape, margins, strict=True):
        code = _native.BOUNDARIES.index(margin.boundary)
        if margin.is_none and axes and axes[-1][1:3] == (0, 0):
            axes[-1] = (axes[-1][0] * n, 0, 0, 0)
        elif not margin.is_none or n > 1:
            axes.append((n if margin.is_none else margin.n, margin.before, margin.after, code))
    return tuple(axes)


def _lower(platform: str, back: bool, ctx: Any, x: Any, *, margins: tuple[Margin, ...]) -> Any:
    (aval,), (out,) = ctx.avals_in, ctx.avals_out
    known = all(isinstance(n, int) and n > 0 for n in (*aval.shape, *out.shape))
    if (
        known and may_call_kernels(platform, ctx) and dtype_is_served(aval.dtype)
        and len(axes := merged(aval.shape, margins)) <= _native.MARGIN_AXES
    ):  # fmt: skip
        run: Callable[..., jax.Array] = partial(
            _native.extend, axes=axes, shape=out.shape, back=back
        )
    else:
        run = partial(_plain_back if back else _plain, margins=margins)

    def lowered(x: jax.Array) -> jax.Array:
        return _sharding.automatic(run, _output_sharding(jax.typeof(x), margins), x)

    return mlir.lower_fun(lowered, multiple_results=False)(ctx, x)


def _batch(primitive: Primitive, args: Any, dims: Any, *, margins: tuple[Margin, ...]) -> Any:
    """A mapped axis is one without margins."""
    (x,), (dim,) = args, dims
    mapped = (*margins[:dim], Margin(), *margins[dim:])
    return primitive.bind(x, margins=mapped), dim


def _transpose(other: Primitive, ct: Any, x: Any, *, margins: tuple[Margin, ...]) -> Any:
    return [_sharding.like(other.bind(ct, margins=margins), x.aval)]


def _register() -> None:
    for primitive, other, back in ((extend_p, fold_p, False), (fold_p, extend_p, True)):
        run_by_lowering(primitive)
        primitive.def_abstract_eval(partial(abstract, back=back))
        ad.deflinear2(primitive, partial(_transpose, other))
        batching.primitive_batchers[primitive] = partial(_batch, primitive)
        for platform in PLATFORMS:
            mlir.register_lowering(primitive, partial(_lower, platform, back), platform=platform)


_register()
