"""Tiles of a picture: where they are, and their pixels with those around them. No TensorFlow."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


def count_tiles(height: int, width: int, tile: int) -> int:
    """How many tiles a picture has."""
    return -(-height // tile) * -(-width // tile)


def split_tiles(picture: np.ndarray, tile: int, context: int) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Yield each tile's place in a picture [H, W, ...], and its pixels with `context` more on all sides."""
    for place in tile_places(*picture.shape[:2], tile):
        yield place, cut_with_context(picture, place, context)


def tile_places(height: int, width: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Yield where the tiles of a picture are, row by row: as few as can be, of sizes as even as can be."""
    rows, columns = (_divided(length, tile) for length in (height, width))
    for row in rows:
        for column in columns:
            yield row, column


def _divided(length: int, longest: int) -> list[slice]:
    """Divide a length evenly into as few parts as are needed, none longer than `longest`."""
    count = -(-length // longest)
    return [slice(length * k // count, length * (k + 1) // count) for k in range(count)]


def cut_with_context(picture: np.ndarray, inside: tuple[slice, slice], context: int) -> np.ndarray:
    """Cut a tile with its surroundings, which reflect the picture (again and again) beyond its borders.

    A tile at a border is cut with all the pixels that are reflected there, so that only it is copied.
    """
    places, missing = [], []
    for place, length in zip(inside, picture.shape, strict=False):
        start, stop = place.start - context, place.stop + context
        places.append(slice(max(start, 0), min(stop, length)))
        missing.append((max(-start, 0), max(stop - length, 0)))
    cut = picture[tuple(places)]
    if not np.any(missing):
        return cut
    return np.pad(cut, missing + [(0, 0)] * (picture.ndim - 2), mode="reflect")


# The largest side of a tile in pixels where none is given. From 128 to 256 the speed is the same within
# 10 %; smaller tiles compute more around them, larger ones leave the cache (`python -m benchmarks growth`).
AUTO_TILE = 256
_BATCH_PIXELS = 2**16  # of the tiles that go through the network at once, as it sees them: 40 MB a layer


class Uncolored(NamedTuple):
    """A picture to colour.

    lightness: float32 [H, W], L* in [0, 100].
    dtype: of the result's levels, uint8 or uint16.
    """

    lightness: np.ndarray
    dtype: type = np.uint8


@dataclass(frozen=True)
class Job:
    """A tile to colour.

    result: uint8 or uint16 [H, W, 3], of the whole picture.
    inside: the tile's place in it.
    around: float32 [h + 2c, w + 2c], the lightness of the tile and of what is needed around it.
    is_last: of its picture.
    is_alone: the only one of its picture; such ones may share a batch with those of other pictures.
    """

    result: np.ndarray
    inside: tuple[slice, slice]
    around: np.ndarray
    is_last: bool
    is_alone: bool


def jobs_of(picture: Uncolored, tile: int, context: int) -> Iterator[Job]:
    """The tiles of a picture, in rows from its top."""
    lightness = picture.lightness.astype(np.float32, copy=False)
    result = np.empty([*lightness.shape, 3], picture.dtype)
    num_tiles = count_tiles(*lightness.shape, tile)
    for number, (inside, around) in enumerate(split_tiles(lightness, tile, context), start=1):
        yield Job(result, inside, around, number == num_tiles, num_tiles == 1)


def batches(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Group successive tiles of one size and type, up to a number of pixels."""
    batch: list[Job] = []
    for job in jobs:
        if batch and (job.around.shape, job.result.dtype) != (batch[0].around.shape, batch[0].result.dtype):
            yield batch
            batch = []
        batch.append(job)
        height, width = job.around.shape[:2]
        # A large picture is finished before the next one is even asked for, so that only one is in memory.
        if (len(batch) + 1) * height * width > _BATCH_PIXELS or (job.is_last and not job.is_alone):
            del job
            yield batch
            batch = []
    if batch:
        yield batch
