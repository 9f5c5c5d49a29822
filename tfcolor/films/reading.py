"""Films as they are: planes of luma with their times, and what their result must keep."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfcolor.films.coding import Coding, is_hd
from tfcolor.films.ends import end_of, is_avi
from tfcolor.films.formats import layout_of, subsampling_of
from tfcolor.films.hdr import Display, changing_notes, display_of
from tfcolor.photographs.pixels import UnreadableImage, check_file
from tfcolor.utils.errors import InputError

_LIMITED, _FULL = 1, 2  # FFmpeg's numbers of ranges
_UNSPECIFIED, _BT709, _BT601 = 2, 1, 6  # H.273's numbers of matrices
_PLENTY = 2.5  # how many of its longest frames may be missing at a film's end, by what it says of itself
# FFmpeg's names of containers in which a place is found by its time exactly; others are decoded from the start.
_SEEKABLE = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts")


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
    converts: pixel format to which frames are converted first, since they have no plane of luma; '' if they have.
    coding: how luma and chroma are coded.
    tags: numbers of matrix, curve and primaries as the file says them (ITU-T H.273).
    aspect: width of a pixel divided by its height; None if it is not said.
    codec: name of the source's codec.
    rate: average frames a second.
    time_base: seconds in a unit of time stamps.
    num_frames: as the file says, or estimated from its duration; 0 if unknown.
    late: by how many units frames are decoded after they are shown, in AVI, which has no time stamps; else None.
    display: what is said about the display that it was made on; None if nothing.
    notes: what the result cannot keep.
    start: time stamp of the first frame.
    """

    path: Path
    width: int
    height: int
    rotation: int
    format: str
    converts: str
    coding: Coding
    tags: tuple[int, int, int]
    aspect: Fraction | None
    codec: str
    rate: Fraction
    time_base: Fraction
    num_frames: int
    late: int | None = None
    display: Display | None = None
    notes: tuple[str, ...] = ()
    start: int = 0

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
    os.environ.setdefault("SVT_LOG", "1")  # of the encoder of AV1: errors alone
    return av


def read_film(path: Path) -> Film:
    """Open a film and describe it.

    Raises:
        UnreadableImage: if it is no film, is damaged from the start, or has no pictures.
    """
    av = load_av()
    if path.is_dir():
        raise UnreadableImage("a folder, not a film")
    check_file(path)
    try:
        with av.open(str(path)) as container:
            stream = stream_of(container)
            if stream is None:
                raise UnreadableImage("there are no moving pictures in it")
            first = next(_of_packets(av, container, stream, []), None)
            if first is None:
                raise UnreadableImage("not a single frame of it can be decoded")
            film = _described(path, container, stream, first)
            _luma_of(film, first)  # so that what cannot be converted is refused now
            return replace(film, start=_time_of(first, film, None))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UnreadableImage(_reason(error)) from error


def stream_of(container: Any) -> Any:
    """Return the first stream of moving pictures, which a cover is not; None if there is none."""
    return next((stream for stream in container.streams.video if not is_cover(stream)), None)


def is_cover(stream: Any) -> bool:
    """Tell whether a stream is a picture beside the film, such as a cover."""
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _described(path, container, stream, first):
    context, layout = stream.codec_context, layout_of(load_av(), first.format.name)
    width, height = first.width, first.height
    full = _is_full(first, layout, context.name)
    tags = (int(first.colorspace), int(context.color_trc), int(context.color_primaries))
    if layout.rgb:
        tags = (_BT709 if is_hd(width, height) else _BT601, *tags[1:])
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
    return Film(
        path,
        width,
        height,
        int(first.rotation),
        layout.format,
        layout.converts,
        Coding.of(width, height, layout.bits, _FULL if full else _LIMITED, *tags),
        tags,
        stream.sample_aspect_ratio or None,
        context.codec.canonical_name,
        rate,
        stream.time_base,
        stream.frames or round(seconds * rate),
        first.dts - (stream.start_time or 0) if is_avi(container) and first.dts is not None else None,
        display_of(first),
        (*_notes(first, layout), *changing_notes(first)),
    )


def _is_full(frame, layout, codec):
    """Whether luma takes all levels. Gray pictures do where nothing is said, except in codecs of films."""
    if layout.rgb:
        return False
    if layout.gray and codec not in ("h264", "hevc"):
        return int(frame.color_range) != _LIMITED
    return int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj")


def _notes(frame, layout):
    if layout.alpha:
        yield "its transparency is not kept"
    if frame.interlaced_frame:
        yield "its frames are interlaced, which the result does not say"


def frames(film: Film, after: int | None = None) -> Iterator[Frame]:
    """Decode the frames of a film in the order of their times.

    Args:
        film: the film.
        after: time stamp of the frame before the first one to yield; None for the first of all.

    Raises:
        Damaged: after the last frame that can be read.
    """
    av = load_av()
    last, longest, broken = None, 1 / (film.rate * film.time_base), []
    try:
        for frame in _decoded(av, film, after, broken):
            if not _is_like(film, frame):
                raise Damaged(f"after {_seconds(film, last)} s its frames have another size or pixel format")
            pts = _time_of(frame, film, last)
            if last is not None and pts <= last:
                continue
            longest = max(longest, frame.duration or 0, 0 if last is None else pts - last)
            last = pts
            if after is None or pts > after:
                yield Frame(_luma_of(film, frame), pts, frame.duration or 0)
        end = _end_of(av, film)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise Damaged(f"it can be read only up to {_seconds(film, last)} s: {_reason(error)}") from error
    if last is not None and end is not None and last + _PLENTY * longest < end:
        raise Damaged(f"it ends after {_seconds(film, last)} of {_seconds(film, end)} s")
    if broken:
        raise Damaged(f"{len(broken)} of its packets cannot be decoded, so that frames are missing")


def _is_like(film, frame):
    """Whether a frame has the size and pixel format of the first one."""
    layout = layout_of(load_av(), frame.format.name)
    wanted = (film.width, film.height, film.format, film.converts)
    return (frame.width, frame.height, layout.format, layout.converts) == wanted


def _decoded(av, film, after, broken):
    """The frames from a place at or before a time stamp; from the start if that cannot be found.

    Packets that cannot be decoded are left out, and added to `broken`.
    """
    if after is not None:
        with av.open(str(film.path)) as container:
            found = _sought(av, container, after, broken) if container.format.name in _SEEKABLE else iter(())
            first = next(found, None)
            if first is not None and first.pts is not None and first.key_frame and _time_of(first, film, 0) <= after:
                yield first
                yield from found
                return
    with av.open(str(film.path)) as container:
        yield from _of_packets(av, container, _threaded(container), broken)


def _sought(av, container, after, broken):
    stream = _threaded(container)
    container.seek(after, stream=stream, backward=True)
    yield from _of_packets(av, container, stream, broken)


def _of_packets(av, container, stream, broken):
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            broken.append(packet.pts)


def _threaded(container):
    stream = stream_of(container)
    stream.thread_type = "AUTO"
    return stream


def _time_of(frame, film, last):
    """The time stamp of a frame; the next in line if it has none.

    FFmpeg takes a place in an AVI file for the time of decoding, and guesses a later one for showing.
    """
    if film.late is not None and frame.dts is not None:
        return frame.dts - film.late
    if frame.pts is not None:
        return frame.pts
    step = max(1, round(1 / (film.rate * film.time_base)))
    return 0 if last is None else last + step


def _end_of(av, film):
    """When the stream ends by what the file says, in units of its time base; None if it does not say."""
    with av.open(str(film.path)) as container:
        return end_of(container, stream_of(container), film.rate)


def _seconds(film, pts):
    return f"{float((film.start if pts is None else pts) - film.start) * float(film.time_base):.2f}"


def _luma_of(film, frame):
    """Copy the plane of luma of a decoded frame: uint8 or uint16 [H, W]."""
    if film.converts:
        frame = _converted(film, frame)
    plane, dtype = frame.planes[0], np.dtype("u1" if film.coding.bits == 8 else "<u2")
    rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
    return rows[: film.height, : film.width].copy()


def _converted(film, frame):
    """Convert a frame. Ranges and matrix are said, because swscale would guess, such as the full range for gray.

    In one thread: several give some pixels of RGB at random (swscale 9.5, seen at odd widths).
    """
    if layout_of(load_av(), frame.format.name).rgb:
        matrix = "ITU709" if film.tags[0] == _BT709 else "ITU601"
        return frame.reformat(format=film.converts, dst_colorspace=matrix, dst_color_range="MPEG", threads=1)
    levels = "JPEG" if film.coding.full_range else "MPEG"
    return frame.reformat(format=film.converts, src_color_range=levels, dst_color_range=levels, threads=1)


def _reason(error):
    text = " ".join((getattr(error, "strerror", None) or str(error)).split())
    return text[:1].lower() + text[1:]
