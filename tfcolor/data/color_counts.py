"""How often each of the 2^24 colours of 8-bit sRGB occurs: exact, in constant memory. NumPy alone."""

import numpy as np

_COLORS = 2**24
_SLICE = 2**18  # pixels counted at a time
_LOW_24_BITS = np.uint32(_COLORS - 1)
_ONE = np.uint32(1)  # of the table's own type: np.add.at is 20 times slower where it has to convert

# Colours are counted at (R, G - R, B - G) modulo 256, R in the lowest byte: the shades of one surface
# then lie side by side in memory, and counting takes half the time. For the number R + 256 G + 65536 B
# that is one multiplication modulo 2^24, by 1 - 256; (1 - 256) (1 + 256 + 65536) = 1 - 2^24 undoes it.
_TO_PLACE = np.uint32(2**32 + 1 - 256)
_FROM_PLACE = np.uint32(1 + 256 + 65536)


class ColorCounts:
    """Counts of 24-bit colours over any number of pictures: 70 MB, or 200 MB beyond 2^32 pixels."""

    def __init__(self, most_pixels: int = 2**32 - 1):
        """Start at zero.

        Args:
            most_pixels: that the 32-bit table may count before it goes into a 64-bit one.
        """
        self._table = np.zeros(_COLORS, np.uint32)
        self._pixels_left = self._most_pixels = most_pixels
        self._earlier = None  # what the table had counted whenever it was full
        self._numbers = np.empty(_SLICE, np.uint32)  # kept from picture to picture: fresh memory costs time
        self._places = np.empty(_SLICE, np.intp)

    def add(self, rgb: np.ndarray) -> None:
        """Count the pixels of a picture, uint8 [H, W, 3] and contiguous."""
        pixels = rgb.reshape(-1, 3)
        for start in range(0, len(pixels), _SLICE):
            part = pixels[start : start + _SLICE]
            if len(part) > self._pixels_left:
                self._empty_table()
            self._pixels_left -= len(part)
            np.add.at(self._table, self._find_places(part), _ONE)

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """The colours that occur, uint8 [N, 3] in no order of use, and how often each does, int64 [N]."""
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
        """Where colours uint8 [N, 3] are counted."""
        size = len(rgb)
        numbers, places = self._numbers[:size], self._places[:size]
        # Four bytes from every third one on: a pixel and the first byte of the next, which the last has not.
        numbers[:-1] = np.ndarray([size - 1], np.dtype("<u4"), rgb, strides=[3])
        numbers[-1] = int.from_bytes(rgb[-1].tobytes(), "little")
        numbers *= _TO_PLACE
        numbers &= _LOW_24_BITS
        places[...] = numbers
        return places
