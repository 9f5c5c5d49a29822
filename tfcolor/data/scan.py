"""One pass over photographs counts every 24-bit colour; the bins are made from these counts.

8-bit RGB has only 2^24 colours. To count them loses nothing and takes constant memory for any number of
photographs, and each colour is converted to Lab only once.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
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
from tfcolor.photographs.pixels import UnreadableImage, read_photos
from tfcolor.utils.files import read_npz, write_npz

_CHUNK = 2**18  # colours converted at a time
_JPEG = FORMATS["jpeg"].suffixes
_DECODERS = 8  # files in the decoder at once
_LARGEST = 2**22  # pixels of a picture that TensorFlow decodes; Pillow reads larger ones, and limits memory


@dataclass
class Scan:
    """The colours of a set of photographs.

    ab: float32 [N, 2], ab of the distinct RGB colours, Lab units; some may have the same ab.
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
        self._counts, self._num_images = ColorCounts(), 0
        self._unreadable: list[tuple[Path, str]] = []

    def count(self, paths: Iterable[Path], on_image: Callable[[int], None] = lambda done: None) -> None:
        """Count the colours of photographs; arguments as in `scan`."""
        for done, (path, photo) in enumerate(_photographs(list(paths)), start=1):
            if isinstance(photo, UnreadableImage):
                self.skip(path, str(photo))
            else:
                self._counts.add(photo)
                self._num_images += 1
            on_image(done)

    def skip(self, path: Path, reason: str) -> None:
        """Note a file that cannot be read."""
        self._unreadable.append((path, reason))

    def scan(self) -> Scan:
        """Return all that was counted."""
        rgb, pixels = self._counts.distinct()
        lab = _lab_of(rgb)
        return Scan(lab[:, 1:].copy(), lab[:, 0].copy(), pixels, self._num_images, sorted(self._unreadable))

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        rgb, pixels = self._counts.distinct()
        unreadable = json.dumps([(os.fspath(file), reason) for file, reason in self._unreadable])
        write_npz(path, {"rgb": rgb, "pixels": pixels, "num_images": self._num_images, "unreadable": unreadable})

    def add(self, path: Path) -> None:
        """Add a tally that `save` wrote.

        Raises:
            InputError: the file is missing or broken.
        """
        saved = read_npz(path, {"rgb", "pixels", "num_images", "unreadable"})
        self._counts.add_counts(saved["rgb"], saved["pixels"])
        self._num_images += int(saved["num_images"])
        self._unreadable += [(Path(file), reason) for file, reason in json.loads(saved["unreadable"].item())]


def _photographs(paths: list[Path]) -> Iterator[tuple[Path, np.ndarray | UnreadableImage]]:
    """Decode files to uint8 [H, W, 3]: first, in parallel, the JPEGs that TensorFlow can read.

    Its decoder gives exactly Pillow's numbers, and unlike Pillow does all its work outside Python's lock. Pillow
    reads the rest: what TensorFlow cannot read or reads differently (CMYK), and what is large.
    """
    jpegs = [path for path in paths if path.suffix.lower() in _JPEG]
    others = [path for path in paths if path.suffix.lower() not in _JPEG]
    for path, rgb in zip(jpegs, _decoded(jpegs), strict=True):
        if rgb is None:
            others.append(path)
        else:
            yield path, rgb
    for path, photo in read_photos(others):
        yield path, photo if isinstance(photo, UnreadableImage) else photo.rgb


def _decoded(jpegs: list[Path]) -> Iterator[np.ndarray | None]:
    """Decode JPEG files in order; None for those that Pillow should try."""

    def decode(path):
        contents = tf.io.read_file(path)
        height, width, channels = tf.unstack(tf.cast(tf.image.extract_jpeg_shape(contents), tf.int64))
        is_suitable = (channels != 4) & (height * width <= _LARGEST)
        # A branch (tf.cond) would cost a twentieth of all time.
        return tf.io.decode_jpeg(tf.where(is_suitable, contents, dot), channels=3, dct_method="INTEGER_ACCURATE")

    dot = tf.io.encode_jpeg(tf.zeros([1, 1, 3], tf.uint8))  # in place of what Pillow should try
    names = tf.constant([os.fsencode(path) for path in jpegs], tf.string)
    dataset = tf.data.Dataset.from_tensor_slices(names).map(decode, num_parallel_calls=_DECODERS).prefetch(_DECODERS)
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread may sleep for half of the run's time before it ends
    decoded = dataset.with_options(options).as_numpy_iterator()
    for _ in jpegs:
        try:
            rgb = next(decoded)
        except tf.errors.OpError:  # it concerns this file only; the iterator goes on with the next
            rgb = None
        yield rgb if rgb is not None and rgb.shape[:2] != (1, 1) else None


def _lab_of(rgb: np.ndarray) -> np.ndarray:
    """Convert colours uint8 [N, 3] to Lab float32 [N, 3]."""
    lab = np.empty([len(rgb), 3], np.float32)
    for start in range(0, len(rgb), _CHUNK):
        lab[start : start + _CHUNK] = levels_to_lab(tf.constant(rgb[start : start + _CHUNK]))
    return lab


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
