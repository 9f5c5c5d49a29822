"""What the benchmarks work on: photographs, models, bins."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfcolor.color.bins import Bins, count_bins
from tfcolor.data import datasets
from tfcolor.photographs.pixels import read_photo
from tfcolor.utils.errors import InputError


def photographs(folder: Path, count: int = 400) -> list[Path]:
    """The scenes where they are at hand, else squares of 256 pixels from scikit-image's photographs."""
    try:
        return datasets.find("scenes", download=False).paths
    except InputError:
        return squares(folder, count)


def squares(folder: Path, count: int, side: int = 256) -> list[Path]:
    """Write JPEGs of random squares from scikit-image's photographs."""
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
    """A 4:3 photograph of some size, uint8 [H, W, 3]: scikit-image's coffee cup, mirrored side by side."""
    source = read_photo(datasets.find("samples").folder / "coffee.png").rgb
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(megapixels * 1e6 / height)
    mirrored = np.block([[[source], [source[:, ::-1]]], [[source[::-1]], [source[::-1, ::-1]]]])
    repeats = -(-height // mirrored.shape[0]), -(-width // mirrored.shape[1]), 1
    return np.tile(mirrored, repeats)[:height, :width]


def bins(num_bins: int) -> Bins:
    """Bins of window 10 around gray, or of window 5 where there are many; all equally likely."""
    window = 10 if num_bins <= 300 else 5
    axis = np.arange(-110 + window / 2, 110, window)
    plane = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    nearest = plane[np.argsort(np.linalg.norm(plane, axis=1), kind="stable")[:num_bins]]
    origin = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": num_bins}
    return count_bins(nearest, np.ones(num_bins, int), window, **origin)
