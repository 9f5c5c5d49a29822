"""JPEG files -> Y'CbCr, as they are stored: without the conversion to RGB, and outside Python's lock."""

from pathlib import Path

import imagecodecs
import numpy as np

# ITU-T T.81: a marker is 255 and one of these bytes. Those of frames with 8-bit Huffman codes, as Pillow reads them:
_FRAMES = (0xC0, 0xC1, 0xC2)
_BLOCK = 2**14  # colours converted at a time, in the cache
_START, _END = b"\xff\xd8\xff", b"\xff\xd9"


def read_ycbcr(path: Path, memory: np.ndarray) -> np.ndarray | None:
    """Decode a JPEG file to the Y'CbCr from which Pillow makes its RGB; see `ycbcr_to_rgb`.

    Args:
        path: the file.
        memory: uint8 [N], where the pixels go: fresh memory for every picture would cost as much time as decoding it.

    Returns:
        uint8 [H, W, 3], a view of `memory`; or None for pictures of more than N / 3 pixels and for all other files,
        broken and truncated ones among them. Pillow may be able to read them, or says what is wrong.
    """
    try:
        contents = path.read_bytes()
    except OSError:
        return None
    height, width, components, precision = _frame(contents)
    size = height * width * components
    # Without the end, libjpeg would fill the rest of the picture with gray.
    if (components, precision) != (3, 8) or not 0 < size <= memory.size or not contents.endswith(_END):
        return None
    pixels = memory[:size].reshape(height, width, components)
    try:
        return imagecodecs.jpeg8_decode(contents, outcolorspace="YCbCr", out=pixels)
    except (imagecodecs.Jpeg8Error, ValueError, MemoryError):  # RGB or CMYK in the file, for instance
        return None


def _frame(contents: bytes) -> tuple[int, int, int, int]:
    """Height, width, components and bits per sample from the header of the frame; zeros if there is none."""
    place = 2 if contents.startswith(_START) else len(contents)
    while place + 10 <= len(contents) and contents[place] == 0xFF:
        marker, length = contents[place + 1], int.from_bytes(contents[place + 2 : place + 4])
        if marker in _FRAMES:
            height, width = (int.from_bytes(contents[place + k : place + k + 2]) for k in (5, 7))
            return height, width, contents[place + 9], contents[place + 4]
        place += 2 + length
    return 0, 0, 0, 0


def ycbcr_to_rgb(ycbcr: np.ndarray) -> np.ndarray:
    """Convert Y'CbCr to RGB in the integers of libjpeg, to the same result.

    The factors are those of JFIF (ITU-T T.871, section 7), with 16 bits after the binary point.

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
