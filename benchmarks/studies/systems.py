"""Compare whole systems: networks and objectives of several sources, trained for the same time on the same photographs.

python -m benchmarks.studies.systems --dataset photos speed     measure how long their steps take
python -m benchmarks.studies.systems --dataset photos           do the missing runs, then report
python -m benchmarks.studies.systems --dataset photos report    report the saved results

How many steps a system may take in the given minutes of all cores is measured first, in half a minute each; let nothing
else run meanwhile. The runs themselves may then be disturbed, and several may run at a time. The models are measured
on test photographs. The report prints tables, and writes tables.md and sheet.png into the output folder.
"""

import argparse
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.studies import encoders
from benchmarks.studies.processes import file_name, run_in_processes
from benchmarks.studies.speed import SpeedRun, measure_speed, steps_in
from benchmarks.studies.subset import thinned
from benchmarks.studies.training import as_arguments, trained
from tfcolor.data import datasets
from tfcolor.training.options import TrainingOptions
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder, read_json, write_json

WINDOW = 128  # pixels: the side of training windows
EQUAL = {"precision": "bfloat16"}  # for all: measured anew each time, it might differ
SCENE = {"patch": WINDOW, "zoom": 1.5, "batch_size": 16, **EQUAL}  # for networks that see whole scenes
PIX2PIX = {"network": "pix2pix", "width": 0.25, "depth": 7, **SCENE}
SOM_UNITS = 16
SOM = "som"  # stands for the file of a self-organizing map of the training photographs' colours
SYSTEMS: dict[str, dict[str, Any]] = {
    "beta": {"network": "beta", **SCENE},
    "gamma": {"network": "gamma", **SCENE},
    "gamma, logits": {"network": "gamma", "vector": "logits", **SCENE},
    "pix2pix Lab": PIX2PIX,
    "pix2pix RGB": PIX2PIX | {"space": "rgb"},
    "pix2pix multi-scale": PIX2PIX | {"discriminators": 3},
    "pix2pix attention": PIX2PIX | {"attention": "both"},
    "patch_mlp": {"network": "patch_mlp", "bins": SOM, **EQUAL},
    "regression": {"network": "zhang", "width": 0.25, "objective": "regression", **SCENE},
    "valid8": {"network": "valid8", **EQUAL},
    "zhang": {"network": "zhang", "width": 0.25, **SCENE},
    "default": encoders.BASE | SCENE,
}
_NOT_DECISIVE = ("data", "output", "seconds_per_photo")  # fields of a run that do not change what it learns


@dataclass(frozen=True)
class SystemRun:
    """A run of one system, and the file of its result.

    data: the dataset, as `train.py` takes it.
    fingerprint: of its training photographs.
    minutes: of training, on a machine where nothing else runs.
    steps: how many steps that is.
    seconds_per_photo: time to colour a test photograph, measured before.
    photos: test photographs to measure, at most.
    """

    system: str
    seed: int
    data: str
    fingerprint: str
    minutes: float
    steps: int
    seconds_per_photo: float
    photos: int
    output: Path

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{file_name(self.system)}-{self.seed}"

    @property
    def path(self) -> Path:
        """Path of the result."""
        return self.output / f"{self.name}.json"

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NOT_DECISIVE}
        return {"study": "systems", **own, "options": SYSTEMS[self.system]}


def add_options(parser: argparse.ArgumentParser, output: str) -> None:
    """Add the options that all studies of this kind have."""
    add = parser.add_argument
    add("--dataset", required=True, help="photographs of all kinds, as in train.py")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    add("--limit", type=int, default=10_000, help="training photographs, at most, spread evenly (default: 10000)")
    add("--output", type=Path, default=Path(output), help="folder of the runs (default: %(default)s)")
    add("--workers", type=int, default=1, help="runs at a time, each on one core if there are several (default: 1)")


def check(args: argparse.Namespace) -> None:
    """Raise InputError for numbers that are not positive."""
    for name in ("limit", "minutes", "photos", "seeds", "workers"):
        if not getattr(args, name, 1) > 0:
            raise InputError(f"--{name} must be above 0, got {getattr(args, name)}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.systems"
    add = parser.add_argument
    add("action", nargs="?", default="run", choices=("run", "speed", "report"), help="default: run")
    add("--minutes", type=float, default=20.0, help="minutes of training for each run (default: 20)")
    add("--photos", type=int, default=300, help="test photographs to measure, at most (default: 300)")
    add("--seeds", type=int, default=1, help="runs of each system (default: 1)")
    add("--only", metavar="NAMES", help="systems to run, with commas between (default: all)")
    add("--pictures", type=Path, metavar="FILE", help="also write a sheet of scikit-image's photographs, a JPEG")
    add_options(parser, "runs/systems")
    args = parser.parse_args(arguments)
    check(args)
    return args


def main(arguments: list[str] | None = None) -> None:
    """Do the missing runs, and report all that are saved."""
    args = parse(arguments)
    chosen = chosen_systems(args.only)
    make_folder(args.output)
    if args.action != "report":
        for system in chosen:  # a wrong option must not appear after hours
            TrainingOptions.of(**known_options(SYSTEMS[system]))
        dataset = datasets.find(args.dataset, args.data_dir)
        check_splits(dataset)
        dataset, data = thinned(dataset, args.dataset, args.limit, args.output / "data")
        speeds = measured_speeds(chosen, data, args)
    if args.action == "speed":
        return
    if args.action == "run":
        runs = [
            SystemRun(
                *(system, seed, data, dataset.split("train").fingerprint(), args.minutes),
                *(steps_in(args.minutes, speeds[system]["seconds_per_step"]), speeds[system]["seconds_per_photo"]),
                *(args.photos, args.output),
            )
            for seed in range(args.seeds)
            for system in chosen
        ]
        run_in_processes("training", runs, args.workers, do, args.data_dir, all_cores=args.workers == 1)
    from benchmarks.studies.systems_report import report

    report(args.output, list(SYSTEMS), args.pictures)


def measured_speeds(systems: list[str], data: str, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return `seconds_per_step` and `seconds_per_photo` of systems; what is missing is measured."""
    make_folder(args.output / "speed")
    runs = []
    for system in systems:
        options = dict(SYSTEMS[system])
        if options.get("bins") == SOM:
            options["bins"] = str(som_bins(data, args.data_dir, args.output / "som"))
        runs.append(SpeedRun(system, options, data, args.output / "speed"))
    run_in_processes("measuring speed", runs, 1, measure_speed, args.data_dir, all_cores=True)
    return {run.name: read_json(run.path) for run in runs}


def chosen_systems(only: str | None) -> list[str]:
    """Return the systems that `--only` names, in the order of the table; all for None."""
    named = [name.strip() for name in only.split(",")] if only else list(SYSTEMS)
    unknown = [name for name in named if name not in SYSTEMS]
    if unknown:
        raise InputError(f"--only: unknown system {unknown[0]!r} (known: {', '.join(SYSTEMS)})")
    return [system for system in SYSTEMS if system in named]


def known_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options under the names that `TrainingOptions` has for them, without the file of bins."""
    names = {"lambda": "uniform_share"}
    return {names.get(name, name): value for name, value in options.items() if name != "bins"}


def check_splits(dataset: datasets.Dataset) -> None:
    """Raise InputError if a dataset has no photographs to learn from, or to measure."""
    for split in ("train", "test"):
        if not dataset.split(split).files:
            raise InputError(f"{dataset.name} has no photograph in its {split} split")


def do(run: SystemRun, data_dir: str | None) -> str:
    """Train, measure, save pictures and write the result."""
    from benchmarks.studies.systems_measuring import describe, save_pictures

    dataset = datasets.find(run.data, data_dir)
    folder = run.path.with_suffix("")
    options = SYSTEMS[run.system] | {"dataset": run.data, "data_dir": data_dir, "steps": run.steps}
    if options.get("bins") == SOM:
        options["bins"] = som_bins(run.data, data_dir, run.output / "som")
    model = trained(options | {"seed": run.seed}, folder)
    make_folder(run.output / "pictures")
    save_pictures(folder, dataset, run.output / "pictures" / f"{run.name}.npz")
    measured = describe(folder, dataset, run.photos, run.output / "data")
    measured["seconds_per_photo"] = run.seconds_per_photo
    write_json(run.path, run.settings | training_of(model) | measured)
    return ", ".join(f"raw AuC {numbers['raw_auc']:.2f} %" for numbers in measured["measured"].values())


def training_of(model: dict[str, Any]) -> dict[str, Any]:
    """How much a model has learned from: `steps`, `samples`, `batch_size` and `seconds`."""
    batch_size = model["options"]["batch_size"]
    steps = model["steps"]
    return {"steps": steps, "batch_size": batch_size, "samples": steps * batch_size, "seconds": model["seconds"]}


def som_bins(data: str, data_dir: str | None, folder: Path) -> Path:
    """Make a self-organizing map of the training photographs' colours unless it is there; return its file."""
    from tfcolor.commands import analyze_bins

    path = folder / "bins.npz"
    if path.exists() and read_json(folder / "bins.json"):
        return path
    options = {"dataset": data, "data_dir": data_dir, "codebook": "som", "units": SOM_UNITS, "output": folder}
    analyze_bins.main([*as_arguments(options), "--overwrite"])
    return path


if __name__ == "__main__":
    sys.exit(console.run(main))
