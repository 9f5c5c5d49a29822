"""Windows cut out of photographs, which stay decoded in memory as far as there is room."""

import logging
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from tfcolor.photographs.pixels import UnreadableImage, read_photo
from tfcolor.utils.errors import WorkError
from tfcolor.utils.mirror import mirrored

log = logging.getLogger(__name__)
_LOCKS = 64  # more than threads that read
_CACHE_BYTES = 2 * 2**30  # of decoded pixels; photographs beyond that are decoded each time


def cut_window(rgb: np.ndarray, patch: int, place: np.ndarray, size: np.float32, zoom: float) -> np.ndarray:
    """Cut a window out of a photograph.

    Args:
        rgb: uint8 [H, W, 3], sRGB; one that is smaller than a window goes on by mirror images.
        patch: side of the window in pixels.
        place: float32 [2] in [0, 1), how far down and right of all places where it fits.
        size: in [0, 1), from smaller by all of the zoom to larger by as much, as far as the photograph goes.
        zoom: at least 1: by how much windows may be cut larger or smaller, to be resized to `patch`.

    Returns:
        uint8 [patch, patch, 3], sRGB.
    """
    rgb = extended(rgb, patch)
    side = min(round(patch * zoom ** (2 * float(size) - 1)), *rgb.shape[:2])
    top, left = (place * (np.array(rgb.shape[:2]) - side + 1)).astype(int)
    window = rgb[top : top + side, left : left + side]
    if side == patch:
        return window
    return np.asarray(Image.fromarray(window).resize([patch] * 2, Image.Resampling.BICUBIC))


def extended(rgb: np.ndarray, side: int) -> np.ndarray:
    """A picture [H, W, 3] that is continued by mirror images, down and right, where it is smaller than `side`."""
    for axis in (0, 1):
        length = rgb.shape[axis]
        if length < side:
            rgb = rgb.take(mirrored(np.arange(side), length), axis)
    return rgb


class Windows:
    """Cuts windows out of photographs, of which as many as fit stay decoded in memory."""

    def __init__(self, paths: list[Path], patch: int, cache_bytes: int = _CACHE_BYTES, zoom: float = 1.0):
        """Remember where the photographs are.

        Args:
            paths: of the photographs; those that cannot be read are skipped with a warning.
            patch: side of the square windows in pixels.
            cache_bytes: how many bytes of decoded pixels to keep.
            zoom: at least 1: by how much windows may be cut larger or smaller, to be resized to `patch`.

        Raises:
            WorkError: where no photograph can be read.
        """
        self.paths, self.patch, self.zoom = paths, patch, zoom
        self._cache: dict[int, np.ndarray] = {}
        self._cache_left = cache_bytes
        self._unreadable: set[int] = set()
        self._lock = threading.Lock()  # of the cache and what is left for it
        self._reading = [threading.Lock() for _ in range(_LOCKS)]  # so that no photograph is read twice at once
        self._readable(0)  # fails here, where the error is still one of Python's

    def cut(self, index: np.int64, place: np.ndarray, size: np.float32 = 0.5) -> np.ndarray:
        """Cut a window, see `cut_window`, out of the photograph with this index, or of the next that can be read."""
        return cut_window(self._readable(int(index)), self.patch, place, size, self.zoom)

    def _readable(self, index: int) -> np.ndarray:
        for turn in range(len(self.paths)):
            rgb = self._pixels((index + turn) % len(self.paths))
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
