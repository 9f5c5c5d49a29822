"""Counts of the 2^24 colours of three bytes: exact, in constant memory. No TensorFlow."""

import threading

import numpy as np
from scipy.sparse import _sparsetools

_COLORS = 2**24
_SLICE = 2**16  # pixels counted at a time, whose places fit into the cache of a core
_LOW_24_BITS = np.uint32(_COLORS - 1)
_ONES = np.ones(_SLICE, np.uint32)


class ColorCounts:
    """Counts of 24-bit colours over any number of pictures, in 70 MB of memory; 200 MB beyond 2^32 pixels.

    Several threads may add to it.
    """

    def __init__(self, most_pixels: int = 2**32 - 1):
        """Start at zero.

        Args:
            most_pixels: number of pixels that the 32-bit table may count before it is added to a 64-bit one.
        """
        self._table = np.zeros(_COLORS, np.uint32)
        self._pixels_left = self._most_pixels = most_pixels
        self._earlier = None  # the counts of all full tables before this one
        self._lock = threading.Lock()
        self._own = threading.local()  # memory for places: fresh memory for every picture would cost time

    def add(self, colors: np.ndarray) -> None:
        """Count the pixels of a picture, uint8 [..., 3] in contiguous memory."""
        pixels = colors.reshape(-1, 3)
        for start in range(0, len(pixels), _SLICE):
            places = self._places(pixels[start : start + _SLICE])
            with self._lock:
                if len(places) > self._pixels_left:
                    self._empty_table()
                self._pixels_left -= len(places)
                _add_ones(self._table, places)

    def add_counts(self, colors: np.ndarray, counts: np.ndarray) -> None:
        """Add what `distinct` of other pictures returned."""
        with self._lock:
            self._empty_table()
            for start in range(0, len(colors), _SLICE):
                part = np.ascontiguousarray(colors[start : start + _SLICE])
                self._earlier[self._places(part)] += counts[start : start + _SLICE]  # each colour occurs once

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the colours that occur, uint8 [N, 3] in a fixed order, and how often each does, int64 [N]."""
        with self._lock:
            if self._earlier is not None:
                self._empty_table()
            elif self._pixels_left == self._most_pixels:  # to read the table would touch all its memory
                return np.empty([0, 3], np.uint8), np.empty(0, np.int64)
            counts = self._table if self._earlier is None else self._earlier
            places = np.flatnonzero(counts != 0)  # in a third of the time that it takes for numbers
            return places.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3], counts[places].astype(np.int64)

    def _empty_table(self) -> None:
        if self._earlier is None:
            self._earlier = np.zeros(_COLORS, np.int64)
        self._earlier += self._table
        self._table[:] = 0
        self._pixels_left = self._most_pixels

    def _places(self, colors: np.ndarray) -> np.ndarray:
        """The places in the table of colours, uint8 [N, 3]: numbers whose lowest byte is a colour's first.

        So the shades of one Cb and Cr lie side by side in memory.
        """
        if not hasattr(self._own, "places"):
            self._own.places = np.empty(_SLICE, np.uint32)
        places = self._own.places[: len(colors)]
        # Read four bytes at every third one: a pixel and the first byte of the next. The last pixel has no next.
        numbers = np.ndarray([len(colors) - 1], np.dtype("<u4"), colors, strides=[3])
        np.bitwise_and(numbers, _LOW_24_BITS, out=places[:-1])
        places[-1] = int.from_bytes(colors[-1].tobytes(), "little")
        return places.view(np.int32)


def _add_ones(table: np.ndarray, places: np.ndarray) -> None:
    """Add 1 to `table`, uint32 [N], at every one of the places, int32 [M], of which some may be equal.

    It is y += A x for a sparse matrix of one column, which has a 1 in the row of each place. SciPy's function for that
    takes half of the time of np.add.at(table, places, 1), and none of it inside Python's lock.
    """
    column = np.array([0, len(places)], np.int32)
    _sparsetools.csc_matvec(len(table), 1, column, places, _ONES[: len(places)], _ONES[:1], table)
