"""Lab to sRGB in one pass over the pixels, which XLA fuses: what `lab.visible` does in several.

A pixel is one integer, of 32 bits for levels of 8 and of 64 bits for levels of 16: red in the lowest quarter, green,
blue, and a mark in the highest. XLA computes one output of a function without repeating what its parts share.
"""

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import GAMUT_SLACK, RGB_FROM_WHITE, curve_inverse, linear_to_rgb, times, to_levels

_STEPS = 4  # of Newton's method: the factors of all colours that networks predict are then exact
_NEAR = 0.01  # the last step of a factor that is as good as exact: errors are squared from step to step
_SLOWEST = 1e-7  # linear light per unit of the factor: less is rounding
_FAR = 6e-6  # of linear light outside the gamut: the slack and what float32 rounds


def packed(lightness: tf.Tensor, a: tf.Tensor, b: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Convert Lab to packed sRGB. Colours outside sRGB lose chroma, not lightness, see `lab.into_gamut`.

    Args:
        lightness: L* in [0, 100], float32 of any shape.
        a, b: in Lab units, float32 of the same shape.
        dtype: uint8 or uint16, of the levels.

    Returns:
        int32 or int64 of the same shape, see above. Marked pixels have extreme colours, for which these steps do not
        suffice: `lab.visible` must convert them.
    """
    middle, x_side, z_side = (lightness + 16) / 116, a / 500, -b / 200  # CIE 15; divisions are slow
    y, _ = curve_inverse(middle)
    factor, last_step = _gamut_factor(middle, y, x_side, z_side)
    x, z = (curve_inverse(middle + factor * side)[0] for side in (x_side, z_side))
    linear = times(RGB_FROM_WHITE, [x, y, z])
    is_outside = (_least(linear) < -_FAR) | (-_least([-x for x in linear]) > 1 + _FAR)
    is_left = is_outside | (tf.abs(last_step) > _NEAR)
    kind = tf.int32 if dtype == tf.uint8 else tf.int64
    parts = [*(to_levels(linear_to_rgb(x), dtype) for x in linear), is_left]
    return sum(tf.cast(part, kind) * 2 ** (8 * dtype.size * place) for place, part in enumerate(parts))


def unpacked(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take packed sRGB apart, without a copy.

    Args:
        pixels: int32 or int64 [...], from `packed`.

    Returns:
        levels: uint8 or uint16 [..., 3], sRGB.
        marked: the indices of marked pixels, int64 [N], in the flattened picture.
    """
    dtype = np.uint8 if pixels.dtype == np.int32 else np.uint16
    quarter = 8 * dtype().itemsize
    marked = np.flatnonzero(pixels >> 3 * quarter) if pixels.max() >> 3 * quarter else np.empty([0], np.int64)
    return pixels[..., None].view(dtype)[..., :3], marked  # the lowest byte comes first wherever TensorFlow runs


def copy_levels(source: np.ndarray, target: np.ndarray) -> None:
    """Copy sRGB [..., 3] a channel at a time: with a spare level after each pixel, this is four times as fast."""
    for channel in range(3):
        target[..., channel] = source[..., channel]


def _gamut_factor(middle, y, x_side, z_side):
    """The largest factor in [0, 1] of `x_side` and `z_side` that stays in sRGB, and the last step towards it.

    Each channel of linear light moves, as the factor grows, towards 0 or 1. Newton's method finds where the first of
    them leaves.
    """
    factor = tf.ones_like(middle)
    for _ in range(_STEPS):
        (x, x_slope), (z, z_slope) = (curve_inverse(middle + factor * side) for side in (x_side, z_side))
        x_speed, z_speed = x_slope * x_side, z_slope * z_side
        steps = []
        for of_x, of_y, of_z in RGB_FROM_WHITE.astype(np.float32):
            channel, speed = of_x * x + of_y * y + of_z * z, of_x * x_speed + of_z * z_speed
            room = tf.where(speed > 0, 1 + GAMUT_SLACK - channel, channel + GAMUT_SLACK)
            steps.append(room / tf.maximum(tf.abs(speed), _SLOWEST))
        before, factor = factor, tf.clip_by_value(factor + _least(steps), 0.0, 1.0)
    return factor, factor - before


def _least(planes):
    return tf.minimum(tf.minimum(planes[0], planes[1]), planes[2])
