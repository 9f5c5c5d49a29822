"""Lightness and colours put together to a picture."""

import numpy as np
import tensorflow as tf

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border, guided
from tfcolor.color.lab import visible
from tfcolor.colorizer.tiles import AUTO_TILE, split_tiles
from tfcolor.utils.strips import by_rows


def painted(lightness: np.ndarray, ab: np.ndarray | None = None, dtype: type = np.uint8) -> np.ndarray:
    """The picture, sRGB [H, W, 3], of lightness float32 [H, W] and ab float32 [H, W, 2], or of no colour."""
    ab = np.broadcast_to(np.float32(0), [*lightness.shape, 2]) if ab is None else ab
    return by_rows(
        lambda lightness, ab: paint(tf.constant(lightness[..., None]), tf.constant(ab), tf.as_dtype(dtype)),
        lightness,
        ab,
    )


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


def smoothed(lightness: np.ndarray, ab: np.ndarray, decoding: Decoding, tile: int = AUTO_TILE) -> np.ndarray:
    """Finish colours as `decoding` says: smooth them, and take their strength.

    Args:
        lightness: float32 [H, W], L* in [0, 100].
        ab: float32 [H, W, 2], ab units.
        decoding: its strength and smoothing.
        tile: largest side of the tiles in pixels.

    Returns:
        ab, float32 [H, W, 2].
    """
    result = np.empty_like(ab)
    both = np.concatenate([lightness[..., None], ab], axis=-1)
    for inside, around in split_tiles(both, tile, border(decoding.smoothing)):
        tensor = tf.constant(around[None])
        result[inside] = guided(tensor[..., 1:], tensor[..., :1], decoding.smoothing)[0]
    return decoding.strength * result
