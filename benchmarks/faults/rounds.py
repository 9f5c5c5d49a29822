"""Rounds of faults: commands that are started, disturbed and looked at; the result of each round is kept."""

import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.measure import ROOT, peak_megabytes, python
from tfcolor.utils.console import Progress
from tfcolor.utils.files import make_folder, read_json, write_json

# What may happen, and never should. The others are numbers of what was tried.
OUTCOMES = ("lost", "half-written", "wrong", "tracebacks", "hangs")
SECONDS = 300  # after which a command hangs


@dataclass
class Found:
    """What a round showed.

    tried: how many faults there were.
    outcomes: how many of each of `OUTCOMES`.
    megabytes: the most memory that a process took.
    notes: what happened, for those who look into it.
    """

    tried: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    megabytes: float = 0.0
    notes: list[str] = field(default_factory=list)

    def count(self, outcome: str, note: str) -> None:
        """Count an outcome."""
        self.outcomes[outcome] += 1
        self.notes.append(f"{outcome}: {note}")

    def look_at(self, ended: "Ended") -> None:
        """Count what any command must not do."""
        self.megabytes = max(self.megabytes, ended.megabytes)
        if ended.hung:
            self.count("hangs", ended.command)
        if "Traceback" in ended.err or ended.status not in (0, 1, 2, 130, -signal.SIGKILL, None):
            self.count("tracebacks", f"status {ended.status} of {ended.command}: {ended.err[-2000:]}")

    def check_equal(self, folder: Path, expected: Path, pattern: str = "*") -> None:
        """Count files that are missing, left over or different in a folder that should be like another one.

        Args:
            folder: the folder.
            expected: the other one.
            pattern: for the names of the files that are compared.
        """
        ours, theirs = contents(folder, pattern), contents(expected, pattern)
        for name in theirs.keys() - ours.keys():
            self.count("lost", name)
        leftovers = {path.relative_to(folder).as_posix() for path in folder.rglob(".*.tmp")}
        for name in leftovers | (ours.keys() - theirs.keys()):
            self.count("half-written", name)
        for name in ours.keys() & theirs.keys():
            if ours[name] != theirs[name]:
                self.count("wrong", name)


@dataclass(frozen=True)
class Ended:
    """How a command ended; `status` is None if it was killed at the time that was asked for."""

    command: str
    status: int | None
    out: str
    err: str
    hung: bool
    megabytes: float


def run(
    program: str,
    *arguments: object,
    folder: Path,
    kill_after: float | None = None,
    largest_file: int | None = None,
) -> Ended:
    """Run one of the project's scripts.

    Args:
        program: such as 'predict.py'.
        arguments: its arguments.
        folder: the folder to run it in.
        kill_after: seconds after which it gets SIGKILL, if it still runs.
        largest_file: bytes after which writing to a file fails, as on a full disk.
    """

    def limit():
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    command = python(ROOT / program, *arguments)
    # Pipes, since the limit holds for files that the output goes to as well.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, preexec_fn=limit, **pipes)
    with ThreadPoolExecutor(2) as readers:
        printed = [readers.submit(_read, pipe) for pipe in (process.stdout, process.stderr)]
        hung = was_killed = False
        megabytes = 0.0
        while process.poll() is None:
            megabytes = max(megabytes, peak_megabytes(process.pid))
            seconds = time.monotonic() - started
            if seconds > SECONDS or (kill_after is not None and seconds > kill_after):
                hung, was_killed = seconds > SECONDS, True
                process.kill()
                process.wait()
                break
            time.sleep(0.01)
        status = process.returncode
        out, err = (each.result() for each in printed)
    words = " ".join([program, *map(str, arguments)])
    was_killed = was_killed and status == -signal.SIGKILL
    return Ended(words, None if was_killed else status, out, err, hung, megabytes)


def _read(pipe):
    with pipe:
        return pipe.read()


def contents(folder: Path, pattern: str) -> dict[str, object]:
    """What each file below a folder holds: its bytes, or the arrays of an .npz, which has the time in it."""
    found: dict[str, object] = {}
    for path in folder.rglob(pattern):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            found[name] = _arrays(path) if path.suffix == ".npz" else path.read_bytes()
    return found


def _arrays(path: Path) -> object:
    try:
        with np.load(path) as arrays:
            return {name: (arrays[name].dtype.str, arrays[name].shape, arrays[name].tobytes()) for name in arrays}
    except Exception as error:
        return f"unreadable: {error}"


def do_rounds(
    title: str, number: int, one_round: Callable[[int, Path], Found], state: Path, workers: int
) -> list[Found]:
    """Do rounds that are not done yet, several at a time.

    Args:
        title: title of the progress bar.
        number: how many rounds there are.
        one_round: does a round, from its number and an empty folder.
        state: keeps a file for each round that is done.
        workers: rounds at a time.
    """
    make_folder(state)
    found = {n: Found(**read_json(path)) for n in range(number) if (path := state / f"{n:04d}.json").exists()}
    left = [n for n in range(number) if n not in found]

    def work(n):
        with tempfile.TemporaryDirectory(prefix="tfcolor-faults-") as folder:
            return one_round(n, Path(folder))

    with ThreadPoolExecutor(workers) as pool, Progress(title, number, "rounds", done=len(found)) as progress:
        futures = {pool.submit(work, n): n for n in left}
        try:
            for future in as_completed(futures):
                n = futures[future]
                found[n] = future.result()
                write_json(state / f"{n:04d}.json", asdict(found[n]))
                for note in found[n].notes:
                    progress.log(f"round {n}: {note}")
                progress.update(len(found))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [found[n] for n in range(number)]
