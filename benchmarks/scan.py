"""Counting colours: against the bare decoder, and against scikit-image."""

import os
from pathlib import Path

import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, alternate, python, ratios, row, run_process
from benchmarks.rivals import skimage_scan
from tfcolor.data.scan import scan

GRAYS = "it puts those 0.003 beside the axis, and a cell's edge runs along it"
SCAN_PROCESS = """
import sys
from pathlib import Path
from tfcolor.scan import scan
found = scan([Path(line) for line in Path(sys.argv[1]).read_text().splitlines()])
assert found.num_images
"""


def measure(folder: Path, quick: bool) -> list[Row]:
    """Measure; the files are read once before, so that the disk plays no part."""
    paths = material.photographs(folder)
    many = (paths * 100)[: 2000 if quick else 10_000]
    few = paths[:: len(paths) // 40][:40]
    repeats = 2 if quick else 5
    seconds = alternate({"ours": lambda: scan(many), "decoder": lambda: decode(many)}, repeats)
    theirs = alternate({"scikit-image": lambda: skimage_scan.count(few, 10)}, 2)["scikit-image"]
    ours, decoder = ([len(many) / s for s in seconds[name]] for name in ("ours", "decoder"))
    rival = [len(few) / s for s in theirs]
    agreement = difference(few)
    numbers = (400, 3200) if quick else (1000, 20_000)
    small, large = (peak(folder, (paths * 100)[:number]) for number in numbers)
    return [
        row("scan", ours, "images/s"),
        row("bare tf.io.decode_jpeg", decoder, "images/s"),
        row("scikit-image and bincount", rival, "images/s"),
        row("scan / bare decoder", ratios(ours, decoder), "x", ">= 0.7"),
        row(
            "scan / scikit-image",
            [o / max(rival) for o in ours],
            "x",
            ">= 10",
            "one core there, all here",
        ),
        row("pixels that it counts elsewhere, exact grays aside", [agreement], "share", "< 0.01", GRAYS),
        row("peak memory", [large], "MB", "< 1000"),
        row("peak memory, many images / few", [large / small], "x", "< 1.05", f"{numbers[1]:,} / {numbers[0]:,}"),
    ]


def decode(paths: list[Path]) -> None:
    """The bare decoder in tf.data, as fast as it goes, every picture handed to Python."""
    names = tf.constant([os.fsencode(path) for path in paths])
    options = tf.data.Options()
    options.autotune.enabled = False  # with it, up to half of the time is spent waiting for its end

    def read(path):
        return tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")

    dataset = tf.data.Dataset.from_tensor_slices(names).map(read, num_parallel_calls=8).prefetch(8)
    for _ in dataset.with_options(options).as_numpy_iterator():
        pass


def difference(paths: list[Path]) -> float:
    """The share of pixels for which the rival finds another cell, less that of exact grays."""
    found = scan(paths)
    counts = found.bins(10, "few", "train").counts
    gray = found.pixels[(found.ab == 0).all(axis=1)].sum()
    elsewhere = abs(counts - skimage_scan.count(paths, 10)).sum() / 2
    return max(0, elsewhere - gray) / counts.sum()


def peak(folder: Path, paths: list[Path]) -> float:
    """Peak resident megabytes of a process that scans."""
    names = folder / "names.txt"
    names.write_text("\n".join(map(str, map(Path.absolute, paths))))
    return run_process(python("-c", SCAN_PROCESS, names))[1]
