"""Plain JPEG files -> the pixels that Pillow would give, in less time, and outside Python's lock."""

from pathlib import Path

import imagecodecs
import numpy as np

# ITU-T T.81: a marker is 255 and one of these bytes. Those of frames with 8-bit Huffman codes, as Pillow reads them:
_FRAMES = (0xC0, 0xC1, 0xC2)
_APP1 = 0xE1  # Exif, which may say that the picture lies on its side, or XMP
_BLOCK = 2**14  # colours converted at a time, in the cache
_START, _END = b"\xff\xd8\xff", b"\xff\xd9"


def read_rgb(path: str | Path, most_pixels: int, with_exif: bool = False) -> np.ndarray | None:
    """Decode a JPEG file.

    Args:
        path: the file.
        most_pixels: the largest number of pixels to decode.
        with_exif: whether to decode files with Exif data, too, which may say that the picture lies on its side.

    Returns:
        uint8 [H, W, 3]; or None for larger pictures and for all other files, broken and truncated ones among them.
        Pillow may be able to read them, or says what is wrong.
    """
    contents = _read(path)
    height, width, has_exif = _frame(contents)
    is_wanted = height * width <= most_pixels and (with_exif or not has_exif)
    return rgb_of(contents) if is_wanted else None


def rgb_of(contents: bytes) -> np.ndarray | None:
    """Decode the bytes of a JPEG file, whatever its size and its Exif data say; see `read_rgb`."""
    return _decode(contents, "RGB") if any(_frame(contents)) else None


def read_ycbcr(path: str | Path, memory: np.ndarray) -> np.ndarray | None:
    """Decode a JPEG file to the Y'CbCr from which `ycbcr_to_rgb` makes its RGB. Exif data are ignored.

    Args:
        path: the file.
        memory: uint8 [N], where the pixels go: fresh memory for every picture would cost as much time as decoding it.

    Returns:
        uint8 [H, W, 3], a view of `memory`; or None for pictures of more than N / 3 pixels and for all other files, see
        `read_rgb`.
    """
    contents = _read(path)
    height, width, _ = _frame(contents)
    size = 3 * height * width
    return _decode(contents, "YCbCr", memory[:size].reshape(height, width, 3)) if 0 < size <= memory.size else None


def ycbcr_to_rgb(ycbcr: np.ndarray) -> np.ndarray:
    """Convert Y'CbCr to RGB in the integers of libjpeg, to the same result.

    It uses the factors of JFIF (ITU-T T.871, section 7), rounded to multiples of 2^-16.

    Args:
        ycbcr: uint8 [N, 3].

    Returns:
        uint8 [N, 3].
    """
    rgb, half = np.empty_like(ycbcr), 1 << 15
    for start in range(0, len(ycbcr), _BLOCK):
        y, cb, cr = ycbcr[start : start + _BLOCK].T.astype(np.int32) - [[0], [128], [128]]
        shifts = (91_881 * cr + half, half - 22_554 * cb - 46_802 * cr, 116_130 * cb + half)
        for channel, shift in enumerate(shifts):
            rgb[start : start + _BLOCK, channel] = np.clip(y + (shift >> 16), 0, 255)
    return rgb


def _read(path: str | Path) -> bytes:
    """The bytes of a file, or none."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _frame(contents: bytes) -> tuple[int, int, bool]:
    """Height, width and whether there may be Exif data; zeros if it is no whole file of three components of 8 bits."""
    # Without the end, libjpeg would fill the rest of the picture with gray.
    if not (contents.startswith(_START) and contents.endswith(_END)):
        return 0, 0, False
    place, has_exif = 2, False
    while place + 10 <= len(contents) and contents[place] == 0xFF:
        marker, length = contents[place + 1], int.from_bytes(contents[place + 2 : place + 4])
        if marker in _FRAMES:
            height, width = (int.from_bytes(contents[place + k : place + k + 2]) for k in (5, 7))
            is_color = (contents[place + 4], contents[place + 9]) == (8, 3)
            return (height, width, has_exif) if is_color and height and width else (0, 0, False)
        has_exif |= marker == _APP1
        place += 2 + length
    return 0, 0, False


def _decode(contents: bytes, space: str, out: np.ndarray | None = None) -> np.ndarray | None:
    try:
        return imagecodecs.jpeg8_decode(contents, outcolorspace=space, out=out)
    except (imagecodecs.Jpeg8Error, ValueError, MemoryError):  # a file in RGB has no Y'CbCr, for instance
        return None
