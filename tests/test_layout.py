"""The axes rule, in shapes: which label each axis gets, and that nothing is lost on the way."""

import itertools
import math

import numpy as np
import pytest

from filtrax._layout import make_layout, normalize_axes, single_axis


def test_a_vector_filters_every_row() -> None:
    layout = make_layout((5, 7, 100), (3,), None)
    assert layout.x_shape == (1, 35, 1, 100)
    assert layout.h_shape == (1, 1, 1, 3)
    assert layout.filtered == (2,)


def test_equal_ranks_filter_every_axis() -> None:
    layout = make_layout((8, 9), (3, 2), None)
    assert layout.x_shape == (1, 1, 1, 8, 9)
    assert layout.h_shape == (1, 1, 1, 3, 2)


def test_a_kernel_for_each_row_is_g() -> None:
    layout = make_layout((7, 100), (7, 3), 1)
    assert layout.x_shape == (7, 1, 1, 100)
    assert layout.h_shape == (7, 1, 1, 3)


def test_one_signal_for_many_kernels_is_o() -> None:
    layout = make_layout((1, 100), (7, 10), 1)
    assert layout.x_shape == (1, 1, 1, 100)
    assert layout.h_shape == (1, 7, 1, 10)
    assert layout.y_batch == (7,)


def test_axes_behind_the_filtered_one_stay() -> None:
    layout = make_layout((5, 100, 8), (3, 8), None)
    assert layout.x_shape == (1, 5, 1, 100, 8)
    layout = make_layout((5, 100, 8), (3,), 1)
    assert layout.x_order == (0, 1, 2)
    assert layout.x_shape == (1, 5, 1, 100, 8)
    assert layout.h_shape == (1, 1, 1, 3, 1)
    assert layout.spatial == (0, None)
    layout = make_layout((5, 100, 8), (1, 3, 8), 1)
    assert layout.h_shape == (1, 1, 1, 3, 8)
    layout = make_layout((2, 5, 100), (1, 5, 3), -1)
    assert layout.x_order == (0, 1, 2)
    assert layout.x_shape == (1, 2, 1, 5, 100)
    assert layout.h_shape == (1, 1, 1, 5, 3)
    layout = make_layout((100, 1), (3, 8), 0)
    assert layout.x_order == (1, 0)
    assert layout.h_shape == (1, 8, 1, 3)


def test_all_three_labels_at_once() -> None:
    layout = make_layout((2, 4, 1, 50), (2, 1, 3, 5), -1)
    assert layout.x_shape == (2, 4, 1, 50)
    assert layout.h_shape == (2, 3, 1, 5)
    assert layout.y_batch == (2, 4, 3)


def shapes() -> list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:
    """Every pairing of 1 and the size along two or three batch axes, filtered axis anywhere."""
    found = []
    for rank in (2, 3):
        for pairs in itertools.product(((1, 1), (2, 2), (3, 1), (1, 4)), repeat=rank - 1):
            for place in range(rank):
                x = [pair[0] for pair in pairs]
                h = [pair[1] for pair in pairs]
                x.insert(place, 6)
                h.insert(place, 5)
                found.append((tuple(x), tuple(h), (place,)))
    return found


@pytest.mark.parametrize(("x_shape", "h_shape", "axes"), shapes())
def test_the_canonical_form_pairs_each_row_with_its_kernel(
    x_shape: tuple[int, ...], h_shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    # Each entry names itself, so the product over canonical labels can be checked by names.
    x = np.arange(math.prod(x_shape)).reshape(x_shape)
    h = np.arange(math.prod(h_shape)).reshape(h_shape)
    layout = make_layout(x_shape, h_shape, axes)
    first = (..., *(slice(None) if n is None else slice(0, 1) for n in layout.spatial))
    lhs = x.transpose(layout.x_order).reshape(layout.x_shape)[first]
    rhs = h.transpose(layout.h_order).reshape(layout.h_shape)[first]
    # (G, B, O, *spatial): the pair of names that meets there.
    pairs = lhs[:, :, None, 0] * 1000 + rhs[:, None, :, 0]
    back = pairs.reshape(*layout.y_batch, *pairs.shape[3:]).transpose(layout.y_order)
    first = tuple(slice(0, 1) if a in axes else slice(None) for a in range(len(x_shape)))
    np.testing.assert_array_equal(back, x[first] * 1000 + h[first])


def test_axes_are_counted_from_either_end() -> None:
    assert normalize_axes((-1, 0), 3) == (2, 0)
    assert single_axis(-2, 3) == 1
    assert make_layout((4, 5), (3,), (-1,)) == make_layout((4, 5), (3,), 1)
    assert make_layout((4, 5), (3,), [np.int64(1)]) == make_layout((4, 5), (3,), 1)


def test_the_kernel_follows_the_order_of_axes() -> None:
    layout = make_layout((4, 5, 6), (2, 3), (2, 0))
    assert layout.filtered == (2, 0)
    assert layout.x_shape[3:] == (6, 4)
    assert layout.h_shape[3:] == (2, 3)


@pytest.mark.parametrize(
    ("x_shape", "h_shape", "axes", "words"),
    [
        ((), (3,), None, "^x: .*scalar"),
        ((3,), (), None, "^h: .*scalar"),
        ((3,), (2, 2), None, "^h: expected at most the 1 dimension"),
        ((3, 4), (2,), (0, 1), "^h: expected 2 dimensions"),
        ((3, 4), (2, 2, 2), 0, "^h: "),
        ((3, 4), (2, 3), 1, "^h: expected 1 or 3 kernels along axis 0"),
        ((3, 4), (2,), 2, "^axes: expected axes from -2 to 1, got 2"),
        ((3, 4), (2,), -3, "^axes: "),
        ((3, 4), (2, 2), (0, -2), "^axes: expected distinct axes"),
        ((3, 4), (2,), (), "^axes: expected at least one axis"),
    ],
)
def test_shapes_that_do_not_fit(
    x_shape: tuple[int, ...], h_shape: tuple[int, ...], axes: object, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        make_layout(x_shape, h_shape, axes)


@pytest.mark.parametrize("axes", [1.0, "0", True, (0, None), ((0,),)])
def test_axes_must_be_integers(axes: object) -> None:
    with pytest.raises(TypeError, match=r"^axes: expected an integer"):
        make_layout((3, 4), (2,), axes)
