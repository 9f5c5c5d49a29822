"""Run a function on many batches in the workers of Dask, each batch until it is done."""

import contextlib
import functools
import itertools
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcolor import __version__
from tfcolor.utils.errors import InputError, WorkError

if TYPE_CHECKING:
    from distributed import Client

BATCHES_AHEAD = 2  # for each worker: one that it works on, one that waits; the scheduler's memory stays small
_TURN = threading.Lock()  # in a worker: TensorFlow takes all of its cores, so that its tasks take turns


def run_batches(
    client: "Client", function: Callable[..., Any], batches: Iterable[Sequence], *context: Any
) -> Iterator[tuple[Sequence, Any]]:
    """Run `function(batch, *context)` in the workers.

    A worker that dies loses nothing: another one repeats the batch. A function must therefore allow that a batch is
    begun several times, even by two workers at once. The items of a batch on which many workers died are tried one
    by one.

    Args:
        client: from `client.connected`.
        function: of a module; it runs in this process's folder, which must be there in all workers.
        batches: what to work on; only a few are taken ahead.
        context: further arguments.

    Yields:
        Each batch with what the function returned, in the order in which they finish; with None for an item that
        killed all workers that tried it.

    Raises:
        WorkError: the scheduler went away.
        Exception: what the function raises.
    """
    from distributed import KilledWorker, as_completed

    batches, owners, finished = iter(batches), {}, as_completed()
    # Dask blames all tasks of a worker that dies, also those that wait there. One suspect at a time shows which it was.
    suspects, on_trial = deque(), None

    def submit(batch):
        task = functools.partial(_in_worker, function, str(Path.cwd()), __version__)
        future = client.submit(task, batch, *context, pure=False)
        owners[future] = batch
        finished.add(future)
        return future

    room = _Room(client)

    def fill():
        for batch in itertools.islice(batches, max(0, room() - len(owners))):
            submit(batch)

    try:
        fill()
        for future in finished:
            batch, result = owners.pop(future), None
            was_on_trial, is_killer = future is on_trial, False
            try:
                result = future.result()
            except KilledWorker:
                is_killer = True
                if not was_on_trial:
                    suspects.extend([item] for item in batch)
            if suspects and (was_on_trial or on_trial is None):
                on_trial = submit(suspects.popleft())
            elif was_on_trial:
                on_trial = None
            fill()
            if was_on_trial or not is_killer:
                yield batch, result
    except Exception as error:
        if client.status == "running":
            raise
        raise WorkError("the scheduler of --cluster went away; go on with --resume, finished work is kept") from error
    finally:
        with contextlib.suppress(Exception):  # nobody is there to cancel anything
            client.cancel(list(owners))


class _Room:
    """How many batches may be under way. Workers come and go, so that they are counted again each second."""

    def __init__(self, client):
        self._client, self._counted, self._workers = client, -math.inf, 0

    def __call__(self) -> int:
        if time.monotonic() > self._counted + 1:
            self._counted, self._workers = time.monotonic(), len(self._client.nthreads())
        return BATCHES_AHEAD * max(1, self._workers)


def _in_worker(function, folder, version, batch, *context):
    from distributed import get_worker

    if version != __version__:
        raise InputError(
            f"a worker of --cluster has tfcolor {__version__}, and this is {version}; install the same one"
        )
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(get_worker().state.nthreads))  # TensorFlow's share of the cores
    with _TURN, _inside(folder):
        return function(batch, *context)


@contextlib.contextmanager
def _inside(folder):
    """Work in a folder, so that relative paths mean the same as for the client."""
    before = Path.cwd()
    try:
        os.chdir(folder)
    except OSError as error:
        raise InputError(f"a worker of --cluster does not see the folder {folder}; workers must share files") from error
    try:
        yield
    finally:
        os.chdir(before)
