"""Writing of films: encoded segments, joined, beside the packets of sound and subtitles as they are in the source."""

import contextlib
import heapq
import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from tfcolor.films.encoding import Encoding, Segment, keeps_display, set_up
from tfcolor.films.reading import Film, is_cover, load_av, stream_of
from tfcolor.utils.files import WithoutDescriptor, replacing

_COPIED = ("audio", "subtitle", "attachment")
# What MPEG transport streams have numbers for; FFmpeg writes everything else as data that no player reads.
_TRANSPORTED = ("aac", "aac_latm", "ac3", "dts", "eac3", "mp1", "mp2", "mp3", "opus", "s302m", "truehd")
_TRANSPORTED += ("dvb_subtitle", "dvb_teletext", "hdmv_pgs_subtitle")
_ALWAYS_THE_SAME = {"fflags": "bitexact"}  # no random numbers in the file
_WITHOUT_ROTATION = ("avi", "mpegts")
# What containers say of themselves and of how much is in them; the result says its own.
_OWN = ("DURATION", "NUMBER_OF_", "BPS", "_STATISTICS", "ENCODER", "MAJOR_BRAND", "MINOR_VERSION", "COMPATIBLE_BRANDS")


def write_film(film: Film, target: Path, container: str, encoding: Encoding, segments: Iterable[Path]) -> list[str]:
    """Write a film, whole or not at all.

    Args:
        film: the source, whose sound, subtitles, chapters and tags are kept.
        target: the file.
        container: FFmpeg's name of its container.
        encoding: how the segments are encoded.
        segments: the files of the segments, in order.

    Returns:
        What could not be kept, a sentence each.

    Raises:
        OSError: if the file cannot be written.
    """
    av, paths = load_av(), list(segments)
    times = _Times.of(film, container, paths)
    with replacing(target) as file, av.open(str(film.path)) as source:
        guarded = _Guarded(file)
        with guarded.errors(av), av.open(guarded, "w", format=container, options=_ALWAYS_THE_SAME) as result:
            stream = _video_stream(result, film, source, encoding, container)
            stream.time_base = times.base
            copied, notes = _copied_streams(av, result, source, container)
            result.metadata.update(_kept(source.metadata))
            if source.chapters():
                result.set_chapters(source.chapters())
            result.start_encoding()
            pictures = _pictures(av, times, stream, paths)
            others = _others(av, source, copied)
            for _, _, packet in heapq.merge(pictures, others, key=lambda timed: timed[:2]):
                result.mux_one(packet)
                guarded.check()
    return [*_lost(film, container, encoding, times), *notes]


class _Guarded(WithoutDescriptor):
    """A file that keeps the first error of writing, and after it does nothing.

    FFmpeg goes on writing for a while, up to the file's end; each further error would be printed or hide the first.
    """

    def __init__(self, file: IO[bytes]):
        """Wrap an open binary file; whoever opened it closes it."""
        super().__init__(file)
        self._error = None
        self.write = self._guarded(file.write, len)
        self.seek = self._guarded(file.seek, lambda offset, whence=0: offset)
        self.tell = self._guarded(file.tell, lambda: 0)
        self.flush = self._guarded(file.flush, lambda: None)

    def _guarded(self, method, otherwise):
        def call(*arguments):
            if self._error is None:
                try:
                    return method(*arguments)
                except OSError as error:
                    self._error = error
            return otherwise(*arguments)

        return call

    def check(self) -> None:
        """Raise the first error of writing."""
        if self._error is not None:
            raise self._error

    @contextlib.contextmanager
    def errors(self, av: Any) -> Iterator[None]:
        """Raise the first error of writing, whatever else was raised; turn FFmpeg's own errors into OSError."""
        try:
            yield
        except av.FFmpegError as error:
            self.check()
            raise OSError(getattr(error, "errno", None), getattr(error, "strerror", None) or str(error)) from error
        self.check()


def _lost(film, container, encoding, times):
    if film.rotation and container in _WITHOUT_ROTATION:
        yield f"that players turn it by {film.rotation % 360} degrees cannot be kept in this container"
    if film.display and not keeps_display(encoding):
        yield "the description of the HDR display it was made on is not kept"
    if times.moved:
        yield "its frames are shown at an even rate, since this container has no time stamps"


def _kept(metadata):
    return {name: value for name, value in metadata.items() if not name.upper().startswith(_OWN)}


def _video_stream(result, film, source, encoding, container):
    stream = result.add_stream(encoding.encoder, rate=film.rate)
    set_up(stream.codec_context, film, encoding, container)
    original = stream_of(source)
    stream.metadata.update(_kept(original.metadata))
    stream.disposition = original.disposition
    if film.rotation:
        stream.set_display_rotation(film.rotation)
    return stream


def _copied_streams(av, result, source, container):
    """Streams of the result by those of the source, and what the container cannot hold."""
    copied, notes, main = {}, [], stream_of(source).index
    for stream in source.streams:
        if stream.index == main:
            continue
        if stream.type in _COPIED and _is_held(av, stream, container):
            copied[stream.index] = result.add_stream_from_template(stream)
            copied[stream.index].metadata.update(_kept(stream.metadata))
            copied[stream.index].disposition = stream.disposition
        elif stream.type == "video":
            notes.append("its cover is not kept" if is_cover(stream) else "further pictures in it are not kept")
        elif stream.type == "data" and not source.chapters():  # in MP4 and MOV, chapters are data as well
            notes.append("data in it, such as time codes or places, are not kept")
        elif stream.type in _COPIED:
            codec = _codec_of(stream)
            notes.append(f"its {stream.type}{codec and f' in {codec}'} cannot be kept in this container")
    return copied, notes


def _codec_of(stream):
    """FFmpeg's name of a stream's codec; '' for attachments."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else ""


def _is_held(av, stream, container):
    """Whether a container can hold a stream: tried in memory, since some refuse it only in the file's header."""
    if container == "mpegts" and _codec_of(stream) not in _TRANSPORTED:
        return False
    try:
        with av.open(io.BytesIO(), "w", format=container) as probe:
            probe.add_stream_from_template(stream)
            probe.start_encoding()
        return True
    except (av.FFmpegError, ValueError):
        return False


class _Times(NamedTuple):
    """When frames are shown, and when they are decoded.

    base: seconds in a unit of time.
    delay: by how many frames decoding is ahead of showing.
    shown: int64 [N], times of all frames in their order.
    moved: whether they differ from the film's.
    source: int64 [N], the film's times of the same frames.
    end: when the last frame ends, less the duration of the one that is decoded last.
    """

    base: Fraction
    delay: int
    shown: np.ndarray
    moved: bool
    source: np.ndarray
    end: int

    @classmethod
    def of(cls, film: Film, container: str, paths: list[Path]) -> "_Times":
        """Read the times of all segments; AVI has only places of frames at an even rate."""
        read = [Segment.load_times(path) for path in paths]
        delay = max((_delay(pts) for pts, _ in read), default=0)
        source, durations = (np.concatenate([np.zeros(0, np.int64), *part]) for part in zip(*read, strict=True))
        order = np.argsort(source)
        step = max(1, round(1 / (film.rate * film.time_base)))
        end = int(source[order[-1]] + (durations[order[-1]] or step) - (durations[-1] or step))
        source = source[order]
        if container != "avi":
            return cls(film.time_base, delay, source, False, source, end)
        scale = film.rate * film.time_base
        places = np.array([round(int(pts) * scale) for pts in source], np.int64)
        places = np.maximum.accumulate(places - np.arange(len(places))) + np.arange(len(places))  # no two in one place
        moved = any(abs(int(place) / scale - int(pts)) > 1 for place, pts in zip(places, source, strict=True))
        return cls(1 / film.rate, delay, places, moved, source, int(places[-1]))

    def early(self) -> list[int]:
        """Decoding times of the first frames, before any is shown.

        MP4 gives a film's length as the time from the first to the last decoding; it is made to be that of showing.
        """
        count = min(self.delay, len(self.shown) - 1)
        span = max(self.end - int(self.shown[-1 - count]), count)
        return [int(self.shown[0]) - span * k // self.delay for k in range(self.delay, 0, -1)]


def _pictures(av, times: _Times, stream: Any, paths: list[Path]) -> Iterator[tuple[Fraction, int, Any]]:
    """The packets of the segments with their times, in the order of decoding.

    A frame that refers to later ones is decoded after them. Decoding times are the times of all frames in their
    order, earlier by so many frames that none comes after its own showing.
    """
    early, count = times.early(), 0
    for path in paths:
        segment = Segment.load(path)
        shown = times.shown[np.searchsorted(times.source, segment.pts)]
        for number, data in enumerate(segment.packets()):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, times.base
            packet.pts = int(shown[number])
            packet.dts = early[count] if count < times.delay else int(times.shown[count - times.delay])
            packet.duration = int(segment.durations[number]) if times.shown is times.source else 1
            packet.is_keyframe = bool(segment.keys[number])
            count += 1
            yield packet.dts * times.base, 0, packet


def _delay(pts: np.ndarray) -> int:
    """How many frames earlier a segment must be decoded than it is shown."""
    order = np.searchsorted(np.sort(pts), pts)
    return int(np.max(np.arange(len(order)) - order, initial=0))


def _others(av, source, copied) -> Iterator[tuple[Fraction, int, Any]]:
    """The packets of the other streams with their times; as far as they can be read."""
    streams = [source.streams[index] for index in copied]
    try:
        for packet in source.demux(*streams) if streams else ():
            if packet.dts is None:
                packet.dts = packet.pts
            if packet.dts is None:  # the end of a stream
                continue
            time = packet.dts * packet.time_base
            packet.stream = copied[packet.stream_index]
            yield time, 1, packet
    except av.FFmpegError:
        return
