"""Colour films and animations, one after the other; the report says what became of each."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.commands.hint_files import GivenHints
from tfcolor.commands.report import UNWRITABLE, Report
from tfcolor.commands.worklist import Job
from tfcolor.films.animations import check_savable, read_animation, write_animation
from tfcolor.films.coloring import colorize_frames
from tfcolor.films.conversion import convert
from tfcolor.films.hints import NO_HINTS, FilmHints, film_hints
from tfcolor.films.names import is_film_name
from tfcolor.films.options import FilmOptions
from tfcolor.films.parts import parts_of
from tfcolor.films.reading import read_film
from tfcolor.photographs.pixels import UnreadableImage, check_size
from tfcolor.utils.console import Progress, shown
from tfcolor.utils.errors import InputError


def colorize_films(
    colorizer: Colorizer,
    jobs: list[Job],
    options: FilmOptions,
    max_pixels: int,
    hints: Mapping[Path, GivenHints],
) -> Report:
    """Colour and write films. Those that cannot be read or written are reported, and the others coloured.

    Args:
        colorizer: the model.
        jobs: films and animations.
        options: how they are coloured and encoded.
        max_pixels: the largest number of pixels of a frame.
        hints: the hints for some of them.

    Returns:
        What became of each.

    Raises:
        WorkError: there is no space left for any result.
    """
    report = Report(Progress("", 0, "frames"))
    for job in jobs:
        with Progress(shown(job.source.name), None, "frames") as report.progress:
            try:
                job.targets[0].parent.mkdir(parents=True, exist_ok=True)
                color = _film if is_film_name(job.source.name) else _animation
                given = hints.get(job.source)
                report.num_frames += color(colorizer, job, options, max_pixels, given, report)
                report.films.append(job.source_path)
            except (UnreadableImage, InputError) as error:
                report.fail(job.source, error)
            except UNWRITABLE as error:
                report.fail_to_write(job, error)
    return report


def _film(colorizer, job, options, max_pixels, given, report):
    film, progress = read_film(job.source), report.progress
    check_size(film.width, film.height, max_pixels)
    progress.total = film.num_frames or None

    def show(done):
        if progress.total and done > progress.total:
            progress.total = None  # it was an estimate
        progress.update(done)

    known = _hints(given, film.upright)
    try:
        count, encoding, notes = convert(colorizer, film, job.targets[0], options, known, show)
    except KeyboardInterrupt:
        if parts_of(job.targets[0]).exists():
            progress.log(f"finished parts of {shown(job.source)} are kept: the same command goes on after them")
        raise
    for note in notes:
        report.note(job.source, note)
    progress.log(f"{shown(job.source)}: {count:,} {'frame' if count == 1 else 'frames'}, {encoding}")
    return count


def _hints(given: GivenHints | None, sides: tuple[int, int]) -> FilmHints:
    """The hints for a film; raise InputError if they do not fit it."""
    if given is None:
        return NO_HINTS
    given.check_size(*sides)
    times = given.times if given.times is not None else np.zeros(len(given.points))
    return film_hints(times, given.points, given.levels)


def _animation(colorizer, job, options, max_pixels, given, report):
    if given is not None:
        raise InputError("hints are for photographs and films; make the animation a film first")
    animation, progress = read_animation(job.source, max_pixels), report.progress
    progress.total = len(animation.frames)
    check_savable(animation.frames.shape[2], animation.frames.shape[1])
    frames = (np.ascontiguousarray(frame[..., :3]) for frame in animation.frames)
    for number, rgb in enumerate(colorize_frames(colorizer, frames, options.decoding, options.steadiness)):
        animation.frames[number, ..., :3] = rgb
        progress.update(number + 1)
    write_animation(job.targets[0], animation)
    return len(animation.frames)
