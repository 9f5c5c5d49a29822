"""Which photographs are coloured, and what is written for each. Nothing is decoded here.

`os.path` answers where `pathlib` raises: for too long paths, behind closed folders, in loops of links; and `Path.glob`
refuses absolute patterns.
"""
# ruff: noqa: PTH112, PTH207

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from tfcolor.data import datasets
from tfcolor.photographs.formats import result_name
from tfcolor.utils import files
from tfcolor.utils.errors import InputError

MOST_CANDIDATES = 8
SUFFIXES = (*datasets.SUFFIXES, ".jpe", ".jfif", ".mpo", ".pnm", ".pbm")


@dataclass(frozen=True)
class Outputs:
    """What is made of each photograph: a coloured file, or pictures that help to look at it.

    format: one of `formats.FORMATS`; None for each photograph's own.
    quality: 1 ... 100 of JPEG and WebP; None for the photograph's own, see `saving.saving`.
    compare: whether a sheet of input, result and truth is written beside the result.
    sweep: temperatures of a sheet.
    candidates: how many different colourings are written.
    explain: (x, y) of the pixel whose prediction is plotted, from the left and from the top.
    """

    format: str | None = None
    quality: int | None = None
    compare: bool = False
    sweep: tuple[float, ...] = ()
    candidates: int = 0
    explain: tuple[int, int] | None = None

    @property
    def are_looks(self) -> bool:
        """Whether pictures to look at are written in place of the result."""
        return bool(self.sweep or self.candidates or self.explain)

    def names(self, name: str) -> list[str]:
        """The names of the files made of a photograph: the sweep, the explanation and the candidates, or the result."""
        result = PurePath(result_name(name, self.format))
        if not self.are_looks:
            return [str(result), *([f"{result.stem}-compare.png"] if self.compare else [])]
        looks = [f"{result.stem}-sweep.png"] if self.sweep else []
        looks += [f"{result.stem}-explain.png"] if self.explain else []
        return looks + [f"{result.stem}-{k}{result.suffix}" for k in range(1, self.candidates + 1)]


@dataclass(frozen=True)
class Job:
    """A photograph and the files to make of it; the first of them appears last, when all are done."""

    source: Path
    targets: tuple[Path, ...]


@dataclass(frozen=True)
class Worklist:
    """What is to be done.

    jobs: in the order of the inputs.
    skipped: how many others have their results already.
    failures: what was asked for and is no photograph: (path, reason).
    """

    jobs: list[Job]
    skipped: int
    failures: list[tuple[Path, str]]


def find(
    inputs: list[str],
    folder: Path,
    outputs: Outputs,
    recursive: bool = False,
    shard: tuple[int, int] = (1, 1),
    existing: str = "refuse",
) -> Worklist:
    """Find photographs, and name what is made of them.

    Args:
        inputs: files, folders and globs; none for the samples.
        folder: of the results. The tree below a folder among the inputs is kept in it.
        outputs: what is made of each photograph.
        recursive: whether folders are searched to any depth.
        shard: (i, n): the i-th of n shares, 1 <= i <= n. A photograph's place in the tree decides its
            share, whatever else is there.
        existing: what is done about results that exist: 'refuse', 'skip' or 'replace'.

    Raises:
        InputError: where something is not there, or a result would replace what it must not.
    """
    found = _Found(recursive, folder)
    if inputs:
        for text in inputs:
            found.expand(text)
    else:
        found.files = {path: PurePath(path.name) for path in datasets.sample_photographs()}
    if not found.files and found.failures:
        path, reason = found.failures[0]
        raise InputError(f"nothing to colour: {path} is {reason}")
    jobs = [
        Job(path, tuple(folder / place.parent / name for name in outputs.names(place.name)))
        for path, place in found.files.items()
    ]
    jobs = _apart(jobs)
    mine = [job for job in jobs if _share(job, folder, shard[1]) == shard[0] - 1]
    if existing == "refuse":
        for target in (target for job in mine for target in job.targets):
            if os.path.lexists(target):
                raise InputError(f"{target} exists; give --overwrite to replace, --resume to skip, or another --output")
    missing = mine if existing == "replace" else [job for job in mine if not os.path.lexists(job.targets[0])]
    if existing == "skip":
        _remove_leftovers(mine)
    return Worklist(missing, len(mine) - len(missing), found.failures)


class _Found:
    """Photographs -> their places in the tree of results, in order and without repetition."""

    def __init__(self, recursive: bool, output: Path):
        self.files: dict[Path, PurePath] = {}
        self.failures: list[tuple[Path, str]] = []
        self._recursive, self._output = recursive, os.path.realpath(output)

    def expand(self, text: str) -> None:
        """Add what an argument means: a file, a folder's images, or a glob's matches."""
        if not text:
            raise InputError("a file name is empty; leave it out to colour the samples")
        path = Path(text)
        if os.path.isdir(path):
            self._add_folder(path)
        elif os.path.lexists(path):
            self._add(path, PurePath(path.name))
        else:
            matches = sorted(map(Path, glob.glob(text, recursive=True)))
            matches = [match for match in matches if not os.path.isdir(match) or _is_image_name(match)]
            if not matches:
                raise InputError(f"{text} matches no file")
            for match in matches:
                self._add(match, PurePath(match.name))

    def _add_folder(self, folder: Path) -> None:
        before = len(self.files) + len(self.failures)
        try:
            for path in self._walk(folder) if self._recursive else sorted(folder.iterdir()):
                if _is_image_name(path):
                    self._add(path, path.relative_to(folder))
        except OSError as error:
            self.failures.append((folder, f"a folder that cannot be read ({error.strerror})"))
        if len(self.files) + len(self.failures) == before:
            self.failures.append((folder, "a folder without images"))

    def _walk(self, folder: Path) -> Iterator[Path]:
        """The files below a folder, without those among the results."""
        for place, folders, names in os.walk(folder, onerror=self._unreadable):
            folders[:] = sorted(name for name in folders if os.path.realpath(Path(place, name)) != self._output)
            yield from (Path(place, name) for name in sorted(names))

    def _unreadable(self, error: OSError) -> None:
        self.failures.append((Path(error.filename), f"a folder that cannot be read ({error.strerror})"))

    def _add(self, path: Path, place: PurePath) -> None:
        if os.path.isdir(path):
            self.failures.append((path, "a folder, not a photograph"))
        else:
            self.files.setdefault(path, place)


def _is_image_name(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _share(job: Job, folder: Path, num_shares: int) -> int:
    return datasets.share_of(job.targets[0].relative_to(folder).as_posix(), num_shares)


def _apart(jobs: list[Job]) -> list[Job]:
    """Leave out what was named twice, and refuse results that would be written over each other or over a photograph."""
    sources, taken, apart = {os.path.realpath(job.source) for job in jobs}, {}, []
    for job in jobs:
        first = taken.get(os.path.realpath(job.targets[0]))
        if first and os.path.realpath(first) == os.path.realpath(job.source):
            continue
        apart.append(job)
        for target in job.targets:
            place = os.path.realpath(target)
            if place in taken:
                raise InputError(
                    f"{job.source} and {taken[place]} would both be written to {target}; colour them apart"
                )
            if place in sources:
                raise InputError(f"{target} is an input, it cannot be a result as well; give another --output")
            taken[place] = job.source
    return apart


def _remove_leftovers(jobs: list[Job]) -> None:
    """Remove what a killed process had begun to write of these results; others may be writing others."""
    prefixes = {files.temporary_prefix(target) for job in jobs for target in job.targets}
    for folder in {target.parent for job in jobs for target in job.targets}:
        for temporary in folder.glob(".*.tmp"):
            if temporary.name.startswith(tuple(prefixes)):
                temporary.unlink(missing_ok=True)
