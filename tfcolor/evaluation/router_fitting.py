"""Fit a router: a softmax regression from features of a photograph to the specialist that suits it best.

What is learned are soft labels: softmax(-error / softness), with the error of each specialist in ab units. Where all
specialists do about as well, the label is nearly even, and a wrong answer costs little, as it should. The loss is
convex, unlike the expected error itself, and its probabilities say how sure the router is, so that they may weight a
blend. How soft the labels are, how strong the penalty is, and from which probability one specialist colours alone, is
chosen by cross-validation: by the error of the colours that the router would have given. No TensorFlow.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from tfcolor.models.routed import Router, shares_of, softmax

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0)  # see `fit`; features are many, and photographs few
SOFTNESSES = (0.25, 1.0, 4.0)  # ab units
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FOLDS = 5
_ITERATIONS = 300
_WORTH = 0.005  # ab units: a smaller gain is not worth a second network for a photograph

# Maps shares float64 [N, K] to the mean error of the blends, in ab units.
Measure = Callable[[np.ndarray], float]


class Settings(NamedTuple):
    """What cross-validation chooses.

    penalty: see `fit`.
    softness: of the labels, in ab units.
    threshold: see `Router`.
    """

    penalty: float
    softness: float
    threshold: float


def soft_labels(errors: np.ndarray, softness: float) -> np.ndarray:
    """Return softmax(-errors / softness), from errors float64 [N, K] in ab units."""
    return softmax(-errors / softness)


def fit(
    features: np.ndarray, labels: np.ndarray, importance: np.ndarray, penalty: float, threshold: float = 0.0
) -> Router:
    """Fit a softmax regression by L-BFGS.

    The loss is the mean cross-entropy, weighted by importance, plus penalty / 2 times the sum of the squared weights
    of the standardised features. The offsets are free.

    Args:
        features: float64 [N, F].
        labels: float64 [N, K], sums of 1.
        importance: float64 [N], of the photographs; only the ratios count.
        penalty: strength of the penalty, above 0.
        threshold: the router's threshold.
    """
    importance = importance / importance.sum()
    mean = importance @ features
    deviation = np.sqrt(importance @ np.square(features - mean))
    scale = np.where(deviation > 1e-6 * (1 + np.abs(mean)), deviation, np.inf)  # constant features say nothing
    x, shape = (features - mean) / scale, (features.shape[1], labels.shape[1])

    def loss(parameters):
        weights, offsets = parameters[: -shape[1]].reshape(shape), parameters[-shape[1] :]
        logits = x @ weights + offsets
        top = logits.max(axis=1, keepdims=True)
        log_sum = top + np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        value = -importance @ (labels * (logits - log_sum)).sum(axis=1) + penalty / 2 * np.square(weights).sum()
        slope = importance[:, None] * (np.exp(logits - log_sum) - labels)
        return value, np.concatenate([(x.T @ slope + penalty * weights).ravel(), slope.sum(axis=0)])

    start = np.zeros(shape[0] * shape[1] + shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}).x
    finite = np.where(np.isfinite(scale), scale, 1.0)
    weights = np.where(np.isfinite(scale)[:, None], found[: -shape[1]].reshape(shape), 0.0)
    return Router(mean, finite, weights, found[-shape[1] :], threshold)


def folds_of(groups: Sequence[np.ndarray]) -> np.ndarray:
    """Divide photographs into folds, each dataset evenly and by chance.

    Args:
        groups: the numbers of the photographs of each dataset, int [n], 0 ... N - 1 in all.

    Returns:
        The fold of each photograph, int [N], 0 ... FOLDS - 1.
    """
    folds, rng = np.empty(sum(map(len, groups)), int), np.random.default_rng(0)
    for group in groups:
        folds[group] = rng.permutation(len(group)) % FOLDS
    return folds


def choose(
    features: np.ndarray,
    errors: np.ndarray,
    importance: np.ndarray,
    folds: np.ndarray,
    measure: Measure,
    thresholds: Sequence[float] = THRESHOLDS,
) -> tuple[Settings, float]:
    """Choose the settings by cross-validation.

    Args:
        features: float64 [N, F].
        errors: float64 [N, K], of each specialist, ab units.
        importance: float64 [N].
        folds: int [N]; the photographs of a fold are predicted by a router fitted on the others.
        measure: the mean error for given shares.
        thresholds: those to choose from.

    Returns:
        The best settings, and the mean error with them. Of settings that are about as good,
        the lowest threshold is taken, which runs the fewest networks.
    """
    found: dict[Settings, float] = {}
    for penalty, softness in itertools.product(PENALTIES, SOFTNESSES):
        labels = soft_labels(errors, softness)
        probabilities = np.empty_like(errors)
        for fold in np.unique(folds):
            here = folds == fold
            router = fit(features[~here], labels[~here], importance[~here], penalty)
            probabilities[here] = router.probabilities(features[here])
        for threshold in thresholds:
            settings = Settings(penalty, softness, threshold)
            found[settings] = measure(shares_of(probabilities, threshold))
    least = min(found.values())
    good = [settings for settings, error in found.items() if error <= least + _WORTH]
    best = min(good, key=lambda settings: (settings.threshold, found[settings]))
    return best, found[best]
