"""Pictures made from lightness and colours."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import visible
from tfcolor.utils.strips import by_rows


def inside(x: tf.Tensor, width: int) -> tf.Tensor:
    """Cut `width` pixels off each side of a batch of pictures [B, H, W, ...]."""
    return x[:, width:-width, width:-width] if width else x


def paint(lightness: tf.Tensor, ab: tf.Tensor, dtype: tf.DType = tf.uint8) -> tf.Tensor:
    """Combine lightness and colour into sRGB.

    Args:
        lightness: float32 [..., 1], L* in [0, 100].
        ab: float32 [..., 2], ab units.
        dtype: uint8 or uint16.

    Returns:
        sRGB [..., 3] of this type. Colours outside sRGB lose chroma, not lightness.
    """
    return visible(tf.concat([lightness, ab], axis=-1), dtype)


def painted(lightness: np.ndarray, ab: np.ndarray | None = None, dtype: type = np.uint8) -> np.ndarray:
    """Make a picture, sRGB [H, W, 3], from lightness float32 [H, W] and ab float32 [H, W, 2], or None for gray."""
    ab = np.broadcast_to(np.float32(0), [*lightness.shape, 2]) if ab is None else ab
    return by_rows(_compiled_paint(tf.as_dtype(dtype)), lightness[..., None], ab)


@functools.cache
def _compiled_paint(dtype: tf.DType) -> Callable[[np.ndarray, np.ndarray], tf.Tensor]:
    """`paint` for pictures of any size: operation by operation it takes 15 times as long for small ones."""
    signature = [tf.TensorSpec([None, None, 1]), tf.TensorSpec([None, None, 2])]
    return tf.function(lambda lightness, ab: paint(lightness, ab, dtype), input_signature=signature)
