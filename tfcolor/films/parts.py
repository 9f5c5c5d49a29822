"""The finished segments of a film, in a hidden folder beside its result, until the result is complete."""

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np

from tfcolor.films.encoding import Segment
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_json, read_npz, temporary_prefix, write_json, write_npz


class Parts:
    """The segments that are finished, and what is needed to go on after them. Use it as a context manager.

    state: what `FilmColorizer.state_after` returned after the last segment, and counts; None before the first.
    """

    def __init__(self, target: Path, settings: dict[str, Any]):
        """Begin, or go on where a run with the same settings was interrupted.

        Args:
            target: the result.
            settings: all that the segments depend on, fit for JSON. Segments made with others are removed.

        Raises:
            InputError: if another process is at work on this result.
        """
        self._folder = parts_of(target)
        self._check_alone(target)
        self.state = self._found(settings)
        if self.state is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True)
            write_json(self._folder / "settings.json", settings)
        write_json(self._folder / "process.json", {"host": socket.gethostname(), "process": os.getpid()})

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, kind: type | None, error: object, traceback: object) -> None:
        """Keep the segments of an interrupted run, if there are any."""
        if kind is None or not self.paths:
            self.remove()
        else:
            (self._folder / "process.json").unlink(missing_ok=True)

    def _check_alone(self, target):
        try:
            owner = read_json(self._folder / "process.json")
        except InputError:
            return
        if owner.get("host") == socket.gethostname() and _is_running(owner.get("process")):
            raise InputError(f"process {owner['process']} is already colouring it to {target}; wait for it, or stop it")

    def _found(self, settings):
        """The state after the last segment, if all segments are there and fit."""
        try:
            if read_json(self._folder / "settings.json") != settings:
                return None
            state = read_npz(self._folder / "state.npz")
            counts = [len(Segment.load_times(path)[0]) for path in self._paths(int(state["num_segments"]))]
        except InputError:
            return None
        return state if counts and sum(counts) == int(state["num_frames"]) else None

    def _paths(self, count):
        return [self._folder / f"{number}.npz" for number in range(count)]

    @property
    def last_pts(self) -> int | None:
        """The time stamp of the last frame that is done."""
        return int(self.state["pts"]) if self.state else None

    @property
    def num_frames(self) -> int:
        """The number of frames that are done."""
        return int(self.state["num_frames"]) if self.state else 0

    @property
    def paths(self) -> list[Path]:
        """The files of the segments."""
        return self._paths(int(self.state["num_segments"]) if self.state else 0)

    def add(self, segment: Segment, state: dict[str, np.ndarray]) -> None:
        """Save a segment; it counts as soon as the state after it is saved."""
        number, done = len(self.paths), self.num_frames + len(segment.pts)
        segment.save(self._folder / f"{number}.npz")
        counts = {"num_segments": number + 1, "num_frames": done, "pts": segment.pts.max()}
        self.state = state | {name: np.array(value) for name, value in counts.items()}
        write_npz(self._folder / "state.npz", self.state)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)


def parts_of(target: Path) -> Path:
    """Return the folder for the segments of a result; it exists while there are some."""
    return target.with_name(f"{temporary_prefix(target.name)}parts")


def _is_running(process):
    """Whether another process of this number exists; False on Windows, where asking would stop it."""
    if not isinstance(process, int) or process == os.getpid() or os.name == "nt":
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
