"""Pictures in batches, and the tiles of pictures with the pixels around them. No TensorFlow."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tfcolor.utils.mirror import mirrored

# The largest side of a tile in pixels where none is given. From 128 to 256 the speed is the same within
# 10 %; smaller tiles compute more around them, larger ones leave the cache (`python -m benchmarks growth`).
AUTO_TILE = 256

Place = tuple[slice, slice]  # rows and columns of a picture


class Uncolored(NamedTuple):
    """A picture to colour.

    lightness: float32 [H, W], L* in [0, 100].
    dtype: of the result's levels, uint8 or uint16.
    """

    lightness: np.ndarray
    dtype: type = np.uint8


def batches(pictures: Iterable[Uncolored], most_pixels: int, around: int = 0) -> Iterator[list[Uncolored]]:
    """Group successive pictures of one size and type, up to a number of pixels with `around` more on each side.

    A picture that is larger goes alone, and is yielded before the next one is even asked for, so that only one is in
    memory.
    """
    batch: list[Uncolored] = []
    for picture in pictures:
        like = (picture.lightness.shape, picture.dtype)
        if batch and like != (batch[0].lightness.shape, batch[0].dtype):
            yield batch
            batch = []
        batch.append(picture)
        height, width = (side + 2 * around for side in picture.lightness.shape)
        is_full = (len(batch) + 1) * height * width > most_pixels
        del picture
        if is_full:
            yield batch
            batch = []
    if batch:
        yield batch


def count_tiles(height: int, width: int, tile: int) -> int:
    """How many tiles a picture has."""
    return -(-height // tile) * -(-width // tile)


def tile_places(height: int, width: int, tile: int) -> Iterator[Place]:
    """Yield where the tiles of a picture are, row by row: as few as can be, of sizes as even as can be."""
    rows, columns = (_divided(length, tile) for length in (height, width))
    for row in rows:
        for column in columns:
            yield row, column


def _divided(length: int, longest: int) -> list[slice]:
    """Divide a length evenly into as few parts as are needed, none longer than `longest`."""
    count = -(-length // longest)
    return [slice(length * k // count, length * (k + 1) // count) for k in range(count)]


def cut_with_context(pictures: np.ndarray, place: Place, context: int) -> np.ndarray:
    """Cut a tile with its surroundings out of pictures of one size.

    Args:
        pictures: [B, H, W, ...].
        place: of the tile; it may reach beyond the lower and right border.
        context: pixels more on each side. Beyond its borders a picture goes on by mirror images, again and again.

    Returns:
        [B, h + 2 context, w + 2 context, ...]; a view where no mirror image is needed.
    """
    for axis, part in enumerate(place, start=1):
        length, start, stop = pictures.shape[axis], part.start - context, part.stop + context
        before = (slice(None),) * axis
        if start >= 0 and stop <= length:
            pictures = pictures[(*before, slice(start, stop))]
            continue
        pixels = mirrored(np.arange(start, stop), length)
        first = pixels.min()
        pictures = pictures[(*before, slice(first, pixels.max() + 1))].take(pixels - first, axis)
    return pictures
