"""Measuring predictors over a dataset, photograph by photograph, in constant memory and in shares that add up."""

import heapq
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfcolor.color.bins import Bins
from tfcolor.color.encoding import quantised
from tfcolor.colorizer.painting import painted
from tfcolor.data.datasets import Dataset, category_of
from tfcolor.data.scan import Scan
from tfcolor.evaluation.baselines import MeanGivenLightness, Predictor, gray
from tfcolor.evaluation.bootstrap import Tally
from tfcolor.evaluation.measuring import PixelWeights, Truth, measure_colors, tracked_truths
from tfcolor.evaluation.metrics import MAX_DISTANCE
from tfcolor.evaluation.predictors import FilesPredictor, ModelPredictor, Sums
from tfcolor.utils.console import track
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_npz, write_npz

ALL = "all"  # the name of all categories together
BOUND = "truth, quantised"
WEIGHTED = ("rebalanced_error", "bounded_error")  # in which photographs weigh differently
_MOST_CATEGORIES = 50
_OTHERS = "others"
_EXTREMES = 3  # photographs remembered at either end
_SAMPLED = 1001  # photographs remembered for the median, whichever they are


@dataclass
class Evaluation:
    """What has been measured so far.

    tallies: by category, T and predictor.
    best, worst, sample: some photographs by the first predictor's raw AuC at its first T.
    heaviest: by metric of `WEIGHTED` the photograph that weighs most in it, after its weight.
    """

    tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    best: list[tuple[float, str]] = field(default_factory=list)
    worst: list[tuple[float, str]] = field(default_factory=list)
    sample: list[tuple[int, float, str]] = field(default_factory=list)
    num_photos: int = 0
    heaviest: dict[str, tuple[float, str]] = field(default_factory=lambda: dict.fromkeys(WEIGHTED, (0.0, "")))

    def add(self, file: str, category: str, measured: Sums, score: float) -> None:
        """Add a photograph: its sums by (T, predictor), and the raw AuC by which it is ranked."""
        known = {key[0] for key in self.tallies}
        if category not in known and len(known) > _MOST_CATEGORIES:
            category = _OTHERS
        for (T, predictor), pairs in measured.items():
            for name in {ALL, category}:
                self.tallies.setdefault((name, T, predictor), Tally()).add(file, pairs)
        pairs = next(iter(measured.values()))  # pixels weigh the same for all predictors
        self._weigh({metric: (float(pairs[metric][1]), file) for metric in WEIGHTED})
        self._remember(file, score)
        self.num_photos += 1

    def merge(self, other: "Evaluation") -> None:
        """Add what was measured elsewhere, on other photographs."""
        for key, tally in other.tallies.items():
            self.tallies.setdefault(key, Tally()).merge(tally)
        for ours, theirs in ((self.best, other.best), (self.worst, other.worst), (self.sample, other.sample)):
            ours.extend(theirs)
        self._forget()
        self.num_photos += other.num_photos
        self._weigh(other.heaviest)

    def _weigh(self, weights):
        self.heaviest = {metric: max(self.heaviest[metric], weights[metric]) for metric in WEIGHTED}

    def _remember(self, file, score):
        self.best.append((score, file))
        self.worst.append((score, file))
        self.sample.append((zlib.crc32(file.encode(errors="surrogateescape")), score, file))
        self._forget()

    def _forget(self):
        """Keep the extremes, and for the median the smallest hashes of names: the same in whatever order they come."""
        self.best = heapq.nlargest(_EXTREMES, self.best)
        self.worst = heapq.nsmallest(_EXTREMES, self.worst)
        if len(self.sample) > _SAMPLED:
            self.sample = heapq.nsmallest(_SAMPLED, self.sample)

    def ranked(self) -> dict[str, list[tuple[float, str]]]:
        """The best, median and worst photographs with their raw AuC, best first."""
        by_score = sorted(((score, file) for _, score, file in self.sample), reverse=True)
        middle = max(0, (len(by_score) - _EXTREMES) // 2)
        return {"best": self.best, "median": by_score[middle : middle + _EXTREMES], "worst": self.worst[::-1]}

    def heaviest_share(self, metric: str) -> tuple[str, float]:
        """The photograph that weighs most in a metric of `WEIGHTED`, and its share of all weight, in [0, 1]."""
        weight, file = self.heaviest[metric]
        tally = next(tally for (category, _, _), tally in self.tallies.items() if category == ALL)
        total = float(tally.sums[metric][0, 1])
        return file, weight / total if total else 0.0

    def save(self, path: Path, origin: dict) -> None:
        """Write all of it, whole or not at all, with what it was measured of."""
        index, arrays = [], {}
        for key, tally in self.tallies.items():
            for metric, sums in tally.sums.items():
                arrays[f"sums{len(index)}"] = sums
                index.append([*key, metric])
        rest = {"index": index, "best": self.best, "worst": self.worst, "sample": self.sample, "num": self.num_photos}
        rest |= {"heaviest": self.heaviest, "origin": origin}
        write_npz(path, {"rest": json.dumps(rest), **arrays})

    @classmethod
    def load(cls, path: Path, origin: dict) -> "Evaluation":
        """Read what `save` wrote.

        Raises:
            InputError: where it is missing, broken, or was measured of something else.
        """
        arrays = read_npz(path)
        rest = json.loads(arrays["rest"].item()) if "rest" in arrays else {}
        if rest.get("origin") != json.loads(json.dumps(origin)):
            raise InputError(f"{path} was measured with another model, T or dataset; measure that share again")
        found = cls(num_photos=rest["num"], heaviest={m: tuple(pair) for m, pair in rest["heaviest"].items()})
        for number, (category, T, predictor, metric) in enumerate(rest["index"]):
            found.tallies.setdefault((category, T, predictor), Tally()).sums[metric] = arrays[f"sums{number}"]
        found.best, found.worst, found.sample = (
            [tuple(entry) for entry in rest[k]] for k in ("best", "worst", "sample")
        )
        return found


def measure(
    truth: Truth,
    file: str,
    predictor: ModelPredictor | FilesPredictor,
    trivial: dict[str, Predictor],
    bins: Bins,
    weights: PixelWeights,
) -> tuple[Sums, float]:
    """Measure all predictors on one photograph.

    Returns:
        By (T, predictor) the numerators and denominators of the metrics; and the predictor's raw AuC at its first T.
    """
    colors, sums = predictor(truth, file)
    for name, predict in trivial.items():
        colors["", name] = predict(truth.lightness)
    colors["", BOUND] = quantised(truth.ab, bins)
    measured = {}
    for key, ab in colors.items():
        rgb = painted(truth.lightness, ab.astype(np.float32))
        measured[key] = measure_colors(truth, ab, rgb, weights) | sums.get(key, {})
    error, num_pixels = measured[f"{predictor.temperatures[0]:g}", predictor.name]["raw_error"]
    return measured, 100 * (1 - error / num_pixels / MAX_DISTANCE)


def measure_all(
    predictor: ModelPredictor | FilesPredictor, bins: Bins, scanned: Scan, dataset: Dataset, files: list[str]
) -> Evaluation:
    """Measure photographs one after the other, beside the trivial predictors; those that cannot be read get a line.

    Args:
        predictor: what is measured.
        bins: whose quantisation bounds it.
        scanned: the colours of the training photographs.
        dataset: all of it.
        files: of the dataset, those to measure.
    """
    training = dataset.split("train").paths
    weights = PixelWeights.of(scanned.ab, scanned.pixels)
    mean = MeanGivenLightness(track(training, "training colours", len(training), "photographs"))
    trivial = {"gray": gray, "mean ab": mean.without_lightness, "mean ab given L": mean}
    found = Evaluation()
    names = {dataset.folder / file: file for file in files}
    for path, truth in tracked_truths("measuring", names):
        measured, score = measure(truth, names[path], predictor, trivial, bins, weights)
        found.add(names[path], category_of(dataset, names[path]), measured, score)
    return found
