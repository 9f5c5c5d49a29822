"""The effect of each choice on the 8-convolution network: runs on forests that differ from a base in one thing.

python -m benchmarks.studies.ablation            do the missing runs, then make the table
python -m benchmarks.studies.ablation report     make the table from the saved results

Runs are measured on validation photographs. All cost the same arithmetic, so smaller networks take more steps.
"""

import argparse
import functools
import itertools
import os
import re
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.options import RunOptions
from benchmarks.studies.processes import run_in_processes
from tfcolor.data import datasets
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder, read_json, remove_leftovers, replacing, write_json

TEMPERATURES = (1.0, 0.38)
BASE = RunOptions(uniform_share=1.0, min_count=1700, patch=32, batch=16)
BASE_BINS = 104  # occupied by at least 1,700 of the 17.1 million pixels of the forests' training split
CHOICES: dict[str, RunOptions] = {
    "base": BASE,
    "lambda 0.5": replace(BASE, uniform_share=0.5),
    "hard targets": replace(BASE, encoding="hard"),
    "all 157 occupied bins": replace(BASE, min_count=1),
    "window 20": replace(BASE, window=20),
    "windows of 64 pixels, 2 a step": replace(BASE, patch=64, batch=2),
    "4 windows a step": replace(BASE, batch=4),
    "64 windows a step": replace(BASE, batch=64),
    "learning rate 3e-3": replace(BASE, learning_rate=3e-3),
    "batch normalization": replace(BASE, batch_norm=True),
    "weights averaged, 0.995": replace(BASE, weight_average=0.995),
    "RReLU": replace(BASE, activation="rrelu"),
}
LONGER = "4 times as long"
_LONGER = 4


@dataclass(frozen=True)
class AblationRun:
    """A run of one choice with one seed, and the file of its result.

    steps: training steps of the base; the run takes as many as cost the same arithmetic.
    """

    choice: str
    seed: int
    steps: int
    folder: Path

    @property
    def options(self) -> RunOptions:
        """Options of the run."""
        return CHOICES.get(self.choice, BASE)

    @property
    def path(self) -> Path:
        """Path of the result."""
        return self.folder / f"{re.sub(r'[^a-z0-9]+', '-', self.choice.lower())}-{self.seed}.json"

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        run = {"study": "ablation", "choice": self.choice, "seed": self.seed, "base_steps": self.steps}
        return run | asdict(self.options)

    def own_steps(self, num_bins: int) -> int:
        """The number of steps that cost as much as the steps of the base."""
        longer = _LONGER if self.choice == LONGER else 1
        return round(longer * self.steps * step_cost(BASE, BASE_BINS) / step_cost(self.options, num_bins))


def step_cost(options: RunOptions, num_bins: int) -> int:
    """Count the multiplications of the convolutions in a step's forward pass: 9 c_in c_out for each pixel of a layer.

    Args:
        options: options of the run.
        num_bins: Q, the number of bins of the network.
    """
    unit = num_bins // 8
    channels = [1, *(k * unit for k in range(1, 8)), num_bins]
    layers = itertools.pairwise(channels)
    return options.batch * sum(
        9 * before * after * (options.patch - 2 * k) ** 2 for k, (before, after) in enumerate(layers, 1)
    )


@functools.cache
def _forest(data_dir: str | None) -> Any:
    """Made once in each process."""
    from benchmarks.studies.forest import Forest

    return Forest(datasets.find("forest", data_dir), "val")


def _train(run: AblationRun, data_dir: str | None) -> str:
    forest = _forest(data_dir)
    num_bins = forest.bins(run.options).num_bins
    steps = run.own_steps(num_bins)
    found = forest.run(run.options, run.seed, steps, TEMPERATURES)
    result = {"bins": num_bins, "steps": steps, "seconds": found.seconds, "training_loss": found.losses[-1]}
    result["measured"] = {f"{T:g}": errors.to_json() for T, errors in found.measured.items()}
    write_json(run.path, run.settings | result)
    return f"raw AuC {found.measured[1.0].raw_auc:.2f} %"


def report(folder: Path) -> None:
    """Print and write the table of the saved results: means over seeds, and what each choice changes.

    Raises:
        InputError: if no run of the base is saved.
    """
    runs = [read_json(path) for path in sorted(folder.glob("*.json"))]
    by_choice = {choice: [run for run in runs if run.get("choice") == choice] for choice in (*CHOICES, LONGER)}
    base = {run["seed"]: run for run in by_choice["base"]}
    if not base:
        raise InputError(f"{folder} holds no run of the base to compare with")
    keys = [(f"{T:g}", metric) for T in TEMPERATURES for metric in ("raw_auc", "rebalanced_auc", "dcf")]
    rows = []
    for choice, found in by_choice.items():
        found = [run for run in found if run["seed"] in base]
        if not found:
            continue
        cells = [choice, f"{found[0]['bins']}", f"{found[0]['steps']:,}"]
        for T, metric in keys:
            value = lambda run, T=T, metric=metric: run["measured"][T][metric]  # noqa: E731
            if choice == "base":
                cells.append(_seeds([value(run) for run in found], ".2f"))
            else:
                cells.append(_seeds([value(run) - value(base[run["seed"]]) for run in found], "+.2f"))
        rows.append(cells)
    names = {"raw_auc": "raw", "rebalanced_auc": "rebalanced", "dcf": "dCF"}
    columns = ["choice", "bins", "steps", *(f"{names[metric]}, T = {T}" for T, metric in keys)]
    title = "Forest, validation photographs: the base, and what each choice changes; in brackets each seed"
    console.print_table(title, columns, rows)
    lines = [f"**{title}**", "", *("| " + " | ".join(row) + " |" for row in (columns, ["---"] * len(columns), *rows))]
    with replacing(folder / "table.md") as file:
        file.write(("\n".join(lines) + "\n").encode())


def _seeds(values: list[float], form: str) -> str:
    return f"{np.mean(values):{form}} ({', '.join(f'{value:{form}}' for value in values)})"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.ablation"
    add = parser.add_argument
    add(
        "part",
        nargs="?",
        choices=("run", "report"),
        default="run",
        help="train and report, or report only (default: run)",
    )
    add("--output", type=Path, default=Path("runs/ablation"), help="folder of the results (default: %(default)s)")
    add("--seeds", type=int, default=2, help="runs of each choice (default: %(default)s)")
    add("--steps", type=int, default=400, help="training steps of the base (default: %(default)s)")
    add("--workers", type=int, default=os.cpu_count(), help="processes (default: cores)")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    args = parser.parse_args(arguments)
    for name in ("seeds", "steps", "workers"):
        if getattr(args, name) < 1:
            raise InputError(f"--{name} must be at least 1, got {getattr(args, name)}")
    return args


def main(arguments: list[str] | None = None) -> None:
    """Do the missing runs, then report all that are saved."""
    args = parse(arguments)
    make_folder(args.output)
    remove_leftovers(args.output)
    if args.part == "run":
        runs = [
            AblationRun(choice, seed, args.steps, args.output)
            for seed in range(args.seeds)
            for choice in (*CHOICES, LONGER)
        ]
        datasets.find("forest", args.data_dir)  # downloaded here, once
        run_in_processes("ablation", runs, args.workers, _train, args.data_dir)
    report(args.output)


if __name__ == "__main__":
    sys.exit(console.run(main))
