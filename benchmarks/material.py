"""Input data of the benchmarks: photographs and colour bins."""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import Scale
from tfcolor.color.bins import Bins, count_bins
from tfcolor.data import datasets
from tfcolor.data.datasets import Dataset
from tfcolor.photographs.pixels import read_photo
from tfcolor.utils.errors import InputError


def photographs(folder: Path, scale: Scale) -> Dataset:
    """Find or make photographs.

    Args:
        folder: folder for photographs that are made.
        scale: scale of the benchmark.

    Returns:
        The scenes if they are at hand, otherwise 400 squares of 256 pixels; 24 of 64 pixels at the scale TINY.
    """
    if scale is not Scale.TINY:
        try:
            return datasets.find("scenes", download=False)
        except InputError:
            pass
    paths = squares(folder, *scale.of(full=(400, 256), quick=(400, 256), tiny=(24, 64)))
    return Dataset("made", folder, tuple(path.name for path in paths))


def squares(folder: Path, count: int, side: int = 256) -> list[Path]:
    """Cut random squares out of scikit-image's photographs.

    Args:
        folder: folder for the files, which are JPEGs.
        count: number of squares.
        side: side of each in pixels, at most 300.

    Returns:
        The paths of the files.
    """
    rng = np.random.default_rng(0)
    sources = [read_photo(path).rgb for path in datasets.find("samples").paths]
    paths = []
    for number in range(count):
        source = sources[number % len(sources)]
        top, left = (rng.integers(0, length - side + 1) for length in source.shape[:2])
        paths.append(folder / f"square-{number:04d}.jpg")
        Image.fromarray(source[top : top + side, left : left + side]).save(paths[-1], quality=85)
    return paths


def photograph(megapixels: float) -> np.ndarray:
    """Make a 4:3 photograph of any size: scikit-image's coffee cup with its mirror images side by side.

    Returns:
        uint8 [H, W, 3], sRGB.
    """
    source = read_photo(datasets.find("samples").folder / "coffee.png").rgb
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(megapixels * 1e6 / height)
    mirrored = np.block([[[source], [source[:, ::-1]]], [[source[::-1]], [source[::-1, ::-1]]]])
    repeats = -(-height // mirrored.shape[0]), -(-width // mirrored.shape[1]), 1
    return np.tile(mirrored, repeats)[:height, :width]


def bins(num_bins: int) -> Bins:
    """Make the bins nearest to gray, all equally likely: of window 10, or 5 for more than 300."""
    window = 10 if num_bins <= 300 else 5
    axis = np.arange(-110 + window / 2, 110, window)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    nearest = plane[np.argsort(np.linalg.norm(plane, axis=1), kind="stable")[:num_bins]]
    origin = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": num_bins}
    return count_bins(nearest, np.ones(num_bins, int), window, **origin)
