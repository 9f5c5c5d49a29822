"""What became of photographs and films. No TensorFlow."""

import errno
from dataclasses import dataclass, field
from pathlib import Path

from tfcolor.commands.worklist import Job
from tfcolor.photographs.formats import Unsavable
from tfcolor.utils.console import Progress, as_options, shown
from tfcolor.utils.errors import WorkError

UNWRITABLE = (OSError, Unsavable)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@dataclass
class Report:
    """What became of photographs and films. Each failure is reported at once.

    progress: where failures and notes are printed.
    colored: paths of the photographs whose results are written.
    films: the same of films and animations.
    failed: what has no result, each with the reason.
    num_pixels: number of pixels of all photographs that were coloured.
    num_frames: number of frames of all films that were coloured.
    """

    progress: Progress
    colored: list[str] = field(default_factory=list)
    films: list[str] = field(default_factory=list)
    failed: dict[Path, str] = field(default_factory=dict)
    num_pixels: int = 0
    num_frames: int = 0

    @property
    def num_done(self) -> int:
        """How many photographs and films are done, with a result or without."""
        return len(self.colored) + len(self.films) + len(self.failed)

    def fail(self, path: Path, reason: object) -> None:
        """Report that a photograph has no result. Only its first failure counts."""
        if path not in self.failed:
            self.failed[path] = shown(reason)
            self.progress.log(f"cannot colour {shown(path)}: {as_options(shown(reason))}")

    def fail_to_write(self, job: Job, error: Exception) -> None:
        """Report that a result cannot be written.

        Raises:
            WorkError: no other result could be written either.
        """
        self.fail(job.source, write_error(job.targets[0], error))
        if getattr(error, "errno", None) in _NO_SPACE:
            raise WorkError(f"no space left for results in {shown(job.targets[0].parent)}; go on with --resume")

    def add(self, other: "Report") -> None:
        """Add what became of other photographs and films; nothing is printed."""
        self.colored += other.colored
        self.films += other.films
        self.failed |= other.failed
        self.num_pixels += other.num_pixels
        self.num_frames += other.num_frames

    def note(self, path: Path, note: str) -> None:
        """Print what the user should know about a photograph, unless the note is empty."""
        if note:
            self.progress.log(f"note: {shown(path)}: {note}")


def write_error(target: Path, error: Exception) -> str:
    """Say in one line why a result cannot be written."""
    if isinstance(error, OSError):
        return f"{shown(target)} cannot be written: {error.strerror or error}"
    return str(error)
