"""Which steadiness films need: how much colours change along the motion, and how true they stay.

python -m benchmarks.studies.films --dataset photos --photos 6

Made clips are pans and zooms over photographs, so that the true motion is known. Films have real motion, which is
estimated; see `evaluate --video`, whose metrics these are: W is the steadiness, raw AuC is in %, PSNR in dB, and CF
means colourfulness.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tfcolor import DEFAULT_MODEL
from tfcolor.commands.evaluate_films import films_of
from tfcolor.data import datasets
from tfcolor.films.flow import load_cv
from tfcolor.films.options import FilmOptions
from tfcolor.films.reading import load_av
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder

COLUMNS = ["W", "warp error", "ratio", "CDC", "raw AuC", "PSNR", "CF", "dCF"]
FORMATS = {"warp_error": ".3f", "warp_ratio": ".3f", "cdc": ".6f", "raw_auc": ".2f", "psnr": ".2f"}
FORMATS |= {"colourfulness": ".2f", "dcf": ".2f"}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.films"
    add = parser.add_argument
    add("--model", default=DEFAULT_MODEL, help=f"a shipped model or a model directory (default: {DEFAULT_MODEL})")
    add("--weights", default="0,0.5,0.7,0.8,0.9", help="steadiness, each in [0, 1) (default: %(default)s)")
    add("--dataset", default="samples", help="photographs for made clips (default: samples)")
    add("--split", default="val", choices=datasets.SPLITS, help="their split (default: val)")
    add("--photos", type=int, default=6, help="most photographs, a clip each (default: 6)")
    add("--frames", type=int, default=32, help="of each clip (default: 32)")
    add("--sides", default="360,640", help="height and width of the clips in pixels (default: 360,640)")
    add("--video", metavar="FILE", help="also measure a colour film, or a folder of them")
    add("--output", type=Path, default=Path("runs/films"), help="folder of the table (default: %(default)s)")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure each weight on each clip, and print tables."""
    args = parse(arguments)
    weights, sides = console.numbers_of("--weights", args.weights), console.numbers_of("--sides", args.sides, int)
    if len(sides) != 2 or min(sides) < 16 or args.frames < 2:
        raise InputError("--sides must be two numbers from 16 up, and --frames at least 2")
    dataset = datasets.find(args.dataset, args.data_dir)
    paths = dataset.some_of(args.split, args.photos)
    films = films_of(Path(args.video)) if args.video else []
    load_av(), load_cv()
    console.load_tensorflow()
    from benchmarks.studies.tables import show
    from tfcolor.colorizer.colorizer import Colorizer

    colorizer = Colorizer.load(args.model)
    for weight in weights:
        FilmOptions(colorizer.decoding, weight)  # raises InputError for a weight out of range
    clips = {path.name: readable(made_clip, path, sides, args.frames) for path in paths}
    sources = {path.name: readable(film_of, path) for path in films}
    title = f"{args.model} on {len(paths)} made clips of {args.frames} frames, {dataset.name}, {args.split} split"
    tables = [(f"{title}; known motion", COLUMNS, measured(colorizer, clips, weights))]
    for name, start in sources.items():
        rows = measured(colorizer, {name: start}, weights)
        tables.append((f"{console.shown(name)}; estimated motion", COLUMNS, rows))
    make_folder(args.output)
    show(tables, args.output / "films.md")


def readable(opening: Callable, path: Path, *arguments: Any) -> Callable[[], Iterator[Any]]:
    """Open a photograph or a film; raise InputError if it cannot be read."""
    from tfcolor.photographs.pixels import UnreadableImage

    try:
        return opening(path, *arguments)
    except UnreadableImage as error:
        raise InputError(f"{console.shown(path)} cannot be read: {error}") from error


def made_clip(path: Path, sides: tuple[int, int], count: int) -> Callable[[], Iterator[Any]]:
    """Return what makes the frames of a clip over a photograph, which is read now."""
    from benchmarks.clips import pan_and_zoom
    from tfcolor.evaluation.films import TrueFrame
    from tfcolor.photographs.pixels import read_photo

    rgb = read_photo(path).rgb
    return lambda: (TrueFrame(*pair) for pair in pan_and_zoom(rgb, sides, count))


def film_of(path: Path) -> Callable[[], Iterator[Any]]:
    """Return what decodes the frames of a film."""
    from tfcolor.evaluation.films import TrueFrame
    from tfcolor.evaluation.true_frames import read_true_film, true_frames

    film = read_true_film(path)
    return lambda: map(TrueFrame, true_frames(film))


def measured(
    colorizer: Any, sources: dict[str, Callable[[], Iterator[Any]]], weights: tuple[float, ...]
) -> list[list[str]]:
    """The rows of a table: gray, truth, frame by frame (0), and each weight; means over clips.

    Args:
        colorizer: the model.
        sources: by name, what starts the frames of a clip.
        weights: of steady colours.
    """
    from tfcolor.evaluation.films import means_of, measure_film

    rows = {}
    for weight in [weight for weight in weights if weight] or [0.0]:  # all results have those of frame by frame
        found = []
        for name, start in sources.items():
            with console.Progress(f"{name}, {weight:g}", None, "frames") as progress:
                found.append(measure_film(colorizer, start(), colorizer.decoding, weight, progress.update)[1])
        mean = means_of(found)
        rows |= {"gray": mean["gray"], "truth": mean["truth"], "0": mean["frame by frame"]}
        rows[f"{weight:g}"] = mean["steady"]
    return [[name, *(text(row[metric], form) for metric, form in FORMATS.items())] for name, row in rows.items()]


def text(value: float | None, form: str) -> str:
    """Format a number; '-' for None."""
    return "-" if value is None else format(value, form)


if __name__ == "__main__":
    sys.exit(console.run(main))
