"""File formats: what results can be, which suffixes photographs have, and how results are named. No pixels here."""

from dataclasses import dataclass
from functools import cache
from pathlib import PurePath


@dataclass(frozen=True)
class Format:
    """What a file format can hold.

    suffixes: suffixes of its file names; the first one is given to results that are converted to this format.
    has_alpha: whether it holds transparency.
    has_16_bits: whether it holds 16 bits a channel.
    """

    suffixes: tuple[str, ...]
    has_alpha: bool
    has_16_bits: bool


MAX_SIDES = {"jpeg": 65_500, "webp": 16_383}  # pixels; libjpeg writes a little less than JPEG's 65,535


class Unsavable(ValueError):
    """A picture that its format cannot hold. The message says why, without the path."""


# The formats that results can have.
FORMATS = {
    "jpeg": Format((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), has_alpha=False, has_16_bits=False),
    "png": Format((".png",), has_alpha=True, has_16_bits=True),
    "tiff": Format((".tif", ".tiff"), has_alpha=True, has_16_bits=True),
    "webp": Format((".webp",), has_alpha=True, has_16_bits=False),
    "bmp": Format((".bmp",), has_alpha=False, has_16_bits=False),
    "ppm": Format((".ppm", ".pnm"), has_alpha=False, has_16_bits=True),
}
# Suffixes of photographs whose format is read and never written -> the suffix of their results. PGM and PBM have no
# colours, PPM is of the same family; the 256 colours of a GIF are not enough.
_READ_ONLY = {".pgm": ".ppm", ".pbm": ".ppm", ".gif": ".png"}
# The suffixes by which photographs are found in folders, in lower case.
SUFFIXES = (*(suffix for format in FORMATS.values() for suffix in format.suffixes), *_READ_ONLY)


def suffix_of(name: str) -> str:
    """Return a file name's suffix in lower case, as `PurePath` finds it but faster: there may be millions of files."""
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def is_image_name(name: str) -> bool:
    """Tell whether a file name has a photograph's suffix, in upper or lower case."""
    return suffix_of(name) in SUFFIXES


def of_name(path: PurePath) -> str | None:
    """Return the name in `FORMATS` that a path's suffix stands for, or None for any other suffix."""
    return _of_suffix(path.suffix.lower())


def _of_suffix(suffix):
    return next((name for name, format in FORMATS.items() if suffix in format.suffixes), None)


def result_name(name: str, chosen: str | None = None, animated: bool = False) -> str:
    """Name the coloured file.

    The name depends on no other file, and two different names never give the same result unless one of them is the
    other with a suffix appended.

    Args:
        name: name of the photograph.
        chosen: a name in `FORMATS`, or None for the photograph's own format.
        animated: whether it has several frames, which a GIF's result keeps as a WebP.

    Returns:
        The same name if the format stays the same. Otherwise the suffix of the new format is appended: `.ppm` for
        PGM and PBM, `.png` for other formats that are not in `FORMATS`, and for names without a suffix.
    """
    return name + _appended(suffix_of(name), chosen, animated)


@cache
def _appended(suffix, chosen, animated):
    own = _of_suffix(suffix)
    if animated and not own and not chosen:
        chosen = "webp"
    if chosen and chosen != own:
        return FORMATS[chosen].suffixes[0]
    return "" if own else _READ_ONLY.get(suffix, ".png")
