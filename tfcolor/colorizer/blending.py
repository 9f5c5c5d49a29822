"""Prediction with networks that see most of a picture: whole, or in windows whose outputs are blended.

A cell of the output stands for stride x stride pixels. Near its borders a window sees padding in place of the picture.
So windows overlap, and the weight of a window falls towards its borders. No window sees the whole picture. So a large
picture is also predicted at reduced size, and both predictions are averaged (`python -m benchmarks.studies.windows`).
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor.colorizer.tiles import Place, cut_with_context
from tfcolor.networks.layers import Network
from tfcolor.utils.mirror import mirrored

WINDOW = 512  # pixels: pictures of up to this size on each side are predicted whole
OVERLAP = 192  # pixels: the least overlap of neighbouring windows
OVERVIEW = 256  # pixels: larger pictures are also predicted reduced to this side, about that of training pictures


class BlendedLogits:
    """The outputs for pictures of one size, computed from top to bottom on demand.

    Only a few rows of windows are in memory at a time. `starts` holds the first row of each row of windows, and the
    first column of each column of windows, in pixels.
    """

    def __init__(
        self,
        predict: Callable[[np.ndarray], tf.Tensor],
        network: Network,
        lightness: np.ndarray,
        window: int = WINDOW,
        overlap: int = OVERLAP,
        overview: int | None = OVERVIEW,
    ):
        """Place the windows; nothing is predicted yet.

        Args:
            predict: maps lightness float32 [B, h, w, 1], with sides that the network takes, to outputs
                float32 [B, h/stride, w/stride, C].
            network: gives `stride`, and `multiple`, to which pictures are extended by mirror images.
            lightness: float32 [B, H, W], L* in [0, 100].
            window: side of the windows in pixels, a multiple of the network's `multiple`.
            overlap: the least overlap of neighbouring windows in pixels.
            overview: the longer side in pixels to which larger pictures are also reduced; None for no such prediction.
        """
        self._predict, self._lightness = predict, lightness
        self._stride, self._multiple = network.stride, network.multiple
        self._window, self._overview = window, overview
        self.starts = [self._window_starts(length, overlap) for length in lightness.shape[1:]]
        self._shares = [
            _shares(starts, min(window, self._padded(length)), overlap, network.stride)
            for starts, length in zip(self.starts, lightness.shape[1:], strict=True)
        ]
        self._rows = np.zeros([len(lightness), 0, 0, 0], np.float32)  # the outputs of rows of cells, from row `_top` on
        self._top = self._num_predicted = 0

    def at(self, place: Place, margin: int = 0, which: slice = slice(None)) -> tf.Tensor:
        """Return the outputs for pixels, interpolated linearly between the centres of cells.

        Args:
            place: part of the pictures; later calls must not go back up.
            margin: pixels around the part to return as well, mirrored at the borders of the picture.
            which: the pictures to return.

        Returns:
            float32 [B, h + 2 margin, w + 2 margin, C].
        """
        pixels = [
            mirrored(np.arange(part.start - margin, part.stop + margin), length)
            for part, length in zip(place, self._lightness.shape[1:], strict=True)
        ]
        (top, bottom), (left, right) = (
            _cells_around(axis, self._stride, share.shape[1]) for axis, share in zip(pixels, self._shares, strict=True)
        )
        cells = self._cells(top, bottom)[which, :, left:right]
        sides = [self._stride * length for length in cells.shape[1:3]]
        enlarged = tf.image.resize(cells, sides, "bilinear")
        rows, columns = (axis - self._stride * first for axis, first in zip(pixels, (top, left), strict=True))
        return tf.gather(tf.gather(enlarged, rows, axis=1), columns, axis=2)

    def _cells(self, top: int, bottom: int) -> np.ndarray:
        """The cells of rows `top` to `bottom`; forgets the rows above."""
        starts = [start // self._stride for start in self.starts[0]]
        while self._num_predicted < len(starts) and starts[self._num_predicted] < bottom:
            self._add_row_of_windows(self._num_predicted, starts[self._num_predicted])
            self._num_predicted += 1
        self._rows, self._top = self._rows[:, top - self._top :], top
        return self._rows[:, : bottom - top]

    def _add_row_of_windows(self, number: int, first: int) -> None:
        rows = self._rows
        for column, left in enumerate(self.starts[1]):
            outputs = self._outputs(self.starts[0][number], left)
            height, width = outputs.shape[1:3]
            missing = first + height - self._top - rows.shape[1]
            if missing > 0:
                empty = np.zeros([len(outputs), missing, self._shares[1].shape[1], outputs.shape[3]], np.float32)
                rows = np.concatenate([rows, empty], axis=1) if rows.shape[1] else empty
            first_column = left // self._stride
            share = np.outer(
                self._shares[0][number, first : first + height],
                self._shares[1][column, first_column : first_column + width],
            )
            rows[:, first - self._top :, first_column : first_column + width] += share[..., None] * outputs
        self._rows = rows

    def _outputs(self, top: int, left: int) -> np.ndarray:
        """The outputs of the window at this pixel."""
        sides = [min(self._window, self._padded(length)) for length in self._lightness.shape[1:]]
        place = tuple(slice(start, start + side) for start, side in zip((top, left), sides, strict=True))
        outputs = self._predict(cut_with_context(self._lightness, place, 0)[..., None])
        if self._overview and max(self._lightness.shape[1:]) > self._overview:
            outputs = (outputs + self._overview_outputs(top, left, outputs.shape[1:3])) / 2
        return outputs.numpy()

    def _overview_outputs(self, top: int, left: int, size: tuple[int, int]) -> tf.Tensor:
        """The outputs of the reduced pictures, interpolated at the cells of a window: [B, h, w, C]."""
        outputs, scale = self._reduced
        around = self._multiple // self._stride
        corner = [-start / self._stride - around * factor for start, factor in zip((top, left), scale, strict=True)]
        return tf.raw_ops.ScaleAndTranslate(
            images=outputs, size=size, scale=scale, translation=corner, kernel_type="triangle", antialias=False
        )

    @cached_property
    def _reduced(self) -> tuple[tf.Tensor, list[float]]:
        """The outputs of the reduced pictures with a border of mirrored cells, and the reduction on each axis.

        The border is needed because the padding of a window reaches beyond the picture.
        """
        lengths = self._lightness.shape[1:]
        sides = [max(1, round(self._overview / max(lengths) * length)) for length in lengths]
        reduced = np.stack(
            [Image.fromarray(picture).resize(sides[::-1], Image.Resampling.BOX) for picture in self._lightness]
        )
        place = tuple(slice(0, self._padded(side)) for side in sides)
        outputs = self._predict(cut_with_context(reduced, place, 0)[..., None])
        around = [self._multiple // self._stride] * 2
        outputs = tf.pad(outputs, [[0, 0], around, around, [0, 0]], "SYMMETRIC")
        return outputs, [length / side for length, side in zip(lengths, sides, strict=True)]

    def _padded(self, length: int) -> int:
        return -(-length // self._multiple) * self._multiple

    def _window_starts(self, length: int, overlap: int) -> list[int]:
        """First pixels of the windows along an axis, multiples of `_multiple`: few and evenly spaced."""
        spare = self._padded(length) - self._window
        if spare <= 0:
            return [0]
        count = 1 + -(-spare // (self._window - overlap))
        return [round(spare * k / (count - 1) / self._multiple) * self._multiple for k in range(count)]


def _shares(starts: list[int], window: int, overlap: int, stride: int) -> np.ndarray:
    """The weight of each window in each cell along an axis: float32 [windows, cells]; each column sums to 1.

    A weight rises linearly from the border of the window over the overlap, except at the border of the picture.
    """
    ramp, width = overlap // stride, window // stride
    shares = np.zeros([len(starts), (starts[-1] + window) // stride], np.float32)
    rising = np.minimum((np.arange(width) + 0.5) / ramp, 1)
    for number, start in enumerate(starts):
        rise = rising if number else np.ones(width)
        fall = rising[::-1] if number < len(starts) - 1 else np.ones(width)
        shares[number, start // stride : start // stride + width] = rise * fall
    return shares / shares.sum(axis=0)


def _cells_around(pixels: np.ndarray, stride: int, count: int) -> tuple[int, int]:
    """The first cell that interpolation at these pixels needs, and the end of these cells."""
    return max(0, pixels.min() // stride - 1), min(count, pixels.max() // stride + 2)
