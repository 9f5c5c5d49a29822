"""One pass over photographs: how often each 24-bit colour occurs, then everything about the bins.

Since 8-bit RGB has only 2^24 colours, counting those loses nothing, takes constant memory for
any number of images, and leaves each conversion to Lab to be done once per colour.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor import color, photos
from tfcolor.bins import Bins, count_bins
from tfcolor.encoding import Encoder

_COLORS = 2**24
_CHUNK = 2**20  # colours converted at a time


@dataclass
class Scan:
    """The colours of a set of photographs.

    ab: float32 [N, 2], the distinct colours' ab, Lab units; several may coincide.
    pixels: int64 [N], how many pixels have each.
    num_images: photographs read.
    unreadable: the files that were skipped, each with the reason.
    """

    ab: np.ndarray
    pixels: np.ndarray
    num_images: int
    unreadable: list[tuple[Path, str]] = field(default_factory=list)

    def bins(self, window: int, dataset: str, split: str, **options: float) -> Bins:
        """Sort the colours into cells; the options are those of `bins.count_bins`."""
        origin = {"dataset": dataset, "split": split}
        origin |= {"num_images": self.num_images, "num_pixels": int(self.pixels.sum())}
        return count_bins(self.ab, self.pixels, window, **options, **origin)


def scan(paths: Iterable[Path], on_image: Callable[[int], None] = lambda done: None) -> Scan:
    """Count the colours of photographs; files that cannot be read are noted and skipped.

    Args:
        paths: the files.
        on_image: called with the number of files done.

    Returns:
        The colours. `num_images` is 0 where no file could be read.
    """
    counts = np.zeros(_COLORS, np.int64)
    num_images, unreadable = 0, []
    for done, (path, photo) in enumerate(photos.read_all(paths), start=1):
        if isinstance(photo, photos.UnreadableImage):
            unreadable.append((path, str(photo)))
        else:
            np.add.at(counts, _codes(photo.rgb), 1)
            num_images += 1
        on_image(done)
    codes = np.flatnonzero(counts)
    return Scan(_ab_of(codes), counts[codes], num_images, unreadable)


def _codes(rgb: np.ndarray) -> np.ndarray:
    """The 24-bit numbers 0xRRGGBB, int32 [N], of uint8 [H, W, 3]."""
    wide = rgb.reshape(-1, 3).astype(np.int32)
    return wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]


def _ab_of(codes: np.ndarray) -> np.ndarray:
    ab = np.empty([len(codes), 2], np.float32)
    for start in range(0, len(codes), _CHUNK):
        part = codes[start : start + _CHUNK]
        rgb = np.stack([part >> 16, part >> 8 & 255, part & 255], axis=-1).astype(np.uint8)
        ab[start : start + _CHUNK] = color.rgb_to_lab(color.from_uint8(tf.constant(rgb)))[:, 1:]
    return ab


def quantisation_errors(found: Scan, bins: Bins) -> tuple[float, float]:
    """The mean ab distance between a pixel's colour and that of its bin.

    Args:
        found: the colours to quantise.
        bins: the bins to quantise them with.

    Returns:
        In ab units: with the bins' geometric centres, and with the mean colour of their pixels.
    """
    encode = Encoder(bins, neighbours=1)
    totals = np.zeros(2)
    for start in range(0, len(found.ab), _CHUNK):
        ab, pixels = found.ab[start : start + _CHUNK], found.pixels[start : start + _CHUNK]
        indices = encode(tf.constant(ab))[0].numpy()[:, 0]
        for kind, colors in enumerate((bins.centres, bins.means)):
            totals[kind] += pixels @ np.linalg.norm(ab - colors[indices], axis=1)
    return tuple(totals / found.pixels.sum())
