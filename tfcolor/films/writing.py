"""Writing of films: encoded segments, joined, beside the packets of sound and subtitles as they are in the source."""

import heapq
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tfcolor.films.encoding import Encoding, Segment, set_up
from tfcolor.films.reading import Film, load_av
from tfcolor.utils.files import WithoutDescriptor, replacing

_COPIED = ("audio", "subtitle")


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
    with replacing(target) as file, av.open(str(film.path)) as source:
        result = av.open(WithoutDescriptor(file), "w", format=container)
        try:
            stream = _video_stream(result, film, source, encoding, container)
            copied, notes = _copied_streams(result, source)
            result.metadata.update(source.metadata)
            if source.chapters():
                result.set_chapters(source.chapters())
            result.start_encoding()
            pictures = _pictures(av, film, stream, paths)
            others = _others(av, source, copied)
            for _, _, packet in heapq.merge(pictures, others, key=lambda timed: timed[:2]):
                result.mux_one(packet)
        finally:
            result.close()
    return notes


def _video_stream(result, film, source, encoding, container):
    stream = result.add_stream(encoding.encoder, rate=film.rate)
    set_up(stream.codec_context, film, encoding, container)
    stream.time_base = film.time_base
    stream.metadata.update(source.streams.video[0].metadata)
    if film.rotation:
        stream.set_display_rotation(film.rotation)
    return stream


def _copied_streams(result, source):
    """Streams of the result by those of the source, and what the container cannot hold."""
    copied, notes = {}, []
    for stream in source.streams:
        if stream.type not in _COPIED:
            continue
        try:
            copied[stream.index] = result.add_stream_from_template(stream)
            copied[stream.index].metadata.update(stream.metadata)
        except (ValueError, load_av().FFmpegError):
            notes.append(f"its {stream.type} in {stream.codec_context.name} cannot be kept in this container")
    return copied, notes


def _pictures(av, film: Film, stream: Any, paths: list[Path]) -> Iterator[tuple[Fraction, int, Any]]:
    """The packets of the segments with their times, in the order of decoding.

    A frame that refers to later ones is decoded after them. Decoding times are the times of all frames in their
    order, earlier by so many frames that none comes after its own showing.
    """
    delay = max((_delay(Segment.load(path)) for path in paths), default=0)
    waiting: list[int] = []  # times of frames before the present one, for the next decoding times
    step = max(1, round(1 / (film.rate * film.time_base)))
    for path in paths:
        segment = Segment.load(path)
        times = np.sort(segment.pts)
        if not waiting:
            waiting = [int(times[0]) - k * step for k in range(delay, 0, -1)]
        upcoming = waiting + [int(time) for time in times]
        for number, data in enumerate(segment.packets()):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, film.time_base
            packet.pts, packet.dts = int(segment.pts[number]), upcoming[number]
            packet.duration, packet.is_keyframe = int(segment.durations[number]), bool(segment.keys[number])
            yield packet.dts * film.time_base, 0, packet
        waiting = upcoming[len(times) :]


def _delay(segment: Segment) -> int:
    """How many frames earlier a segment must be decoded than it is shown."""
    order = np.searchsorted(np.sort(segment.pts), segment.pts)
    return int(np.max(np.arange(len(order)) - order, initial=0))


def _others(av, source, copied) -> Iterator[tuple[Fraction, int, Any]]:
    """The packets of the other streams with their times; as far as they can be read."""
    streams = [source.streams[index] for index in copied]
    try:
        for packet in source.demux(*streams) if streams else ():
            if packet.dts is None:
                continue
            time = packet.dts * packet.time_base
            packet.stream = copied[packet.stream_index]
            yield time, 1, packet
    except av.FFmpegError:
        return
