"""Predicted distributions over the bins -> colours."""

import tensorflow as tf

_LEAST_VARIANCE = 1.0  # square ab units: even where the network is sure of a bin, colours differ within it


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


def conditioned(
    ab_logits: tf.Tensor, colors: tf.Tensor, shift: tf.Tensor, certainty: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Multiply distributions by what is known of their colours from elsewhere, a Gaussian likelihood (Bayes).

    For a normal distribution of the same mean and variance v, the product would have the mean + sqrt(v) shift, and
    the variance v (1 - certainty). Distributions over bins may have several modes; the product chooses among them.
    Its mean still differs from the wanted one where the bins are coarse, or hold no such colour.

    Args:
        ab_logits: float32 [..., Q].
        colors: float32 [Q, 2], the colour of each bin in ab units.
        shift: float32 [..., 2], how far the mean moves, in standard deviations of the distribution.
        certainty: float32 [...], the share of the variance that vanishes, in [0, 1); 0 for no knowledge.

    Returns:
        The logits of the product, float32 [..., Q]; and what to add to its mean for the wanted mean, float32 [..., 2],
        ab units.
    """
    mean, variance = moments(ab_logits, colors)
    deviation = tf.sqrt(variance)[..., None]
    from_mean = colors - mean[..., None, :]  # [..., Q, 2]
    along = tf.linalg.matvec(from_mean, shift / deviation)
    apart = tf.reduce_sum(from_mean**2, axis=-1) * (certainty / variance)[..., None]
    product = ab_logits + (along - apart / 2) / (1 - certainty)[..., None]
    wanted = mean + deviation * shift
    return product, wanted - tf.tensordot(tf.nn.softmax(product), colors, axes=1)


def moments(ab_logits: tf.Tensor, colors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the mean of distributions, float32 [..., 2], and their variance by axis, float32 [...], in ab units.

    The variance is the mean of those of a and b, and at least `_LEAST_VARIANCE`.

    Args:
        ab_logits: float32 [..., Q].
        colors: float32 [Q, 2], the colour of each bin in ab units.
    """
    shares = tf.nn.softmax(ab_logits)
    mean = tf.tensordot(shares, colors, axes=1)
    square = tf.linalg.matvec(shares, tf.reduce_sum(colors**2, axis=-1))
    return mean, tf.maximum(square - tf.reduce_sum(mean**2, axis=-1), 0.0) / 2 + _LEAST_VARIANCE
