"""How good predicted colours are, beside what trivial predictors reach.

python -m tfcolor evaluate --model forest --dataset forest --split test --T 1,0.38
"""

import argparse
import zlib
from pathlib import Path, PurePath

from tfcolor import DEFAULT_MODEL
from tfcolor.color.decoding_options import MOST_SMOOTHING, Decoding
from tfcolor.data import datasets
from tfcolor.utils import cluster, console
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import check_folder, make_folder

_HEAVY = 0.3  # of the weight in the rebalanced AuC: where one photograph has more, that is said


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("--model", default=DEFAULT_MODEL, help=f"a shipped model or a model directory (default {DEFAULT_MODEL})")
    add("--predictions", metavar="DIR", help="measure another program's results: files named as the photographs")
    add("--dataset", default="scenes", help="name, or a folder of colour photographs (default scenes)")
    add("--split", default="test", choices=datasets.SPLITS, help="of the dataset (default test)")
    add("--T", help="temperatures with commas between (default 1 and the model's own)")
    add(
        "--lambda",
        type=float,
        dest="uniform_share",
        metavar="L",
        help="of the decoding, as in predict.py (default the model's own)",
    )
    add("--chroma-smoothing", type=int, metavar="R", help="smooth colours as predict.py does (default the model's own)")
    add("--output", help="folder for the results (default evaluations/DATASET-SPLIT-MODEL)")
    add("--overwrite", action="store_true", help="replace results that exist")
    add("--shard", default="1/1", metavar="I/N", help="measure the I-th of N shares; the last to finish adds them up")
    add("--precision", default="auto", choices=("auto", "float32", "bfloat16"), help="of the convolutions")
    add("--tile", type=int, help="side of the tiles in pixels, as in predict.py")
    add("--data-dir", help="where datasets are (default $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, write, and print a table."""
    args = parse(arguments)
    temperatures, decoding = decoding_of_arguments(args)
    check_arguments(args)
    share, num_shares = share_of(args.shard)
    dataset = datasets.find(args.dataset, args.data_dir)
    files = dataset.split(args.split).files
    if not files:
        raise InputError(f"{dataset.name} has no photograph in its {args.split} split; take another --split")
    if not dataset.split("train").files:
        raise InputError(f"{dataset.name} has no training photograph, whose colours the metrics weigh by")
    name = PurePath(args.predictions or args.model).name
    folder = Path(args.output or f"evaluations/{PurePath(dataset.name).name}-{args.split}-{name}")
    part = folder / f"part-{share}-of-{num_shares}.npz"
    for target in (folder / "evaluation.json", part):
        if target.exists() and not args.overwrite:
            raise InputError(f"{target} exists; give --overwrite to replace it, or another --output")
    check_folder(folder)
    console.load_tensorflow()
    from tfcolor.data.scan import scan
    from tfcolor.evaluation.evaluation import Evaluation, make_predictor, measure_all
    from tfcolor.evaluation.report import heaviest_note, write, write_sheet

    scanned = scan(dataset.split("train").paths)
    predictor, bins = make_predictor(args, name, temperatures, decoding, dataset, scanned)
    make_folder(folder)
    mine = [file for file in files if datasets.share_of(file, num_shares) == share - 1]
    found = measure_all(predictor, bins, scanned, dataset, mine)
    about = {"model": name, "dataset": dataset.name, "split": args.split}
    about |= {"chroma_smoothing": decoding.smoothing, "lambda": decoding.uniform_share}
    if num_shares > 1:
        origin = about | {"T": predictor.temperatures, "files": dataset.fingerprint(), "weights": fingerprint_of(args)}
        found.save(part, origin)
        parts = [folder / f"part-{i}-of-{num_shares}.npz" for i in range(1, num_shares + 1)]
        missing = [path for path in parts if not path.exists()]
        if missing:
            print(f"{found.num_photos} photographs measured: {part}; {len(missing)} of {num_shares} shares to come")
            return
        found = Evaluation()
        for path in parts:
            found.merge(Evaluation.load(path, origin))
    if not found.num_photos:
        raise WorkError(f"none of {len(files)} photographs can be read, so nothing can be measured")
    keys = [f"{T:g}" for T in predictor.temperatures]
    results = write(found, folder, about, keys)
    write_sheet(predictor, dataset, found, folder / "photographs.png")
    as_made = f"; lambda {decoding.uniform_share:g}" if decoding.uniform_share is not None else ""
    as_made += f"; chroma smoothing {decoding.smoothing}" if decoding.smoothing else ""
    print_results(
        f"{name} on {dataset.name}, {args.split} split, {found.num_photos} photographs{as_made}", name, results
    )
    file, share = found.heaviest_share()
    if share > _HEAVY:
        note = heaviest_note(console.shown(file), share)
        print(f"the rebalanced AuC is that of few photographs: {note}")
    print(f"intervals, all metrics and pictures: {folder}")


def share_of(text: str) -> tuple[int, int]:
    """'2/5' -> (2, 5); where TF_CONFIG names several workers, this one's share of all."""
    if cluster.has_cluster():
        return cluster.share()
    return console.shard_of(text)


def decoding_of_arguments(args: argparse.Namespace) -> tuple[tuple[float, ...], Decoding]:
    """The temperatures, and how else colours are made: as asked for, else as the model has it."""
    from tfcolor.models.directory import (
        check_predicts_distribution,
        decoding_of,
        find_model,
        predicts_distribution,
        read_description,
    )

    temperatures = () if args.T is None else console.temperatures_of("--T", args.T)
    if args.predictions:
        of_model = {"--T": args.T, "--chroma-smoothing": args.chroma_smoothing, "--lambda": args.uniform_share}
        for option, value in (of_model | {"--tile": args.tile}).items():
            if value is not None:
                raise InputError(f"{option} is for a model; --predictions are measured as they are")
        return (), Decoding()
    for option, value, high in (
        ("--chroma-smoothing", args.chroma_smoothing, MOST_SMOOTHING),
        ("--lambda", args.uniform_share, 1),
    ):
        if value is not None and not 0 <= value <= high:
            raise InputError(f"{option} must be in [0, {high}], got {value:g}")
    folder = find_model(args.model)
    check_predicts_distribution(folder, {"--T": args.T, "--lambda": args.uniform_share})
    description = read_description(folder)
    own = decoding_of(description)
    decoding = own.but(smoothing=args.chroma_smoothing, uniform_share=args.uniform_share)
    if not predicts_distribution(description):
        return (1.0,), decoding
    return temperatures or tuple(dict.fromkeys((1.0, own.temperature))), decoding


def check_arguments(args: argparse.Namespace) -> None:
    """Raise InputError for what is wrong, before TensorFlow is loaded."""
    if args.tile is not None and args.tile < 1:
        raise InputError(f"--tile must be a number of pixels from 1 up, got {args.tile}")
    if args.predictions and not Path(args.predictions).is_dir():
        raise InputError(f"--predictions must be a folder, got {args.predictions}")


def fingerprint_of(args: argparse.Namespace) -> str:
    """What tells one model from another of its name; of predictions the folder."""
    from tfcolor.models.directory import find_model

    if args.predictions:
        return str(Path(args.predictions).resolve())
    return f"{zlib.crc32((find_model(args.model) / 'weights.npz').read_bytes()):08x}"


def print_results(title: str, model: str, results: dict) -> None:
    """The most telling columns."""
    from tfcolor.evaluation.report import METRICS, rows

    metrics = ["raw_auc", "rebalanced_auc", "psnr", "ciede2000", "dcf"]
    heads = ["predictor", *(METRICS[metric][2] for metric in metrics)]
    console.print_table(title, heads, rows(results, model, metrics, False))
