"""Lightness by NumPy, against scikit-image."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from tfcolor.color import lightness
from tfcolor.color.lightness import lightness_of_gray, lightness_of_levels, lightness_of_linear

DTYPES = pytest.mark.parametrize("dtype", [np.uint8, np.uint16])


@DTYPES
@pytest.mark.parametrize("block", [1000, 2**20])
def test_levels_have_the_lightness_of_their_lab(dtype, block, monkeypatch):
    """Black, white and very dark pixels among them, and rows that do not fill the blocks."""
    monkeypatch.setattr(lightness, "_BLOCK", block)
    most = np.iinfo(dtype).max
    levels = np.random.default_rng(0).integers(0, most, [70, 61, 3], dtype, endpoint=True)
    levels[:10] //= 20
    levels[10, :2] = [[0], [most]]
    found = lightness_of_levels(levels)
    assert found.dtype == np.float32 and found.shape == (70, 61)
    np.testing.assert_allclose(found, rgb2lab(levels / most)[..., 0], atol=2e-3)  # whose matrix has fewer digits
    assert found[10, 0] == 0 and 99.999 < found.max() <= 100


def test_light_outside_srgb_has_the_lightness_of_its_luminance_within_the_range():
    y = np.float32([-0.5, 0, 0.004, 0.18, 1, 3])  # CIE 15: L* = 116 f(Y) - 16, 903.3 Y below 0.008856
    expected = [0, 0, 903.2963 * 0.004, 116 * 0.18 ** (1 / 3) - 16, 100, 100]
    np.testing.assert_allclose(lightness_of_linear(np.repeat(y[:, None], 3, axis=1)), expected, atol=1e-3)
    red = lightness_of_linear(np.float32([[1, 0, 0]]))
    np.testing.assert_allclose(red, 53.2408, atol=1e-3)  # Lindbloom's calculator for sRGB's red


@DTYPES
def test_gray_levels_have_the_lightness_of_equal_channels(dtype):
    levels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, [30, 40]).astype(dtype)
    found = lightness_of_gray(levels)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, lightness_of_levels(np.repeat(levels[..., None], 3, axis=-1)))
