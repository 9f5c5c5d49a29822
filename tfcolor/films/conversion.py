"""Colour a film: decode, predict, paint, encode and write, in segments that outlast an interruption."""

import contextlib
import errno
import functools
import io
import itertools
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tfcolor import __version__
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import painter
from tfcolor.films.coding import at_chroma
from tfcolor.films.coloring import FilmColorizer
from tfcolor.films.encoding import Encoding, Planes, choose_encoding, encode
from tfcolor.films.flow import load_cv
from tfcolor.films.formats import subsampling_of
from tfcolor.films.hints import NO_HINTS, FilmHints
from tfcolor.films.names import CONTAINERS
from tfcolor.films.options import FilmOptions
from tfcolor.films.parts import Parts
from tfcolor.films.reading import Damaged, Film, Frame, frames, load_av
from tfcolor.films.seeing import BATCH
from tfcolor.films.writing import write_film
from tfcolor.utils.ahead import ahead

SEGMENT = 240  # frames, whole chunks of `steady` and batches of `seeing`, so that a new start changes nothing
_LONGEST_NAME = 255  # bytes, of usual file systems
_FRAMES_AHEAD = 8  # decoded, while others are coloured


def convert(
    colorizer: Colorizer,
    film: Film,
    target: Path,
    options: FilmOptions,
    hints: FilmHints = NO_HINTS,
    on_frame: Callable[[int], Any] = lambda done: None,
) -> tuple[int, Encoding, list[str]]:
    """Colour a film. Luma stays as decoded; sound and subtitles are copied.

    Finished segments wait in a hidden folder beside the result until it is complete. If such a run is interrupted, the
    next one with the same settings goes on after them, and its result is the same.

    Args:
        colorizer: the model.
        film: from `read_film`.
        target: the result; its suffix decides the container.
        options: how it is made.
        hints: colours that a person gives.
        on_frame: called with the number of frames done so far.

    Returns:
        The number of frames, how they are encoded, and what could not be kept, a sentence each.

    Raises:
        InputError: for hints outside the frames, if no encoder is at hand, or another process is at work on the result.
        OSError: if a file cannot be written.
    """
    _check_target(target)
    load_cv()
    container = CONTAINERS[target.suffix.lower()]
    encoding = choose_encoding(film, container, _codecs_of(container), options.crf, options.lossless)
    frames_of = _Painter(colorizer, film, options, hints, encoding)
    notes = list(film.notes)
    with Parts(target, _settings(colorizer, film, options, hints, encoding)) as parts:
        done, source = parts.num_frames, _readable(frames(film, parts.last_pts), notes)
        with contextlib.closing(frames_of.planes(source, parts.state, lambda count: on_frame(done + count))) as planes:
            for segment in _segments(planes):
                parts.add(encode(film, encoding, container, segment), frames_of.state())
        notes += frames_of.notes()
        notes += write_film(film, target, container, encoding, parts.paths)
        return parts.num_frames, encoding, notes


def _check_target(target):
    """Raise OSError for a name that no file can get, before the work is done."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if len(os.fsencode(target.name)) > _LONGEST_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), str(target))


def _codecs_of(container):
    av = load_av()
    with av.open(io.BytesIO(), "w", format=container) as probe:
        return set(probe.supported_codecs)


def _settings(
    colorizer: Colorizer, film: Film, options: FilmOptions, hints: FilmHints, encoding: Encoding
) -> dict[str, Any]:
    """What the segments depend on."""
    stat, network = film.path.stat(), colorizer.network
    return {
        "tfcolor": __version__,
        "weights": functools.reduce(lambda crc, x: zlib.crc32(x.numpy().tobytes(), crc), network.saved.values(), 0),
        "network": [network.compute_dtype.name, colorizer.working_size],
        "source": [str(film.path.resolve()), stat.st_size, stat.st_mtime_ns],
        "options": asdict(options),
        "hints": [hints.times.tolist(), hints.points.tolist(), hints.ab.tolist()],
        "encoding": asdict(encoding),
    }


def _readable(source: Iterable[Frame], notes: list[str]) -> Iterator[Frame]:
    """The frames of a film as far as they can be read; a note says where they end."""
    try:
        yield from source
    except Damaged as reason:
        notes.append(str(reason))


def _segments(planes: Iterator[Planes]) -> Iterator[Iterator[Planes]]:
    """Divide frames into segments; each must be consumed before the next."""
    for first in planes:
        yield itertools.chain([first], itertools.islice(planes, SEGMENT - 1))


class _Painter:
    """Turns frames of luma into planes with chroma."""

    def __init__(self, colorizer, film, options, hints, encoding):
        self._film, self._turns = film, film.rotation // 90 % 4
        self._colorizer = FilmColorizer(colorizer, film.upright, options.decoding, options.steadiness, hints)
        self._subsampling = subsampling_of(encoding.format)
        self._paint = painter(2**62, np.uint16)  # XLA: there are many frames
        self._last = None

    def planes(self, source, state, on_frame):
        """Colour frames; after each, `state` returns what is needed to go on after it."""
        count = 0
        with (
            contextlib.closing(ahead(source, _FRAMES_AHEAD)) as frames,
            contextlib.closing(self._colorizer.followed(frames, self._seen, self._seconds, state)) as followed,
        ):
            while batch := list(itertools.islice(followed, BATCH)):
                self._last = batch[-1]
                for frame, chroma in zip(batch, self._chroma(batch), strict=True):
                    yield Planes(frame.item.luma, chroma, frame.item.pts, frame.item.duration)
                    count += 1
                    on_frame(count)

    def notes(self):
        """What the user should know about hints."""
        late = self._colorizer.hints_to_come()
        return [f"hints at {', '.join(f'{time:g} s' for time in late)} come after its end"] if late else []

    def state(self):
        return self._colorizer.state_after(self._last)

    def _seconds(self, frame):
        return float((frame.pts - self._film.start) * self._film.time_base)

    def _seen(self, frame):
        return self._upright(self._film.coding.lightness(frame.luma))

    def _upright(self, plane):
        return np.ascontiguousarray(np.rot90(plane, self._turns))

    def _chroma(self, batch):
        coding = self._film.coding
        lightness = np.stack(
            [
                self._upright(at_chroma(coding.lightness(frame.item.luma), self._subsampling, coding.full_range))
                for frame in batch
            ]
        )
        rgb = self._paint(lightness[..., None], self._colorizer.ab(batch, lightness))
        planes = coding.chroma(np.rot90(rgb, -self._turns, axes=(1, 2)))
        return zip(*(np.ascontiguousarray(plane) for plane in planes), strict=True)
