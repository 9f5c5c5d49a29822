"""Choose T, lambda and chroma smoothing on validation photographs."""

import itertools
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border
from tfcolor.colorizer.colorizer import Colorizer, smoothed
from tfcolor.colorizer.painting import painted
from tfcolor.data.scan import scan
from tfcolor.evaluation.measuring import ColorErrors, PixelWeights, Truth, tracked_truths
from tfcolor.utils.errors import WorkError
from tfcolor.utils.files import read_json, write_json


@dataclass(frozen=True)
class Grid:
    """The values that are combined.

    temperatures, uniform_shares, radii: T, lambda and chroma smoothing, see `Decoding`.
    """

    temperatures: tuple[float, ...] = (1.0, 0.7, 0.38)
    uniform_shares: tuple[float, ...] = (1.0, 0.9, 0.8, 0.65, 0.5, 0.25, 0.1, 0.02)
    radii: tuple[int, ...] = (0, 4, 8)

    @property
    def decodings(self) -> list[Decoding]:
        """All combinations; raises InputError for values out of range."""
        combined = itertools.product(self.temperatures, self.uniform_shares, self.radii)
        return [Decoding(T, smoothing=radius, uniform_share=share) for T, share, radius in combined]


def choose(found: dict[Decoding, dict[str, float]], criterion: str, most_dcf: float = float("inf")) -> Decoding:
    """Return the best decoding by a criterion, such as 'mean_auc'; among equals, the one with the least smoothing.

    Args:
        found: from `measure`.
        criterion: the metric to optimize.
        most_dcf: only decodings with a smaller dCF are taken.

    Raises:
        WorkError: if none has.
    """
    allowed = [decoding for decoding, errors in found.items() if errors["dcf"] < most_dcf]
    if not allowed:
        least = min(errors["dcf"] for errors in found.values())
        raise WorkError(f"no combination has a dCF below {most_dcf:g}; the least is {least:.2f}")
    sign = 1 if criterion == "dcf" else -1
    return min(allowed, key=lambda decoding: (round(sign * found[decoding][criterion], 3), decoding.smoothing))


def measure(folder: Path, training: list[Path], paths: list[Path], grid: Grid) -> dict[Decoding, dict[str, float]]:
    """Measure all combinations of a grid.

    Args:
        folder: the model directory.
        training: training photographs, whose colours set the pixel weights of the rebalanced AuCs.
        paths: photographs to measure on.
        grid: the values to combine.

    Returns:
        By combination, the numbers of `measuring.ColorErrors`.

    Raises:
        WorkError: if no photograph can be read.
    """
    colorizer, scanned = Colorizer.load(folder), scan(training)
    weights = PixelWeights.of(scanned.ab, scanned.pixels)
    found: dict[Decoding, ColorErrors] = {}
    for _, truth in tracked_truths("measuring", paths):
        for decoding, ab in _colors(colorizer, truth, grid).items():
            errors = found.setdefault(decoding, ColorErrors())
            errors.add(truth, ab, painted(truth.lightness, ab), weights)
    if not found:
        raise WorkError(f"none of {len(paths)} photographs can be read, so nothing can be measured")
    return {decoding: errors.to_json() for decoding, errors in found.items()}


def _colors(colorizer: Colorizer, truth: Truth, grid: Grid) -> dict[Decoding, np.ndarray]:
    """ab float32 [H, W, 2] of a photograph for all combinations; each T and lambda is decoded once for all radii."""
    found = {decoding: np.empty(truth.ab.shape, np.float32) for decoding in grid.decodings}
    for part in colorizer.tiles(truth.lightness[None], margin=border(max(grid.radii))):
        for T, share in itertools.product(grid.temperatures, grid.uniform_shares):
            ab = colorizer.decode(part, T, share)
            for radius in grid.radii:
                found[Decoding(T, smoothing=radius, uniform_share=share)][part.place] = smoothed(ab, part, radius)[0]
    return found


def write(folder: Path, decoding: Decoding, reason: str) -> None:
    """Write a decoding into `model.json`, with the reason for the choice."""
    chosen = {name: value for name, value in asdict(decoding).items() if name != "strength"}
    description = read_json(folder / "model.json")
    write_json(folder / "model.json", description | {"decoding": chosen, "decoding_chosen_by": reason})
