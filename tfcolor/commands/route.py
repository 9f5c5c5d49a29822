"""Join several models: a router sends each photograph to the one that suits it best, or blends their colours.

python -m tfcolor route --models general,outdoor,zhang-outdoor --dataset photos,scenes --output runs/routed
python predict.py --model runs/routed old-photo.jpg
"""

import argparse
import shlex
from datetime import date
from pathlib import Path
from typing import Any

from tfcolor import DEFAULT_MODEL, __version__
from tfcolor.data import datasets
from tfcolor.data.datasets import Dataset
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_folder, new_folder
from tfcolor.utils.options import PRECISION


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("--models", required=True, metavar="A,B,...", help="the specialists: shipped models or model directories")
    add("--dataset", default="scenes", help="one or several datasets, as in train.py (default: scenes)")
    add("--output", required=True, help="folder of the routed model")
    add("--overwrite", action="store_true", help="replace a routed model that exists")
    add(
        "--photographs",
        type=int,
        default=500,
        metavar="N",
        help="learn from at most this many validation photographs of each dataset (default: 500)",
    )
    add(
        "--test-photographs",
        type=int,
        default=200,
        metavar="N",
        help="measure on this many test photographs in all, equally many of each dataset (default: 200)",
    )
    add(
        "--threshold",
        type=float,
        metavar="P",
        help="probability from which one model colours alone: 0 never blends, 1 always (default: the best in "
        "cross-validation)",
    )
    add("--features", default=DEFAULT_MODEL, metavar="MODEL", help="a unet, whose encoder sees the photographs")
    PRECISION.add_to(parser, "precision", default=PRECISION.default)
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Make the router, measure it, write the routed model, and print what it gains."""
    args = parse(arguments)
    folder, models, features = check(args)
    learned, measured = photographs_of(args)
    console.load_tensorflow()
    from tfcolor.colorizer import Colorizer
    from tfcolor.colorizer.features import PhotographFeatures, encoder_of
    from tfcolor.evaluation import routing
    from tfcolor.models.routed import write_routed
    from tfcolor.utils.files import write_npz
    from tfcolor.utils.precision import for_prediction

    encoder, weights = encoder_of(features)
    precision = for_prediction(args.precision).name  # one for all
    folder.absolute().parent.mkdir(parents=True, exist_ok=True)
    with new_folder(folder, replace=args.overwrite) as unfinished:
        write_npz(unfinished / "encoder.npz", weights)
        specialists = {name: Colorizer.load(path, precision) for name, path in models.items()}
        task = (specialists, PhotographFeatures(encoder, unfinished / "encoder.npz"))
        seen = routing.color_all("validation", list(learned.values()), *task, routing.LEARNED_PIXELS)
        router, settings, error = routing.make_router(seen, args.threshold)
        tested = routing.color_all("test", list(measured.values()), *task, routing.MEASURED_PIXELS)
        found = routing.gains(router, list(models), seen, tested)
        about = {
            "description": f"Routed among {', '.join(models)}, by what is seen in the whole photograph.",
            "command": command_of(args),
            "features": args.features,
            "validation": dict(zip(learned, counts(seen.part), strict=True)),
            "test": dict(zip(measured, counts(tested.part), strict=True)),
            "precision": precision,
            "settings": settings._asdict() | {"cross_validated_error": error},
            "measured": found,
            "date": date.today().isoformat(),
            "version": __version__,
        }
        write_routed(unfinished, models, encoder, router, about)
    print_gains(about)
    print(f"written to {folder}; python predict.py --model {shlex.quote(str(folder))} uses it")


def check(args: argparse.Namespace) -> tuple[Path, dict[str, Path], Any]:
    """Check all that needs no photographs.

    Returns:
        The folder to write, the specialists by name, and the model whose encoder is used.

    Raises:
        InputError: an argument is wrong, or a result exists.
    """
    from tfcolor.models.directory import find_model, read_info
    from tfcolor.models.routed import named_models

    for option, value in (("--photographs", args.photographs), ("--test-photographs", args.test_photographs)):
        if value < 1:
            raise InputError(f"{option} must be at least 1, got {value}")
    if args.threshold is not None and not 0 <= args.threshold <= 1:
        raise InputError(f"--threshold must be in [0, 1], got {args.threshold:g}")
    models = named_models([find_model(name) for name in args.models.split(",") if name])
    features = read_info(find_model(args.features))
    if "encoder" not in features.network.arguments:
        raise InputError(f"--features takes a unet, whose encoder it uses; {args.features} is {features.network.name}")
    folder = Path(args.output)
    check_target(folder, args.overwrite)
    return folder, models, features


def check_target(folder: Path, overwrite: bool) -> None:
    """Raise InputError if the folder holds anything, unless it is a routed model that may be replaced."""
    from tfcolor.models.directory import is_routed

    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        if not (folder / "model.json").is_file() or not is_routed(folder):
            raise InputError(f"{folder} exists and is not a routed model; give another --output")
        if not overwrite:
            raise InputError(f"{folder} holds a routed model; give --overwrite to replace it, or another --output")
    check_folder(folder)


def photographs_of(args: argparse.Namespace) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Return the validation and the test photographs of each dataset, spread over it.

    Raises:
        InputError: a dataset is unknown, or a split empty.
    """
    dataset = datasets.find(args.dataset, args.data_dir)
    parts = dataset.parts or (dataset,)
    paths = {split: [of_split(part, split) for part in parts] for split in ("val", "test")}
    names = unique_names(parts)
    learned = [spread(each, args.photographs) for each in paths["val"]]
    equal = max(1, min(args.test_photographs // len(parts), *map(len, paths["test"])))
    measured = [spread(each, equal) for each in paths["test"]]
    return dict(zip(names, learned, strict=True)), dict(zip(names, measured, strict=True))


def of_split(part: Dataset, split: str) -> list[Path]:
    """The photographs of a split; InputError if there are none."""
    paths = part.split(split).paths
    if not paths:
        raise InputError(f"{part.name} has no photograph in its {split} split; give a larger --dataset")
    return paths


def unique_names(parts: tuple[Dataset, ...]) -> list[str]:
    """The names of datasets, with their folders' paths where two have the same."""
    names = [part.name for part in parts]
    return [part.name if names.count(part.name) == 1 else str(part.folder) for part in parts]


def spread(paths: list[Path], count: int) -> list[Path]:
    """Choose a number of paths, spread evenly; all of them if there are no more."""
    count = min(count, len(paths))
    return [paths[k * len(paths) // count] for k in range(count)]


def counts(part: Any) -> list[int]:
    """Count the photographs of each dataset that could be read."""
    return [int((part == number).sum()) for number in range(int(part.max()) + 1)]


def command_of(args: argparse.Namespace) -> str:
    """The command that makes the same router again."""
    words = ["python", "-m", "tfcolor", "route", "--models", args.models, "--dataset", args.dataset]
    words += ["--photographs", str(args.photographs), "--test-photographs", str(args.test_photographs)]
    words += [] if args.threshold is None else ["--threshold", f"{args.threshold:g}"]
    words += [] if args.features == DEFAULT_MODEL else ["--features", args.features]
    return shlex.join([*words, "--output", args.output])


def print_gains(about: dict[str, Any]) -> None:
    """Print the table of all ways to use the models, and what the router gains."""
    found = about["measured"]
    rows = []
    for name, way in found["ways"].items():
        numbers = [f"{way[key]:.2f}" for key in ("error", "raw_auc", "chroma", "error_at_it")]
        strength = "" if way["strength"] is None else f"{way['strength']:g}"
        rows.append([name, *numbers, strength, f"{way['networks']:.1f}"])
    photographs = ", ".join(f"{count} of {name}" for name, count in about["test"].items())
    title = f"test photographs: {photographs}\nerror: mean distance to the true colour, in ab units; AuC in %\n"
    title += f"paled: the error at the best strength; chroma of the photographs: {found['true_chroma']:.2f}"
    console.print_table(title, ["", "error", "raw AuC", "chroma", "paled", "strength", "networks"], rows)
    chosen = ", ".join(f"{name} {100 * share:.0f} %" for name, share in found["chosen"].items())
    print(f"alone: {chosen}; blended: {100 * found['blended']:.0f} % (threshold {about['settings']['threshold']:g})")
    for other, (gain, low, high) in found["gains"].items():
        print(f"the router gains {gain:.2f} ({low:.2f} ... {high:.2f}) over {other}")
