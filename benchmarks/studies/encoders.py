"""What the pretrained encoder adds to a U-Net, and what other choices do: runs that differ from a base in one thing.

python -m benchmarks.studies.encoders --dataset photos            do the missing runs, then print the table
python -m benchmarks.studies.encoders --dataset photos report     print the table of the saved results

All runs take the same minutes on one core, two at a time on two cores, and are measured on validation photographs.
"""

import argparse
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.studies.processes import file_name, run_in_processes, unfinished
from tfcolor.data import datasets
from tfcolor.data.datasets import Dataset
from tfcolor.utils import console
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import make_folder, read_json, write_json

BASE = {
    **{"network": "unet", "encoder": "lite2", "min_count": 2400, "patch": 160, "zoom": 1.5, "batch_size": 16},
    **{"lambda": 0.8, "learning_rate": 1e-3, "weight_average": 0.995, "precision": "bfloat16"},
}
TUNED = {"learning_rate": 5e-4, "encoder_rate": 0.2}
CHOICES: dict[str, dict[str, Any]] = {
    "frozen (base)": {},
    # The same minutes are not always the same steps, where other programs run: the base with fewer steps.
    "frozen, 3600 steps": {"steps": 3600},
    "frozen, 2700 steps": {"steps": 2700},
    "tuned from the start": TUNED,
    "no pretrained encoder": {"initialization": "scratch", "encoder_rate": 1.0},
    "lite0": {"encoder": "lite0"},
    "lambda 0.5": {"lambda": 0.5},
    "zhang313": {"bins": "zhang313"},
    "window 5": {"window": 5, "min_count": 600},
    "stride 2": {"stride": 2},
    "decoder twice as wide": {"width": 2.0},
    "no zoom": {"zoom": 1.0},
    "a third of inputs degraded": {"degrade": 0.33},
}
DECODINGS = {"T 1, lambda 1": (1.0, 1.0), "T 0.7, lambda 0.6": (0.7, 0.6)}
METRICS = ("raw_auc", "bounded_auc", "dcf")


@dataclass(frozen=True)
class EncoderRun:
    """A run of one choice, and the file of its result."""

    choice: str
    dataset: str
    minutes: float
    photos: int
    folder: Path

    @property
    def path(self) -> Path:
        """Path of the result."""
        return self.folder / f"{file_name(self.choice)}.json"

    @property
    def settings(self) -> dict:
        """What the result depends on."""
        options = BASE | CHOICES[self.choice]
        return {"study": "encoders", "dataset": self.dataset, "minutes": self.minutes, "photos": self.photos, **options}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.encoders"
    add = parser.add_argument
    add("action", nargs="?", default="run", choices=("run", "report"), help="default: run")
    add("--dataset", required=True, help="photographs of all kinds, as in train.py")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    add("--minutes", type=float, default=24.0, help="minutes of each run on one core (default: 24)")
    add("--photos", type=int, default=400, help="validation photographs to measure (default: 400)")
    add("--workers", type=int, default=2, help="runs at a time (default: 2)")
    add("--output", type=Path, default=Path("runs/encoders"), help="folder of the runs (default: runs/encoders)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Do the missing runs, and print the table."""
    args = parse(arguments)
    dataset = datasets.find(args.dataset, args.data_dir)
    if not dataset.split("val").files:
        raise InputError(f"{dataset.name} has no validation photographs to measure")
    make_folder(args.output)
    runs = [EncoderRun(choice, args.dataset, args.minutes, args.photos, args.output) for choice in CHOICES]
    if args.action == "run":
        run_in_processes("training", runs, args.workers, do, args.data_dir)
    elif len(unfinished(runs)) == len(runs):
        raise InputError(f"{args.output} has no result; leave out `report` to make them")
    print_table([run for run in runs if run.path.exists()])


def do(run: EncoderRun, data_dir: str | None) -> str:
    """Train, measure and write the result; a run that was stopped goes on."""
    from tfcolor.commands import train

    folder = run.path.with_suffix("")
    if not (folder / "model.json").exists():
        goes_on = (folder / "config.json").exists()
        more = ["--resume"] if goes_on else []
        status = console.run(lambda: train.main([*command(run, folder, data_dir), *more]))
        if status:
            raise WorkError(f"training {run.choice} failed")
    measured = measure(folder, datasets.find(run.dataset, data_dir), run.photos)
    write_json(run.path, run.settings | {"steps": read_json(folder / "model.json")["total_steps"], **measured})
    return f"raw AuC {measured['T 1, lambda 1']['raw_auc']:.2f} %"


def command(run: EncoderRun, folder: Path, data_dir: str | None) -> list[str]:
    """The arguments of train.py."""
    options = BASE | CHOICES[run.choice] | {"dataset": run.dataset, "minutes": run.minutes, "output": folder}
    options |= {"data_dir": data_dir} if data_dir else {}
    if "steps" in options:
        del options["minutes"]
    if options.get("bins") == "zhang313":
        options["bins"] = zhang_bins(run, folder.parent / "bins-zhang313", data_dir)
        del options["min_count"]
    return [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]


def zhang_bins(run: EncoderRun, folder: Path, data_dir: str | None) -> Path:
    """Count the colours in the bins of the paper; return their file."""
    from tfcolor.commands import analyze_bins

    path = folder / "bins.npz"
    options = ["--dataset", run.dataset, "--bins", "zhang313", "--lambda", str(BASE["lambda"]), "--output", str(folder)]
    if not path.exists():
        analyze_bins.main([*options, *(["--data-dir", data_dir] if data_dir else [])])
    return path


def measure(folder: Path, dataset: Dataset, photos: int) -> dict[str, dict[str, float]]:
    """Measure a model on validation photographs: the metrics by decoding; and those of gray pictures."""
    from tfcolor.color.decoding_options import Decoding
    from tfcolor.colorizer.colorizer import Colorizer
    from tfcolor.colorizer.painting import painted
    from tfcolor.evaluation.measuring import ColorErrors, truths

    colorizer, weights = Colorizer.load(folder, BASE["precision"]), pixel_weights(dataset)
    decodings = [Decoding(T, uniform_share=share) for T, share in DECODINGS.values()]
    found = {name: ColorErrors() for name in ("gray", *DECODINGS)}
    for _, truth in truths(dataset.some_of("val", photos)):
        colors = [0 * truth.ab, *colorizer.predict_many(truth.lightness, decodings)]
        for errors, ab in zip(found.values(), colors, strict=True):
            errors.add(truth, ab, painted(truth.lightness, ab), weights)
    return {name: errors.to_json() for name, errors in found.items()}


@functools.cache
def pixel_weights(dataset: Dataset) -> Any:
    """The pixel weights of the AuCs, from the training photographs."""
    from tfcolor.data.scan import scan
    from tfcolor.evaluation.measuring import PixelWeights

    scanned = scan(dataset.split("train").paths)
    return PixelWeights.of(scanned.ab, scanned.pixels)


def print_table(runs: list[EncoderRun]) -> None:
    """Print the results: AuC in per cent, and the difference of colourfulness."""
    results = {run.choice: read_json(run.path) for run in runs}
    heads = ["", "steps", *(f"{metric.removesuffix('_auc')}, {name}" for name in DECODINGS for metric in METRICS)]
    gray = next(iter(results.values()))["gray"]
    rows = [["gray", "", *2 * [f"{gray[metric]:.2f}" for metric in METRICS]]]
    for choice, result in results.items():
        numbers = [f"{result[name][metric]:.2f}" for name in DECODINGS for metric in METRICS]
        rows.append([choice, str(result["steps"]), *numbers])
    console.print_table(f"{runs[0].minutes:g} minutes of one core each", heads, rows)


if __name__ == "__main__":
    raise SystemExit(console.run(main))
