"""Choose the photographs and films to colour, and name the files to write for each.

Nothing is decoded here; only GIF and WebP files are opened, to find out whether they are animations.

The names of results depend on no other photograph. A result with its photograph's format has its name, too.
Otherwise the new suffix is appended: photo.gif becomes photo.gif.png. If two photographs would still have a result of
the same name, neither is coloured, but all others are.

`os.path` returns False where `pathlib` would raise: for paths that are too long, closed folders, and links that form a
circle. `Path.glob` refuses absolute patterns.
"""
# ruff: noqa: PTH112, PTH113, PTH118, PTH207

import glob
import importlib.util
import os
import stat
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple

from tfcolor.data import datasets
from tfcolor.films.animations import SUFFIXES as ANIMATED
from tfcolor.films.animations import is_animation
from tfcolor.films.names import film_result_name, is_film_name
from tfcolor.photographs.folders import find_images
from tfcolor.photographs.formats import is_image_name, result_name, suffix_of
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


@dataclass(frozen=True, slots=True)
class Job:
    """A photograph and its outputs. The first output is written last, to show that the others are complete.

    There may be millions: as text, paths take a fifth of the time and memory.

    source_path: path of the photograph.
    target_paths: paths of the outputs.
    is_film: whether it is a film, or an animation that stays one.
    """

    source_path: str
    target_paths: tuple[str, ...]
    is_film: bool = False

    @property
    def source(self) -> Path:
        """The photograph."""
        return Path(self.source_path)

    @property
    def targets(self) -> tuple[Path, ...]:
        """The outputs."""
        return tuple(map(Path, self.target_paths))


@dataclass(frozen=True)
class Worklist:
    """The work of one call.

    jobs: the photographs to colour, in the order of the inputs.
    skipped: number of other photographs whose results exist.
    failures: inputs that cannot be coloured: (path, reason).
    found: paths of all photographs among the inputs, also those of other shares and those with results.
    """

    jobs: list[Job]
    skipped: int
    failures: list[tuple[Path, str]]
    found: list[str]


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
        found.files = {str(path): path.name for path in datasets.sample_photographs()}
    if not found.files and found.failures:
        path, reason = found.failures[0]
        raise InputError(f"nothing to colour: {path} is {reason}")
    plans = _plans(found.files, str(folder), outputs)
    _check_inputs_stay(plans)
    clashes = _clashes(plans)
    mine = [plan for plan in plans if shard[1] == 1 or _share(plan, folder, shard[1]) == shard[0] - 1]
    failures = found.failures + [(Path(plan.source), clashes[plan.source]) for plan in mine if plan.source in clashes]
    mine = [plan for plan in mine if plan.source not in clashes]
    if existing == "refuse":
        for target in (target for plan in mine for target in plan.targets if target.exists):
            raise InputError(
                f"{target.path} exists; give --overwrite to replace, --resume to skip, or another --output"
            )
    missing = mine if existing == "replace" else [plan for plan in mine if not plan.targets[0].exists]
    if existing == "skip":
        remove_leftovers(target.path for plan in mine for target in plan.targets)
    return Worklist([plan.job() for plan in missing], len(mine) - len(missing), failures, list(found.files))


class _Place(NamedTuple):
    """A path; the same without links; and whether there is something."""

    path: str
    real: str
    exists: bool


class _Plan(NamedTuple):
    """A photograph and its outputs, in strings: `Path` takes long for millions of files."""

    source: str
    real_source: str
    targets: tuple[_Place, ...]
    is_film: bool

    def job(self) -> Job:
        return Job(self.source, tuple(target.path for target in self.targets), self.is_film)


def _plans(files: dict[str, str], folder: str, outputs: Outputs) -> list[_Plan]:
    """Name the results; of repetitions, whose photograph and result are the same files, the first is kept."""
    place_of, plans = _Places(), {}
    keeps_animations = outputs.keeps_animations  # asked once: it takes time
    for path, place in files.items():
        inner, name = os.path.split(place)
        outer = os.path.join(folder, inner) if inner else folder
        may_move = keeps_animations and suffix_of(name) in ANIMATED
        is_film = is_film_name(name) or (may_move and is_animation(Path(path)))
        targets = tuple([place_of(outer, each) for each in outputs.names(name, is_film)])
        plan = _Plan(path, place_of(*os.path.split(path)).real, targets, is_film)
        plans.setdefault((plan.real_source, targets[0].real), plan)
    return list(plans.values())


_DOTS = ("", os.curdir, os.pardir)


class _Places:
    """Finds real paths, and looks only once at each folder."""

    def __init__(self):
        self._folders: dict[str, tuple[str, str]] = {}  # what stands before a name, and before its real one

    def __call__(self, folder: str, name: str) -> _Place:
        if folder not in self._folders:
            self._folders[folder] = os.path.join(folder, ""), os.path.join(os.path.realpath(folder), "")
        before, real_before = self._folders[folder]
        path = before + name
        try:
            mode = os.lstat(path).st_mode
        except (OSError, ValueError):
            mode = 0
        is_plain = not stat.S_ISLNK(mode) and name not in _DOTS
        real = real_before + name if is_plain else os.path.realpath(path)
        return _Place(path, os.path.normcase(real), mode != 0)


class _Found:
    """Photographs -> their places in the tree of results, in the order of the inputs; both are paths."""

    def __init__(self, recursive: bool, output: Path):
        self.files: dict[str, str] = {}
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
            self._add(text, path.name)
        else:
            matches = sorted(map(Path, glob.glob(text, recursive=True)))
            matches = [match for match in matches if not os.path.isdir(match) or is_wanted(match.name)]
            if not matches:
                raise InputError(f"{text} matches no file")
            for match in matches:
                self._add(str(match), match.name)

    def _add_folder(self, folder: Path) -> None:
        num_failures = len(self.failures)
        names = find_images(
            folder, self._recursive, excluded=self._output, named=is_wanted, on_unreadable=self._fail_to_read
        )
        for name in names:
            path = os.path.join(folder, name)
            if not self._recursive and os.path.isdir(path):
                self.failures.append((Path(path), "a folder, not a photograph"))
            elif not _is_typescript(path):
                self.files.setdefault(path, name)
        if not names and len(self.failures) == num_failures:
            self.failures.append((folder, "a folder without images"))

    def _fail_to_read(self, error: OSError) -> None:
        self.failures.append((Path(error.filename), f"a folder that cannot be read ({error.strerror})"))

    def _add(self, path: str, place: str) -> None:
        if os.path.isdir(path):
            self.failures.append((Path(path), "a folder, not a photograph"))
        else:
            self.files.setdefault(path, place)


def _is_typescript(path):
    """Whether a file is only named like an MPEG transport stream, whose packets all begin with a G."""
    if not path.endswith(".ts") or not os.path.isfile(path):
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(1) not in (b"G", b"")
    except OSError:
        return False


def _share(plan: _Plan, folder: Path, num_shares: int) -> int:
    return datasets.share_of(PurePath(plan.targets[0].path).relative_to(folder).as_posix(), num_shares)


def _check_inputs_stay(plans: list[_Plan]) -> None:
    """Raise InputError for a result that would be written over an input."""
    inputs = {plan.real_source for plan in plans}
    for target in (target for plan in plans for target in plan.targets):
        if target.real in inputs:
            raise InputError(f"{target.path} is an input, it cannot be a result as well; give another --output")


def _clashes(plans: list[_Plan]) -> dict[str, str]:
    """The photographs that would share a result with another one, each with the reason why it is not coloured."""
    owners: dict[str, tuple[str, str]] = {}  # real path of a result -> the first (photograph, result)
    reasons: dict[str, str] = {}
    for plan in plans:
        for target in plan.targets:
            owner, result = owners.setdefault(target.real, (plan.source, target.path))
            if owner != plan.source:
                for source, path, other in ((plan.source, target.path, owner), (owner, result, plan.source)):
                    reason = f"{path} would also be a result of {other}; write one of them to another --output"
                    reasons.setdefault(source, reason)
    return reasons


def remove_leftovers(targets: Iterable[str]) -> None:
    """Remove what a killed process had begun to write of these results; other processes may be writing others."""
    names = defaultdict(list)  # by folder
    for target in targets:
        folder, name = os.path.split(target)
        names[folder].append(name)
    for folder, own in names.items():
        if leftovers := list(Path(folder).glob(".*.tmp")):
            prefixes = tuple(map(files.temporary_prefix, own))
            for temporary in leftovers:
                if temporary.name.startswith(prefixes):
                    temporary.unlink(missing_ok=True)
