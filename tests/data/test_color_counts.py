"""Counts of 24-bit colours against NumPy's unique."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tfcolor.data import color_counts
from tfcolor.data.color_counts import ColorCounts


def counted(pictures, **options):
    counts = ColorCounts(**options)
    for picture in pictures:
        counts.add(picture)
    rgb, pixels = counts.distinct()
    order = np.lexsort(rgb.T[::-1])
    return rgb[order], pixels[order]


def pictures():
    rng = np.random.default_rng(0)
    sizes = [(40, 50), (1, 1), (1, 7), (3, 2), (60, 61)]
    spread = [rng.integers(0, 256, [*size, 3], np.uint8) for size in sizes]
    grays = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)
    return [*spread, spread[0] // 64 * 64, np.full([30, 30, 3], 255, np.uint8), np.zeros([5, 5, 3], np.uint8), grays]


@pytest.mark.parametrize("most_pixels", [2**32 - 1, 4000])  # the second fills the table often
def test_equals_unique(most_pixels):
    rgb, pixels = counted(pictures(), most_pixels=most_pixels)
    flat = np.concatenate([picture.reshape(-1, 3) for picture in pictures()])
    expected, expected_pixels = np.unique(flat, axis=0, return_counts=True)
    np.testing.assert_array_equal(rgb, expected)
    np.testing.assert_array_equal(pixels, expected_pixels)
    assert (rgb.dtype, pixels.dtype) == (np.uint8, np.int64)


def test_all_colours_have_a_place_of_their_own():
    counts = ColorCounts()
    numbers = np.arange(2**24, dtype="<u4").view(np.uint8).reshape(4096, 4096, 4)
    counts.add(np.ascontiguousarray(numbers[..., :3]))
    rgb, pixels = counts.distinct()
    assert len(rgb) == 2**24 and (pixels == 1).all()


def test_threads_count_one_after_the_other(monkeypatch):
    """Two at once would lose counts."""
    counts, inside, most = ColorCounts(), [], []
    add_ones = color_counts._add_ones

    def slow(table, places):
        inside.append(places)
        time.sleep(0.01)
        most.append(len(inside))
        add_ones(table, places)
        inside.pop()

    monkeypatch.setattr(color_counts, "_add_ones", slow)
    picture = np.full([50, 50, 3], 7, np.uint8)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(counts.add, [picture] * 12))
    assert max(most) == 1
    np.testing.assert_array_equal(counts.distinct()[1], [12 * 50 * 50])


def test_nothing_was_counted():
    rgb, pixels = ColorCounts().distinct()
    assert rgb.shape == (0, 3) and pixels.shape == (0,)
