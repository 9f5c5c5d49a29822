"""Batches of pictures, and tiles of pictures with the pixels around them. No TensorFlow."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tfcolor.utils.mirror import mirrored

# The default for the largest side of a tile in pixels. From 128 to 256 the speed is the same within 10 %. Smaller tiles
# spend more time on the pixels around them, and larger tiles do not fit the cache (`python -m benchmarks growth`).
AUTO_TILE = 256

Place = tuple[slice, slice]  # rows and columns of a picture


class Uncolored(NamedTuple):
    """A picture to colour.

    lightness: float32 [H, W], L* in [0, 100].
    dtype: dtype of the result, uint8 or uint16.
    hints: colours that a person gives, `hints.Hints`; None for none.
    is_spare: whether the result may take the memory of the lightness. A large uint8 result then may have a spare byte
        after each pixel.
    """

    lightness: np.ndarray
    dtype: type = np.uint8
    hints: Any = None
    is_spare: bool = False

    def in_place(self) -> np.ndarray:
        """Return the memory of the lightness as room for a result, uint8 [H, W, 3], with a byte after each pixel."""
        return self.lightness.view(np.uint8).reshape([*self.lightness.shape, 4])[..., :3]


def batches(pictures: Iterable[Uncolored], most_pixels: int, around: int = 0) -> Iterator[list[Uncolored]]:
    """Group successive pictures of the same size and type, up to `most_pixels`, counting `around` more on each side.

    A picture with hints or a larger one forms a batch of its own. It is yielded before the next picture is read, so
    that only one is in memory.
    """
    batch: list[Uncolored] = []
    for picture in pictures:
        like = (picture.lightness.shape, picture.dtype)
        if batch and (picture.hints or like != (batch[0].lightness.shape, batch[0].dtype)):
            yield batch
            batch = []
        batch.append(picture)
        height, width = (side + 2 * around for side in picture.lightness.shape)
        is_full = picture.hints or (len(batch) + 1) * height * width > most_pixels
        del picture
        if is_full:
            yield batch
            batch = []
    if batch:
        yield batch


def count_tiles(height: int, width: int, tile: int) -> int:
    """Count the tiles of a picture."""
    return -(-height // tile) * -(-width // tile)


def tile_places(height: int, width: int, tile: int) -> Iterator[Place]:
    """Yield the places of the tiles of a picture, row by row: as few tiles as possible, as even as possible."""
    rows, columns = (_divided(length, tile) for length in (height, width))
    for row in rows:
        for column in columns:
            yield row, column


def _divided(length: int, longest: int) -> list[slice]:
    """Divide a length evenly into as few parts as are needed, none longer than `longest`."""
    count = -(-length // longest)
    return [slice(length * k // count, length * (k + 1) // count) for k in range(count)]


def cut_with_context(pictures: np.ndarray, place: Place, context: int) -> np.ndarray:
    """Cut a tile and the pixels around it out of pictures of one size.

    Args:
        pictures: [B, H, W, ...], extended beyond their borders by mirror images as far as needed.
        place: rows and columns of the tile; it may reach beyond the lower and right borders.
        context: pixels to add on each side.

    Returns:
        [B, h + 2 context, w + 2 context, ...]; a view if no mirror image is needed.
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
