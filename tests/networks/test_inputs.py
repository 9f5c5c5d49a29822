"""What networks see: each kind of input against scikit-image, and through training and prediction."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.color import lab2rgb

from tests.made import made_bins, trainer_of
from tfcolor.colorizer import Colorizer
from tfcolor.networks.inputs import INPUTS
from tfcolor.networks.layers import Convolution, Network
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.targets import batch_maker

LIGHTNESS = np.random.default_rng(0).uniform(0, 100, [2, 9, 7, 1]).astype(np.float32)


def test_gray_is_that_of_srgb():
    lab = np.concatenate([LIGHTNESS, np.zeros([2, 9, 7, 2])], axis=-1)
    expected = lab2rgb(lab)
    np.testing.assert_allclose(INPUTS["rgb"].from_lightness(tf.constant(LIGHTNESS)), expected, atol=1e-4)
    np.testing.assert_allclose(INPUTS["gray"].from_lightness(tf.constant(LIGHTNESS)), expected[..., 1:2], atol=1e-4)


def test_ends_of_the_scale_stay_in_range():
    ends = tf.constant([[[[0.0]], [[100.0]]]])
    gray = INPUTS["gray"].from_lightness(ends).numpy().ravel()
    np.testing.assert_allclose(gray, [0, 1], atol=1e-6)
    assert gray.min() >= 0 and gray.max() <= 1


def test_without_hints_there_are_none():
    given = INPUTS["lightness and hints"].from_lightness(tf.constant(LIGHTNESS)).numpy()
    np.testing.assert_array_equal(given[..., :1], LIGHTNESS)
    assert given.shape[-1] == 4 and not given[..., 1:].any()


@pytest.mark.parametrize("takes", INPUTS)
def test_a_network_gets_what_it_takes_in_training_and_in_prediction(takes):
    """Nothing assumes one channel of lightness."""

    class Pixelwise(Network):
        context = 0

        def __init__(self):
            super().__init__(name="pixelwise")
            self.layers = [Convolution(INPUTS[takes].channels, 16, tf.constant([1, 2]), "conv1", kernel_size=1)]
            self.takes = takes

        def __call__(self, x, training=None):
            assert x.shape[-1] == INPUTS[takes].channels
            return self.last(x / 50, training)

    objective, network = Classification(made_bins(16)), Pixelwise()
    rgb = tf.constant(np.random.default_rng(0).integers(0, 256, [2, 8, 8, 3], np.uint8))
    result = trainer_of(Pixelwise, 2, objective).step(batch_maker(objective, network)(rgb), 1e-3, 0)
    assert result.is_finite
    ab = Colorizer(network, objective).predict_ab(LIGHTNESS[0, ..., 0], 1.0)
    expected = objective.to_ab(network(INPUTS[takes].from_lightness(tf.constant(LIGHTNESS[:1]))), 1.0)
    np.testing.assert_allclose(ab, expected[0], atol=1e-4)
