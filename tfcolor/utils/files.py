"""Files that are written completely or not at all."""

import contextlib
import io
import json
import math
import os
import secrets
import shutil
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from tfcolor.utils.errors import InputError

# What NumPy raises if an .npz is broken (TypeError, AttributeError: it is a bare array, which has no `with`).
_BROKEN_NPZ = (
    OSError,
    ValueError,
    EOFError,
    TypeError,
    AttributeError,
    KeyError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    MemoryError,
    OverflowError,
    SyntaxError,
    tokenize.TokenError,
)
_MOST_UNPACKED = 20  # times the file's size; arrays in packed files may be full of zeros, but not much larger
_ALWAYS_UNPACKED = 2**26  # bytes


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path`; on success it gets that name, else it is removed.

    Args:
        path: the file to make or replace, in a folder that exists.

    Yields:
        A binary file, open for writing and reading.
    """
    # Processes of other machines may have the same number and write the same file.
    temporary = path.with_name(f"{temporary_prefix(path.name)}{os.getpid()}-{secrets.token_hex(3)}.tmp")
    try:
        with temporary.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path, replace: bool = False) -> Iterator[Path]:
    """Make a temporary folder beside `path`; on success it gets that name, else it is removed.

    Args:
        path: the folder to make, see `check_new`.
        replace: whether it may replace an existing folder. If `path` is a link, the folder it leads to is replaced.

    Yields:
        An empty folder.
    """
    path = path.resolve() if replace else path
    with tempfile.TemporaryDirectory(dir=path.absolute().parent, prefix=".", suffix=".tmp") as unfinished:
        folder = Path(unfinished, "complete")  # has the usual permissions, unlike the folder around it
        folder.mkdir()
        yield folder
        if replace and path.exists():
            _replace_folder(path, folder)
        else:
            folder.rename(path)


def _replace_folder(old: Path, new: Path) -> None:
    """Give a folder the place of another, by renaming. At every moment both are whole, somewhere beside each other."""
    place = Path(tempfile.mkdtemp(dir=old.parent, prefix=".", suffix=".old"))
    aside = place / "old"
    try:
        old.rename(aside)
        new.rename(old)
    finally:
        if not old.exists():
            aside.rename(old)
        shutil.rmtree(place)


class WithoutDescriptor(io.BufferedIOBase):
    """An open file that hides its descriptor, so that libraries write through Python.

    Pillow and tifffile write straight to a descriptor if there is one. When the disk is full they then say
    'encoder error' or '57600 requested and 16160 written' instead of what the system says.
    """

    def __init__(self, file: IO[bytes]):
        """Wrap an open binary file; whoever opened it closes it."""
        self.write, self.flush, self.seek, self.tell = file.write, file.flush, file.seek, file.tell
        self.read, self.readinto = file.read, file.readinto

    def readable(self) -> bool:
        """Return True."""
        return True

    writable = seekable = readable


def temporary_prefix(name: str) -> str:
    """Return how the names of a file's temporary files begin: briefly, since the longest name must leave room."""
    return f".{zlib.crc32(os.fsencode(name)):08x}."


_LEFTOVERS = ".*.tmp"


def remove_leftovers(folder: Path) -> None:
    """Remove what `replacing` left in a folder when a process was killed. No other process may be writing there."""
    for temporary in folder.glob(_LEFTOVERS):
        temporary.unlink(missing_ok=True)


def is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing, except what `replacing` left when a process was killed."""
    return all(path.match(_LEFTOVERS) for path in folder.iterdir())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as indented JSON, completely or not at all."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays, numbers and strings as an .npz without pickles, completely or not at all."""
    with replacing(path) as file:
        np.savez(file, **arrays)


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises:
        InputError: the file is missing, or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {_first_line(error)}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} cannot be read: not a JSON object")
    return content


def read_npz(path: Path, keys: set[str] | None = None) -> dict[str, np.ndarray]:
    """Read what `write_npz` wrote; no pickle is ever loaded.

    Args:
        path: the file.
        keys: the names that the file must hold, no more and no fewer; None for any.

    Raises:
        InputError: the file is missing or broken, or holds other names.
    """
    try:
        with path.open("rb") as file:
            _check_declared(file)
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                content = dict(arrays.items())
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing") from error
    except _BROKEN_NPZ as error:
        raise InputError(f"{path} cannot be read: {_first_line(error)}") from error
    if keys is not None:
        check_names(path, content, keys)
    return content


def _check_declared(file: IO[bytes]) -> None:
    """Raise ValueError if arrays claim other sizes than their bytes have: NumPy takes memory for what they claim."""
    total = 0
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as array:
                version = np.lib.format.read_magic(array)
                read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
                shape, _, dtype = read[version](array)
                if dtype.hasobject or min(shape, default=0) < 0:
                    raise ValueError(f"{entry.filename} is no array of numbers or text")
                declared, present = math.prod(shape) * dtype.itemsize, entry.file_size - array.tell()
            if declared != present:
                raise ValueError(f"{entry.filename} declares {declared:,} bytes, and has {present:,}")
            total += entry.file_size
    size = os.fstat(file.fileno()).st_size
    if total > max(_ALWAYS_UNPACKED, _MOST_UNPACKED * size):
        raise ValueError(f"it unpacks {size:,} bytes to {total:,}")


def check_names(path: Path, content: dict[str, np.ndarray], keys: set[str]) -> None:
    """Raise InputError if a file's content has other names than it should."""
    if content.keys() != keys:
        missing, unknown = sorted(keys - content.keys()), sorted(content.keys() - keys)
        raise InputError(f"{path} does not fit: missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")


def _first_line(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).partition("\n")[0]


def check_folder(path: Path) -> None:
    """Check that a folder can be made and written to, without making it.

    Raises:
        InputError: it cannot.
    """
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        reason = "is not writable" if existing.is_dir() else "is not a folder"
        raise InputError(f"cannot write to folder {path}: {existing} {reason}")


def check_new(path: Path) -> None:
    """Check that a file or folder does not exist, and can be made in a folder that does.

    Raises:
        InputError: it exists, or cannot be made.
    """
    if path.exists():
        raise InputError(f"{path} exists; remove it, or give another `output`")
    parent = path.absolute().parent
    if not parent.is_dir():
        raise InputError(f"{path} cannot be written: there is no folder {parent}")
    check_folder(parent)


def make_folder(path: Path) -> None:
    """Make a folder for results, and check that files can be written to it.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(f"cannot write to folder {path}: {error.strerror or error}") from error
