"""Square blocks of pixels: their mean predictions, and values of blocks brought back to pixels."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfcolor.colorizer.tiles import Place
from tfcolor.utils.mirror import mirrored

if TYPE_CHECKING:
    from tfcolor.colorizer.colorizer import Colorizer


def mean_shares(
    colorizer: "Colorizer", lightness: np.ndarray, block: int, log_weights: tf.Tensor, tile: int
) -> np.ndarray:
    """Compute the mean predicted distribution of each block.

    Args:
        colorizer: a model that predicts distributions.
        lightness: float32 [H, W], L* in [0, 100].
        block: side of the blocks in pixels.
        log_weights: what is added to logits, see `Objective.log_weights`.
        tile: side of the tiles in pixels.

    Returns:
        float32 [ceil(H / block), ceil(W / block), Q].
    """
    return block_means(colorizer, lightness, block, lambda outputs: tf.nn.softmax(outputs + log_weights), tile)


def block_means(
    colorizer: "Colorizer", lightness: np.ndarray, block: int, values: Callable[[tf.Tensor], tf.Tensor], tile: int
) -> np.ndarray:
    """Compute the means over blocks of `values` of the outputs, which keep their shape; as `mean_shares`."""
    channels = colorizer.objective.num_outputs
    height, width = (-(-side // block) for side in lightness.shape)
    sums = np.zeros([height * width, channels], np.float32)
    counts = np.zeros(height * width, np.float32)
    for part in colorizer.tiles(lightness[None], tile):
        rows, columns = (np.arange(side.start, side.stop) // block for side in part.place)
        blocks = (rows[:, None] * width + columns).ravel()
        first, last = blocks.min(), blocks.max() + 1
        found = tf.reshape(values(part.outputs), [-1, channels])
        sums[first:last] += tf.math.unsorted_segment_sum(found, blocks - first, last - first).numpy()
        counts += np.bincount(blocks, minlength=len(counts))
    return (sums / counts[:, None]).reshape(height, width, -1)


def enlarged(values: np.ndarray, place: Place, margin: int, shape: tuple[int, int], block: int) -> np.ndarray:
    """Interpolate values of blocks between their centres.

    Args:
        values: float32 [h, w, C], of blocks.
        place: rows and columns of the pixels.
        margin: pixels to add on each side, mirrored at the borders of the picture.
        shape: height and width of the picture in pixels.
        block: side of the blocks in pixels.

    Returns:
        float32 [rows + 2 margin, columns + 2 margin, C].
    """
    for axis, (side, length) in enumerate(zip(place, shape, strict=True)):
        pixels = mirrored(np.arange(side.start - margin, side.stop + margin), length)
        centre = (pixels + 0.5) / block - 0.5
        low = np.clip(np.floor(centre).astype(int), 0, values.shape[axis] - 1)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        share = np.clip(centre - low, 0, 1).astype(np.float32).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        values = values.take(low, axis) * (1 - share) + values.take(high, axis) * share
    return values
