"""Pictures made from lightness and colours."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import (
    is_outside_gamut,
    lab_to_linear,
    linear_to_rgb,
    to_gamut_border,
    to_levels,
    visible_rgb,
)
from tfcolor.utils import pixelwise

_BORDER_BLOCK = 2**15  # colours outside the gamut that XLA converts at once: it takes three times as long for them


def inside(x: tf.Tensor, width: int) -> tf.Tensor:
    """Cut `width` pixels off each side of a batch of pictures [B, H, W, ...]."""
    return x[:, width:-width, width:-width] if width else x


def painted(lightness: np.ndarray, ab: np.ndarray | None = None, dtype: type = np.uint8) -> np.ndarray:
    """Make a picture, sRGB [H, W, 3], from lightness float32 [H, W] and ab float32 [H, W, 2], or None for gray."""
    ab = np.broadcast_to(np.float32(0), [*lightness.shape, 2]) if ab is None else ab
    return painter(lightness.size, dtype)(lightness[..., None], ab)


def painter(num_pixels: int, dtype: type) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Choose the fastest way to combine lightness and colour into sRGB.

    Args:
        num_pixels: pixels of the whole picture; all of its parts are painted in the same way.
        dtype: uint8 or uint16.

    Returns:
        A function of L* in [0, 100] and ab, float32 [..., 1] and [..., 2], parts of the picture, that returns sRGB
        [..., 3] of this type. Colours outside sRGB lose chroma, not lightness.
    """
    paint_pixels = _fused if pixelwise.is_large(num_pixels) else _plain

    def paint_part(lightness, ab):
        levels = paint_pixels(np.reshape(lightness, [-1, 1]), np.reshape(ab, [-1, 2]), tf.as_dtype(dtype))
        return levels.reshape([*lightness.shape[:-1], 3])

    return paint_part


def prepare(num_pixels: int, dtype: type = np.uint8) -> None:
    """Trace or compile what paints pictures of this many pixels, before it is needed."""
    saturated = np.full([1, 2], 200, np.float32)  # outside sRGB, so that such colours are prepared for, too
    painter(num_pixels, dtype)(np.full([1, 1], 50, np.float32), saturated)


def _plain(lightness, ab, dtype):
    """Paint with TensorFlow's operations. Pictures of 8 and 16 bits share what takes longest to trace."""
    (rgb,) = pixelwise.compiled(_paint_rgb, by_xla=False)(lightness, ab)
    return pixelwise.compiled(_function(to_levels, dtype), by_xla=False)(rgb)[0]


def _paint_rgb(lightness, ab):
    return visible_rgb(tf.concat([lightness, ab], axis=-1))


def _fused(lightness, ab, dtype):
    """Paint with XLA, which looks for colours outside the gamut, and converts them in a second pass."""
    levels, is_outside = pixelwise.compiled(_function(_paint_inside, dtype), by_xla=True)(lightness, ab)
    outside = np.flatnonzero(is_outside)
    if outside.size:
        paint_border = pixelwise.compiled(_function(_paint_border, dtype), by_xla=True, block=_BORDER_BLOCK)
        levels[outside] = paint_border(lightness[outside], ab[outside])[0]
    return levels


@functools.cache
def _function(function, dtype):
    return functools.partial(function, dtype=dtype)


def _paint_inside(lightness, ab, dtype):
    linear = lab_to_linear(tf.concat([lightness, ab], axis=-1))
    return to_levels(linear_to_rgb(linear), dtype), is_outside_gamut(linear)


def _paint_border(lightness, ab, dtype):
    border = to_gamut_border(tf.concat([lightness, ab], axis=-1))
    return to_levels(linear_to_rgb(lab_to_linear(border)), dtype)
