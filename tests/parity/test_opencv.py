"""The real cv2.filter2D against the table: every border, in one dimension and two."""

import itertools
from typing import Any

import numpy as np
import pytest

from filtrax.conventions import CONVENTIONS, apply, identify
from peers import PEERS, apply_together, cases_of_translation, check_translation, signals

cv2: Any = pytest.importorskip("cv2", reason="needs OpenCV (the `bench` extra)")
pytestmark = pytest.mark.parity

NAME = "opencv.filter2D"
MODES = list(CONVENTIONS[NAME].modes)


def filter_2d(x: np.ndarray, h: np.ndarray, mode: str) -> np.ndarray:
    rows, taps = np.ascontiguousarray(np.atleast_2d(x)), np.ascontiguousarray(np.atleast_2d(h))
    return cv2.filter2D(rows, cv2.CV_64F, taps, borderType=getattr(cv2, mode)).reshape(x.shape)


ALL = {**PEERS, NAME: filter_2d}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("k", range(1, 9))
def test_the_convention(k: int, mode: str) -> None:
    pairs = [signals(n, k) for n in range(1, 10)]
    for (x, h), got in zip(pairs, apply_together(pairs, NAME, mode), strict=True):
        expected = filter_2d(x, h, mode)
        np.testing.assert_allclose(got, expected, atol=1e-13)
        if len(x) == 6 and k in (3, 4):
            assert (NAME, mode) in [(m.convention, m.mode) for m in identify(x, h, expected)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("n", "k"), [((5, 6), (3, 3)), ((5, 6), (2, 4)), ((2, 3), (4, 5))])
def test_two_dimensions(n: Any, k: Any, mode: str) -> None:
    x, h = signals(n, k)
    expected = filter_2d(x, h, mode)
    np.testing.assert_allclose(apply(x, h, NAME, mode), expected, atol=1e-13)
    assert (NAME, mode) in [(m.convention, m.mode) for m in identify(x, h, expected)]


@pytest.mark.parametrize("mode", MODES)
def test_rows_of_a_matrix(mode: str) -> None:
    x, h = signals((4, 9), 4)
    np.testing.assert_allclose(apply(x, h, NAME, mode), filter_2d(x, h[None], mode), atol=1e-13)


@pytest.mark.parametrize("peer", ALL)
def test_translations_to_and_from(peer: str) -> None:
    to = cases_of_translation({peer: ALL[peer]}, {NAME: filter_2d}, complex_too=False)
    back = cases_of_translation({NAME: filter_2d}, {peer: ALL[peer]}, complex_too=False)
    done = [check_translation(*case, ALL) for case in itertools.chain(to, back)]
    assert sum(done) >= 40


@pytest.mark.parametrize("peer", ["scipy.signal.convolve2d", "jax.lax.conv", NAME])
def test_translations_of_images(peer: str) -> None:
    for n, k in (((5, 6), (3, 3)), ((5, 6), (2, 4)), ((3, 4), (4, 5))):
        for source, target in ((peer, NAME), (NAME, peer)):
            for mode in CONVENTIONS[source].modes:
                check_translation(source, target, mode, *signals(n, k), ALL)
