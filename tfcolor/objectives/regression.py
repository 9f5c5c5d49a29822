"""The L2 loss."""

import tensorflow as tf

from tfcolor.networks.layers import AB_SCALE


def half_square(ab: tf.Tensor, true_ab: tf.Tensor) -> tf.Tensor:
    """The L2 loss of each pixel (Zhang et al. 2016, eq. 1): half the squared distance, in units of `AB_SCALE`.

    Args:
        ab: float32 [..., 2], predicted, ab units.
        true_ab: float32 [..., 2], ab units.

    Returns:
        float32 [...].
    """
    return tf.reduce_sum(((ab - true_ab) / AB_SCALE) ** 2, axis=-1) / 2


def _of_regression(ab, true_ab):
    errors = half_square(ab, true_ab)
    return errors, tf.ones_like(errors)
