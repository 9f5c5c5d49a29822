"""Compare six optimizers, and three batch sizes, on the network `beta` at a quarter of its width: losses by time.

python -m benchmarks.studies.optimizers --dataset photos           do the missing runs, then report
python -m benchmarks.studies.optimizers --dataset photos report    report the saved results

Learning rates are the defaults of Keras, and stay the same after the usual warm-up of 100 steps. The report prints a
table, and writes tables.md and curves.png into the output folder.
"""

import argparse
import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.studies.processes import file_name, run_in_processes
from benchmarks.studies.subset import thinned
from benchmarks.studies.systems import SCENE, add_options, check, training_of
from benchmarks.studies.tables import Table, show
from benchmarks.studies.training import trained
from tfcolor.data import datasets
from tfcolor.training.options import TrainingOptions
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.figures import save_figure
from tfcolor.utils.files import make_folder, read_json, write_json

# With 'plateau' the rate stays the same until the loss has not fallen for ten epochs, which five minutes do not reach.
# At full width and 128 pixels five minutes on one core would be 130 steps, hardly more than the warm-up.
BASE: dict[str, Any] = {"network": "beta", "schedule": "plateau", **SCENE, "width": 0.25, "patch": 64}
# The defaults of keras.optimizers; momentum is SGD with momentum 0.9, for which Keras has the same rate.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "learning_rate": 0.01},
    "momentum": {"optimizer": "momentum", "learning_rate": 0.01},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 1e-3},
    "adagrad": {"optimizer": "adagrad", "learning_rate": 1e-3},
    "adam": {"optimizer": "adam", "learning_rate": 1e-3, "beta2": 0.999},
    "adamw": {"optimizer": "adamw", "learning_rate": 1e-3, "beta2": 0.999, "weight_decay": 4e-3},
}
BATCH, BATCHES = 64, (16, 64, 256)
BEST = "adam"  # the optimizer whose batch sizes are compared
LAST = 0.2  # share of the windows over which the training loss of the table is averaged
_SMOOTH = 20  # reports of ten steps in the running mean of a curve
_LOWEST, _HIGHEST = 0.8, 1.8  # ends of the axes of losses, relative to the lowest last one


@dataclass(frozen=True)
class OptimizerRun:
    """A run with one optimizer and batch size, and the file of its result."""

    optimizer: str
    batch_size: int
    data: str
    fingerprint: str
    minutes: float
    output: Path

    @property
    def name(self) -> str:
        """The optimizer and the batch size."""
        return f"{self.optimizer}, batch {self.batch_size}"

    @property
    def path(self) -> Path:
        """Path of the result."""
        return self.output / f"{file_name(self.name)}.json"

    @property
    def options(self) -> dict[str, Any]:
        """The options of `train.py`, except for time and place."""
        return BASE | OPTIMIZERS[self.optimizer] | {"batch_size": self.batch_size}

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        names = {"name": self.name, "minutes": self.minutes, "fingerprint": self.fingerprint}
        return {"study": "optimizers", **names, "options": self.options}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.optimizers"
    add = parser.add_argument
    add("action", nargs="?", default="run", choices=("run", "report"), help="default: run")
    add("--minutes", type=float, default=5.0, help="minutes of training for each run (default: 5)")
    add("--figure", type=Path, metavar="FILE", help="also write the curves to this PNG")
    add_options(parser, "runs/optimizers")
    args = parser.parse_args(arguments)
    check(args)
    return args


def pairs() -> list[tuple[str, int]]:
    """The optimizers with their batch sizes: all at 64, and one at all sizes."""
    return [(name, BATCH) for name in OPTIMIZERS] + [(BEST, batch) for batch in BATCHES if batch != BATCH]


def main(arguments: list[str] | None = None) -> None:
    """Do the missing runs, and report."""
    args = parse(arguments)
    make_folder(args.output)
    if args.action == "run":
        dataset = datasets.find(args.dataset, args.data_dir)
        for split in ("train", "val"):
            if not dataset.split(split).files:
                raise InputError(f"{dataset.name} has no photograph in its {split} split")
        dataset, data = thinned(dataset, args.dataset, args.limit, args.output / "data")
        fingerprint = dataset.split("train").fingerprint()
        runs = [OptimizerRun(*pair, data, fingerprint, args.minutes, args.output) for pair in pairs()]
        for run in runs:
            TrainingOptions.of(**run.options)
        run_in_processes("training", runs, args.workers, do, args.data_dir, all_cores=args.workers == 1)
    report(args.output, args.figure)


def do(run: OptimizerRun, data_dir: str | None) -> str:
    """Train, and write the result."""
    from benchmarks.studies.curves import CurveRecorder, read_lines

    folder = run.path.with_suffix("")
    recorder = functools.partial(CurveRecorder, dataset=datasets.find(run.data, data_dir))
    options = run.options | {"dataset": run.data, "data_dir": data_dir, "minutes": run.minutes, "seed": 0}
    model = trained(options, folder, recorder)
    curves = curves_of(read_lines(folder / "losses.jsonl"))
    write_json(run.path, run.settings | training_of(model) | curves)
    return f"validation loss {curves['validation_loss']['losses'][-1]:.4f}"


def curves_of(lines: list[dict[str, float]]) -> dict[str, dict[str, list[float]]]:
    """Sort the lines of `losses.jsonl` into `training_loss` and `validation_loss`: lists of steps, seconds, losses."""
    found = {}
    for kind in ("training_loss", "validation_loss"):
        own = [line for line in lines if kind in line]
        numbers = {"steps": "step", "seconds": "seconds", "losses": kind}
        found[kind] = {name: [line[key] for line in own] for name, key in numbers.items()}
    return found


def report(folder: Path, figure: Path | None = None) -> None:
    """Print the table of the saved results; write it, and the curves, into their folder.

    Args:
        folder: the folder of the results.
        figure: another place for the curves.

    Raises:
        InputError: if there are no results, or they differ in time or photographs.
    """
    known = {name: folder / f"{file_name(name)}.json" for name in (f"{o}, batch {b}" for o, b in pairs())}
    found = {name: read_json(path) for name, path in known.items() if path.exists()}
    if not found:
        raise InputError(f"{folder} has no result; leave out `report` to make them")
    if len({(run["minutes"], run["fingerprint"]) for run in found.values()}) > 1:
        raise InputError(f"the results in {folder} were made with different settings, and cannot be compared")
    show([table(found)], folder / "tables.md")
    drawn = draw(found)
    for path in (folder / "curves.png", figure):
        if path:
            save_figure(drawn, path)


def table(found: dict[str, dict]) -> Table:
    """What each run came to after as many windows as all have seen: a shared machine is not always equally fast."""
    fewest = min(run["samples"] for run in found.values())
    rows = []
    for name, run in found.items():
        training = _part(run, "training_loss", (1 - LAST) * fewest, fewest)[1]
        validation = _part(run, "validation_loss", -1, fewest)[1]
        losses = (f"{np.mean(training):.4f}", f"{validation[-1]:.4f}", f"{min(validation):.4f}")
        rate = f"{run['options']['learning_rate']:g}"
        rows.append([name, rate, f"{run['steps']:,}", f"{run['samples']:,}", *losses])
    heads = ["optimizer", "learning rate", "steps in all", "windows in all"]
    heads += ["training loss, last fifth", "validation loss", "lowest validation loss"]
    minutes = next(iter(found.values()))["minutes"]
    return f"{minutes:g} minutes each; losses after {fewest:,} windows, which all have seen", heads, rows


def _part(run, kind, after, until):
    """The windows seen, and the losses, of reports after some number of windows and until another."""
    windows, losses = np.array(run[kind]["steps"]) * run["batch_size"], np.array(run[kind]["losses"])
    chosen = (windows > after) & (windows <= until)
    return windows[chosen], losses[chosen]


def draw(found: dict[str, dict]) -> Figure:
    """Draw the losses: optimizers above, batch sizes below; by time, by windows seen, and on unseen photographs."""
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes = figure.subplots(2, 3)
    rows = [{o: found.get(f"{o}, batch {BATCH}") for o in OPTIMIZERS}]
    rows += [{f"batch {b}": found.get(f"{BEST}, batch {b}") for b in BATCHES}]
    for row, (runs, what) in enumerate(zip(rows, (f"batch {BATCH}", BEST), strict=True)):
        runs = {name: run for name, run in runs.items() if run}
        for name, run in runs.items():
            training = run["training_loss"]
            _curve(axes[row, 0], np.array(training["seconds"]) / 60, training["losses"], name)
            _curve(axes[row, 1], *_part(run, "training_loss", 0, np.inf), name)
            axes[row, 2].plot(*_part(run, "validation_loss", 0, np.inf), ".-", label=name)
        for place, (kind, unit) in enumerate(
            (("training loss", "minutes"), ("training loss", "windows seen"), ("validation loss", "windows seen"))
        ):
            last = [run[f"{kind.partition(' ')[0]}_loss"]["losses"][-1] for run in runs.values()]
            axes[row, place].set(title=f"{what}: {kind}", xlabel=unit)
            if last:  # the first losses are several times as large, and would hide the differences
                axes[row, place].set_ylim(_LOWEST * min(last), _HIGHEST * min(last))
            axes[row, place].grid(alpha=0.3, linewidth=0.5)
        axes[row, 1].set(xscale="log")
        if runs:
            axes[row, 0].legend(fontsize="small")
    return figure


def _curve(axes: Axes, x: np.ndarray, losses: np.ndarray | list[float], name: str) -> None:
    """A running mean of the last reports."""
    smooth = [np.mean(losses[max(0, end - _SMOOTH) : end]) for end in range(1, len(losses) + 1)]
    axes.plot(x, smooth, label=name, linewidth=1)


if __name__ == "__main__":
    sys.exit(console.run(main))
