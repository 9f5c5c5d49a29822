"""Packed photographs against loose files: windows for training, where they do not fit in memory decoded."""

import itertools
from pathlib import Path

import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, alternate, ratios, row
from tfcolor.data.batches import training_batches
from tfcolor.data.datasets import Dataset
from tfcolor.data.packs import windows_of, write_pack
from tfcolor.data.windows import Windows

PATCH, SIZE, SHARDS = 128, 16, 16


def measure(folder: Path, quick: bool) -> list[Row]:
    """Read windows of 128 pixels from photographs of 256, which stay compressed in the system's memory."""
    paths = material.photographs(folder)
    dataset = Dataset("made", paths[0].parent, tuple(path.name for path in paths))
    (folder / "pack").mkdir()
    pack = write_pack(dataset, "all", folder / "pack", SHARDS, lambda done, reason: None)

    def packed(first, pipeline):
        return windows_of(pack, PATCH, seed=0, first_example=first, pipeline=pipeline)

    steps = 60 if quick else 300  # more than what a pipeline prepares while others are timed
    sources = {
        "loose files": Windows(paths, PATCH, cache_bytes=0),
        "packed": packed,
        "in memory": Windows(paths, PATCH),
    }
    batches = {name: iter(_batches(source)) for name, source in sources.items()}
    for _ in itertools.islice(batches["in memory"], 2 * len(paths) // SIZE):
        pass  # until all of them are decoded
    take = {name: lambda source=source: list(itertools.islice(source, steps)) for name, source in batches.items()}
    seconds = alternate(take, 4 if quick else 8)
    rates = {name: [steps * SIZE / run for run in runs] for name, runs in seconds.items()}
    return [
        *(row(f"windows, {name}", values, "windows/s") for name, values in rates.items()),
        row("packed / loose files", ratios(rates["packed"], rates["loose files"]), "x", ">= 1"),
        row("packed / in memory", ratios(rates["packed"], rates["in memory"]), "x"),
    ]


def _batches(source) -> tf.data.Dataset:
    return training_batches(source, lambda rgb: rgb, seed=0, first_step=0, global_batch=SIZE)
