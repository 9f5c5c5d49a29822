"""Films as they are: planes of luma with their times, and what their result must keep."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfcolor.films.coding import Coding
from tfcolor.photographs.pixels import UnreadableImage
from tfcolor.utils.errors import InputError

# How far chroma is reduced, across and down, by the middle of the pixel format's name.
_SUBSAMPLING = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "440": (1, 2), "411": (4, 1), "410": (4, 4)}
_ANY = "yuv444p"  # what formats become that have no plane of luma, such as RGB
_INTERLEAVED = {
    **{"nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "yuyv422": "yuv422p", "uyvy422": "yuv422p"},
    **{"p010le": "yuv420p10le", "p210le": "yuv422p10le"},
}
_LIMITED, _FULL = 1, 2  # FFmpeg's numbers of ranges
_UNSPECIFIED = 2  # H.273's number of matrix, curve and primaries that are not said
_HDR = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS", "DOVI_METADATA")


class Damaged(Exception):
    """The rest of a film cannot be read. The message says why, without the path."""


class Frame(NamedTuple):
    """A frame of a film.

    luma: uint8 or uint16 [H, W], as decoded.
    pts: its time in units of the stream's time base.
    duration: in the same units; 0 if it is not said.
    """

    luma: np.ndarray
    pts: int
    duration: int


@dataclass(frozen=True)
class Film:
    """What is known about a film before its frames are decoded.

    path: the file.
    width, height: of the frames as stored, in pixels.
    rotation: degrees by which players turn them, counterclockwise.
    format: pixel format of the result, planar.
    converts: whether frames must be converted to this format first, since they have no plane of luma.
    coding: how luma and chroma are coded.
    tags: numbers of matrix, curve and primaries as the file says them (ITU-T H.273).
    aspect: width of a pixel divided by its height; None if it is not said.
    codec: name of the source's codec.
    rate: average frames a second.
    time_base: seconds in a unit of time stamps.
    num_frames: as the file says, or estimated from its duration; 0 if unknown.
    notes: what the result cannot keep.
    """

    path: Path
    width: int
    height: int
    rotation: int
    format: str
    converts: bool
    coding: Coding
    tags: tuple[int, int, int]
    aspect: Fraction | None
    codec: str
    rate: Fraction
    time_base: Fraction
    num_frames: int
    notes: tuple[str, ...] = ()

    @property
    def subsampling(self) -> tuple[int, int]:
        """Pixels for each sample of chroma, across and down."""
        return subsampling_of(self.format)

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width as players show them, in pixels."""
        return (self.width, self.height) if self.rotation % 180 else (self.height, self.width)


def load_av() -> Any:
    """Import PyAV; raise InputError if it is missing."""
    try:
        import av
    except ImportError as error:
        raise InputError("films need PyAV: pip install -r requirements-video.txt") from error
    av.logging.set_level(None)  # what matters becomes an exception
    return av


def subsampling_of(format: str) -> tuple[int, int]:
    """Return the pixels for each sample of chroma, across and down, of a planar pixel format such as 'yuv420p'."""
    return next(found for name, found in _SUBSAMPLING.items() if name in format)


def read_film(path: Path) -> Film:
    """Open a film and describe it.

    Raises:
        UnreadableImage: if it is no film, is damaged from the start, or has no pictures.
    """
    av = load_av()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UnreadableImage("there are no pictures in it")
            stream = container.streams.video[0]
            first = next(container.decode(stream), None)
            if first is None:
                raise UnreadableImage("not a single frame of it can be decoded")
            return _described(path, container, stream, first)
    except (av.FFmpegError, OSError) as error:
        raise UnreadableImage(_reason(error)) from error


def _described(path, container, stream, first):
    name, context = first.format.name, stream.codec_context
    format, converts = _formats(name)
    full = int(first.color_range) == _FULL or name.startswith("yuvj")
    if name.startswith("gray"):
        full = int(first.color_range) != _LIMITED
    if format == _ANY and converts:
        full = False  # swscale's default
    tags = (int(first.colorspace), int(context.color_trc), int(context.color_primaries))
    if tags[0] == 0:  # RGB
        tags = (_UNSPECIFIED, *tags[1:])
    bits = _bits(format)
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
    hdr = [data.type.name for data in first.side_data if data.type.name in _HDR]
    notes = ("the description of the HDR display it was made on is not kept",) if hdr else ()
    return Film(
        path,
        first.width,
        first.height,
        int(first.rotation),
        format,
        converts,
        Coding.of(first.width, first.height, bits, _FULL if full else _LIMITED, *tags),
        tags,
        stream.sample_aspect_ratio or None,
        context.name,
        rate,
        stream.time_base,
        stream.frames or round(seconds * rate),
        notes,
    )


def _formats(name):
    """The pixel format of the result, and whether frames must be converted to it first."""
    plain = name.replace("yuvj", "yuv")
    if name in _INTERLEAVED:
        return _INTERLEAVED[name], True
    if name == "gray":
        return "yuv420p", False
    if name in ("gray10le", "gray12le"):
        return f"yuv420p{name[4:]}", False
    if plain.startswith("yuv") and any(part in plain for part in _SUBSAMPLING) and not plain.endswith("be"):
        return plain.replace("yuva", "yuv"), False
    return _ANY, True


def _bits(format):
    """Bits of a sample, of a planar format such as 'yuv420p' or 'yuv420p10le'."""
    depth = format.partition("p")[2].removesuffix("le")
    return int(depth) if depth else 8


def frames(film: Film, after: int | None = None) -> Iterator[Frame]:
    """Decode the frames of a film in the order of their times.

    Args:
        film: the film.
        after: time stamp of the frame before the first one to yield; None for the first of all.

    Raises:
        Damaged: after the last frame that can be read.
    """
    av = load_av()
    count, last = 0, after
    try:
        with av.open(str(film.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in _decoded(container, stream, after):
                if (frame.width, frame.height) != (film.width, film.height):
                    raise Damaged(f"from {_seconds(film, last)} s on its frames have another size")
                pts = _time_of(frame, film, last)
                if last is not None and pts <= last:
                    continue
                count, last = count + 1, pts
                yield Frame(_luma_of(film, frame), pts, frame.duration or 0)
    except (av.FFmpegError, OSError) as error:
        raise Damaged(f"it can be read only up to {_seconds(film, last)} s: {_reason(error)}") from error
    if after is None and stream.frames > count + 1:
        raise Damaged(f"it ends after {count} of {stream.frames} frames")


def _decoded(container, stream, after):
    """The frames from a place at or before a time stamp; from the start if that cannot be found."""
    if after is not None:
        container.seek(after, stream=stream, backward=True)
        found = container.decode(stream)
        first = next(found, None)
        if first is not None and first.pts is not None and first.pts <= after:
            yield first
            yield from found
            return
        container.seek(0, stream=stream, backward=True)
    yield from container.decode(stream)


def _time_of(frame, film, last):
    """The time stamp of a frame; the next in line if it has none, as in AVI files."""
    if frame.pts is not None:
        return frame.pts
    step = max(1, round(1 / (film.rate * film.time_base)))
    return 0 if last is None else last + step


def _seconds(film, pts):
    return f"{float((pts or 0) * film.time_base):.2f}"


def _luma_of(film, frame):
    """Copy the plane of luma of a decoded frame: uint8 or uint16 [H, W]."""
    if film.converts:
        frame = frame.reformat(format=film.format)
    plane, dtype = frame.planes[0], np.dtype("u1" if film.coding.bits == 8 else "<u2")
    rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return rows[: film.height, : film.width].copy()


def _reason(error):
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]
