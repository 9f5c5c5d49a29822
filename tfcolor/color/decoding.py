"""Predicted distributions over bins -> colours."""

import tensorflow as tf


def annealed_mean(ab_logits: tf.Tensor, colors: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
    """Decode predicted distributions: the mean colour after sharpening by T (eq. 5).

    Args:
        ab_logits: float32 [..., Q].
        colors: float32 [Q, 2], the colour of each bin in ab units.
        temperature: T in [0, 1], a float32 scalar: 1 is the mean, 0 the mode; the paper uses 0.38.

    Returns:
        ab, float32 [..., 2].
    """
    temperature = tf.convert_to_tensor(temperature, tf.float32)

    def mode():
        return tf.gather(colors, tf.argmax(ab_logits, axis=-1))

    def mean():
        # exp(log z / T) normalised is a softmax of logits / T, which takes the maximum off itself. Below
        # the lower end only logits that float32 can hardly tell apart (1e-6 at 10) would share anything.
        return tf.tensordot(tf.nn.softmax(ab_logits / tf.maximum(temperature, 1e-6)), colors, axes=1)

    return tf.cond(temperature == 0, mode, mean)
