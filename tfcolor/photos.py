"""A photograph file <-> pixels. Pillow decodes, so that one decoder defines the numbers (`scan` equals it)."""

import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tfcolor.files import replacing

MAX_PIXELS = 300_000_000  # larger pictures are more likely bombs than photographs
_READERS = 4  # threads that decode at once, and pictures that wait decoded, small ones
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


def read(path: str | Path) -> Photo:
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
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableImage(f"{image.width}x{image.height} pixels, more than {MAX_PIXELS:,}")
            return use(image)
    except UnreadableImage:
        raise
    except Image.UnidentifiedImageError as error:
        raise UnreadableImage("not an image that can be read") from error
    except _BROKEN_IMAGE as error:
        raise UnreadableImage(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error


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


def read_all(paths: Iterable[Path]) -> Iterator[tuple[Path, Photo | UnreadableImage]]:
    """Decode many files in parallel, in order, a few at a time in memory.

    Args:
        paths: any number of files.

    Yields:
        Each path with its photograph, or with the error that says why there is none. Meanwhile others
        are decoded, as long as all of them together are no larger than 64 megapixels.
    """
    remaining = iter(paths)
    upcoming = next(remaining, None)
    pending: deque[tuple[int, Future]] = deque()
    with ThreadPoolExecutor(_READERS) as pool:
        pixels = 0  # of the pictures in memory
        while pending or upcoming:
            while upcoming and len(pending) < _READERS:
                size = _num_pixels(upcoming)
                if pixels and pixels + size > _PIXELS_AHEAD:
                    break
                pending.append((size, pool.submit(_attempt, upcoming)))
                pixels += size
                upcoming = next(remaining, None)
            size, future = pending.popleft()
            yield future.result()
            pixels -= size


def _attempt(path: Path) -> tuple[Path, Photo | UnreadableImage]:
    try:
        return path, read(path)
    except UnreadableImage as error:
        return path, error


def _num_pixels(path: Path) -> int:
    try:
        width, height = read_size(path)
    except UnreadableImage:
        return 0
    return width * height


def output_name(path: Path) -> str:
    """The name of a coloured file: the input's for PNG and JPEG, else with `.png`."""
    return path.name if path.suffix.lower() in (".png", ".jpg", ".jpeg") else f"{path.stem}.png"


def write(path: Path, rgb: np.ndarray, alpha: np.ndarray | None = None) -> None:
    """Write a picture under a temporary name, then rename: a reader never sees half a file.

    Args:
        path: ends in .png, or in .jpg or .jpeg (quality 95, 4:4:4: no chroma is thrown away).
        rgb: uint8 [H, W, 3].
        alpha: uint8 [H, W], kept in PNG; JPEG has no place for it.

    Raises:
        OSError: where the file cannot be written.
    """
    image = Image.fromarray(rgb)
    options = {"format": "PNG"}
    if path.suffix.lower() != ".png":
        options = {"format": "JPEG", "quality": 95, "subsampling": 0}
    elif alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    with replacing(path) as file:
        image.save(file, **options)
