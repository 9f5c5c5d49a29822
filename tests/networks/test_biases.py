"""Gradients by biases, which are sums over all pixels."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.networks.encoders import ScaledConvolution
from tfcolor.networks.layers import Convolution, TrainingPass
from tfcolor.networks.transposed import TransposedConvolution

SEED = tf.constant([0, 0])
LAYERS = {
    "plain": lambda: Convolution(3, 2, SEED, "layer", padding=1),
    "dilated": lambda: Convolution(3, 2, SEED, "layer", dilation=2, padding=2),
    "scaled": lambda: ScaledConvolution(3, 2, SEED, "layer", kernel_size=3),
    "transposed": lambda: TransposedConvolution(3, 2, SEED, "layer", bias=True, deviation=0.1),
}


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16], ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("side", [8, 64])  # a safe width, and one that goes in strips
@pytest.mark.parametrize("kind", LAYERS)
def test_every_pixel_counts(kind, dtype, side):
    """TensorFlow's own sum in bfloat16 stops at 256."""
    layer = LAYERS[kind]()

    @tf.function(autograph=False)
    def gradient(x, by_y):
        with tf.GradientTape() as tape:
            y = layer(x, TrainingPass(SEED))
        return tape.gradient(y, layer.bias, output_gradients=by_y)

    out = 2 * side if kind == "transposed" else side
    by_y = tf.reshape(tf.tile(tf.constant([1.0, -0.5], dtype), [2 * out**2]), [2, out, out, 2])
    found = gradient(tf.ones([2, side, side, 3], dtype), by_y)
    pixels = 2 * out**2  # powers of 2, exact in bfloat16
    np.testing.assert_array_equal(found, [pixels, -pixels / 2])
