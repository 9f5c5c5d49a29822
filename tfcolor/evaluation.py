"""Measuring predictors over a dataset, photograph by photograph, in constant memory and in shares that add up."""

import heapq
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor import photos
from tfcolor.bins import Bins
from tfcolor.colorize_files import painted
from tfcolor.colorizer import AUTO_TILE, Colorizer
from tfcolor.errors import InputError
from tfcolor.files import read_npz, write_npz
from tfcolor.measuring import Truth, distribution_sums, measure_colors
from tfcolor.metrics import MAX_DISTANCE
from tfcolor.predictors import FromFiles, Predictor, bins_of, lab_of, quantised
from tfcolor.smoothing import border, guided
from tfcolor.tallies import Tally
from tfcolor.tiles import split_tiles

ALL = "all"  # the name of all categories together
BOUND = "truth, quantised"
_MOST_CATEGORIES = 50
_OTHERS = "others"
_EXTREMES = 3  # photographs remembered at either end
_SAMPLED = 1001  # photographs remembered for the median, whichever they are

Colors = dict[tuple[str, str], np.ndarray]  # (T, predictor) -> ab float [H, W, 2]; T is "" where it plays no role
Sums = dict[tuple[str, str], dict[str, tuple[object, object]]]


class ModelPredictor:
    """A model at several temperatures, from one pass of its network."""

    def __init__(
        self,
        name: str,
        colorizer: Colorizer,
        temperatures: tuple[float, ...],
        tile: int = AUTO_TILE,
        smoothing: int = 0,
        uniform_share: float | None = None,
    ):
        """Use a model under a name.

        Args:
            name: in the results.
            colorizer: the model.
            temperatures: T in [0, 1] each.
            tile: largest side of the tiles in pixels.
            smoothing: radius in pixels of the filter that smooths colours, see `Decoding`.
            uniform_share: lambda of the decoding, see `Decoding`.

        Both are for colours; distributions are measured as `distribution_sums` says, whatever lambda is.
        """
        self.name, self.temperatures = name, temperatures
        self._colorizer, self._tile, self._smoothing = colorizer, tile, smoothing
        bins = colorizer.bins
        self._log_weights = colorizer.log_weights(uniform_share)
        self._weights = tf.constant(bins.weights, tf.float32)
        self._has_distributions = colorizer.network.objective == "classification"

    def __call__(self, truth: Truth, file: str) -> tuple[Colors, Sums]:
        """Predict colours, and measure the distributions that they come from."""
        true_bins = bins_of(truth.ab, self._colorizer.bins).astype(np.int32)
        keys = {T: (f"{T:g}", self.name) for T in self.temperatures}
        colors = {key: np.empty(truth.ab.shape, np.float32) for key in keys.values()}
        totals: dict = {key: {} for key in keys.values()}
        more = border(self._smoothing)
        predicted = self._colorizer.logits(truth.lightness, self._tile, more)
        guides = split_tiles(truth.lightness, self._tile, more)
        for (place, around), (_, guide) in zip(predicted, guides, strict=True):
            logits = around[more:-more, more:-more] if more else around
            for T, key in keys.items():
                ab = self._colorizer.decode(around + self._log_weights, T)[None]
                colors[key][place] = guided(ab, tf.constant(guide[None, ..., None]), self._smoothing)[0].numpy()
                # At T = 0 the distribution is one bin, whose cross-entropy is infinite wherever it is wrong.
                if T and self._has_distributions:
                    sums = distribution_sums(logits, tf.constant(true_bins[place]), self._weights, T)
                    for metric, value in sums.items():
                        totals[key][metric] = totals[key].get(metric, 0) + value.numpy().astype(np.float64)
        return colors, {key: _as_pairs(sums, truth.lightness.size) for key, sums in totals.items() if sums}


def _as_pairs(sums, num_pixels):
    pairs = {name: (sums[name], num_pixels) for name in ("top_1", "top_5", "cross_entropy", "weighted_cross_entropy")}
    pairs["confidences"] = (sums["confidences"], sums["counts"])
    pairs["hits"] = (sums["hits"], sums["counts"])
    return pairs


class FilesPredictor:
    """Another program's results."""

    def __init__(self, name: str, files: FromFiles):
        """Use the files of a `predictors.FromFiles` under a name."""
        self.name, self.temperatures = name, (1.0,)
        self._files = files

    def __call__(self, truth: Truth, file: str) -> tuple[Colors, Sums]:
        """Take the colours of the photograph's file."""
        return {("1", self.name): self._files.ab(file, truth.lightness.shape)}, {}


@dataclass
class Evaluation:
    """What has been measured so far.

    tallies: by category, T and predictor.
    best, worst, sample: some photographs by the first predictor's raw AuC at its first T.
    heaviest: the photograph that weighs most in the rebalanced AuC, after its weight.
    """

    tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    best: list[tuple[float, str]] = field(default_factory=list)
    worst: list[tuple[float, str]] = field(default_factory=list)
    sample: list[tuple[int, float, str]] = field(default_factory=list)
    num_photos: int = 0
    heaviest: tuple[float, str] = (0.0, "")

    def add(self, file: str, category: str, measured: Sums, score: float) -> None:
        """Add a photograph: its sums by (T, predictor), and the raw AuC by which it is ranked."""
        known = {key[0] for key in self.tallies}
        if category not in known and len(known) > _MOST_CATEGORIES:
            category = _OTHERS
        for (T, predictor), pairs in measured.items():
            for name in {ALL, category}:
                self.tallies.setdefault((name, T, predictor), Tally()).add(file, pairs)
        _, weight = next(iter(measured.values()))["rebalanced_error"]  # the same of all predictors
        self.heaviest = max(self.heaviest, (float(weight), file))
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
        self.heaviest = max(self.heaviest, other.heaviest)

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

    def heaviest_share(self) -> tuple[str, float]:
        """The photograph that weighs most in the rebalanced AuC, and its share of all weight, in [0, 1]."""
        weight, file = self.heaviest
        tally = next(tally for (category, _, _), tally in self.tallies.items() if category == ALL)
        total = float(tally.sums["rebalanced_error"][0, 1])
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
        found = cls(num_photos=rest["num"], heaviest=tuple(rest.get("heaviest", cls.heaviest)))
        for number, (category, T, predictor, metric) in enumerate(rest["index"]):
            found.tallies.setdefault((category, T, predictor), Tally()).sums[metric] = arrays[f"sums{number}"]
        found.best, found.worst, found.sample = (
            [tuple(entry) for entry in rest[k]] for k in ("best", "worst", "sample")
        )
        return found


def truths(paths: Iterable[Path], on_unreadable: Callable[[Path, Exception], None]) -> Iterator[tuple[Path, Truth]]:
    """Yield the photographs that can be read."""
    for path, photo in photos.read_all(paths):
        if isinstance(photo, photos.Photo):
            lab = lab_of(photo.rgb)
            yield path, Truth(photo.rgb, lab[..., 0], lab[..., 1:])
        else:
            on_unreadable(path, photo)


def measure(
    truth: Truth,
    file: str,
    predictor: ModelPredictor | FilesPredictor,
    trivial: dict[str, Predictor],
    bins: Bins,
    inverse_shares: np.ndarray,
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
        measured[key] = measure_colors(truth, ab, rgb, inverse_shares) | sums.get(key, {})
    error, num_pixels = measured[f"{predictor.temperatures[0]:g}", predictor.name]["raw_error"]
    return measured, 100 * (1 - error / num_pixels / MAX_DISTANCE)
