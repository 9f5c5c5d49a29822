"""The perceptron on patches: as a convolution it gives what matrix products of flattened patches do."""

import numpy as np
import pytest
import tensorflow as tf

from tests.made import made_bins, write_model
from tfcolor.colorizer import Colorizer
from tfcolor.networks.patch_mlp import PatchMLP
from tfcolor.networks.registry import NETWORKS, NetworkChoice
from tfcolor.training.options import TrainingOptions
from tfcolor.utils.errors import InputError

RNG = np.random.default_rng(0)


def with_biases(network: PatchMLP) -> PatchMLP:
    for weight in network.weights.values():
        weight.assign_add(tf.constant(RNG.normal(0, 0.05, weight.shape), tf.float32))
    return network


@pytest.mark.parametrize(("side", "hidden"), [(3, 7), (5, 1), (13, 20)])
def test_it_equals_a_perceptron_on_flattened_patches(side, hidden):
    network, (height, width) = with_biases(PatchMLP(6, side, hidden)), (side + 3, side + 2)
    lightness = RNG.uniform(0, 100, [2, height, width, 1]).astype(np.float32)
    first, bias, second, last_bias = (weight.numpy().astype(np.float64) for weight in network.weights.values())
    expected = np.empty([2, 4, 3, 6])
    for picture in range(2):
        for y in range(4):
            for x in range(3):
                patch = lightness[picture, y : y + side, x : x + side, 0].ravel() / 50.0 - 1  # row by row
                units = np.maximum(patch @ first.reshape(side * side, hidden) + bias, 0)
                expected[picture, y, x] = units @ second.reshape(hidden, 6) + last_bias
    np.testing.assert_allclose(network(tf.constant(lightness)), expected, rtol=1e-4, atol=1e-4)


def test_the_side_is_the_context_of_each_network():
    assert [PatchMLP(4, side, 2).context for side in (3, 13, 31)] == [1, 6, 15]
    assert PatchMLP(4).context == PatchMLP.context == 6
    with pytest.raises(ValueError, match="side must be odd, got 4"):
        PatchMLP(4, 4)


def test_a_photograph_is_coloured_patch_by_patch(tmp_path):
    """In tiles, whole, and one patch at a time, with the border mirrored: the same colours."""
    colorizer = Colorizer.load(write_model(tmp_path / "model", "patch_mlp", made_bins(6), side=5, hidden=8))
    lightness = RNG.uniform(0, 100, [14, 11]).astype(np.float32)
    whole, tiled = colorizer.predict_ab(lightness), colorizer.predict_ab(lightness, tile=4)
    padded = np.pad(lightness, 2, mode="reflect")
    patches = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).reshape(-1, 5, 5, 1)
    single = colorizer.objective.to_ab(colorizer.network(tf.constant(patches)), colorizer.decoding.temperature)
    np.testing.assert_allclose(whole, tiled, atol=1e-3)
    np.testing.assert_allclose(whole.reshape(-1, 2), single.numpy().reshape(-1, 2), atol=1e-2)


def test_training_windows_must_hold_a_patch():
    spec = NETWORKS["patch_mlp"]
    spec.with_sides({"side": 31}).check_patch("patch_mlp", 31)
    spec.with_sides({"side": 3}).check_patch("patch_mlp", 3)
    with pytest.raises(InputError, match="`patch` must be at least 31 for patch_mlp, got 30"):
        TrainingOptions.of(network="patch_mlp", side=31, patch=30)


@pytest.mark.parametrize(
    "arguments", [{"side": 12}, {"side": 1}, {"side": 33}, {"hidden": 0}, {"hidden": 1001}], ids=str
)
def test_options_out_of_range_are_refused(arguments):
    with pytest.raises(InputError, match="must be"):
        NetworkChoice("patch_mlp", arguments)
