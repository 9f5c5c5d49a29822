"""Frames as a network sees them: reduced, in batches."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.blocks import block_means
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.working_size import reduced_pictures, reduced_sides
from tfcolor.films.steady import Cells

BATCH = 4  # frames for which the network runs at once; more are not faster
_SIZE, _BLOCK = 256, 4  # pixels: the working size of networks without one; the side of the smallest cells
_MULTIPLE = 16  # pixels: the least side that dense optical flow takes
_LEAST_SHARE = 1e-12


def stride_of(colorizer: Colorizer) -> int:
    """Return the side of a cell, in pixels of the reduced frames."""
    return max(colorizer.network.stride, _BLOCK) if colorizer.working_size else _BLOCK


def seen_sides(colorizer: Colorizer, sides: tuple[int, int]) -> tuple[int, int]:
    """Return the sides of the reduced frames, for frames of some sides."""
    return reduced_sides(*sides, colorizer.working_size or _SIZE)


def seen(
    colorizer: Colorizer, frames: Iterable[Any], lightness_of: Callable[[Any], np.ndarray]
) -> Iterator[tuple[Any, Cells]]:
    """Run the network over frames of one size.

    Args:
        colorizer: the model.
        frames: in order.
        lightness_of: returns the L* of a frame in [0, 100], float32 [H, W], upright.

    Yields:
        Each frame with what the network made of it.
    """
    stride, remaining = stride_of(colorizer), iter(frames)
    multiple = colorizer.network.multiple if colorizer.working_size else _MULTIPLE
    while batch := list(itertools.islice(remaining, BATCH)):
        lightness = np.stack([lightness_of(frame) for frame in batch])
        small = reduced_pictures(lightness, seen_sides(colorizer, lightness.shape[1:]), multiple)
        features = _features(colorizer, small)
        means = tf.nn.avg_pool2d(small, stride, stride, "VALID").numpy()[..., 0]
        gray = np.rint(small[..., 0] * 2.55).astype(np.uint8)
        yield from zip(batch, map(Cells, features, means, gray), strict=True)


def _features(colorizer, small):
    """What is mixed between frames: [B, H, W, 1] -> float32 [B, h, w, C]."""
    if colorizer.working_size:
        features, pool = colorizer.features(small), stride_of(colorizer) // colorizer.network.stride
        return (tf.nn.avg_pool2d(features, pool, pool, "VALID") if pool > 1 else features).numpy()
    is_distribution = colorizer.objective.predicts_distribution
    values = tf.nn.softmax if is_distribution else tf.identity
    means = [block_means(colorizer, picture[..., 0], _BLOCK, values, colorizer.auto_tile) for picture in small]
    return np.log(np.stack(means) + _LEAST_SHARE) if is_distribution else np.stack(means)


def outputs_of(colorizer: Colorizer, cells: Sequence[Cells]) -> tf.Tensor:
    """Return the network's outputs for cells, float32 [B, h, w, num_outputs]."""
    features = np.stack([each.features for each in cells])
    return colorizer.outputs_of(features) if colorizer.working_size else tf.constant(features)


def decoded(colorizer: Colorizer, cells: Sequence[Cells], decoding: Decoding) -> tf.Tensor:
    """Return the colours of cells, ab float32 [B, h, w, 2], ab units."""
    return colorizer.decode_features(np.stack([each.features for each in cells]), decoding)
