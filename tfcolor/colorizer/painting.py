"""Lightness and colours put together to a picture."""

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import visible
from tfcolor.utils.strips import by_rows


def inside(x: tf.Tensor, width: int) -> tf.Tensor:
    """A batch of pictures [B, H, W, ...] without so many pixels on each side."""
    return x[:, width:-width, width:-width] if width else x


def paint(lightness: tf.Tensor, ab: tf.Tensor, dtype: tf.DType = tf.uint8) -> tf.Tensor:
    """Put lightness and colour together.

    Args:
        lightness: float32 [..., 1], L* in [0, 100].
        ab: float32 [..., 2], ab units.
        dtype: uint8 or uint16.

    Returns:
        sRGB [..., 3] of that type. Colours beyond sRGB lose chroma, not lightness.
    """
    return visible(tf.concat([lightness, ab], axis=-1), dtype)


def painted(lightness: np.ndarray, ab: np.ndarray | None = None, dtype: type = np.uint8) -> np.ndarray:
    """The picture, sRGB [H, W, 3], of lightness float32 [H, W] and ab float32 [H, W, 2]; None for no colour."""
    ab = np.broadcast_to(np.float32(0), [*lightness.shape, 2]) if ab is None else ab
    return by_rows(
        lambda lightness, ab: paint(tf.constant(lightness[..., None]), tf.constant(ab), tf.as_dtype(dtype)),
        lightness,
        ab,
    )
