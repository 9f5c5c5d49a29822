"""Functions of single pixels give the same with and without XLA, and for pictures of any size."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.colorizer import painting
from tfcolor.utils import pixelwise


def halves(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return x + y, tf.reduce_sum(x, axis=-1) > 0


@pytest.mark.parametrize("by_xla", [False, True])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 24])
def test_blocks_of_any_number_of_pixels_give_what_the_function_gives(by_xla, count):
    x, y = (np.random.default_rng(seed).normal(size=[count, 2]).astype(np.float32) for seed in (0, 1))
    total, positive = pixelwise.compiled(halves, by_xla, block=8)(x, y)
    np.testing.assert_array_equal(total, x + y)
    np.testing.assert_array_equal(positive, x.sum(axis=1) > 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_large_pictures_are_painted_as_small_ones(monkeypatch, fine_borders, dtype):
    rng = np.random.default_rng(0)
    lightness = rng.uniform(0, 100, [300, 200]).astype(np.float32)
    ab = rng.normal(0, 30, [300, 200, 2]).astype(np.float32)  # a third of these colours lies outside sRGB
    small = painting.painted(lightness, ab, dtype)
    monkeypatch.setattr(pixelwise, "_LARGE", 1000)
    large = painting.painted(lightness, ab, dtype)
    assert large.dtype == dtype
    differences = np.abs(large.astype(int) - small)
    assert differences.max() <= np.iinfo(dtype).max / 255
    assert np.mean(differences > np.iinfo(dtype).max / 65535) < 1e-3
