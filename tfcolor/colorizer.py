"""The class that users import: a model, and photographs of any size coloured with it in tiles."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor import color, precision
from tfcolor.bins import Bins
from tfcolor.decoding import annealed_mean
from tfcolor.modeldir import find_model, load_model

# The largest side of a tile in pixels where none is given. From 128 to 256 the speed is the same within
# 10 %; smaller tiles compute more around them, larger ones leave the cache (`python -m benchmarks growth`).
AUTO_TILE = 256
_BATCH_PIXELS = 2**16  # of the tiles that go through the network at once, as it sees them: 40 MB a layer


class Colorizer:
    """Colours photographs with a trained network.

    A tile is cut with the pixels that the network needs around it, and the picture is extended by
    reflection at its borders: every pixel is coloured, and the size of the tiles changes nothing.
    """

    def __init__(self, network: tf.Module, bins: Bins, xla: str = "auto"):
        """Use a network and the bins of its outputs; colours decode to the bins' mean ab.

        Args:
            network: a network of `tfcolor.networks`.
            bins: the colours of its outputs.
            xla: whether to compile it, see `precision.use_xla`; each new size of tile is compiled once.
        """
        self.network, self.bins = network, bins
        self._colors = tf.constant(bins.means, tf.float32)
        self._predict = tf.function(
            self._decoded,
            input_signature=[tf.TensorSpec([None, None, None, 1]), tf.TensorSpec([])],
            jit_compile=precision.use_xla(xla) or None,
            autograph=False,  # nothing to convert, and looking for it takes a second
        )

    @classmethod
    def load(cls, model: str | Path, compute: str = "auto", xla: str = "auto") -> "Colorizer":
        """Load a shipped model by name, or any model directory.

        Args:
            model: the name or directory.
            compute: precision of the convolutions, see `precision.choose`.
            xla: see `precision.use_xla`.

        Raises:
            InputError: where there is no such model, or it is not whole.
        """
        dtype = precision.choose(compute, lambda: precision.bfloat16_gain(training=False))
        network, bins, _ = load_model(find_model(str(model)), dtype)
        return cls(network, bins, xla)

    def colorize(
        self,
        rgb: np.ndarray,
        temperature: float = 0.38,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
    ) -> np.ndarray:
        """Colour a photograph, keeping its lightness.

        Args:
            rgb: uint8 [H, W, 3], sRGB, of any size from 1x1; its colour, if any, is not looked at.
            temperature: T in [0, 1], 0 for the most likely colour, 1 for the mean.
            tile: largest side of the tiles in pixels, at least 1.
            on_tile: called with the number of tiles done so far, now and then.

        Returns:
            uint8 [H, W, 3], sRGB. Colours beyond sRGB lose chroma, not lightness.

        Raises:
            ValueError: for other shapes or types, T or tile out of range.
        """
        return next(self.colorize_all([rgb], temperature, tile, on_tile))

    def colorize_all(
        self,
        pictures: Iterable[np.ndarray],
        temperature: float = 0.38,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
    ) -> Iterator[np.ndarray]:
        """Colour many photographs: those no larger than a tile and of one size share batches.

        Args:
            pictures: each as `colorize` takes it; asked for only when its turn comes.
            temperature: as in `colorize`.
            tile: as in `colorize`.
            on_tile: called with the number of tiles of all pictures done so far, now and then.

        Yields:
            The results in the order of the pictures.

        Raises:
            ValueError: as `colorize`; those before the picture that is wrong may be lost with it.
        """
        _check(temperature, tile)
        temperature, done = tf.constant(temperature, tf.float32), 0
        for batch in _batches(self._all_jobs(pictures, tile)):
            around = np.stack([job.around for job in batch])
            colored = self._recolor(around, temperature).numpy()
            for job, pixels in zip(batch, colored, strict=True):
                job.result[job.inside] = pixels
            done += len(batch)
            on_tile(done)
            results = [job.result for job in batch if job.is_last]
            del job, batch, around  # what is finished must not stay in memory while the next one is read
            while results:
                yield results.pop(0)

    def predict_ab(self, lightness: np.ndarray, temperature: float = 0.38, tile: int = AUTO_TILE) -> np.ndarray:
        """Predict colours as they are, also those that sRGB cannot show.

        Args:
            lightness: float32 [H, W], L* in [0, 100].
            temperature: T in [0, 1].
            tile: largest side of the tiles in pixels, at least 1.

        Returns:
            ab, float32 [H, W, 2], ab units.

        Raises:
            ValueError: for other shapes, T or tile out of range.
        """
        if lightness.ndim != 2 or lightness.dtype.kind != "f" or not lightness.size:
            raise ValueError(f"lightness must be float [H, W] and not empty, got {lightness.dtype} {lightness.shape}")
        _check(temperature, tile)
        result = np.empty([*lightness.shape, 2], np.float32)
        for inside, around in split_tiles(lightness.astype(np.float32), tile, self.network.context):
            result[inside] = self._predict(around[None, ..., None], tf.constant(temperature, tf.float32))[0]
        return result

    def _all_jobs(self, pictures: Iterable[np.ndarray], tile: int) -> Iterator["_Job"]:
        for picture in pictures:
            yield from self._jobs(_checked(picture), tile)
            del picture

    def _jobs(self, rgb: np.ndarray, tile: int) -> Iterator["_Job"]:
        """The tiles of a picture, in rows from its top."""
        result = np.empty_like(rgb)
        num_tiles = count_tiles(*rgb.shape[:2], tile)
        for number, (inside, around) in enumerate(split_tiles(rgb, tile, self.network.context), start=1):
            yield _Job(result, inside, around, number == num_tiles, num_tiles == 1)

    def _decoded(self, lightness, temperature):
        return annealed_mean(self.network(lightness), self._colors, temperature)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8), tf.TensorSpec([])], autograph=False)
    def _recolor(self, rgb, temperature):
        lightness = color.lightness(rgb)[..., None]  # [B, h + 2c, w + 2c, 1]
        ab = self._predict(lightness, temperature)  # [B, h, w, 2]
        inside = slice(self.network.context, -self.network.context)
        return color.visible(tf.concat([lightness[:, inside, inside], ab], axis=-1))


@dataclass(frozen=True)
class _Job:
    """A tile to colour.

    result: uint8 [H, W, 3], of the whole picture.
    inside: the tile's place in it.
    around: uint8 [h + 2c, w + 2c, 3], the tile and what the network needs around it.
    is_last: of its picture.
    is_alone: the only one of its picture; such ones may share a batch with those of other pictures.
    """

    result: np.ndarray
    inside: tuple[slice, slice]
    around: np.ndarray
    is_last: bool
    is_alone: bool


def _batches(jobs: Iterable[_Job]) -> Iterator[list[_Job]]:
    """Group successive tiles of one size, up to a number of pixels."""
    batch: list[_Job] = []
    for job in jobs:
        if batch and job.around.shape != batch[0].around.shape:
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


def count_tiles(height: int, width: int, tile: int) -> int:
    """How many tiles a picture has."""
    return -(-height // tile) * -(-width // tile)


def split_tiles(picture: np.ndarray, tile: int, context: int) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Yield each tile's place in a picture [H, W, ...], and its pixels with `context` more on all sides."""
    rows, columns = (_divided(length, tile) for length in picture.shape[:2])
    for row in rows:
        for column in columns:
            yield (row, column), _with_context(picture, (row, column), context)


def _divided(length: int, longest: int) -> list[slice]:
    """Divide a length evenly into as few parts as are needed, none longer than `longest`."""
    count = -(-length // longest)
    return [slice(length * k // count, length * (k + 1) // count) for k in range(count)]


def _with_context(picture: np.ndarray, inside: tuple[slice, slice], context: int) -> np.ndarray:
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


def _check(temperature: float, tile: int) -> None:
    """Raise ValueError for T outside [0, 1], NaN included, or tile below 1."""
    if not 0 <= temperature <= 1:
        raise ValueError(f"temperature must be in [0, 1], got {temperature}")
    if tile < 1:
        raise ValueError(f"tile must be at least 1 pixel, got {tile}")


def _checked(rgb: np.ndarray) -> np.ndarray:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ValueError(f"rgb must be uint8 [H, W, 3] and not empty, got {rgb.dtype} {rgb.shape}")
    return rgb
