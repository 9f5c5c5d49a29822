"""Objectives by name."""

from collections.abc import Callable

import tensorflow as tf

from tfcolor.color.decoding import annealed_mean
from tfcolor.objectives.classification import _of_classification
from tfcolor.objectives.regression import _of_regression

OBJECTIVES = ("classification", "regression")


def decode(objective: str, outputs: tf.Tensor, colors: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
    """What a network of an objective gives -> ab, float32 [..., 2]: the annealed mean, or of regression what it is."""
    return outputs if objective == "regression" else annealed_mean(outputs, colors, temperature)


# By objective: what a network gives and the targets of `batches.TargetMaker` -> errors and weights, [B, h, w] each.
PIXEL_ERRORS: dict[str, Callable[..., tuple[tf.Tensor, tf.Tensor]]] = {
    "classification": _of_classification,
    "regression": _of_regression,
}
