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
from tfcolor.colorizer.working_size import along_lines
from tfcolor.utils import pixelwise

_BORDER_BLOCK = 2**15  # colours outside the gamut that XLA converts at once: it takes three times as long for them

_LINE_PAINTERS = 4  # that are kept compiled


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


@functools.lru_cache(_LINE_PAINTERS)
def line_painter(side: int, dtype: type) -> Callable[[np.ndarray, tf.Tensor, float], np.ndarray]:
    """Compile what paints tiles of a large picture whose colours follow lightness: all in one pass over the pixels.

    Args:
        side: of the largest tiles, in pixels.
        dtype: uint8 or uint16.

    Returns:
        A function of L*, float32 [h, w] with sides up to `side`; lines, see `working_size.along_lines`, float32
        [4, side, side]; and the strength of the colours. It returns sRGB [h, w, 3] as `painter` does.
    """
    kind = tf.as_dtype(dtype)

    def paint_inside(lightness, lines, strength):
        ab = strength * along_lines(lightness, lines)
        return *_paint_inside(lightness[..., None], ab, kind), ab

    signature = [tf.TensorSpec(shape) for shape in ([side, side], [4, side, side], [])]
    compiled = tf.function(paint_inside, input_signature=signature, autograph=False, jit_compile=True)

    def paint(lightness, lines, strength):
        height, width = lightness.shape
        lightness = np.pad(lightness, [(0, side - height), (0, side - width)])
        found = compiled(tf.convert_to_tensor(lightness), lines, tf.constant(strength, tf.float32))
        levels, is_outside, ab = found[0].numpy(), np.asarray(found[1]), np.asarray(found[2])
        _paint_outside(levels.reshape(-1, 3), is_outside.ravel(), lightness.reshape(-1, 1), ab.reshape(-1, 2), kind)
        return levels[:height, :width]

    return paint


def _plain(lightness, ab, dtype):
    """Paint with TensorFlow's operations. Pictures of 8 and 16 bits share what takes longest to trace."""
    (rgb,) = pixelwise.compiled(_paint_rgb, by_xla=False)(lightness, ab)
    return pixelwise.compiled(_function(to_levels, dtype), by_xla=False)(rgb)[0]


def _paint_rgb(lightness, ab):
    return visible_rgb(tf.concat([lightness, ab], axis=-1))


def _fused(lightness, ab, dtype):
    """Paint with XLA, which looks for colours outside the gamut, and converts them in a second pass."""
    levels, is_outside = pixelwise.compiled(_function(_paint_inside, dtype), by_xla=True)(lightness, ab)
    _paint_outside(levels, is_outside, lightness, ab, dtype)
    return levels


def _paint_outside(levels, is_outside, lightness, ab, dtype):
    """Paint the colours outside the gamut; all arrays are [N] or [N, C]."""
    outside = np.flatnonzero(is_outside)
    if outside.size:
        paint_border = pixelwise.compiled(_function(_paint_border, dtype), by_xla=True, block=_BORDER_BLOCK)
        levels[outside] = paint_border(lightness[outside], ab[outside])[0]


@functools.cache
def _function(function, dtype):
    return functools.partial(function, dtype=dtype)


def _paint_inside(lightness, ab, dtype):
    linear = lab_to_linear(tf.concat([lightness, ab], axis=-1))
    return to_levels(linear_to_rgb(linear), dtype), is_outside_gamut(linear)


def _paint_border(lightness, ab, dtype):
    border = to_gamut_border(tf.concat([lightness, ab], axis=-1))
    return to_levels(linear_to_rgb(lab_to_linear(border)), dtype)
