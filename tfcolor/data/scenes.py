"""The scenes of Oliva and Torralba (2001), and their download."""

import re
import tempfile
import zlib
from collections import Counter
from http.client import HTTPException
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.request import urlopen
from zipfile import BadZipFile, ZipFile, ZipInfo

from tfcolor.utils.console import Progress
from tfcolor.utils.errors import InputError, WorkError

# Oliva and Torralba 2001, "Modeling the shape of the scene": 2,688 photographs of 256x256 pixels.
SCENES_COUNTS = {
    "coast": 360,
    "forest": 328,
    "highway": 260,
    "insidecity": 308,
    "mountain": 374,
    "opencountry": 410,
    "street": 292,
    "tallbuilding": 356,
}
SCENES_FOLDER = "spatial_envelope_256x256_static_8outdoorcategories"
SCENES_URL = f"http://people.csail.mit.edu/torralba/code/spatialenvelope/{SCENES_FOLDER}.zip"
SCENES_FILE = re.compile(rf"({'|'.join(SCENES_COUNTS)})_[A-Za-z0-9_.-]+\.jpg")


# Dataset name -> the categories of the scenes that it consists of.
SCENES = {"scenes": tuple(SCENES_COUNTS)} | {category: (category,) for category in SCENES_COUNTS}
HINT = f"or set TFCOLOR_DATA or --data-dir to the folder that holds {SCENES_FOLDER}"
MB = 1_000_000
ENTRY_BYTES = 5 * MB  # the largest photograph unpacked: 40 times the largest seen (126 kB)
TIMEOUT = 30.0  # seconds without a byte before the download is given up


# What `urllib` and `zipfile` raise for a bad line, server or archive (RuntimeError: it is encrypted).
FAILURES = (OSError, EOFError, ValueError, RuntimeError, HTTPException, BadZipFile, LZMAError, zlib.error)


def download_scenes(root: Path, url: str = SCENES_URL) -> Path:
    """Download the scenes' archive, check it, and unpack its photographs below `root`.

    Everything happens in a temporary folder inside `root`, removed on failure and Ctrl-C too; the
    finished folder is then renamed into place, so that a half-unpacked one is never seen.

    Args:
        root: the folder to hold `SCENES_FOLDER`, which is returned; created where missing.
        url: of the zip archive.

    Raises:
        InputError: `root` cannot be written to, or `SCENES_FOLDER` in it holds something already.
        WorkError: the download failed, or the archive is not what it should be.
    """
    folder = root / SCENES_FOLDER
    try:
        root.mkdir(parents=True, exist_ok=True)
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder} is not empty: move it away, and the photographs are downloaded")
        temporary = tempfile.TemporaryDirectory(prefix=".scenes-", dir=root)
    except OSError as error:
        raise InputError(f"cannot write to {root} ({error.strerror}): choose another --data-dir") from error
    with temporary:
        try:
            archive, unpacked = Path(temporary.name, "scenes.zip"), Path(temporary.name, SCENES_FOLDER)
            _fetch(url, archive)
            _unpack(archive, unpacked)
            if not _scenes_files(folder):  # else another process was faster
                unpacked.replace(folder)  # over an empty folder as well
        except FAILURES as error:
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection
            raise WorkError(
                f"downloading {url} failed ({str(error) or repr(error)}): "
                f"download it by hand and unpack it into {folder}, {HINT}"
            ) from error
    return folder


def _fetch(url: str, archive: Path) -> None:
    with urlopen(url, timeout=TIMEOUT) as response, archive.open("wb") as file:
        length = int(response.headers.get("Content-Length", 0))  # a server need not say it
        received = 0
        with Progress("downloading the scenes", -(-length // MB), "MB") as progress:
            while block := response.read(MB):
                received += file.write(block)
                progress.update(-(-received // MB))
    if received < length:
        raise ValueError(f"only {received:,} of {length:,} bytes came")


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    with ZipFile(archive) as opened:
        for name, entry in _photographs(opened).items():
            with opened.open(entry) as stream, (folder / name).open("xb") as file:
                file.write(stream.read(ENTRY_BYTES))  # bounded: an entry's declared size may be a lie


def _photographs(opened: ZipFile) -> dict[str, ZipInfo]:
    """Select the archive's photographs by base name alone: its paths are not to be trusted."""
    photographs = {}
    for entry in opened.infolist():
        name = PurePosixPath(entry.filename).name
        if entry.is_dir() or not SCENES_FILE.fullmatch(name):
            continue
        if name in photographs:
            raise ValueError(f"the archive holds {name} twice")
        if entry.file_size > ENTRY_BYTES:
            raise ValueError(f"{name} in the archive has {entry.file_size:,} bytes, more than a photograph")
        photographs[name] = entry
    counts = Counter(map(_category, photographs))
    for category, expected in SCENES_COUNTS.items():
        if counts[category] != expected:
            raise ValueError(f"the archive holds {counts[category]} of {expected} photographs of {category}")
    return photographs


def _scenes_files(folder: Path) -> tuple[str, ...]:
    paths = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(p.name for p in paths if SCENES_FILE.fullmatch(p.name) and p.is_file()))


def _category(file: str) -> str:
    return file.partition("_")[0]
