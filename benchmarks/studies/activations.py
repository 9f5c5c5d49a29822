"""Compare activations: the digits of MNIST with a plain network, then colours with the 8 convolutions.

python -m tfcolor.studies.activations            the digits, then tables and figures
python -m tfcolor.studies.activations forest     colours, then tables and figures
python -m tfcolor.studies.activations report     tables and figures from what is saved
"""

import argparse
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.studies import MNIST_ACTIVATIONS, mnist
from benchmarks.studies.processes import run_in_processes, unfinished
from benchmarks.studies.settings import Setting
from tfcolor.data import datasets
from tfcolor.ops import ACTIVATION_NAMES
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder, remove_leftovers, write_json

PARTS = ("mnist", "forest", "report")
TEMPERATURE = 0.38


@dataclass(frozen=True)
class MnistRun:
    """One run on MNIST and the file of its result."""

    activation: str
    batch_norm: bool
    seed: int
    epochs: int
    folder: Path

    @property
    def path(self) -> Path:
        """Of the result."""
        name = re.sub(r"[^a-z0-9]+", "-", self.activation.lower()).strip("-")
        return self.folder / f"mnist-{name}{'-bn' if self.batch_norm else ''}-{self.seed}.json"

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
    """One run on photographs of forests and the file of its result."""

    activation: str
    seed: int
    steps: int
    folder: Path

    @property
    def path(self) -> Path:
        """Of the result."""
        return self.folder / f"forest-{self.activation}-{self.seed}.json"

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        return {"study": "forest", "activation": self.activation, "seed": self.seed, "steps": self.steps}


def run_mnist(args: argparse.Namespace) -> None:
    """Train the networks that are not trained yet."""
    runs = [
        MnistRun(activation, batch_norm, seed, args.epochs, args.output)
        for batch_norm in (False, True)
        for activation in MNIST_ACTIVATIONS
        for seed in range(args.seeds)  # innermost: a process traces a network once
    ]
    if unfinished(runs):
        mnist.load(args.data_dir)  # downloaded here, once
    run_in_processes("MNIST", runs, args.workers, _train_mlp, args.data_dir)


_TRAININGS: dict = {}  # of this process: the last network traced


def _train_mlp(run: MnistRun, data_dir: str | None) -> str:
    from benchmarks.studies.mlp import MlpTraining

    kind = run.activation, run.batch_norm
    if kind not in _TRAININGS:
        _TRAININGS.clear()
        _TRAININGS[kind] = MlpTraining(*kind, *mnist.load(data_dir))
    curves = _TRAININGS[kind].run(run.seed, run.epochs)
    write_json(run.path, run.settings | vars(curves))
    return f"test accuracy {curves.test_accuracy[-1]:.2%}"


def run_forest(args: argparse.Namespace) -> None:
    """Train and measure the networks that are not trained yet, one after the other."""
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

            losses, measured, seconds = forest.run(Setting(run.activation), run.seed, run.steps, (TEMPERATURE,), report)
            found = {"training_loss": losses, "seconds": seconds} | measured[TEMPERATURE].to_json()
            write_json(run.path, run.settings | found)


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tfcolor.studies.activations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="?", choices=PARTS, default="mnist", help="(default mnist)")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/activations"), help="folder of the results (default %(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="runs of each network on MNIST (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=10, help="of each run on MNIST (default %(default)s)")
    parser.add_argument("--forest-seeds", type=int, default=3, help="runs of each on forest (default %(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="of each run on forest (default %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes for MNIST (default: cores)")
    parser.add_argument("--data-dir", help="where datasets are (default $TFCOLOR_DATA, else data/)")
    args = parser.parse_args(arguments)
    for name in ("seeds", "epochs", "forest_seeds", "steps", "workers"):
        least = 2 if "seeds" in name else 1
        if getattr(args, name) < least:
            raise InputError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(args, name)}")
    return args


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then report all that is saved."""
    args = _arguments(arguments)
    make_folder(args.output)
    remove_leftovers(args.output)
    {"mnist": run_mnist, "forest": run_forest, "report": lambda args: None}[args.part](args)
    from benchmarks.studies.activation_report import report

    report(args.output)


if __name__ == "__main__":
    sys.exit(console.run(main))
