"""The depthwise convolution equals TensorFlow's, and so do its gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.ops.depthwise import depthwise_conv2d


def both(x, filters, stride, by_y):
    """The output and both gradients, of ours and of TensorFlow's."""
    found = []
    for convolve in (
        lambda: depthwise_conv2d(x, filters, stride),
        lambda: tf.nn.depthwise_conv2d(x, tf.cast(filters, x.dtype)[..., None], [1, stride, stride, 1], "SAME"),
    ):
        with tf.GradientTape() as tape:
            tape.watch([x, filters])
            y = convolve()
        found.append((y, *tape.gradient(y, [x, filters], by_y)))
    return zip(*found, strict=True)


def numbers(shape, seed):
    return tf.random.stateless_normal(shape, [seed, 0])


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("sides", [(12, 16), (2, 6)], ids=str)
def test_it_equals_tensorflows(size, stride, sides):
    x, filters = numbers([2, *sides, 6], 1), numbers([size, size, 6], 2)
    by_y = numbers([2, sides[0] // stride, sides[1] // stride, 6], 3)
    for ours, theirs in both(x, filters, stride, by_y):
        assert ours.dtype == tf.float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_bfloat16_is_near_float32(stride):
    x, filters, by_y = numbers([2, 16, 16, 4], 1), numbers([5, 5, 4], 2), numbers([2, 16 // stride, 16 // stride, 4], 3)
    exact = [ours for ours, _ in both(x, filters, stride, by_y)]
    rounded = [ours for ours, _ in both(tf.cast(x, tf.bfloat16), filters, stride, tf.cast(by_y, tf.bfloat16))]
    assert [r.dtype for r in rounded] == [tf.bfloat16, tf.bfloat16, tf.float32]
    for one, other in zip(rounded, exact, strict=True):
        difference = tf.cast(one, tf.float32) - other
        assert float(tf.norm(difference) / tf.norm(other)) < 0.01


def test_sides_may_be_unknown():
    spec = [tf.TensorSpec([None, None, None, 3]), tf.TensorSpec([3, 3, 3])]

    @tf.function(input_signature=spec)
    def gradients(x, filters):
        with tf.GradientTape() as tape:
            tape.watch([x, filters])
            y = tf.reduce_sum(depthwise_conv2d(x, filters, 2) ** 2)
        return tape.gradient(y, [x, filters])

    x, filters = numbers([1, 8, 10, 3], 1), numbers([3, 3, 3], 2)
    with tf.GradientTape() as tape:
        tape.watch([x, filters])
        y = tf.reduce_sum(tf.nn.depthwise_conv2d(x, filters[..., None], [1, 2, 2, 1], "SAME") ** 2)
    for ours, theirs in zip(gradients(x, filters), tape.gradient(y, [x, filters]), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
