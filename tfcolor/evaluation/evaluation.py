"""Measures predictors on a dataset, photograph by photograph, in constant memory and in shares that can be merged."""

import heapq
import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from tfcolor.data.datasets import Dataset, category_of
from tfcolor.evaluation.bootstrap import Tally
from tfcolor.evaluation.classifier import FeatureSums, frechet_distance
from tfcolor.evaluation.measurements import TRUTH, Measurement, Measurer
from tfcolor.evaluation.measuring import tracked_truths
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import read_npz, write_npz

ALL = "all"  # all categories together
WEIGHTED = ("rebalanced_error", "bounded_error")  # metrics in which photographs have different weights
_MOST_CATEGORIES = 50
_OTHERS = "others"
_EXTREMES = 3  # best and worst photographs to keep, each
_SAMPLED = 1001  # random photographs to keep, for the median


@dataclass
class Evaluation:
    """The measurements so far.

    tallies: sums of the metrics by category, T and predictor.
    best, worst: (raw AuC, file) of the extreme photographs, by the predictor's raw AuC at its first T.
    sample: (hash of the name, raw AuC, file) of random photographs.
    num_photos: number of photographs measured.
    heaviest: (weight, file) of the photograph with the largest weight, by metric of `WEIGHTED`.
    features: what a classifier sees in the pictures, by (T, predictor), and in the photographs, as `TRUTH`; empty
        without a classifier.
    """

    tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    best: list[tuple[float, str]] = field(default_factory=list)
    worst: list[tuple[float, str]] = field(default_factory=list)
    sample: list[tuple[int, float, str]] = field(default_factory=list)
    num_photos: int = 0
    heaviest: dict[str, tuple[float, str]] = field(default_factory=lambda: dict.fromkeys(WEIGHTED, (0.0, "")))
    features: dict[tuple[str, str], FeatureSums] = field(default_factory=dict)

    def add(self, measurement: Measurement) -> None:
        """Add a photograph."""
        file, category, measured = measurement.file, category_of(measurement.file), measurement.sums
        known = {key[0] for key in self.tallies}
        if category not in known and len(known) > _MOST_CATEGORIES:
            category = _OTHERS
        for (T, predictor), pairs in measured.items():
            for name in {ALL, category}:
                self.tallies.setdefault((name, T, predictor), Tally()).add(file, pairs)
        pairs = next(iter(measured.values()))  # weights do not depend on the predictor
        self._weigh({metric: (float(pairs[metric][1]), file) for metric in WEIGHTED})
        self._remember(file, measurement.score)
        for key, features in measurement.features.items():
            self.features.setdefault(key, FeatureSums.empty()).add(features)
        self.num_photos += 1

    def merge(self, other: "Evaluation") -> None:
        """Add the measurements of other photographs."""
        for key, tally in other.tallies.items():
            self.tallies.setdefault(key, Tally()).merge(tally)
        for ours, theirs in ((self.best, other.best), (self.worst, other.worst), (self.sample, other.sample)):
            ours.extend(theirs)
        self._forget()
        for key, sums in other.features.items():
            self.features.setdefault(key, FeatureSums.empty()).merge(sums)
        self.num_photos += other.num_photos
        self._weigh(other.heaviest)

    def frechet_distances(self) -> dict[tuple[str, str], float]:
        """Return the distance between the features of all pictures and of the photographs, by (T, predictor)."""
        truth = self.features.get(TRUTH)
        return {key: frechet_distance(sums, truth) for key, sums in self.features.items() if key != TRUTH}

    def _weigh(self, weights):
        self.heaviest = {metric: max(self.heaviest[metric], weights[metric]) for metric in WEIGHTED}

    def _remember(self, file, score):
        self.best.append((score, file))
        self.worst.append((score, file))
        self.sample.append((zlib.crc32(file.encode(errors="surrogateescape")), score, file))
        self._forget()

    def _forget(self):
        """Keep the extremes, and the smallest hashes of names as a sample that does not depend on the order."""
        self.best = heapq.nlargest(_EXTREMES, self.best)
        self.worst = heapq.nsmallest(_EXTREMES, self.worst)
        if len(self.sample) > _SAMPLED:
            self.sample = heapq.nsmallest(_SAMPLED, self.sample)

    def ranked(self) -> dict[str, list[tuple[float, str]]]:
        """Return the best, median and worst photographs with their raw AuC, best first."""
        by_score = sorted(((score, file) for _, score, file in self.sample), reverse=True)
        middle = max(0, (len(by_score) - _EXTREMES) // 2)
        return {"best": self.best, "median": by_score[middle : middle + _EXTREMES], "worst": self.worst[::-1]}

    def heaviest_share(self, metric: str) -> tuple[str, float]:
        """Return the photograph with the largest weight in a metric of `WEIGHTED`, and its share, in [0, 1], of all."""
        weight, file = self.heaviest[metric]
        tally = next(tally for (category, _, _), tally in self.tallies.items() if category == ALL)
        total = float(tally.sums[metric][0, 1])
        return file, weight / total if total else 0.0

    def save(self, path: Path, origin: dict) -> None:
        """Write everything, whole or not at all; `origin` says what was measured."""
        index, arrays = [], {}
        for key, tally in self.tallies.items():
            for metric, sums in tally.sums.items():
                arrays[f"sums{len(index)}"] = sums
                index.append([*key, metric])
        for number, sums in enumerate(self.features.values()):
            arrays |= {f"features{number}": sums.total, f"products{number}": sums.products}
        rest = {"index": index, "best": self.best, "worst": self.worst, "sample": self.sample, "num": self.num_photos}
        rest |= {"heaviest": self.heaviest, "origin": origin}
        rest["features"] = [[*key, sums.count] for key, sums in self.features.items()]
        write_npz(path, {"rest": json.dumps(rest), **arrays})

    @classmethod
    def load(cls, path: Path, origin: dict) -> "Evaluation":
        """Read a file that `save` wrote with the same origin.

        Raises:
            InputError: if it is missing or broken, or has another origin.
        """
        arrays = read_npz(path)
        rest = json.loads(arrays["rest"].item()) if "rest" in arrays else {}
        if rest.get("origin") != json.loads(json.dumps(origin)):
            raise InputError(f"{path} was measured with another model, T or dataset; measure that share again")
        found = cls(num_photos=rest["num"], heaviest={m: tuple(pair) for m, pair in rest["heaviest"].items()})
        for number, (category, T, predictor, metric) in enumerate(rest["index"]):
            found.tallies.setdefault((category, T, predictor), Tally()).sums[metric] = arrays[f"sums{number}"]
        for number, (T, predictor, count) in enumerate(rest["features"]):
            sums = FeatureSums(count, arrays[f"features{number}"], arrays[f"products{number}"])
            found.features[T, predictor] = sums
        found.best, found.worst, found.sample = (
            [tuple(entry) for entry in rest[k]] for k in ("best", "worst", "sample")
        )
        return found


def measure_all(measure: Measurer, dataset: Dataset, files: list[str]) -> Evaluation:
    """Measure photographs; each unreadable one gets a line.

    Args:
        measure: what measures one.
        dataset: the whole dataset.
        files: the files of the dataset to measure.
    """
    found = Evaluation()
    names = {dataset.folder / file: file for file in files}
    for path, truth in tracked_truths("measuring", names):
        found.add(measure(truth, names[path]))
    return found
