"""Counting colours: compared with the bare decoder, and with scikit-image."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, Scale, alternate, python, ratios, row, run_process
from benchmarks.rivals import skimage_scan
from tfcolor.data.scan import scan
from tfcolor.utils.cores import num_cores

_SCAN_PROCESS = """
import sys
from pathlib import Path
from tfcolor.data.scan import scan
found = scan([Path(line) for line in Path(sys.argv[1]).read_text().splitlines()])
assert found.num_images
"""


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure; every file is read once before that, so that the disk does not matter."""
    paths = material.photographs(folder, scale).paths
    many = (paths * 100)[: scale.of(full=10_000, quick=10_000, tiny=48)]
    num_few = scale.of(full=40, quick=40, tiny=4)
    few = paths[:: len(paths) // num_few][:num_few]
    repeats = scale.of(full=5, quick=3, tiny=1)
    contestants = {"ours": lambda: scan(many), "decoder": lambda: decode(many), "its own": lambda: decode_rgb(many)}
    seconds = alternate(contestants, repeats)
    theirs = alternate({"scikit-image": lambda: skimage_scan.count(few, 10)}, 2)["scikit-image"]
    ours, decoder, own = ([len(many) / s for s in seconds[name]] for name in contestants)
    rival = [len(few) / s for s in theirs]
    elsewhere = difference(few)
    numbers = scale.of(full=(1000, 20_000), quick=(400, 3200), tiny=(24, 48))
    small, large = (peak(folder, (paths * 100)[:number]) for number in numbers)
    faster = [rate / max(rival) for rate in ours]
    grays = "scikit-image puts grays 0.003 ab units off the axis, along which the edges of cells run"
    return [
        row("scan", ours, "images/s"),
        row("bare tf.io.decode_jpeg", decoder, "images/s"),
        row("bare imagecodecs.jpeg8_decode", own, "images/s"),
        row("scikit-image and bincount", rival, "images/s"),
        row("scan / bare decoder", ratios(ours, decoder), "x", ">= 0.75"),
        row("scan / bare imagecodecs.jpeg8_decode", ratios(ours, own), "x", note="to RGB; the scan's is to Y'CbCr"),
        row("scan / scikit-image", faster, "x", ">= 10", "one core there, all cores here"),
        row("pixels that it counts elsewhere, exact grays aside", [elsewhere], "share", "< 0.01", grays),
        row("peak memory", [large], "MB", "< 1000"),
        row("peak memory, many images / few", [large / small], "x", "< 1.05", f"{numbers[1]:,} / {numbers[0]:,}"),
    ]


def decode(paths: list[Path]) -> None:
    """Decode files with tf.data and nothing else, as fast as possible, and hand every picture to Python."""
    names = tf.constant([os.fsencode(path) for path in paths])
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread takes up to half of the time to end

    def read(path):
        return tf.io.decode_jpeg(tf.io.read_file(path), channels=3, dct_method="INTEGER_ACCURATE")

    dataset = tf.data.Dataset.from_tensor_slices(names).map(read, num_parallel_calls=8).prefetch(8)
    for _ in dataset.with_options(options).as_numpy_iterator():
        pass


def decode_rgb(paths: list[Path]) -> None:
    """Decode files with the scan's own decoder and nothing else, on all cores."""

    def read(batch):
        for path in batch:
            imagecodecs.jpeg8_decode(path.read_bytes(), outcolorspace="RGB")

    with ThreadPoolExecutor(num_cores()) as pool:
        list(pool.map(read, [paths[start : start + 32] for start in range(0, len(paths), 32)]))


def difference(paths: list[Path]) -> float:
    """Compute the share of pixels that scikit-image counts in another cell, less the share of exact grays."""
    found = scan(paths)
    counts = found.bins(10, "few", "train").counts
    gray = found.pixels[(found.ab == 0).all(axis=1)].sum()
    elsewhere = abs(counts - skimage_scan.count(paths, 10)).sum() / 2
    return max(0, elsewhere - gray) / counts.sum()


def peak(folder: Path, paths: list[Path]) -> float:
    """Measure the peak resident memory of a process that scans, in megabytes."""
    names = folder / "names.txt"
    names.write_text("\n".join(map(str, map(Path.absolute, paths))))
    return run_process(python("-c", _SCAN_PROCESS, names))[1]
