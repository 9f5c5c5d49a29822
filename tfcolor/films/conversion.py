"""Colour a film: decode, predict, paint, encode and write, in segments that outlast an interruption."""

import contextlib
import io
import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import painter
from tfcolor.films.coding import at_chroma
from tfcolor.films.coloring import FilmColorizer
from tfcolor.films.encoding import Encoding, Planes, Segment, choose_encoding, encode
from tfcolor.films.formats import subsampling_of
from tfcolor.films.hints import NO_HINTS, FilmHints
from tfcolor.films.names import CONTAINERS
from tfcolor.films.options import FilmOptions
from tfcolor.films.reading import Damaged, Film, Frame, frames, load_av
from tfcolor.films.seeing import BATCH
from tfcolor.films.writing import write_film
from tfcolor.utils.ahead import ahead
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_json, read_npz, temporary_prefix, write_json, write_npz

SEGMENT = 240  # frames, whole chunks of `steady` and batches of `seeing`, so that a new start changes nothing
_FRAMES_AHEAD = 8  # decoded, while others are coloured


def convert(
    colorizer: Colorizer,
    film: Film,
    target: Path,
    options: FilmOptions,
    hints: FilmHints = NO_HINTS,
    resume: bool = False,
    on_frame: Callable[[int], Any] = lambda done: None,
) -> tuple[int, Encoding, list[str]]:
    """Colour a film. Luma stays as decoded; sound and subtitles are copied.

    Finished segments wait in a hidden folder beside the result until it is complete.

    Args:
        colorizer: the model.
        film: from `read_film`.
        target: the result; its suffix decides the container.
        options: how it is made.
        hints: colours that a person gives.
        resume: whether segments of an interrupted run are used; the result is the same.
        on_frame: called with the number of frames done so far.

    Returns:
        The number of frames, how they are encoded, and what could not be kept, a sentence each.

    Raises:
        InputError: for hints outside the frames, or if no encoder is at hand.
        OSError: if a file cannot be written.
    """
    container = CONTAINERS[target.suffix.lower()]
    encoding = choose_encoding(film, container, _codecs_of(container), options.crf, options.lossless)
    parts = Parts.open(target, _settings(film, options, hints, encoding), resume)
    painter = _Painter(colorizer, film, options, hints, encoding)
    notes = list(film.notes)
    source = _readable(frames(film, parts.last_pts), notes)
    done = parts.num_frames
    with contextlib.closing(painter.planes(source, parts.state, lambda count: on_frame(done + count))) as planes:
        for segment in _segments(planes):
            parts.add(encode(film, encoding, container, segment), painter.state())
    notes += painter.notes()
    notes += write_film(film, target, container, encoding, parts.paths)
    parts.remove()
    return parts.num_frames, encoding, notes


def _codecs_of(container):
    av = load_av()
    with av.open(io.BytesIO(), "w", format=container) as probe:
        return set(probe.supported_codecs)


def _settings(film: Film, options: FilmOptions, hints: FilmHints, encoding: Encoding) -> dict[str, Any]:
    """What the segments depend on."""
    stat = film.path.stat()
    return {
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


class Parts:
    """The segments of a film that are finished, in a folder beside its result."""

    def __init__(self, folder: Path, state: dict[str, np.ndarray] | None):
        """Use `open` instead."""
        self._folder, self.state = folder, state

    @classmethod
    def open(cls, target: Path, settings: dict[str, Any], resume: bool) -> "Parts":
        """Begin, or go on where a run with the same settings was interrupted."""
        folder = target.with_name(f"{temporary_prefix(target)}parts")
        state = None
        if resume:
            try:
                if read_json(folder / "settings.json") == settings:
                    state = read_npz(folder / "state.npz")
            except InputError:
                state = None
        if state is None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            write_json(folder / "settings.json", settings)
        return cls(folder, state)

    @property
    def last_pts(self) -> int | None:
        """The time stamp of the last frame that is done."""
        return int(self.state["pts"]) if self.state else None

    @property
    def num_frames(self) -> int:
        """The number of frames that are done."""
        return int(self.state["num_frames"]) if self.state else 0

    @property
    def paths(self) -> list[Path]:
        """The files of the segments."""
        count = int(self.state["num_segments"]) if self.state else 0
        return [self._folder / f"{number}.npz" for number in range(count)]

    def add(self, segment: Segment, state: dict[str, np.ndarray]) -> None:
        """Save a segment; it counts as soon as the state after it is saved."""
        number = len(self.paths)
        segment.save(self._folder / f"{number}.npz")
        counts = {"num_segments": number + 1, "num_frames": self.num_frames + len(segment.pts)}
        self.state = state | {name: np.array(value) for name, value in counts.items()}
        self.state["pts"] = segment.pts.max()
        write_npz(self._folder / "state.npz", self.state)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder)


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
        return float(frame.pts * self._film.time_base)

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
