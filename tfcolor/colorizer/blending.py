"""Pictures through a network that sees far: whole, or in windows whose logits are blended where they overlap.

Such a network gives fewer pixels than it takes: a cell of its output stands for stride x stride pixels. What a
window sees at its borders is not the picture but padding, so windows overlap, and each counts the less the nearer
a cell is to its border. What no window sees is the picture as a whole, so a large one is also predicted reduced,
and that counts as much as the windows (`python -m tfcolor.studies.windows`).
"""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor.colorizer.tiles import cut_with_context

WINDOW = 512  # pixels; pictures of up to so many on each side go whole
OVERLAP = 192  # pixels, at least, of windows side by side
OVERVIEW = 256  # pixels; pictures with a longer side are also seen reduced to it, about the size of those trained on
MULTIPLE = 8  # of which the sides of what goes through a network are


class Field:
    """The logits of a picture, made from top to bottom as they are asked for.

    A few rows of windows are in memory at a time, never the whole picture. `starts` says where windows begin, down and
    right.
    """

    def __init__(
        self,
        predict: Callable[[np.ndarray], tf.Tensor],
        lightness: np.ndarray,
        stride: int,
        window: int = WINDOW,
        overlap: int = OVERLAP,
        overview: int | None = OVERVIEW,
    ):
        """Look at a picture; nothing is predicted yet.

        Args:
            predict: lightness float32 [1, h, w, 1], sides multiples of 8 -> logits float32 [1, h/stride, w/stride, Q].
            lightness: float32 [H, W], L* in [0, 100]; extended by reflection to multiples of 8.
            stride: pixels on each axis for a cell.
            window: side of the windows in pixels, a multiple of 8.
            overlap: of windows side by side, in pixels, at least.
            overview: the longer side to which larger pictures are reduced to be seen as a whole; None for never.
        """
        self._predict, self._lightness, self._stride = predict, lightness, stride
        self._window, self._overview = window, overview
        self.starts = [_window_starts(length, window, overlap) for length in lightness.shape]
        self._shares = [
            _shares(starts, min(window, _padded(length)), overlap, stride)
            for starts, length in zip(self.starts, lightness.shape, strict=True)
        ]
        self._rows = np.zeros([0, 0, 0], np.float32)  # logits of rows of cells from `_top` on
        self._top = self._num_predicted = 0

    def enlarged(self, inside: tuple[slice, slice], more: int = 0) -> tf.Tensor:
        """The logits of pixels, linear between the middles of cells.

        Args:
            inside: a part of the picture, not above one that was asked for before.
            more: pixels around it as well, reflected at the picture's borders.

        Returns:
            float32 [h + 2 more, w + 2 more, Q].
        """
        places = [_mirrored(place, length, more) for place, length in zip(inside, self._lightness.shape, strict=True)]
        (top, bottom), (left, right) = (
            _cells_around(place, self._stride, share.shape[1])
            for place, share in zip(places, self._shares, strict=True)
        )
        cells = self._cells(top, bottom)[:, left:right]
        sides = [self._stride * length for length in cells.shape[:2]]
        pixels = tf.image.resize(cells[None], sides, "bilinear")[0]
        rows, columns = (place - self._stride * start for place, start in zip(places, (top, left), strict=True))
        return tf.gather(tf.gather(pixels, rows, axis=0), columns, axis=1)

    def _cells(self, top: int, bottom: int) -> np.ndarray:
        """Rows of cells; those above are forgotten."""
        starts = [start // self._stride for start in self.starts[0]]
        while self._num_predicted < len(starts) and starts[self._num_predicted] < bottom:
            self._add_row_of_windows(self._num_predicted, starts[self._num_predicted])
            self._num_predicted += 1
        self._rows, self._top = self._rows[top - self._top :], top
        return self._rows[: bottom - top]

    def _add_row_of_windows(self, number: int, first: int) -> None:
        rows = self._rows
        for column, left in enumerate(self.starts[1]):
            logits = self._logits(self.starts[0][number], left)
            height, width = logits.shape[:2]
            missing = first + height - self._top - len(rows)
            if missing > 0:
                empty = np.zeros([missing, self._shares[1].shape[1], logits.shape[2]], np.float32)
                rows = np.concatenate([rows, empty]) if len(rows) else empty
            from_left = left // self._stride
            share = np.outer(
                self._shares[0][number, first : first + height], self._shares[1][column, from_left : from_left + width]
            )
            rows[first - self._top :, from_left : from_left + width] += share[..., None] * logits
        self._rows = rows

    def _logits(self, top: int, left: int) -> np.ndarray:
        sides = (min(self._window, _padded(length)) for length in self._lightness.shape)
        inside = tuple(slice(start, start + side) for start, side in zip((top, left), sides, strict=True))
        logits = self._predict(cut_with_context(self._lightness, inside, 0)[None, ..., None])
        if self._overview and max(self._lightness.shape) > self._overview:
            logits = (logits + self._seen_as_a_whole(top, left, logits.shape[1:3])) / 2
        return logits[0].numpy()

    def _seen_as_a_whole(self, top: int, left: int, size: tuple[int, int]) -> tf.Tensor:
        """What the reduced picture gives for the cells of a window: float32 [1, h, w, Q], linear between its own."""
        logits, scale = self._reduced
        around = MULTIPLE // self._stride
        corner = [-start / self._stride - around * by for start, by in zip((top, left), scale, strict=True)]
        return tf.raw_ops.ScaleAndTranslate(
            images=logits, size=size, scale=scale, translation=corner, kernel_type="triangle", antialias=False
        )

    @cached_property
    def _reduced(self) -> tuple[tf.Tensor, list[float]]:
        """The logits of the reduced picture and of cells around it, and by how much it is smaller, down and right.

        A window's cells of padding lie outside of the picture, so that its outermost cells are repeated there.
        """
        scale = self._overview / max(self._lightness.shape)
        sides = [max(1, round(scale * length)) for length in self._lightness.shape]
        picture = np.asarray(Image.fromarray(self._lightness).resize(sides[::-1], Image.Resampling.BOX))
        inside = tuple(slice(0, _padded(side)) for side in sides)
        logits = self._predict(cut_with_context(picture, inside, 0)[None, ..., None])
        around = [MULTIPLE // self._stride] * 2
        logits = tf.pad(logits, [[0, 0], around, around, [0, 0]], "SYMMETRIC")
        return logits, [length / side for length, side in zip(self._lightness.shape, sides, strict=True)]


def _padded(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE


def _window_starts(length: int, window: int, overlap: int) -> list[int]:
    """Where windows begin along an axis, multiples of 8: as few as overlap enough, evenly spaced."""
    spare = _padded(length) - window
    if spare <= 0:
        return [0]
    count = 1 + -(-spare // (window - overlap))
    return [round(spare * k / (count - 1) / MULTIPLE) * MULTIPLE for k in range(count)]


def _shares(starts: list[int], window: int, overlap: int, stride: int) -> np.ndarray:
    """How much each window counts in each cell along an axis: float32 [windows, cells], sums of columns 1.

    It rises evenly from a window's border over the overlap, but not from that of the picture.
    """
    ramp, width = overlap // stride, window // stride
    shares = np.zeros([len(starts), (starts[-1] + window) // stride], np.float32)
    from_left = np.minimum((np.arange(width) + 0.5) / ramp, 1)
    for number, start in enumerate(starts):
        rise = from_left if number else np.ones(width)
        fall = from_left[::-1] if number < len(starts) - 1 else np.ones(width)
        shares[number, start // stride : start // stride + width] = rise * fall
    return shares / shares.sum(axis=0)


def _mirrored(place: slice, length: int, more: int) -> np.ndarray:
    """Pixels along an axis with `more` on both sides, reflected (again and again) at the picture's borders."""
    period = max(2 * (length - 1), 1)
    pixels = np.arange(place.start - more, place.stop + more) % period
    return np.minimum(pixels, period - pixels)


def _cells_around(pixels: np.ndarray, stride: int, count: int) -> tuple[int, int]:
    """The first and the end of the cells that these pixels lie between."""
    return max(0, pixels.min() // stride - 1), min(count, pixels.max() // stride + 2)
