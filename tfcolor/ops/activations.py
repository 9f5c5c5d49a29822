"""The activations other than rrelu. Each maps float [...] to the same shape and dtype."""

import tensorflow as tf


def lrelu(x: tf.Tensor, a: float = 5.5) -> tf.Tensor:
    """Apply the leaky ReLU of Xu et al. 2015 (section 2.2): x where x >= 0, else x / a.

    Args:
        x: float32 or bfloat16.
        a: at least 1. The paper uses 100, after Maas et al. 2013, and 5.5, "very leaky". TensorFlow's `alpha`
            is 1 / a.

    Raises:
        ValueError: `a` is below 1.
    """
    if not a >= 1:
        raise ValueError(f"`a` must be at least 1, got {a}")
    return tf.nn.leaky_relu(x, alpha=1 / a)


def prelu(x: tf.Tensor, slopes: tf.Tensor) -> tf.Tensor:
    """Apply the parametric ReLU of He et al. 2015 ("Delving Deep into Rectifiers", eq. 1).

    It gives x where x > 0, else slope * x.

    Args:
        x: float32 or bfloat16 [..., C].
        slopes: float32 [C], one learned slope for each channel. They start at `PRELU_START`, and have no weight decay.
    """
    return tf.nn.relu(x) - tf.cast(slopes, x.dtype) * tf.nn.relu(-x)


PRELU_START = 0.25  # He et al. 2015, section 2.1


def elu(x: tf.Tensor) -> tf.Tensor:
    """Apply the exponential linear unit of Clevert et al. 2016 (eq. 15), alpha = 1: x where x > 0, else exp(x) - 1.

    TensorFlow's function keeps exp from overflowing in the unused branch, and takes the derivative from the result.
    """
    return tf.nn.elu(x)
