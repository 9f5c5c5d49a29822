"""Pictures in windows: a network without padding would give the same whole, in windows, and from any tiles."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.colorizer import blending
from tfcolor.colorizer.blending import BlendedLogits
from tfcolor.colorizer.tiles import tile_places

STRIDE = 4


class Seeing:
    """What is asked of a network."""

    stride, multiple = STRIDE, 8


def pixelwise(lightness):
    """A stand-in for a network, whose cells depend on nothing but their own pixels: [1, h/4, w/4, 2]."""
    mean = tf.nn.avg_pool2d(lightness, STRIDE, STRIDE, "VALID")
    return tf.concat([mean, 100 - 2 * mean], axis=-1)


WINDOWS = (32, 16)  # side and overlap


def windows_of(length):
    return BlendedLogits(pixelwise, Seeing, picture(length, 1)[None], *WINDOWS).starts[0]


def picture(height, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 100, [height, width]).astype(np.float32)


def whole(lightness):
    """What the definition gives: predicted whole, enlarged by TensorFlow."""
    height, width = lightness.shape
    padded = np.pad(lightness, [(0, -height % 8), (0, -width % 8)], mode="reflect")
    logits = pixelwise(padded[None, ..., None])
    return tf.image.resize(logits, padded.shape, "bilinear")[0, :height, :width].numpy()


@pytest.mark.parametrize("size", [(32, 32), (24, 30), (33, 32), (100, 71), (31, 200)])
@pytest.mark.parametrize("tile", [256, 20, 7])
def test_windows_and_tiles_change_nothing_for_a_network_that_sees_only_a_cell(size, tile):
    lightness = picture(*size)
    field, found = BlendedLogits(pixelwise, Seeing, lightness[None], *WINDOWS), np.full([*size, 2], np.nan)
    for inside in tile_places(*size, tile):
        found[inside] = field.at(inside)[0].numpy()
    np.testing.assert_allclose(found, whole(lightness), atol=1e-3)


@pytest.mark.parametrize("size", [(40, 75), (5, 6), (1, 1)])
def test_what_lies_around_is_reflected(size):
    lightness, more = picture(*size), 9
    field = BlendedLogits(pixelwise, Seeing, lightness[None], *WINDOWS)
    inside = next(tile_places(*size, 1000))
    expected = np.pad(field.at(inside)[0].numpy(), [(more, more), (more, more), (0, 0)], mode="reflect")
    np.testing.assert_allclose(
        BlendedLogits(pixelwise, Seeing, lightness[None], *WINDOWS).at(inside, more)[0], expected, atol=1e-4
    )


def test_windows_weigh_less_towards_their_borders_and_the_sum_is_one():
    starts = windows_of(80)
    shares = blending._shares(starts, *WINDOWS, STRIDE)
    np.testing.assert_allclose(shares.sum(axis=0), 1, rtol=1e-6)
    assert starts == [0, 16, 32, 48]
    assert shares[0, :4].tolist() == [1, 1, 1, 1]  # nothing else is there
    assert (np.diff(shares[0, 3:9]) <= 0).all()
    assert shares[1, 4] < 0.25 < 0.75 < shares[1, 7] + shares[2, 7]


@pytest.mark.parametrize("length", [1, 32, 33, 47, 49, 1000, 1003])
def test_windows_cover_a_length_and_overlap(length):
    starts = windows_of(length)
    assert starts[0] == 0
    assert starts[-1] + 32 >= length
    assert all(start % 8 == 0 for start in starts)
    assert all(0 < after - before <= 32 - 16 + 4 for before, after in itertools.pairwise(starts))


def test_a_large_picture_is_never_in_memory_as_a_whole():
    lightness = picture(1000, 40)
    field = BlendedLogits(pixelwise, Seeing, lightness[None], *WINDOWS)
    most = 0
    for inside in tile_places(*lightness.shape, 16):
        field.at(inside)[0]
        most = max(most, field._rows.shape[1])
    assert most <= 3 * 32 // STRIDE


def test_the_reduced_picture_counts_as_much_as_windows():
    """A picture of blocks of 2x2 pixels, so that what it is reduced to is known."""
    small = picture(40, 56)
    large = np.repeat(np.repeat(small, 2, 0), 2, 1)
    seen_whole = tf.image.resize(pixelwise(small[None, ..., None]), [20, 28], "bilinear")
    cells = (pixelwise(large[None, ..., None]) + seen_whole) / 2
    field, found = BlendedLogits(pixelwise, Seeing, large[None], *WINDOWS, overview=56), np.full([80, 112, 2], np.nan)
    for inside in tile_places(*large.shape, 50):
        found[inside] = field.at(inside)[0].numpy()
    np.testing.assert_allclose(found, tf.image.resize(cells, [80, 112], "bilinear")[0], atol=1e-3)


def test_the_reduced_picture_lies_where_the_picture_is():
    """Reduced by a non-integer factor, a slope of lightness stays where it was; 2.5 cells from its borders."""
    down, right = np.mgrid[0:400, 0:296].astype(np.float32)
    slope = right / 5 + down / 10
    inside = (slice(0, 400), slice(0, 296))
    found = BlendedLogits(pixelwise, Seeing, slope[None], 64, 32, overview=200).at(inside)[0]
    alone = BlendedLogits(pixelwise, Seeing, slope[None], 64, 32, overview=None).at(inside)[0]
    np.testing.assert_allclose(found[10:-10, 10:-10], alone[10:-10, 10:-10], atol=1e-3)


@pytest.mark.parametrize("size", [(57, 56), (300, 1), (1, 300)])
def test_only_larger_pictures_are_seen_reduced(size):
    lightness, inside = picture(*size), tuple(slice(0, side) for side in size)
    alone = BlendedLogits(pixelwise, Seeing, lightness[None], *WINDOWS, overview=None).at(inside)[0].numpy()
    for overview, is_seen in ((max(size), False), (max(size) - 1, True)):
        found = BlendedLogits(pixelwise, Seeing, lightness[None], *WINDOWS, overview=overview).at(inside)[0].numpy()
        assert (np.abs(found - alone).max() > 0.1) == is_seen


@pytest.mark.parametrize("length", range(57, 68))
def test_the_reduced_picture_reaches_beyond_the_borders(length):
    """Windows are padded to multiples of 8, so that the last of their cells may lie outside the picture."""
    for size in ((length, 40), (40, length)):
        inside = tuple(slice(0, side) for side in size)
        found = BlendedLogits(pixelwise, Seeing, np.full(size, 40, np.float32)[None], *WINDOWS, overview=56).at(inside)[
            0
        ]
        np.testing.assert_allclose(found, np.broadcast_to(np.float32([40, 20]), [*size, 2]), rtol=1e-5)
