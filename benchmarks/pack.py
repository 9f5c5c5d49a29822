"""Windows for training from packed photographs, compared with loose files and decoded photographs in memory."""

import itertools
from pathlib import Path

import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, Scale, alternate, ratios, row
from tfcolor.data.batches import training_batches
from tfcolor.data.packs import windows_of, write_pack
from tfcolor.data.windows import Windows

PATCH, BATCH, SHARDS = 128, 16, 16


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Read windows of 128 pixels from photographs of 256; the files stay in the system's memory."""
    patch = scale.of(full=PATCH, quick=PATCH, tiny=32)
    dataset = material.photographs(folder, scale)
    paths = dataset.paths
    (folder / "pack").mkdir()
    pack = write_pack(dataset, "all", folder / "pack", SHARDS, lambda done, reason: None)

    def packed(first, pipeline, batch_size):
        return windows_of(pack, patch, batch_size, seed=0, first_example=first, pipeline=pipeline)

    steps = scale.of(full=300, quick=60, tiny=3)  # 60: more than a pipeline prepares while the others are timed
    sources = {
        "loose files": Windows(paths, patch, cache_bytes=0),
        "packed": packed,
        "in memory": Windows(paths, patch),
    }
    batches = {name: iter(_batches(source)) for name, source in sources.items()}
    for _ in itertools.islice(batches["in memory"], 2 * len(paths) // BATCH):
        pass  # until every photograph is decoded
    take = {name: lambda source=source: list(itertools.islice(source, steps)) for name, source in batches.items()}
    seconds = alternate(take, scale.of(full=8, quick=4, tiny=1))
    rates = {name: [steps * BATCH / run for run in runs] for name, runs in seconds.items()}
    return [
        *(row(f"windows, {name}", values, "windows/s") for name, values in rates.items()),
        row("packed / loose files", ratios(rates["packed"], rates["loose files"]), "x", ">= 1"),
        row("packed / in memory", ratios(rates["packed"], rates["in memory"]), "x"),
    ]


def _batches(source) -> tf.data.Dataset:
    return training_batches(source, lambda rgb: rgb, seed=0, first_step=0, global_batch=BATCH)
