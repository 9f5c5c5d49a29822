"""The MNIST digits (LeCun et al. 1998): found, or downloaded, and checked. No TensorFlow."""

import functools
import gzip
import hashlib
import tempfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfcolor.data import datasets
from tfcolor.utils.download import download
from tfcolor.utils.errors import InputError, WorkError
from tfcolor.utils.files import replacing

URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
SIDE = 28  # pixels

# File -> SHA-256 of its content; archives of the same digits differ in how they are compressed.
FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_HEADER = {"images": 16, "labels": 8}  # bytes before the values: magic number and sizes


class Digits(NamedTuple):
    """Images uint8 [N, 784], 0 for paper and 255 for ink, row by row; and their labels, int32 [N] in 0 ... 9."""

    images: np.ndarray
    labels: np.ndarray


@functools.cache
def load(data_dir: str | None = None) -> tuple[Digits, Digits]:
    """Load the 60,000 digits for training and the 10,000 for testing.

    Args:
        data_dir: the folder that holds the folder `mnist`, or gets it (default $TFCOLOR_DATA, else data/).

    Returns:
        The digits for training, and those for testing.

    Raises:
        InputError: a file is there and is not what it should be.
        WorkError: a file could not be downloaded.
    """
    folder = datasets.data_root(data_dir) / "mnist"
    arrays = [_values(_read(folder, name), name) for name in FILES]
    return Digits(*arrays[:2]), Digits(*arrays[2:])


def _values(content: bytes, name: str) -> np.ndarray:
    kind = "images" if "images" in name else "labels"
    values = np.frombuffer(content, np.uint8, offset=_HEADER[kind])
    return values.reshape(-1, SIDE * SIDE) if kind == "images" else values.astype(np.int32)


def _read(folder: Path, name: str) -> bytes:
    path = folder / f"{name}.gz"
    if not path.exists():
        _download(f"{URL}{path.name}", path, name)
    content = _unpack(path.read_bytes())
    if not _is_right(content, name):
        raise InputError(f"{path} does not hold MNIST's {name}: move it away, and it is downloaded")
    return content


def _download(url: str, path: Path, name: str) -> None:
    """Download a file, check it, and only then give it its name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mnist-", dir=path.parent) as temporary:
            archive = Path(temporary, path.name)
            download(url, archive, f"downloading {path.name}")
            packed = archive.read_bytes()
        if not _is_right(_unpack(packed), name):
            raise ValueError("its content is not what it should be")
        with replacing(path) as file:
            file.write(packed)
    except (OSError, ValueError) as error:
        raise WorkError(f"downloading {url} failed ({error}): put the file into {path.parent} by hand") from error


def _unpack(packed: bytes) -> bytes | None:
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):
        return None


def _is_right(content: bytes | None, name: str) -> bool:
    return content is not None and hashlib.sha256(content).hexdigest() == FILES[name]
