"""Trivial predictors that models are compared with."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfcolor.data.scan import Scan
from tfcolor.evaluation.measuring import truths
from tfcolor.evaluation.metrics import raw_auc
from tfcolor.utils.errors import WorkError

_LEVELS = 101  # L* rounded to whole numbers

# Maps L* float32 [H, W] to ab [H, W, 2].
Predictor = Callable[[np.ndarray], np.ndarray]


def gray(lightness: np.ndarray) -> np.ndarray:
    """Predict no colour."""
    return np.zeros([*lightness.shape, 2])


class MeanGivenLightness:
    """Predicts the mean ab of training pixels with the same L*, rounded to whole numbers."""

    def __init__(self, found: Scan):
        """Average the colours of training photographs by lightness."""
        level = self._level(found.lightness)
        counts = np.bincount(level, found.pixels, _LEVELS)
        sums = np.stack([np.bincount(level, found.pixels * found.ab[:, axis], _LEVELS) for axis in (0, 1)], axis=1)
        self._ab = sums / np.maximum(counts, 1)[:, None]
        self.mean = sums.sum(axis=0) / max(counts.sum(), 1)

    def __call__(self, lightness: np.ndarray) -> np.ndarray:
        """Predict ab float64 [H, W, 2] from L* float [H, W]."""
        return self._ab[self._level(lightness)]

    def without_lightness(self, lightness: np.ndarray) -> np.ndarray:
        """Predict the mean of all training pixels, whatever the lightness."""
        return np.broadcast_to(self.mean, [*lightness.shape, 2])

    @staticmethod
    def _level(lightness):
        return np.clip(np.round(lightness), 0, _LEVELS - 1).astype(int)


def raw_aucs(
    predictors: dict[str, Predictor],
    paths: list[Path],
    on_photo: Callable[[int], None] = lambda done: None,
) -> dict[str, float]:
    """Measure the raw AuC of predictors over all pixels of some photographs.

    Args:
        predictors: predictors by name; each maps L* float32 [H, W] to ab [H, W, 2].
        paths: paths of the photographs; unreadable ones are left out.
        on_photo: called with the number of photographs done.

    Returns:
        By name, in per cent; see `metrics.raw_auc`.

    Raises:
        WorkError: if no photograph can be read.
    """
    totals, pixels = dict.fromkeys(predictors, 0.0), 0
    for done, (_, truth) in enumerate(truths(paths), start=1):
        size = truth.lightness.size
        for name, predict in predictors.items():
            totals[name] += size * raw_auc(np.linalg.norm(predict(truth.lightness) - truth.ab, axis=-1))
        pixels += size
        on_photo(done)
    if not pixels:
        raise WorkError(f"none of {len(paths)} photographs can be read, so nothing can be measured")
    return {name: total / pixels for name, total in totals.items()}
