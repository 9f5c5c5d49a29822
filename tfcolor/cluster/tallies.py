"""Tallies of many files, counted in the workers: each batch's is saved under its name, and added once.

A run that was interrupted goes on with the tallies that are there.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfcolor.cluster.running import run_batches
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import make_folder, read_json, write_json

if TYPE_CHECKING:
    from distributed import Client

_ORIGIN = "origin.json"


def open_tallies(folder: Path, origin: dict[str, Any], resume: bool, overwrite: bool) -> None:
    """Make a folder for tallies, or go on with the one that is there.

    Args:
        folder: the folder.
        origin: what the tallies are of, as JSON; all in a folder are of the same.
        resume: whether tallies that are there may be used.
        overwrite: whether they may be removed.

    Raises:
        InputError: tallies are there, and may neither be used nor removed, or are of something else.
    """
    if folder.exists() and not resume:
        if not overwrite:
            raise InputError(f"{folder} is of an unfinished run; give --resume to go on, or --overwrite to begin again")
        shutil.rmtree(folder)
    if folder.exists() and read_json(folder / _ORIGIN) != origin:
        raise InputError(f"{folder} is of a run with other options; go on with those, or give --overwrite")
    if not folder.exists():
        make_folder(folder)
        write_json(folder / _ORIGIN, origin)


def tallied(
    client: "Client",
    function: Callable[..., None],
    paths: Sequence[Path],
    size: int,
    folder: Path,
    *context: Any,
    on_done: Callable[[int], None] = lambda done: None,
) -> Iterator[tuple[list[Path], Path | None]]:
    """Count files in the workers, in batches.

    Args:
        client: from `client.connected`.
        function: of a module; `function(paths, target, *context)` counts a batch and writes its tally to `target`,
            whole or not at all.
        paths: the files.
        size: number of files in a batch.
        folder: holds the tallies, see `open_tallies`.
        context: further arguments.
        on_done: called with the number of files that are done.

    Yields:
        The files of each batch with its tally, in the order of `paths`; with None for a file that killed all workers
        that tried it.

    Raises:
        WorkError: the scheduler went away.
    """
    places = range(0, len(paths), size)
    batches = ([*enumerate(paths[start : start + size], start)] for start in places)
    waiting: dict[int, tuple[list[Path], Path | None]] = {}  # by the place of their first file
    num_done = place = 0
    for batch, target in run_batches(client, _tally, batches, function, folder, *context):
        files = [path for _, path in batch]
        waiting[batch[0][0]] = files, target
        num_done += len(files)
        on_done(num_done)
        while place in waiting:
            files, target = waiting.pop(place)
            place += len(files)
            yield files, target


def _tally(batch, function, folder, *context):
    """In a worker: count a batch unless that is done; return the file."""
    paths = [path for _, path in batch]
    target = folder / f"{batch_name(paths)}.npz"
    if not target.exists():
        function(paths, target, *context)
    return target


def batch_name(paths: list[Path]) -> str:
    """Name a batch after its files: other files, sizes or times of change make another name."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            status = path.stat()
            state = (status.st_size, status.st_mtime_ns)
        except OSError:
            state = None
        digest.update(repr((str(path), state)).encode(errors="surrogateescape"))
    return digest.hexdigest()[:24]
