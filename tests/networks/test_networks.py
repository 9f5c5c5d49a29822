"""Every network keeps its promises; valid8 computes what eight correlations in NumPy do."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from ops import ACTIVATION_NAMES
from tfcolor.networks.inputs import INPUTS
from tfcolor.networks.layers import Activation, BatchNorm, Network, NormalizedConvolution, TrainingPass
from tfcolor.networks.registry import NETWORKS, network_class
from tfcolor.networks.valid8 import Valid8

RNG = np.random.default_rng(0)


def lightness(height: int, width: int, batch: int = 1) -> tf.Tensor:
    return tf.constant(RNG.uniform(0, 100, [batch, height, width, 1]), tf.float32)


# What makes a network small enough for the tests below.
SMALL = {
    "zhang": {"width": 1 / 8},
    "beta": {"width": 1 / 4},
    "gamma": {"vector": "logits", "width": 1 / 4},
    "pix2pix": {"width": 1 / 16},
}


def make_network(name, num_bins, **options):
    return network_class(name)(num_bins, **SMALL.get(name, {}), **options)


def inputs(name: str, height: int, width: int, batch: int = 1) -> tf.Tensor:
    """What a network takes."""
    return INPUTS[network_class(name).takes].from_lightness(lightness(height, width, batch))


@pytest.mark.parametrize("name", NETWORKS)
class TestEveryNetwork:
    def test_it_is_what_the_registry_says(self, name):
        spec, network = NETWORKS[name], network_class(name)
        assert network.__name__ == spec.class_name and issubclass(network, Network)
        assert (spec.multiple, network.takes in INPUTS) == (network.multiple, True)
        arguments = inspect.signature(network).parameters
        assert [*arguments] == ["num_outputs", *spec.options, "seed", "compute_dtype"]
        assert {key: arguments[key].default for key in spec.options} == {k: o.default for k, o in spec.options.items()}
        for patch in (spec.patch, spec.smallest_patch):
            spec.check_patch(name, patch)
            assert (patch - 2 * network.context) // network.stride >= 1

    def test_an_output_of_a_local_network_depends_on_its_context_alone(self, name):
        network, context = make_network(name, 11), network_class(name).context
        if not network.is_local:
            pytest.skip("it sees far")
        side = 2 * context + 5
        x = inputs(name, side, side)
        whole = network(x)[0, 2, 2]
        np.testing.assert_allclose(network(x[:, 2 : side - 2, 2 : side - 2])[0, 0, 0], whole, rtol=1e-4, atol=1e-4)

    def test_each_pixel_with_its_context_gets_a_logit_per_bin(self, name):
        network, multiple = make_network(name, 19), NETWORKS[name].multiple
        around = 2 * network.context
        for height, width in ((multiple, multiple), (2 * multiple, 5 * multiple)):
            logits = network(inputs(name, around + height, around + width, batch=2))
            assert logits.shape == [2, height // network.stride, width // network.stride, 19]
            assert logits.dtype == tf.float32

    def test_weights_are_named_float32_variables(self, name):
        network = make_network(name, 19, compute_dtype=tf.bfloat16)
        assert network.weights
        assert all(weight.dtype == tf.float32 for weight in network.weights.values())
        ids = {id(weight) for weight in network.weights.values()}
        assert ids == {id(variable) for variable in network.trainable_variables}
        assert list(network.weights) == list(make_network(name, 19).weights)

    def test_the_seed_decides_the_weights(self, name):
        first, again, other = (make_network(name, 19, seed=seed).weights for seed in (3, 3, 4))
        for key, weight in first.items():
            np.testing.assert_array_equal(weight, again[key])
        assert any((weight.numpy() != other[key].numpy()).any() for key, weight in first.items())

    def test_every_weight_gets_a_gradient(self, name):
        network = make_network(name, 19)
        side = 2 * network.context + max(32, network.multiple)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(inputs(name, side, side)) ** 2)
        for gradient in tape.gradient(loss, list(network.weights.values())):
            assert np.abs(gradient).max() > 0

    def test_logits_are_not_activated(self, name):
        side = max(64, NETWORKS[name].multiple)
        logits = make_network(name, 64)(inputs(name, side, side)).numpy()
        assert 0.2 < (logits < 0).mean() < 0.8

    def test_bfloat16_gives_nearly_the_same(self, name):
        side = max(64, NETWORKS[name].multiple)
        x = inputs(name, side, side)
        exact, rounded = (make_network(name, 32, compute_dtype=d)(x) for d in (tf.float32, tf.bfloat16))
        assert rounded.dtype == tf.float32
        # 8 bits of mantissa: 2^-9 a rounding, a few of them in each layer.
        assert 0 < np.abs(rounded - exact).max() < 0.05 * np.abs(exact).max()


@pytest.mark.parametrize("activation", ACTIVATION_NAMES)
@pytest.mark.parametrize(
    ("name", "options"), [("valid8", {}), ("valid8", {"batch_norm": True}), ("zhang", {})], ids=str
)
class TestEveryActivation:
    @pytest.fixture
    def network(self, name, activation, options):
        return make_network(name, 16, activation=activation, **options, seed=3)

    def test_every_weight_gets_a_gradient_in_training(self, network):
        side = 2 * network.context + 32
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(lightness(side, side, 2), TrainingPass(tf.constant([1, 2]))) ** 2)
        for name, gradient in zip(network.weights, tape.gradient(loss, list(network.weights.values())), strict=True):
            assert np.abs(gradient).max() > 0, name

    def test_prediction_has_nothing_random_in_it(self, network):
        x = lightness(32, 24)
        np.testing.assert_array_equal(network(x), network(x))
        assert not any(name in network.weights for name in network.statistics)
        assert list(network.saved) == [*network.weights, *network.statistics]

    def test_only_rrelu_depends_on_the_seed_of_a_step(self, network, activation):
        x = lightness(24, 24)
        first, again, other = (network(x, TrainingPass(tf.constant([1, k]))) for k in (5, 5, 6))
        np.testing.assert_array_equal(first, again)
        assert (np.abs(first - other).max() > 1e-3) == (activation == "rrelu")

    def test_filters_start_equal_for_all(self, network, name):
        plain = make_network(name, 16, seed=3).weights
        for key, weight in network.weights.items():
            if key.endswith("filter"):
                np.testing.assert_array_equal(weight, plain[key])


def test_layers_draw_different_slopes():
    """Both layers see -1 everywhere, so what they return is the slopes."""
    training = TrainingPass(tf.constant([1, 2]))
    first, second = (Activation("rrelu", 4, k, "conv")(-tf.ones([100, 4]), training) for k in (1, 2))
    assert abs(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]) < 0.2


def test_normalization_becomes_part_of_the_convolution_in_prediction():
    layer, random = NormalizedConvolution(3, 5, tf.constant([1, 2]), "conv1"), np.random.default_rng(0)
    for variable in (layer.weights | layer.statistics).values():
        variable.assign(tf.constant(random.uniform(0.3, 2, variable.shape), tf.float32))
    x = tf.constant(random.normal(size=[2, 9, 8, 3]), tf.float32)
    parts, names = layer.weights | layer.statistics, ("filter", "scale", "offset", "mean", "variance")
    filters, scale, offset, mean, variance = (parts[f"conv1/{name}"] for name in names)
    plain = tf.nn.conv2d(x, filters, 1, "VALID")
    expected = tf.nn.batch_normalization(plain, mean, variance, offset, scale, 1e-3)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-4)
    trained = layer(x, TrainingPass(tf.constant([0, 0])))  # with the batch's own statistics
    np.testing.assert_allclose(tf.math.reduce_std(trained, [0, 1, 2]), scale, rtol=1e-2)


class TestBatchNorm:
    x = RNG.normal([1.0, -2.0, 30.0], [0.1, 5.0, 2.0], [4, 6, 5, 3]).astype(np.float32)

    def train(self, layer, x):
        """One pass in training, after which the statistics are what it left."""
        training = TrainingPass(tf.constant([0, 0]))
        y = layer(tf.constant(x), training)
        for name, variable in layer.statistics.items():
            variable.assign(training.statistics[name])
        return y.numpy()

    def test_training_normalizes_by_the_batch(self):
        layer = BatchNorm(3, "norm")
        layer.scale.assign([2.0, 1.0, 1.0])
        layer.offset.assign([0.0, 7.0, 0.0])
        mean, variance = self.x.mean(axis=(0, 1, 2)), self.x.var(axis=(0, 1, 2))
        expected = (self.x - mean) / np.sqrt(variance + 1e-3) * [2, 1, 1] + [0, 7, 0]
        np.testing.assert_allclose(self.train(layer, self.x), expected, rtol=1e-4, atol=1e-4)

    def test_prediction_after_one_batch_uses_that_batch(self):
        """The initial averages must not count: otherwise they would still have a share of 0.99 after one batch."""
        layer = BatchNorm(3, "norm")
        self.train(layer, self.x)
        values = self.x.reshape(-1, 3).astype(np.float64)
        np.testing.assert_allclose(layer.mean, values.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(layer.variance, values.var(axis=0, ddof=1), rtol=1e-4)  # algorithm 2: unbiased
        expected = (self.x - layer.mean.numpy()) / np.sqrt(layer.variance.numpy() + 1e-3)
        np.testing.assert_allclose(layer(tf.constant(self.x), None), expected, rtol=1e-4, atol=1e-4)

    def test_averages_are_plain_at_first_and_exponential_later(self):
        layer, expected = BatchNorm(1, "norm"), 0.0
        for k in range(150):
            batch = np.full([2, 1], k, np.float32)
            self.train(layer, batch)
            keep = min(0.99, k / (k + 1))
            expected = keep * expected + (1 - keep) * k
        np.testing.assert_allclose(layer.mean.numpy(), [expected], rtol=1e-5)
        assert 74.5 < expected < 99  # above the mean of all, below the mean of the last hundred

    def test_bfloat16_is_normalized_in_float32(self):
        layer = BatchNorm(3, "norm")
        x = tf.cast(self.x, tf.bfloat16)
        y = layer(x, TrainingPass(tf.constant([0, 0])))
        assert y.dtype == tf.bfloat16
        exact = BatchNorm(3, "norm")(tf.cast(x, tf.float32), TrainingPass(tf.constant([0, 0])))
        np.testing.assert_array_equal(y, tf.cast(exact, tf.bfloat16))


@pytest.mark.parametrize("num_bins", [8, 19, 165])
def test_valid8_has_channels_in_steps_of_an_eighth(num_bins):
    weights = Valid8(num_bins).weights
    assert list(weights) == [f"conv{k}/{part}" for k in range(1, 9) for part in ("filter", "bias")]
    eighth = num_bins // 8
    channels = [1, *(eighth * k for k in range(1, 8)), num_bins]
    for k in range(1, 9):
        assert weights[f"conv{k}/filter"].shape == [3, 3, channels[k - 1], channels[k]]
        assert weights[f"conv{k}/bias"].shape == [channels[k]]


def test_valid8_colours_16x16_of_32x32_pixels():
    assert Valid8(16)(lightness(32, 32)).shape == [1, 16, 16, 16]


def test_valid8_refuses_fewer_than_8_bins():
    with pytest.raises(ValueError, match="num_outputs must be at least 8, got 7"):
        Valid8(7)


def test_valid8_starts_with_he_weights():
    """He et al. 2015, equation 10: N(0, 2 / (9 * channels in)), the biases 0."""
    weights = Valid8(128, seed=5).weights
    for k in range(1, 9):
        values = weights[f"conv{k}/filter"].numpy().ravel().astype(np.float64)
        expected = np.sqrt(2 / (9 * weights[f"conv{k}/filter"].shape[2]))
        n = len(values)
        # Within 4 standard errors of a normal sample's mean and deviation.
        assert abs(values.mean()) < 4 * expected / np.sqrt(n)
        assert abs(values.std() - expected) < 4 * expected / np.sqrt(2 * n)
        assert not weights[f"conv{k}/bias"].numpy().any()
    first = [weights[f"conv{k}/filter"].numpy().ravel()[:100] for k in range(1, 9)]
    assert np.abs(np.corrcoef(first) - np.eye(8)).max() < 0.5  # no layer repeats another's numbers


@pytest.mark.parametrize(("height", "width"), [(17, 17), (32, 32), (41, 22)])
def test_valid8_equals_numpy(height, width):
    network = Valid8(19, seed=2)
    for weight in network.weights.values():  # biases too
        weight.assign_add(tf.constant(RNG.normal(0, 0.05, weight.shape), tf.float32))
    x = lightness(height, width)
    expected = x.numpy().astype(np.float64) / 50 - 1
    weights = {name: weight.numpy().astype(np.float64) for name, weight in network.weights.items()}
    for k in range(1, 9):
        windows = np.lib.stride_tricks.sliding_window_view(expected, (3, 3), axis=(1, 2))  # [B, h, w, C, 3, 3]
        expected = np.einsum("bhwcij,ijck->bhwk", windows, weights[f"conv{k}/filter"], optimize=True)
        expected += weights[f"conv{k}/bias"]
        if k < 8:
            expected = np.maximum(expected, 0)
    np.testing.assert_allclose(network(x), expected, rtol=1e-3, atol=1e-4)


def test_valid8_looks_at_17x17_pixels_and_no_others():
    network = Valid8(16, seed=1)
    x = lightness(41, 41)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logit = tf.reduce_sum(network(x)[0, 12, 12] ** 2)
    seen = tape.gradient(logit, x)[0, ..., 0].numpy() != 0
    rows, columns = np.nonzero(seen)
    # The pixel itself is at 12 + 8 in the input.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 28, 12, 28)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
@pytest.mark.parametrize("name", [*NETWORKS])
def test_a_frozen_network_predicts_as_it_was_and_trains_as_it_is(name, dtype):
    options = {"valid8": {"batch_norm": True}, "zhang": {"width": 1 / 16}}.get(name, SMALL.get(name, {}))
    network = network_class(name)(16, **options, compute_dtype=dtype)
    for statistic, variable in network.statistics.items():
        if statistic.endswith("variance"):
            variable.assign(2 * variable)
    side = max(64, network.multiple)
    x = inputs(name, side, side)
    before = network(x)
    network.freeze()
    np.testing.assert_allclose(network(x), before, atol=1e-5)
    np.testing.assert_allclose(
        tf.function(network, autograph=False)(x), before, atol=0.1 if dtype == tf.bfloat16 else 1e-3
    )
    training = lambda: network(x, TrainingPass(tf.constant([0, 0])))  # noqa: E731
    trained = training()
    filters = next(weight for key, weight in network.weights.items() if key.endswith("/filter"))
    filters.assign(-filters)
    np.testing.assert_allclose(network(x), before, atol=1e-5)
    assert np.abs(training() - trained).max() > 0.01


def test_a_unet_of_stride_2_has_four_outputs_for_one_of_stride_4():
    coarse, fine = (make_network("unet", 11, stride=stride) for stride in (4, 2))
    x = inputs("unet", 64, 96)
    assert coarse(x).shape == [1, 16, 24, 11] and fine(x).shape == [1, 32, 48, 11]
