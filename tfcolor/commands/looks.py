"""Pictures that help to look at a prediction: a sheet of temperatures, candidates, and the distribution at a pixel."""

from pathlib import Path

import numpy as np

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer import explain
from tfcolor.colorizer.candidates import candidates
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import painted
from tfcolor.commands.colorize_files import name_note, result_format
from tfcolor.commands.report import UNWRITABLE, Report
from tfcolor.commands.worklist import Job, Outputs
from tfcolor.photographs.decoding import read_header
from tfcolor.photographs.pixels import UnreadableImage, write_png
from tfcolor.photographs.reading import Page, read_page
from tfcolor.photographs.writing import levels_of, saving
from tfcolor.utils.console import Progress, shown
from tfcolor.utils.sheets import reduced, sheet

_SHEET_SIDE = 640  # pixels: the longest side of a picture in a sheet


def look_at_files(
    colorizer: Colorizer, jobs: list[Job], decoding: Decoding, outputs: Outputs, tile: int, max_pixels: int
) -> Report:
    """Write the pictures in `outputs` for the first page of each photograph.

    Args:
        colorizer: the model.
        jobs: the jobs from `worklist.find`.
        decoding: how a colour is chosen from a distribution; a sweep has temperatures of its own.
        outputs: which pictures are made.
        tile: side of the tiles in pixels.
        max_pixels: the largest number of pixels of a page.

    Returns:
        What became of each photograph.

    Raises:
        WorkError: there is no space left for any result.
    """
    with Progress("looking at", len(jobs), "photographs") as progress:
        report = Report(progress)
        for done, job in enumerate(jobs, start=1):
            try:
                _look(colorizer, job, decoding, outputs, tile, max_pixels, report)
            except UnreadableImage as error:
                report.fail(job.source, error)
            except UNWRITABLE as error:
                report.fail_to_write(job, error)
            progress.update(done, shown(job.source.name))
    return report


def _look(colorizer, job, decoding, outputs, tile, max_pixels, report):
    header = read_header(job.source, max_pixels)
    page = read_page(header)
    if header.num_pages > 1:
        report.note(job.source, f"only the first of its {header.num_pages} pages is looked at")
    for note in (header.note, name_note(header), page.note):
        report.note(job.source, note)
    job.targets[0].parent.mkdir(parents=True, exist_ok=True)
    plots = []  # functions that write the first targets
    if outputs.sweep:
        plots.append(lambda target: write_png(target, sweep(colorizer, page, decoding, outputs.sweep, tile)))
    if outputs.explain:
        point = _checked_point(outputs.explain, page)
        plots.append(lambda target: explain.plot(colorizer, page.lightness, point, decoding, target, tile))
    others = job.targets[len(plots) :]
    if others:
        format = result_format(others[0], header, outputs.format)
        _write_candidates(colorizer, page, decoding, outputs, tile, others, format)
    for plot, target in reversed(list(zip(plots, job.targets, strict=False))):  # the first target last, see `Job`
        plot(target)
    report.colored.append(job.source_path)
    report.num_pixels += page.lightness.size


def _checked_point(point, page):
    height, width = page.lightness.shape
    if point[0] >= width or point[1] >= height:
        raise UnreadableImage(f"{width}x{height} pixels, so there is none at {point[0]},{point[1]}")
    return point


def sweep(
    colorizer: Colorizer, page: Page, decoding: Decoding, temperatures: tuple[float, ...], tile: int
) -> np.ndarray:
    """Make a sheet of a page and its colourings at several temperatures, reduced in size.

    Args:
        colorizer: the model.
        page: the page.
        decoding: how a colour is chosen from a distribution, except the temperature.
        temperatures: one for each colouring.
        tile: side of the tiles in pixels.

    Returns:
        uint8 [H', W', 3].
    """
    pictures = [("input", reduced(painted(page.lightness), _SHEET_SIDE))]
    decodings = [decoding.replace(temperature=temperature) for temperature in temperatures]
    for temperature, ab in zip(temperatures, colorizer.predict_many(page.lightness, decodings, tile), strict=True):
        rgb = painted(page.lightness, ab)
        pictures.append((f"T = {temperature:g}", reduced(rgb, _SHEET_SIDE)))
    return sheet([pictures])


def _write_candidates(colorizer, page, decoding, outputs, tile, targets: tuple[Path, ...], format: str):
    predicted = candidates(colorizer, page.lightness, len(targets), decoding, tile)
    for ab, target in reversed(list(zip(predicted, targets, strict=True))):
        rgb = painted(page.lightness, ab, levels_of(page, format))
        with saving(target, format, page.lightness.size * 8, outputs.quality) as add_page:
            add_page(rgb, page)
