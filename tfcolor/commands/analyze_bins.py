"""Count a dataset's colours: python analyze_bins.py --window 10

Writes the occupied colour bins with their prior and rebalancing weights (bins.npz, and bins.json for reading), a plot
of the density of ab, and a plot of the bins. With --codebook, the bins are the units of a self-organising map, or the
centres of k-means, instead of cells.
"""

import shutil
import sys
import time
from pathlib import Path

import numpy as np

from tfcolor.color.bins import CELLS, CODEBOOKS, KMEANS, SOM, ZHANG313, cells_per_axis, check_kind, check_window
from tfcolor.color.codebooks import DEFAULT_UNITS, check_units
from tfcolor.color.prior import entropy_bits
from tfcolor.data import datasets
from tfcolor.utils import console
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_folder, make_folder, read_json, remove_leftovers, write_json

FILES = ("bins.npz", "bins.json", "density.png", "bins.png")
COMMONEST = 10
NEUTRAL = 10.0  # ab units: bins up to this chroma are reported as nearly gray
FOR_CELLS = {"window": 10, "bins": "occupied", "smoothing": None, "min_count": 1}  # options and their defaults
TITLES = {SOM: "a self-organising map", KMEANS: "k-means"}


def parse(arguments):
    parser = console.Parser(__doc__)
    add = parser.add_argument
    add("--window", type=int, default=10, help="side of a bin in ab units; divides 220: 10 (default) or 5")
    add("--bins", default="occupied", choices=("occupied", ZHANG313), help="which cells are bins (default: occupied)")
    add("--codebook", default=CELLS, choices=CODEBOOKS, help="cells, a self-organising map or k-means (default: cells)")
    add("--units", type=int, help=f"units of the codebook; a square number for som (default: {DEFAULT_UNITS})")
    add("--seed", type=int, help="seed of k-means (default: 0)")
    add("--dataset", default="scenes", help="scenes (default), one of its categories, samples, or a folder")
    add("--split", default="train", choices=datasets.SPLITS, help="photographs to count (default: train)")
    add(
        "--lambda",
        dest="uniform_share",
        metavar="LAMBDA",
        type=float,
        default=0.5,
        help="share of the uniform distribution in the weights, in [0, 1] (default: 0.5)",
    )
    add("--smoothing", type=float, help="sigma of the prior's Gaussian in ab units (default: 0, 5 for zhang313)")
    add("--min-count", type=int, default=1, help="pixels that make a bin occupied (default: 1)")
    add("--data-dir", help="folder of the datasets (default: $TFCOLOR_DATA, else data/)")
    add("--output", help="folder to write (default: bins/<dataset>-w<window>, -zhang313, -som<units>, -kmeans<units>)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace the files of an earlier scan")
    existing.add_argument("--resume", action="store_true", help="go on after an interruption")
    add("--cluster", metavar="WHERE", help="count in other processes: local:8, or Dask's scheduler tcp://host:8786")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Check the arguments, scan, report and write."""
    args = parse(arguments)
    check(args)
    name = datasets.check_name(args.dataset, args.data_dir)
    folder = Path(args.output or Path("bins") / f"{name}-{kind_of(args)}")
    existing = [file for file in FILES if (folder / file).exists()]
    if args.resume and len(existing) == len(FILES):
        check_made_so(args, folder)
        print(f"nothing is left to do: {folder}")
        return
    if existing and not args.overwrite and not args.resume:
        raise InputError(f"{folder / existing[0]} exists; give --overwrite to replace it, or another --output")
    dataset = datasets.find(args.dataset, args.data_dir)
    print(dataset.message)
    paths = dataset.split(args.split).paths
    if not paths:
        raise InputError(f"{name}: none of its {len(dataset.files)} photographs is in split {args.split}")
    check_folder(folder)

    console.load_tensorflow()
    make_folder(folder)
    if args.resume or args.overwrite:
        remove_leftovers(folder)
    found, seconds = scan_files(paths, args, folder / "tallies")
    bins = make_bins(args, found, name)
    summary = summarize(found, bins)
    report(summary, len(paths) / seconds)
    write(folder, found, bins, summary)
    shutil.rmtree(folder / "tallies", ignore_errors=True)
    print(f"written to {folder}: {', '.join(FILES)}")


def check(args):
    """Raise InputError for values out of range, and options that do not fit each other."""
    check_codebook(args)
    check_window(args.window)
    rules = {
        "lambda": (args.uniform_share, 0 <= args.uniform_share <= 1, "in [0, 1]"),
        "smoothing": (args.smoothing, args.smoothing is None or 0 <= args.smoothing <= 110, "in [0, 110] ab units"),
        "min-count": (args.min_count, args.min_count >= 1, "at least 1"),
        "seed": (args.seed, args.seed is None or args.seed >= 0, "at least 0"),
    }
    for name, (value, holds, rule) in rules.items():
        if not holds:
            raise InputError(f"--{name} must be {rule}, got {value}")
    check_kind(args.bins, args.window, args.min_count)


def check_codebook(args):
    """Raise InputError for options of another codebook, and a number of units that does not fit."""
    owners = {"units": (SOM, KMEANS), "seed": (KMEANS,)} | dict.fromkeys(FOR_CELLS, (CELLS,))
    for name, codebooks in owners.items():
        if args.codebook not in codebooks and getattr(args, name) != FOR_CELLS.get(name):
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} is for --codebook {' or '.join(codebooks)}, not {args.codebook}; leave it out")
    if args.cluster:
        from tfcolor.cluster.client import check_address

        check_address(args.cluster)
    if args.codebook != CELLS:
        check_units(args.codebook, DEFAULT_UNITS if args.units is None else args.units)


def kind_of(args):
    """The end of the folder's name: w10, zhang313, som16 or kmeans16."""
    if args.codebook != CELLS:
        return f"{args.codebook}{args.units or DEFAULT_UNITS}"
    return f"w{args.window}" if args.bins == "occupied" else args.bins


def make_bins(args, found, name):
    """Make the bins of a scan."""
    if args.codebook != CELLS:
        options = {"uniform_share": args.uniform_share, "seed": args.seed or 0}
        return found.codebook(args.codebook, args.units or DEFAULT_UNITS, name, args.split, **options)
    return found.bins(
        args.window,
        name,
        args.split,
        kind=args.bins,
        uniform_share=args.uniform_share,
        smoothing=args.smoothing,
        min_count=args.min_count,
    )


def scan_files(paths, args, tallies):
    """Count the colours, with progress; return the scan and its seconds."""
    from tfcolor.data.scan import scan

    started = time.perf_counter()
    if args.cluster:
        found = scan_in_processes(paths, args, tallies)
    else:
        with console.Progress("scanning", len(paths), "images") as progress:
            found = scan(paths, progress.update)
    for path, reason in found.unreadable:
        print(f"skipped {console.shown(path)}: {reason}", file=sys.stderr)
    if not found.num_images:
        raise InputError(f"none of the {len(paths)} files could be read as an image; the first: {paths[0]}")
    return found, time.perf_counter() - started


def scan_in_processes(paths, args, tallies):
    """Count in the workers of a cluster."""
    from tfcolor.cluster.client import connected
    from tfcolor.cluster.tallies import open_tallies
    from tfcolor.commands.scan_cluster import scan_on_cluster

    open_tallies(tallies, {"of": "colours"}, args.resume, args.overwrite)
    with connected(args.cluster) as client:
        return scan_on_cluster(client, paths, tallies)


def check_made_so(args, folder):
    """Raise InputError if results that are there were made with other options."""
    summary = read_json(folder / "bins.json")
    asked = {"split": args.split, "lambda": args.uniform_share, "min_count": args.min_count}
    asked |= {"window": args.window} if args.codebook == CELLS else {"codebook": args.codebook}
    for name, value in asked.items():
        if summary.get(name, value) != value:
            raise InputError(f"{folder} was made with {name} {summary[name]}; give --overwrite, or another --output")


def summarize(found, bins):
    """The content of bins.json."""
    from tfcolor.color.lab import bin_colors
    from tfcolor.data.scan import quantisation_errors

    centre_error, mean_error = quantisation_errors(found, bins)
    commonest = bins.prior.argsort()[::-1][:COMMONEST]
    colors = bin_colors(bins.means[commonest])
    own = {} if bins.codebook == CELLS else {"codebook": bins.codebook, "spacing": bins.spacing}
    if own:
        own["near_gray"] = int((np.linalg.norm(bins.centres, axis=1) <= NEUTRAL).sum())
    return own | {
        "dataset": bins.dataset,
        "split": bins.split,
        "num_images": bins.num_images,
        "num_pixels": bins.num_pixels,
        "skipped": [f"{path}: {reason}" for path, reason in found.unreadable],
        "window": bins.window,
        "num_bins": bins.num_bins,
        "num_cells": cells_per_axis(bins.window, bins.extent) ** 2,
        "min_count": bins.min_count,
        "smoothing": bins.smoothing,
        "lambda": bins.uniform_share,
        "entropy_bits": entropy_bits(bins.prior),
        "mean_error_with_centres": centre_error,
        "mean_error_with_means": mean_error,
        "smallest_weight": float(bins.weights.min()),
        "largest_weight": float(bins.weights.max()),
        "commonest": [
            {"ab": bins.means[q].round(1).tolist(), "share": float(bins.prior[q]), "srgb_at_L50": to_hex(rgb)}
            for q, rgb in zip(commonest, colors, strict=True)
        ],
    }


def to_hex(rgb):
    return "#" + bytes(rgb).hex()


def report(summary, images_per_second):
    """Print the summary."""
    s = summary
    title, number = f"window {s['window']}", ["Q, occupied bins", f"{s['num_bins']} of {s['num_cells']} cells"]
    if "codebook" in s:
        title, near = s["codebook"], f"{s['near_gray']} within {NEUTRAL:g} ab units of gray"
        number = ["Q, units", f"{s['num_bins']}, {near}"]
    uniform = f"{2 ** s['entropy_bits']:.0f} equally likely bins"
    rows = [
        ["images", f"{s['num_images']:,} ({len(s['skipped'])} skipped)"],
        ["pixels", f"{s['num_pixels']:,}"],
        number,
        ["entropy of the prior", f"{s['entropy_bits']:.2f} bits, as {uniform} have"],
        ["mean ab error, bin centres", f"{s['mean_error_with_centres']:.2f}"],
        ["mean ab error, bin means", f"{s['mean_error_with_means']:.2f}"],
        ["rebalancing weights", f"{s['smallest_weight']:.3g} to {s['largest_weight']:.3g}"],
        ["images per second", f"{images_per_second:.0f}"],
    ]
    console.print_table(f"{s['dataset']}, split {s['split']}, {title}", ["", ""], rows)
    rows = [
        [
            f"{rank} [on {c['srgb_at_L50']}]    [/]",
            *(f"{x:.1f}" for x in c["ab"]),
            f"{c['share']:.1%}",
            c["srgb_at_L50"],
        ]
        for rank, c in enumerate(s["commonest"], start=1)
    ]
    console.print_table("commonest colours", ["", "a*", "b*", "share", "sRGB at L* = 50"], rows)


def write(folder, found, bins, summary):
    """Write the four files."""
    from tfcolor.data.plots import plot_bins, plot_codebook, plot_density

    make_folder(folder)
    title = f"{bins.dataset}, {bins.num_images:,} photographs"
    bins.save(folder / "bins.npz")
    write_json(folder / "bins.json", summary)
    plot_density(found, f"{title}: density of ab", folder / "density.png")
    if bins.codebook == CELLS:
        plot_bins(bins, f"{title}: {bins.num_bins} occupied bins of window {bins.window}", folder / "bins.png")
    else:
        plot_codebook(bins, f"{title}: {bins.num_bins} units of {TITLES[bins.codebook]}", folder / "bins.png")
