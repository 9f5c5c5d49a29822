"""Settings of Pillow and tifffile that would be in the way while photographs are read and written.

Pillow warns of large pictures and then refuses them; the readers here have a limit of their own, and one clear error.
tifffile logs what is wrong with a file; the one error for that file says it. Both settings belong to the whole process,
so they are changed only while a photograph is read or written, and then put back.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from PIL import Image


class _Change:
    """A context manager that changes a setting of the process while any thread is inside.

    The first thread that enters makes the change, and the last one that leaves puts the setting back.
    """

    def __init__(self, swap: Callable[[Any], Any], value: object):
        """Take a function that sets the setting and returns what it was before, and the value to set."""
        self._swap, self._value = swap, value
        self._lock = threading.Lock()
        self._num_inside = 0
        self._before: object = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._num_inside:
                self._before = self._swap(self._value)
            self._num_inside += 1

    def __exit__(self, *exception: object) -> None:
        with self._lock:
            self._num_inside -= 1
            if not self._num_inside:
                self._swap(self._before)


def _swap_limit(limit: int | None) -> int | None:
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, limit
    return before


def _swap_level(level: int) -> int:
    logger = logging.getLogger("tifffile")
    before = logger.level
    logger.setLevel(level)
    return before


no_pillow_limit = _Change(_swap_limit, None)
no_tifffile_log = _Change(_swap_level, logging.CRITICAL)
