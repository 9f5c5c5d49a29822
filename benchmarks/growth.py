"""How cost grows: with images to scan, with windows and bins in training, with megapixels to colour.

Draws growth-*.png as well; `docs/performance.md` explains the shapes.
"""

import json
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from PIL import Image

from benchmarks import material
from benchmarks.measure import RESULTS, Row, Scale, python, row, run_process
from benchmarks.predict import load
from benchmarks.predict_files import MEMORY, PRECISION, SECONDS
from benchmarks.train import RATE, best_dtype, make_trainer
from tfcolor.data.scan import scan
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.targets import batch_maker

IMAGES = (100, 1_000, 5_000, 20_000, 50_000)
WINDOWS = (17, 24, 32, 48, 64, 112)
COLORED = 16_384  # pixels per step
BINS = (50, 100, 200, 400)
MEGAPIXELS = (1, 3, 10)
TILES = (32, 64, 128, 256, 512)


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure, and draw into the folder."""
    return [
        *scan_rows(folder, scale),
        *training_rows(folder, scale),
        *tile_rows(scale),
        *prediction_rows(folder, scale),
    ]


def scan_rows(folder: Path, scale: Scale) -> list[Row]:
    """Time scans of more and more images, by repeating files."""
    numbers = scale.of(full=IMAGES, quick=IMAGES[:3], tiny=(20,))
    paths = material.photographs(folder, scale).paths
    scan(paths[:20])
    seconds = []
    for number in numbers:
        many = (paths * (1 + number // len(paths)))[:number]
        started = time.perf_counter()
        scan(many)
        seconds.append(time.perf_counter() - started)
    draw(folder / "growth-scan.png", "images", "seconds", numbers, seconds)
    return [row(f"scan of {n:,} images", [s], "s") for n, s in zip(numbers, seconds, strict=True)]


def training_rows(folder: Path, scale: Scale) -> list[Row]:
    """Measure coloured pixels per second for windows and numbers of bins, with about the same number in each step."""
    windows = scale.of(full=WINDOWS, quick=WINDOWS, tiny=(17,))
    numbers = scale.of(full=BINS, quick=BINS, tiny=(16,))
    num_bins, window = scale.of(full=(200, 32), quick=(200, 32), tiny=(8, 17))
    colored = scale.of(full=COLORED, quick=COLORED // 4, tiny=4)
    repeats = scale.of(full=4, quick=2, tiny=1)
    by_window = [step_rate(each, num_bins, colored, repeats) for each in windows]
    by_bins = [step_rate(window, each, colored, repeats) for each in numbers]
    rate = "coloured pixels/s"
    draw(folder / "growth-window.png", "window in pixels (16 less are coloured)", rate, windows, by_window)
    draw(folder / "growth-bins.png", "Q, bins", rate, numbers, by_bins)
    cases = [(each, num_bins, value) for each, value in zip(windows, by_window, strict=True)]
    cases += [(window, each, value) for each, value in zip(numbers, by_bins, strict=True)]
    return [row(f"training, window {w}, Q = {q}", [value], "pixels/s") for w, q, value in cases]


def step_rate(window: int, num_bins: int, colored: int, repeats: int) -> float:
    """Measure the coloured pixels per second of the bare step.

    Args:
        window: side of the windows in pixels.
        num_bins: Q, the number of bins of the network.
        colored: approximate number of pixels that are coloured in a step.
        repeats: number of steps that are timed.
    """
    of_window = (window - 2 * Valid8.context) ** 2
    batch_size = max(1, colored // of_window)
    bins, dtype = material.bins(num_bins), best_dtype()
    trainer = make_trainer(lambda: Valid8(num_bins, compute_dtype=dtype), Classification(bins), batch_size)
    rng = np.random.default_rng(0)
    rgb = tf.constant(rng.integers(0, 256, [batch_size, window, window, 3]), tf.uint8)
    batch = batch_maker(Classification(bins), Valid8)(rgb)
    trainer.step(batch, RATE, 0).loss.numpy()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        trainer.step(batch, RATE, 0).loss.numpy()
        seconds.append(time.perf_counter() - started)
    return batch_size * of_window / statistics.median(seconds)


def tile_rows(scale: Scale) -> list[Row]:
    """Measure megapixels per second for sizes of tiles, on one picture."""
    side = scale.of(full=512, quick=512, tiny=32)
    colorizer, rgb = load(), material.photograph(1)[:side, :side]
    colorizer.colorize(rgb[:64, :64])
    rates: dict[int, list[float]] = {tile: [] for tile in scale.of(full=TILES, quick=TILES, tiny=(32,))}
    for _ in range(scale.of(full=2, quick=1, tiny=1)):
        for tile, values in rates.items():
            started = time.perf_counter()
            colorizer.colorize(rgb, tile=tile)
            values.append(rgb.size / 3e6 / (time.perf_counter() - started))
    return [row(f"colorize, tiles of {tile}", values, "megapixels/s") for tile, values in rates.items()]


def prediction_rows(folder: Path, scale: Scale) -> list[Row]:
    """Measure seconds and peak memory of `predict.py` from file to file; `predict` has measured the largest."""
    measured = {}
    for size in scale.of(full=MEGAPIXELS, quick=MEGAPIXELS[:2], tiny=(0.002,)):
        photo = folder / f"{size}.jpg"
        Image.fromarray(material.photograph(size)).save(photo, quality=85)
        options = [*PRECISION, "--output", folder / "colored"]
        measured[size] = run_process(python("predict.py", photo, *options))
    if scale is Scale.FULL and (RESULTS / "predict.json").exists():
        known = json.loads((RESULTS / "predict.json").read_text())
        values = {each["name"]: each["value"] for each in known["rows"]}
        if not known["quick"]:
            measured |= {size: (values[SECONDS.format(size)], values[MEMORY.format(size)]) for size in (24, 100)}
    seconds, megabytes = zip(*measured.values(), strict=True)
    draw(folder / "growth-predict.png", "megapixels", "seconds", measured, seconds)
    draw(folder / "growth-memory.png", "megapixels", "peak resident MB", measured, megabytes)
    rows = [row(f"predict.py, {size} megapixels", [s], "s") for size, s in zip(measured, seconds, strict=True)]
    return rows + [
        row(f"its peak memory, {size} megapixels", [m], "MB") for size, m in zip(measured, megabytes, strict=True)
    ]


def draw(path: Path, x_label: str, y_label: str, x: Iterable[float], y: Iterable[float]) -> None:
    """Plot a line, on axes from zero so that a straight one means a constant cost per unit."""
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(list(x), list(y), marker="o")
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
