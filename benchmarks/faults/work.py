"""Small work for the three scripts, and what becomes of it undisturbed: what kills and full disks must not change."""

import functools
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.rounds import run
from benchmarks.material import squares
from tfcolor.utils.errors import WorkError

PROGRAMS = ("predict.py", "train.py", "analyze_bins.py")
# What must be the same as undisturbed; of a training run, not the times in its records.
SAME = {"predict.py": "*", "train.py": "*.npz", "analyze_bins.py": "*"}
_PHOTOGRAPHS = 40
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Reference:
    """The results of an undisturbed run, and how long it took.

    results: the folder of the results.
    seconds: time of the whole run.
    largest: size of the largest file, in bytes.
    """

    results: Path
    seconds: float
    largest: int


@functools.cache
def material() -> Path:
    """A folder with photographs and bins, which lasts as long as the process."""
    folder = Path(_kept().name)
    (folder / "in").mkdir()
    squares(folder / "in", _PHOTOGRAPHS, 64)
    _done(run("analyze_bins.py", *_dataset(folder), "--output", "bins", folder=folder))
    return folder


@functools.cache
def _kept() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="tfcolor-faults-")


def _dataset(folder):
    return "--dataset", folder / "in"


def arguments(program: str) -> list[object]:
    """The arguments of a script; its results go to the folder `out`."""
    folder = material()
    if program == "predict.py":
        return [folder / "in", "--model", "forest", "--precision", "float32", "--output", "out"]
    if program == "analyze_bins.py":
        return [*_dataset(folder), "--output", "out"]
    training = ("--batch-size", 2, "--patch", 17, "--steps", 200, "--precision", "float32", "--output", "out")
    return [*_dataset(folder), "--bins", folder / "bins" / "bins.npz", *training]


def reference(program: str) -> Reference:
    """Run a script undisturbed, once."""
    with _LOCK:
        return _reference(program)


@functools.cache
def _reference(program):
    folder = material() / program.partition(".")[0]
    folder.mkdir()
    started = time.monotonic()
    _done(run(program, *arguments(program), folder=folder))
    seconds = time.monotonic() - started
    results = folder / "out"
    return Reference(results, seconds, max(path.stat().st_size for path in results.rglob("*") if path.is_file()))


def _done(ended):
    if ended.status != 0:
        raise WorkError(f"{ended.command} ended with status {ended.status}: {ended.err[-500:]}")
