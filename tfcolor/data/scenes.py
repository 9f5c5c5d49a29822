"""The scenes of Oliva and Torralba (2001), and their download."""

import contextlib
import re
import tempfile
import zlib
from collections import Counter
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from tfcolor.utils.download import download
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
SCENES = {"scenes": tuple(SCENES_COUNTS)} | {category: (category,) for category in SCENES_COUNTS}  # name -> categories
HINT = f"or set TFCOLOR_DATA or `data_dir` to the folder that holds {SCENES_FOLDER}"

_ENTRY_BYTES = 5_000_000  # the largest photograph unpacked: 40 times the largest seen (126 kB)
# What a download and `zipfile` raise for a failed connection, disk or archive (RuntimeError: it is encrypted).
_FAILURES = (OSError, EOFError, ValueError, RuntimeError, BadZipFile, LZMAError, zlib.error)


def download_scenes(root: Path, url: str = SCENES_URL) -> Path:
    """Download the scenes' archive, check it, and unpack its photographs below `root`.

    The work is done in a temporary folder inside `root`, which is removed on failure and Ctrl-C too. The
    finished folder is then renamed, so that it is never seen half unpacked.

    Args:
        root: the folder to hold `SCENES_FOLDER`; made if it is missing.
        url: URL of the zip archive; http addresses are tried over https first.

    Returns:
        The folder with the photographs.

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
        raise InputError(f"cannot write to {root} ({error.strerror}): choose another `data_dir`") from error
    with temporary:
        try:
            archive, unpacked = Path(temporary.name, "scenes.zip"), Path(temporary.name, SCENES_FOLDER)
            _fetch(url, archive)
            _unpack(archive, unpacked)
            _check_photographs(unpacked)
            if not scene_files(folder):  # unless another process has finished first
                unpacked.replace(folder)  # an empty folder may be there
        except _FAILURES as error:
            raise WorkError(
                f"downloading {url} failed ({str(error) or repr(error)}): "
                f"download it by hand and unpack it into {folder}, {HINT}"
            ) from error
    return folder


def scene_files(folder: Path) -> tuple[str, ...]:
    """List the names of the scenes' photographs in a folder, sorted; none if there is no folder."""
    paths = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(p.name for p in paths if SCENES_FILE.fullmatch(p.name) and p.is_file()))


def scene_category(file: str) -> str:
    """Return the category in the name of a scene: 'forest' for 'forest_x.jpg'."""
    return file.partition("_")[0]


def _fetch(url: str, archive: Path) -> None:
    title = "downloading the scenes"
    secure_url = re.sub(r"^http:", "https:", url)
    if secure_url != url:
        with contextlib.suppress(ConnectionError):
            return download(secure_url, archive, title)
    return download(url, archive, title)


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    with ZipFile(archive) as opened:
        for name, entry in _photographs(opened).items():
            with opened.open(entry) as stream, (folder / name).open("xb") as file:
                file.write(stream.read(_ENTRY_BYTES))  # bounded: an entry's declared size may be a lie


def _photographs(opened: ZipFile) -> dict[str, ZipInfo]:
    """Select the archive's photographs by base name alone: its paths are not to be trusted."""
    photographs = {}
    for entry in opened.infolist():
        name = PurePosixPath(entry.filename).name
        if entry.is_dir() or not SCENES_FILE.fullmatch(name):
            continue
        if name in photographs:
            raise ValueError(f"the archive holds {name} twice")
        if entry.file_size > _ENTRY_BYTES:
            raise ValueError(f"{name} in the archive has {entry.file_size:,} bytes, more than a photograph")
        photographs[name] = entry
    counts = Counter(map(scene_category, photographs))
    for category, expected in SCENES_COUNTS.items():
        if counts[category] != expected:
            raise ValueError(f"the archive holds {counts[category]} of {expected} photographs of {category}")
    return photographs


def _check_photographs(folder: Path) -> None:
    from tfcolor.photographs.pixels import UnreadableImage, read_photos

    for path, photo in read_photos(sorted(folder.iterdir())):
        if isinstance(photo, UnreadableImage):
            raise ValueError(f"{path.name} in the archive cannot be decoded: {photo}")
