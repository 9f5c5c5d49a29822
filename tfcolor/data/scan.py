"""One pass over photographs counts every 24-bit colour; the bins are made from these counts.

Pictures of 8 bits have only 2^24 colours. To count them loses nothing and takes constant memory for any number of
photographs, and each colour is converted to Lab only once. JPEG files are counted in their own Y'CbCr, which saves its
conversion for every pixel; their colours become RGB at the end.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor.color.bins import Bins, count_bins
from tfcolor.color.codebooks import fit_codebook
from tfcolor.color.encoding import Encoder
from tfcolor.color.lab import levels_to_lab
from tfcolor.data.color_counts import ColorCounts
from tfcolor.photographs.formats import FORMATS
from tfcolor.photographs.jpeg import read_ycbcr, ycbcr_to_rgb
from tfcolor.photographs.pixels import UnreadableImage, read_photos
from tfcolor.utils import pixelwise
from tfcolor.utils.cores import num_cores
from tfcolor.utils.files import read_npz, write_npz

_CHUNK = 2**18  # colours converted at a time
_JPEG = FORMATS["jpeg"].suffixes
_MOST_THREADS = 8  # which decode; they count in turn
_BATCH = 32  # files that a thread takes at once
_LARGEST = 2**22  # pixels of a picture that they decode; the readers of the other files limit memory


@dataclass
class Scan:
    """The colours of a set of photographs.

    ab: float32 [N, 2], ab of the distinct colours, Lab units; some may be the same.
    lightness: float32 [N], their L*.
    pixels: int64 [N], how many pixels have each colour.
    num_images: number of photographs read.
    unreadable: the files that were skipped, each with the reason.
    """

    ab: np.ndarray
    lightness: np.ndarray
    pixels: np.ndarray
    num_images: int
    unreadable: list[tuple[Path, str]] = field(default_factory=list)

    def bins(self, window: int, dataset: str, split: str, **options: float) -> Bins:
        """Count the colours in cells and make bins; `options` go to `bins.count_bins`."""
        return count_bins(self.ab, self.pixels, window, **options, **self._origin(dataset, split))

    def codebook(self, codebook: str, units: int, dataset: str, split: str, **options: float) -> Bins:
        """Fit a map or k-means to the colours; `options` go to `codebooks.fit_codebook`."""
        return fit_codebook(codebook, self.ab, self.pixels, units, **options, **self._origin(dataset, split))

    def _origin(self, dataset, split):
        origin = {"dataset": dataset, "split": split}
        return origin | {"num_images": self.num_images, "num_pixels": int(self.pixels.sum())}


def scan(paths: Iterable[Path], on_image: Callable[[int], None] = lambda done: None) -> Scan:
    """Count the colours of photographs. Files that cannot be read are noted and skipped.

    Args:
        paths: the files.
        on_image: called with the number of files done so far.

    Returns:
        The colours. `num_images` is 0 if no file could be read.
    """
    tally = ScanTally()
    tally.count(paths, on_image)
    return tally.scan()


class ScanTally:
    """The colours that have been counted so far; those of several processes add up."""

    def __init__(self):
        """Start at zero."""
        self._counts = {space: ColorCounts() for space in ("ycbcr", "rgb")}
        self._num_images = 0
        self._unreadable: list[tuple[Path, str]] = []

    def count(self, paths: Iterable[Path], on_image: Callable[[int], None] = lambda done: None) -> None:
        """Count the colours of photographs; arguments as in `scan`."""
        paths = list(paths)
        jpegs = [path for path in paths if path.suffix.lower() in _JPEG]
        others = [path for path in paths if path.suffix.lower() not in _JPEG]
        jpegs_done = 0
        for path, is_counted in _count_jpegs(jpegs, self._counts["ycbcr"]):
            if is_counted:
                jpegs_done += 1
                on_image(jpegs_done)
            else:
                others.append(path)
        self._num_images += jpegs_done
        for done, (path, photo) in enumerate(read_photos(others), start=jpegs_done + 1):
            if isinstance(photo, UnreadableImage):
                self.skip(path, str(photo))
            else:
                self._counts["rgb"].add(photo.rgb)
                self._num_images += 1
            on_image(done)

    def skip(self, path: Path, reason: str) -> None:
        """Note a file that cannot be read."""
        self._unreadable.append((path, reason))

    def scan(self) -> Scan:
        """Return all that was counted."""
        ycbcr, pixels_of_ycbcr = self._counts["ycbcr"].distinct()
        rgb, pixels = self._counts["rgb"].distinct()
        lab = _lab_of(np.concatenate([ycbcr_to_rgb(ycbcr), rgb]))
        pixels = np.concatenate([pixels_of_ycbcr, pixels])
        return Scan(lab[:, 1:].copy(), lab[:, 0].copy(), pixels, self._num_images, sorted(self._unreadable))

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        unreadable = json.dumps([(os.fspath(file), reason) for file, reason in self._unreadable])
        saved = {"num_images": self._num_images, "unreadable": unreadable}
        for space, counts in self._counts.items():
            saved[space], saved[f"pixels_of_{space}"] = counts.distinct()
        write_npz(path, saved)

    def add(self, path: Path) -> None:
        """Add a tally that `save` wrote.

        Raises:
            InputError: the file is missing or broken.
        """
        arrays = {name for space in self._counts for name in (space, f"pixels_of_{space}")}
        saved = read_npz(path, {"num_images", "unreadable"} | arrays)
        for space, counts in self._counts.items():
            if len(saved[space]):
                counts.add_counts(saved[space], saved[f"pixels_of_{space}"])
        self._num_images += int(saved["num_images"])
        self._unreadable += [(Path(file), reason) for file, reason in json.loads(saved["unreadable"].item())]


def _lab_of(rgb: np.ndarray) -> np.ndarray:
    """Convert colours uint8 [N, 3] to Lab float32 [N, 3]."""
    if not len(rgb):
        return np.empty([0, 3], np.float32)
    return pixelwise.compiled(levels_to_lab, pixelwise.is_large(len(rgb)))(rgb)[0]


def _count_jpegs(paths: list[Path], counts: ColorCounts) -> Iterator[tuple[Path, bool]]:
    """Count Y'CbCr of JPEG files in threads; yield each file, and False for those that Pillow should try."""

    def count(batch):
        memory = np.empty(3 * _LARGEST, np.uint8)
        return [count_one(path, memory) for path in batch]

    def count_one(path, memory):
        ycbcr = read_ycbcr(path, memory)
        if ycbcr is not None:
            counts.add(ycbcr)
        return ycbcr is not None

    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    with ThreadPoolExecutor(min(num_cores(), _MOST_THREADS)) as pool:
        for batch, are_counted in zip(batches, pool.map(count, batches), strict=True):
            yield from zip(batch, are_counted, strict=True)


def quantisation_errors(found: Scan, bins: Bins) -> tuple[float, float]:
    """Compute the mean ab distance between a pixel's colour and the colour of its bin.

    Args:
        found: the colours to quantise.
        bins: the bins to quantise them with.

    Returns:
        Two distances in ab units: if a bin's colour is its geometric centre, and if it is the mean of its pixels.
    """
    encode = Encoder(bins, neighbours=1)
    totals = np.zeros(2)
    for start in range(0, len(found.ab), _CHUNK):
        ab, pixels = found.ab[start : start + _CHUNK], found.pixels[start : start + _CHUNK]
        indices = encode(tf.constant(ab))[0].numpy()[:, 0]
        for kind, colors in enumerate((bins.centres, bins.means)):
            totals[kind] += pixels @ np.linalg.norm(ab - colors[indices], axis=1)
    return tuple(totals / found.pixels.sum())
