"""Initial weights: what they are said to make true, measured on the network itself."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.networks import initialization
from tfcolor.networks.initialization import change_rates, convolutions, data_dependent, xavier
from tfcolor.networks.layers import TrainingPass
from tfcolor.networks.valid8 import Valid8
from tfcolor.networks.zhang import Zhang

NETWORKS = {
    "valid8": lambda: Valid8(24, seed=2),
    "valid8, normalized": lambda: Valid8(24, batch_norm=True, seed=2),
    "zhang": lambda: Zhang(24, width=1 / 16, seed=2),
}


@pytest.fixture(name="lightness", scope="module")
def _lightness():
    """Pictures with structure: sums of a few waves."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40] / 64
    waves = [np.sin(2 * np.pi * (rng.uniform(0, 9) * x + rng.uniform(0, 9) * y + rng.uniform())) for _ in range(24)]
    pictures = np.stack([sum(rng.normal() * wave for wave in waves) for _ in range(4)])
    return tf.constant(np.clip(50 + 12 * pictures, 0, 100)[..., None], tf.float32)


def outputs(network, lightness):
    found = []
    network(lightness, TrainingPass(tf.constant([0, 0]), observe=lambda layer, x, y: found.append(y.numpy())))
    return found


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_a_convolution_for_each_filter_in_order(make):
    network = make()
    filters = [weight for name, weight in network.weights.items() if name.endswith("/filter")]
    assert [layer.filter.ref() for layer in convolutions(network)] == [weight.ref() for weight in filters]


def test_xavier_has_its_deviation():
    network = Valid8(200, seed=1)
    xavier(network, 1)
    for layer in convolutions(network):
        _, _, before, after = layer.filter.shape
        samples = layer.filter.numpy().ravel()
        expected = (2 / (9 * (before + after))) ** 0.5
        assert abs(samples.std() / expected - 1) < 5 / np.sqrt(2 * samples.size)
        assert abs(samples.mean()) < 5 * expected / np.sqrt(samples.size)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_every_channel_has_mean_0_and_deviation_1_before_rates_are_equalized(make, lightness, monkeypatch):
    monkeypatch.setattr(initialization, "_equalize_rates", lambda *_: None)
    network = make()
    data_dependent(network, lightness, seed=0)
    for layer, y in zip(convolutions(network), outputs(network, lightness), strict=True):
        np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, atol=2e-2, err_msg=layer.name)
        if layer.bias is not None:
            np.testing.assert_allclose(y.mean(axis=(0, 1, 2)), 0, atol=2e-2, err_msg=layer.name)


@pytest.mark.parametrize("name", ["valid8", "valid8, normalized", pytest.param("zhang", marks=pytest.mark.slow)])
def test_all_layers_learn_at_the_same_rate(name, lightness):
    make = NETWORKS[name]

    def spread(network):
        return np.ptp(np.log(change_rates(network, lightness, seed=9)[0]))  # other draws than those it used

    he, ours = make(), make()
    data_dependent(ours, lightness, seed=0)
    assert spread(ours) < np.log(2)
    assert spread(ours) < spread(he) / 1.5


def test_the_first_filters_are_whitened_patches_that_resemble_the_data(lightness):
    """Channels whose filters are whitened patches depend less on each other than those of random filters."""
    network, random = Valid8(64, seed=1), Valid8(64, seed=1)
    data_dependent(network, lightness, seed=0)
    first, other = (outputs(each, lightness)[0].reshape(-1, 8) for each in (network, random))
    correlation = np.abs(np.corrcoef(first.T) - np.eye(8)).mean()
    assert correlation < np.abs(np.corrcoef(other.T) - np.eye(8)).mean()


def test_it_is_the_same_for_the_same_seed(lightness):
    networks = [NETWORKS["valid8"](), NETWORKS["valid8"]()]
    for network in networks:
        data_dependent(network, lightness, seed=4)
    for one, other in zip(*(network.weights.values() for network in networks), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
