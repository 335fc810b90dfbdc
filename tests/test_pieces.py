"""Large problems go piece by piece, also where rows make no equal pieces."""

from collections.abc import Callable
from typing import Any, Literal

import jax
import numpy as np
import pytest

import filtrax
from filtrax import _primitive
from filtrax._engines import pieces
from filtrax._engines.pieces import pieces as pieces_of
from filtrax._geometry import Axis

pytestmark = pytest.mark.usefixtures("without_kernels")


@pytest.mark.parametrize(
    ("rows", "samples", "number"),
    [(256, 1 << 20, 1), (256, (1 << 20) + 1, 2), (256, 3 << 20, 4), (2039, 3 << 20, 3),
     (5, 30 << 20, 5), (1, 9 << 20, 1), (7, 6 << 20, 7)],
)  # fmt: skip
def test_number(rows: int, samples: int, number: int) -> None:
    assert pieces_of(rows, samples, np.dtype("float32")) == number
    assert pieces_of(rows, -(-samples // 2), np.dtype("complex64")) == number


def check_gradients(
    gradients: Any, oracle: Callable[..., np.ndarray], x: Any, h: Any, y: Any,
    source: np.random.Generator,
) -> None:  # fmt: skip
    """The adjoint: <y, A x> is <A* y, x>, for every direction."""
    by_x, by_h = gradients
    dx, dh = source.standard_normal(x.shape), source.standard_normal(h.shape)
    np.testing.assert_allclose(np.sum(by_x * dx), np.sum(y * oracle(dx, h)), rtol=1e-11)
    np.testing.assert_allclose(np.sum(by_h * dh), np.sum(y * oracle(x, dh)), rtol=1e-11)


@pytest.mark.parametrize("method", ["fft", "overlap"])
@pytest.mark.parametrize("rows", [6, 7, 11])
def test_rows(
    rows: int, method: Literal["fft", "overlap"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kernel, one for each row, and the gradients by both, by the definition."""
    monkeypatch.setattr(pieces, "PIECE", 5600)
    source = np.random.default_rng(rows)
    x, y = source.standard_normal((2, rows, 200))
    own = source.standard_normal((rows, 31))

    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        return filtrax.convolve(x, h, "same", axes=1, method=method)

    def oracle(x: Any, h: Any) -> np.ndarray:
        h = np.broadcast_to(h, own.shape)
        return np.stack([np.convolve(a, b, "same") for a, b in zip(x, h, strict=True)])

    for h in (own[0], own):
        out, pull = jax.vjp(run, x, h)
        np.testing.assert_allclose(out, oracle(x, h), rtol=0, atol=1e-12)
        check_gradients(pull(jax.numpy.asarray(y)), oracle, x, h, y, source)


@pytest.mark.parametrize("method", ["fft", "overlap"])
@pytest.mark.parametrize(
    "sizes", [(1, 7, 2, 3), (1, 2, 9, 3), (1, 3, 4, 11), (1, 5, 5, 5), (7, 2, 3, 2), (3, 2, 3, 2)]
)
@pytest.mark.parametrize("taps", [5, 23])
def test_banks(
    sizes: tuple[int, int, int, int], taps: int, method: Literal["fft", "overlap"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Several groups, signals, channels and kernels, any of which may be what goes in pieces."""
    monkeypatch.setattr(pieces, "PIECE", 1200)
    g, b, c, o = sizes
    source = np.random.default_rng(b)
    x, h = source.standard_normal((g, b, c, 40)), source.standard_normal((g, o, c, taps))
    y = source.standard_normal((g, b, o, 40))

    def run(x: jax.Array, h: jax.Array) -> jax.Array:
        axis = Axis(40, taps, 40, taps // 2)
        return _primitive.bind(x, h, axes=(axis,), method=method)

    def oracle(x: Any, h: Any) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (taps // 2, taps // 2)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, taps, axis=-1)
        return np.einsum("gbcmk,gock->gbom", windows, h)

    out, pull = jax.vjp(run, x, h)
    np.testing.assert_allclose(out, oracle(x, h), rtol=0, atol=1e-11)
    check_gradients(pull(jax.numpy.asarray(y)), oracle, x, h, y, source)
