"""What the study of systems measures of a model, and the pictures that it shows."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from skimage.color import deltaE_ciede2000

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import painted
from tfcolor.data import datasets
from tfcolor.data.datasets import Dataset
from tfcolor.data.scan import scan
from tfcolor.evaluation.measuring import PixelWeights, Truth, lab_of, measure_colors, tracked_truths, truths
from tfcolor.evaluation.metrics import MAX_DISTANCE, brown_pixels
from tfcolor.photographs.pixels import read_photos
from tfcolor.utils.files import make_folder, read_npz, write_npz
from tfcolor.utils.sheets import reduced

TEMPERATURES = (0.38, 1.0)  # of networks that predict distributions: the default of all models, and the mean
REPAINTED = "repainted"  # of networks that paint RGB: their pictures with a lightness of their own
SHOWN = 8  # test photographs on the sheet
SIDE = 160  # pixels: of the squares on sheets
SAMPLE_SIDE = 288  # pixels: the longer side of scikit-image's photographs, near the size of training photographs


class Sums:
    """Numerators and denominators of metrics over photographs."""

    def __init__(self):
        """Start at zero."""
        self._pairs: dict[str, np.ndarray] = {}

    def add(self, truth: Truth, ab: np.ndarray, weights: PixelWeights) -> None:
        """Add a photograph with predicted ab, float32 [H, W, 2], and the lightness of the truth."""
        self._add(truth, ab, measure_colors(truth, ab, painted(truth.lightness, ab), weights))

    def add_picture(self, truth: Truth, rgb: np.ndarray, weights: PixelWeights) -> None:
        """Add a photograph with a predicted picture, uint8 [H, W, 3], which has a lightness of its own."""
        lab, true_lab = lab_of(rgb), np.concatenate([truth.lightness[..., None], truth.ab], axis=-1)
        pairs = measure_colors(truth, lab[..., 1:], rgb, weights)
        pairs["ciede2000"] = (deltaE_ciede2000(true_lab, lab).sum(), truth.lightness.size)
        self._add(truth, lab[..., 1:], pairs)

    def _add(self, truth, ab, pairs):
        for prefix, colors in (("", ab), ("true_", truth.ab)):
            brown, colored = brown_pixels(colors)
            pairs |= {f"{prefix}brown": (brown, colored), f"{prefix}colored": (colored, truth.lightness.size)}
        for name, pair in pairs.items():
            if name != "within":
                self._pairs[name] = self._pairs.get(name, 0) + np.array(pair, np.float64)

    def to_json(self) -> dict[str, float]:
        """Return the metrics by name: AuCs and shares in per cent, PSNR in decibels."""
        ratios = {name: float(pair[0] / pair[1]) if pair[1] else 0.0 for name, pair in self._pairs.items()}
        auc = lambda error: 100 * (1 - ratios[error] / MAX_DISTANCE)  # noqa: E731
        found = {"raw_auc": auc("raw_error"), "bounded_auc": auc("bounded_error")}
        found |= {name: ratios[name] for name in ("psnr", "ciede2000", "colourfulness", "true_colourfulness")}
        return found | {name: 100 * ratios[name] for name in ("brown", "true_brown", "colored", "true_colored")}


def describe(folder: Path, dataset: Dataset, photos: int, cache: Path) -> dict[str, Any]:
    """Measure a model on test photographs.

    Args:
        folder: its directory.
        dataset: the whole dataset.
        photos: the largest number of test photographs.
        cache: folder for the pixel weights, which take long to count.

    Returns:
        `parameters`; `photographs`; `seconds_per_photo`, the median time to predict the colours of one photograph; the
        metrics of gray pictures as `gray`; and `measured`: those of the model by T, or by '' for one colour a pixel,
        and by 'repainted' with its own lightness if it paints RGB.
    """
    colorizer, weights = Colorizer.load(folder), pixel_weights(dataset, cache)
    decodings = decodings_of(colorizer)
    own, *others = decodings.values()
    sums, repainted, gray, seconds = {name: Sums() for name in decodings}, Sums(), Sums(), []
    painter = Colorizer.load(folder, repaint=True) if colorizer.objective.gives_lightness else None
    for _, truth in tracked_truths("measuring", dataset.some_of("test", photos)):
        gray.add(truth, np.zeros_like(truth.ab), weights)
        started = time.perf_counter()
        (first,) = colorizer.predict_many(truth.lightness, [own])
        seconds.append(time.perf_counter() - started)
        colors = [first, *(colorizer.predict_many(truth.lightness, others) if others else [])]
        for each, ab in zip(sums.values(), colors, strict=True):
            each.add(truth, ab, weights)
        if painter:
            repainted.add_picture(truth, painter.colorize(truth.rgb), weights)
    if painter:
        sums[REPAINTED] = repainted
    return {
        "parameters": int(sum(np.prod(weight.shape) for weight in colorizer.network.weights.values())),
        "photographs": len(seconds),
        "seconds_per_photo": float(np.median(seconds)),
        "gray": gray.to_json(),
        "measured": {name: each.to_json() for name, each in sums.items()},
    }


def decodings_of(colorizer: Colorizer) -> dict[str, Decoding]:
    """The decodings to measure, by the text of their T; '' for a network that predicts one colour."""
    if not colorizer.objective.predicts_distribution:
        return {"": Decoding()}
    return {f"{T:g}": Decoding(T) for T in TEMPERATURES}


def pixel_weights(dataset: Dataset, cache: Path) -> PixelWeights:
    """The pixel weights of the AuCs, from the training photographs; counted once for all runs."""
    training = dataset.split("train")
    path = cache / f"weights-{training.fingerprint()[:16]}.npz"
    if path.exists():
        return PixelWeights(**read_npz(path, {"inverse", "bounded"}))
    scanned = scan(training.paths)
    weights = PixelWeights.of(scanned.ab, scanned.pixels)
    make_folder(cache)
    write_npz(path, vars(weights))
    return weights


def save_pictures(folder: Path, dataset: Dataset, path: Path) -> None:
    """Colour a few test photographs, and scikit-image's; save the middle square of each.

    Args:
        folder: directory of the model.
        dataset: the whole dataset.
        path: the file: for 'test' and 'samples' uint8 [N, S, S, 3] each, and the same of the photographs themselves
            ('test/truth') and without colour ('test/gray').
    """
    if path.exists():
        return
    colorizer, arrays = Colorizer.load(folder), {}
    samples = [reduced(photo.rgb, SAMPLE_SIDE) for _, photo in read_photos(datasets.find("samples").paths)]
    test = [truth.rgb for _, truth in truths(dataset.some_of("test", SHOWN))]
    for name, photographs in (("test", test), ("samples", samples)):
        arrays |= {f"{name}{key}": value for key, value in colored_squares(colorizer, photographs).items()}
    write_npz(path, arrays)


def colored_squares(colorizer: Colorizer, photographs: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """The middle squares of photographs: coloured (''), as they are ('/truth') and gray ('/gray')."""
    found: dict[str, list] = {"": [], "/truth": [], "/gray": []}
    for rgb in photographs:
        lightness = lab_of(rgb)[..., 0]
        pictures = (painted(lightness, colorizer.predict_ab(lightness)), rgb, painted(lightness))
        for squares, picture in zip(found.values(), pictures, strict=True):
            squares.append(np.asarray(ImageOps.fit(Image.fromarray(picture), (SIDE, SIDE))))
    return {key: np.stack(squares) for key, squares in found.items()}
