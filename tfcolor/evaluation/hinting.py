"""How much hints help: the protocol of Zhang et al. 2017 ("Real-Time User-Guided Image Colorization", section 5.2).

Each photograph is resized to 256x256 pixels. A hint is a patch of 6x6 pixels with its true mean colour; the places of
patches are normally distributed around the centre. PSNR is measured on 8-bit sRGB pictures, and averaged over
photographs.
"""

import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from matplotlib.figure import Figure
from PIL import Image
from scipy.spatial import cKDTree

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.hints import Hints
from tfcolor.colorizer.opened import OpenedPhotograph
from tfcolor.colorizer.painting import painted
from tfcolor.colorizer.spreading import Neighbourhood
from tfcolor.colorizer.working_size import reduced
from tfcolor.evaluation.bootstrap import Tally, interval
from tfcolor.evaluation.measuring import lab_of, psnr, tracked_truths
from tfcolor.utils.errors import WorkError
from tfcolor.utils.figures import save_figure

COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
SIDE, PATCH = 256, 6  # pixels
# The mean PSNR in dB of Zhang et al.'s network by the number of hints, on 1,000 photographs of ImageNet: the file
# resources/psnrs_siggraph.npy of its released code.
PUBLISHED = dict(zip(COUNTS, (24.43, 25.37, 26.20, 27.39, 28.42, 29.34, 30.42, 31.13), strict=True))
_CELL = 4  # pixels: side of the cells on which Levin's colours are spread


def measure_hints(
    colorizer: Colorizer, decodings: list[Decoding], paths: Collection[Path]
) -> dict[str, dict[int, tuple[float, float, float]]]:
    """Measure the PSNR against the number of hints.

    Args:
        colorizer: a model that predicts distributions.
        decodings: the ways to decode colours, with different temperatures.
        paths: the photographs.

    Returns:
        For each decoding ('T = 1'), 'Levin alone' and 'nearest hint', and each number of hints: the mean PSNR in dB,
        and the ends of its 95 % interval. The last two need no network, and give gray without hints.

    Raises:
        WorkError: no photograph can be read.
    """
    tally = Tally()
    for path, truth in tracked_truths("measuring", paths):
        rgb = np.asarray(Image.fromarray(truth.rgb).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        lab = lab_of(rgb)
        corners, colors = simulated(lab[..., 1:], zlib.crc32(path.name.encode(errors="surrogateescape")))
        opened = colorizer.open(rgb)
        pairs = {}
        for count in COUNTS:
            pictures = pictures_of(opened, decodings, lab[..., 0], corners[:count], colors[:count])
            pairs |= {f"{way}, {count}": (psnr(rgb, picture), 1) for way, picture in pictures.items()}
        tally.add(str(path), pairs)
    if not tally.sums:
        raise WorkError(f"none of the {len(paths)} photographs can be read")
    ways = [*map(_name, decodings), "Levin alone", "nearest hint"]
    return {way: {count: interval(tally.ratio(f"{way}, {count}")) for count in COUNTS} for way in ways}


def _name(decoding):
    return f"T = {decoding.temperature:g}"


def simulated(ab: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate hints.

    Args:
        ab: the true colours, float32 [H, W, 2], ab units.
        seed: of the places.

    Returns:
        The upper left corners of the most patches, int [N, 2], y and x; and their mean colours, float32 [N, 2].
    """
    room = np.array(ab.shape[:2]) - PATCH
    places = np.random.default_rng(seed).normal((room + 1) / 2, (room + 1) / 4, (max(COUNTS), 2))
    corners = np.clip(places, 0, room).astype(int)
    return corners, np.stack([ab[y : y + PATCH, x : x + PATCH].mean(axis=(0, 1)) for y, x in corners])


def pictures_of(
    opened: OpenedPhotograph, decodings: list[Decoding], lightness: np.ndarray, corners: np.ndarray, colors: np.ndarray
) -> dict[str, np.ndarray]:
    """Colour a photograph in each way, uint8 [H, W, 3]; the first hint counts where patches overlap."""
    if not len(colors):
        found = {_name(decoding): opened.decoded((), decoding) for decoding in decodings}
        gray = painted(lightness)
        return found | {"Levin alone": gray, "nearest hint": gray}
    offsets = np.stack(np.meshgrid(np.arange(PATCH), np.arange(PATCH)), axis=-1).reshape(-1, 2)
    pixels = (corners[:, None, ::-1] + offsets).reshape(-1, 2)  # x and y
    owner = np.repeat(np.arange(len(colors)), len(offsets))
    pixels, first = np.unique(pixels, axis=0, return_index=True)
    hints = Hints(pixels, colors[owner[first]])
    found = {_name(decoding): opened.decoded(hints, decoding) for decoding in decodings}
    return found | {
        "Levin alone": painted(lightness, levin(lightness, corners, colors)),
        "nearest hint": painted(lightness, nearest(lightness.shape, corners, colors)),
    }


def levin(lightness: np.ndarray, corners: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Spread hints by Levin et al.'s weights alone: ab float32 [H, W, 2], ab units."""
    height, width = (side // _CELL for side in lightness.shape)
    centres = (corners + PATCH // 2) // _CELL
    cells, which = np.unique(centres[:, 0] * width + centres[:, 1], return_inverse=True)
    means = np.stack([colors[which == k].mean(axis=0) for k in range(len(cells))])
    members = sp.csr_matrix((np.ones(len(cells)), (np.arange(len(cells)), cells)), (len(cells), height * width))
    follow = Neighbourhood(reduced(lightness, (height, width)), leak=1e-9).follow(members)
    ab = (follow @ np.linalg.solve(follow[cells], means)).reshape(height, width, 2)
    planes = [Image.fromarray(np.float32(plane)) for plane in np.moveaxis(ab, -1, 0)]
    enlarged = [plane.resize(lightness.shape[::-1], Image.Resampling.BILINEAR) for plane in planes]
    return np.stack([np.asarray(plane) for plane in enlarged], axis=-1)


def nearest(shape: tuple[int, int], corners: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Give each pixel the colour of the nearest hint: ab float32 [H, W, 2], ab units."""
    pixels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
    _, owner = cKDTree(corners + (PATCH - 1) / 2).query(pixels)
    return colors[owner].reshape(*shape, 2)


def plot(found: dict[str, dict[int, tuple]], title: str, path: Path) -> None:
    """Plot the PSNR against the number of hints."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for way, results in found.items():
        middle, low, high = np.array([results[count] for count in COUNTS]).T
        axes.plot(COUNTS, middle, marker="o", label=way)
        axes.fill_between(COUNTS, low, high, alpha=0.15)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xticks(COUNTS, [str(count) for count in COUNTS])
    axes.set(xlabel="hints", ylabel="PSNR, dB", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)
