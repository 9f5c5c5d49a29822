"""Measures one photograph: the numerators and denominators of all metrics."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity

from tfcolor.color.bins import cell_of, cells_per_axis
from tfcolor.color.lab import levels_to_lab
from tfcolor.color.prior import smoothed_prior
from tfcolor.evaluation.metrics import MAX_DISTANCE, absolute_colourfulness, colourfulness
from tfcolor.photographs.pixels import Photo, read_photos
from tfcolor.utils.console import Progress, shown

REBALANCING_WINDOW = 10  # ab units: side of the cells that set the pixel weights of the rebalanced AuCs
SMOOTHING = 5.0  # ab units: sigma for the bounded weights (Zhang et al. 2016, section 2.2)
CONFIDENCE_BINS = 15  # of the calibration error (Guo et al. 2017)
TOP = 5  # bins of `top_5`
_MAX_PSNR = 100.0  # decibels, for equal or almost equal pictures, whose PSNR is unbounded
_SSIM_SIDE = 7  # pixels: scikit-image's window; smaller pictures have no SSIM

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


@dataclass(frozen=True)
class PixelWeights:
    """Pixel weights of the two rebalanced AuCs, by the cell of the true colour: float64 [cells, cells] each.

    inverse: 1 / p, where p is the share of training pixels in the cell; 0 for an empty cell. It is unbounded, so that
        a single photograph may have most of the weight.
    bounded: 1 / (p~ / 2 + 1 / (2 Q)), the weights of Zhang et al. 2016 (eq. 4 with lambda 1/2) without their common
        factor. p~ is p smoothed with sigma 5 in the ab plane, and Q the number of cells that occur. At most 2 Q.
    """

    inverse: np.ndarray
    bounded: np.ndarray

    @classmethod
    def of(cls, ab: np.ndarray, pixels: np.ndarray) -> "PixelWeights":
        """Make the weights from the colours of the training photographs.

        Args:
            ab: float32 [N, 2], colours in ab units.
            pixels: int64 [N], number of pixels of each colour.
        """
        counts = np.zeros([cells_per_axis(REBALANCING_WINDOW)] * 2)
        np.add.at(counts, tuple(cell_of(ab, REBALANCING_WINDOW).T), pixels)
        inverse = np.divide(counts.sum(), counts, out=np.zeros_like(counts), where=counts > 0)
        everywhere = np.argwhere(np.ones_like(counts, bool))
        smoothed = smoothed_prior(counts, everywhere, REBALANCING_WINDOW, SMOOTHING).reshape(counts.shape)
        return cls(inverse, 1 / (smoothed / 2 + 1 / (2 * np.count_nonzero(counts))))


def measure_colors(truth: Truth, ab: np.ndarray, rgb: np.ndarray, weights: PixelWeights) -> dict[str, Pair]:
    """Measure predicted colours.

    Args:
        truth: the photograph.
        ab: float [H, W, 2], the prediction in ab units.
        rgb: uint8 [H, W, 3], sRGB, the prediction combined with the photograph's lightness.
        weights: weights of pixels in the rebalanced AuCs.

    Returns:
        Numerator and denominator by metric. For an AuC this is the mean error: the AuC is 1 - error / 150.
    """
    errors = _errors(truth, ab)
    within = np.cumsum(np.bincount(np.ceil(errors).astype(int).ravel(), minlength=int(MAX_DISTANCE) + 1))
    lab = np.concatenate([truth.lightness[..., None], truth.ab], axis=-1)
    predicted = np.concatenate([truth.lightness[..., None], ab.astype(np.float32)], axis=-1)
    pairs = color_errors(truth, ab, rgb, weights) | {
        "within": (within, np.full_like(within, errors.size)),
        "ciede2000": (deltaE_ciede2000(lab, predicted).sum(), errors.size),
        "psnr": (psnr(truth.rgb, rgb), 1),
        "absolute_colourfulness": (absolute_colourfulness(rgb), 1),
        "true_absolute_colourfulness": (absolute_colourfulness(truth.rgb), 1),
    }
    if min(errors.shape) >= _SSIM_SIDE:
        pairs["ssim"] = (structural_similarity(truth.rgb, rgb, channel_axis=-1), 1)
    return pairs


def color_errors(truth: Truth, ab: np.ndarray, rgb: np.ndarray, weights: PixelWeights) -> dict[str, Pair]:
    """Measure only what takes little time; arguments and result as in `measure_colors`."""
    errors = _errors(truth, ab)
    cells = tuple(np.moveaxis(cell_of(truth.ab, REBALANCING_WINDOW), -1, 0))
    inverse, bounded = weights.inverse[cells], weights.bounded[cells]
    return {
        "raw_error": (errors.sum(), errors.size),
        "rebalanced_error": ((inverse * errors).sum(), inverse.sum()),
        "bounded_error": ((bounded * errors).sum(), bounded.sum()),
        "colourfulness": (colourfulness(rgb), 1),
        "true_colourfulness": (colourfulness(truth.rgb), 1),
    }


def _errors(truth, ab):
    return np.minimum(np.linalg.norm(ab.astype(np.float64) - truth.ab, axis=-1), MAX_DISTANCE)


def psnr(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of uint8 pictures in decibels; 100 for equal pictures, and at most.

    It is computed in float64, because differences of uint8 would wrap around.
    """
    square = np.mean((truth.astype(np.float64) - prediction.astype(np.float64)) ** 2)
    return float(min(_MAX_PSNR, 10 * np.log10(255**2 / square))) if square else _MAX_PSNR


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

    A network trained with rebalancing weights w predicts w times the true distribution. So all measures except the
    weighted cross-entropy divide w out. Networks trained with different lambda can then be compared.

    Args:
        logits: float32 [H, W, Q], the outputs of the network.
        true_bins: int32 [H, W].
        weights: float32 [Q], the rebalancing weights of the training.
        temperature: the divisor of the logits, above 0.

    Returns:
        Sums over the pixels: `top_1` and `top_5` hits, `cross_entropy` and `weighted_cross_entropy` in nats; and for
        each of 15 bins of confidence, the number of pixels (`counts`), their `confidences` and their `hits`.
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
    """The numbers by which networks and decodings are chosen, over photographs added one by one.

    pairs: sums of the numerators and denominators from `color_errors`, by metric.
    """

    pairs: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, truth: Truth, ab: np.ndarray, rgb: np.ndarray, weights: PixelWeights) -> None:
        """Add a photograph; arguments as in `measure_colors`."""
        for name, pair in color_errors(truth, ab, rgb, weights).items():
            self.pairs[name] = self.pairs.get(name, 0) + np.array(pair, np.float64)

    @property
    def raw_auc(self) -> float:
        """Raw AuC, in per cent."""
        return self._auc("raw_error")

    @property
    def rebalanced_auc(self) -> float:
        """AuC with weights 1 / p, in per cent."""
        return self._auc("rebalanced_error")

    @property
    def bounded_auc(self) -> float:
        """AuC with bounded weights, in per cent."""
        return self._auc("bounded_error")

    @property
    def mean_auc(self) -> float:
        """Mean of raw and bounded AuC, in per cent: balances common and rare colours."""
        return (self.raw_auc + self.bounded_auc) / 2

    @property
    def dcf(self) -> float:
        """Absolute difference of the mean colourfulness of predictions and of photographs."""
        return abs(self._ratio("colourfulness") - self._ratio("true_colourfulness"))

    def to_json(self) -> dict[str, float]:
        """Return the numbers by name."""
        return {name: getattr(self, name) for name in ("raw_auc", "rebalanced_auc", "bounded_auc", "mean_auc", "dcf")}

    def _auc(self, metric):
        return 100 * (1 - self._ratio(metric) / MAX_DISTANCE)

    def _ratio(self, metric):
        numerator, denominator = self.pairs[metric]
        return float(numerator / denominator)


def ignore(path: Path, error: Exception) -> None:
    """Do nothing about an unreadable photograph; the default of `truths`."""


def truths(
    paths: Iterable[Path], on_unreadable: Callable[[Path, Exception], None] = ignore
) -> Iterator[tuple[Path, Truth]]:
    """Yield each readable photograph with its path."""
    for path, photo in read_photos(paths):
        if isinstance(photo, Photo):
            lab = lab_of(photo.rgb)
            yield path, Truth(photo.rgb, lab[..., 0], lab[..., 1:])
        else:
            on_unreadable(path, photo)


def tracked_truths(title: str, paths: Collection[Path]) -> Iterator[tuple[Path, Truth]]:
    """Yield each readable photograph with its path; show progress, and a line for each unreadable one."""
    with Progress(title, len(paths), "photographs") as progress:
        unreadable = lambda path, error: progress.log(f"cannot read {shown(path)}: {error}")  # noqa: E731
        for done, found in enumerate(truths(paths, unreadable), start=1):
            yield found
            progress.update(done)


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """Convert sRGB uint8 [H, W, 3] to Lab, float32 [H, W, 3]."""
    return levels_to_lab(tf.constant(rgb)).numpy()
