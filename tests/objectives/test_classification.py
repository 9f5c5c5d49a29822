"""The loss against the dense cross-entropy, and its gradient against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.objectives.classification import cross_entropy

RNG = np.random.default_rng(0)


def example(neighbours: int, bins: int = 20, shape: tuple = (2, 3, 4)):
    logits = RNG.normal(0, 3, [*shape, bins]).astype(np.float32)
    indices = RNG.permuted(np.broadcast_to(np.arange(bins), [*shape, bins]), axis=-1)[..., :neighbours]
    shares = RNG.dirichlet(np.ones(neighbours), shape).astype(np.float32)
    target = np.zeros_like(logits)
    np.put_along_axis(target, indices, shares, axis=-1)
    return tf.constant(logits), tf.constant(indices, tf.int32), tf.constant(shares), target


@pytest.mark.parametrize("neighbours", [1, 5])
@pytest.mark.parametrize("shape", [(6,), (2, 3, 4)])
def test_equals_the_dense_cross_entropy(neighbours, shape):
    logits, indices, shares, target = example(neighbours, shape=shape)
    loss = cross_entropy(logits, indices, shares)
    assert loss.shape == shape
    z = np.exp(logits.numpy().astype(np.float64))
    expected = -(target * np.log(z / z.sum(axis=-1, keepdims=True))).sum(axis=-1)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    np.testing.assert_allclose(loss, tf.nn.softmax_cross_entropy_with_logits(target, logits), rtol=1e-5)


def test_the_gradient_is_softmax_minus_target():
    logits, indices, shares, target = example(5)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(cross_entropy(logits, indices, shares))
    gradient = tape.gradient(loss, logits)
    np.testing.assert_allclose(gradient, tf.nn.softmax(logits) - target, atol=1e-6)


def test_the_gradient_equals_finite_differences():
    logits, indices, shares, _ = example(3, bins=7, shape=(2,))
    logits, shares = tf.cast(logits, tf.float64), tf.cast(shares, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(cross_entropy(logits, indices, shares))
    gradient = tape.gradient(loss, logits).numpy()
    for place in np.ndindex(2, 7):
        step = np.zeros([2, 7])
        step[place] = 1e-5
        up, down = (tf.reduce_sum(cross_entropy(logits + s, indices, shares)) for s in (step, -step))
        # The shares sum to 1 to float32's 6e-8 only.
        assert gradient[place] == pytest.approx(float(up - down) / 2e-5, abs=1e-6)


def test_worked_by_hand():
    """Logits 0 over 8 bins: ln 8, whatever the target; 3 : 1 odds, all on the likelier: ln(4 / 3)."""
    zeros = tf.zeros([1, 8])
    assert float(cross_entropy(zeros, tf.constant([[2, 5]]), tf.constant([[0.3, 0.7]]))[0]) == pytest.approx(np.log(8))
    logits = tf.constant([[np.log(3.0), 0.0]], tf.float32)
    assert float(cross_entropy(logits, tf.constant([[0]]), tf.ones([1, 1]))[0]) == pytest.approx(np.log(4 / 3))


def test_a_confident_error_costs_its_logit():
    """Softmax, then the log with an epsilon, would stop at 16 or so, and its gradient at zero."""
    logits = tf.constant([[1000.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = cross_entropy(logits, tf.constant([[1]]), tf.ones([1, 1]))
    assert float(loss[0]) == 1000
    np.testing.assert_array_equal(tape.gradient(loss, logits), [[1, -1]])
