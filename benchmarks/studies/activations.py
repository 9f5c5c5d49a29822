"""Compare activations: on the digits of MNIST with a plain network, then on colours with the 8 convolutions.

python -m benchmarks.studies.activations            the digits, then tables and figures
python -m benchmarks.studies.activations forest     the colours, then tables and figures
python -m benchmarks.studies.activations report     tables and figures from the saved results
"""

import argparse
import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.studies import MNIST_ACTIVATIONS, mnist
from benchmarks.studies.options import RunOptions
from benchmarks.studies.processes import file_name, run_in_processes, unfinished
from tfcolor.data import datasets
from tfcolor.ops import ACTIVATION_NAMES
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder, remove_leftovers, write_json

PARTS = ("mnist", "forest", "report")
TEMPERATURE = 0.38


@dataclass(frozen=True)
class MnistRun:
    """A run on MNIST, and the file of its result."""

    activation: str
    batch_norm: bool
    seed: int
    epochs: int
    folder: Path

    @property
    def path(self) -> Path:
        """Path of the result."""
        return self.folder / f"mnist-{file_name(self.activation)}{'-bn' if self.batch_norm else ''}-{self.seed}.json"

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        return {
            "study": "mnist",
            "activation": self.activation,
            "batch_norm": self.batch_norm,
            "seed": self.seed,
            "epochs": self.epochs,
        }


@dataclass(frozen=True)
class ForestRun:
    """A run on photographs of forests, and the file of its result."""

    activation: str
    seed: int
    steps: int
    folder: Path

    @property
    def path(self) -> Path:
        """Path of the result."""
        return self.folder / f"forest-{self.activation}-{self.seed}.json"

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        return {"study": "forest", "activation": self.activation, "seed": self.seed, "steps": self.steps}


def run_mnist(args: argparse.Namespace) -> None:
    """Train the networks whose results are missing."""
    runs = [
        MnistRun(activation, batch_norm, seed, args.epochs, args.output)
        for batch_norm in (False, True)
        for activation in MNIST_ACTIVATIONS
        for seed in range(args.seeds)  # innermost: a process traces a network once
    ]
    if unfinished(runs):
        mnist.load(args.data_dir)  # downloaded here, once
    run_in_processes("MNIST", runs, args.workers, _train_mlp, args.data_dir)


@functools.lru_cache(maxsize=1)
def _mlp_training(activation: str, batch_norm: bool, data_dir: str | None) -> Any:
    """The last one that a process has traced."""
    from benchmarks.studies.mlp import MlpTraining

    return MlpTraining(activation, batch_norm, *mnist.load(data_dir))


def _train_mlp(run: MnistRun, data_dir: str | None) -> str:
    curves = _mlp_training(run.activation, run.batch_norm, data_dir).run(run.seed, run.epochs)
    write_json(run.path, run.settings | vars(curves))
    return f"test accuracy {curves.test_accuracy[-1]:.2%}"


def run_forest(args: argparse.Namespace) -> None:
    """Train and measure the networks whose results are missing, one after the other."""
    runs = [
        ForestRun(activation, seed, args.steps, args.output)
        for seed in range(args.forest_seeds)
        for activation in ACTIVATION_NAMES
    ]
    left = unfinished(runs)
    if not left:
        return
    console.load_tensorflow()
    from benchmarks.studies.forest import Forest

    forest = Forest(datasets.find("forest", args.data_dir), "test")
    total = args.steps * len(runs)
    with console.Progress("forest", total, "steps", done=total - args.steps * len(left)) as progress:
        for number, run in enumerate(left, start=len(runs) - len(left)):

            def report(step: int, note: str, number: int = number, run: ForestRun = run) -> None:
                progress.update(number * args.steps + step, f"{run.path.stem}: {note}")

            found = forest.run(RunOptions(run.activation), run.seed, run.steps, (TEMPERATURE,), report)
            result = {"training_loss": found.losses, "seconds": found.seconds} | found.measured[TEMPERATURE].to_json()
            write_json(run.path, run.settings | result)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.activations"
    add = parser.add_argument
    add("part", nargs="?", choices=PARTS, default="mnist", help="study to run, or report only (default: mnist)")
    add("--output", type=Path, default=Path("runs/activations"), help="folder of the results (default: %(default)s)")
    add("--seeds", type=int, default=5, help="runs of each network on MNIST (default: %(default)s)")
    add("--epochs", type=int, default=10, help="epochs of each run on MNIST (default: %(default)s)")
    add("--forest-seeds", type=int, default=3, help="runs of each network on forest (default: %(default)s)")
    add("--steps", type=int, default=200, help="steps of each run on forest (default: %(default)s)")
    add("--workers", type=int, default=os.cpu_count(), help="processes for MNIST (default: cores)")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    args = parser.parse_args(arguments)
    for name in ("seeds", "epochs", "forest_seeds", "steps", "workers"):
        least = 2 if "seeds" in name else 1
        if getattr(args, name) < least:
            raise InputError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(args, name)}")
    return args


def main(arguments: list[str] | None = None) -> None:
    """Do the missing runs, then report all that are saved."""
    args = parse(arguments)
    make_folder(args.output)
    remove_leftovers(args.output)
    {"mnist": run_mnist, "forest": run_forest, "report": lambda args: None}[args.part](args)
    from benchmarks.studies.activation_report import report

    report(args.output)


if __name__ == "__main__":
    sys.exit(console.run(main))
