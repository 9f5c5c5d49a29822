"""Choose how a model's colours are made, its T, lambda and chroma smoothing, on validation photographs.

python -m tfcolor.choose_decoding --model runs/forest-valid8-w10 --dataset forest --write
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfcolor import console, datasets
from tfcolor.decoding_options import Decoding
from tfcolor.errors import InputError, WorkError
from tfcolor.files import read_json, write_json

TEMPERATURES = (1.0, 0.7, 0.38)
UNIFORM_SHARES = (1.0, 0.9, 0.8, 0.65, 0.5, 0.25, 0.1, 0.02)  # lambda
RADII = (0, 4, 8)
NAMES = {"temperature": "T", "uniform_share": "lambda", "smoothing": "chroma smoothing"}
CRITERIA = {
    "mean_auc": "mean of the two AuCs, %",
    "raw_auc": "raw AuC, %",
    "rebalanced_auc": "rebalanced AuC, %",
    "dcf": "dCF",
}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tfcolor.choose_decoding", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--model", required=True, help="a model directory")
    add("--dataset", default="scenes", help="that it was trained on (default scenes)")
    add("--split", default="val", choices=("val", "train"), help="never test: its photographs must choose nothing")
    add("--by", default="raw_auc", choices=tuple(CRITERIA), help="what to be best in (default raw_auc)")
    add("--photographs", type=int, default=200, help="at most so many, spread over the split (default 200)")
    add("--write", action="store_true", help="write the choice into the model's model.json")
    add("--data-dir", help="where datasets are (default $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure all combinations, print them, and write the best where that is asked for."""
    args = parse(arguments)
    from tfcolor.modeldir import find_model, predicts_distribution, read_description

    folder = find_model(args.model)
    if not predicts_distribution(read_description(folder)):
        raise InputError(
            f"{folder} was trained by regression: it predicts one colour for each pixel, nothing to choose"
        )
    dataset = datasets.find(args.dataset, args.data_dir)
    paths = dataset.some_of(args.split, args.photographs)
    console.load_tensorflow()
    found = measure(folder, dataset.split("train").paths, paths)
    rows = [
        [*(f"{getattr(decoding, name):g}" for name in NAMES), *(f"{errors[name]:.2f}" for name in CRITERIA)]
        for decoding, errors in found.items()
    ]
    console.print_table(
        f"{args.model} on {dataset.name}, {args.split} split, {len(paths)} photographs",
        [*NAMES.values(), *CRITERIA.values()],
        rows,
    )
    best = choose(found, args.by)
    print(f"best in {CRITERIA[args.by]}: " + ", ".join(f"{NAMES[name]} {getattr(best, name):g}" for name in NAMES))
    if args.write:
        write(folder, best, f"best {args.by} on the {args.split} split of {dataset.name}")
        print(f"written to {folder / 'model.json'}")


def choose(found: dict[Decoding, dict[str, float]], criterion: str) -> Decoding:
    """The best by a criterion; of equals the one with the least smoothing."""
    sign = 1 if criterion == "dcf" else -1
    return min(found, key=lambda decoding: (round(sign * found[decoding][criterion], 3), decoding.smoothing))


def measure(folder: Path, training: list[Path], paths: list[Path]) -> dict[Decoding, dict[str, float]]:
    """Measure all combinations of `TEMPERATURES`, `UNIFORM_SHARES` and `RADII`.

    Args:
        folder: of the model.
        training: photographs whose colours the rebalanced AuC weighs by.
        paths: photographs to measure on.

    Returns:
        By combination, the values of `CRITERIA`.

    Raises:
        WorkError: where none can be read.
    """
    from tfcolor.colorizer import Colorizer
    from tfcolor.evaluation import truths
    from tfcolor.measuring import ColorErrors, inverse_shares
    from tfcolor.scan import scan

    colorizer, scanned = Colorizer.load(folder), scan(training)
    weights = inverse_shares(scanned.ab, scanned.pixels)
    found = {
        Decoding(T, smoothing=radius, uniform_share=share): ColorErrors()
        for T in TEMPERATURES
        for share in UNIFORM_SHARES
        for radius in RADII
    }
    with console.Progress("measuring", len(paths), "photographs") as progress:
        unreadable = lambda path, error: progress.log(f"cannot read {console.shown(path)}: {error}")  # noqa: E731
        for done, (_, truth) in enumerate(truths(paths, unreadable), start=1):
            _add(found, colorizer, truth, weights)
            progress.update(done)
    if not all(errors.pairs for errors in found.values()):
        raise WorkError(f"none of {len(paths)} photographs can be read, so nothing can be measured")
    return {decoding: errors.to_json() for decoding, errors in found.items()}


def _add(found: dict[Decoding, Any], colorizer: Any, truth: Any, weights: Any) -> None:
    """Measure one photograph."""
    import numpy as np

    from tfcolor.colorize_files import painted
    from tfcolor.colorizer import smoothed

    abs_ = {(T, share): np.empty(truth.ab.shape, np.float32) for T in TEMPERATURES for share in UNIFORM_SHARES}
    log_weights = {share: colorizer.log_weights(share) for share in UNIFORM_SHARES}
    for place, logits in colorizer.logits(truth.lightness):
        for (T, share), ab in abs_.items():
            ab[place] = colorizer.decode(logits + log_weights[share], T).numpy()
    for decoding, errors in found.items():
        ab = smoothed(truth.lightness, abs_[decoding.temperature, decoding.uniform_share], decoding)
        errors.add(truth, ab, painted(truth.lightness, ab), weights)


def write(folder: Path, decoding: Decoding, reason: str) -> None:
    """Put the choice into `model.json`."""
    chosen = {name: value for name, value in asdict(decoding).items() if name != "strength"}
    description = read_json(folder / "model.json")
    write_json(folder / "model.json", description | {"decoding": chosen, "decoding_chosen_by": reason})


if __name__ == "__main__":
    sys.exit(console.run(main))
