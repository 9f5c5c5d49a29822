"""What is measured of one photograph, with several predictors; and files that keep it exactly."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfcolor.color.bins import Bins
from tfcolor.color.encoding import quantised
from tfcolor.colorizer.painting import painted
from tfcolor.data.scan import Scan
from tfcolor.evaluation.baselines import MeanGivenLightness, gray
from tfcolor.evaluation.classifier import Classifier
from tfcolor.evaluation.measuring import REBALANCING_WINDOW, PixelWeights, Truth, measure_colors
from tfcolor.evaluation.metrics import MAX_DISTANCE
from tfcolor.evaluation.predictors import Measured, Sums
from tfcolor.utils.files import read_npz, write_npz

BOUND = "truth, quantised"
TRUTH = ("", "truth")


@dataclass(frozen=True)
class Measurement:
    """What is measured of one photograph.

    file: its path relative to the dataset.
    sums: numerators and denominators of the metrics by (T, predictor).
    score: the raw AuC by which it is ranked, in per cent.
    features: what a classifier sees, float32 [1280], in the photograph as `TRUTH` and in the pictures by (T,
        predictor); empty without a classifier.
    """

    file: str
    sums: Sums
    score: float
    features: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Baselines:
    """What predictors are compared with, from the training photographs; it can be sent to other processes.

    weights: pixel weights of the rebalanced AuCs.
    mean: the trivial predictor.
    bins: the colour bins whose quantisation is an upper bound.
    """

    weights: PixelWeights
    mean: MeanGivenLightness
    bins: Bins

    @classmethod
    def of(cls, scanned: Scan, bins: Bins | None) -> "Baselines":
        """Make them from the colours of the training photographs; without bins of a model, those of the weights."""
        bins = bins or scanned.bins(REBALANCING_WINDOW, "training photographs", "train")
        return cls(PixelWeights.of(scanned.ab, scanned.pixels), MeanGivenLightness(scanned), bins)


class Measurer:
    """Measures a predictor and the trivial predictors on photographs."""

    def __init__(self, predictor: Measured, baselines: Baselines, classifier: Classifier | None = None):
        """Use a predictor.

        Args:
            predictor: the predictor of interest.
            baselines: what it is compared with.
            classifier: sees the predictor's pictures and the gray ones, if there is one.
        """
        self._predictor, self._baselines, self._classifier = predictor, baselines, classifier
        mean = baselines.mean
        self._trivial = {"gray": gray, "mean ab": mean.without_lightness, "mean ab given L": mean}

    def __call__(self, truth: Truth, file: str) -> Measurement:
        """Measure a photograph; `file` is its path relative to the dataset."""
        colors, sums = self._colors(truth, file)
        pictures = {key: painted(truth.lightness, ab.astype(np.float32)) for key, ab in colors.items()}
        measured = {
            key: measure_colors(truth, ab, pictures[key], self._baselines.weights) | sums.get(key, {})
            for key, ab in colors.items()
        }
        features = {}
        if self._classifier:
            seen = {key: rgb for key, rgb in pictures.items() if key[1] in ("gray", self._predictor.name)}
            features, same = self._classify(truth, seen)
            for key, pair in same.items():
                measured[key] |= pair
        error, num_pixels = measured[self._predictor.keys[0], self._predictor.name]["raw_error"]
        return Measurement(file, measured, 100 * (1 - error / num_pixels / MAX_DISTANCE), features)

    def _colors(self, truth, file):
        """ab of all predictors, and the measures of the predictor's distributions, by (T, predictor)."""
        colors, sums = self._predictor(truth, file)
        for name, predict in self._trivial.items():
            colors["", name] = predict(truth.lightness)
        colors["", BOUND] = quantised(truth.ab, self._baselines.bins)
        return colors, sums

    def _classify(self, truth, pictures):
        """What the classifier sees in the photograph and in coloured pictures, and whether it is the same class."""
        (true_class, *classes), (true_features, *features) = self._classifier([truth.rgb, *pictures.values()])
        found = {TRUTH: true_features} | dict(zip(pictures, features, strict=True))
        return found, {
            key: {"same_class": (each == true_class, 1)} for key, each in zip(pictures, classes, strict=True)
        }


def save_measurements(path: Path, measurements: list[Measurement], about: Any) -> None:
    """Write measurements, whole or not at all; `about` is JSON that is kept with them."""
    index, numbers, features = [], [], []
    for each in measurements:
        shapes = []
        for (T, predictor), pairs in each.sums.items():
            for metric, pair in pairs.items():
                both = np.stack([np.asarray(part, np.float64) for part in pair])
                numbers.append(both.ravel())
                shapes.append([T, predictor, metric, both.shape])
        features += each.features.values()
        index.append([each.file, float(each.score), shapes, list(each.features)])
    flat = np.concatenate([*numbers, np.zeros(0)])
    seen = np.stack(features) if features else np.zeros([0, 0], np.float32)
    write_npz(path, {"index": json.dumps([about, index]), "numbers": flat, "features": seen})


def load_measurements(path: Path) -> tuple[Any, Iterator[Measurement]]:
    """Read what `save_measurements` wrote; return `about` and the measurements.

    Raises:
        InputError: the file is missing or broken.
    """
    saved = read_npz(path, {"index", "numbers", "features"})
    about, index = json.loads(saved["index"].item())
    return about, _measurements(index, saved["numbers"], iter(saved["features"]))


def _measurements(index, numbers, features):
    start = 0
    for file, score, shapes, keys in index:
        sums: Sums = {}
        for T, predictor, metric, shape in shapes:
            size = math.prod(shape)
            pair = numbers[start : start + size].reshape(shape)
            sums.setdefault((T, predictor), {})[metric] = (pair[0], pair[1])
            start += size
        yield Measurement(file, sums, score, {tuple(key): next(features) for key in keys})
