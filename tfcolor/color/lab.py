"""sRGB <-> CIE Lab as tensor functions, and colours moved into the gamut without a change of L*.

sRGB values are float in [0, 1] (uint8 / 255, uint16 / 65535), L* is in [0, 100], a* and b* are in Lab units:
sRGB spans a in [-86.2, 98.2] and b in [-107.9, 94.5]. White point D65, 2 degree observer.
"""

import numpy as np
import tensorflow as tf

from tfcolor.color.lightness import EPSILON, KAPPA, WHITE_FROM_RGB

RGB_FROM_WHITE = np.linalg.inv(WHITE_FROM_RGB)

_GAMUT_STEPS = 12  # bisections of chroma: 2^-12 of at most 135 Lab units is 0.03
GAMUT_SLACK = 4e-6  # of linear light: float32 rounds by about 1e-6 here, and black must stay black


def rgb_to_lab(rgb: tf.Tensor) -> tf.Tensor:
    """Convert sRGB to Lab (IEC 61966-2-1, then CIE 15).

    Args:
        rgb: float32 [..., 3] in [0, 1].

    Returns:
        float32 [..., 3]: L* in [0, 100], a* and b* in Lab units. R = G = B gives a = b = 0 exactly.
    """
    return _lab_from_linear(rgb, _linear_from_srgb(rgb))


def levels_to_lab(rgb: tf.Tensor) -> tf.Tensor:
    """Convert integer levels of sRGB to Lab, twice as fast as `rgb_to_lab`: a table holds the light of each level.

    Args:
        rgb: uint8 or uint16 [..., 3], sRGB.

    Returns:
        float32 [..., 3], see `rgb_to_lab`.
    """
    return _lab_from_linear(rgb, _linear_from_levels(rgb))


def _lab_from_linear(rgb, linear):
    red, green, blue = tf.unstack(rgb, axis=-1)
    xyz = times(WHITE_FROM_RGB, tf.unstack(linear, axis=-1))  # relative to the white point
    fx, fy, fz = map(_lab_curve, xyz)
    # Equal channels may differ in the last bit after vectorised functions, so neutrality is enforced.
    is_gray = (red == green) & (green == blue)
    a, b = (tf.where(is_gray, 0.0, x) for x in (500 * (fx - fy), 200 * (fy - fz)))
    return tf.stack([116 * fy - 16, a, b], axis=-1)


def lab_to_rgb(lab: tf.Tensor) -> tf.Tensor:
    """Convert Lab to sRGB: the inverse of `rgb_to_lab`.

    Args:
        lab: float32 [..., 3]: L* in [0, 100], a* and b* in Lab units.

    Returns:
        float32 [..., 3]. Values outside [0, 1] are colours outside the sRGB gamut; see `into_gamut`.
    """
    return linear_to_rgb(lab_to_linear(lab))


def lab_to_linear(lab: tf.Tensor) -> tf.Tensor:
    """Convert Lab float32 [..., 3] to linear sRGB float32 [..., 3], in [0, 1] for colours that sRGB can show."""
    return tf.stack(_linear_planes(*tf.unstack(lab, axis=-1)), axis=-1)


def linear_to_rgb(linear: tf.Tensor) -> tf.Tensor:
    """Convert linear sRGB to sRGB, float32 [..., 3] each."""
    is_low = linear <= 0.0031308
    high = 1.055 * _power(tf.where(is_low, 1.0, linear), 1 / 2.4) - 0.055
    return tf.where(is_low, 12.92 * linear, high)


def levels_to_lightness(rgb: tf.Tensor) -> tf.Tensor:
    """Compute only the lightness of `levels_to_lab`, at a third of the cost of `rgb_to_lab`.

    Args:
        rgb: uint8 or uint16 [..., 3], sRGB.

    Returns:
        L*, float32 [...], in [0, 100].
    """
    return linear_to_lightness(_linear_from_levels(tf.convert_to_tensor(rgb)))


def linear_to_lightness(linear: tf.Tensor) -> tf.Tensor:
    """Compute the lightness of linear sRGB.

    Args:
        linear: float32 [..., 3]; 1 is white. Colours outside sRGB have values outside [0, 1].

    Returns:
        L*, float32 [...], in [0, 100]: clipped if darker than black or brighter than white.
    """
    (y,) = times(WHITE_FROM_RGB[1:2], tf.unstack(linear, axis=-1))
    return 116 * _lab_curve(tf.clip_by_value(y, 0.0, 1.0)) - 16


def lightness_to_gray(lightness: tf.Tensor) -> tf.Tensor:
    """Convert L* in [0, 100] to the sRGB gray of this lightness, in [0, 1]; float32 [..., 1] each."""
    luminance = curve_inverse((lightness + 16) / 116)[0]  # equal linear R, G and B
    return tf.clip_by_value(linear_to_rgb(luminance), 0.0, 1.0)


def gray_to_lightness(gray: tf.Tensor) -> tf.Tensor:
    """Convert sRGB gray in [0, 1] to L* in [0, 100]; float32 [..., 1] each."""
    return linear_to_lightness(tf.repeat(_linear_from_srgb(gray), 3, axis=-1))[..., None]


def into_gamut(lab: tf.Tensor) -> tf.Tensor:
    """Reduce chroma, at constant lightness and hue, until the colour exists in sRGB.

    A bisection finds the factor of (a, b) for colours outside the gamut; the others stay as they are.

    Args:
        lab: float32 [..., 3]: L* in [0, 100], a* and b* in Lab units.

    Returns:
        float32 [..., 3]: the same L*, and (a*, b*) times a factor in [0, 1].
    """
    outside = tf.where(is_outside_gamut(lab_to_linear(lab)))  # int64 [N, rank - 1]
    return tf.tensor_scatter_nd_update(lab, outside, to_gamut_border(tf.gather_nd(lab, outside)))


def to_gamut_border(lab: tf.Tensor) -> tf.Tensor:
    """Move colours outside sRGB into it.

    Args:
        lab: float32 [N, 3]: L* in [0, 100], a* and b* in Lab units.

    Returns:
        float32 [N, 3]: the same L*, and (a*, b*) times the largest of 2^12 factors in [0, 1] that stays in sRGB.
    """
    lightness, a, b = tf.unstack(lab, axis=-1)

    def bisect(low, high):
        middle = (low + high) / 2
        outside = is_outside_gamut(tf.stack(_linear_planes(lightness, a * middle, b * middle), axis=-1))
        return tf.where(outside, low, middle), tf.where(outside, middle, high)

    halved = bisect(0.0, 1.0)  # before the loop, since exported files would store arrays of zeros and ones
    low, _ = tf.while_loop(lambda low, high: True, bisect, halved, maximum_iterations=_GAMUT_STEPS - 1)
    return tf.stack([lightness, a * low, b * low], axis=-1)


def is_outside_gamut(linear: tf.Tensor) -> tf.Tensor:
    """Tell which colours sRGB cannot show: linear sRGB float32 [..., 3] -> bool [...]."""
    outside = [(channel < -GAMUT_SLACK) | (channel > 1 + GAMUT_SLACK) for channel in tf.unstack(linear, axis=-1)]
    return outside[0] | outside[1] | outside[2]


def visible(lab: tf.Tensor, dtype: tf.DType = tf.uint8) -> tf.Tensor:
    """Convert Lab float32 [..., 3] to sRGB uint8 or uint16 [..., 3], with colours moved `into_gamut` first."""
    return to_levels(visible_rgb(lab), dtype)


def visible_rgb(lab: tf.Tensor) -> tf.Tensor:
    """Convert Lab to sRGB, float32 [..., 3] each, with colours moved `into_gamut` first."""
    linear = lab_to_linear(lab)
    outside = tf.where(is_outside_gamut(linear))
    border = lab_to_linear(to_gamut_border(tf.gather_nd(lab, outside)))
    return linear_to_rgb(tf.tensor_scatter_nd_update(linear, outside, border))


def grayed(rgb: tf.Tensor) -> tf.Tensor:
    """Replace sRGB uint8 [..., 3] by grays of the same lightness, uint8 [..., 3]."""
    gray = visible(levels_to_lab(tf.convert_to_tensor(rgb)) * [1.0, 0.0, 0.0])
    return tf.repeat(gray[..., 1:2], 3, axis=-1)  # rounding may make equal channels differ by one


def to_levels(rgb: tf.Tensor, dtype: tf.DType = tf.uint8) -> tf.Tensor:
    """Round sRGB float [...] to uint8 or uint16 [...]. Values outside [0, 1] are clipped: use `into_gamut` first."""
    levels = tf.round(tf.clip_by_value(rgb, 0.0, 1.0) * dtype.max)
    return tf.cast(tf.cast(levels, tf.int32), dtype)


def _linear_from_levels(rgb):
    levels = tf.range(rgb.dtype.max + 1, dtype=tf.float32) / rgb.dtype.max
    return tf.gather(_linear_from_srgb(levels), tf.cast(rgb, tf.int32))


def _linear_from_srgb(rgb):
    is_low = rgb <= 0.04045
    high = _power((tf.where(is_low, 1.0, rgb) + 0.055) / 1.055, 2.4)  # the unused branch stays safe
    return tf.where(is_low, rgb / 12.92, high)


def _power(x, exponent):
    """Raise positive numbers to a power, within 2e-6, in a fifth of the time of the exact `pow`."""
    return tf.exp(exponent * tf.math.log(x))


def _lab_curve(t):
    is_low = t <= EPSILON
    cube_root = _power(tf.where(is_low, 1.0, t), 1 / 3)
    return tf.where(is_low, (KAPPA * t + 16) / 116, cube_root)


def _linear_planes(lightness, a, b):
    """Compute linear R, G and B as three tensors, from L*, a* and b* as three tensors of one shape."""
    fy = (lightness + 16) / 116
    xyz = [curve_inverse(f)[0] for f in (fy + a / 500, fy, fy - b / 200)]  # relative to the white point
    return times(RGB_FROM_WHITE, xyz)


def curve_inverse(f: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Invert the curve of Lab: from f(t), float32 of any shape, to t, relative to the white point, and its slope.

    The line of CIE 15 is the tangent of the cube at 6/29, so that both are the tangent at the larger of f and 6/29.
    """
    touching = tf.maximum(f, EPSILON ** (1 / 3))
    square = touching * touching
    return square * (3 * f - 2 * touching), 3 * square


def times(matrix: np.ndarray, planes: list[tf.Tensor]) -> list[tf.Tensor]:
    """Multiply a matrix by a vector of planes, without `tf.matmul`: GPUs multiply matrices in fewer bits."""
    rows = matrix.astype(planes[0].dtype.as_numpy_dtype)
    return [sum(m * plane for m, plane in zip(row, planes, strict=True)) for row in rows]


BIN_LIGHTNESS = 50.0  # L* of painted bins; colours outside sRGB lose chroma there


def bin_colors(ab: np.ndarray, lightness: float = BIN_LIGHTNESS) -> np.ndarray:
    """Return the sRGB colours, uint8 [..., 3], of ab values [..., 2] at one L*."""
    lightness = np.full([*ab.shape[:-1], 1], lightness)
    lab = tf.constant(np.concatenate([lightness, ab], axis=-1), tf.float32)
    return visible(lab).numpy()
