"""Many files: what listing, planning and the account cost for each, the scheduler's share, and two processes.

The names are links to a few real files, so that a million need no space. `docs/cluster.md` explains the figures.
"""

import os
import pickle
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks import material
from benchmarks.measure import Row, Scale, python, row, run_process
from tfcolor.commands import worklist
from tfcolor.commands.colorize_cluster import PHOTOGRAPHS
from tfcolor.commands.report import Report
from tfcolor.utils.console import Progress, collected_lines

IN_FOLDER = 1000  # names in each folder
_PLAN = """
import sys, time
from pathlib import Path
from benchmarks.measure import forget_peak, peak_megabytes
from tfcolor.commands import worklist
forget_peak()
before, started = peak_megabytes(), time.perf_counter()
work = worklist.find([sys.argv[1]], Path(sys.argv[2]), worklist.Outputs(), recursive=True)
print(len(work.jobs), time.perf_counter() - started, peak_megabytes() - before)
"""


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Plan with many names, then colour real files in one process and in two."""
    return [*planning_rows(folder, scale), *scheduler_rows(scale), *colouring_rows(folder, scale)]


def planning_rows(folder: Path, scale: Scale) -> list[Row]:
    """Time what is done once for each file in the process that leads; its memory must grow evenly."""
    numbers = scale.of(full=(100_000, 1_000_000), quick=(50_000, 200_000), tiny=(10, 20))
    planned = {}
    for number in numbers:
        names = linked_names(folder / f"names-{number}", number)
        planned[number] = plan(names, folder / "nowhere")
        shutil.rmtree(names)
    few, many = ((seconds / n * 1e6, size / n) for n, (seconds, size) in planned.items())
    account = [account_microseconds(numbers[1]) for _ in range(3)]
    total = [many[0] + each for each in account]
    note = f"{numbers[1]:,} names in folders of {IN_FOLDER:,}"
    return [
        row("listing and planning", [many[0]], "us/file", note=note),
        row("account", account, "us/file"),
        row("listing, planning and account", total, "us/file", "< 20"),
        row("memory of the plan, at most", [many[1]], "bytes/file"),
        row(f"memory a file, {numbers[1]:,} / {numbers[0]:,} files", [many[1] / few[1]], "x", "< 1.1"),
    ]


def linked_names(folder: Path, number: int) -> Path:
    """Make a tree of many names of one small file in each folder."""
    for first in range(0, number, IN_FOLDER):
        inner = folder / f"{first // IN_FOLDER:05d}"
        inner.mkdir(parents=True)
        source = inner / "photograph-0000.jpg"
        source.write_bytes(b"\xff\xd8\xff")
        for place in range(1, min(IN_FOLDER, number - first)):
            os.link(source, inner / f"photograph-{place:04d}.jpg")
    return folder


def plan(names: Path, output: Path) -> tuple[float, float]:
    """Plan in a process of its own; return seconds, and bytes that its memory grew by at the most."""
    text = subprocess.run(python("-c", _PLAN, names, output), capture_output=True, text=True, check=True).stdout
    _, seconds, megabytes = text.split()
    return float(seconds), 1e6 * float(megabytes)


def account_microseconds(number: int) -> float:
    """Time for a file, in microseconds, to take in what workers report of many."""
    paths = [f"photographs/00000/photograph-{place:04d}.jpg" for place in range(PHOTOGRAPHS)]
    reported = pickle.dumps((Report(None, colored=paths, num_pixels=10**6), []))
    with collected_lines(), Progress("colouring", number, "photographs") as progress:
        report, started = Report(progress), time.perf_counter()
        for _ in range(0, number, PHOTOGRAPHS):
            found, _ = pickle.loads(reported)
            report.add(found)
            progress.update(report.num_done)
        return (time.perf_counter() - started) / number * 1e6


def nothing(batch: list) -> list:
    """Work that takes no time: what remains is the scheduler's and the client's."""
    return batch


def scheduler_rows(scale: Scale) -> list[Row]:
    """Time batches of which nothing is done: the most that a scheduler and a client can lead."""
    from tfcolor.cluster.client import connected
    from tfcolor.cluster.running import run_batches

    number = scale.of(full=5000, quick=1000, tiny=10)
    jobs = [(worklist.Job(f"photographs/{n}.jpg", (f"colorized/{n}.jpg",)), None) for n in range(PHOTOGRAPHS)]
    with connected("local:2") as client:
        list(run_batches(client, nothing, ([job] for job in jobs[:4])))  # until the workers are there
        started = time.perf_counter()
        for _ in run_batches(client, nothing, (jobs for _ in range(number))):
            pass
        seconds = time.perf_counter() - started
    note = f"empty batches of {PHOTOGRAPHS} photographs on two workers"
    return [
        row("scheduler and client", [1000 * seconds / number], "ms/batch", note=note),
        row("files that they could lead", [number * PHOTOGRAPHS / seconds], "files/s"),
    ]


def colouring_rows(folder: Path, scale: Scale) -> list[Row]:
    """Time predict.py on real files, in one process and in two of one core each."""
    count, side = scale.of(full=(10_000, 256), quick=(500, 256), tiny=(4, 32))
    photographs = folder / "real"
    photographs.mkdir()
    material.squares(photographs, min(count, 500), side)
    sources = sorted(photographs.iterdir())
    for number in range(len(sources), count):
        shutil.copy(sources[number % len(sources)], photographs / f"copy-{number:05d}.jpg")
    seconds = {}
    for name, options in (("one process", []), ("two processes", ["--cluster", "local:2"])):
        seconds[name], _ = run_process(python("predict.py", photographs, "--output", folder / name, *options))
    rates = {name: count / each for name, each in seconds.items()}
    return [
        *(
            row(f"predict.py, {count:,} files of {side}x{side}, {name}", [rate], "files/s")
            for name, rate in rates.items()
        ),
        row("two processes / one", [rates["two processes"] / rates["one process"]], "x"),
    ]
