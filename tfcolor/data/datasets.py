"""Dataset names -> photograph files; the scenes' download; the train / val / test split by name.

Only the standard library is imported here: a script answers a wrong name at once.
"""

import hashlib
import importlib.util
import os
import re
import zlib
from collections import Counter, deque
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
from tfcolor.utils.errors import InputError, WorkError

SAMPLES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")  # in scikit-image's own wheel
GRAY_SAMPLES = ("camera.png", "grass.png")  # beside them: photographs to colour, not to learn from
NAMES = (*SCENES, "samples")

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
SPLITS = ("train", "val", "test", "all")


@dataclass(frozen=True)
class Dataset:
    """The photographs of one dataset: POSIX paths relative to `folder`, sorted.

    parts: the datasets that a joint one consists of; each splits its own photographs.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    parts: tuple["Dataset", ...] = ()

    @property
    def paths(self) -> list[Path]:
        """The photographs' paths, in the order of `files`."""
        return [self.folder / file for file in self.files]

    @property
    def message(self) -> str:
        """One line that says how many photographs are here, and for the scenes which are not."""
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
        """Select the photographs of one split, which their names decide (see `split_of`).

        Args:
            which: 'train', 'val', 'test' or 'all'.

        Returns:
            A dataset of the same name and folder. A small dataset may have no file in a split.

        Raises:
            InputError: another split was asked for.
        """
        if which not in SPLITS:
            raise InputError(f"a split is one of {', '.join(SPLITS)}; got {which!r}")
        if self.parts:
            return _joined(self.name, [part.split(which) for part in self.parts])
        return replace(self, files=tuple(file for file in self.files if which in ("all", split_of(file))))

    def some_of(self, split: str, most: int) -> list[Path]:
        """The paths of at most so many photographs of a split, spread over it.

        Raises:
            InputError: where the split has none, or `most` is below 1.
        """
        if most < 1:
            raise InputError(f"--photographs must be at least 1, got {most}")
        paths = self.split(split).paths
        if not paths:
            raise InputError(f"{self.name} has no photograph in its {split} split; take another --split")
        return paths[:: -(-len(paths) // most)]

    def fingerprint(self) -> str:
        """Return the SHA-256 of sorted names and sizes, not of contents: a million files stay quick."""
        digest = hashlib.sha256()
        for part in self.parts:  # where one lies beside the other does not matter
            digest.update(part.fingerprint().encode())
        if self.parts:
            return digest.hexdigest()
        for file in sorted(self.files):
            digest.update(os.fsencode(file) + b"\0%d\n" % (self.folder / file).stat().st_size)
        return digest.hexdigest()


def split_of(file: str) -> str:
    """Name the split of a file: 15 % of all names are 'test', 5 % 'val', the others 'train'.

    Only the name decides, so that a photograph keeps its split when others come or go.

    Args:
        file: POSIX path relative to the dataset's folder; its bytes (UTF-8 as a rule) are hashed.
    """
    percent = int(hashlib.md5(os.fsencode(file), usedforsecurity=False).hexdigest(), 16) % 100
    return "test" if percent < 15 else "val" if percent < 20 else "train"


def share_of(file: str, num_shares: int) -> int:
    """The share of a file, 0 ... num_shares - 1: by its relative path, so that no other file matters."""
    return zlib.crc32(os.fsencode(file)) % num_shares


def category_of(dataset: Dataset, file: str) -> str:
    """What kind of photograph a file is: the scenes' name it, elsewhere its folder does; '' where there is none."""
    if SCENES_FILE.fullmatch(PurePosixPath(file).name):
        return scene_category(file)
    parent = PurePosixPath(file).parent
    return "" if parent == PurePosixPath(".") else parent.as_posix()


def data_root(data_dir: str | None = None) -> Path:
    """Choose the folder of the downloaded data: `data_dir`, else $TFCOLOR_DATA, else ./data."""
    return Path(data_dir or os.environ.get("TFCOLOR_DATA") or "data")


def check_name(name: str) -> str:
    """Refuse a name that is neither a known dataset nor a folder, before any expensive work.

    Args:
        name: one of `NAMES`, which win over folders of the same name, or a folder's path; or several
            of them with commas between.

    Returns:
        The name itself or the folder's own one, fit to be part of a file's name.

    Raises:
        InputError: it is neither; the message lists the known names.
    """
    if len(names := _part_names(name)) > 1:
        return "+".join(map(check_name, names))
    try:
        good = name in NAMES or (name != "" and Path(name).is_dir())
    except OSError as error:  # a name too long, or a folder on the way that cannot be searched
        raise InputError(f"dataset {name!r} cannot be read: {error.strerror}") from error
    if not good:
        raise InputError(f"unknown dataset {name!r}: neither a folder nor one of {', '.join(NAMES)}")
    return name if name in NAMES else re.sub(r"[^\w.-]+", "-", Path(name).resolve().name).strip("-.") or "folder"


def find(name: str, data_dir: str | None = None, download: bool = True) -> Dataset:
    """Find a dataset's photographs, and download the scenes where they are not there.

    Args:
        name: 'scenes', one of its categories, 'samples', or a path to a folder of images; or several
            of them with commas between, for all their photographs.
        data_dir: where the scenes' folder is or goes (default: see `data_root`).
        download: whether scenes that are not there may be downloaded.

    Returns:
        The dataset, with at least one file.

    Raises:
        InputError: unknown name, a folder without images, a category that is not there, or a photograph
            that is in two of several datasets.
        WorkError: the scenes could not be downloaded, or scikit-image lacks its photographs.
    """
    own_name = check_name(name)
    if len(names := _part_names(name)) > 1:
        return _joined(own_name, [find(part, data_dir, download) for part in names])
    if name in SCENES:
        return _find_scenes(name, data_root(data_dir), download)
    if name == "samples":
        return _find_samples()
    folder = Path(name)
    files = _image_files(folder)
    if not files:
        raise InputError(f"no images in folder {name!r} (looked for {' '.join(SUFFIXES)})")
    return Dataset(own_name, folder, files)


def sample_photographs() -> list[Path]:
    """List all photographs that scikit-image carries, also those without colour.

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


def _part_names(name: str) -> list[str]:
    """The datasets that a name joins; a folder's name may hold a comma itself."""
    parts = name.split(",")
    return [name] if len(parts) == 1 or "" in parts or Path(name).is_dir() else parts


def _joined(name: str, parts: list[Dataset]) -> Dataset:
    """All photographs of several datasets as one, below the folder that holds them all."""
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
    package = importlib.util.find_spec("skimage")  # finds the folder; importing it would take a second
    folder = Path(package.origin).parent / "data" if package else None
    if not folder or not all((folder / file).is_file() for file in SAMPLES + GRAY_SAMPLES):
        raise WorkError("the samples come with scikit-image: pip install --force-reinstall scikit-image")
    return Dataset("samples", folder, SAMPLES)


def _image_files(folder: Path) -> tuple[str, ...]:
    """List the images below a folder; each folder is read once, however many links lead to it."""
    files, seen = [], set(folder.resolve().parents)  # a link to a parent is a loop as well
    waiting = deque([""])  # prefixes of paths relative to `folder`, links to folders last
    while waiting:
        prefix = waiting.popleft()
        real = (folder / prefix).resolve()
        if real in seen:
            continue
        seen.add(real)
        with os.scandir(folder / prefix) as entries:
            shown = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
        for entry in shown:
            link = entry.is_symlink()
            target = Path(entry) if link else entry  # on a link to itself an entry raises, a path does not
            if entry.name.lower().endswith(SUFFIXES) and target.is_file():
                files.append(prefix + entry.name)
            elif target.is_dir():
                (waiting.append if link else waiting.appendleft)(f"{prefix}{entry.name}/")
    return tuple(sorted(files))
