"""Print the colours that the network expects at a pixel, and where a hint would help most."""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.opened import OpenedPhotograph
from tfcolor.colorizer.painting import painted
from tfcolor.commands.colorize_files import hints_for
from tfcolor.commands.hint_files import GivenHints
from tfcolor.commands.worklist import Job
from tfcolor.photographs.decoding import read_header
from tfcolor.photographs.pixels import UnreadableImage
from tfcolor.photographs.reading import read_page
from tfcolor.utils.console import shown
from tfcolor.utils.errors import InputError

_SHOWN = 0.005  # the least probability that is printed: less would be 0 %


def print_suggestions(
    colorizer: Colorizer,
    jobs: list[Job],
    hints: Mapping[Path, GivenHints],
    point: tuple[int, int],
    decoding: Decoding,
    max_pixels: int,
) -> int:
    """Print suggestions for the same pixel of each photograph, and a line for each that has none.

    Args:
        colorizer: a model that predicts distributions.
        jobs: the photographs.
        hints: the hints so far, by photograph.
        point: x and y.
        decoding: its lambda counts.
        max_pixels: the largest number of pixels of a page.

    Returns:
        The number of photographs without suggestions.
    """
    failures = 0
    for job in jobs:
        try:
            print("\n".join(_lines(colorizer, job, hints.get(job.source), point, decoding, max_pixels)))
        except (UnreadableImage, InputError) as error:
            print(f"no suggestions for {shown(job.source)}: {shown(error)}", file=sys.stderr)
            failures += 1
    return failures


def _lines(colorizer, job, given, point, decoding, max_pixels):
    page = read_page(read_header(job.source, max_pixels))
    hints = hints_for(given, page) or ()
    opened = OpenedPhotograph(colorizer, page.lightness, page.dtype, colorizer.auto_tile)
    suggestions = opened.suggest(*point, hints, uniform_share=decoding.uniform_share)
    there = page.lightness[point[1], point[0]]
    colors = painted(np.full([1, len(suggestions)], there), np.stack([each.ab for each in suggestions])[None])[0]
    yield f"{shown(job.source)} at {point[0]},{point[1]}:"
    for suggestion, (red, green, blue) in zip(suggestions, colors, strict=True):
        if suggestion.probability < _SHOWN:
            continue
        yield f"  #{red:02x}{green:02x}{blue:02x}  {suggestion.probability:4.0%}"
    x, y = opened.best_place(hints, decoding.uniform_share)
    yield f"  a hint would help most at {x},{y}"
