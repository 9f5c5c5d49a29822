"""Photograph files -> 8-bit pixels to learn from and to measure with, decoded by Pillow, or faster by `jpeg`.

Photographs to colour are read by `reading`, which keeps more of them.
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

from tfcolor.photographs import jpeg
from tfcolor.photographs.quiet import no_pillow_limit
from tfcolor.utils.files import replacing

MAX_PIXELS = 300_000_000  # a larger picture is more likely a decompression bomb than a photograph
READERS = 4  # threads that decode at once; as many small pictures wait decoded
_PIXELS_AHEAD = 64_000_000  # of all pictures in memory, with the one in use; beyond it, none is read ahead
# What Pillow's decoders raise for broken files, which differs from format to format.
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


class UnreadableImage(Exception):
    """A file that is not an image, or a broken one. The message says why, without the path."""


@dataclass(frozen=True)
class Photo:
    """A decoded photograph.

    rgb: uint8 [H, W, 3], sRGB, upright.
    alpha: uint8 [H, W], or None if every pixel is opaque.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None


def read_photo(path: str | Path) -> Photo:
    """Decode an image file of any kind that Pillow reads, and turn it upright by its EXIF orientation.

    Args:
        path: the file.

    Returns:
        The photograph. 16-bit grays are rounded to 8 bits. Of an animation it is the first frame.

    Raises:
        UnreadableImage: the file cannot be decoded, is truncated, or has more than `MAX_PIXELS` pixels.
    """
    rgb = jpeg.read_rgb(path, MAX_PIXELS)
    if rgb is not None:
        return Photo(rgb, None)
    with opened(path) as image:
        check_size(*image.size, MAX_PIXELS)
        ImageOps.exif_transpose(image, in_place=True)  # a copy of 100 megapixels would be 400 MB
        return _photo(image)


def read_size(path: str | Path) -> tuple[int, int]:
    """Read an image file's width and height from its header, before any EXIF rotation.

    Raises:
        UnreadableImage: the file is not an image, or has more than `MAX_PIXELS` pixels.
    """
    with opened(path) as image:
        check_size(*image.size, MAX_PIXELS)
        return image.size


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """Open an image file with Pillow, without Pillow's own limit of its size: see `check_size`.

    Args:
        path: the file.

    Yields:
        The picture, whose pixels are not loaded yet.

    Raises:
        UnreadableImage: the file cannot be opened, or a decoder failed inside the block.
    """
    with refusing(), no_pillow_limit, Image.open(path) as image:
        yield image


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turn what decoders raise for broken files into an UnreadableImage that says why in one line."""
    try:
        yield
    except UnreadableImage:
        raise
    except Image.UnidentifiedImageError as error:
        raise UnreadableImage("not an image that can be read") from error
    except _BROKEN_IMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreadableImage(" ".join(reason.split())) from error


def check_file(path: Path) -> None:
    """Refuse everything except regular files: opening a pipe would hang. Raises UnreadableImage."""
    if path.is_dir():
        raise UnreadableImage("a folder, not a photograph")
    if path.is_symlink() and not path.exists():
        raise UnreadableImage("a link to a file that is not there")
    if path.exists() and not path.is_file():
        raise UnreadableImage("not a regular file")
    if path.exists() and not path.stat().st_size:
        raise UnreadableImage("an empty file")


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise UnreadableImage for a picture that declares more than `max_pixels` pixels, or none."""
    if width * height > max_pixels:
        raise UnreadableImage(f"{width}x{height} pixels, more than {max_pixels:,}")
    if width < 1 or height < 1:
        raise UnreadableImage(f"{width}x{height} pixels, so there is nothing in it")


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
    """Round 16-bit gray (Pillow's modes I;16 and I) to uint8; Pillow itself clips it at 255."""
    gray = np.asarray(image).astype(np.float64)
    check_range(image.mode, gray)
    return np.round(gray / 257).astype(np.uint8)  # 65535 = 257 * 255


def check_range(mode: str, gray: np.ndarray) -> None:
    """Raise UnreadableImage for gray values of Pillow's modes I and F that are not levels of 16 bits."""
    if mode == "F":
        raise UnreadableImage("floating-point gray values, whose range is unknown")
    if gray.min() < 0 or gray.max() > 65535:
        raise UnreadableImage("gray values outside 0 ... 65535, whose range is unknown")


def _gray_to_rgb(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[..., None], 3, axis=-1)


def read_photos(paths: Iterable[Path]) -> Iterator[tuple[Path, Photo | UnreadableImage]]:
    """Decode many files in parallel, in order, a few at a time in memory.

    Args:
        paths: the files.

    Yields:
        Each path with its photograph, or with the error that says why there is none.
    """
    return read_ahead(paths, read_photo, _num_pixels)


def read_ahead(
    items: Iterable[Any], read: Callable[[Any], Any], num_pixels: Callable[[Any], int], readers: int = READERS
) -> Iterator[tuple[Any, Any]]:
    """Read pictures in parallel, in order.

    Meanwhile the next pictures are read, as long as all in memory have at most 64 megapixels together.

    Args:
        items: objects that stand for pictures.
        read: makes a picture of an item; may raise UnreadableImage.
        num_pixels: returns the size of an item's picture before it is read.
        readers: number of threads that read, and of pictures that may wait.

    Yields:
        Each item with its picture, or with the UnreadableImage.
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
            ready = [future.result()]
            del future  # it would keep the picture in memory
            yield ready.pop()
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
        OSError: the file cannot be written.
    """
    with replacing(path) as file:
        Image.fromarray(rgb).save(file, format="PNG")
