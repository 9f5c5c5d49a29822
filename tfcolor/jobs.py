"""Pictures to colour -> their tiles -> batches of tiles of one size, also of several pictures. No TensorFlow."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tfcolor.tiles import count_tiles, split_tiles

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
