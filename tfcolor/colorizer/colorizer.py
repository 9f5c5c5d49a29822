"""`Colorizer`, the class that users import: it colours photographs of any size with a model.

All programs work the same way. `Colorizer.tiles` runs the network once for each picture, and yields the outputs tile
by tile. `Colorizer.colors` decodes a tile, as often as wanted, with lambda, T, smoothing and strength.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor.color.decoding import conditioned
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border, guided
from tfcolor.color.lightness import lightness_of_levels
from tfcolor.color.packed import copy_levels
from tfcolor.colorizer.blending import BlendedLogits
from tfcolor.colorizer.opened import OpenedPhotograph
from tfcolor.colorizer.painting import inside, line_painter, painter
from tfcolor.colorizer.spreading import HintField
from tfcolor.colorizer.tiles import (
    AUTO_TILE,
    Place,
    Uncolored,
    batches,
    count_tiles,
    cut_with_context,
    tile_places,
)
from tfcolor.colorizer.working_size import ReducedOutputs, rows_of_cells
from tfcolor.models.directory import find_model, load_model
from tfcolor.networks.inputs import INPUTS
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Objective
from tfcolor.utils import pixelwise
from tfcolor.utils.ahead import mapped
from tfcolor.utils.errors import InputError
from tfcolor.utils.memory import give_back
from tfcolor.utils.precision import for_prediction, use_xla

_LARGE_TILE = 640  # pixels; larger ones are hardly faster, and each painter holds all that is made of its tile
_ROWS_OF_CELLS = 16  # large pictures are painted with multiples of so many
_PAINTERS = 2  # threads that paint large pictures
_SMALLEST_WORKING_SIZE = 32  # pixels: less shows nothing
_BATCH_PIXELS = 2**16  # pixels of outputs computed or decoded at once: 26 MB for 100 bins


@dataclass(frozen=True)
class Tile:
    """A tile of pictures of one size, with the network's outputs.

    which: the pictures of the batch that it belongs to.
    place: its rows and columns in them, without the margin.
    source: the outputs of this tile, or those of the whole pictures at working size.
    lightness: float32 [B, h + 2 margin, w + 2 margin, 1], L* in [0, 100].
    margin: pixels around the tile, for smoothing.
    known: what hints say about its pixels, or about the cells of a `ReducedOutputs`; None without hints.
    """

    which: slice
    place: Place
    source: tf.Tensor | ReducedOutputs
    lightness: tf.Tensor
    margin: int
    known: HintField | None = None

    @cached_property
    def outputs(self) -> tf.Tensor:
        """The network's outputs for each pixel, float32 [B, h + 2 margin, w + 2 margin, C]."""
        if isinstance(self.source, ReducedOutputs):
            return self.source.at(self.place, self.margin, self.which)
        return self.source


class Colorizer:
    """Colours photographs with a trained network.

    A local network sees a picture in tiles, which are cut with the pixels around them that it needs. Other networks
    see the picture whole, or in windows that are blended. Pictures are extended by mirror images, so that every pixel
    is coloured. The size of the tiles does not change the colours. In float32 the colours of a photograph do not
    depend on the other photographs in its batch.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        xla: str = "auto",
        decoding: Decoding | None = None,
        working_size: int | None = None,
        repaint: bool = False,
    ):
        """Use a network.

        Args:
            network: a trained network.
            objective: the objective it was trained for, with the colour bins.
            xla: whether XLA compiles it, see `precision.use_xla`; each new size of tile is compiled once.
            decoding: how colours are decoded by default; None for T = 0.38 without smoothing.
            working_size: the shorter side in pixels to which larger pictures are reduced, for networks that have a
                working size; None for the network's own.
            repaint: whether results get the lightness that the network gives as well, in place of the photograph's; for
                networks that paint RGB. They show no more than the working size does.

        Raises:
            InputError: for a working size below 32 pixels, if the network has none, or if it gives no lightness.
        """
        if repaint and not objective.gives_lightness:
            raise InputError("`repaint` is for models that paint red, green and blue (`space` rgb); leave it out")
        if working_size is not None:
            _check_working_size(network, working_size)
        self.working_size = working_size or network.working_size
        self.network, self.objective, self.decoding = network, objective, decoding or Decoding()
        self.repaint = repaint
        self.bins = objective.bins
        from_lightness = INPUTS[network.takes].from_lightness
        pictures, outputs = (tf.TensorSpec([None, None, None, n]) for n in (1, objective.num_outputs))
        weights, number = tf.TensorSpec([objective.num_outputs]), tf.TensorSpec([])
        # Autograph has nothing to convert here, and takes a second to find out.
        graph = functools.partial(tf.function, autograph=False)
        compiled = functools.partial(graph, jit_compile=use_xla(xla) or None)
        self._forward = compiled(lambda x: network(from_lightness(x)), input_signature=[pictures])
        if network.has_features:
            self._features = compiled(
                lambda x: tf.cast(network.features(from_lightness(x)), tf.float32), input_signature=[pictures]
            )
            features = tf.TensorSpec([None, None, None, network.last.filter.shape[2]])
            self._outputs_of = compiled(network.outputs_of, input_signature=[features])
            self._decode_features = compiled(
                lambda x, log_weights, T: objective.to_ab(network.outputs_of(x) + log_weights, T),
                input_signature=[features, weights, number],
            )
        self._decode = compiled(
            lambda x, log_weights, T: objective.to_ab(x + log_weights, T), input_signature=[outputs, weights, number]
        )
        self._decode_known = compiled(self._to_known_ab)

    @property
    def auto_tile(self) -> int:
        """The side of tiles with which `colorize_all` is fastest, in pixels.

        At a working size no tile has outputs for each pixel, so that tiles may be large.
        """
        return _LARGE_TILE if self.working_size else AUTO_TILE

    @classmethod
    def load(
        cls,
        model: str | Path,
        precision: str = "auto",
        xla: str = "auto",
        working_size: int | None = None,
        repaint: bool = False,
    ) -> "Colorizer":
        """Load a shipped model by name, or any model directory.

        Args:
            model: the name or directory.
            precision: precision of the convolutions, 'auto', 'float32' or 'bfloat16', see `precision.choose`.
            xla: 'auto', 'on' or 'off', see `precision.use_xla`.
            working_size, repaint: as in `Colorizer`.

        Raises:
            InputError: if there is no such model, it is not whole, or the working size or `repaint` does not fit it.
        """
        network, objective, info = load_model(find_model(str(model)), for_prediction(precision))
        network.freeze()
        return cls(network, objective, xla, info.decoding, working_size, repaint)

    def colorize(
        self,
        rgb: np.ndarray,
        temperature: float | None = None,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
        *,
        uniform_share: float | None = None,
        smoothing: int | None = None,
        strength: float | None = None,
    ) -> np.ndarray:
        """Colour a photograph, keeping its lightness.

        Args:
            rgb: uint8 or uint16 [H, W, 3], sRGB, of any size from 1x1; its own colours are ignored.
            temperature: T in [0, 1], 0 for the most likely colour, 1 for the mean; None for the model's own T.
            tile: largest side of the tiles in pixels, at least 1.
            on_tile: called now and then with the number of tiles done so far.
            uniform_share, smoothing, strength: see `Decoding`; None for the model's own.

        Returns:
            sRGB of the shape and type of `rgb`. Colours outside sRGB lose chroma, not lightness.

        Raises:
            ValueError: for other shapes or types, or values out of range.
        """
        picture = Uncolored(lightness_of_levels(checked_rgb(rgb)), rgb.dtype.type)
        decoding = self.decoding.replace(
            temperature=temperature, uniform_share=uniform_share, smoothing=smoothing, strength=strength
        )
        return next(self.colorize_all([picture], decoding, tile, on_tile))

    def open(self, rgb: np.ndarray, tile: int | None = None) -> OpenedPhotograph:
        """Run the network over a photograph, to decode it several times, with hints.

        Args:
            rgb: as in `colorize`.
            tile: as in `colorize`; None for what is fastest.

        Raises:
            ValueError: for other shapes or types.
        """
        lightness = lightness_of_levels(checked_rgb(rgb))
        return OpenedPhotograph(self, lightness, rgb.dtype.type, tile or self.auto_tile)

    def colorize_all(
        self,
        pictures: Iterable[Uncolored],
        decoding: Decoding | None = None,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
    ) -> Iterator[np.ndarray]:
        """Colour many photographs: small ones of one size share batches.

        Args:
            pictures: read one by one, as they are needed.
            decoding: how colours are decoded; None for the model's own decoding.
            tile: as in `colorize`.
            on_tile: called now and then with the number of tiles of all pictures done so far.

        Yields:
            The results, sRGB uint8 or uint16 [H, W, 3], in the order of the pictures.

        Raises:
            ValueError: for other shapes or types; the pictures read before an invalid one may be lost with it.
        """
        _check_tile(tile)
        decoding, done = decoding or self.decoding, 0
        around, most_pixels = self.network.context + border(decoding.smoothing), _BATCH_PIXELS * self.network.stride
        for batch in batches(map(checked_picture, pictures), most_pixels, around):
            if batch[0].hints:
                picture = batch.pop()
                opened = OpenedPhotograph(self, picture.lightness, picture.dtype, tile)
                done += count_tiles(*picture.lightness.shape, tile)
                on_tile(done)
                yield opened.decoded(picture.hints, decoding)
                continue
            dtype = batch[0].dtype
            lightness = np.stack([picture.lightness for picture in batch]) if batch[1:] else batch[0].lightness[None]
            results = self._room(batch, decoding)
            paint = self._tile_painter(lightness[0].shape, dtype, decoding, tile)
            batch.clear()  # finished pictures must not stay in memory while the next one is read
            is_large = pixelwise.is_large(lightness.size)

            def finish(part, results=results, paint=paint):
                colored = paint(part)
                for result, pixels in zip(results[part.which], colored, strict=True):
                    copy_levels(pixels, result[part.place])
                return len(colored)

            # XLA paints on one core, so that large pictures are painted in threads.
            parts = self.tiles(lightness, tile, border(decoding.smoothing))
            for count in mapped(finish, parts, _PAINTERS) if is_large else map(finish, parts):
                done += count
                on_tile(done)
            if is_large:
                give_back()
            del lightness, parts, finish
            while results:
                yield results.pop(0)

    def _tile_painter(self, sides, dtype, decoding, tile) -> Callable[[Tile], Iterable[np.ndarray]]:
        """What paints the tiles of pictures of these sides."""
        if not self._paints_lines(sides, decoding):
            paint = painter(sides[0] * sides[1], dtype)
            return lambda part: paint(*self._painted(part, decoding))
        side, rows = self._strip_sides(sides, tile)
        paint_lines = line_painter(side, rows, dtype)

        def paint_tile(part):
            way = self._way(part, decoding.temperature, decoding.uniform_share)
            strips = part.source.strips(*way, part.place, part.which, side, rows)
            pictures = zip(part.lightness.numpy()[..., 0], strips, strict=True)
            return [paint_lines(*each, decoding.strength) for each in pictures]

        return paint_tile

    def _strip_sides(self, sides, tile):
        """The pixels along a side, and the rows of cells, of strips for tiles; few, since each is compiled for."""
        rows = rows_of_cells(*sides, self.working_size, self.network.stride, tile)
        return min(tile, max(sides)), -(-rows // _ROWS_OF_CELLS) * _ROWS_OF_CELLS

    def _paints_lines(self, sides, decoding):
        """Whether colours follow lightness along lines, with nothing done to them afterwards, in a large picture."""
        is_plain = self.working_size and not self.repaint and not border(decoding.smoothing)
        return is_plain and pixelwise.is_large(sides[0] * sides[1])

    def _room(self, batch, decoding):
        """Memory for the results. A large picture's may be that of its lightness, once the network has seen it."""
        shape, dtype = batch[0].lightness.shape, batch[0].dtype
        is_free = batch[0].is_spare and self.working_size and not border(decoding.smoothing)
        if is_free and dtype is np.uint8 and pixelwise.is_large(batch[0].lightness.size):
            return [picture.in_place() for picture in batch]
        return [np.empty([*shape, 3], dtype) for _ in batch]

    def predict_ab(
        self,
        lightness: np.ndarray,
        temperature: float | None = None,
        tile: int = AUTO_TILE,
        *,
        uniform_share: float | None = None,
        smoothing: int | None = None,
        strength: float | None = None,
    ) -> np.ndarray:
        """Predict ab, including colours that sRGB cannot show.

        Args:
            lightness: float32 [H, W], L* in [0, 100].
            temperature, tile, uniform_share, smoothing, strength: as in `colorize`.

        Returns:
            ab, float32 [H, W, 2], ab units.

        Raises:
            ValueError: for other shapes, or values out of range.
        """
        decoding = self.decoding.replace(
            temperature=temperature, uniform_share=uniform_share, smoothing=smoothing, strength=strength
        )
        return self.predict_many(lightness, [decoding], tile)[0]

    def predict_many(self, lightness: np.ndarray, decodings: list[Decoding], tile: int = AUTO_TILE) -> list[np.ndarray]:
        """Decode colours in several ways from one pass of the network.

        Args:
            lightness: float32 [H, W], L* in [0, 100].
            decodings: the ways to decode them.
            tile: as in `colorize`.

        Returns:
            For each decoding, ab float32 [H, W, 2], ab units.
        """
        found = [np.empty([*lightness.shape, 2], np.float32) for _ in decodings]
        margin = max(border(decoding.smoothing) for decoding in decodings)
        for part in self.tiles(lightness[None], tile, margin):
            for ab, decoding in zip(found, decodings, strict=True):
                ab[part.place] = self.colors(part, decoding)[0]
        return found

    def prepare(self, height: int, width: int, dtype: type, decoding: Decoding, tile: int) -> None:
        """Trace and compile what decodes and paints pictures of these sides, on a black pixel.

        Args:
            height, width: the pictures' sides.
            dtype: the results' type, uint8 or uint16.
            decoding, tile: as in `colorize_all`, which may run in another thread.
        """
        margin = border(decoding.smoothing)
        sides, place = [1 + 2 * margin] * 2, (slice(0, 1), slice(0, 1))
        lightness, outputs = (tf.zeros([1, *sides, n]) for n in (1, self.objective.num_outputs))
        if self.working_size:
            stride = self.network.stride
            outputs = ReducedOutputs(outputs, lightness, stride, [stride * side for side in sides], (1, 1))
        self._tile_painter((height, width), dtype, decoding, tile)(Tile(slice(None), place, outputs, lightness, margin))

    def features(self, lightness: np.ndarray) -> tf.Tensor:
        """Return what the outputs are made of, each by a linear map; the outputs themselves if there is nothing else.

        Args:
            lightness: float32 [B, H, W, 1], L* in [0, 100], with sides that the network takes.

        Returns:
            float32 [B, H/stride, W/stride, C].
        """
        return self._features(lightness) if self.network.has_features else self._forward(lightness)

    def outputs_of(self, features: tf.Tensor) -> tf.Tensor:
        """Return the outputs, float32 [B, h, w, num_outputs], that belong to `features`, or to means of them."""
        return self._outputs_of(features) if self.network.has_features else features

    def decode_features(self, features: tf.Tensor, decoding: Decoding) -> tf.Tensor:
        """Decode what `features` returned, or means of it, float32 [B, h, w, C]: ab, float32 [B, h, w, 2], ab units."""
        decode = self._decode_features if self.network.has_features else self._decode
        log_weights = self.objective.log_weights(decoding.uniform_share)
        return decode(tf.convert_to_tensor(features), log_weights, tf.constant(decoding.temperature, tf.float32))

    def tiles(
        self, lightness: np.ndarray, tile: int = AUTO_TILE, margin: int = 0, source: ReducedOutputs | None = None
    ) -> Iterator[Tile]:
        """Run the network over pictures of one size.

        Args:
            lightness: float32 [B, H, W], L* in [0, 100].
            tile: largest side of the tiles in pixels, at least 1.
            margin: pixels around each tile to predict as well, for smoothing.
            source: outputs for these pictures that are there already; None to run the network.

        Yields:
            The tiles, row by row.

        Raises:
            ValueError: for other shapes, or a tile below 1.
        """
        _check_lightness(lightness)
        _check_tile(tile)
        lightness, network = lightness.astype(np.float32, copy=False), self.network
        if source is not None:
            whole = source
        elif self.working_size:
            whole = ReducedOutputs.predicted(self._forward, network, lightness, self.working_size)
            if pixelwise.is_large(lightness.size):
                give_back()  # the network's features take as much memory as a large picture
        else:
            whole = None if network.is_local else BlendedLogits(self._forward, network, lightness)
        for place in tile_places(*lightness.shape[1:], tile):
            around = tf.constant(cut_with_context(lightness, place, margin)[..., None])
            if whole is None:
                context = cut_with_context(lightness, place, network.context + margin)
                yield Tile(slice(None), place, self._forward(context[..., None]), around, margin)
                continue
            is_reduced = isinstance(whole, ReducedOutputs)
            most_pixels = _BATCH_PIXELS * (network.stride if is_reduced else 1)
            count = max(1, most_pixels // (around.shape[1] * around.shape[2]))
            for first in range(0, len(lightness), count):
                which = slice(first, first + count)
                outputs = whole if is_reduced else whole.at(place, margin, which)
                yield Tile(which, place, outputs, around[which], margin)

    def decode(self, tile: Tile, temperature: float, uniform_share: float | None = None) -> tf.Tensor:
        """Decode a tile and its margin, without smoothing.

        Args:
            tile: from `tiles`.
            temperature: T in [0, 1].
            uniform_share: lambda in [0, 1]; None for the lambda of the training.

        Returns:
            ab, float32 [B, h + 2 margin, w + 2 margin, 2], ab units.
        """
        key, decode = self._way(tile, temperature, uniform_share)
        if isinstance(tile.source, ReducedOutputs):
            return tile.source.colors(key, decode, tile.lightness, tile.place, tile.margin, tile.which)
        return decode(tile.outputs)

    def _way(self, tile, temperature, uniform_share):
        """A way to decode a tile: what it depends on, and a function from outputs to ab."""
        options = {"log_weights": self.objective.log_weights(uniform_share), "T": tf.constant(temperature, tf.float32)}
        decode = functools.partial(self._decode, **options)
        if tile.known:
            known = {name: tf.constant(x[None]) for name, x in vars(tile.known).items()}
            decode = functools.partial(self._decode_known, **known, **options)
        return (temperature, uniform_share, tile.known), decode

    def _to_known_ab(self, outputs, shift, certainty, log_weights, T):
        colors = tf.constant(self.bins.means, tf.float32)
        product, missing = conditioned(outputs + log_weights, colors, shift, certainty)
        return self.objective.to_ab(product, T) + missing

    def _painted(self, tile, decoding):
        """The lightness and the colours of the result."""
        if not self.repaint:
            return inside(tile.lightness, tile.margin), self.colors(tile, decoding)
        lab = self.objective.to_lab(inside(tile.outputs, tile.margin))
        return lab[..., :1], decoding.strength * lab[..., 1:]

    def colors(self, tile: Tile, decoding: Decoding) -> tf.Tensor:
        """Decode a tile, with smoothing and strength.

        Args:
            tile: from `tiles`, with a margin of at least `border(decoding.smoothing)` pixels.
            decoding: how colours are decoded.

        Returns:
            ab, float32 [B, h, w, 2], ab units.
        """
        ab = self.decode(tile, decoding.temperature, decoding.uniform_share)
        return decoding.strength * smoothed(ab, tile, decoding.smoothing)


def smoothed(ab: tf.Tensor, tile: Tile, radius: int) -> tf.Tensor:
    """Smooth the colours of a tile where its lightness is smooth, and cut its margin off.

    Args:
        ab: float32 [B, h + 2 margin, w + 2 margin, 2], ab units.
        tile: the tile, with a margin of at least `border(radius)` pixels.
        radius: radius of the guided filter in pixels; 0 for no smoothing.

    Returns:
        float32 [B, h, w, 2].
    """
    spare = tile.margin - border(radius)
    if radius == 0:
        return inside(ab, spare)
    return guided(inside(ab, spare), inside(tile.lightness, spare), radius)


def _check_working_size(network: Network, size: int) -> None:
    if network.working_size is None:
        raise InputError("`working_size` is for models that have a working size; leave it out")
    if size < _SMALLEST_WORKING_SIZE:
        raise InputError(f"`working_size` must be at least {_SMALLEST_WORKING_SIZE} pixels, got {size}")


def _check_tile(tile: int) -> None:
    if tile < 1:
        raise ValueError(f"tile must be at least 1 pixel, got {tile}")


def _check_lightness(lightness: np.ndarray) -> None:
    if lightness.ndim != 3 or lightness.dtype.kind != "f" or not lightness.size:
        form = f"{lightness.dtype} {lightness.shape[1:]}"
        raise ValueError(f"lightness must be float [H, W] and not empty, got {form}")


def checked_picture(picture: Uncolored) -> Uncolored:
    """Return a picture; ValueError if its lightness has another shape or type than float [H, W], or is empty."""
    _check_lightness(picture.lightness[None])
    return picture


def checked_rgb(rgb: np.ndarray) -> np.ndarray:
    """Return a picture; ValueError unless it is uint8 or uint16 [H, W, 3] and not empty."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype not in (np.uint8, np.uint16) or not rgb.size:
        raise ValueError(f"rgb must be uint8 or uint16 [H, W, 3] and not empty, got {rgb.dtype} {rgb.shape}")
    return rgb
