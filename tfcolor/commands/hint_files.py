"""Hints on the command line and in files: --hint X,Y,COLOUR, strokes in a PNG, and a CSV for many photographs."""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from tfcolor.color.names import levels_of
from tfcolor.photographs.pixels import UnreadableImage, refusing
from tfcolor.utils.console import shown
from tfcolor.utils.errors import InputError

_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)s")  # the time of a hint in a film
_LARGEST = 2**31  # no picture has so many pixels a side
_OPAQUE = 255  # pixels that are partly transparent are the soft border of a brush


@dataclass(frozen=True)
class GivenHints:
    """The hints for a photograph.

    points: int [N, 2], x from the left and y from the top, counted from 0.
    levels: uint8 [N, 3], sRGB.
    size: width and height that the photograph must have; None for any.
    times: float64 [N], seconds from the start of a film; None for photographs, and for films from their start.
    """

    points: np.ndarray
    levels: np.ndarray
    size: tuple[int, int] | None = None
    times: np.ndarray | None = None

    def check_size(self, height: int, width: int) -> None:
        """Raise InputError if a picture must have another size."""
        if self.size not in (None, (width, height)):
            raise InputError(f"{width}x{height} pixels, but the picture of hints has {self.size[0]}x{self.size[1]}")


def find_hints(given: list[str], file: str | None, sources: Sequence[str]) -> dict[Path, GivenHints]:
    """Read the hints.

    Args:
        given: the values of --hint.
        file: the value of --hints, or None.
        sources: paths of the photographs.

    Returns:
        The hints by photograph.

    Raises:
        InputError: a hint is malformed, or it is not clear which photograph it is for.
    """
    if given and file:
        raise InputError("give --hint or --hints, not both")
    if file and Path(file).suffix.lower() == ".csv":
        return _read_csv(Path(file), [Path(source) for source in sources])
    if not given and not file:
        return {}
    if len(sources) != 1:
        raise InputError(
            f"{'--hint is' if given else 'strokes are'} for one photograph, and there are {len(sources)}; "
            "for several give --hints FILE.csv with lines FILE,X,Y,COLOUR"
        )
    return {Path(sources[0]): _read_strokes(Path(file)) if file else _together([_hint(text) for text in given])}


def _hint(text):
    time, fields = _time(text.split(","))
    x, y, color = [*",".join(fields).split(",", 2), "", ""][:3]
    point = _point("--hint", text, x if color else "", y)
    return point, levels_of(color), time


def _time(fields):
    """The time in seconds if the first field is one, such as 12.5s, else None; and the other fields."""
    found = _SECONDS.fullmatch(fields[0].strip())
    return (float(found[1]), fields[1:]) if found else (None, fields)


def _point(where, text, x, y):
    if not all(number.strip().isdecimal() and int(number) < _LARGEST for number in (x, y)):
        raise InputError(
            f"{where} takes X,Y,COLOUR, a pixel counted from 0 at the left and the top, such as 120,80,#2b4f81, "
            f"in films with a time in front, such as 12.5s,120,80,#2b4f81; got {shown(text)}"
        )
    return int(x), int(y)


def _together(hints):
    points, levels, times = zip(*hints, strict=True)
    has_times = any(time is not None for time in times)
    times = np.array([time or 0.0 for time in times]) if has_times else None
    return GivenHints(np.array(points), np.array(levels, np.uint8), times=times)


def _read_strokes(path: Path) -> GivenHints:
    """The opaque pixels of a picture."""
    try:
        with refusing(), Image.open(path) as image:
            rgba, size, is_opaque = np.asarray(image.convert("RGBA")), image.size, not image.has_transparency_data
    except UnreadableImage as error:
        raise InputError(f"hints in {shown(path)} cannot be read: {error}; give a PNG or a CSV") from error
    if is_opaque:
        raise InputError(f"{shown(path)} has no transparent pixels; hints are the opaque pixels of a PNG")
    rows, columns = np.nonzero(rgba[..., 3] == _OPAQUE)
    if not len(rows):
        raise InputError(f"{shown(path)} has no opaque pixels, so it holds no hints")
    return GivenHints(np.stack([columns, rows], axis=-1), rgba[rows, columns, :3], size)


def _read_csv(path: Path, sources: Sequence[Path]) -> dict[Path, GivenHints]:
    """Lines FILE,X,Y,COLOUR; a first line with names of the columns is left out."""
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(f"hints in {shown(path)} cannot be read: {getattr(error, 'strerror', error)}") from error
    found = defaultdict(list)
    for number, fields in enumerate(lines, start=1):
        if not fields or (number == 1 and ["x", "y"] in (_lower(fields[1:3]), _lower(fields[2:4]))):
            continue
        where = f"{shown(path)}, line {number}"
        if len(fields) < 4:
            raise InputError(f"{where} must be FILE,X,Y,COLOUR, got {shown(','.join(fields))}")
        time, (x, y, *color) = _time(fields[1:])
        file = fields[0]
        point = _point(where, ",".join(fields), x, y)
        try:
            found[_source(file.strip(), sources, where)].append((point, levels_of(",".join(color)), time))
        except InputError as error:
            raise InputError(f"{where}: {error}" if where not in str(error) else str(error)) from None
    if not found:
        raise InputError(f"{shown(path)} holds no hints")
    return {source: _together(hints) for source, hints in found.items()}


def _lower(fields):
    return [field.strip().lower() for field in fields]


def _source(file, sources, where):
    """The photograph that a path means: the whole path, or its end."""
    parts = PurePath(file).parts
    matches = [source for source in sources if parts and source.parts[-len(parts) :] == parts]
    if len(matches) != 1:
        count = "no photograph" if not matches else f"{len(matches)} photographs"
        raise InputError(f"{where}: {count} of the inputs is {shown(file)!r}; write its path as in the inputs")
    return matches[0]
