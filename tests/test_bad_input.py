"""Every wrong call raises the right error, which names the argument and says what came."""

import datetime
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import filtrax

X = np.arange(12.0).reshape(3, 4)
ROW = np.arange(4.0)
H = np.ones(3)
WHOLE = np.arange(4)

Wrong = tuple[str, Callable[[], Any], type[Exception], str]


class Attached:
    """As a tensor of torch that is differentiated, which NumPy is not given."""

    def __array__(self, *args: Any, **options: Any) -> Any:
        raise RuntimeError("use detach()")


def by_both(x: Any = ROW, h: Any = H, mode: Any = "full", **options: Any) -> Callable[[], Any]:
    """convolve and correlate, which check alike: the second's error must match as well."""

    def call() -> None:
        said = []
        for function in (filtrax.convolve, filtrax.correlate):
            with pytest.raises((ValueError, TypeError)) as caught:
                function(x, h, mode, **options)
            said.append(caught.value)
        assert type(said[0]) is type(said[1])
        assert str(said[0]).split(":")[0] == str(said[1]).split(":")[0]
        raise said[0]

    return call


def rows(x: Any = X, h: Any = H, **options: Any) -> Callable[[], Any]:
    return lambda: filtrax.filter_rows(x, h, **options)


def separable(x: Any = X, kernels: Any = (H, H), axes: Any = (0, 1), **options: Any
              ) -> Callable[[], Any]:  # fmt: skip
    return lambda: filtrax.filter_separable(x, kernels, axes, **options)


def planned(x: Any = (3, 4), h: Any = (3,), dtype: Any = "float32", **options: Any
            ) -> Callable[[], Any]:  # fmt: skip
    return lambda: filtrax.plan(x, h, dtype, **options)


def traced(run: Callable[[Any], Any], value: Any = 1) -> Callable[[], Any]:
    return lambda: jax.jit(run)(value)


OPERANDS: list[Wrong] = [
    ("empty signal", by_both(np.zeros(0)), ValueError, r"^x: expected at least one sample, got 0"),
    ("empty kernel", by_both(h=np.zeros(0)), ValueError, r"^h: expected at least one tap, got 0"),
    ("empty list", by_both([]), ValueError, r"^x: expected at least one sample"),
    ("empty rows", by_both(np.zeros((3, 0))), ValueError, r"^x: .*along axis 1"),
    ("scalar signal", by_both(3.0), ValueError, r"^x: .*dimension.*scalar"),
    ("scalar kernel", by_both(h=3.0), ValueError, r"^h: .*dimension.*scalar"),
    ("rank of kernel above x", by_both(h=X), ValueError, r"^h: .*1 dimension.*\(3, 4\)"),
    ("string", by_both("abc"), TypeError, r"^x: expected an array of numbers, got 'abc'"),
    ("strings", by_both(h=["a", "b"]), TypeError, r"^h: expected an array of numbers"),
    ("object array", by_both(np.array([1, None])), TypeError, r"^x: .*dtype object"),
    ("fractions", by_both([object()]), TypeError, r"^x: expected an array of numbers"),
    ("dates", by_both(np.array(["2020-01-01"], "M8[D]")), TypeError, r"^x: .*datetime64"),
    ("a date", by_both([datetime.date(2020, 1, 1)]), TypeError, r"^x: expected an array"),
    ("time spans", by_both(h=np.array([1], "m8[s]")), TypeError, r"^h: .*timedelta64"),
    ("None", by_both(None), TypeError, r"^x: expected an array of numbers, got None"),
    ("no kernel", by_both(h=None), TypeError, r"^h: expected an array of numbers, got None"),
    ("dict", by_both({"a": 1}), TypeError, r"^x: expected an array of numbers"),
    ("ragged lists", by_both([[1, 2], [3]]), TypeError, r"^x: expected an array of numbers"),
    ("ragged kernel", by_both(h=[[1, 2], [3]]), TypeError, r"^h: expected an array of numbers"),
    ("structured", by_both(np.zeros(3, [("a", float)])), TypeError, r"^x: expected an array"),
    ("random keys", by_both(jax.random.split(jax.random.key(0), 3)), TypeError,
     r"^x: expected an array of numbers.*key"),
    ("too wide an integer", by_both([2**70]), TypeError, r"^x: expected an array of numbers"),
    ("too wide for the other", by_both(WHOLE.astype("int8"), [1, -7, 300]), ValueError,
     r"^h: .*other operand's int8, got 300"),
    ("four bits", by_both(jnp.ones(4, "int4")), TypeError, r"^x: .*at least 8 bits.*int4"),
    ("eight bits beside more", by_both(h=jnp.ones(3, "float8_e5m2")), jax.dtypes.TypePromotionError,
     r"^x, h: expected dtypes that strict .*got float64 and float8_e5m2"),
    ("a masked array", by_both(np.ma.array(ROW, mask=ROW > 2)), TypeError,
     r"^x: .*without a mask.*where=.*shape \(4,\)"),
    ("no array at present", by_both(h=Attached()), TypeError, r"^h: expected an array of numbers"),
]  # fmt: skip

CHOICES: list[Wrong] = [
    ("unknown mode", by_both(mode="Same"), ValueError, r"^mode: expected one of 'full'.*'Same'"),
    ("mode of a number", by_both(mode=1), TypeError, r"^mode: .*pair.*got 1"),
    ("mode None", by_both(mode=None), TypeError, r"^mode: .*got None"),
    ("three paddings", by_both(mode=(1, 2, 3)), ValueError, r"^mode: .*3 values"),
    ("float padding", by_both(mode=(1.0, 2)), TypeError, r"^mode\[0\]: expected an integer"),
    ("bool padding", by_both(mode=(1, True)), TypeError, r"^mode\[1\]: expected an integer"),
    ("padding takes all", by_both(mode=(-2, -1)), ValueError, r"^mode: .*span of 3.*\(-2, -1\)"),
    ("K over N in valid", by_both(h=np.ones(5), mode="valid"), ValueError,
     r"^mode: .*no longer than the signal.*5.*signal of 4"),
    ("dilated K over N", by_both(mode="valid", dilation=2), ValueError, r"^mode: .*spanning 5"),
    ("unknown boundary", by_both(boundary="mirror"), ValueError, r"^boundary: .*'wrap'.*'mirror'"),
    ("boundary None", by_both(boundary=None), TypeError, r"^boundary: .*or a number, got None"),
    ("boundary bool", by_both(boundary=True), TypeError, r"^boundary: .*got True"),
    ("boundary array", by_both(boundary=np.ones(2)), TypeError, r"^boundary: .*shape \(2,\)"),
    ("boundary of an object", by_both(boundary=object()), TypeError, r"^boundary: "),
    ("boundary of a date", by_both(boundary=np.datetime64("2020-01-01")), TypeError,
     r"^boundary: "),
    ("two boundaries", by_both(boundary=("edge", "wrap")), ValueError, r"^boundary: .*2 values"),
    ("second boundary", by_both(X, X[:2, :2], boundary=("edge", "x")), ValueError,
     r"^boundary\[1\]: .*'x'"),
    ("complex constant", by_both(boundary=1j), TypeError, r"^boundary: expected a real number"),
    ("complex traced constant", traced(lambda c: filtrax.convolve(ROW, H, boundary=c), 1j),
     TypeError, r"^boundary: expected a real number"),
    ("float constant", by_both(WHOLE, WHOLE, boundary=0.5), TypeError,
     r"^boundary: expected an integer for x of dtype int64, got 0.5"),
    ("float array constant", by_both(WHOLE, WHOLE, boundary=jnp.asarray(1.0)), TypeError,
     r"^boundary: expected an integer"),
    ("constant too large", by_both(WHOLE.astype("int8"), WHOLE.astype("int8"), boundary=300),
     ValueError, r"^boundary: .*int8.*300"),
    ("origin outside", by_both(mode="same", origin=2), ValueError, r"^origin: .*-1 to 1.*got 2"),
    ("origin without same", by_both(origin=1), ValueError, r"^origin: expected 0 unless .*'full'"),
    ("origin float", by_both(mode="same", origin=0.5), TypeError, r"^origin: expected an integer"),
    ("two origins", by_both(mode="same", origin=(0, 0)), ValueError, r"^origin: .*2 values"),
    ("stride zero", by_both(stride=0), ValueError, r"^stride: .*at least 1, got 0"),
    ("stride negative", by_both(stride=-1), ValueError, r"^stride: .*at least 1, got -1"),
    ("stride float", by_both(stride=1.0), TypeError, r"^stride: expected an integer, got 1.0"),
    ("stride bool", by_both(stride=True), TypeError, r"^stride: expected an integer, got True"),
    ("strides of one axis", by_both(stride=(1, 2)), ValueError, r"^stride: .*2 values"),
    ("no strides", by_both(stride=()), ValueError, r"^stride: .*0 values"),
    ("second stride", by_both(X, X[:2, :2], stride=(1, 0)), ValueError, r"^stride\[1\]: .*got 0"),
    ("dilation zero", by_both(dilation=0), ValueError, r"^dilation: .*at least 1, got 0"),
    ("dilation string", by_both(dilation="2"), TypeError, r"^dilation: expected an integer"),
    ("dilations", by_both(X, X[:2, :2], dilation=(1, 1, 1)), ValueError, r"^dilation: .*3 values"),
    ("conjugate number", by_both(conjugate=1), TypeError, r"^conjugate: expected True, False"),
    ("unknown method", by_both(method="fastest"), ValueError, r"^method: .*'direct'.*'fastest'"),
    ("method None", by_both(method=None), TypeError, r"^method: expected one of 'auto'"),
    ("unknown precision", by_both(precision="best"), ValueError, r"^precision: .*'best'"),
    ("precision number", by_both(precision=32), TypeError, r"^precision: expected one of"),
    ("precision of booleans", by_both(ROW > 1, H > 0, precision="best"), ValueError,
     r"^precision: .*'best'"),
    ("conjugate of booleans", by_both(ROW > 1, H > 0, conjugate=1), TypeError, r"^conjugate: "),
    ("normalize of booleans", by_both(ROW > 1, H > 0, normalize=0), TypeError, r"^normalize: "),
    ("booleans normalised", by_both(ROW > 1, H > 0, normalize=True), TypeError,
     r"^normalize: .*booleans.*got bool"),
    ("axis out of range", by_both(X, axes=2), ValueError, r"^axes: expected axes from -2 to 1"),
    ("negative axis out of range", by_both(X, axes=-3), ValueError, r"^axes: .*got -3"),
    ("repeated axes", by_both(X, X[:2, :2], axes=(0, 0)), ValueError, r"^axes: .*distinct"),
    ("axes from both ends", by_both(X, X[:2, :2], axes=(1, -1)), ValueError, r"^axes: .*distinct"),
    ("no axes", by_both(X, axes=()), ValueError, r"^axes: expected at least one axis"),
    ("axis float", by_both(X, axes=1.0), TypeError, r"^axes: expected an integer, got 1.0"),
    ("axis string", by_both(X, axes="1"), TypeError, r"^axes: expected an integer, got '1'"),
    ("axis bool", by_both(X, axes=True), TypeError, r"^axes: expected an integer, got True"),
    ("rank against axes", by_both(X, H, axes=(0, 1)), ValueError, r"^h: expected 2 dimensions"),
    ("too many kernels", by_both(X, np.ones((5, 3)), axes=1), ValueError,
     r"^h: expected 1 or 3 kernels along axis 0.*got 5"),
]  # fmt: skip

TRACED: list[Wrong] = [
    ("stride", traced(lambda s: filtrax.convolve(ROW, H, stride=s)), TypeError,
     r"^stride: expected an integer known at trace time"),
    ("dilation", traced(lambda s: filtrax.convolve(ROW, H, dilation=s)), TypeError,
     r"^dilation: .*known at trace time"),
    ("origin", traced(lambda s: filtrax.convolve(ROW, H, "same", origin=s)), TypeError,
     r"^origin: .*known at trace time"),
    ("padding", traced(lambda s: filtrax.convolve(ROW, H, (s, 0))), TypeError,
     r"^mode\[0\]: .*known at trace time"),
    ("axes", traced(lambda s: filtrax.convolve(X, H, axes=s)), TypeError,
     r"^axes: .*known at trace time"),
    ("axis", traced(lambda s: filtrax.filter_rows(X, H, axis=s)), TypeError,
     r"^axis: .*known at trace time"),
    ("conjugate", traced(lambda s: filtrax.convolve(ROW, H, conjugate=s), True), TypeError,
     r"^conjugate: expected True, False or None"),
    ("bool boundary", traced(lambda s: filtrax.convolve(ROW, H, boundary=s), True), TypeError,
     r"^boundary: "),
    ("float for integers", traced(lambda s: filtrax.convolve(WHOLE, WHOLE, boundary=s), 0.5),
     TypeError, r"^boundary: expected an integer"),
]  # fmt: skip

ROWS: list[Wrong] = [
    ("operation", rows(operation="filter"), ValueError, r"^operation: .*'correlate'.*'filter'"),
    ("operation None", rows(operation=None), TypeError, r"^operation: expected one of"),
    ("scalar", rows(1.0), ValueError, r"^x: expected at least one dimension"),
    ("scalar kernel", rows(h=1.0), ValueError, r"^h: expected 1 to 2 dimensions"),
    ("rank of kernels", rows(h=np.ones((1, 3, 3))), ValueError, r"^h: expected 1 to 2 dimensions"),
    ("axis out of range", rows(axis=2), ValueError, r"^axis: expected an axis from -2 to 1, got 2"),
    ("several axes", rows(axis=(0, 1)), TypeError, r"^axis: expected one integer"),
    ("axis float", rows(axis=0.0), TypeError, r"^axis: expected an integer"),
    ("axis None", rows(axis=None), TypeError, r"^axis: expected an integer, got None"),
    ("kernels", rows(h=np.ones((5, 3))), ValueError, r"^h: expected 1 or 3 kernels along axis 0"),
    ("ragged", rows([[1, 2], [3]]), TypeError, r"^x: expected an array of numbers"),
    ("empty", rows(np.zeros((3, 0))), ValueError, r"^x: expected at least one sample"),
    ("mode", rows(mode="reflect"), ValueError, r"^mode: expected one of"),
    ("boundary", rows(boundary="full"), ValueError, r"^boundary: expected one of"),
    (
        "delay of two kinds",
        lambda: filtrax.estimate_delay(WHOLE.astype("uint64"), WHOLE),
        jax.dtypes.TypePromotionError,
        r"^x, y: expected .*uint64 and int64",
    ),
    (
        "masked samples",
        lambda: filtrax.lfilter([1.0], [1.0], np.ma.array(ROW, mask=ROW > 2)),
        TypeError,
        r"^x: .*without a mask",
    ),
    ("unequal valid", rows(h=np.ones(5), mode="valid"), ValueError, r"^mode: .*'valid'"),
]

SEPARABLE: list[Wrong] = [
    ("operation", separable(operation="conv"), ValueError, r"^operation: "),
    ("kernels not a sequence", separable(kernels=3.0), TypeError, r"^kernels: expected a sequence"),
    ("number of kernels", separable(kernels=(H,)), ValueError, r"^kernels: .*2 axes, got 1"),
    ("rank of a kernel", separable(kernels=(H, X)), ValueError, r"^kernels\[1\]: expected one dim"),
    ("kernel of strings", separable(kernels=(H, ["a"])), TypeError, r"^kernels\[1\]: expected an"),
    ("empty kernel", separable(kernels=(H, [])), ValueError, r"^kernels\[1\]: .*at least one tap"),
    ("axes one integer", separable(axes=1), TypeError, r"^axes: expected a sequence"),
    ("axes None", separable(axes=None), TypeError, r"^axes: expected a sequence"),
    ("axes repeated", separable(axes=(1, -1)), ValueError, r"^axes: expected distinct axes"),
    ("axes out of range", separable(axes=(0, 2)), ValueError, r"^axes: .*got 2"),
    ("axes float", separable(axes=(0, 1.0)), TypeError, r"^axes: expected an integer"),
    ("modes", separable(mode=("same",) * 3), ValueError, r"^mode: .*3 values"),
    ("strides", separable(stride=(1, 1, 1)), ValueError, r"^stride: .*3 values"),
    ("stride", separable(stride=0), ValueError, r"^stride: .*at least 1"),
    ("boundary", separable(boundary="mirror"), ValueError, r"^boundary: .*'mirror'"),
    ("boundaries", separable(boundary=("edge", "mirror")), ValueError, r"^boundary.*'mirror'"),
    ("boundary None", separable(boundary=None), TypeError, r"^boundary: .*or a number"),
    ("boundary bool", separable(boundary=True), TypeError, r"^boundary: .*or a number"),
    ("boundary second bool", separable(boundary=("edge", False)), TypeError, r"^boundary\[1\]: "),
    ("boundary array", separable(boundary=np.ones(2)), TypeError, r"^boundary: .*or a number"),
    ("method", separable(method="quick"), ValueError, r"^method: "),
    ("scalar", separable(1.0), ValueError, r"^x: expected at least one dimension, got a scalar"),
    ("x", separable("abc"), TypeError, r"^x: expected an array of numbers"),
]

PLAN: list[Wrong] = [
    ("x of no dimension", planned(()), ValueError, r"^x: .*dimension"),
    ("x empty", planned((3, 0)), ValueError, r"^x: expected at least one sample"),
    ("h empty", planned(h=(0,)), ValueError, r"^h: expected at least one tap"),
    ("h of higher rank", planned(h=(1, 1, 1)), ValueError, r"^h: expected at most the 2 dim"),
    ("x not a shape", planned(4), TypeError, r"^x_shape: .*integers, got 4"),
    ("x of floats", planned((3, 4.0)), TypeError, r"^x_shape.*: expected an integer"),
    ("h not a shape", planned(h="abc"), TypeError, r"^h_shape"),
    ("negative size", planned((-3, 4)), ValueError, r"^x_shape.*-3"),
    ("dtype", planned(dtype="float33"), TypeError, r"^dtype: .*float33"),
    ("dtype bool", planned(dtype="bool"), TypeError, r"^dtype: .*bool"),
    ("dtype object", planned(dtype=object), TypeError, r"^dtype: .*"),
    ("operation", planned(operation="conv"), ValueError, r"^operation: .*'conv'"),
    ("mode", planned(mode="Full"), ValueError, r"^mode: .*'Full'"),
    ("valid", planned(h=(5,), mode="valid"), ValueError, r"^mode: .*'valid'"),
    ("axes", planned(axes=5), ValueError, r"^axes: .*got 5"),
    ("stride", planned(stride=0), ValueError, r"^stride: "),
    ("dilation", planned(dilation=0.5), TypeError, r"^dilation: "),
    ("derivative", planned(derivative="y"), ValueError, r"^derivative: .*'x'.*'h'"),
    ("method", planned(method="guess"), ValueError, r"^method: .*'guess'"),
    ("platform", planned(platform="abacus"), ValueError, r"^platform: .*'cpu'.*'abacus'"),
]

TABLES = {
    "operands": OPERANDS, "choices": CHOICES, "traced": TRACED, "rows": ROWS,
    "separable": SEPARABLE, "plan": PLAN,
}  # fmt: skip
CASES = [
    pytest.param(call, error, words, id=f"{table}: {name}")
    for table, cases in TABLES.items()
    for name, call, error, words in cases
]


@pytest.mark.parametrize(("call", "error", "words"), CASES)
def test_a_wrong_call_says_what_is_wrong(
    call: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        call()
    assert "expected" in str(caught.value)
    assert ", got " in str(caught.value)


def test_the_table_has_no_two_cases_of_one_name() -> None:
    names = [case.id for case in CASES]
    assert len(set(names)) == len(names) >= 60


@pytest.mark.parametrize("values", [[2**40], np.array([1, -(2**40)]), np.array([2**63], "uint64")])
def test_integers_that_do_not_fit_without_x64(values: Any) -> None:
    with jax.enable_x64(False):
        with pytest.raises(
            ValueError, match=r"^x: expected integers that fit u?int32.*got u?int64"
        ):
            filtrax.convolve(values, [1])
        with pytest.raises(ValueError, match=r"^h: expected integers that fit"):
            filtrax.convolve([1], values)
        assert filtrax.convolve([2**31 - 1], [1]).tolist() == [2**31 - 1]


@pytest.mark.parametrize("boundary", [2**40, np.int64(2**40)])
def test_a_constant_that_does_not_fit_without_x64(boundary: Any) -> None:
    with jax.enable_x64(False), pytest.raises(ValueError, match=r"^boundary: .*int32"):
        filtrax.convolve([1, 2], [1, 1], boundary=boundary)


def test_extra_arguments_are_named_by_python() -> None:
    with pytest.raises(TypeError, match="flipped"):
        filtrax.convolve(ROW, H, flipped=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        filtrax.convolve(ROW, H, "full", 0)  # type: ignore[misc]


def test_numpys_scalars_are_taken_for_pythons() -> None:
    x, h = ROW * (1 + 2j), H * 1j
    want = filtrax.correlate(x, h, "same", conjugate=False)
    got = filtrax.correlate(x, h, "same", conjugate=np.False_, stride=np.int8(1))  # type: ignore[arg-type]
    np.testing.assert_array_equal(got, want)
    got = filtrax.convolve(ROW, H, normalize=np.True_, accuracy=np.float32(1e-3))  # type: ignore[arg-type]
    np.testing.assert_array_equal(got, filtrax.convolve(ROW, H, normalize=True, accuracy=1e-3))


def test_a_wrong_call_leaves_a_right_one_right() -> None:
    with pytest.raises(ValueError, match="mode"):
        filtrax.convolve(ROW, np.ones(9), "valid")
    np.testing.assert_array_equal(filtrax.convolve(ROW, H), np.convolve(ROW, H))
