"""Colour files: pages are read ahead, coloured, and written behind; a report says what became of each photograph."""

import contextlib
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.hints import Hints
from tfcolor.colorizer.painting import painted
from tfcolor.colorizer.routed import Choice, RoutedColorizer
from tfcolor.colorizer.tiles import Uncolored, count_tiles
from tfcolor.commands.first_page import FirstPage
from tfcolor.commands.hint_files import GivenHints
from tfcolor.commands.report import UNWRITABLE, Report
from tfcolor.commands.worklist import Job, Outputs
from tfcolor.models.routed import OwnDecoding
from tfcolor.photographs import formats
from tfcolor.photographs.decoding import Header, read_header
from tfcolor.photographs.formats import Unsavable
from tfcolor.photographs.pixels import UnreadableImage, read_ahead, write_png
from tfcolor.photographs.reading import Page, read_page
from tfcolor.photographs.writing import levels_of, rounded, saving, takes_spare_bytes
from tfcolor.utils.console import Progress, shown
from tfcolor.utils.errors import InputError
from tfcolor.utils.sheets import sheet

_PIXELS_BEHIND = 32_000_000  # of the results that wait to be written while others are coloured


def colorize_files(
    colorizer: Colorizer | RoutedColorizer,
    jobs: list[Job],
    decoding: Decoding | OwnDecoding,
    outputs: Outputs,
    tile: int,
    max_pixels: int,
    workers: int,
    hints: Mapping[Path, GivenHints] | None = None,
    first: FirstPage | None = None,
) -> Report:
    """Colour and write photographs. Those that cannot be read or written are reported, and the others coloured.

    Args:
        colorizer: the model.
        jobs: the jobs from `worklist.find`.
        decoding: how a colour is chosen from a distribution.
        outputs: the results' format and quality, and whether comparisons are written.
        tile: side of the tiles in pixels.
        max_pixels: the largest number of pixels of a page.
        workers: number of threads that read, and that write, while the network computes.
        hints: the hints for some of the photographs.
        first: the first page, if it is read already.

    Returns:
        What became of each photograph.

    Raises:
        WorkError: there is no space left for any result.
    """
    hints, first = hints or {}, first or FirstPage([], max_pixels)
    with Progress("colouring", len(jobs), "photographs") as progress, ThreadPoolExecutor(workers) as pool:
        _prepare(colorizer, first, decoding, tile, pool)
        report = Report(progress)
        results = _Results(report, pool, workers, outputs)
        waiting: deque[tuple[_PageTask, Page, int]] = deque()  # pages that are being coloured, and their tiles
        tiles_before = 0  # tiles of the pages that are done

        def read(task):
            page = first.take(task.header, task.index)
            return page or read_page(task.header, task.index, outputs.compare)

        def pictures():
            tasks = _tasks(jobs, outputs.format, max_pixels, report)
            for task, page in read_ahead(tasks, read, _PageTask.num_pixels, workers):
                if isinstance(page, UnreadableImage):
                    results.give_up(task, page)
                elif task.job.source not in report.failed:
                    try:
                        known = hints_for(hints.get(task.job.source), page, task.header.num_pages)
                    except InputError as error:
                        report.fail(task.job.source, error)
                        continue
                    task.note(page, report)
                    # Nothing here may keep the lightness while results are written: it is as large as they are.
                    is_spare = not outputs.compare and takes_spare_bytes(task.format)
                    picture = [Uncolored(page.lightness, levels_of(page, task.format), known, is_spare)]
                    kept = page if outputs.compare else page.without_lightness()
                    waiting.append((task, kept, count_tiles(*page.lightness.shape, tile)))
                    del page, kept
                    yield picture.pop()

        def show(done):
            task, _, num_tiles = waiting[0]
            share = min((done - tiles_before) / num_tiles, 0.999)  # 1 when it is written
            files = len(report.colored) + len(report.failed) + results.num_waiting
            progress.update(files + (task.index + share) / task.header.num_pages, shown(task.job.source.name))

        with contextlib.closing(results):
            for rgb in colorizer.colorize_all(pictures(), decoding, tile, show):
                task, page, num_tiles = waiting.popleft()
                if isinstance(colorizer, RoutedColorizer):
                    task.note_choice(colorizer.choice, report)
                tiles_before += num_tiles
                results.add(task, page, rgb)
                del page, rgb  # else they stay in memory while the next one is read
            results.finish()
        progress.update(len(jobs))
    return report


def _prepare(colorizer, first, decoding, tile, pool):
    """Trace and compile what paints the first page, while the network is optimized."""
    if not first.kind or isinstance(colorizer, RoutedColorizer):
        pool.submit(painted, np.zeros([1, 1], np.float32))
        return
    height, width, dtype = first.kind
    pool.submit(colorizer.prepare, height, width, dtype, decoding, tile)


def hints_for(given: GivenHints | None, page: Page, num_pages: int = 1) -> Hints | None:
    """Return the hints for a page, or None without hints; raise InputError if they do not fit it."""
    if given is None:
        return None
    if num_pages > 1:
        raise InputError(f"{num_pages} pages, and hints are for files of one page")
    if given.times is not None:
        raise InputError("hints with a time are for films; leave it out")
    given.check_size(*page.lightness.shape)
    hints = Hints.of_levels(given.points, given.levels)
    hints.check_inside(*page.lightness.shape)
    return hints


class _PageTask(NamedTuple):
    """A page to colour."""

    job: Job
    header: Header
    index: int
    format: str

    def num_pixels(self) -> int:
        return self.header.num_pixels

    def note(self, page: Page, report: Report) -> None:
        if self.index == 0:
            report.note(self.job.source, self.header.note)
            report.note(self.job.source, name_note(self.header))
        report.note(self.job.source, page.note)

    def note_choice(self, choice: Choice, report: Report) -> None:
        page = f"page {self.index + 1} " if self.header.num_pages > 1 else ""
        report.note(self.job.source, f"{page}{choice}")


def _tasks(jobs: list[Job], chosen: str | None, max_pixels: int, report: Report) -> Iterator[_PageTask]:
    """The pages of all files that can be opened and whose results can hold them."""
    for job in jobs:
        try:
            header = read_header(job.source, max_pixels)
        except UnreadableImage as error:
            report.fail(job.source, error)
            continue
        format = result_format(job.targets[0], header, chosen)
        if header.num_pages > 1 and format != "tiff":
            reason = f"{header.num_pages} pages, and {format.upper()} holds only one; take --format tiff"
            report.fail(job.source, reason)
            continue
        yield from (_PageTask(job, header, index, format) for index in range(header.num_pages))


def result_format(target: Path, header: Header, chosen: str | None) -> str:
    """Choose the format of a result: a name in `formats.FORMATS`.

    Args:
        target: the result.
        header: header of the photograph.
        chosen: the format that was asked for, or None.

    Returns:
        `chosen`; else the photograph's own format if the result has the same suffix, even a wrong one; else the
        format that the result's suffix means.
    """
    if not chosen and header.format and target.suffix == header.path.suffix:
        return header.format
    return chosen or formats.of_name(target) or "png"


def name_note(header: Header) -> str:
    """Return a note on a file whose suffix means another format; usually an empty one."""
    named = formats.of_name(header.path)
    if not named or named == header.format:
        return ""
    return f"it is in fact a {(header.format or header.pillow_format).upper()} file"


class _Results:
    """Writes results: single pictures in other threads, the pages of one file one after the other."""

    def __init__(self, report: Report, pool: ThreadPoolExecutor, workers: int, outputs: Outputs):
        self._report, self._pool, self._workers, self._outputs = report, pool, workers, outputs
        self._writing: deque[tuple[_PageTask, int, Future]] = deque()  # (page, its number of pixels, its writing)
        self._pages = contextlib.ExitStack()  # holds the file of several pages that is open
        self._open_job: Job | None = None  # of that file
        self._first: tuple[Page, np.ndarray] | None = None  # its first page, if there will be a comparison

    @property
    def num_waiting(self) -> int:
        """The number of results that wait to be written."""
        return len(self._writing)

    def add(self, task: _PageTask, page: Page, rgb: np.ndarray) -> None:
        """Write the colours of a page. Pages come in their order."""
        if task.job.source in self._report.failed:
            return
        if task.header.num_pages > 1:
            self._write_page(task, page, rgb)
            return
        self._writing.append((task, rgb[..., 0].size, self._pool.submit(self._write, task, page, rgb)))
        while len(self._writing) > self._workers or sum(size for _, size, _ in self._writing) > _PIXELS_BEHIND:
            self._finish_oldest()

    def give_up(self, task: _PageTask, reason: UnreadableImage) -> None:
        """Report that a page cannot be read, so that its file has no result."""
        self._report.fail(task.job.source, reason if task.header.num_pages == 1 else f"page {task.index + 1}: {reason}")
        if self._open_job is task.job:
            self._discard(reason)

    def finish(self) -> None:
        """Wait until all results are written."""
        while self._writing:
            self._finish_oldest()

    def close(self) -> None:
        """Remove an unfinished result."""
        if self._open_job:
            self._discard(Unsavable("unfinished"))

    def _finish_oldest(self):
        task, num_pixels, future = self._writing.popleft()
        try:
            future.result()
        except UNWRITABLE as error:
            self._report.fail_to_write(task.job, error)
        else:
            self._report.colored.append(task.job.source_path)
            self._report.num_pixels += num_pixels

    def _write(self, task, page, rgb):
        with self._saving(task) as add_page:
            add_page(rgb, page)
            self._compare(task, page, rgb)  # before the result gets its name: that says that both are complete

    def _write_page(self, task, page, rgb):
        try:
            if task.index == 0:
                self._add_page, self._open_job = self._pages.enter_context(self._saving(task)), task.job
                self._first = (page, rgb) if task.job.targets[1:] else None
            self._add_page(rgb, page)
            self._report.num_pixels += rgb[..., 0].size
            if task.index == task.header.num_pages - 1:
                if self._first:
                    self._compare(task, *self._first)
                self._open_job = self._first = None
                self._pages.close()
                self._report.colored.append(task.job.source_path)
        except UNWRITABLE as error:
            self._discard(error)
            self._report.fail_to_write(task.job, error)

    def _saving(self, task):
        target = task.job.targets[0]
        target.parent.mkdir(parents=True, exist_ok=True)
        num_bytes = task.header.num_pages * task.header.num_pixels * 8  # RGBA of 16 bits
        return saving(target, task.format, num_bytes, self._outputs.quality)

    def _discard(self, error):
        self._open_job = self._first = None
        with contextlib.suppress(type(error)):
            self._pages.__exit__(type(error), error, error.__traceback__)
        self._pages = contextlib.ExitStack()

    def _compare(self, task, page, rgb):
        """Write a sheet of input, result and truth, if it was asked for."""
        for target in task.job.targets[1:]:
            pictures = [("input", painted(page.lightness)), ("result", rounded(rgb, np.uint8))]
            pictures += [("truth", page.truth)] if page.truth is not None else []
            write_png(target, sheet([pictures]))
