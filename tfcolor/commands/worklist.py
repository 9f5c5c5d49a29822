"""Choose the photographs and films to colour, and name the files to write for each.

Nothing is decoded here; only GIF and WebP files are opened, to find out whether they are animations.

The names of results depend on no other photograph. A result with its photograph's format has its name, too.
Otherwise the new suffix is appended: photo.gif becomes photo.gif.png. If two photographs would still have a result of
the same name, neither is coloured, but all others are.

`os.path` returns False where `pathlib` would raise: for paths that are too long, closed folders, and links that form a
circle. `Path.glob` refuses absolute patterns.
"""
# ruff: noqa: PTH112, PTH207

import glob
import importlib.util
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from tfcolor.data import datasets
from tfcolor.films.animations import is_animation
from tfcolor.films.names import film_result_name, is_film_name
from tfcolor.photographs.folders import find_images
from tfcolor.photographs.formats import is_image_name, result_name
from tfcolor.utils import files
from tfcolor.utils.errors import InputError

MOST_CANDIDATES = 8


def is_wanted(name: str) -> bool:
    """Tell whether a file has the name of a photograph or a film."""
    return is_image_name(name) or is_film_name(name)


@dataclass(frozen=True)
class Outputs:
    """The outputs for each photograph: a coloured file, or pictures that help to understand its prediction.

    format: a name in `formats.FORMATS`, or None for each photograph's own format.
    quality: 1 ... 100, of JPEG and WebP; None for the photograph's own, see `writing.saving`.
    compare: whether a sheet of input, result and truth is written beside the result.
    sweep: the temperatures of a sheet; none for no sheet.
    candidates: number of different colourings to write.
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
        """Whether pictures to look at are written instead of the result."""
        return bool(self.sweep or self.candidates or self.explain)

    @property
    def keeps_animations(self) -> bool:
        """Whether animations stay animations, which needs OpenCV; otherwise their first frame is coloured."""
        has_opencv = importlib.util.find_spec("cv2") is not None
        return has_opencv and not self.are_looks and not self.compare and self.format in (None, "webp")

    def names(self, name: str, is_animation: bool = False) -> list[str]:
        """Name the files made of a photograph or a film.

        Args:
            name: its file name.
            is_animation: whether it has several frames, and they are kept.

        Returns:
            The result's name, and the comparison's if there is one. For pictures to look at: the names of the
            sweep, the explanation and the candidates.
        """
        if is_film_name(name):
            return [film_result_name(name)]
        result = result_name(name, self.format, is_animation)
        if not self.are_looks:
            return [result, *([f"{name}-compare.png"] if self.compare else [])]
        looks = [f"{name}-sweep.png"] if self.sweep else []
        looks += [f"{name}-explain.png"] if self.explain else []
        return looks + [f"{name}-{k}{PurePath(result).suffix}" for k in range(1, self.candidates + 1)]


@dataclass(frozen=True)
class Job:
    """A photograph and its outputs. The first output is written last, to show that the others are complete.

    is_film: whether it is a film, or an animation that stays one.
    """

    source: Path
    targets: tuple[Path, ...]
    is_film: bool = False


@dataclass(frozen=True)
class Worklist:
    """The work of one call.

    jobs: the photographs to colour, in the order of the inputs.
    skipped: number of other photographs whose results exist.
    failures: inputs that cannot be coloured: (path, reason).
    found: all photographs among the inputs, also those of other shares and those with results.
    """

    jobs: list[Job]
    skipped: int
    failures: list[tuple[Path, str]]
    found: list[Path]


def find(
    inputs: list[str],
    folder: Path,
    outputs: Outputs,
    recursive: bool = False,
    shard: tuple[int, int] = (1, 1),
    existing: str = "refuse",
) -> Worklist:
    """Find photographs, and name the files made of them.

    Args:
        inputs: files, folders and globs; none for the samples.
        folder: folder of the results. They keep the tree below each folder among the inputs.
        outputs: what is made of each photograph.
        recursive: whether folders are searched to any depth.
        shard: (i, n) for the i-th of n shares, 1 <= i <= n. A photograph's place in the tree decides its
            share, whatever else is there.
        existing: what happens to results that exist: 'refuse', 'skip' or 'replace'.

    Raises:
        InputError: an input is not there, a result exists and may not be replaced, or a result would be written over
            an input.
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
    jobs = _once_each(_job(path, folder / place, outputs) for path, place in found.files.items())
    _check_inputs_stay(jobs)
    clashes = _clashes(jobs)
    mine = [job for job in jobs if _share(job, folder, shard[1]) == shard[0] - 1]
    failures = found.failures + [(job.source, clashes[job.source]) for job in mine if job.source in clashes]
    mine = [job for job in mine if job.source not in clashes]
    if existing == "refuse":
        for target in (target for job in mine for target in job.targets):
            if os.path.lexists(target):
                raise InputError(f"{target} exists; give --overwrite to replace, --resume to skip, or another --output")
    missing = mine if existing == "replace" else [job for job in mine if not os.path.lexists(job.targets[0])]
    if existing == "skip":
        _remove_leftovers(mine)
    return Worklist(missing, len(mine) - len(missing), failures, list(found.files))


def _job(path: Path, place: Path, outputs: Outputs) -> Job:
    is_film = is_film_name(path.name) or (outputs.keeps_animations and is_animation(path))
    return Job(path, tuple(place.with_name(name) for name in outputs.names(place.name, is_film)), is_film)


class _Found:
    """Photographs -> their places in the tree of results, in the order of the inputs."""

    def __init__(self, recursive: bool, output: Path):
        self.files: dict[Path, PurePath] = {}
        self.failures: list[tuple[Path, str]] = []
        self._recursive, self._output = recursive, output

    def expand(self, text: str) -> None:
        """Add the photographs that an argument stands for: a file, a folder or a glob."""
        if not text:
            raise InputError("a file name is empty; leave it out to colour the samples")
        path = Path(text)
        if os.path.isdir(path):
            self._add_folder(path)
        elif os.path.lexists(path):
            self._add(path, PurePath(path.name))
        else:
            matches = sorted(map(Path, glob.glob(text, recursive=True)))
            matches = [match for match in matches if not os.path.isdir(match) or is_wanted(match.name)]
            if not matches:
                raise InputError(f"{text} matches no file")
            for match in matches:
                self._add(match, PurePath(match.name))

    def _add_folder(self, folder: Path) -> None:
        num_failures = len(self.failures)
        names = find_images(
            folder, self._recursive, excluded=self._output, named=is_wanted, on_unreadable=self._fail_to_read
        )
        for name in names:
            if not _is_typescript(folder / name):
                self._add(folder / name, PurePath(name))
        if not names and len(self.failures) == num_failures:
            self.failures.append((folder, "a folder without images"))

    def _fail_to_read(self, error: OSError) -> None:
        self.failures.append((Path(error.filename), f"a folder that cannot be read ({error.strerror})"))

    def _add(self, path: Path, place: PurePath) -> None:
        if os.path.isdir(path):
            self.failures.append((path, "a folder, not a photograph"))
        else:
            self.files.setdefault(path, place)


def _is_typescript(path):
    """Whether a file is only named like an MPEG transport stream, whose packets all begin with a G."""
    if path.suffix != ".ts" or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(1) not in (b"G", b"")
    except OSError:
        return False


def _share(job: Job, folder: Path, num_shares: int) -> int:
    return datasets.share_of(job.targets[0].relative_to(folder).as_posix(), num_shares)


def _once_each(jobs: Iterable[Job]) -> list[Job]:
    """Leave out repetitions: jobs of one photograph whose results would be the same file."""
    places = {}
    for job in jobs:
        places.setdefault((os.path.realpath(job.source), os.path.realpath(job.targets[0])), job)
    return list(places.values())


def _check_inputs_stay(jobs: list[Job]) -> None:
    """Raise InputError for a result that would be written over an input."""
    inputs = {os.path.realpath(job.source) for job in jobs}
    for target in (target for job in jobs for target in job.targets):
        if os.path.realpath(target) in inputs:
            raise InputError(f"{target} is an input, it cannot be a result as well; give another --output")


def _clashes(jobs: list[Job]) -> dict[Path, str]:
    """The photographs that would share a result with another one, each with the reason why it is not coloured."""
    claims = defaultdict(list)  # real path of a result -> (photograph, result)
    for job in jobs:
        for target in job.targets:
            claims[os.path.realpath(target)].append((job.source, target))
    reasons: dict[Path, str] = {}
    for claimed in claims.values():
        for place, (source, target) in enumerate(claimed if len(claimed) > 1 else ()):
            other, _ = claimed[0 if place else 1]
            reasons.setdefault(
                source, f"{target} would also be a result of {other}; write one of them to another --output"
            )
    return reasons


def _remove_leftovers(jobs: list[Job]) -> None:
    """Remove what a killed process had begun to write of these results; other processes may be writing others."""
    prefixes = {files.temporary_prefix(target) for job in jobs for target in job.targets}
    for folder in {target.parent for job in jobs for target in job.targets}:
        for temporary in folder.glob(".*.tmp"):
            if temporary.name.startswith(tuple(prefixes)):
                temporary.unlink(missing_ok=True)
