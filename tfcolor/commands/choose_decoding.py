"""Choose the default decoding of a model on validation photographs: T, lambda and chroma smoothing.

python -m tfcolor choose-decoding --model runs/forest-valid8-w10 --dataset forest --write
"""

import argparse

from tfcolor.color.decoding_options import Decoding
from tfcolor.commands import choosing
from tfcolor.utils import console
from tfcolor.utils.errors import InputError

NAMES = {"temperature": "T", "uniform_share": "lambda", "smoothing": "chroma smoothing"}
# Metric -> its name, and a heading short enough for a table of 80 columns.
CRITERIA = {
    "mean_auc": ("mean of raw and bounded AuC", "mean"),
    "raw_auc": ("raw AuC", "raw"),
    "bounded_auc": ("bounded AuC", "bounded"),
    "rebalanced_auc": ("rebalanced AuC", "rebalanced"),
    "dcf": ("dCF", "dCF"),
}


# Field of `Decoding` -> its option, the field of `decoding_choice.Grid`, and the kind of its numbers.
GRID = {
    "temperature": ("--T", "temperatures", float),
    "uniform_share": ("--lambda", "uniform_shares", float),
    "smoothing": ("--chroma-smoothing", "radii", int),
}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("--model", required=True, help="a model directory")
    add("--by", default="mean_auc", choices=tuple(CRITERIA), help="metric to optimize (default: mean_auc)")
    add("--most-dcf", type=float, default=float("inf"), help="take only what has a dCF below this (default: any)")
    for name, (option, _, _) in GRID.items():
        add(option, dest=name, metavar="N,N,...", help="values to combine, separated by commas (default: a few of all)")
    add("--write", action="store_true", help="write the choice into the model's model.json")
    choosing.add_options(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure all combinations, print them, and write the best one if asked to."""
    args = parse(arguments)
    from tfcolor.models.directory import find_model, read_info

    folder = find_model(args.model)
    if not read_info(folder).predicts_distribution:
        raise InputError(f"{folder} predicts one colour for each pixel: there is nothing to choose")
    values = values_of(args)
    dataset, paths = choosing.find(args)
    console.load_tensorflow()
    from tfcolor.evaluation.decoding_choice import Grid, choose, measure, write

    found = measure(folder, dataset.split("train").paths, paths, Grid(**values))
    rows = [
        [*(f"{getattr(decoding, name):g}" for name in NAMES), *(f"{errors[name]:.2f}" for name in CRITERIA)]
        for decoding, errors in found.items()
    ]
    console.print_table(
        f"{args.model} on {dataset.name}, {args.split} split, {len(paths)} photographs\n"
        "AuC in %; mean: of raw and bounded",
        ["T", "lambda", "smoothing", *(heading for _, heading in CRITERIA.values())],
        rows,
    )
    best = choose(found, args.by, args.most_dcf)
    print(f"best in {CRITERIA[args.by][0]}: " + ", ".join(f"{NAMES[name]} {getattr(best, name):g}" for name in NAMES))
    if args.write:
        limit = f" with a dCF below {args.most_dcf:g}" if args.most_dcf < float("inf") else ""
        write(folder, best, f"best {args.by}{limit} on the {args.split} split of {dataset.name}")
        print(f"written to {folder / 'model.json'}")


def values_of(args: argparse.Namespace) -> dict[str, tuple]:
    """The values that the user gave, by the fields of `decoding_choice.Grid`; InputError if one is out of range."""
    values = {}
    for name, (option, field, kind) in GRID.items():
        if (given := getattr(args, name)) is not None:
            values[field] = tuple(dict.fromkeys(console.numbers_of(option, given, kind)))
            for number in values[field]:
                Decoding(**{name: number})
    return values
