"""Runs timed in turn, rows with a bar, and the files that they are written to."""

import enum
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfcolor import __version__
from tfcolor.utils.console import print_table
from tfcolor.utils.errors import WorkError
from tfcolor.utils.files import write_json

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"

# A process inherits the peak memory of the one that starts it, so a small one stands between.
_WRAPPER = """
import resource, subprocess, sys, time
started = time.perf_counter()
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""


class Scale(enum.Enum):
    """How much is measured: all of it, less of it in a few minutes, or just enough to see that it runs."""

    FULL = enum.auto()
    QUICK = enum.auto()
    TINY = enum.auto()

    def of(self, *, full: Any, quick: Any, tiny: Any) -> Any:
        """The value for this scale."""
        return {Scale.FULL: full, Scale.QUICK: quick, Scale.TINY: tiny}[self]


@dataclass(frozen=True)
class Row:
    """One measurement.

    name: what was measured.
    value: the median of the runs, or of the ratios of pairs of runs.
    unit: 'x' for ratios.
    bar: the aim, such as '>= 0.7' or '< 1000'; None if there is no target.
    holds: whether the value reaches the bar; None without one, or on a machine that cannot show it.
    low, high: the smallest and the largest value of the runs.
    note: how it was measured, if that is not obvious.
    needs: the unit of the processor without which the bar means nothing, one of `vector_units`; None for none.
    """

    name: str
    value: float
    unit: str
    bar: str | None = None
    holds: bool | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    needs: str | None = None


AMX = "amx_bf16"  # matrix units of CPUs, as /proc/cpuinfo calls them


def row(
    name: str, values: list[float], unit: str, bar: str | None = None, note: str = "", needs: str | None = None
) -> Row:
    """Summarize the values of some runs.

    Args:
        name, unit, bar, note, needs: see `Row`.
        values: values of the runs, at least one.
    """
    values = [float(value) for value in values]
    value = statistics.median(values)
    holds = None
    if bar and (needs is None or needs in vector_units()):
        sign, limit = bar.split()
        holds = value >= float(limit) if sign == ">=" else value < float(limit)
    return Row(name, value, unit, bar, holds, min(values), max(values), note, needs)


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Divide pair by pair: runs that followed each other saw the machine in the same state."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def alternate(contestants: dict[str, Callable[[], object]], repeats: int, warm_up: bool = True) -> dict[str, list]:
    """Time contestants in turn: A B C A B C ...

    Args:
        contestants: functions to run, by name.
        repeats: runs of each that are timed.
        warm_up: whether each runs once before that.

    Returns:
        The seconds of each run, by name.
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
    """Run a command in the project's folder.

    Args:
        command: the program and its arguments.

    Returns:
        Its seconds by the wall clock, and its peak resident memory in megabytes.

    Raises:
        WorkError: if it fails.
    """
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    wrapped = [sys.executable, "-S", "-c", _WRAPPER, *command]
    process = subprocess.run(wrapped, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise WorkError(f"status {process.returncode} of: {' '.join(command)}")
    seconds, kilobytes = process.stdout.split()  # Linux gives kB
    return float(seconds), float(kilobytes) * 1024 / 1e6


def peak_megabytes(process: int | str = "self") -> float:
    """The largest resident memory of a process since it started its program (proc(5), VmHWM).

    Unlike the `ru_maxrss` of a process that has ended, it has nothing of the process that started this one.

    Args:
        process: its number, or 'self'.

    Returns:
        Megabytes; 0 if the process has ended.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)  # absent in a process that is ending
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def forget_peak() -> None:
    """Let `peak_megabytes` of this process begin anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def python(*arguments: object) -> list[str]:
    """A command line of this interpreter."""
    return [sys.executable, *map(str, arguments)]


def vector_units() -> list[str]:
    """Name the units of the processor that matter for networks."""
    flags = _cpu_line("flags").split()
    return [flag for flag in ("avx2", "avx512f", "avx512_bf16", AMX) if flag in flags]


def _cpu_line(name):
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith(name)), "")


def machine() -> dict[str, object]:
    """Describe the machine and the versions on which the numbers depend."""
    import tensorflow as tf

    return {
        "cpu": _cpu_line("model name") or platform.processor(),
        "cores": os.cpu_count(),
        "vector units": ", ".join(vector_units()),
        "gpus": len(tf.config.list_physical_devices("GPU")),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "tfcolor": __version__,
    }


def report(name: str, rows: list[Row], scale: Scale, folder: Path) -> None:
    """Print a table of a part's rows, and write them to `<name>.json`.

    Args:
        name: name of the part.
        rows: its measurements.
        scale: the scale at which it ran.
        folder: an existing folder for the file.
    """
    quick = scale is not Scale.FULL
    lines = []
    for r in rows:
        spread = f"{r.low:.3g} ... {r.high:.3g}" if r.low != r.high else ""
        holds = {True: "yes", False: "NO", None: f"needs {r.needs}" if r.needs else ""}[r.holds]
        lines.append([r.name, f"{r.value:.3g}", spread, r.unit, r.bar or "", holds])
    print_table(f"{name}{' (quick)' if quick else ''}", ["", "median", "spread", "unit", "bar", "holds"], lines)
    for number, note in enumerate(dict.fromkeys(f"{r.name}: {r.note}" for r in rows if r.note), start=1):
        print(f"  {number}. {note}")
    content = {"machine": machine(), "quick": quick, "rows": [asdict(r) for r in rows]}
    write_json(folder / f"{name}.json", content)
