"""The transposed convolution: the gradient by its bias, which is a sum over all pixels."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.networks.transposed import TransposedConvolution


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16], ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("side", [8, 64])  # a safe width, and one that goes in strips
def test_gradient_by_the_bias_counts_every_pixel(dtype, side):
    layer = TransposedConvolution(3, 2, tf.constant([0, 0]), "layer", bias=True, deviation=0.1)

    @tf.function(autograph=False)
    def gradient(x, by_y):
        with tf.GradientTape() as tape:
            y = layer(x)
        return tape.gradient(y, layer.bias, output_gradients=by_y)

    by_y = tf.tile(tf.constant([1.0, -0.5], dtype), [2 * (2 * side) ** 2])
    found = gradient(tf.ones([2, side, side, 3], dtype), tf.reshape(by_y, [2, 2 * side, 2 * side, 2]))
    pixels = 2 * (2 * side) ** 2  # powers of 2, exact in bfloat16
    np.testing.assert_array_equal(found, [pixels, -pixels / 2])
