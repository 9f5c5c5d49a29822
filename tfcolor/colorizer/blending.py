"""Pictures through a network that sees far: whole, or in windows whose outputs are blended where they overlap.

A cell of such a network's output stands for stride x stride pixels. What a window sees at its borders is not the
picture but padding, so windows overlap, and each counts the less the nearer a cell is to its border. What no window
sees is the picture as a whole, so a large one is also predicted reduced, and that counts as much as the windows
(`python -m benchmarks.studies.windows`).
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor.colorizer.tiles import Place, cut_with_context
from tfcolor.networks.layers import Network
from tfcolor.utils.mirror import mirrored

WINDOW = 512  # pixels; pictures of up to so many on each side go whole
OVERLAP = 192  # pixels, at least, of windows side by side
OVERVIEW = 256  # pixels; pictures with a longer side are also seen reduced to it, about the size of those trained on


class BlendedLogits:
    """The outputs for pictures of one size, made from top to bottom as they are asked for.

    A few rows of windows are in memory at a time, never the whole pictures. `starts` says where windows begin, down
    and right.
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
        """Look at the pictures; nothing is predicted yet.

        Args:
            predict: lightness float32 [B, h, w, 1], sides multiples of the network's -> outputs
                float32 [B, h/stride, w/stride, C].
            network: its `stride`, and the `multiple` to which pictures are continued by mirror images.
            lightness: float32 [B, H, W], L* in [0, 100].
            window: side of the windows in pixels, a multiple of the network's.
            overlap: of windows side by side, in pixels, at least.
            overview: the longer side to which larger pictures are reduced to be seen as a whole; None for never.
        """
        self._predict, self._lightness = predict, lightness
        self._stride, self._multiple = network.stride, network.multiple
        self._window, self._overview = window, overview
        self.starts = [self._window_starts(length, overlap) for length in lightness.shape[1:]]
        self._shares = [
            _shares(starts, min(window, self._padded(length)), overlap, network.stride)
            for starts, length in zip(self.starts, lightness.shape[1:], strict=True)
        ]
        self._rows = np.zeros([len(lightness), 0, 0, 0], np.float32)  # outputs of rows of cells from `_top` on
        self._top = self._num_predicted = 0

    def at(self, place: Place, more: int = 0, which: slice = slice(None)) -> tf.Tensor:
        """The outputs for pixels, linear between the middles of cells.

        Args:
            place: a part of the pictures, not above one that was asked for before.
            more: pixels around it as well, reflected at the borders.
            which: of the pictures.

        Returns:
            float32 [B, h + 2 more, w + 2 more, C].
        """
        pixels = [
            mirrored(np.arange(part.start - more, part.stop + more), length)
            for part, length in zip(place, self._lightness.shape[1:], strict=True)
        ]
        (top, bottom), (left, right) = (
            _cells_around(each, self._stride, share.shape[1]) for each, share in zip(pixels, self._shares, strict=True)
        )
        cells = self._cells(top, bottom)[which, :, left:right]
        sides = [self._stride * length for length in cells.shape[1:3]]
        enlarged = tf.image.resize(cells, sides, "bilinear")
        rows, columns = (each - self._stride * start for each, start in zip(pixels, (top, left), strict=True))
        return tf.gather(tf.gather(enlarged, rows, axis=1), columns, axis=2)

    def _cells(self, top: int, bottom: int) -> np.ndarray:
        """Rows of cells; those above are forgotten."""
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
            from_left = left // self._stride
            share = np.outer(
                self._shares[0][number, first : first + height], self._shares[1][column, from_left : from_left + width]
            )
            rows[:, first - self._top :, from_left : from_left + width] += share[..., None] * outputs
        self._rows = rows

    def _outputs(self, top: int, left: int) -> np.ndarray:
        """Those of a window."""
        sides = [min(self._window, self._padded(length)) for length in self._lightness.shape[1:]]
        place = tuple(slice(start, start + side) for start, side in zip((top, left), sides, strict=True))
        outputs = self._predict(cut_with_context(self._lightness, place, 0)[..., None])
        if self._overview and max(self._lightness.shape[1:]) > self._overview:
            outputs = (outputs + self._seen_as_a_whole(top, left, outputs.shape[1:3])) / 2
        return outputs.numpy()

    def _seen_as_a_whole(self, top: int, left: int, size: tuple[int, int]) -> tf.Tensor:
        """What the reduced pictures give for the cells of a window: [B, h, w, C], linear between their own cells."""
        outputs, scale = self._reduced
        around = self._multiple // self._stride
        corner = [-start / self._stride - around * by for start, by in zip((top, left), scale, strict=True)]
        return tf.raw_ops.ScaleAndTranslate(
            images=outputs, size=size, scale=scale, translation=corner, kernel_type="triangle", antialias=False
        )

    @cached_property
    def _reduced(self) -> tuple[tf.Tensor, list[float]]:
        """The outputs for the reduced pictures and for cells around them, and by how much they are smaller.

        A window's cells of padding lie outside of the picture, so that its outermost cells are repeated there.
        """
        lengths = self._lightness.shape[1:]
        sides = [max(1, round(self._overview / max(lengths) * length)) for length in lengths]
        reduced = np.stack(
            [Image.fromarray(each).resize(sides[::-1], Image.Resampling.BOX) for each in self._lightness]
        )
        place = tuple(slice(0, self._padded(side)) for side in sides)
        outputs = self._predict(cut_with_context(reduced, place, 0)[..., None])
        around = [self._multiple // self._stride] * 2
        outputs = tf.pad(outputs, [[0, 0], around, around, [0, 0]], "SYMMETRIC")
        return outputs, [length / side for length, side in zip(lengths, sides, strict=True)]

    def _padded(self, length: int) -> int:
        return -(-length // self._multiple) * self._multiple

    def _window_starts(self, length: int, overlap: int) -> list[int]:
        """Where windows begin along an axis, multiples of the network's: as few as overlap enough, evenly spaced."""
        spare = self._padded(length) - self._window
        if spare <= 0:
            return [0]
        count = 1 + -(-spare // (self._window - overlap))
        return [round(spare * k / (count - 1) / self._multiple) * self._multiple for k in range(count)]


def _shares(starts: list[int], window: int, overlap: int, stride: int) -> np.ndarray:
    """How much each window counts in each cell along an axis: float32 [windows, cells], sums of columns 1.

    It rises evenly from a window's border over the overlap, except at the border of the picture.
    """
    ramp, width = overlap // stride, window // stride
    shares = np.zeros([len(starts), (starts[-1] + window) // stride], np.float32)
    from_left = np.minimum((np.arange(width) + 0.5) / ramp, 1)
    for number, start in enumerate(starts):
        rise = from_left if number else np.ones(width)
        fall = from_left[::-1] if number < len(starts) - 1 else np.ones(width)
        shares[number, start // stride : start // stride + width] = rise * fall
    return shares / shares.sum(axis=0)


def _cells_around(pixels: np.ndarray, stride: int, count: int) -> tuple[int, int]:
    """The first and the end of the cells that these pixels lie between."""
    return max(0, pixels.min() // stride - 1), min(count, pixels.max() // stride + 2)
