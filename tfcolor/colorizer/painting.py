"""Pictures made from lightness and colours."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import to_levels, visible_rgb
from tfcolor.color.packed import copy_levels, packed, unpacked
from tfcolor.colorizer.working_size import Strips, along_lines
from tfcolor.utils import pixelwise

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
def line_painter(side: int, rows: int, dtype: type) -> Callable[[np.ndarray, Strips, float], np.ndarray]:
    """Compile what paints tiles of a large picture whose colours follow lightness: all in one pass over the pixels.

    Args:
        side: of the largest tiles, in pixels.
        rows: of cells in strips.
        dtype: uint8 or uint16.

    Returns:
        A function of L*, float32 [h, w] with sides up to `side`; strips with these numbers of pixels and rows; and the
        strength of the colours. It returns sRGB [h, w, 3] as `painter` does, with a spare level after each pixel, see
        `packed.copy_levels`.
    """
    kind = tf.as_dtype(dtype)

    def paint_packed(lightness, strips, strength):
        a, b = tf.unstack(strength * along_lines(lightness, strips.lines()), axis=-1)
        return packed(lightness, a, b, kind)

    strips = Strips(tf.TensorSpec([4, rows, side]), tf.TensorSpec([side], tf.int32), tf.TensorSpec([side]))
    signature = [tf.TensorSpec([side, side]), strips, tf.TensorSpec([])]
    compiled = tf.function(paint_packed, input_signature=signature, autograph=False, jit_compile=True)

    def paint(lightness, strips, strength):
        height, width = lightness.shape
        lightness = np.pad(lightness, [(0, side - height), (0, side - width)])

        def colors_at(marked):
            return strength * along_lines(lightness, strips.lines()).numpy().reshape(-1, 2)[marked]

        pixels = compiled(tf.convert_to_tensor(lightness), strips, tf.constant(strength, tf.float32))
        return _levels(np.asarray(pixels), lightness, colors_at, kind)[:height, :width]

    return paint


def _plain(lightness, ab, dtype):
    """Paint with TensorFlow's operations. Pictures of 8 and 16 bits share what takes longest to trace."""
    (rgb,) = pixelwise.compiled(_paint_rgb, by_xla=False)(lightness, ab)
    return pixelwise.compiled(_function(to_levels, dtype), by_xla=False)(rgb)[0]


def _paint_rgb(lightness, ab):
    return visible_rgb(tf.concat([lightness, ab], axis=-1))


def _fused(lightness, ab, dtype):
    """Paint with XLA in one pass."""
    (pixels,) = pixelwise.compiled(_function(_paint_packed, dtype), by_xla=True)(lightness, ab)
    levels = np.empty([len(pixels), 3], dtype.as_numpy_dtype)
    copy_levels(_levels(pixels, lightness, lambda marked: ab[marked], dtype), levels)
    return levels


def _paint_packed(lightness, ab, dtype):
    return packed(lightness[..., 0], ab[..., 0], ab[..., 1], dtype)


def _levels(pixels, lightness, colors_at, dtype):
    """The levels of packed pixels; the few that are marked get their colours, which `colors_at` gives, anew."""
    levels, marked = unpacked(pixels)
    if marked.size:
        levels = levels.copy()  # what XLA returns cannot be written to
        levels.reshape(-1, 3)[marked] = _plain(lightness.reshape(-1, 1)[marked], colors_at(marked), dtype)
    return levels


@functools.cache
def _function(function, dtype):
    return functools.partial(function, dtype=dtype)
