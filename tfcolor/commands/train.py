"""Train a network to colour photographs: python train.py --dataset forest

Writes a model directory (runs/<dataset>-<network>-w<window>) that predict.py takes as --model, with
checkpoints to --resume from, pictures in previews/, and TensorBoard files in tensorboard/.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from tfcolor.color.bins import ZHANG313, Bins
from tfcolor.data import datasets
from tfcolor.models.directory import find_model, read_description
from tfcolor.networks.registry import NETWORKS
from tfcolor.training.options import DEFAULT_MINUTES, OVERFIT_STEPS, TrainingOptions, option_name
from tfcolor.training.run_folder import Run
from tfcolor.utils import cluster, console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_folder


def parse(arguments):
    parser = console.Parser(__doc__)
    TrainingOptions.add_to(parser)
    parser.add_argument("--data-dir", help="where datasets are (default $TFCOLOR_DATA, else data/)")
    parser.add_argument("--pack", type=Path, help="folder of tfcolor.pack with the dataset's training photographs")
    parser.add_argument("--output", help="model directory (default runs/<dataset>-<network>-w<window>)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the model directory")
    parser.add_argument(
        "--overfit",
        type=int,
        metavar="N",
        help="instead learn N photographs by heart, at three learning rates, and plot it: a check of the network",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the run in the model directory")
    args = vars(parser.parse_args(arguments))
    places = {name: args.pop(name) for name in ("data_dir", "pack", "output", "resume", "overfit", "overwrite")}
    return args, argparse.Namespace(**places)


def main(arguments=None):
    """Check everything that can be checked without TensorFlow, then train."""
    given, places = parse(arguments)
    if places.resume and places.overwrite:
        raise InputError("give --resume or --overwrite, not both")
    if places.overfit is not None:
        return overfit(given, places)
    options = settle(given)
    name = datasets.check_name(options.dataset)
    run = Run(Path(places.output) if places.output else Path("runs") / f"{name}-{options.network}-w{options.window}")
    if places.resume:
        options = run.saved_options(given)
        if run.is_finished:
            print(f"{run.folder} is finished; nothing to resume")
            return
    elif cluster.is_chief():
        run.check_new(places.overwrite)
        check_folder(run.folder)
    is_counted = places.resume and run.bins_path.exists()
    bins = None if is_counted else load_bins(options)
    dataset = datasets.find(options.dataset, places.data_dir)
    training = dataset.split("train")
    if not training.files:
        raise InputError(f"{dataset.name}: none of its {len(dataset.files)} photographs falls into the training split")
    if places.resume:
        run.check_data(training.fingerprint())
    if cluster.is_chief():
        print(dataset.message)

    console.load_tensorflow()
    from tfcolor.training.experiment import Experiment

    try:
        Experiment(options, run, dataset, bins, places.resume, places.pack).run()
    except KeyboardInterrupt:
        if cluster.is_chief():
            begun = "; give the same command with --resume to go on" if run.config_path.exists() else ""
            print(f"stopped by Ctrl-C{begun}", file=sys.stderr)
        return 130
    if cluster.is_chief():
        print(f"model written to {run.folder}; use it with: python predict.py --model {run.folder} FILES")


def overfit(given, places):
    """Learn a few photographs by heart."""
    unfit = {"--resume": places.resume, "--init": given.get("init"), "--minutes": given.get("minutes")}
    for option, value in unfit.items():
        if value:
            raise InputError(f"give --overfit or {option}, not both")
    if places.overfit < 1:
        raise InputError(f"--overfit must be at least 1, got {places.overfit}")
    options = settle({"steps": OVERFIT_STEPS} | given)
    folder = Path(places.output or f"runs/overfit-{datasets.check_name(options.dataset)}-{options.network}")
    if (folder / "overfit.json").exists() and not places.overwrite:
        raise InputError(f"{folder} has an overfit.json; give --overwrite to replace it, or another --output")
    check_folder(folder)
    bins = load_bins(options)
    dataset = datasets.find(options.dataset, places.data_dir)
    paths = dataset.split("train").paths
    if len(paths) < places.overfit:
        raise InputError(f"{dataset.name} has {len(paths)} photographs for training, not {places.overfit}")
    print(dataset.message)
    console.load_tensorflow()
    from tfcolor.training.experiment import count_bins
    from tfcolor.training.overfit import overfit

    overfit(options, paths[: places.overfit], bins or count_bins(options, dataset), folder)


def settle(given):
    """Complete the options given, from a bins file where there is one."""
    options = TrainingOptions(**given)
    if options.steps is None and options.minutes is None:
        options = replace(options, minutes=DEFAULT_MINUTES)
    if options.init:
        options = start_from(options)
    if options.bins in (None, ZHANG313):
        return options
    bins = Bins.load(Path(options.bins))
    if bins.split != "train":
        raise InputError(
            f"{options.bins} was counted on split {bins.split}; training may see only split train "
            "(analyze_bins.py --split train)"
        )
    if given.get("window", bins.window) != bins.window:
        raise InputError(f"--window {options.window} differs from the window {bins.window} of {options.bins}")
    if given.get("min_count", bins.min_count) != bins.min_count:
        raise InputError(f"--min-count {options.min_count} differs from the {bins.min_count} of {options.bins}")
    if options.objective == "regression":
        return replace(options, window=bins.window, min_count=bins.min_count)
    uniform_share = given.get("uniform_share", bins.uniform_share)
    return replace(options, window=bins.window, min_count=bins.min_count, uniform_share=uniform_share)


def start_from(options):
    """Check that the model of --init is the network asked for, and take its bins."""
    folder = find_model(options.init)
    network = read_description(folder)["network"]
    if network["name"] != options.network:
        raise InputError(f"--network {options.network} differs from the {network['name']} of the model {options.init}")
    for name in NETWORKS[options.network].arguments:
        wanted, option = getattr(options, name), option_name(name)
        if name == "objective" and wanted == "regression":
            continue  # a classifier may be tuned to regression: all but its last layer is taken
        if network[name] != wanted:
            raise InputError(f"{option} {wanted} differs from the {network[name]} of the model {options.init}")
    if options.bins:
        raise InputError("give --bins or --init, not both: a model has bins of its own")
    return replace(options, bins=str(folder / "bins.npz"))


def load_bins(options):
    """The bins of a --bins FILE with the run's own weights; None where they are to be counted."""
    return None if options.bins in (None, ZHANG313) else Bins.load(Path(options.bins)).reweighted(options.uniform_share)
