"""Measure predicted colours, and compare them with trivial predictors.

python -m tfcolor evaluate --model forest --dataset forest --split test --T 1,0.38
"""

import argparse
import shutil
import zlib
from pathlib import Path, PurePath
from typing import Any

from tfcolor import DEFAULT_MODEL
from tfcolor.color.decoding_options import Decoding
from tfcolor.data import datasets
from tfcolor.films.options import WEIGHT
from tfcolor.utils import console, tf_config
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import check_folder, make_folder

PART_VERSION = 4  # of the file of a share
# Metrics of the printed table -> headings short enough for 80 columns.
_HEADINGS = {
    "raw_auc": "raw",
    "bounded_auc": "bounded",
    "rebalanced_auc": "rebalanced",
    "psnr": "PSNR",
    "ciede2000": "CIEDE2000",
    "dcf": "dCF",
}
_HEAVY = 0.3  # a note says if one photograph has more than this share of all weight


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("--model", default=DEFAULT_MODEL, help=f"a shipped model or a model directory (default: {DEFAULT_MODEL})")
    add("--predictions", metavar="DIR", help="measure another program's results, files with the photographs' names")
    add("--dataset", help="name of a dataset, or a folder of colour photographs (default: scenes)")
    add("--split", choices=datasets.SPLITS, help="split to measure (default: test)")
    add("--T", dest="temperature", help="temperatures, separated by commas (default: 1 and the model's own)")
    add(
        "--lambda",
        type=float,
        dest="uniform_share",
        metavar="L",
        help="lambda of the decoding, as in predict.py (default: the model's own)",
    )
    add(
        "--chroma-smoothing",
        type=int,
        dest="smoothing",
        metavar="R",
        help="smooth colours as predict.py does (default: the model's own)",
    )
    add("--output", help="folder to write (default: evaluations/DATASET-SPLIT-MODEL)")
    add("--overwrite", action="store_true", help="replace results that exist")
    add("--cluster", metavar="WHERE", help="measure in other processes: local:8, or Dask's scheduler tcp://host:8786")
    add("--resume", action="store_true", help="with --cluster: go on with what an interrupted run has measured")
    add("--shard", default="1/1", metavar="I/N", help="measure the I-th of N shares; the last to finish combines them")
    add(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16"),
        help="precision of the convolutions (default: auto)",
    )
    add("--working-size", type=int, metavar="S", help="as in predict.py (default: the network's own)")
    add(
        "--classifier",
        choices=("lite0", "lite1", "lite2"),
        help="compare what this classifier sees in coloured and in true pictures; not the model's own encoder",
    )
    add("--hints", action="store_true", help="measure instead how much hints help, on 200 photographs of the split")
    add(
        "--video",
        metavar="FILE",
        help="measure instead how steady and true the colours of a film or a folder of films are",
    )
    add("--steadiness", type=float, metavar="W", help=f"of films, as in predict.py (default: {WEIGHT})")
    add("--tile", type=int, help="side of the tiles in pixels, as in predict.py")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Measure, write the results, and print a table."""
    args = parse(arguments)
    if args.video:
        from tfcolor.commands.evaluate_films import evaluate_films

        return evaluate_films(args)
    if args.steadiness is not None:
        raise InputError("--steadiness is for --video")
    args.dataset, args.split = args.dataset or "scenes", args.split or "test"
    decodings = decodings_of(args)
    check_arguments(args)
    if args.hints:
        from tfcolor.commands.evaluate_hints import evaluate_hints

        return evaluate_hints(args, decodings)
    share, num_shares = share_of(args.shard)
    dataset = datasets.find(args.dataset, args.data_dir)
    files = dataset.split(args.split).files
    if not files:
        raise InputError(f"{dataset.name} has no photograph in its {args.split} split; take another --split")
    if not dataset.split("train").files:
        raise InputError(f"{dataset.name} has no training photograph, and the metrics need their colours")
    name = PurePath(args.predictions or args.model).name
    folder = Path(args.output or f"evaluations/{PurePath(dataset.name).name}-{args.split}-{name}")
    part = folder / f"part-{share}-of-{num_shares}.npz"
    for target in (folder / "evaluation.json", part):
        if target.exists() and not args.overwrite:
            raise InputError(f"{target} exists; give --overwrite to replace it, or another --output")
    check_folder(folder)
    console.load_tensorflow()
    from tfcolor.evaluation.evaluation import Evaluation
    from tfcolor.evaluation.report import write, write_sheet

    predictor = make_predictor(args, name, decodings)
    make_folder(folder)
    about = {"model": name, "dataset": dataset.name, "split": args.split}
    decoding = decodings[0] if decodings else Decoding()
    about |= {"chroma_smoothing": decoding.smoothing, "lambda": decoding.uniform_share}
    about |= {"classifier": args.classifier} if args.classifier else {}
    origin = about | {"T": predictor.keys, "files": dataset.fingerprint(), "weights": fingerprint_of(args)}
    origin |= {"version": PART_VERSION}
    if args.cluster:
        from tfcolor.commands.evaluate_cluster import measure_on_cluster

        found = measure_on_cluster(args, predictor, dataset, files, folder / "tallies", origin)
    else:
        mine = [file for file in files if datasets.share_of(file, num_shares) == share - 1]
        found = measure_here(args, predictor, dataset, mine)
    if num_shares > 1:
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
        raise WorkError(f"none of the {len(files)} photographs can be read")
    content = write(found, folder, about, list(predictor.keys))
    write_sheet(predictor, dataset, found, folder / "photographs.png")
    shutil.rmtree(folder / "tallies", ignore_errors=True)
    as_made = f"; lambda {decoding.uniform_share:g}" if decoding.uniform_share is not None else ""
    as_made += f"; chroma smoothing {decoding.smoothing}" if decoding.smoothing else ""
    print_results(
        f"{name} on {dataset.name}, {args.split} split, {found.num_photos} photographs{as_made}", name, content
    )
    print_heavy(found)
    print(f"intervals, all metrics and pictures: {folder}")


def share_of(text: str) -> tuple[int, int]:
    """'2/5' -> (2, 5); with several workers in TF_CONFIG, the share of this one."""
    if tf_config.has_cluster():
        return tf_config.share()
    return console.shard_of(text)


def decodings_of(args: argparse.Namespace) -> list[Any]:
    """The decodings to measure, one for each temperature; none for --predictions.

    They are `Decoding`, or `OwnDecoding` for a routed model, whose specialists have their own by default.
    """
    from tfcolor.models.directory import find_model
    from tfcolor.models.routed import RoutedInfo, read_any_info

    temperatures = () if args.temperature is None else console.temperatures_of("--T", args.temperature)
    if args.predictions:
        of_model = {"--T": args.temperature, "--chroma-smoothing": args.smoothing, "--lambda": args.uniform_share}
        for option, value in (of_model | {"--tile": args.tile}).items():
            if value is not None:
                raise InputError(f"{option} is for a model; --predictions are measured unchanged")
        return []
    info = read_any_info(find_model(args.model))
    info.check_predicts_distribution({"temperature": args.temperature, "uniform_share": args.uniform_share})
    decoding = info.decoding.replace(smoothing=args.smoothing, uniform_share=args.uniform_share)
    if isinstance(info, RoutedInfo):
        return [decoding.replace(temperature=T) for T in temperatures or (None,)]
    if not info.predicts_distribution:
        temperatures = (1.0,)
    temperatures = temperatures or tuple(dict.fromkeys((1.0, decoding.temperature)))
    return [decoding.replace(temperature=T) for T in temperatures]


def make_predictor(args: argparse.Namespace, name: str, decodings: list[Any]) -> Any:
    """The predictor to measure."""
    from tfcolor.colorizer import Colorizer, load_colorizer
    from tfcolor.colorizer.tiles import AUTO_TILE
    from tfcolor.evaluation.predictors import FilesPredictor, ModelPredictor, RoutedPredictor

    if args.predictions:
        return FilesPredictor(name, Path(args.predictions))
    colorizer = load_colorizer(args.model, args.precision, working_size=args.working_size)
    kind = ModelPredictor if isinstance(colorizer, Colorizer) else RoutedPredictor
    return kind(name, colorizer, decodings, args.tile or AUTO_TILE)


def make_classifier(args: argparse.Namespace) -> Any:
    """The classifier that was asked for, or None."""
    from tfcolor.evaluation.classifier import Classifier

    return Classifier(args.classifier) if args.classifier else None


def measure_here(args: argparse.Namespace, predictor: Any, dataset: datasets.Dataset, files: list[str]) -> Any:
    """Measure in this process."""
    from tfcolor.data.scan import scan
    from tfcolor.evaluation.evaluation import measure_all
    from tfcolor.evaluation.measurements import Baselines, Measurer

    classifier = make_classifier(args)
    baselines = Baselines.of(scan(dataset.split("train").paths), predictor.bins)
    return measure_all(Measurer(predictor, baselines, classifier), dataset, files)


def check_arguments(args: argparse.Namespace) -> None:
    """Raise InputError for wrong arguments, before TensorFlow is loaded."""
    from tfcolor.models.directory import find_model
    from tfcolor.models.routed import read_any_info

    if args.cluster:
        from tfcolor.cluster.client import check_address

        check_address(args.cluster)
    given = {"--shard divides the photographs by hand": args.shard != "1/1", "--hints takes few": args.hints}
    given |= {"--video takes one film after the other": args.video}
    reason = next((reason for reason, is_given in given.items() if is_given), None)
    if args.cluster and reason:
        raise InputError(f"{reason}; give it without --cluster")
    if args.resume and not args.cluster:
        raise InputError("--resume goes on with a run with --cluster; give that, too")
    if args.tile is not None and args.tile < 1:
        raise InputError(f"--tile must be a number of pixels from 1 up, got {args.tile}")
    own = set() if args.predictions else read_any_info(find_model(args.model)).encoders
    if args.classifier in own:
        raise InputError(f"--classifier must not be {args.classifier}: the model is built on it; take another")
    if args.predictions and not Path(args.predictions).is_dir():
        raise InputError(f"--predictions must be a folder, got {args.predictions}")


def fingerprint_of(args: argparse.Namespace) -> str:
    """An identity of the model or of the predictions, so that shares of different ones are not combined."""
    from tfcolor.models.directory import find_model, is_routed

    if args.predictions:
        return str(Path(args.predictions).resolve())
    folder, checksum = find_model(args.model), 0
    files = [folder / "model.json", *sorted(folder.rglob("*.npz"))] if is_routed(folder) else [folder / "weights.npz"]
    for path in files:
        checksum = zlib.crc32(path.read_bytes(), checksum)
    return f"{checksum:08x}"


def print_results(title: str, model: str, content: dict) -> None:
    """Print the most important metrics."""
    from tfcolor.evaluation.report import classifier_lines, rows

    title += "\nAuC in %, PSNR in dB"
    body = rows(content["results"], model, list(_HEADINGS), False)
    console.print_table(title, ["predictor", *_HEADINGS.values()], body)
    for line in classifier_lines(content):
        print(line)


def print_heavy(found: Any) -> None:
    """Say so if a single photograph decides a weighted AuC."""
    from tfcolor.evaluation.report import POLICIES, heaviest_note

    for name, (_, metric) in POLICIES.items():
        file, share = found.heaviest_share(metric)
        if share > _HEAVY:
            print(f"few photographs decide the {name} AuC: {heaviest_note(console.shown(file), share)}")
