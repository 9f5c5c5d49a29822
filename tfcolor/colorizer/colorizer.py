"""The class that users import: a model, and photographs of any size coloured with it in tiles."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border, guided
from tfcolor.color.lab import levels_to_lightness
from tfcolor.color.prior import rebalancing_weights
from tfcolor.colorizer.blending import Field
from tfcolor.colorizer.painting import paint
from tfcolor.colorizer.tiles import AUTO_TILE, Job, Uncolored, batches, jobs_of, split_tiles, tile_places
from tfcolor.models.directory import decoding_of, find_model, load_model
from tfcolor.objectives import decode
from tfcolor.utils import precision
from tfcolor.utils.strips import by_rows


class Colorizer:
    """Colours photographs with a trained network.

    A tile is cut with the pixels that the network needs around it, and the picture is extended by
    reflection at its borders: every pixel is coloured, and the size of the tiles changes nothing.
    """

    def __init__(self, network: tf.Module, bins: Bins, xla: str = "auto", decoding: Decoding | None = None):
        """Use a network and the bins of its outputs; colours decode to the bins' mean ab.

        Args:
            network: a network of `tfcolor.networks`.
            bins: the colours of its outputs.
            xla: whether to compile it, see `precision.use_xla`; each new size of tile is compiled once.
            decoding: how colours are made where nothing else is asked for; None for T = 0.38 alone.
        """
        self.network, self.bins, self.decoding = network, bins, decoding or Decoding()
        self._colors = tf.constant(bins.means, tf.float32)
        self._is_regression = network.objective == "regression"
        self._num_outputs = 2 if self._is_regression else bins.num_bins
        self._recolorers: dict[tuple[int, type], tf.function] = {}
        pictures, weights = tf.TensorSpec([None, None, None, 1]), tf.TensorSpec([self._num_outputs])
        # Autograph has nothing to convert, and looking for it takes a second.
        compiled = functools.partial(tf.function, jit_compile=precision.use_xla(xla) or None, autograph=False)
        self._forward = compiled(lambda x, log_weights: network(x) + log_weights, input_signature=[pictures, weights])
        self._predict = compiled(self._decoded, input_signature=[pictures, tf.TensorSpec([]), weights])

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
        network, bins, description = load_model(find_model(str(model)), dtype)
        network.freeze()
        return cls(network, bins, xla, decoding_of(description))

    def colorize(
        self,
        rgb: np.ndarray,
        temperature: float | None = None,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
        *,
        strength: float = 1.0,
        smoothing: int | None = None,
        uniform_share: float | None = None,
    ) -> np.ndarray:
        """Colour a photograph, keeping its lightness.

        Args:
            rgb: uint8 or uint16 [H, W, 3], sRGB, of any size from 1x1; its colour, if any, is not looked at.
            temperature: T in [0, 1], 0 for the most likely colour, 1 for the mean; None for the model's own.
            tile: largest side of the tiles in pixels, at least 1.
            on_tile: called with the number of tiles done so far, now and then.
            strength: in [0, 1], see `Decoding`.
            smoothing: radius in pixels, see `Decoding`; None for the model's own.
            uniform_share: lambda in [0, 1], see `Decoding`; None for the model's own.

        Returns:
            sRGB of the shape and type of `rgb`. Colours beyond sRGB lose chroma, not lightness.

        Raises:
            ValueError: for other shapes or types, or values out of range.
        """
        picture = Uncolored(by_rows(levels_to_lightness, _checked(rgb)), rgb.dtype.type)
        given = {"temperature": temperature, "smoothing": smoothing, "uniform_share": uniform_share}
        decoding = self.decoding.but(strength=strength, **given)
        return next(self.colorize_all([picture], decoding, tile, on_tile))

    def colorize_all(
        self,
        pictures: Iterable[Uncolored],
        decoding: Decoding | None = None,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
    ) -> Iterator[np.ndarray]:
        """Colour many photographs: those no larger than a tile and of one size share batches.

        Args:
            pictures: asked for only when their turn comes.
            decoding: how colours are made; None for the model's own.
            tile: as in `colorize`.
            on_tile: called with the number of tiles of all pictures done so far, now and then.

        Yields:
            The results, sRGB uint8 or uint16 [H, W, 3], in the order of the pictures.

        Raises:
            ValueError: for other shapes or types; pictures before the one that is wrong may be lost with it.
        """
        _check_tile(tile)
        decoding = decoding or self.decoding
        if self.network.stride > 1:
            yield from self._colorize_blended(pictures, decoding, tile, on_tile)
            return
        log_weights, done = self.log_weights(decoding.uniform_share), 0
        for batch in batches(self._all_jobs(pictures, tile, decoding.smoothing)):
            around = np.stack([job.around for job in batch])[..., None]
            recolor = self._recolorer(decoding.smoothing, batch[0].result.dtype.type)
            colored = recolor(around, decoding.temperature, decoding.strength, log_weights).numpy()
            for job, pixels in zip(batch, colored, strict=True):
                job.result[job.inside] = pixels
            done += len(batch)
            on_tile(done)
            results = [job.result for job in batch if job.is_last]
            del job, batch, around  # what is finished must not stay in memory while the next one is read
            while results:
                yield results.pop(0)

    def predict_ab(
        self,
        lightness: np.ndarray,
        temperature: float = 0.38,
        tile: int = AUTO_TILE,
        smoothing: int = 0,
        uniform_share: float | None = None,
    ) -> np.ndarray:
        """Predict colours as they are, also those that sRGB cannot show.

        Args:
            lightness: float32 [H, W], L* in [0, 100].
            temperature: T in [0, 1].
            tile: largest side of the tiles in pixels, at least 1.
            smoothing: radius in pixels, see `Decoding`.
            uniform_share: lambda, see `Decoding`.

        Returns:
            ab, float32 [H, W, 2], ab units.

        Raises:
            ValueError: for other shapes, T or tile out of range.
        """
        decoding = Decoding(temperature, 1.0, smoothing, uniform_share)  # checks them
        result = np.empty([*lightness.shape, 2], np.float32)
        if self.network.stride > 1:
            for inside, ab in self._blended_ab(lightness, decoding, tile):
                result[inside] = ab[0]
            return result
        log_weights = self.log_weights(uniform_share)
        for inside, around in self._tiles(lightness, tile, border(smoothing)):
            result[inside] = self._predict_smooth(around, temperature, log_weights, smoothing)[0]
        return result

    def predict_sweep(
        self,
        lightness: np.ndarray,
        temperatures: tuple[float, ...],
        tile: int = AUTO_TILE,
        uniform_share: float | None = None,
    ) -> dict[float, np.ndarray]:
        """Predict colours at several temperatures, from one pass of the network.

        Args:
            lightness: float32 [H, W], L* in [0, 100].
            temperatures: T in [0, 1] each.
            tile: largest side of the tiles in pixels, at least 1.
            uniform_share: lambda, see `Decoding`.

        Returns:
            By T, ab float32 [H, W, 2], ab units.
        """
        found = {T: np.empty([*lightness.shape, 2], np.float32) for T in temperatures}
        for place, logits in self.logits(lightness, tile, uniform_share=uniform_share):
            for T, ab in found.items():
                ab[place] = self.decode(logits, T).numpy()
        return found

    def logits(
        self, lightness: np.ndarray, tile: int = AUTO_TILE, more: int = 0, uniform_share: float | None = None
    ) -> Iterator[tuple[tuple[slice, slice], tf.Tensor]]:
        """Predict the distributions themselves, tile by tile.

        Args:
            lightness: float32 [H, W], L* in [0, 100].
            tile: largest side of the tiles in pixels, at least 1.
            more: pixels around each tile that are predicted as well.
            uniform_share: lambda, see `Decoding`.

        Yields:
            Each tile's place in the picture, and the logits of its pixels, float32 [h + 2 more, w + 2 more, Q]; of a
            model of regression ab, [..., 2].

        Raises:
            ValueError: for other shapes, or tile out of range.
        """
        log_weights = self.log_weights(uniform_share)
        if self.network.stride > 1:
            _check_lightness(lightness)
            _check_tile(tile)
            predict = functools.partial(self._forward, log_weights=log_weights)
            field = Field(predict, lightness.astype(np.float32, copy=False), self.network.stride)
            for inside in tile_places(*lightness.shape, tile):
                yield inside, field.enlarged(inside, more)
            return
        for inside, around in self._tiles(lightness, tile, more):
            yield inside, self._forward(around, log_weights)[0]

    def decode(self, outputs: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
        """What `logits` yields -> ab, float32 [..., 2]: the annealed mean, or of a regression what it is."""
        return decode(self.network.objective, outputs, self._colors, temperature)

    def log_weights(self, uniform_share: float | None) -> tf.Tensor:
        """What to add to logits so that they are as if the network had been trained with another lambda.

        Weighting the cross-entropy of a pixel with w of its bin makes the best prediction proportional to
        w times the true distribution, so that one network gives all: its own weights go, others come.

        Args:
            uniform_share: lambda in [0, 1], or None for that of the training.

        Returns:
            float32 [Q]; zeros [2] for a model of regression, which has no logits.
        """
        bins = self.bins
        if uniform_share is None or self._is_regression:
            return tf.zeros([self._num_outputs])
        wanted, own = (rebalancing_weights(bins.prior, share) for share in (uniform_share, bins.uniform_share))
        return tf.constant(np.log(wanted / own), tf.float32)

    def _tiles(self, lightness, tile, more):
        _check_lightness(lightness)
        _check_tile(tile)
        for inside, around in split_tiles(lightness.astype(np.float32, copy=False), tile, self.network.context + more):
            yield inside, around[None, ..., None]

    def _all_jobs(self, pictures: Iterable[Uncolored], tile: int, smoothing_radius: int) -> Iterator[Job]:
        context = self.network.context + border(smoothing_radius)
        for picture in pictures:
            _check_lightness(picture.lightness)
            yield from jobs_of(picture, tile, context)
            del picture

    def _blended_ab(self, lightness: np.ndarray, decoding: Decoding, tile: int):
        """The places of tiles, and their finished ab but for its strength, float32 [1, h, w, 2]."""
        more = border(decoding.smoothing)
        tiles = self.logits(lightness, tile, more, decoding.uniform_share)
        guides = split_tiles(lightness.astype(np.float32, copy=False), tile, more)
        for (inside, logits), (_, guide) in zip(tiles, guides, strict=True):
            ab = self.decode(logits[None], decoding.temperature)
            yield inside, guided(ab, tf.constant(guide[None, ..., None]), decoding.smoothing)

    def _colorize_blended(self, pictures, decoding, tile, on_tile):
        done = itertools.count(1)
        for picture in pictures:
            results = [self._painted(picture, decoding, tile, lambda: on_tile(next(done)))]
            del picture  # what is finished must not stay in memory while the next one is read
            yield results.pop()

    def _painted(self, picture, decoding, tile, on_tile):
        result = np.empty([*picture.lightness.shape, 3], picture.dtype)
        for inside, ab in self._blended_ab(picture.lightness, decoding, tile):
            lightness = picture.lightness[inside][None, ..., None]
            result[inside] = paint(lightness, decoding.strength * ab, tf.as_dtype(picture.dtype))[0]
            on_tile()
        return result

    def _predict_smooth(self, lightness, temperature, log_weights, radius):
        ab = self._predict(lightness, temperature, log_weights)  # [B, h + 2 border, w + 2 border, 2]
        return guided(ab, _without(lightness, self.network.context), radius)  # [B, h, w, 2]

    def _decoded(self, lightness, temperature, log_weights):
        return self.decode(self.network(lightness) + log_weights, temperature)

    def _recolorer(self, radius: int, dtype: type) -> tf.function:
        """Lightness of a batch of tiles with their surroundings, T, strength, weights -> sRGB; traced once each."""
        if (radius, dtype) not in self._recolorers:
            context = self.network.context + border(radius)

            def recolor(lightness, temperature, strength, log_weights):
                ab = strength * self._predict_smooth(lightness, temperature, log_weights, radius)
                return paint(_without(lightness, context), ab, tf.as_dtype(dtype))

            signature = [tf.TensorSpec(shape) for shape in ([None, None, None, 1], [], [], [self._num_outputs])]
            self._recolorers[radius, dtype] = tf.function(recolor, input_signature=signature, autograph=False)
        return self._recolorers[radius, dtype]


def _without(x, width):
    """A batch of pictures without so many pixels on each side."""
    return x[:, width:-width, width:-width] if width else x


def _check_tile(tile: int) -> None:
    if tile < 1:
        raise ValueError(f"tile must be at least 1 pixel, got {tile}")


def _check_lightness(lightness: np.ndarray) -> None:
    if lightness.ndim != 2 or lightness.dtype.kind != "f" or not lightness.size:
        raise ValueError(f"lightness must be float [H, W] and not empty, got {lightness.dtype} {lightness.shape}")


def _checked(rgb: np.ndarray) -> np.ndarray:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype not in (np.uint8, np.uint16) or not rgb.size:
        raise ValueError(f"rgb must be uint8 or uint16 [H, W, 3] and not empty, got {rgb.dtype} {rgb.shape}")
    return rgb
