"""Colour photographs and films as the options say: all that a process needs to know. No TensorFlow until it starts."""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfcolor.color.decoding_options import Decoding
from tfcolor.commands.first_page import FirstPage
from tfcolor.commands.hint_files import GivenHints
from tfcolor.commands.worklist import Job, Outputs
from tfcolor.films.options import FilmOptions
from tfcolor.models.routed import OwnDecoding
from tfcolor.utils import console

if TYPE_CHECKING:
    from tfcolor.colorizer import Colorizer, RoutedColorizer
    from tfcolor.commands.report import Report


@dataclass(frozen=True)
class Model:
    """A model, and how it computes.

    name: of a shipped model, or a model directory.
    precision, xla, working_size, repaint: see `load_colorizer`.
    """

    name: str
    precision: str
    xla: bool
    working_size: int | None
    repaint: bool

    def load(self) -> "Colorizer | RoutedColorizer":
        """Load TensorFlow, and the model."""
        console.load_tensorflow()
        from tfcolor.colorizer import load_colorizer

        return load_colorizer(self.name, self.precision, self.xla, self.working_size, self.repaint)


@dataclass(frozen=True)
class Coloring:
    """How photographs and films are coloured. It can be sent to other processes.

    model: with which model.
    decoding: how a colour is chosen from a distribution.
    outputs: what is made of each photograph.
    films: how films are coloured and encoded.
    tile: side of the tiles in pixels, or None for the default.
    max_pixels: the largest number of pixels of a page or a frame.
    workers: number of threads that read, and that write, while the network computes.
    """

    model: Model
    decoding: Decoding | OwnDecoding
    outputs: Outputs
    films: FilmOptions
    tile: int | None
    max_pixels: int
    workers: int

    @classmethod
    def of(cls, args: Namespace, tile: int | None, outputs: Outputs, decoding: Decoding | OwnDecoding) -> "Coloring":
        """Take the rest from the options of the command line."""
        films = FilmOptions(decoding, args.steadiness, args.crf, args.lossless)
        model = Model(args.model, args.precision, args.xla, args.working_size, args.repaint)
        return cls(model, decoding, outputs, films, tile, round(args.max_megapixels * 1e6), args.workers)

    def color(
        self,
        colorizer: "Colorizer | RoutedColorizer",
        photographs: list[Job],
        films: list[Job],
        hints: Mapping[Path, GivenHints],
        first: FirstPage | None = None,
    ) -> "Report":
        """Colour photographs, then films; return what became of each.

        Args:
            colorizer: the loaded model.
            photographs: jobs from `worklist.find`.
            films: the same, of films and animations.
            hints: the hints for some of them.
            first: the first page of the photographs, if it is read already.

        Raises:
            WorkError: there is no space left for any result.
        """
        report = self._photographs(colorizer, photographs, hints, first)
        if films:
            from tfcolor.commands.colorize_films import colorize_films

            report.add(colorize_films(colorizer, films, self.films, self.max_pixels, hints))
        return report

    def _photographs(self, colorizer, jobs, hints, first):
        from tfcolor.colorizer.tiles import AUTO_TILE

        task = (colorizer, jobs, self.decoding, self.outputs)
        if self.outputs.are_looks:
            from tfcolor.commands.looks import look_at_files

            return look_at_files(*task, self.tile or AUTO_TILE, self.max_pixels)
        from tfcolor.commands.colorize_files import colorize_files

        return colorize_files(*task, self.tile or colorizer.auto_tile, self.max_pixels, self.workers, hints, first)
