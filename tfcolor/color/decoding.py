"""Predicted distributions over the bins -> colours."""

import tensorflow as tf


def annealed_mean(ab_logits: tf.Tensor, colors: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
    """Decode predicted distributions as the mean colour after sharpening by T (Zhang et al. 2016, eq. 5).

    Args:
        ab_logits: float32 [..., Q].
        colors: float32 [Q, 2], the colour of each bin in ab units.
        temperature: T in [0, 1], a float32 scalar: 1 gives the mean, 0 the mode; the paper uses 0.38.

    Returns:
        ab, float32 [..., 2].
    """
    temperature = tf.convert_to_tensor(temperature, tf.float32)

    def mode():
        return tf.gather(colors, tf.argmax(ab_logits, axis=-1))

    def mean():
        # exp(log z / T), normalised, is the softmax of logits / T, which subtracts the maximum first. With T
        # below 1e-6 only logits that are almost equal in float32 (1e-6 at 10) would share the probability.
        return tf.tensordot(tf.nn.softmax(ab_logits / tf.maximum(temperature, 1e-6)), colors, axes=1)

    return tf.cond(temperature == 0, mode, mean)
