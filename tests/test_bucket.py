"""Padded signals give what unpadded ones give, and few lengths compile."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import filtrax
from filtrax._bucket import _bucket_length
from oracle import BOUNDARIES, MODES, slide

RNG = np.random.default_rng(11)


def test_booleans_are_padded_too() -> None:
    x, h = RNG.random(13) < 0.5, np.array([True, False, True])
    for boundary in ("edge", 1):
        bucket = filtrax.pad_to_bucket(x, h.shape, "same", boundary=boundary)
        got = bucket.crop(filtrax.convolve(bucket.x, h, "valid"))
        assert got.dtype == bool
        np.testing.assert_array_equal(got, filtrax.convolve(x, h, "same", boundary=boundary))


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
def test_every_mode_and_boundary_is_that_of_the_unpadded_call(operation: Any) -> None:
    function = jax.jit(getattr(filtrax, operation), static_argnums=2)
    h = RNG.integers(-9, 9, 4)
    mode: Any
    for mode in MODES:
        for boundary in BOUNDARIES:
            for n in (1, 5, 11):
                if (mode == "valid" and n < 4) or (not isinstance(mode, str) and n + sum(mode) < 4):
                    continue
                x = RNG.integers(-99, 99, n)
                bucket = filtrax.pad_to_bucket(
                    x,
                    h.shape,
                    cast(Any, mode),
                    operation=operation,
                    boundary=boundary,
                    lengths=(12, 24),
                )
                assert bucket.x.shape in ((12,), (24,))
                got = bucket.crop(function(bucket.x, h, "valid"))
                expected = slide(x, h, operation, mode, boundary=boundary)
                np.testing.assert_array_equal(got, expected, f"{mode} {boundary} {n}")


def test_several_axes_origin_stride_and_dilation() -> None:
    x, h = RNG.normal(size=(9, 3, 7)), RNG.normal(size=(3, 2))
    options: Any = {"axes": (2, 0), "stride": (2, 1), "dilation": (1, 2)}
    h = h.T
    bucket = filtrax.pad_to_bucket(
        x, h.shape, ("same", "full"), boundary=("wrap", 1.5), origin=(1, 0), **options
    )
    got = bucket.crop(filtrax.convolve(bucket.x, h, "valid", **options))
    expected = filtrax.convolve(
        x, h, ("same", "full"), boundary=("wrap", 1.5), origin=(1, 0), **options
    )
    np.testing.assert_allclose(got, expected, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 100, 1000, 12345, 10**6 + 1])
def test_a_bucket_is_at_most_a_quarter_too_long(n: int) -> None:
    length = _bucket_length(n, None)
    allowed = sorted(f << e for f in (1, 2, 3, 4, 5, 6, 7) for e in range(24))
    assert length == min(each for each in allowed if each >= n)
    assert length <= max(n, 1.25 * n)


def test_many_lengths_are_traced_as_often_as_there_are_buckets() -> None:
    traces = []

    @jax.jit
    def energy(bucket: filtrax.Bucket, h: Any) -> Any:
        traces.append(bucket.x.shape)
        y = filtrax.convolve(bucket.x, h, "valid")
        return jnp.sum(jnp.where(bucket.mask(y), y, 0) ** 2)

    h = RNG.normal(size=9)
    lengths = RNG.permutation(np.arange(50, 450))[:60]
    for n in lengths:
        x = RNG.normal(size=n)
        bucket = filtrax.pad_to_bucket(x, h.shape, "same", boundary="reflect")
        padded = np.pad(x, 4, mode="reflect")
        expected = np.sum(np.convolve(padded, h, "valid") ** 2)
        np.testing.assert_allclose(energy(bucket, h), expected, rtol=1e-12)
    # 58 to 457 samples: 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512.
    assert len(traces) == len(set(traces)) <= 13


def test_gradients_are_those_of_the_unpadded_call() -> None:
    x, h = RNG.normal(size=21), RNG.normal(size=5)

    def padded(x: Any, h: Any) -> Any:
        bucket = filtrax.pad_to_bucket(x, (5,), "same", boundary="symmetric")
        y = filtrax.convolve(bucket.x, h, "valid")
        return jnp.sum(jnp.where(bucket.mask(y), jnp.sin(y), 0))

    def plain(x: Any, h: Any) -> Any:
        return jnp.sum(jnp.sin(filtrax.convolve(x, h, "same", boundary="symmetric")))

    for got, expected in zip(
        jax.grad(padded, (0, 1))(x, h), jax.grad(plain, (0, 1))(x, h), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-12)


def test_a_causal_recursive_filter_needs_zeros_behind_only() -> None:
    x = RNG.normal(size=(2, 37))
    design: Any = scipy.signal.butter(3, 0.2)
    b, a = design
    bucket = filtrax.pad_to_bucket(x, (1,))
    assert bucket.x.shape == (2, 40)
    got = bucket.crop(filtrax.lfilter(b, a, bucket.x))
    np.testing.assert_allclose(got, scipy.signal.lfilter(b, a, x), atol=1e-12)


def test_known_signals_compile_nothing_and_stay_with_numpy() -> None:
    bucket = filtrax.pad_to_bucket(np.arange(10.0), (3,), boundary="wrap")
    assert isinstance(bucket.x, np.ndarray)
    assert isinstance(bucket.crop(np.zeros(12)), np.ndarray)
    traced = jax.jit(lambda x: filtrax.pad_to_bucket(x, (3,), boundary="wrap").x)(np.arange(10.0))
    np.testing.assert_array_equal(traced, bucket.x)


def test_what_a_bucket_refuses() -> None:
    bucket = filtrax.pad_to_bucket(np.arange(10.0), (3,), "same")
    with pytest.raises(ValueError, match=r"^y: expected at least 10 outputs along axis 0"):
        bucket.crop(np.zeros(9))
    with pytest.raises(ValueError, match=r"^y: expected the 1 dimensions of x"):
        bucket.crop(np.zeros((3, 12)))
    with pytest.raises(ValueError, match=r"^y: expected the 1 dimensions of x"):
        bucket.mask(np.zeros((3, 12)))
    with pytest.raises(TypeError, match=r"^y: expected known numbers .*use mask"):
        jax.jit(bucket.crop)(np.zeros(12))
    with pytest.raises(ValueError, match=r"^lengths: expected one of at least 14.*got 11"):
        filtrax.pad_to_bucket(np.arange(10.0), (3,), lengths=(5, 11))
