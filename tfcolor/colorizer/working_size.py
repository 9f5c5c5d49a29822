"""Prediction at a working size: the network sees a reduced picture, and its colours are enlarged along lightness.

The cost of the network then does not grow with the picture. Colours are brought to full resolution by the fast guided
filter (He and Sun 2015): lines from lightness to colour are fitted at the resolution of the outputs, and enlarged.
"""

import math
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor.color.guided_filter import MIDDLE, border, lines
from tfcolor.colorizer.tiles import Place, cut_with_context
from tfcolor.networks.layers import Network
from tfcolor.utils.mirror import mirrored

_REDUCED_ROWS = 8  # of the result at once: Pillow copies what it reduces
_MOST_LINES = 16  # ways to decode whose lines are kept
RADIUS = 1  # cells of the output: the windows in which lines are fitted are 2 radius + 1 cells wide
LARGEST = 4  # times the square of the working size: the most pixels that the network sees


def reduced_sides(height: int, width: int, size: int) -> tuple[int, int]:
    """Return the sides of the picture that the network sees. Pictures are never enlarged.

    Args:
        height, width: sides of the photograph in pixels.
        size: the working size: the shorter side in pixels. Panoramas get fewer, so that the whole has no more than
            `LARGEST * size**2` pixels.
    """
    scale = min(1.0, size / min(height, width), (LARGEST * size**2 / (height * width)) ** 0.5)
    return max(1, round(scale * height)), max(1, round(scale * width))


def reduced_pictures(lightness: np.ndarray, sides: tuple[int, int], multiple: int) -> np.ndarray:
    """Reduce pictures float32 [B, H, W] to some sides, extended by mirror images to multiples: [B, h, w, 1]."""
    small = np.stack([reduced(picture, sides) for picture in lightness])
    padded = tuple(slice(0, -(-side // multiple) * multiple) for side in sides)
    return cut_with_context(small, padded, 0)[..., None]


class ReducedOutputs:
    """The outputs for pictures of one size, predicted at the working size.

    outputs: float32 [B, h, w, C], of cells.
    guide: the mean L* of the cells, float32 [B, h, w, 1].
    cell: height and width of a cell in pixels of the pictures.
    """

    def __init__(
        self, outputs: tf.Tensor, guide: tf.Tensor, stride: int, reduced: tuple[int, int], sides: tuple[int, int]
    ):
        """Take outputs that are there already.

        Args:
            outputs: float32 [B, h, w, C].
            guide: the mean L* of the cells, float32 [B, h, w, 1].
            stride: side of a cell in pixels of the reduced pictures.
            reduced: height and width of the reduced pictures, without what was added to them.
            sides: height and width of the pictures whose pixels get colours.
        """
        self.outputs, self.guide, self._sides = outputs, guide, sides
        self.cell = [stride * length / side for length, side in zip(sides, reduced, strict=True)]
        self._lines: dict[Hashable, tf.Tensor] = {}

    @classmethod
    def predicted(
        cls, predict: Callable[[np.ndarray], tf.Tensor], network: Network, lightness: np.ndarray, size: int
    ) -> "ReducedOutputs":
        """Predict.

        Args:
            predict: maps lightness float32 [B, h, w, 1], with sides that the network takes, to outputs
                float32 [B, h/stride, w/stride, C].
            network: gives `stride`, and `multiple`, to which pictures are extended by mirror images.
            lightness: float32 [B, H, W], L* in [0, 100].
            size: the working size in pixels, see `reduced_sides`.
        """
        sides = reduced_sides(*lightness.shape[1:], size)
        seen = reduced_pictures(lightness, sides, network.multiple)
        guide = tf.nn.avg_pool2d(tf.constant(seen), network.stride, network.stride, "VALID")
        return cls(predict(seen), guide, network.stride, sides, lightness.shape[1:])

    def at(self, place: Place, margin: int = 0, which: slice = slice(None)) -> tf.Tensor:
        """Return the outputs for pixels, interpolated linearly between the centres of cells.

        Args:
            place: part of the pictures.
            margin: pixels around the part to return as well, mirrored at the borders of the picture.
            which: the pictures to return.

        Returns:
            float32 [B, h + 2 margin, w + 2 margin, C].
        """
        return tf.transpose(self._interpolated(self.outputs[which], place, margin), [0, 2, 3, 1])

    def colors(
        self,
        key: Hashable,
        decode: Callable[[tf.Tensor], tf.Tensor],
        lightness: tf.Tensor,
        place: Place,
        margin: int,
        which: slice,
    ) -> tf.Tensor:
        """Return the colours of pixels, which follow lightness.

        Args:
            key: what `decode` depends on.
            decode: maps outputs to ab.
            lightness: of these pixels, float32 [B, h + 2 margin, w + 2 margin, 1], L* in [0, 100].
            place, margin, which: as in `at`.

        Returns:
            ab, float32 [B, h + 2 margin, w + 2 margin, 2], ab units.
        """
        lines = self._interpolated(self._lines_of_cells(key, decode)[which], place, margin)
        return along_lines(lightness[..., 0], lines)

    def strips(
        self, key: Hashable, decode: Callable[[tf.Tensor], tf.Tensor], place: Place, which: slice, side: int, rows: int
    ) -> Iterator["Strips"]:
        """Yield the lines of a part of each picture, interpolated along its rows only.

        Args:
            key, decode, place, which: as in `colors`.
            side: pixels that the strips get along and across, at least those of the part; what is added is zero.
            rows: cells that they get, at least `rows_of_cells`; what is added is zero.
        """
        lines = self._lines_of_cells(key, decode).numpy()[which]  # NumPy is ten times as fast for so little
        left, columns = self._weights(1, place[1], 0, lines.shape[2])
        position = self._position(0, place[0], 0, lines.shape[1])
        above = np.floor(position).astype(np.int32)
        near = lines[:, above[0] : above[0] + rows, left : left + columns.shape[1]]
        cells = np.zeros([len(lines), 4, rows, side], np.float32)
        cells[:, :, : near.shape[1], : len(columns)] = near.transpose(0, 3, 1, 2) @ columns.T
        below = np.float32(position - above)
        above, below = (np.pad(x, [0, side - len(x)]) for x in (above - above[0], below))
        yield from (Strips(*map(tf.constant, (each, above, below))) for each in cells)

    def _lines_of_cells(self, key, decode):
        """The lines of cells, float32 [B, h, w, 4]."""
        if key not in self._lines:
            if len(self._lines) == _MOST_LINES:  # of a picture that stays open
                self._lines.clear()
            self._lines[key] = _fitted(decode(self.outputs), self.guide)
        return self._lines[key]

    def _interpolated(self, cells: tf.Tensor, place: Place, margin: int) -> tf.Tensor:
        """Values of cells [B, H, W, C] at pixels, as planes [B, C, h + 2 margin, w + 2 margin]."""
        planes = tf.transpose(cells, [0, 3, 1, 2])
        sides = enumerate(zip(place, planes.shape[2:], strict=True))
        (top, rows), (left, columns) = (self._weights(axis, part, margin, count) for axis, (part, count) in sides)
        near = planes[..., top : top + rows.shape[1], left : left + columns.shape[1]]
        return tf.matmul(tf.matmul(rows, near), columns, transpose_b=True)

    def _weights(self, axis: int, part: slice, margin: int, count: int) -> tuple[int, np.ndarray]:
        """The first cell near some pixels, and the weights of this and the next ones, float32 [pixels, cells]."""
        position = self._position(axis, part, margin, count)
        start, stop = int(position.min()), int(np.ceil(position.max())) + 1
        distance = np.abs(position[:, None] - np.arange(start, stop))
        return start, np.float32(np.maximum(0, 1 - distance))

    def _position(self, axis: int, part: slice, margin: int, count: int) -> np.ndarray:
        """Where pixels lie among the centres of cells, float64 [pixels], in [0, count - 1]."""
        pixels = mirrored(np.arange(part.start - margin, part.stop + margin), self._sides[axis])
        return np.clip((pixels + 0.5) / self.cell[axis] - 0.5, 0, count - 1)


class Strips(NamedTuple):
    """Lines from lightness to colour, between the centres of cells in each column of pixels.

    cells: float32 [4, rows, w], see `along_lines`.
    above: the row of cells above each row of pixels, int32 [h].
    below: the weight in [0, 1) of the next row of cells, float32 [h].
    """

    cells: tf.Tensor
    above: tf.Tensor
    below: tf.Tensor

    def lines(self) -> tf.Tensor:
        """Return the lines of all pixels, float32 [4, h, w]."""
        first, second = (tf.gather(self.cells, rows, axis=1) for rows in (self.above, self.above + 1))
        return first + self.below[:, None] * (second - first)


def rows_of_cells(height: int, width: int, size: int, stride: int, side: int) -> int:
    """Return the most rows of cells, of a picture of these sides, between which `side` rows of pixels lie."""
    reduced_height, _ = reduced_sides(height, width, size)
    return math.ceil(min(side, height) * reduced_height / (stride * height)) + 2


def along_lines(lightness: tf.Tensor, lines: tf.Tensor) -> tf.Tensor:
    """Return colours that follow lightness.

    Args:
        lightness: float32 [..., h, w], L* in [0, 100].
        lines: float32 [..., 4, h, w]: the slopes of a and b, and their values at L* = `guided_filter.MIDDLE`.

    Returns:
        ab, float32 [..., h, w, 2], ab units.
    """
    slope_a, slope_b, offset_a, offset_b = tf.unstack(lines, axis=-3)
    above = lightness - MIDDLE
    return tf.stack([slope_a * above + offset_a, slope_b * above + offset_b], axis=-1)


@tf.function(
    input_signature=[tf.TensorSpec([None, None, None, 2]), tf.TensorSpec([None, None, None, 1])], autograph=False
)
def _fitted(ab: tf.Tensor, guide: tf.Tensor) -> tf.Tensor:
    """Fit lines from lightness to colour: slopes and offsets, float32 [B, h, w, 4]."""
    ab, guide = (_extended(x, border(RADIUS)) for x in (ab, guide))
    return tf.concat(lines(ab, guide, RADIUS), axis=-1)


def _extended(x: tf.Tensor, width: int) -> tf.Tensor:
    """Extend pictures [B, H, W, C] by their mirror images."""
    sides = (tf.shape(x)[axis] for axis in (1, 2))
    rows, columns = (mirrored(tf.range(-width, side + width), side) for side in sides)
    return tf.gather(tf.gather(x, rows, axis=1), columns, axis=2)


def reduced(lightness: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Reduce a plane float32 [H, W] to some sides, by the means of cells.

    Pillow gets a few rows of cells at a time, since it copies what it reduces.
    """
    if lightness.shape == sides:
        return lightness
    (height, width), cell = lightness.shape, lightness.shape[0] / sides[0]
    strips = []
    for first in range(0, sides[0], _REDUCED_ROWS):
        last = min(first + _REDUCED_ROWS, sides[0])
        top, bottom = math.floor(first * cell), min(math.ceil(last * cell), height)
        box = (0, first * cell - top, width, min(last * cell, height) - top)
        strip = Image.fromarray(lightness[top:bottom])
        strips.append(np.asarray(strip.resize((sides[1], last - first), Image.Resampling.BOX, box)))
    return np.concatenate(strips)
