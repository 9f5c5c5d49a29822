"""Predictors to measure: a model, a routed model, or the files of another program."""

import glob
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.color.decoding_options import Decoding
from tfcolor.color.encoding import bins_of
from tfcolor.color.guided_filter import border
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import inside
from tfcolor.colorizer.routed import Decodings, RoutedColorizer
from tfcolor.colorizer.tiles import AUTO_TILE
from tfcolor.evaluation.measuring import Truth, distribution_sums, lab_of
from tfcolor.photographs.formats import is_image_name
from tfcolor.photographs.pixels import UnreadableImage, read_photo
from tfcolor.utils.errors import InputError

Colors = dict[tuple[str, str], np.ndarray]  # (T, predictor) -> ab float [H, W, 2]; T is "" for predictors without T
Sums = dict[tuple[str, str], dict[str, tuple[object, object]]]  # (T, predictor) -> metric -> numerator, denominator


class ModelPredictor:
    """A model whose outputs are decoded in several ways, from one pass of the network."""

    def __init__(self, name: str, colorizer: Colorizer, decodings: list[Decoding], tile: int = AUTO_TILE):
        """Use a model under a name.

        Args:
            name: its name in the results.
            colorizer: the model.
            decodings: one for each T. Distributions are measured at these T with `distribution_sums`, which does not
                depend on lambda.
            tile: largest side of the tiles in pixels.
        """
        self.name, self.keys = name, tuple(f"{decoding.temperature:g}" for decoding in decodings)
        self._colorizer, self._decodings, self._tile = colorizer, decodings, tile
        self.bins: Bins | None = colorizer.bins
        self._weights = tf.constant(colorizer.bins.weights, tf.float32)

    def __call__(self, truth: Truth, file: str) -> tuple[Colors, Sums]:
        """Predict the colours of a photograph, and measure the predicted distributions."""
        true_bins = bins_of(truth.ab, self._colorizer.bins).astype(np.int32)
        keys = {decoding: (key, self.name) for decoding, key in zip(self._decodings, self.keys, strict=True)}
        colors = {key: np.empty(truth.ab.shape, np.float32) for key in keys.values()}
        totals: dict = {key: {} for key in keys.values()}
        margin = max(border(decoding.smoothing) for decoding in self._decodings)
        for part in self._colorizer.tiles(truth.lightness[None], self._tile, margin):
            logits = inside(part.outputs, margin)[0]
            for decoding, key in keys.items():
                colors[key][part.place] = self._colorizer.colors(part, decoding)[0]
                # At T = 0 the distribution is a single bin; its cross-entropy is infinite where it is wrong.
                if decoding.temperature and self._colorizer.objective.predicts_distribution:
                    tile_bins = tf.constant(true_bins[part.place])
                    sums = distribution_sums(logits, tile_bins, self._weights, decoding.temperature)
                    for metric, value in sums.items():
                        totals[key][metric] = totals[key].get(metric, 0) + value.numpy().astype(np.float64)
        return colors, {key: _as_pairs(sums, truth.lightness.size) for key, sums in totals.items() if sums}


def _as_pairs(sums, num_pixels):
    pairs = {name: (sums[name], num_pixels) for name in ("top_1", "top_5", "cross_entropy", "weighted_cross_entropy")}
    pairs["confidences"] = (sums["confidences"], sums["counts"])
    pairs["hits"] = (sums["hits"], sums["counts"])
    return pairs


class RoutedPredictor:
    """A routed model. Its specialists have different bins, so that only colours are measured, no distributions."""

    def __init__(self, name: str, colorizer: RoutedColorizer, decodings: list[Decodings], tile: int = AUTO_TILE):
        """Use a routed model; arguments as in `ModelPredictor`. The T of each specialist's own is called 'own'."""
        self.name = name
        self.bins: Bins | None = None
        self.keys = tuple("own" if each.temperature is None else f"{each.temperature:g}" for each in decodings)
        self._colorizer, self._decodings, self._tile = colorizer, decodings, tile

    def __call__(self, truth: Truth, file: str) -> tuple[Colors, Sums]:
        """Predict the colours of a photograph."""
        found = self._colorizer.predict_many(truth.lightness, self._decodings, self._tile)
        return {(key, self.name): ab for key, ab in zip(self.keys, found, strict=True)}, {}


class FilesPredictor:
    """The results of another program: files in a folder, at the relative paths of the photographs.

    A file has the photograph's name, the same with a suffix appended, or the same with another suffix.
    """

    def __init__(self, name: str, folder: Path):
        """Use the files of a folder; `name` is their name in the results."""
        self.name, self.keys = name, ("1",)
        self.bins: Bins | None = None
        self._folder = folder

    def __call__(self, truth: Truth, file: str) -> tuple[Colors, Sums]:
        """Return the colours of the photograph's file."""
        return {("1", self.name): self.ab(file, truth.lightness.shape)}, {}

    def ab(self, file: str, shape: tuple[int, int]) -> np.ndarray:
        """Read the result for a photograph, ab float32 [H, W, 2].

        Args:
            file: the photograph's path relative to its dataset.
            shape: H and W of the photograph.

        Raises:
            InputError: if there is no such file or there are several, or it is unreadable or of another size.
        """
        path = self._find(file)
        try:
            rgb = read_photo(path).rgb
        except UnreadableImage as error:
            raise InputError(f"prediction {path} cannot be read: {error}") from error
        if rgb.shape[:2] != shape:
            raise InputError(f"prediction {path} has {rgb.shape[:2]} pixels, the photograph {shape}")
        return lab_of(rgb)[..., 1:]

    def _find(self, file: str) -> Path:
        """The file of the same name; else with a suffix appended, as `result_name` does; else with another suffix."""
        place = self._folder / file
        if place.is_file():
            return place
        found: list[Path] = []
        for stem in (place.name, place.stem):
            candidates = place.parent.glob(f"{glob.escape(stem)}.*")
            found = found or [path for path in candidates if path.stem == stem and is_image_name(path.name)]
        if len(found) != 1:
            raise InputError(f"{len(found) or 'no'} predictions for {file} in {self._folder}: one is needed")
        return found[0]


Measured = ModelPredictor | RoutedPredictor | FilesPredictor
