"""Colour: the Lindbloom calculator, scikit-image, and formulas written out once more in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.color import lab2rgb, rgb2lab

from tfcolor.color.lab import (
    gray_to_lightness,
    grayed,
    into_gamut,
    lab_to_rgb,
    levels_to_lab,
    levels_to_lightness,
    lightness_to_gray,
    rgb_to_lab,
    to_levels,
    visible,
)

# www.brucelindbloom.com, "CIE Color Calculator": sRGB, reference white D65, no adaptation.
LINDBLOOM = {
    (255, 255, 255): (100.0, 0.0, 0.0),
    (0, 0, 0): (0.0, 0.0, 0.0),
    (255, 0, 0): (53.2408, 80.0925, 67.2032),
    (0, 255, 0): (87.7347, -86.1827, 83.1793),
    (0, 0, 255): (32.2970, 79.1875, -107.8602),
    (255, 255, 0): (97.1393, -21.5537, 94.4780),
    (255, 0, 255): (60.3242, 98.2343, -60.8249),
    (0, 255, 255): (91.1132, -48.0875, -14.1312),
}
LEVELS = [0, 1, 2, 3, 9, 10, 11, 12, 64, 128, 200, 254, 255]  # 10 and 11: where sRGB's line ends
RGB = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), axis=-1).reshape(-1, 3).astype(np.uint8)
RGB = np.concatenate([RGB, np.random.default_rng(0).integers(0, 256, [100_000, 3], np.uint8)])
# Colours in and around the gamut, down to black and up to white.
RANGE = [(0, 100), (-128, 128), (-128, 128)]
LAB = np.stack([np.random.default_rng(1).uniform(*side, 20_000) for side in RANGE], axis=-1)
LAB = np.concatenate([LAB, LAB[:2000] * [0.02, 0.1, 0.1], LAB[:2000] * [0.02, 0.3, 0.3] + [98, 0, 0]])


def lab_of(rgb: np.ndarray) -> np.ndarray:
    return levels_to_lab(tf.constant(rgb)).numpy()


def linear_of(lab: np.ndarray) -> np.ndarray:
    """Lab -> linear sRGB in float64, by Lindbloom's "Lab to XYZ" and his matrix of "XYZ to RGB"."""
    fy = (lab[..., 0] + 16) / 116
    f = np.stack([fy + lab[..., 1] / 500, fy, fy - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, (f - 16 / 116) * 3 * (6 / 29) ** 2) * [0.95047, 1.0, 1.08883]
    to_rgb = [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
    return xyz @ np.transpose(to_rgb)


def lightness_of(rgb: np.ndarray) -> np.ndarray:
    """sRGB in 0 ... 255 -> L* in float64; the line at the dark end of sRGB continues below 0."""
    v = rgb / 255
    linear = np.where(v <= 0.04045, v / 12.92, ((np.maximum(v, 0.04045) + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126729, 0.7151522, 0.0721750]
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


def is_inside(lab: np.ndarray, slack: float) -> np.ndarray:
    linear = linear_of(lab)
    return ((linear >= -slack) & (linear <= 1 + slack)).all(axis=-1)


@pytest.mark.parametrize(("rgb", "lab"), LINDBLOOM.items(), ids=str)
def test_the_calculators_values(rgb, lab):
    np.testing.assert_allclose(lab_of(np.uint8([rgb]))[0], lab, atol=1e-3)


def test_equals_scikit_image():
    # Its matrix has one decimal less, hence 1e-2 and not less.
    np.testing.assert_allclose(lab_of(RGB), rgb2lab(RGB), atol=1e-2)


def test_gray_is_exactly_neutral():
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    assert (lab_of(levels)[:, 1:] == 0).all()
    floats = np.random.default_rng(2).uniform(0, 1, [10_000, 1]).astype(np.float32)
    lab = rgb_to_lab(tf.constant(np.repeat(floats, 3, axis=1))).numpy()
    assert (lab[:, 1:] == 0).all()
    assert (np.diff(lab_of(levels)[:, 0]) > 0).all()


def test_a_gray_level_is_not_its_lightness():
    # The calculator's L* of sRGB (119, 119, 119) is 50.0344, while 119 * 100 / 255 is 46.67.
    assert lab_of(np.uint8([[119, 119, 119]]))[0, 0] == pytest.approx(50.0344, abs=1e-3)


def test_8_bit_values_survive_the_way_there_and_back():
    lab = tf.constant(lab_of(RGB))
    np.testing.assert_array_equal(to_levels(lab_to_rgb(lab)), RGB)
    np.testing.assert_array_equal(visible(lab), RGB)


def test_lab_to_rgb_equals_the_published_formulas_inside_the_gamut():
    lab = LAB[is_inside(LAB, -1e-3)]
    linear = linear_of(lab)
    expected = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(lab_to_rgb(tf.constant(lab, tf.float32)), expected, atol=1e-4)


def test_into_gamut_keeps_lightness_and_hue():
    result = into_gamut(tf.constant(LAB, tf.float32)).numpy()
    np.testing.assert_array_equal(result[:, 0], LAB[:, 0].astype(np.float32))
    cross = result[:, 1] * LAB[:, 2] - result[:, 2] * LAB[:, 1]  # zero for parallel vectors
    np.testing.assert_allclose(cross / np.linalg.norm(LAB[:, 1:], axis=1), 0, atol=1e-4)
    assert ((result[:, 1:] * LAB[:, 1:]).sum(axis=1) >= 0).all()  # not the complementary hue


def test_into_gamut_ends_inside_and_changes_nothing_there():
    result = into_gamut(tf.constant(LAB, tf.float32)).numpy()
    assert is_inside(result.astype(np.float64), 1e-5).all()  # 4e-6 is granted; float32 and the published matrices round
    inside = is_inside(LAB, 0)
    assert 0.2 < inside.mean() < 0.8
    np.testing.assert_array_equal(result[inside], LAB[inside].astype(np.float32))


def test_into_gamut_gives_up_no_more_chroma_than_it_must():
    result = into_gamut(tf.constant(LAB, tf.float32)).numpy().astype(np.float64)
    outside = ~is_inside(LAB, 2e-4)
    chroma = np.linalg.norm(LAB[:, 1:], axis=1, keepdims=True)
    more = result[outside].copy()
    more[:, 1:] += 0.1 * (LAB[:, 1:] / chroma)[outside]  # 2^-12 of a chroma of 181 is 0.044
    assert not is_inside(more, 0).any()


@pytest.mark.parametrize("lightness", [0, 0.5, 5, 50, 95, 99.5, 100])
def test_the_picture_has_the_lightness_of_its_input(lightness):
    """Rounding moves each channel by half a step at most, and L* with it, whatever the colour."""
    lab = LAB * [0, 1, 1] + [lightness, 0, 0]
    rgb = visible(tf.constant(lab, tf.float32)).numpy().astype(np.float64)
    assert (lightness_of(rgb - 0.501) <= lightness).all()
    assert (lightness <= lightness_of(rgb + 0.501)).all()


def test_grayed_has_equal_channels_and_the_same_lightness():
    gray = grayed(tf.constant(RGB)).numpy().astype(np.float64)
    assert (gray == gray[:, :1]).all()
    lightness = lightness_of(RGB)
    assert (lightness_of(gray - 0.501) <= lightness).all()
    assert (lightness <= lightness_of(gray + 0.501)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_levels_have_the_lab_of_their_values(dtype):
    most = np.iinfo(dtype).max
    levels = np.random.default_rng(0).integers(0, most, [500, 3], dtype, endpoint=True)
    expected = rgb_to_lab(tf.constant(levels / most, tf.float32))
    np.testing.assert_allclose(levels_to_lab(tf.constant(levels)), expected, atol=1e-3)


def test_8_bit_values_come_back_from_floats_and_do_not_wrap():
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_levels(tf.constant(levels / 255, tf.float32)), levels)
    np.testing.assert_array_equal(to_levels(tf.constant([-0.3, 1.7, 0.4999 / 255])), [0, 255, 0])


@pytest.mark.parametrize("convert", [rgb_to_lab, lab_to_rgb])
def test_gradients_at_black_are_finite(convert):
    """A single `tf.where` would give NaN here: the unused root has an infinite slope."""
    black = tf.zeros([1, 3])
    with tf.GradientTape() as tape:
        tape.watch(black)
        result = convert(black)
    jacobian = tape.jacobian(result, black).numpy().reshape(3, 3)
    assert np.isfinite(jacobian).all()
    if convert is rgb_to_lab:  # dL/dR = kappa * Y_R / 12.92 = 903.2963 * 0.2126729 / 12.92
        np.testing.assert_allclose(jacobian[0], [14.8689, 49.9992, 5.0460], rtol=1e-4)


def test_lightness_alone_is_that_of_lab():
    rgb = np.random.default_rng(0).integers(0, 256, [50, 40, 3], np.uint8)
    np.testing.assert_allclose(levels_to_lightness(rgb), rgb2lab(rgb)[..., 0], atol=2e-3)
    grays = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    np.testing.assert_allclose(levels_to_lightness(grays), rgb2lab(grays[None])[0, :, 0], atol=2e-3)


def test_gamut_mapping_leaves_colours_inside_alone_and_moves_the_others_alone():
    rng = np.random.default_rng(0)
    inside = rgb2lab(rng.integers(20, 230, [500, 3], np.uint8)).astype(np.float32)
    outside = inside * np.float32([1, 20, 20]) + np.float32([0, 30, -30])
    mixed = np.empty([1000, 3], np.float32)
    mixed[::2], mixed[1::2] = inside, outside
    result = into_gamut(mixed.reshape(20, 50, 3)).numpy().reshape(-1, 3)
    np.testing.assert_array_equal(result[::2], inside)
    np.testing.assert_array_equal(result[1::2], into_gamut(outside))


def test_gray_and_lightness_are_inverses():
    lightness = np.linspace(0, 100, 101, dtype=np.float32)[:, None]
    gray = lightness_to_gray(tf.constant(lightness))
    np.testing.assert_allclose(gray[:, 0], lab2rgb(np.pad(lightness, [[0, 0], [0, 2]]))[:, 1], atol=1e-4)
    np.testing.assert_allclose(gray_to_lightness(gray), lightness, atol=1e-2)
