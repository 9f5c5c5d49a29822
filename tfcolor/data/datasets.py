"""Find the photographs of datasets, download the scenes, and split photographs into train / val / test by name.

Only the standard library is imported here, so that a command can refuse a wrong name at once.
"""

import hashlib
import importlib.util
import os
import re
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tfcolor.data.scenes import (
    HINT,
    SCENES,
    SCENES_COUNTS,
    SCENES_FILE,
    SCENES_FOLDER,
    SCENES_URL,
    download_scenes,
    scene_category,
    scene_files,
)
from tfcolor.photographs.folders import find_images
from tfcolor.photographs.formats import SUFFIXES
from tfcolor.utils.errors import InputError, WorkError

SAMPLES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")  # part of scikit-image's wheel
GRAY_SAMPLES = ("camera.png", "grass.png")  # in the same folder: photographs to colour, not to learn from
NAMES = (*SCENES, "samples")
SPLITS = ("train", "val", "test", "all")
LIST_SUFFIX = ".txt"
TOP = "(top folder)"  # category of photographs that lie in no subfolder


@dataclass(frozen=True)
class Dataset:
    """The photographs of a dataset.

    name: fit to be part of a file's name.
    folder: holds all photographs.
    files: their POSIX paths relative to `folder`, sorted.
    parts: the datasets that a joint dataset consists of; each splits its own photographs.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    parts: tuple["Dataset", ...] = ()

    @property
    def paths(self) -> list[Path]:
        """The paths of the photographs, in the order of `files`."""
        return [self.folder / file for file in self.files]

    @property
    def message(self) -> str:
        """One line that says how many photographs there are, and which categories of the scenes are missing."""
        if self.parts:
            return "; ".join(part.message for part in self.parts)
        if self.name == "samples" and self.files and set(self.files) <= set(SAMPLES):
            return f"{self.name}: {len(self.files)} photographs that scikit-image carries"
        if self.name not in SCENES or self.folder.name != SCENES_FOLDER:
            return f"{self.name}: {len(self.files):,} images in {self.folder}"
        expected = sum(SCENES_COUNTS[category] for category in SCENES[self.name])
        of = "" if len(self.files) == expected else f" of {expected:,}"
        line = f"{self.name}: {len(self.files):,}{of} photographs"
        if len(SCENES[self.name]) == 1:
            return line
        counts = Counter(map(scene_category, self.files))
        here = ", ".join(f"{category} {counts[category]}" for category in SCENES_COUNTS if counts[category])
        missing = ", ".join(category for category in SCENES_COUNTS if not counts[category])
        return f"{line} ({here}{'; missing: ' if missing else ''}{missing})"

    def split(self, which: str) -> "Dataset":
        """Select the photographs of one split, see `split_of`.

        Args:
            which: 'train', 'val', 'test' or 'all'.

        Returns:
            A dataset of the same name and folder. In a small dataset, a split may be empty.

        Raises:
            InputError: there is no such split.
        """
        if which not in SPLITS:
            raise InputError(f"a split is one of {', '.join(SPLITS)}; got {which!r}")
        if self.parts:
            return _joined(self.name, [part.split(which) for part in self.parts])
        return replace(self, files=tuple(file for file in self.files if which in ("all", split_of(file))))

    def some_of(self, split: str, photographs: int) -> list[Path]:
        """Choose photographs that are spread evenly over a split.

        Args:
            split: 'train', 'val', 'test' or 'all'.
            photographs: the largest number of photographs.

        Returns:
            The paths of the photographs.

        Raises:
            InputError: the split is empty, or `photographs` is below 1.
        """
        if photographs < 1:
            raise InputError(f"`photographs` must be at least 1, got {photographs}")
        paths = self.split(split).paths
        if not paths:
            raise InputError(f"{self.name} has no photograph in its {split} split; choose another `split`")
        return paths[:: -(-len(paths) // photographs)]

    def fingerprint(self) -> str:
        """Return the SHA-256 of sorted names and sizes. Contents are not read: a million files would take long."""
        digest = hashlib.sha256()
        for part in self.parts:  # their common folder does not matter
            digest.update(part.fingerprint().encode())
        if self.parts:
            return digest.hexdigest()
        for file in sorted(self.files):
            digest.update(os.fsencode(file) + b"\0%d\n" % (self.folder / file).stat().st_size)
        return digest.hexdigest()


def split_of(file: str) -> str:
    """Return the split of a file: 'test' for 15 % of all names, 'val' for 5 %, 'train' for the others.

    Only the name decides, so that a photograph keeps its split when others are added or removed.

    Args:
        file: POSIX path relative to the dataset's folder; its bytes (usually UTF-8) are hashed.
    """
    percent = int(hashlib.md5(os.fsencode(file), usedforsecurity=False).hexdigest(), 16) % 100
    return "test" if percent < 15 else "val" if percent < 20 else "train"


def share_of(file: str, num_shares: int) -> int:
    """Return the share of a file, 0 ... num_shares - 1. Only its relative path decides, no other file."""
    return zlib.crc32(os.fsencode(file)) % num_shares


def category_of(file: str) -> str:
    """Return the category of a photograph: that in a scene's name, else the file's folder, `TOP` without a folder."""
    if SCENES_FILE.fullmatch(name := PurePosixPath(file).name):
        return scene_category(name)
    parent = PurePosixPath(file).parent
    return TOP if parent == PurePosixPath(".") else parent.as_posix()


def data_root(data_dir: str | None = None) -> Path:
    """Return the folder of the downloaded data: `data_dir`, else $TFCOLOR_DATA, else ./data."""
    return Path(data_dir or os.environ.get("TFCOLOR_DATA") or "data")


def check_name(name: str, data_dir: str | None = None) -> str:
    """Refuse a name that is neither a known dataset nor a folder.

    Args:
        name: one of `NAMES`, the path of a folder or of a text file with a path on each line, or several of these
            separated by commas. A known name wins over a folder of the same name, and a folder in the current folder
            over one in `data_dir`.
        data_dir: see `data_root`.

    Returns:
        The name itself or the name of the folder, fit to be part of a file's name.

    Raises:
        InputError: it is neither; the message lists the known names.
    """
    if len(names := _part_names(name)) > 1:
        return "+".join(check_name(part, data_dir) for part in names)
    try:
        good = name in NAMES or _place(name, data_dir) is not None
    except OSError as error:  # the name is too long, or a folder in the path cannot be searched
        raise InputError(f"dataset {name!r} cannot be read: {error.strerror}") from error
    if not good:
        raise InputError(
            f"unknown dataset {name!r}: no folder, no list of files (.txt), and none of {', '.join(NAMES)}"
        )
    if name in NAMES:
        return name
    path = Path(name).resolve()
    own_name = path.stem if path.suffix == LIST_SUFFIX else path.name
    return re.sub(r"[^\w.-]+", "-", own_name).strip("-.") or "folder"


def find(name: str, data_dir: str | None = None, download: bool = True) -> Dataset:
    """Find the photographs of a dataset, and download the scenes if they are missing.

    Args:
        name: 'scenes', one of its categories, 'samples', the path of a folder of images, also in `data_dir`, or of a
            text file with the path of an image on each line; or several of these separated by commas, for all their
            photographs.
        data_dir: the folder that holds the scenes' folder, or will (default: see `data_root`).
        download: whether missing scenes may be downloaded.

    Returns:
        The dataset, with at least one file.

    Raises:
        InputError: the name is unknown, the folder holds no images, the category is missing, or two of several
            datasets hold the same photograph.
        WorkError: the scenes could not be downloaded, or scikit-image lacks its photographs.
        OSError: a folder cannot be read.
    """
    own_name = check_name(name, data_dir)
    if len(names := _part_names(name)) > 1:
        return _joined(own_name, [find(part, data_dir, download) for part in names])
    if name in SCENES:
        return _find_scenes(name, data_root(data_dir), download)
    if name == "samples":
        return _find_samples()
    folder = _place(name, data_dir)
    if folder.is_file():
        return _read_list(own_name, folder)
    files = tuple(find_images(folder, only_files=True))
    if not files:
        raise InputError(f"no images in folder {name!r} (looked for {' '.join(SUFFIXES)})")
    return Dataset(own_name, folder, files)


def sample_photographs() -> list[Path]:
    """List the photographs that scikit-image carries, with and without colour.

    Raises:
        WorkError: scikit-image lacks them.
    """
    folder = _find_samples().folder
    return [folder / file for file in sorted(SAMPLES + GRAY_SAMPLES)]


def _find_scenes(name: str, root: Path, download: bool) -> Dataset:
    folder = root / SCENES_FOLDER
    files = scene_files(folder)
    if not files and not download:
        raise InputError(f"no photographs in {folder}: download {SCENES_URL} and unpack it there, {HINT}")
    files = files or scene_files(download_scenes(root))
    chosen = tuple(file for file in files if scene_category(file) in SCENES[name])
    if not chosen:
        here = ", ".join(dict.fromkeys(map(scene_category, files)))
        raise InputError(f"no {name} in {folder}, only {here}: choose one of these, or move it away to download all")
    return Dataset(name, folder, chosen)


def _place(name: str, data_dir: str | None) -> Path | None:
    """The folder or the list of files that a name means, here or in the folder of the data; None for neither."""
    if name == "":
        return None
    for path in (Path(name), data_root(data_dir) / name):
        if path.is_dir() or (path.suffix == LIST_SUFFIX and path.is_file()):
            return path
    return None


def _read_list(name: str, path: Path) -> Dataset:
    """The photographs named in a text file, relative to its folder. The path as written decides the split."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a list of files: it is not UTF-8 text") from error
    files = tuple(sorted({line for line in lines if line}))
    missing = next((file for file in files if not (path.parent / file).is_file()), None)
    if missing:
        raise InputError(f"{path}: there is no file {missing} in {path.parent}")
    if not files:
        raise InputError(f"{path} names no files")
    return Dataset(name, path.parent, files)


def _part_names(name: str) -> list[str]:
    """The names that commas separate, unless a folder's own name holds the comma."""
    parts = name.split(",")
    return [name] if len(parts) == 1 or "" in parts or Path(name).is_dir() else parts


def _joined(name: str, parts: list[Dataset]) -> Dataset:
    """Join several datasets to one, whose folder is the nearest that holds them all."""
    folders = [part.folder.resolve() for part in parts]
    common = Path(os.path.commonpath(folders))
    files = [
        (folder / file).relative_to(common).as_posix()
        for folder, part in zip(folders, parts, strict=True)
        for file in part.files
    ]
    if len(set(files)) < len(files):
        twice = next(file for file, count in Counter(files).items() if count > 1)
        raise InputError(f"{name}: {twice} is in two of these datasets; name each photograph's dataset once")
    return Dataset(name, common, tuple(sorted(files)), tuple(parts))


def _find_samples() -> Dataset:
    package = importlib.util.find_spec("skimage")  # finds the folder; an import would take a second
    folder = Path(package.origin).parent / "data" if package else None
    if not folder or not all((folder / file).is_file() for file in SAMPLES + GRAY_SAMPLES):
        raise WorkError("the samples come with scikit-image: pip install --force-reinstall scikit-image")
    return Dataset("samples", folder, SAMPLES)
