"""Decoded pixels in the file's own colour space."""

from dataclasses import dataclass, replace

import numpy as np

from tfcolor.photographs.metadata import Metadata

# What turns a picture upright, by its orientation (EXIF 2.32, tag 0x0112). Axes 0 and 1 are height and width.
_UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x[::-1].swapaxes(0, 1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x[:, ::-1].swapaxes(0, 1),
}


@dataclass(frozen=True)
class Raster:
    """A decoded picture in its own colours.

    pixels: uint8 or uint16 [H, W, C]: 1 channel of gray, 3 of RGB, or 4 of CMYK (0 is no ink).
    alpha: [H, W] of the same type, or None.
    metadata: what the file holds besides the pixels.
    orientation: 1 ... 8, as in EXIF.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    metadata: Metadata
    orientation: int = 1

    def upright(self) -> "Raster":
        """Return the picture turned upright by its orientation."""
        turn = _UPRIGHT[self.orientation]
        alpha = None if self.alpha is None else np.ascontiguousarray(turn(self.alpha))
        return replace(self, pixels=np.ascontiguousarray(turn(self.pixels)), alpha=alpha, orientation=1)
