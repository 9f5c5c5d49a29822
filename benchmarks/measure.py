"""Times in turn, rows with a bar, and the files they are written to."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tfcolor import __version__
from tfcolor.utils.console import print_table
from tfcolor.utils.errors import WorkError
from tfcolor.utils.files import write_json

ROOT = Path(__file__).parent.parent

# A process starts with the peak of the one that started it, so a small one stands between.
_WRAPPER = """
import resource, subprocess, sys, time
started = time.perf_counter()
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One measurement.

    name: what was measured.
    value: the median; of ratios that of the pairs of runs.
    unit: 'x' for ratios.
    bar: what is aimed at, '>= 0.7' or '< 1000'; None where the row only informs.
    holds: whether it is reached.
    low, high: the spread of the runs.
    note: how it was measured, where that is not obvious.
    """

    name: str
    value: float
    unit: str
    bar: str | None = None
    holds: bool | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""


def row(name: str, values: list[float], unit: str, bar: str | None = None, note: str = "") -> Row:
    """Summarize measurements against a bar."""
    values = [float(value) for value in values]
    value = statistics.median(values)
    holds = None
    if bar:
        sign, limit = bar.split()
        holds = value >= float(limit) if sign == ">=" else value < float(limit)
    return Row(name, value, unit, bar, holds, min(values), max(values), note)


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Pair by pair: runs that followed each other saw the machine in the same mood."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def alternate(contestants: dict[str, Callable[[], object]], repeats: int, warm_up: bool = True) -> dict[str, list]:
    """Time contestants in turn, A B C A B C ..., after one uncounted run of each.

    Returns:
        Seconds of each run by name.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for repeat in range(repeats + warm_up):
        for name, run in contestants.items():
            started = time.perf_counter()
            run()
            if repeat >= warm_up:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def run_process(command: list[str]) -> tuple[float, float]:
    """Run a command in the project's folder; returns its wall seconds and its peak resident megabytes.

    Raises:
        WorkError: where it failed.
    """
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    wrapped = [sys.executable, "-S", "-c", _WRAPPER, *command]
    process = subprocess.run(wrapped, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise WorkError(f"status {process.returncode} of: {' '.join(command)}")
    seconds, kilobytes = process.stdout.split()  # Linux gives kB
    return float(seconds), float(kilobytes) / 1000


def python(*arguments: object) -> list[str]:
    """A command line of this interpreter."""
    return [sys.executable, *map(str, arguments)]


def machine() -> dict[str, object]:
    """What the numbers depend on."""
    import tensorflow as tf

    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.partition(": ")[2] for line in cpu.splitlines() if line.startswith("model name")), "")
    flags = next((line.split() for line in cpu.splitlines() if line.startswith("flags")), [])
    units = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return {
        "cpu": model or platform.processor(),
        "cores": os.cpu_count(),
        "vector units": ", ".join(units),
        "gpus": len(tf.config.list_physical_devices("GPU")),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "tfcolor": __version__,
    }


def report(name: str, rows: list[Row], quick: bool) -> None:
    """Print a table and write `results/<name>.json`."""
    lines = []
    for r in rows:
        spread = f"{r.low:.3g} ... {r.high:.3g}" if r.low != r.high else ""
        holds = {True: "yes", False: "NO", None: ""}[r.holds]
        lines.append([r.name, f"{r.value:.3g}", spread, r.unit, r.bar or "", holds])
    print_table(f"{name}{' (quick)' if quick else ''}", ["", "median", "spread", "unit", "bar", "holds"], lines)
    for number, note in enumerate(dict.fromkeys(f"{r.name}: {r.note}" for r in rows if r.note), start=1):
        print(f"  {number}. {note}")
    RESULTS.mkdir(exist_ok=True)
    content = {"machine": machine(), "quick": quick, "rows": [asdict(r) for r in rows]}
    write_json(RESULTS / f"{name}.json", content)
