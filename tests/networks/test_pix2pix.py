"""pix2pix's networks against the published numbers, and normalizations and attention against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.networks.attention import SelfAttention, SpectralConvolution
from tfcolor.networks.layers import TrainingPass
from tfcolor.networks.norms import InstanceNorm
from tfcolor.networks.patch_gan import SMALLEST_SIDE, PatchGan
from tfcolor.networks.pix2pix import Pix2Pix

SEED = tf.constant([3, 4])
RNG = np.random.default_rng(0)


def training_pass(seed=0):
    return TrainingPass(tf.constant([0, seed]))


def num_weights(network):
    return sum(int(np.prod(weight.shape)) for weight in network.weights.values())


def lightness(side, batch=1):
    return tf.constant(RNG.uniform(0, 100, [batch, side, side, 1]), tf.float32)


# PyTorch's: netG unet_256 with 1 input channel, and netD basic (pytorch-CycleGAN-and-pix2pix).
@pytest.mark.parametrize(("outputs", "expected"), [(2, 54_409_858), (3, 54_411_907)])
def test_the_generator_has_the_published_number_of_weights(outputs, expected):
    assert num_weights(Pix2Pix(outputs)) == expected


@pytest.mark.parametrize(("channels", "expected"), [(3, 2_765_633), (4, 2_766_657), (6, 2_768_705)])
def test_the_discriminator_has_the_published_number_of_weights(channels, expected):
    assert num_weights(PatchGan(channels, "judge", SEED)) == expected


class TestGenerator:
    @pytest.mark.parametrize("norm", ["batch", "instance"])
    def test_the_lowest_place_is_not_lost_for_a_single_picture(self, norm):
        """Normalized over a single place, it would be zero whatever the picture."""
        network = Pix2Pix(2, depth=5, width=1 / 8, norm=norm)
        lowest = []
        network._up[0][0] = lambda x, training, layer=network._up[0][0]: lowest.append(x) or layer(x, training)
        for _ in range(2):
            network(lightness(32), training_pass())
        assert lowest[0].shape == [1, 1, 1, 64]
        assert np.abs(lowest[0] - lowest[1]).max() > 1e-3 * np.abs(lowest[0]).max() > 0

    def test_weights_that_training_never_reaches_are_zero(self):
        """At 2^depth pixels the lowest filters see 2x2 places; every other weight must get a gradient."""
        network = Pix2Pix(2, depth=5, width=1 / 8)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(lightness(32, 2), training_pass()) ** 2)
        filters = {name: weight for name, weight in network.weights.items() if name.endswith("/filter")}
        for name, gradient in tape.gradient(loss, filters).items():
            reached = np.abs(gradient).max(axis=(2, 3)) > 0
            zero = np.abs(filters[name]).max(axis=(2, 3)) == 0
            assert (reached ^ zero).all(), name
            assert zero.sum() == (12 if name in ("down5/filter", "up5/filter") else 0), name

    def test_dropout_draws_anew_in_each_step_and_never_in_prediction(self):
        network, x = Pix2Pix(2, depth=6, width=1 / 16), lightness(64)
        first, again, other = (network(x, training_pass(seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0
        np.testing.assert_array_equal(network(x), network(x))

    def test_attention_changes_nothing_at_first(self):
        x = lightness(32)
        plain, attending = (Pix2Pix(2, depth=5, width=1 / 8, attention=kind)(x) for kind in ("none", "generator"))
        np.testing.assert_array_equal(plain, attending)


class TestDiscriminator:
    @pytest.mark.parametrize(("side", "judgements"), [(256, 30), (128, 14), (SMALLEST_SIDE, 1)])
    def test_it_judges_patches(self, side, judgements):
        judge = PatchGan(3, "judge", SEED, width=1 / 16)
        logits, features = judge(tf.zeros([1, side, side, 3]), training_pass())
        assert logits.shape == [1, judgements, judgements, 1] and len(features) == 4

    def test_a_patch_has_70_pixels_a_side(self):
        judge = PatchGan(1, "judge", SEED, width=1 / 8, norm="instance")
        for block in judge._blocks:  # normalization sees the whole picture
            del block[1:]
        pictures = tf.constant(RNG.normal(size=[1, 128, 128, 1]), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(pictures)
            logit = judge(pictures, training_pass())[0][0, 7, 7, 0]
        rows, columns = np.nonzero(tape.gradient(logit, pictures)[0, ..., 0])
        assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == 70


def test_instance_normalization_is_that_of_each_picture_and_channel():
    x = RNG.normal(3, 2, [2, 5, 4, 3]).astype(np.float32)
    expected = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(InstanceNorm()(tf.constant(x)), expected, rtol=1e-4, atol=1e-4)


class TestSpectralNormalization:
    def test_the_largest_singular_value_becomes_1(self):
        layer = SpectralConvolution(12, 7, SEED, "part")
        for _ in range(50):
            training = training_pass()
            layer.normalized(training)
            layer.u.assign(training.statistics["part/u"])
        largest = np.linalg.svd(layer.filter.numpy(), compute_uv=False)[0]
        np.testing.assert_allclose(layer.normalized(None), layer.filter / largest, rtol=1e-4)

    def test_a_step_iterates_once_however_often_it_calls(self):
        layer = SpectralConvolution(12, 7, SEED, "part")
        training, before = training_pass(), layer.u.numpy()
        first, second = layer.normalized(training), layer.normalized(training)
        np.testing.assert_array_equal(first, second)
        layer.normalized(None)
        np.testing.assert_array_equal(layer.u, before)
        w = layer.filter.numpy()
        v = w @ before / np.linalg.norm(w @ before)
        np.testing.assert_allclose(training.statistics["part/u"], v @ w / np.linalg.norm(v @ w), rtol=1e-4)


class TestSelfAttention:
    def test_it_is_that_of_the_paper_with_pooled_keys(self):
        layer = SelfAttention(16, SEED, "attention")
        layer.gamma.assign(0.7)
        x = RNG.normal(size=[2, 4, 6, 16]).astype(np.float32)
        filters = {part: conv.normalized(None).numpy() for part, conv in layer._parts.items()}
        expected = np.empty_like(x)
        for picture, target in zip(x, expected, strict=True):
            query = (picture @ filters["query"]).reshape(24, -1)
            pool = lambda z: z.reshape(2, 2, 3, 2, -1).max(axis=(1, 3)).reshape(6, -1)  # noqa: E731
            key, value = (pool(picture @ filters[part]) for part in ("key", "value"))
            scores = np.exp(query @ key.T)
            found = scores / scores.sum(axis=1, keepdims=True) @ value @ filters["out"]
            target[:] = picture + 0.7 * found.reshape(4, 6, 16)
        np.testing.assert_allclose(layer(tf.constant(x)), expected, rtol=1e-4, atol=1e-4)

    def test_it_starts_as_the_identity_and_learns_its_factor(self):
        layer, x = SelfAttention(16, SEED, "attention"), tf.constant(RNG.normal(size=[1, 4, 4, 16]), tf.float32)
        with tf.GradientTape() as tape:
            y = layer(x)
            loss = tf.reduce_sum(y**2)
        np.testing.assert_array_equal(y, x)
        assert abs(tape.gradient(loss, layer.gamma)) > 0
