"""Pixel formats: which planar format holds the luma of a film as it is. No TensorFlow."""

from typing import Any, NamedTuple

# The middle of planar formats' names, by the pixels for each sample of chroma, across and down.
_NAMES = {(2, 2): "420", (2, 1): "422", (1, 1): "444", (1, 2): "440", (4, 1): "411", (4, 4): "410"}
_MOST_RGB_BITS = 12  # the most that an encoder other than FFV1 takes


class Layout(NamedTuple):
    """How the luma of a pixel format is reached and kept.

    format: planar format of the result, little-endian, such as 'yuv420p10le'.
    converts: the format to which frames are converted first, because they have no plane of luma; '' if they have.
    bits: of a sample.
    gray: whether there is no chroma.
    rgb: whether luma is computed from red, green and blue.
    alpha: whether there is transparency, which the result does not keep.
    """

    format: str
    converts: str
    bits: int
    gray: bool
    rgb: bool
    alpha: bool


def layout_of(av: Any, name: str) -> Layout:
    """Describe a pixel format by FFmpeg's name of it. Conversions from one YUV format to another keep all levels."""
    format = av.VideoFormat(name, 64, 64)
    bits, alpha = format.components[0].bits, any(part.is_alpha for part in format.components)
    if format.is_rgb or format.has_palette or name.startswith("xyz"):
        bits = min(max(8, bits + bits % 2), _MOST_RGB_BITS)
        return Layout(_planar("yuv444p", bits), _planar("yuv444p", bits), bits, False, True, alpha)
    gray = len(format.components) - alpha == 1
    bits = min(max(8, bits), 16)
    sides = (1, 1) if gray else (64 // format.chroma_width(64), 64 // format.chroma_height(64))
    plain = _planar("gray" if gray else f"yuv{_NAMES[sides]}p", bits)
    has_plane = name.replace("yuvj", "yuv").replace("yuva", "yuv") == plain
    return Layout(_planar("yuv420p", bits) if gray else plain, "" if has_plane else plain, bits, gray, False, alpha)


def _planar(name, bits):
    return name if bits == 8 else f"{name}{bits}le"


def subsampling_of(format: str) -> tuple[int, int]:
    """Return the pixels for each sample of chroma, across and down, of a planar pixel format such as 'yuv420p'."""
    return next(sides for sides, name in _NAMES.items() if name in format)
