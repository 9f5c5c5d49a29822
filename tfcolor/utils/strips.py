"""Work on single pixels of a picture of any size, in little memory."""

from collections.abc import Callable

import numpy as np

_STRIP_PIXELS = 2**20


def by_rows(function: Callable[..., np.ndarray], *pictures: np.ndarray) -> np.ndarray:
    """Apply a function of single pixels to strips of rows, one after the other.

    Args:
        function: maps strips [h, W, ...] of all pictures to an array or tensor [h, W, ...].
        pictures: arrays [H, W, ...], not empty, all of the same height and width.

    Returns:
        The function's result for the whole pictures, [H, W, ...].
    """
    height, width = pictures[0].shape[:2]
    rows = max(1, _STRIP_PIXELS // width)
    result = None
    for top in range(0, height, rows):
        strip = np.asarray(function(*(picture[top : top + rows] for picture in pictures)))
        if result is None:
            result = np.empty([height, *strip.shape[1:]], strip.dtype)
        result[top : top + rows] = strip
    return result
