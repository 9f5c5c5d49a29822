"""What predicts colours: a model, or the files of another program."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor.color.encoding import bins_of
from tfcolor.color.guided_filter import border, guided
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.tiles import AUTO_TILE, split_tiles
from tfcolor.evaluation.measuring import Truth, distribution_sums, lab_of
from tfcolor.photographs.pixels import UnreadableImage, read_photo
from tfcolor.utils.errors import InputError

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

    def __init__(self, name: str, files: "FromFiles"):
        """Use the files of a `predictors.FromFiles` under a name."""
        self.name, self.temperatures = name, (1.0,)
        self._files = files

    def __call__(self, truth: Truth, file: str) -> tuple[Colors, Sums]:
        """Take the colours of the photograph's file."""
        return {("1", self.name): self._files.ab(file, truth.lightness.shape)}, {}


class FromFiles:
    """What another program made of the photographs: files of the same place and stem in a folder."""

    def __init__(self, folder: Path):
        """Look for files in a folder."""
        self._folder = folder

    def ab(self, file: str, shape: tuple[int, int]) -> np.ndarray:
        """The colours, float32 [H, W, 2], of the result for a photograph.

        Args:
            file: the photograph's path relative to its dataset.
            shape: H and W of the photograph.

        Raises:
            InputError: where there is none, several, or one of another size.
        """
        place = self._folder / file
        found = [path for path in place.parent.glob(f"{_escaped(place.stem)}.*") if path.is_file()]
        if len(found) != 1:
            raise InputError(f"{len(found) or 'no'} predictions for {file} in {self._folder}: one is needed")
        try:
            rgb = read_photo(found[0]).rgb
        except UnreadableImage as error:
            raise InputError(f"prediction {found[0]} cannot be read: {error}") from error
        if rgb.shape[:2] != shape:
            raise InputError(f"prediction {found[0]} has {rgb.shape[:2]} pixels, the photograph {shape}")
        return lab_of(rgb)[..., 1:]


def _escaped(stem: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in stem)
