"""`predict.py` from file to file: many photographs, and large ones."""

import io
import os
import shutil
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import material
from benchmarks.measure import Row, Scale, alternate, python, row, run_process
from tfcolor import DEFAULT_MODEL
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import painted
from tfcolor.commands import colorize
from tfcolor.photographs.pixels import read_photo
from tfcolor.utils.errors import WorkError

PRECISION = ("--precision", "bfloat16")  # of the processes whose memory counts
MEMORY = "peak memory of predict.py, {} megapixels"
SECONDS = "predict.py, {} megapixels, as a process"
NOTE = f"the model {DEFAULT_MODEL}, a process with its start"


def file_rows(folder: Path, scale: Scale) -> list[Row]:
    """Time `predict.py` on many files with TensorFlow loaded, and the parts of its work apart."""
    side = scale.of(full=256, quick=256, tiny=32)
    paths = material.squares(folder, scale.of(full=500, quick=200, tiny=2), side)
    output = folder / "colored"

    def files():
        if colorize.main([*map(str, paths), "--output", str(output), "--overwrite"]):
            raise WorkError("predict.py could not colour all files")

    files()  # it traces what all photographs share, and loads the model
    started = time.perf_counter()
    files()
    rate = len(paths) / (time.perf_counter() - started)
    parts = {name: statistics.median(seconds) for name, seconds in part_seconds(paths, output, side, scale).items()}
    note = "apart, for a file: " + ", ".join(f"{name} {1e3 * seconds:.3g} ms" for name, seconds in parts.items())
    return [
        row(f"predict.py, {len(paths)} files of {side}x{side}", [rate], "files/s", note=f"the model {DEFAULT_MODEL}"),
        row("predict.py / its parts one after the other", [rate * sum(parts.values())], "x", ">= 0.8", note),
    ]


def part_seconds(paths: list[Path], coloured: Path, side: int, scale: Scale) -> dict[str, list[float]]:
    """Time what files need, each part with all cores: the seconds of a file, several times, by part."""
    colorizer = Colorizer.load(DEFAULT_MODEL)
    forward = lambda lightness: colorizer.outputs_of(colorizer.features(lightness))  # noqa: E731
    passes = scale.of(full=100, quick=20, tiny=1)
    lightness = np.random.default_rng(0).uniform(0, 100, [side, side]).astype(np.float32)
    ab = np.zeros([side, side, 2], np.float32)
    pictures = [read_photo(coloured / path.name).rgb for path in paths]
    pool = ThreadPoolExecutor(os.cpu_count())
    seconds = alternate(
        {
            "decoding": lambda: list(pool.map(read_photo, paths)),
            "forward pass": lambda: [forward(lightness[None, ..., None]).numpy() for _ in range(passes)],
            "painting": lambda: [painted(lightness, ab) for _ in range(passes)],
            "encoding": lambda: list(pool.map(_encode, pictures)),
        },
        scale.of(full=5, quick=2, tiny=1),
    )
    counts = {"forward pass": passes, "painting": passes}
    return {name: [s / counts.get(name, len(paths)) for s in runs] for name, runs in seconds.items()}


def _encode(rgb, quality=85):  # that of `material.squares`
    Image.fromarray(rgb).save(io.BytesIO(), "JPEG", quality=quality, subsampling=0)


def large_rows(folder: Path, scale: Scale) -> list[Row]:
    """Measure time and memory for photographs of 24 and 100 megapixels, file to file."""
    small = material.squares(folder, 1, 64)[0]
    photos = {size: folder / f"{size}.jpg" for size in (24, 100)}
    for size, photo in photos.items():
        megapixels = scale.of(full=size, quick=size, tiny=0.005)
        Image.fromarray(material.photograph(megapixels)).save(photo, quality=95, subsampling=0)
    turns = range(scale.of(full=5, quick=3, tiny=1))
    start, large = zip(*((as_process(small, folder)[0], as_process(photos[24], folder)) for _ in turns), strict=True)
    found = {24: large, 100: [as_process(photos[100], folder)]}
    rgb = read_photo(photos[24]).rgb
    apart = alternate({"decoding": lambda: read_photo(photos[24]), "encoding": lambda: _encode(rgb, 95)}, 3)
    both = float(np.median(np.sum([*apart.values()], axis=0)))
    # The photographs of the tiny scale are so small that a difference may be negative.
    without_start = [max(0.0, whole - alone) / both for (whole, _), alone in zip(large, start, strict=True)]
    note = f"without {np.median(start):.3g} s, which a photograph of 64x64 pixels takes; both need {both:.3g} s"
    return [
        *(row(SECONDS.format(size), [seconds for seconds, _ in found[size]], "s", note=NOTE) for size in photos),
        row("24 megapixels from file to file / decoding and encoding", without_start, "x", "< 2.5", note),
        *(
            row(MEMORY.format(size), [peak for _, peak in found[size]], "MB", {100: "< 1500"}.get(size), NOTE)
            for size in photos
        ),
    ]


def as_process(photo: Path, folder: Path) -> tuple[float, float]:
    """The seconds and the peak memory, in megabytes, of `predict.py` for a photograph."""
    output = folder / "large"
    found = run_process(python("predict.py", photo, *PRECISION, "--output", output))
    shutil.rmtree(output)
    return found
