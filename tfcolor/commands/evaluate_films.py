"""`evaluate --video`: how steady and how true the colours of films are."""

import argparse
from pathlib import Path, PurePath
from typing import Any

from tfcolor.color.decoding_options import Decoding
from tfcolor.films.flow import load_cv
from tfcolor.films.names import is_film_name
from tfcolor.films.options import WEIGHT, FilmOptions
from tfcolor.films.reading import Damaged, load_av
from tfcolor.photographs.pixels import UnreadableImage
from tfcolor.utils import console
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import check_folder, make_folder, write_json

# Metrics of the printed table -> headings short enough for 80 columns, and decimal places.
_HEADINGS = {
    "warp_error": ("warp", 2),
    "warp_ratio": ("ratio", 3),
    "cdc": ("CDC", 6),
    "psnr": ("PSNR", 2),
    "raw_auc": ("raw", 2),
    "colourfulness": ("CF", 1),
    "dcf": ("dCF", 2),
}
_NOTE = """warp: mean squared change of ab along the motion; ratio: to frame by frame
CDC: change of histograms; it rewards gray, so gray and truth stand beside it"""


def evaluate_films(args: argparse.Namespace) -> None:
    """Measure films coloured frame by frame and steadily, write the results, and print tables.

    Args:
        args: the options of `evaluate`.

    Raises:
        InputError: an option does not go with --video, a result exists, or there is no film.
        WorkError: no film can be read.
    """
    paths, decoding, weight = films_of(Path(args.video)), *_checked(args)
    name = PurePath(args.model).name
    folder = Path(args.output or f"evaluations/{Path(args.video).resolve().name}-{name}")
    target = folder / "video.json"
    if target.exists() and not args.overwrite:
        raise InputError(f"{target} exists; give --overwrite to replace it, or another --output")
    check_folder(folder)
    load_av(), load_cv()
    console.load_tensorflow()
    from tfcolor.colorizer import Colorizer
    from tfcolor.evaluation.films import means_of

    colorizer = Colorizer.load(args.model, args.precision, working_size=args.working_size)
    measured = [(path, _measured(colorizer, path, decoding, weight)) for path in paths]
    films = {path.name: found for path, found in measured if found}
    if not films:
        raise WorkError("no film can be measured")
    make_folder(folder)
    mean = means_of(found["results"] for found in films.values())
    about = {"model": name, "working_size": args.working_size or colorizer.working_size, "steadiness": weight}
    about |= {"T": decoding.temperature, "lambda": decoding.uniform_share, "chroma_smoothing": decoding.smoothing}
    write_json(target, about | {"films": films, "mean": mean})
    _print(name, films, mean)
    print(f"all numbers: {target}")


def films_of(path: Path) -> list[Path]:
    """Return the films of a folder, sorted, or the one film; raise InputError if there is none."""
    if not path.is_dir():
        if not path.exists():
            raise InputError(f"--video takes a film or a folder of films, and there is no {console.shown(path)}")
        return [path]
    films = sorted(each for each in path.iterdir() if each.is_file() and is_film_name(each.name))
    if not films:
        raise InputError(f"there is no film in {console.shown(path)}")
    return films


def _checked(args) -> tuple[Decoding, float]:
    """The decoding and the steadiness; raise InputError if an option does not fit."""
    from tfcolor.models.directory import find_model, is_routed, read_info

    given = {"--dataset": args.dataset, "--split": args.split, "--predictions": args.predictions}
    given |= {"--hints": args.hints, "--classifier": args.classifier, "--tile": args.tile}
    given["--shard"] = args.shard if args.shard != "1/1" else None
    for option, value in given.items():
        if value:
            raise InputError(f"{option} does not go with --video; leave one out")
    if is_routed(folder := find_model(args.model)):
        raise InputError(
            f"{args.model} is a routed model; films need one distribution, so give a specialist as --model"
        )
    temperatures = () if args.temperature is None else console.temperatures_of("--T", args.temperature)
    if len(temperatures) > 1:
        raise InputError(f"--video is measured at one temperature; --T got {args.temperature}")
    info = read_info(folder)
    info.check_predicts_distribution({"temperature": args.temperature, "uniform_share": args.uniform_share})
    decoding = info.decoding.replace(
        temperature=temperatures[0] if temperatures else None,
        smoothing=args.smoothing,
        uniform_share=args.uniform_share,
    )
    return decoding, FilmOptions(decoding, WEIGHT if args.steadiness is None else args.steadiness).steadiness


def _measured(colorizer: Any, path: Path, decoding: Decoding, weight: float) -> dict[str, Any] | None:
    """The number of frames of a film and its results; None, after a line that says why, if it cannot be read."""
    from tfcolor.evaluation.films import TrueFrame, measure_film
    from tfcolor.evaluation.true_frames import read_true_film, true_frames

    with console.Progress(console.shown(path.name), None, "frames") as progress:
        try:
            film = read_true_film(path)
            progress.total = film.num_frames or None
            frames = map(TrueFrame, true_frames(film))
            count, results = measure_film(colorizer, frames, decoding, weight, progress.update)
        except (UnreadableImage, Damaged) as error:
            progress.log(f"cannot read {console.shown(path)}: {error}")
            return None
    return {"frames": count, "results": results}


def _print(model, films, mean):
    count = sum(found["frames"] for found in films.values())
    what = console.shown(next(iter(films))) if len(films) == 1 else f"{len(films)} films"
    rows = [[way, *(_text(found[metric], metric) for metric in _HEADINGS)] for way, found in mean.items()]
    title = f"{model} on {what}, {count} frames\nraw AuC in %, PSNR in dB, CF: colourfulness"
    console.print_table(title, ["colours", *(heading for heading, _ in _HEADINGS.values())], rows)
    if len(films) > 1:
        columns = ["film", "frames", "ratio", "raw", "dCF"]
        rows = [[console.shown(name), str(found["frames"]), *_gains(found["results"])] for name, found in films.items()]
        console.print_table("each film, frame by frame -> steady", columns, rows)
    print(_NOTE)


def _gains(results):
    alone, steady = results["frame by frame"], results["steady"]
    both = (f"{_text(alone[metric], metric)} -> {_text(steady[metric], metric)}" for metric in ("raw_auc", "dcf"))
    return _text(steady["warp_ratio"], "warp_ratio"), *both


def _text(value, metric):
    return "-" if value is None else f"{value:.{_HEADINGS[metric][1]}f}"
