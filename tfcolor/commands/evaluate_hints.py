"""`evaluate --hints`: how much hints help, on some photographs of a split."""

import argparse
from pathlib import Path, PurePath

from tfcolor.color.decoding_options import Decoding
from tfcolor.data import datasets
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_folder, make_folder, write_json

MOST_PHOTOGRAPHS = 200


def evaluate_hints(args: argparse.Namespace, decodings: list[Decoding]) -> None:
    """Measure the PSNR against the number of hints, write it, and print a table.

    Args:
        args: the options of `evaluate`.
        decodings: the ways to decode, one for each temperature.

    Raises:
        InputError: an option does not go with --hints, a result exists, or the model predicts no distributions.
    """
    _check(args)
    dataset = datasets.find(args.dataset, args.data_dir)
    paths = dataset.some_of(args.split, MOST_PHOTOGRAPHS)
    if not paths:
        raise InputError(f"{dataset.name} has no photograph in its {args.split} split; take another --split")
    name = PurePath(args.model).name
    folder = Path(args.output or f"evaluations/{PurePath(dataset.name).name}-{args.split}-{name}-hints")
    if (folder / "hints.json").exists() and not args.overwrite:
        raise InputError(f"{folder / 'hints.json'} exists; give --overwrite to replace it, or another --output")
    check_folder(folder)
    console.load_tensorflow()
    from tfcolor.colorizer import Colorizer
    from tfcolor.evaluation import hinting

    colorizer = Colorizer.load(args.model, args.precision, working_size=args.working_size)
    found = hinting.measure_hints(colorizer, decodings, paths)
    make_folder(folder)
    about = {"model": name, "dataset": dataset.name, "split": args.split, "photographs": len(paths)}
    title = f"{name} on {len(paths)} photographs of {dataset.name}, {args.split} split"
    hinting.plot(found, title, folder / "hints.png")
    write_json(folder / "hints.json", about | {"psnr": found})
    counts = list(map(str, hinting.COUNTS))
    rows = [[way, *(f"{results[count][0]:.2f}" for count in hinting.COUNTS)] for way, results in found.items()]
    gains = [hinting.PUBLISHED[count] - hinting.PUBLISHED[0] for count in hinting.COUNTS]
    rows.append(["gain, Zhang", *(f"{gain:+.2f}" for gain in gains)])
    for way, results in list(found.items())[: len(decodings)]:
        rows.append([f"gain, {way}", *(f"{results[count][0] - results[0][0]:+.2f}" for count in hinting.COUNTS)])
    console.print_table(f"{title}\nPSNR in dB by the number of hints", ["", *counts], rows)
    print("gain, Zhang: of the network of Zhang et al. 2017, trained with hints, on photographs of ImageNet")
    print(f"intervals and a plot: {folder}")


def _check(args):
    from tfcolor.models.directory import find_model, read_info

    for option, value in (("--predictions", args.predictions), ("--classifier", args.classifier)):
        if value:
            raise InputError(f"{option} does not go with --hints; leave one out")
    if args.shard != "1/1":
        raise InputError("--shard does not go with --hints; leave one out")
    read_info(find_model(args.model)).check_predicts_distribution({"hints": True})
