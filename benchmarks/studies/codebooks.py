"""What a codebook of few colours can show at best: self-organising maps, k-means and occupied bins, by their number.

python -m benchmarks.studies.codebooks --dataset scenes

Each is fitted to the colours of the training photographs. The colours of the test photographs are then replaced by
those of their units, as by a network that always finds the right one. Measured are the distance to the true colours,
that of vivid colours alone, and raw AuC. Results that exist are kept.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tfcolor.color.bins import CELLS, KMEANS, SOM
from tfcolor.data import datasets
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.figures import save_figure
from tfcolor.utils.files import check_folder, make_folder, read_json, write_json

UNITS = (4, 9, 16, 25, 49, 100)
WINDOWS = (55, 44, 22, 20, 11, 10)  # ab units; they divide 220
VIVID = 30.0  # ab units: chroma from which a colour counts as vivid
NEUTRAL = 10.0  # ab units: a unit's chroma up to which it is nearly gray
LABELS = {SOM: "self-organising map", KMEANS: "k-means", CELLS: "occupied bins"}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = console.Parser(__doc__)
    parser.prog = "python -m benchmarks.studies.codebooks"
    add = parser.add_argument
    add("--dataset", default="scenes", help="photographs whose colours count (default: scenes)")
    add("--split", default="test", choices=datasets.SPLITS, help="photographs to measure (default: test)")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    add("--output", type=Path, default=Path("runs/codebooks"), help="folder of results (default: runs/codebooks)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Fit and measure what is missing, then print a table and draw a plot."""
    args = parse(arguments)
    name = datasets.check_name(args.dataset, args.data_dir)
    check_folder(args.output)
    path = args.output / f"{name}-{args.split}.json"
    kept = read_json(path) if path.exists() else {}
    choices = [(kind, number) for kind in (SOM, KMEANS) for number in UNITS] + [(CELLS, window) for window in WINDOWS]
    missing = [choice for choice in choices if key(*choice) not in kept]
    if missing:
        make_folder(args.output)
        for choice, result in measured(args, missing):
            kept[key(*choice)] = result
            write_json(path, kept)
    results = [kept[key(*choice)] for choice in choices]
    report(results, f"{name}, split {args.split}")
    plot(results, f"{name}: colours replaced by those of their units", args.output / f"{name}-{args.split}.png")
    print(f"written to {args.output}: {path.name}, {path.stem}.png")


def key(kind: str, number: int) -> str:
    """The name of a result: som-16, kmeans-16, or cells-10 for window 10."""
    return f"{kind}-{number}"


def measured(args: argparse.Namespace, choices: list[tuple[str, int]]):
    """Yield each choice with its result."""
    dataset = datasets.find(args.dataset, args.data_dir)
    print(dataset.message)
    paths = {split: dataset.split(split).paths for split in ("train", args.split)}
    for split, found in paths.items():
        if not found:
            raise InputError(f"{dataset.name} has no photograph in its {split} split; take another dataset or --split")
    console.load_tensorflow()
    from tfcolor.data.scan import scan

    scans = {}
    for split, found in paths.items():
        with console.Progress(f"scanning {split}", len(found), "images") as progress:
            scans[split] = scan(found, progress.update)
        if not scans[split].num_images:
            raise InputError(f"none of the {len(found)} photographs of split {split} can be read")
    with console.Progress("fitting", len(choices), "codebooks") as progress:
        for done, (kind, number) in enumerate(choices, start=1):
            training = scans["train"]
            if kind == CELLS:
                bins = training.bins(number, dataset.name, "train")
            else:
                bins = training.codebook(kind, number, dataset.name, "train")
            yield (kind, number), {"kind": kind, "number": number} | measure(bins, scans[args.split])
            progress.update(done)


def measure(bins: Any, found: Any) -> dict[str, float]:
    """Replace colours by those of their units.

    Args:
        bins: the codebook, a `Bins`.
        found: the colours to replace, a `Scan`.

    Returns:
        `units`; distances in ab units: the `mean`, `rms`, and the mean of colours with chroma 30 or more, `vivid`; the
        `raw_auc` in per cent; and `near_gray`, the share of units within 10 ab units of the neutral axis.
    """
    from tfcolor.color.encoding import quantised
    from tfcolor.evaluation.metrics import rebalanced_auc

    errors = np.linalg.norm(quantised(found.ab, bins) - found.ab, axis=1)
    is_vivid = np.linalg.norm(found.ab, axis=1) >= VIVID
    share = found.pixels / found.pixels.sum()
    return {
        "units": bins.num_bins,
        "mean": float(share @ errors),
        "rms": float(np.sqrt(share @ errors**2)),
        "vivid": float(np.average(errors[is_vivid], weights=share[is_vivid])) if is_vivid.any() else float("nan"),
        "raw_auc": rebalanced_auc(errors, share),
        "near_gray": float((np.linalg.norm(bins.centres, axis=1) <= NEUTRAL).mean()),
    }


def report(results: list[dict[str, Any]], title: str) -> None:
    """Print the table."""
    rows = [
        [
            f"bins, window {r['number']}" if r["kind"] == CELLS else {SOM: "map"}.get(r["kind"], LABELS[r["kind"]]),
            str(r["units"]),
            *(f"{r[name]:.2f}" for name in ("mean", "rms", "vivid", "raw_auc")),
            f"{r['near_gray']:.0%}",
        ]
        for r in results
    ]
    columns = ["codebook", "units", "mean", "RMS", "vivid", "raw AuC, %", "nearly gray"]
    note = f"vivid: chroma {VIVID:g} or more; nearly gray: the share of units with chroma {NEUTRAL:g} or less"
    console.print_table(f"{title}: distances in ab units\n{note}", columns, rows)


def plot(results: list[dict[str, Any]], title: str, path: Path) -> None:
    """Draw mean distance, that of vivid colours, and raw AuC over the number of units."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    figure.suptitle(title)
    panels = {
        "mean": "mean distance, ab units",
        "vivid": f"mean distance of colours of chroma {VIVID:g} or more",
        "raw_auc": "raw AuC of the replaced colours, %",
    }
    for axes, (name, label) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for kind, marker in zip(LABELS, "os^", strict=True):
            points = sorted((r["units"], r[name]) for r in results if r["kind"] == kind)
            axes.plot(*zip(*points, strict=True), marker=marker, markersize=5, label=LABELS[kind])
        axes.set(xscale="log", xlabel="units", ylabel=label)
        axes.set_xticks([4, 10, 25, 50, 100, 200])
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
        if name != "raw_auc":
            axes.set_ylim(bottom=0)
    figure.axes[0].legend(fontsize="small")
    save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(console.run(main))
