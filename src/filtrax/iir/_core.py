"""From coefficients and rows to passes of the recurrence, with the state before and after."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from filtrax._correlate import convolve, correlate
from filtrax._typing import Array
from filtrax.iir import _choose, _tables, _two_way
from filtrax.iir._arguments import Coefficients, Rows, is_complex, real_of
from filtrax.iir._by_coefficients import bind
from filtrax.iir._double import rounded
from filtrax.iir._tables import Tables

#: Sets of known coefficients beyond which tables are made on the device, all at once.
_HOST_SETS = 64
#: What a symbolic number of rows is taken to be.
_SYMBOLIC_GUESS = 64
#: A cascade of more sections than this is not made one: its tables would outgrow the blocks.
_JOINT_SECTIONS = 16


@dataclass(frozen=True, slots=True)
class Form:
    """How a cascade is run: static, hashable.

    Attributes:
        engine: ``"block"``, ``"scan"`` or ``"fir"``.
        block: samples of a block.
        radices: of the levels of the carry.
        joint: whether all sections go in one pass.
    """

    engine: str
    block: int = 0
    radices: tuple[int, ...] = ()
    joint: bool = False


class Cascade(NamedTuple):
    """Sections ready to run: arrays only.

    Attributes:
        b: numerators (G, S, K).
        a: denominators (G, S, K).
        tables: one for each pass, or none where they are made from b and a.
    """

    b: Array
    a: Array
    tables: tuple[Tables, ...]


def prepare(
    coefficients: Coefficients,
    rows: Rows,
    samples: int,
    *,
    method: str = "auto",
    joint: bool = False,
) -> tuple[Cascade, Form]:
    """Chooses the form and makes the tables that known coefficients allow.

    Args:
        coefficients: of the cascade.
        rows: of the signal.
        samples: of each row.
        method: ``"auto"`` or the form.
        joint: whether the caller can do without each section's output.
    """
    b, a, exact = coefficients
    b, a = rows.groups(b), rows.groups(a)
    groups, count, taps = b.shape
    if exact is not None and groups * count > _HOST_SETS:
        exact = None
    radius = None
    if exact is not None:
        exact = type(exact)(*(rows.groups(each) for each in exact))
        radius = _tables.radius(rounded(exact.a))
    # An unstable cascade that is known is left to its sections.
    joint = joint and 1 < count <= _JOINT_SECTIONS and (radius is None or radius < 1)
    number = rows.size // groups
    number = number if isinstance(number, int) else _SYMBOLIC_GUESS
    sections, order = (1, count * (taps - 1)) if joint else (count, taps - 1)
    plan = _choose.choose(
        groups, number, samples, order, sections=sections, dtype=b.dtype,
        traced=exact is None, radius=radius, method=method, platform=jax.default_backend(),
    )  # fmt: skip
    if plan.block is None:
        return Cascade(b, a, ()), Form("scan", joint=joint)
    radices = _choose.radices(samples, plan.block, order)
    form = Form("block", plan.block, radices, joint)
    tables = ()
    if exact is not None:
        parts = [slice(None)] if joint else [slice(s, s + 1) for s in range(count)]
        tables = tuple(
            _tables.on_host(exact.b[:, part], exact.a[:, part], plan.block, radices, b.dtype)
            for part in parts
        )
    return Cascade(b, a, tables), form


def with_tables(cascade: Cascade, form: Form) -> Cascade:
    """Makes the tables that are still missing, once for all passes."""
    if form.engine != "block" or cascade.tables:
        return cascade
    make = _tables.traced if form.joint else _tables.of_sections
    tables = make(cascade.b, cascade.a, form.block, form.radices)
    return cascade._replace(tables=(tables,) if form.joint else tables)


def run(
    x: Array,
    cascade: Cascade,
    form: Form,
    *,
    states: tuple[Array, ...] = (),
    reverse: bool = False,
) -> tuple[Array, tuple[Array, ...]]:
    """Filters (G, B, T).

    Args:
        x: signals, complex ones also with real coefficients.
        cascade: the sections, with their tables.
        form: how to run them.
        states: of each section (G, B, N) in SciPy's form, or none for a start from rest.
        reverse: time runs backwards; only from rest.

    Returns:
        The signals, and the states after them if there were states before.
    """
    if is_complex(x) and not is_complex(cascade.b):
        # Two real signals instead of a filter with imaginary parts of zero.
        before = tuple(map(_parts, states))
        y, after = run(_parts(x), cascade, form, states=before, reverse=reverse)
        return _joined(y), tuple(map(_joined, after))
    b, a, tables = cascade
    length = x.shape[-1]
    if form.joint:
        kept = tables[0] if tables else None
        return bind(x, b, a, kept, length=length, reverse=reverse), ()
    after, count = [], b.shape[1]
    for s in range(count):
        own, fed_back = b[:, s : s + 1], a[:, s : s + 1]
        kept = tables[s] if tables else None
        if form.engine == "fir":
            y = _fir(x, own, reverse)
        else:
            y = bind(x, own, fed_back, kept, length=length, reverse=reverse)
        if states:
            before = states[s]
            y = y + _released(before[..., :length], own, fed_back, kept, form, length)
            after.append(_state_after(x, y, own, fed_back, before))
        x = y
    return x, tuple(after)


def there_and_back(x: Array, cascade: Cascade, form: Form) -> tuple[Array, Array]:
    """Filters (G, B, T) forward, and what that is above its last sample backward, from rest.

    Returns:
        The signals, and that last sample (G, B, 1).
    """
    if is_complex(x) and not is_complex(cascade.b):
        y, last = there_and_back(_parts(x), cascade, form)
        return _joined(y), _joined(last)
    # Two products of whole tables for each set of coefficients must be worth it.
    samples = x.shape[1] * x.shape[2]
    many = not isinstance(samples, int) or samples >= 2 * form.block**2
    if len(cascade.tables) == 1 and form.radices and many:
        return _two_way.there_and_back(x, cascade.b, cascade.a, cascade.tables[0])
    return _two_way.in_turn(lambda x, reverse: run(x, cascade, form, reverse=reverse)[0], x)


def _parts(x: Array) -> Array:
    return jnp.concatenate([x.real, x.imag], 1)


def _joined(y: Array) -> Array:
    rows = y.shape[1] // 2
    return lax.complex(y[:, :rows], y[:, rows:])


def _fir(x: Array, b: Array, reverse: bool) -> Array:
    if reverse:
        return correlate(x, b, (0, b.shape[-1] - 1), axes=-1, conjugate=False)
    return convolve(x, b, "causal", axes=-1)


def _released(
    state: Array, b: Array, a: Array, tables: Tables | None, form: Form, length: int
) -> Array:
    """What a state gives in the absence of a signal: it acts as an input of the all-pole part."""
    if form.engine == "fir":
        return jnp.pad(state, ((0, 0), (0, 0), (0, length - state.shape[-1])))
    return bind(state, b, a, tables, length=length, all_pole=True)


def _state_after(x: Array, y: Array, b: Array, a: Array, before: Array) -> Array:
    """The state of the transposed direct form after the last sample, from the last N samples."""
    order, length = b.shape[-1] - 1, x.shape[-1]
    if not order:
        return before
    i, j = np.arange(order)[:, None], np.arange(order)
    # State i holds what the coefficient at order + i - j will make of the j-th of those samples.
    index = np.where(j >= i, order + i - j, order + 1)
    weights = [jnp.pad(c[:, 0], ((0, 0), (0, 1)))[:, index] for c in (b, a)]
    recent = [_last(each, order) for each in (x, y)]
    held = [
        jnp.einsum("gij,gbj->gbi", weight, samples, precision=lax.Precision.HIGHEST)
        for weight, samples in zip(weights, recent, strict=True)
    ]
    after = held[0] - held[1]
    if length < order:
        after = after + _shifted(before, length)
    return after


def _last(x: Array, count: int) -> Array:
    missing = max(count - x.shape[-1], 0)
    return jnp.pad(x, ((0, 0), (0, 0), (missing, 0)))[..., x.shape[-1] + missing - count :]


def _shifted(state: Array, steps: int) -> Array:
    return jnp.pad(state[..., steps:], ((0, 0), (0, 0), (0, steps)))


def working(dtype: Any) -> tuple[Any, Any]:
    """The dtype to compute signals in, and its real counterpart: half precision is for storage."""
    if jnp.dtype(dtype).itemsize < 4:
        dtype = jnp.float32
    return jnp.dtype(dtype), jnp.dtype(real_of(dtype))
