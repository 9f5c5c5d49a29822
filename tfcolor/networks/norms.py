"""The normalizations of pix2pix (Isola et al. 2017), and the deviation of its initial weights."""

from collections.abc import Callable

import tensorflow as tf

from tfcolor.networks.layers import BatchNorm, TrainingPass, initial_filter

DEVIATION = 0.02  # of initial filters, and of scales around 1 (Isola et al. 2017, section 6.2, and their code)
_EPSILON = 1e-5  # added to variances, as in their code: with weights so small, variances start at about 1e-4


class InstanceNorm(tf.Module):
    """Normalization of each channel of each picture by itself (Ulyanov et al. 2016), without scale and offset."""

    weights: dict[str, tf.Variable] = {}  # noqa: RUF012 (none, and never any)
    statistics: dict[str, tf.Variable] = {}  # noqa: RUF012

    def __call__(self, x: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Normalize x [B, H, W, C]; computes in float32, returns the dtype of x."""
        values = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(values, [1, 2], keepdims=True)
        return tf.cast((values - mean) * tf.math.rsqrt(variance + _EPSILON), x.dtype)


def _batch_norm(channels, seed, name):
    scale = 1 + initial_filter([channels], seed, DEVIATION)
    return BatchNorm(channels, name, epsilon=_EPSILON, scale=scale)


_NORMS: dict[str, Callable[[int, tf.Tensor, str], tf.Module]] = {
    "batch": _batch_norm,
    "instance": lambda channels, seed, name: InstanceNorm(name=name),
}


def make_norm(kind: str, channels: int, seed: tf.Tensor, name: str) -> tf.Module:
    """Create a normalization layer.

    Args:
        kind: 'batch' or 'instance'.
        channels: channels of the input.
        seed: int32 [2], a stateless seed of the initial scales.
        name: name of the layer.
    """
    return _NORMS[kind](channels, seed, name)
