"""Train a network to colour photographs: python train.py --dataset forest

Writes a model directory (runs/<dataset>-<network>-w<window>) that predict.py takes as --model, with checkpoints to
--resume from, pictures in previews/, and TensorBoard files in tensorboard/.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tfcolor.data import datasets
from tfcolor.training import preset as presets
from tfcolor.training.options import TrainingOptions, add_options, load_bins, settle
from tfcolor.training.run_folder import RunFolder
from tfcolor.utils import console, tf_config
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_folder

OVERFIT_STEPS = 300
_PLACES = ("data_dir", "pack", "output", "resume", "overwrite", "preview_sheet", "preset", "list_presets", "overfit")


def parse(arguments: list[str] | None) -> tuple[dict, argparse.Namespace]:
    """Parse the command line into the given options of the run, and the rest."""
    parser = console.Parser(__doc__)
    add_options(parser)
    add = parser.add_argument_group("files").add_argument
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    add("--pack", type=Path, help="folder written by `tfcolor pack`, with the dataset's training photographs")
    add("--output", help="model directory (default: runs/<dataset>-<network>-w<window>, or runs/<preset>)")
    add("--resume", action="store_true", help="continue the run in the model directory")
    add("--overwrite", action="store_true", help="replace the run in the model directory")
    add(
        "--preview-sheet",
        action="store_true",
        help="show what the network learns: photographs that it learns from and unseen ones, coloured every 5 epochs, "
        "in previews/sheet.png",
    )
    add = parser.add_argument_group("other ways to train").add_argument
    add("--preset", metavar="NAME", help="run a whole recipe; other options replace its own")
    add("--list-presets", action="store_true", help="list the presets and exit")
    add(
        "--overfit",
        type=int,
        metavar="N",
        help="instead learn N photographs by heart, at three learning rates, and plot the losses: a network check",
    )
    args = vars(parser.parse_args(arguments))
    return args, argparse.Namespace(**{name: args.pop(name) for name in _PLACES})


def main(arguments: list[str] | None = None) -> int | None:
    """Check all that needs no TensorFlow, then train."""
    given, places = parse(arguments)
    if places.list_presets:
        print("\n\n".join(f"{name}: {presets.load(name).description}" for name in presets.names()))
        return None
    if places.resume and places.overwrite:
        raise InputError("give --resume or --overwrite, not both")
    try:
        if places.overfit is not None:
            overfit(given, places)
        elif places.preset is not None:
            run_preset(given, places)
        else:
            folder = train(given, places, Path(places.output) if places.output else None)
            if folder and tf_config.is_chief():
                print_written(folder)
    except KeyboardInterrupt:
        if tf_config.is_chief():
            print("stopped by Ctrl-C; if a run has begun, the same command with --resume continues it", file=sys.stderr)
        return 130
    return None


def train(
    given: dict, places: argparse.Namespace, output: Path | None, make_recorder: Callable | None = None
) -> Path | None:
    """Train a model.

    Args:
        given: options of the run by name.
        places: the other options.
        output: the folder of the run; None for the usual one.
        make_recorder: see `experiment.train_model`; None for the recorder that `places` ask for.

    Returns:
        The folder; None if the run is finished already.
    """
    options = settle(given)
    name = datasets.check_name(options.data.dataset, places.data_dir)
    run = RunFolder(output or Path("runs") / f"{name}-{options.network.name}-w{options.data.window}")
    if places.resume:
        options = run.saved_options(given)
        if run.is_finished:
            print(f"{run.folder} is finished; nothing to resume")
            return None
    elif tf_config.is_chief():
        run.check_new(places.overwrite)
        check_folder(run.folder)
    is_counted = places.resume and run.bins_path.exists()
    bins = None if is_counted else load_bins(options)
    dataset = datasets.find(options.data.dataset, places.data_dir)
    training = dataset.split("train")
    if not training.files:
        raise InputError(f"{dataset.name}: none of its {len(dataset.files)} photographs is in the training split")
    if places.resume:
        run.check_data(training.fingerprint())
    if tf_config.is_chief():
        print(dataset.message)

    console.load_tensorflow()
    from tfcolor.training import experiment
    from tfcolor.training.preview_sheet import recorder_with_sheet
    from tfcolor.training.recorder import Recorder

    make_recorder = make_recorder or (recorder_with_sheet(dataset) if places.preview_sheet else Recorder)
    experiment.run(options, run, dataset, bins, places.resume, places.pack, make_recorder)
    return run.folder


def print_written(model: Path) -> None:
    """Print where a model is, and how to colour photographs with it."""
    print(f"model written to {model}; use it with: {console.command('colorize', 'predict.py')} --model {model} FILES")


def run_preset(given: dict, places: argparse.Namespace) -> None:
    """Run the stages of a preset in order, and write its model."""
    preset = presets.load(places.preset)
    output = Path(places.output or f"runs/{preset.name}")
    check_preset(preset, given, places, output)
    if (output / "model").exists() and places.resume:
        print(f"{output} is finished; nothing to resume")
        return
    for number in range(len(preset.stages)):
        folder = presets.stage_folder(output, number)
        stage = argparse.Namespace(**vars(places))
        stage.resume = places.resume and RunFolder(folder).config_path.exists()
        print(f"stage {number + 1} of {len(preset.stages)}: {folder}")
        train(preset.stage_options(number, given, output), stage, folder)
    print_written(presets.write_model(preset, output, given.get("dataset"), places.data_dir))


def check_preset(preset: presets.Preset, given: dict, places: argparse.Namespace, output: Path) -> None:
    """Raise InputError for what would stop a later stage, before the first one starts."""
    if tf_config.has_cluster():
        raise InputError("a preset trains on one machine; to train on several, run its stages one by one")
    own = {"--pack": places.pack} | {f"--{name}": given.get(name) for name in ("init", "initialization", "bins")}
    for option, value in own.items():
        if value is not None:
            raise InputError(f"give --preset or {option}, not both")
    if (output / "model").exists() and not (places.overwrite or places.resume):
        raise InputError(f"{output / 'model'} exists; give --overwrite to replace all, or another --output")
    settle(preset.stage_options(0, given, output))
    stages = [preset.stage_options(number, given, output) for number in range(len(preset.stages))]
    options = [TrainingOptions.of(**{k: v for k, v in stage.items() if k != "init"}) for stage in stages]
    preset.check_data([each.data.dataset for each in options], given.get("dataset"), places.data_dir)


def overfit(given: dict, places: argparse.Namespace) -> None:
    """Learn a few photographs by heart."""
    unfit = {"--resume": places.resume, "--preset": places.preset}
    unfit |= {"--preview-sheet": places.preview_sheet}
    unfit |= {"--init": given.get("init"), "--minutes": given.get("minutes")}
    for option, value in unfit.items():
        if value:
            raise InputError(f"give --overfit or {option}, not both")
    if places.overfit < 1:
        raise InputError(f"--overfit must be at least 1, got {places.overfit}")
    options = settle({"steps": OVERFIT_STEPS} | given)
    name = f"overfit-{datasets.check_name(options.data.dataset, places.data_dir)}-{options.network.name}"
    folder = Path(places.output or f"runs/{name}")
    if (folder / "overfit.json").exists() and not places.overwrite:
        raise InputError(f"{folder} has an overfit.json; give --overwrite to replace it, or another --output")
    check_folder(folder)
    bins = load_bins(options)
    dataset = datasets.find(options.data.dataset, places.data_dir)
    paths = dataset.split("train").paths
    if len(paths) < places.overfit:
        raise InputError(f"{dataset.name} has {len(paths)} photographs for training, not {places.overfit}")
    print(dataset.message)
    console.load_tensorflow()
    from tfcolor.training.experiment import count_bins
    from tfcolor.training.overfit import overfit

    overfit(options, paths[: places.overfit], bins or count_bins(options, dataset), folder)
