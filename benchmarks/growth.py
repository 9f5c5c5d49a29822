"""How cost grows: with images to scan, with windows and bins in training, with megapixels to colour.

Writes docs/growth-*.png as well; `docs/performance.md` explains the shapes.
"""

import json
import statistics
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from PIL import Image

from benchmarks import material
from benchmarks.measure import RESULTS, ROOT, Row, python, row, run_process
from benchmarks.predict import LARGE_MEMORY, LARGE_SECONDS, MODEL, PRECISION
from benchmarks.train import RATE, make_trainer
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.data.scan import scan
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.targets import TargetMaker

IMAGES = (100, 1_000, 5_000, 20_000, 50_000)
WINDOWS = (17, 24, 32, 48, 64, 112)
COLORED = 16_384  # pixels per step
BINS = (50, 100, 200, 400)
MEGAPIXELS = (1, 3, 10)
TILES = (32, 64, 128, 256, 512)


def measure(folder: Path, quick: bool) -> list[Row]:
    """Measure, and draw."""
    return [
        *scan_rows(folder, IMAGES[:3] if quick else IMAGES),
        *training_rows(quick),
        *tile_rows(quick),
        *prediction_rows(folder, MEGAPIXELS[:2] if quick else MEGAPIXELS, quick),
    ]


def scan_rows(folder: Path, numbers: tuple[int, ...]) -> list[Row]:
    """Seconds against the number of images, by repeating files."""
    paths = material.photographs(folder)
    scan(paths[:20])
    seconds = []
    for number in numbers:
        many = (paths * (1 + number // len(paths)))[:number]
        started = time.perf_counter()
        scan(many)
        seconds.append(time.perf_counter() - started)
    draw("growth-scan", "images", "seconds", {"scan": (numbers, seconds)})
    return [row(f"scan of {n:,} images", [s], "s") for n, s in zip(numbers, seconds, strict=True)]


def training_rows(quick: bool) -> list[Row]:
    """Coloured pixels per second against the window and Q, with about as many pixels in every step."""
    by_window = [step_rate(window, 200, quick) for window in WINDOWS]
    by_bins = [step_rate(32, num_bins, quick) for num_bins in BINS]
    draw("growth-window", "window in pixels (16 less are coloured)", "coloured pixels/s", {"": (WINDOWS, by_window)})
    draw("growth-bins", "Q, bins", "coloured pixels/s", {"": (BINS, by_bins)})
    rows = [row(f"training, window {w}, Q = 200", [r], "pixels/s") for w, r in zip(WINDOWS, by_window, strict=True)]
    return rows + [row(f"training, window 32, Q = {q}", [r], "pixels/s") for q, r in zip(BINS, by_bins, strict=True)]


def step_rate(window: int, num_bins: int, quick: bool) -> float:
    """Coloured pixels per second of the bare step."""
    colored = (window - 2 * Valid8.context) ** 2
    size = max(1, COLORED // (4 if quick else 1) // colored)
    trainer = make_trainer(size, num_bins)
    rng = np.random.default_rng(0)
    rgb = tf.constant(rng.integers(0, 256, [size, window, window, 3]), tf.uint8)
    batch = TargetMaker(material.bins(num_bins), "soft", Valid8.context)(rgb)
    trainer.step(batch, RATE, 0).loss.numpy()
    seconds = []
    for _ in range(2 if quick else 4):
        started = time.perf_counter()
        trainer.step(batch, RATE, 0).loss.numpy()
        seconds.append(time.perf_counter() - started)
    return size * colored / statistics.median(seconds)


def tile_rows(quick: bool) -> list[Row]:
    """Megapixels per second against the size of the tiles, on one picture."""
    colorizer, rgb = Colorizer.load(MODEL), material.photograph(1)[:512, :512]
    colorizer.colorize(rgb[:64, :64])
    rates: dict[int, list[float]] = {tile: [] for tile in TILES}
    for _ in range(1 if quick else 2):
        for tile in TILES:
            started = time.perf_counter()
            colorizer.colorize(rgb, tile=tile)
            rates[tile].append(rgb.size / 3e6 / (time.perf_counter() - started))
    return [row(f"colorize, tiles of {tile}", values, "megapixels/s") for tile, values in rates.items()]


def prediction_rows(folder: Path, megapixels: tuple[int, ...], quick: bool) -> list[Row]:
    """Seconds and peak memory of `predict.py` from file to file; that of 100 is `predict`'s own."""
    measured = []
    for size in megapixels:
        photo = folder / f"{size}.jpg"
        Image.fromarray(material.photograph(size)).save(photo, quality=85)
        measured.append(run_process(python("predict.py", photo, *PRECISION, "--output", folder / "colored")))
    sizes, seconds, megabytes = list(megapixels), *map(list, zip(*measured, strict=True))
    if not quick and (RESULTS / "predict.json").exists():
        known = json.loads((RESULTS / "predict.json").read_text())
        values = {r["name"]: r["value"] for r in known["rows"]}
        if not known["quick"]:
            sizes.append(100)
            seconds.append(values[LARGE_SECONDS])
            megabytes.append(values[LARGE_MEMORY])
    draw("growth-predict", "megapixels", "seconds", {"predict.py": (sizes, seconds)})
    draw("growth-memory", "megapixels", "peak resident MB", {"predict.py": (sizes, megabytes)})
    rows = [row(f"predict.py, {size} megapixels", [s], "s") for size, s in zip(sizes, seconds, strict=True)]
    return rows + [
        row(f"its peak memory, {size} megapixels", [m], "MB") for size, m in zip(sizes, megabytes, strict=True)
    ]


def draw(name: str, x_label: str, y_label: str, lines: dict[str, tuple]) -> None:
    """Plot lines from zero, so that a straight one is a constant cost per unit."""
    figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for label, (x, y) in lines.items():
        axes.plot(x, y, marker="o", label=label)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    figure.savefig(ROOT / "docs" / f"{name}.png", dpi=110)
    plt.close(figure)
