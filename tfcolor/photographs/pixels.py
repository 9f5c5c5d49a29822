"""A photograph file -> 8-bit pixels to learn and measure from. Pillow decodes; `scan` equals it.

What is coloured is read by `originals`, which keeps more.
"""

import contextlib
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tfcolor.utils.files import replacing

MAX_PIXELS = 300_000_000  # larger pictures are more likely bombs than photographs
READERS = 4  # threads that decode at once, and pictures that wait decoded, small ones
_PIXELS_AHEAD = 64_000_000  # of all pictures in memory, the one in use included, for another to be read ahead
# What Pillow's decoders let through for a broken file; each format has its own ways.
_BROKEN_IMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    AttributeError,
    AssertionError,
    struct.error,
    zlib.error,
)
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit warns first; ours is one clear error


class UnreadableImage(Exception):
    """A file that is no image, or a broken one. The message says why, without the path."""


@dataclass(frozen=True)
class Photo:
    """A decoded photograph.

    rgb: uint8 [H, W, 3], sRGB, upright.
    alpha: uint8 [H, W], or None where every pixel is opaque.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None

    @property
    def has_color(self) -> bool:
        """Whether any pixel is not gray."""
        return bool((self.rgb != self.rgb[..., :1]).any())


def read_photo(path: str | Path) -> Photo:
    """Decode an image file of any kind that Pillow knows, upright by its EXIF orientation.

    Args:
        path: the file.

    Returns:
        The photograph. 16-bit grays are rounded to 8 bits; of an animation, the first frame.

    Raises:
        UnreadableImage: for anything that cannot be decoded, truncated files included.
    """
    return _opened(path, _upright)


def read_size(path: str | Path) -> tuple[int, int]:
    """Read an image file's width and height from its header, before any EXIF rotation.

    Raises:
        UnreadableImage: for anything that is no image or larger than can be read.
    """
    return _opened(path, lambda image: image.size)


def _opened(path, use):
    with refusing(), Image.open(path) as image:
        check_size(*image.size, MAX_PIXELS)
        return use(image)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever a decoder raises for a broken file into an UnreadableImage that says why in one line."""
    try:
        yield
    except UnreadableImage:
        raise
    except Image.UnidentifiedImageError as error:
        raise UnreadableImage("not an image that can be read") from error
    except _BROKEN_IMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreadableImage(" ".join(reason.split())) from error


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise UnreadableImage for a picture that declares more pixels than may be, or none."""
    if width * height > max_pixels:
        raise UnreadableImage(f"{width}x{height} pixels, more than {max_pixels:,}")
    if width < 1 or height < 1:
        raise UnreadableImage(f"{width}x{height} pixels, so there is nothing in it")


def _upright(image: Image.Image) -> Photo:
    ImageOps.exif_transpose(image, in_place=True)  # a copy of 100 megapixels would be 400 MB
    return _photo(image)


def _photo(image: Image.Image) -> Photo:
    if image.mode.startswith("I") or image.mode == "F":
        return Photo(_gray_to_rgb(_deep_gray(image)), None)
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        if (alpha == 255).all():
            alpha = None
    return Photo(np.asarray(image if image.mode == "RGB" else image.convert("RGB")), alpha)


def _deep_gray(image: Image.Image) -> np.ndarray:
    """Round 16-bit gray (Pillow's modes I;16 and I) to uint8; Pillow itself would clip it at 255."""
    gray = np.asarray(image).astype(np.float64)
    if image.mode == "F" or gray.min() < 0 or gray.max() > 65535:
        raise UnreadableImage(f"gray values of mode {image.mode} without a known range")
    return np.round(gray / 257).astype(np.uint8)  # 65535 = 257 * 255


def _gray_to_rgb(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[..., None], 3, axis=-1)


def read_photos(paths: Iterable[Path]) -> Iterator[tuple[Path, Photo | UnreadableImage]]:
    """Decode many files in parallel, in order, a few at a time in memory.

    Args:
        paths: any number of files.

    Yields:
        Each path with its photograph, or with the error that says why there is none. See `read_ahead`.
    """
    return read_ahead(paths, read_photo, _num_pixels)


def read_ahead(
    items: Iterable[Any], read: Callable[[Any], Any], num_pixels: Callable[[Any], int], readers: int = READERS
) -> Iterator[tuple[Any, Any]]:
    """Read pictures in parallel, in order.

    Args:
        items: whatever stands for a picture.
        read: makes a picture of an item; may raise UnreadableImage.
        num_pixels: of an item's picture, known before it is read.
        readers: how many threads read, and at most as many pictures wait.

    Yields:
        Each item with its picture, or with the UnreadableImage. Meanwhile others are read, as long as all
        of them together are no larger than 64 megapixels.
    """

    def attempt(item):
        try:
            return item, read(item)
        except UnreadableImage as error:
            return item, error

    remaining = iter(items)
    upcoming = next(remaining, None)
    pending: deque[tuple[int, Future]] = deque()
    with ThreadPoolExecutor(readers) as pool:
        pixels = 0  # of the pictures in memory
        while pending or upcoming:
            while upcoming and len(pending) < readers:
                size = num_pixels(upcoming)
                if pixels and pixels + size > _PIXELS_AHEAD:
                    break
                pending.append((size, pool.submit(attempt, upcoming)))
                pixels += size
                upcoming = next(remaining, None)
            size, future = pending.popleft()
            yield future.result()
            pixels -= size


def _num_pixels(path: Path) -> int:
    try:
        width, height = read_size(path)
    except UnreadableImage:
        return 0
    return width * height


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Write a picture as PNG, whole or not at all.

    Args:
        path: the file.
        rgb: uint8 [H, W, 3], sRGB.

    Raises:
        OSError: where the file cannot be written.
    """
    with replacing(path) as file:
        Image.fromarray(rgb).save(file, format="PNG")
