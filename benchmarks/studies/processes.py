"""The runs of a study, each with the file of its result, and processes that do the missing ones. No TensorFlow."""

import os
import re
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from tfcolor.utils import console
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import read_json


class StudyRun(Protocol):
    """A run of a study."""

    @property
    def path(self) -> Path:
        """The file of its result."""

    @property
    def settings(self) -> dict:
        """What the result depends on; it is written with the result."""


def file_name(name: str) -> str:
    """Return a run's name as part of a file's name: 'RReLU(3, 8)' is 'rrelu-3-8'."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def unfinished(runs: list[StudyRun]) -> list[StudyRun]:
    """Find the runs that have no result yet.

    Raises:
        InputError: if a result was made with other settings.
    """
    missing = []
    for run in runs:
        if not run.path.exists():
            missing.append(run)
            continue
        saved = {name: read_json(run.path).get(name) for name in run.settings}
        if saved != run.settings:
            raise InputError(f"{run.path} was made with other settings ({saved}); give another --output")
    return missing


def run_in_processes(
    title: str,
    runs: list[StudyRun],
    workers: int,
    work: Callable[..., str],
    *arguments: Any,
    all_cores: bool = False,
) -> None:
    """Do the runs that have no result yet, several at a time, each in a process of its own on one core.

    Two networks on one core each are done sooner than two on both cores, one after the other.

    Args:
        title: title of the progress bar.
        runs: all runs of the study.
        workers: number of processes.
        work: called in another process with a run and the arguments; it writes the result and returns a note.
        arguments: further arguments of `work`.
        all_cores: whether each process takes all cores; for `workers` 1, where speed is measured.

    Raises:
        WorkError: if a process is killed.
    """
    left = unfinished(runs)
    if not left:
        return
    # For the new processes: glibc takes memory in large pages, which makes a step 3 to 16 % faster.
    os.environ.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    workers = min(workers, len(left))
    pool = ProcessPoolExecutor(
        workers,
        get_context("spawn"),
        _use_all_cores if all_cores else _use_one_core,
        max_tasks_per_child=1,  # what a run keeps in memory, decoded photographs above all, must not add up
    )
    with (
        pool,
        console.Progress(f"{title}, {workers} at a time", len(runs), "runs", done=len(runs) - len(left)) as progress,
    ):
        futures = {pool.submit(work, run, *arguments): run for run in left}
        try:
            for done, future in enumerate(as_completed(futures), start=len(runs) - len(left) + 1):
                progress.update(done, f"{futures[future].path.stem}: {future.result()}")
        except BrokenProcessPool as error:
            raise WorkError(
                "a process was killed (out of memory?); "
                f"the results in {left[0].path.parent} are kept; start it again to go on"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _use_all_cores() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent reports Ctrl-C
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # 15 % faster here, even if TensorFlow turns it off
    console.load_tensorflow()


def _use_one_core() -> None:
    _use_all_cores()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
