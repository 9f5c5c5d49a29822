"""Training windows cut out of photographs, with a cache of decoded photographs in memory."""

import logging
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from tfcolor.photographs.pixels import UnreadableImage, read_photo
from tfcolor.utils.errors import WorkError
from tfcolor.utils.mirror import mirrored

log = logging.getLogger(__name__)
_LOCKS = 64  # more than there are reading threads
_CACHE_BYTES = 2 * 2**30  # of decoded pixels; photographs that do not fit are decoded each time


def cut_window(
    rgb: np.ndarray, patch: int, place: np.ndarray, size: np.float32, zoom: float, is_mirrored: bool = False
) -> np.ndarray:
    """Cut a window out of a photograph.

    Args:
        rgb: uint8 [H, W, 3], sRGB; if smaller than a window, it is extended by mirror images.
        patch: side of the returned window in pixels.
        place: float32 [2] in [0, 1): 0 is the topmost or leftmost position where the window fits, 1 the last one.
        size: in [0, 1): the side that is cut, from patch / zoom (0) to patch * zoom (1), at most the photograph's.
        zoom: at least 1; the cut window is resized to `patch`.
        is_mirrored: whether left and right are exchanged. Pillow does it in a tenth of TensorFlow's time.

    Returns:
        uint8 [patch, patch, 3], sRGB.
    """
    rgb = extended(rgb, patch)
    side = min(round(patch * zoom ** (2 * float(size) - 1)), *rgb.shape[:2])
    top, left = (place * (np.array(rgb.shape[:2]) - side + 1)).astype(int)
    window = rgb[top : top + side, left : left + side]
    if side == patch and not is_mirrored:
        return window
    image = Image.fromarray(window)
    if side != patch:
        image = image.resize([patch] * 2, Image.Resampling.BICUBIC)
    return np.asarray(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if is_mirrored else image)


def extended(rgb: np.ndarray, side: int) -> np.ndarray:
    """Extend a picture [H, W, 3] by mirror images, down and right, to at least `side` pixels on each axis."""
    for axis in (0, 1):
        length = rgb.shape[axis]
        if length < side:
            rgb = rgb.take(mirrored(np.arange(side), length), axis)
    return rgb


class Windows:
    """Cuts windows out of photographs, and keeps as many photographs decoded in memory as fit."""

    def __init__(self, paths: list[Path], patch: int, cache_bytes: int = _CACHE_BYTES, zoom: float = 1.0):
        """Remember the paths, and read one photograph.

        Args:
            paths: paths of the photographs; unreadable ones are skipped with a warning.
            patch: side of the square windows in pixels.
            cache_bytes: the largest number of bytes of decoded pixels to keep.
            zoom: at least 1; windows are cut up to this many times smaller or larger, then resized to `patch`.

        Raises:
            WorkError: if no photograph can be read.
        """
        self.paths, self.patch, self.zoom = paths, patch, zoom
        self._cache: dict[int, np.ndarray] = {}
        self._cache_left = cache_bytes
        self._unreadable: set[int] = set()
        self._lock = threading.Lock()  # guards the cache and `_cache_left`
        self._reading = [threading.Lock() for _ in range(_LOCKS)]  # so that no photograph is decoded twice at once
        self._first_readable(0)  # fails here if none is readable; inside `tf.data` the WorkError would be lost

    def cut(self, index: np.int64, place: np.ndarray, size: np.float32 = 0.5, is_mirrored: bool = False) -> np.ndarray:
        """Cut a window out of the photograph with this index, or out of the next readable one; see `cut_window`."""
        return cut_window(self._first_readable(int(index)), self.patch, place, size, self.zoom, is_mirrored)

    def cut_all(
        self, indices: np.ndarray, places: np.ndarray, sizes: np.ndarray, are_mirrored: np.ndarray
    ) -> np.ndarray:
        """Cut several windows, uint8 [B, patch, patch, 3]; the arguments are arrays [B, ...] of those of `cut`."""
        return np.stack([self.cut(*one) for one in zip(indices, places, sizes, are_mirrored, strict=True)])

    def _first_readable(self, index: int) -> np.ndarray:
        for offset in range(len(self.paths)):
            rgb = self._pixels((index + offset) % len(self.paths))
            if rgb is not None:
                return rgb
        raise WorkError(f"none of the {len(self.paths)} photographs for training can be read")

    def _pixels(self, index: int) -> np.ndarray | None:
        if index in self._cache:
            return self._cache[index]
        with self._reading[index % _LOCKS]:
            if index in self._cache or index in self._unreadable:
                return self._cache.get(index)
            return self._read(index)

    def _read(self, index: int) -> np.ndarray | None:
        try:
            rgb = read_photo(self.paths[index]).rgb
        except UnreadableImage as error:
            self._unreadable.add(index)
            log.warning("skipping %s: %s", self.paths[index], error)
            return None
        rgb = extended(rgb, self.patch)
        with self._lock:
            if rgb.nbytes <= self._cache_left:
                self._cache_left -= rgb.nbytes
                self._cache[index] = rgb
        return rgb
