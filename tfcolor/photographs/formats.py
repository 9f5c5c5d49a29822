"""The formats that results can have, and how a result is called. No pixels here."""

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Format:
    """What a file format can hold.

    suffixes: of its files' names; a result of another format gets the first one.
    has_alpha: whether it holds transparency.
    has_16_bits: whether it holds 16 bits a channel.
    """

    suffixes: tuple[str, ...]
    has_alpha: bool
    has_16_bits: bool


FORMATS = {
    "jpeg": Format((".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"), has_alpha=False, has_16_bits=False),
    "png": Format((".png",), has_alpha=True, has_16_bits=True),
    "tiff": Format((".tif", ".tiff"), has_alpha=True, has_16_bits=True),
    "webp": Format((".webp",), has_alpha=True, has_16_bits=False),
    "bmp": Format((".bmp",), has_alpha=False, has_16_bits=False),
    "ppm": Format((".ppm", ".pnm"), has_alpha=False, has_16_bits=True),
}
_KIN = {".pgm": ".ppm", ".pbm": ".ppm"}  # a gray format -> the one of the same family that has colours


def of_name(path: PurePath) -> str | None:
    """The format that a name's suffix stands for, None for any other."""
    return next((name for name, f in FORMATS.items() if path.suffix.lower() in f.suffixes), None)


def result_name(name: str, chosen: str | None = None) -> str:
    """The name of the coloured file.

    Args:
        name: of the photograph.
        chosen: the format asked for; None for the photograph's own.

    Returns:
        The same name, with another suffix where the format is another: `.ppm` for PGM and PBM, `.png` for
        what has no format here, such as GIF (256 colours are not enough).
    """
    path = PurePath(name)
    if chosen:
        return name if of_name(path) == chosen else str(path.with_suffix(FORMATS[chosen].suffixes[0]))
    if of_name(path):
        return name
    return str(path.with_suffix(_KIN.get(path.suffix.lower(), ".png")))
