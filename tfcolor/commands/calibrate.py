"""Calibrate a model: fit one temperature for its predicted distributions on validation photographs.

python -m tfcolor calibrate --model runs/scenes-zhang-w10 --dataset scenes --output calibrated
"""

import argparse
from pathlib import Path

from tfcolor.commands import choosing
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_new

_MEASURES = {"cross_entropy": "cross-entropy, nats", "calibration_error": "calibration error, %"}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("--model", required=True, help="a shipped model or a model directory; it is not changed")
    add("--output", required=True, help="folder of the calibrated model")
    choosing.add_options(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Fit the temperature, print its effect, and write the calibrated model."""
    args = parse(arguments)
    from tfcolor.models.directory import find_model, read_info

    model, target = find_model(args.model), Path(args.output)
    if not read_info(model).predicts_distribution:
        raise InputError(f"{model} predicts one colour for each pixel: there is nothing to calibrate")
    check_new(target)
    dataset, paths = choosing.find(args)
    console.load_tensorflow()
    from tfcolor.evaluation.calibration import calibrate

    photographs = f"{len(paths)} photographs, {args.split} split of {dataset.name}"
    found = calibrate(model, target, paths, photographs)
    rows = [[name, *(f"{found[name][key]:.3f}" for key in _MEASURES)] for name in ("before", "after")]
    console.print_table(f"{args.model} on {photographs}", ["", *_MEASURES.values()], rows)
    print(f"temperature {found['temperature']:.3f}, written to {target}")
    print(f"T and lambda for it: python -m tfcolor choose-decoding --model {target} --dataset {dataset.name} --write")
