"""Counts of the 2^24 colours of 8-bit sRGB: exact, in constant memory. NumPy alone."""

import numpy as np

_COLORS = 2**24
_SLICE = 2**18  # pixels counted at a time
_LOW_24_BITS = np.uint32(_COLORS - 1)
_ONE = np.uint32(1)  # of the table's type: np.add.at is 20 times slower if it has to convert

# The place of a colour in the table is (R, G - R, B - G) modulo 256, with R in the lowest byte. So the shades of
# one surface lie side by side in memory, and counting takes half the time. From the number R + 256 G + 65536 B
# the place is made by one multiplication modulo 2^24, by 1 - 256. Because of
# (1 - 256) (1 + 256 + 65536) = 1 - 2^24, a multiplication by the second factor undoes it.
_TO_PLACE = np.uint32(2**32 + 1 - 256)
_FROM_PLACE = np.uint32(1 + 256 + 65536)


class ColorCounts:
    """Counts of 24-bit colours over any number of pictures, in 70 MB of memory; 200 MB beyond 2^32 pixels."""

    def __init__(self, most_pixels: int = 2**32 - 1):
        """Start at zero.

        Args:
            most_pixels: number of pixels that the 32-bit table may count before it is added to a 64-bit one.
        """
        self._table = np.zeros(_COLORS, np.uint32)
        self._pixels_left = self._most_pixels = most_pixels
        self._earlier = None  # the counts of all full tables before this one
        self._numbers = np.empty(_SLICE, np.uint32)  # reused for every picture: fresh memory costs time
        self._places = np.empty(_SLICE, np.intp)

    def add(self, rgb: np.ndarray) -> None:
        """Count the pixels of a picture, uint8 [H, W, 3] in contiguous memory."""
        pixels = rgb.reshape(-1, 3)
        for start in range(0, len(pixels), _SLICE):
            part = pixels[start : start + _SLICE]
            if len(part) > self._pixels_left:
                self._empty_table()
            self._pixels_left -= len(part)
            np.add.at(self._table, self._find_places(part), _ONE)

    def add_counts(self, rgb: np.ndarray, counts: np.ndarray) -> None:
        """Add what `distinct` of other pictures returned."""
        self._empty_table()
        for start in range(0, len(rgb), _SLICE):
            part = np.ascontiguousarray(rgb[start : start + _SLICE])
            self._earlier[self._find_places(part)] += counts[start : start + _SLICE]  # each colour occurs once

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the colours that occur, uint8 [N, 3] in arbitrary order, and how often each does, int64 [N]."""
        if self._earlier is not None:
            self._empty_table()
        counts = self._table if self._earlier is None else self._earlier
        places = np.flatnonzero(counts)
        numbers = places.astype(np.uint32) * _FROM_PLACE
        rgb = numbers.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :3]
        return rgb, counts[places].astype(np.int64)

    def _empty_table(self) -> None:
        if self._earlier is None:
            self._earlier = np.zeros(_COLORS, np.int64)
        self._earlier += self._table
        self._table[:] = 0
        self._pixels_left = self._most_pixels

    def _find_places(self, rgb: np.ndarray) -> np.ndarray:
        """Find the places of colours, uint8 [N, 3], in the table."""
        size = len(rgb)
        numbers, places = self._numbers[:size], self._places[:size]
        # Read four bytes at every third one: a pixel and the first byte of the next. The last pixel has no next.
        numbers[:-1] = np.ndarray([size - 1], np.dtype("<u4"), rgb, strides=[3])
        numbers[-1] = int.from_bytes(rgb[-1].tobytes(), "little")
        numbers *= _TO_PLACE
        numbers &= _LOW_24_BITS
        places[...] = numbers
        return places
