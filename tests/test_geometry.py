"""The index relation of one axis, in integers: no arrays, no JAX."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filtrax._geometry import ROLES, Axis, resolve_axis
from filtrax._spec import MODES, OPERATIONS, AxisSpec
from oracle import outputs

Triples = set[tuple[int, int, int]]

PADDINGS = ((0, 0), (1, 2), (4, 0), (-1, 3), (2, -2), (-3, -1))


def touched(axis: Axis) -> Triples:
    """All (sample, tap, output) that meet, by trying every one, as they lie in memory."""
    last_tap, last_output = axis.k - 1, axis.m - 1
    return {
        (
            n,
            last_tap - m if axis.reversed == "kernel" else m,
            last_output - i if axis.reversed == "output" else i,
        )
        for n in range(axis.n)
        for m in range(axis.k)
        for i in range(axis.m)
        if axis.base * n == axis.stride * i + axis.dilation * m - axis.lo
    }


def expected(n: int, k: int, operation: str, spec: AxisSpec) -> tuple[Triples, int] | None:
    """The triples and the outputs by the oracle."""
    table, count = outputs(n, k, operation, spec.mode, spec.origin, spec.stride, spec.dilation)
    if count < 1:
        return None
    triples = set()
    for i, row in enumerate(table):
        for m, position in enumerate(row):
            if 0 <= position < n:
                triples.add((position, m, i))
    return triples, len(table)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", [*MODES, *PADDINGS], ids=str)
def test_every_small_axis_meets_the_loop(operation: str, mode: str | tuple[int, int]) -> None:
    for n, k, stride, dilation in itertools.product(range(10), range(10), (1, 2, 3), (1, 2, 3)):
        spec = AxisSpec(mode, stride=stride, dilation=dilation)
        wanted = expected(n, k, operation, spec) if n and k else None
        if wanted is None:
            with pytest.raises(ValueError, match=r"^(x|h|mode): expected .*, got "):
                resolve_axis(spec, operation, n, k)
            continue
        axis = resolve_axis(spec, operation, n, k)
        assert (axis.n, axis.k, axis.m) == (n, k, wanted[1]), (spec, n, k)
        assert touched(axis) == wanted[0], (spec, n, k)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_origin_meets_the_loop(operation: str) -> None:
    for n, k, dilation in itertools.product(range(1, 10), range(1, 10), (1, 2)):
        span = (k - 1) * dilation + 1
        for origin in range(-span - 1, span + 2):
            spec = AxisSpec("same", origin=origin, dilation=dilation)
            # The centre tap, counted along the kernel as written, must lie inside it.
            centre = (span // 2 if operation == "correlate" else (span - 1) // 2) + origin
            if not 0 <= centre < span:
                with pytest.raises(ValueError, match=r"^origin: .*inside the kernel"):
                    resolve_axis(spec, operation, n, k)
                continue
            wanted = expected(n, k, operation, spec)
            assert wanted is not None
            axis = resolve_axis(spec, operation, n, k)
            assert (touched(axis), axis.m) == wanted, (spec, n, k)


@pytest.mark.parametrize(
    ("mode", "words"), [("valid", "signal of 2"), ((0, 0), r"2 samples with padding \(0, 0\)")]
)
def test_no_room_says_what_came(mode: str | tuple[int, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        resolve_axis(AxisSpec(mode), "convolve", 2, 3)


def test_resolving_is_cached() -> None:
    spec = AxisSpec("same", stride=2)
    assert resolve_axis(spec, "convolve", 12, 5) is resolve_axis(spec, "convolve", 12, 5)


def test_hi_is_the_padding_that_the_last_output_needs() -> None:
    for n, k, lo, hi, stride in itertools.product(range(1, 7), range(1, 4), (-1, 0, 2), (-1, 0, 2),
                                                  (1, 2)):  # fmt: skip
        if n + lo + hi < k:
            continue
        axis = resolve_axis(AxisSpec((lo, hi), stride=stride), "correlate", n, k)
        last = max(position for row in outputs(n, k, "correlate", (lo, hi), 0, stride)[0]
                   for position in row)  # fmt: skip
        assert axis.hi == last - (n - 1)
        assert axis.hi <= hi


def in_role(axis: Axis, role: str) -> Triples:
    """The triples of the plain correlation for a role, named (sample, tap, output) of the forward.

    The role's axis calls its own input, kernel and output by the same names, so each triple is
    read back: for x the signal and the output change places, for h the kernel and the output do.
    """
    triples = touched(axis.for_role(role))
    if role == "x":
        return {(i, m, n) for n, m, i in triples}
    if role == "h":
        return {(n, i, m) for n, m, i in triples}
    return triples


AXES = st.builds(
    Axis,
    n=st.integers(1, 9),
    k=st.integers(1, 7),
    m=st.integers(1, 9),
    lo=st.integers(-6, 9),
    stride=st.integers(1, 4),
    dilation=st.integers(1, 4),
    base=st.integers(1, 4),
    reversed=st.sampled_from(("", "kernel")),
)


@given(AXES)
def test_each_role_sums_over_the_same_triples(axis: Axis) -> None:
    for role in ROLES:
        assert in_role(axis, role) == touched(axis), role


def test_each_role_of_every_small_axis_sums_over_the_same_triples() -> None:
    sizes = itertools.product((1, 2, 5), (1, 2, 3), (1, 4), (-2, 0, 3), (1, 2, 3), (1, 2), (1, 3))
    for numbers, turned in itertools.product(sizes, ("", "kernel")):
        axis = Axis(*numbers, reversed=turned)
        for role in ROLES:
            assert in_role(axis, role) == touched(axis), (axis, role)


@given(AXES, st.sampled_from(ROLES), st.sampled_from(ROLES))
def test_sizes_follow_the_role(axis: Axis, first: str, second: str) -> None:
    turned = axis.for_role(first)
    sizes = {"y": (axis.n, axis.k, axis.m), "x": (axis.m, axis.k, axis.n),
             "h": (axis.n, axis.m, axis.k)}  # fmt: skip
    assert (turned.n, turned.k, turned.m) == sizes[first]
    # Any role of a role still ties the same three arrays: as many triples meet.
    if not (turned.reversed == "output" and second == "x"):
        assert len(touched(turned.for_role(second))) == len(touched(axis))


def test_a_role_turned_twice_is_the_axis_again() -> None:
    for turned in ("", "kernel"):
        axis = Axis(9, 4, 7, 2, 2, 3, 1, reversed=turned)
        assert axis.for_role("x").for_role("x") == axis
        assert axis.for_role("h").for_role("h") == axis
