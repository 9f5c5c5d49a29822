"""Packed sRGB equals that of the plain functions, whose bisection is made finer here."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.color import lab as plain
from tfcolor.color.packed import copy_levels, packed, unpacked


def colors(chroma: float, count: int = 200_000) -> np.ndarray:
    rng = np.random.default_rng(0)
    lab = np.concatenate([rng.uniform(0, 100, [count, 1]), rng.normal(0, chroma, [count, 2])], axis=-1)
    lab[:3] = [[0, 0, 0], [100, 0, 0], [50, 0, 0]]
    return lab.astype(np.float32)


def taken_apart(lab: np.ndarray, dtype: tf.DType) -> tuple[np.ndarray, np.ndarray]:
    pixels = tf.function(packed, jit_compile=True)(*(tf.constant(x) for x in lab.T), dtype)
    return unpacked(pixels.numpy())


@pytest.mark.parametrize("dtype", [tf.uint8, tf.uint16])
@pytest.mark.parametrize(("chroma", "most_marked"), [(20, 5e-4), (60, 0.05)])
def test_pixels_that_are_not_marked_are_those_of_visible(fine_borders, chroma, most_marked, dtype):
    """Some directions leave sRGB, enter it again and leave it again: of 100,000 colours two may differ for that."""
    lab = colors(chroma)
    levels, marked = taken_apart(lab, dtype)
    expected = plain.visible(tf.constant(lab), dtype).numpy()
    assert levels.dtype == expected.dtype
    np.testing.assert_array_equal(levels[:3], expected[:3])
    differences = np.delete(np.abs(levels.astype(int) - expected).max(axis=-1), marked)
    assert np.mean(differences > dtype.max / 255) <= 2e-5
    assert np.mean(differences > dtype.max / 65535) < 0.01
    assert len(marked) <= most_marked * len(lab)


def test_extreme_colours_keep_their_lightness_or_are_marked():
    """Rounding moves each channel by half a step at most, and L* with it; 0.001 is left for the slack of the gamut."""
    lab = colors(150)
    levels, marked = taken_apart(lab, tf.uint8)
    assert 0 < len(marked) < 0.3 * len(lab)
    lightness, levels = (np.delete(x, marked, axis=0) for x in (lab[:, 0], levels.astype(np.float32)))
    low, high = (plain.rgb_to_lab(tf.clip_by_value(levels / 255 + sign * 0.501 / 255, 0, 1)) for sign in (-1, 1))
    assert (low[:, 0] <= lightness + 1e-3).numpy().all() and (lightness <= high[:, 0] + 1e-3).numpy().all()


def test_pictures_keep_their_sides_and_marks_their_places():
    lightness, a, b = np.float32([np.full([5, 4], 5), np.zeros([5, 4]), np.zeros([5, 4])])
    a[2, 1], b[2, 1] = 120, -200
    levels, marked = unpacked(packed(lightness, a, b, tf.uint8).numpy())
    assert levels.shape == (5, 4, 3) and list(marked) == [2 * 4 + 1]


@pytest.mark.parametrize("spare", [0, 1])
def test_levels_are_copied_with_and_without_gaps(spare):
    levels = np.random.default_rng(0).integers(0, 256, [4, 5, 3 + spare], np.uint8)
    target = np.zeros([4, 5, 4 - spare], np.uint8)
    copy_levels(levels[..., :3], target[..., :3])
    np.testing.assert_array_equal(target[..., :3], levels[..., :3])
