"""One photograph and a prediction of its colours -> the numerators and denominators of all metrics."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf
from skimage.color import deltaE_ciede2000
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tfcolor.color.bins import cell_of, cells_per_axis
from tfcolor.color.lab import levels_to_lab
from tfcolor.evaluation.metrics import MAX_DISTANCE, absolute_colourfulness, colourfulness
from tfcolor.photographs.pixels import Photo, read_photos

REBALANCING_WINDOW = 10  # ab units, of the bins that the rebalanced AuC weighs by
CONFIDENCE_BINS = 15  # of the calibration (Guo et al. 2017)
TOP = 5
_MAX_PSNR = 100.0  # decibels, where two pictures are (almost) equal: their own would be infinite
_SSIM_SIDE = 7  # scikit-image's window; smaller pictures have none

Pair = tuple[object, object]  # numerator and denominator of a metric


@dataclass(frozen=True)
class Truth:
    """A photograph.

    rgb: uint8 [H, W, 3], sRGB.
    lightness: float32 [H, W], L*.
    ab: float32 [H, W, 2], ab units.
    """

    rgb: np.ndarray
    lightness: np.ndarray
    ab: np.ndarray


def inverse_shares(ab: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """1 / p for each cell of the ab plane, 0 for those without a pixel.

    Args:
        ab: float32 [N, 2], colours.
        pixels: int64 [N], how many pixels have each.

    Returns:
        float64 [cells, cells].
    """
    counts = np.zeros([cells_per_axis(REBALANCING_WINDOW)] * 2)
    np.add.at(counts, tuple(cell_of(ab, REBALANCING_WINDOW).T), pixels)
    return np.divide(counts.sum(), counts, out=np.zeros_like(counts), where=counts > 0)


def measure_colors(truth: Truth, ab: np.ndarray, rgb: np.ndarray, inverse_shares: np.ndarray) -> dict[str, Pair]:
    """Measure predicted colours.

    Args:
        truth: the photograph.
        ab: float [H, W, 2], the prediction in ab units.
        rgb: uint8 [H, W, 3], the picture that it makes with the photograph's lightness.
        inverse_shares: 1 / p of each cell of the plane, see `inverse_shares`.

    Returns:
        By metric, numerator and denominator; errors in place of AuCs, which are 1 - error / 150.
    """
    errors = _errors(truth, ab)
    within = np.cumsum(np.bincount(np.ceil(errors).astype(int).ravel(), minlength=int(MAX_DISTANCE) + 1))
    lab = np.concatenate([truth.lightness[..., None], truth.ab], axis=-1)
    predicted = np.concatenate([truth.lightness[..., None], ab.astype(np.float32)], axis=-1)
    pairs = color_errors(truth, ab, rgb, inverse_shares) | {
        "within": (within, np.full_like(within, errors.size)),
        "ciede2000": (deltaE_ciede2000(lab, predicted).sum(), errors.size),
        "psnr": (psnr(truth.rgb, rgb), 1),
        "absolute_colourfulness": (absolute_colourfulness(rgb), 1),
        "true_absolute_colourfulness": (absolute_colourfulness(truth.rgb), 1),
    }
    if min(errors.shape) >= _SSIM_SIDE:
        pairs["ssim"] = (structural_similarity(truth.rgb, rgb, channel_axis=-1), 1)
    return pairs


def color_errors(truth: Truth, ab: np.ndarray, rgb: np.ndarray, inverse_shares: np.ndarray) -> dict[str, Pair]:
    """Those of the measures that take little time; arguments and result as in `measure_colors`."""
    errors = _errors(truth, ab)
    weights = inverse_shares[tuple(np.moveaxis(cell_of(truth.ab, REBALANCING_WINDOW), -1, 0))]
    return {
        "raw_error": (errors.sum(), errors.size),
        "rebalanced_error": ((weights * errors).sum(), weights.sum()),
        "colourfulness": (colourfulness(rgb), 1),
        "true_colourfulness": (colourfulness(truth.rgb), 1),
    }


def _errors(truth, ab):
    return np.minimum(np.linalg.norm(ab.astype(np.float64) - truth.ab, axis=-1), MAX_DISTANCE)


def psnr(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Peak signal-to-noise ratio of uint8 pictures, in decibels; 100 for equal ones."""
    if (truth == prediction).all():
        return _MAX_PSNR
    return float(min(_MAX_PSNR, peak_signal_noise_ratio(truth, prediction)))


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None, None]),
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([None]),
        tf.TensorSpec([]),
    ],
    autograph=False,
)
def distribution_sums(
    logits: tf.Tensor, true_bins: tf.Tensor, weights: tf.Tensor, temperature: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Measure predicted distributions.

    A network trained with rebalancing weights predicts w times the true distribution. All but the weighted
    cross-entropy is measured without them, so that networks trained with any lambda can be compared.

    Args:
        logits: float32 [H, W, Q], as the network gives them.
        true_bins: int32 [H, W].
        weights: float32 [Q], the rebalancing weights of the training.
        temperature: T in (0, 1], to sharpen by.

    Returns:
        Sums over the pixels: hits of the top bin, of the top 5, cross-entropy in nats, the same weighted;
        and by bins of confidence [15] the number of pixels, of confidences and of hits.
    """
    logits, bins = tf.reshape(logits, [-1, tf.shape(logits)[-1]]), tf.reshape(true_bins, [-1])
    logs = tf.nn.log_softmax((logits - tf.math.log(weights)) / temperature)  # [N, Q]
    errors, own_errors = (-tf.gather(x, bins, batch_dims=1) for x in (logs, tf.nn.log_softmax(logits / temperature)))
    confidences, top = tf.exp(tf.reduce_max(logs, axis=-1)), tf.argmax(logs, axis=-1, output_type=tf.int32)
    hits = tf.cast(top == bins, tf.float32)
    level = tf.minimum(tf.cast(confidences * CONFIDENCE_BINS, tf.int32), CONFIDENCE_BINS - 1)
    by_level = {
        name: tf.math.unsorted_segment_sum(values, level, CONFIDENCE_BINS)
        for name, values in (("counts", tf.ones_like(hits)), ("confidences", confidences), ("hits", hits))
    }
    return {
        "top_1": tf.reduce_sum(hits),
        "top_5": tf.reduce_sum(tf.cast(tf.math.in_top_k(bins, logs, TOP), tf.float32)),
        "cross_entropy": tf.reduce_sum(errors),
        "weighted_cross_entropy": tf.reduce_sum(own_errors * tf.gather(weights, bins)),
        **by_level,
    }


@dataclass
class ColorErrors:
    """The few numbers by which networks and ways to decode them are chosen, over photographs added one by one.

    pairs: by metric, the sums of what `color_errors` gives.
    """

    pairs: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, truth: Truth, ab: np.ndarray, rgb: np.ndarray, inverse_shares: np.ndarray) -> None:
        """Add a photograph; the arguments are those of `measure_colors`."""
        for name, pair in color_errors(truth, ab, rgb, inverse_shares).items():
            self.pairs[name] = self.pairs.get(name, 0) + np.array(pair, np.float64)

    @property
    def raw_auc(self) -> float:
        """In per cent."""
        return 100 * (1 - self._ratio("raw_error") / MAX_DISTANCE)

    @property
    def rebalanced_auc(self) -> float:
        """In per cent."""
        return 100 * (1 - self._ratio("rebalanced_error") / MAX_DISTANCE)

    @property
    def mean_auc(self) -> float:
        """Of the two, in per cent: for colours that are right where colours are common, and where they are rare."""
        return (self.raw_auc + self.rebalanced_auc) / 2

    @property
    def dcf(self) -> float:
        """By how much the mean colourfulness is off that of the photographs."""
        return abs(self._ratio("colourfulness") - self._ratio("true_colourfulness"))

    def to_json(self) -> dict[str, float]:
        """The numbers by name."""
        return {name: getattr(self, name) for name in ("raw_auc", "rebalanced_auc", "mean_auc", "dcf")}

    def _ratio(self, metric):
        numerator, denominator = self.pairs[metric]
        return float(numerator / denominator)


def truths(paths: Iterable[Path], on_unreadable: Callable[[Path, Exception], None]) -> Iterator[tuple[Path, Truth]]:
    """Yield the photographs that can be read."""
    for path, photo in read_photos(paths):
        if isinstance(photo, Photo):
            lab = lab_of(photo.rgb)
            yield path, Truth(photo.rgb, lab[..., 0], lab[..., 1:])
        else:
            on_unreadable(path, photo)


def lab_pixels(paths: Iterable[Path]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (lightness float32 [H, W], ab float32 [H, W, 2]) of each photograph that can be read."""
    for _, photo in read_photos(paths):
        if isinstance(photo, Photo):
            lab = lab_of(photo.rgb)
            yield lab[..., 0], lab[..., 1:]


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """Lab, float32 [H, W, 3], of sRGB uint8 [H, W, 3]."""
    return levels_to_lab(tf.constant(rgb)).numpy()
