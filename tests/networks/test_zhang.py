"""Zhang's network: the paper's table, layer by layer."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.networks.layers import Convolution, TrainingPass
from tfcolor.networks.zhang import BLOCKS, Zhang
from tfcolor.objectives.classification import Classification

# Layer -> side of its output for an input of 176, channels in and out at width 1, as in the table.
TABLE = {
    "conv1_1": (176, 1, 64),
    "conv1_2": (88, 64, 64),
    "conv2_1": (88, 64, 128),
    "conv2_2": (44, 128, 128),
    "conv3_1": (44, 128, 256),
    "conv3_2": (44, 256, 256),
    "conv3_3": (22, 256, 256),
    **{f"conv4_{k}": (22, 256 if k == 1 else 512, 512) for k in (1, 2, 3)},
    **{f"conv5_{k}": (22, 512, 512) for k in (1, 2, 3)},
    **{f"conv6_{k}": (22, 512, 512) for k in (1, 2, 3)},
    **{f"conv7_{k}": (22, 512 if k == 1 else 256, 256) for k in (1, 2, 3)},
    **{f"conv8_{k}": (44, 256 if k == 1 else 128, 128) for k in (1, 2, 3)},
}


def test_weights_of_every_layer():
    weights = {name: tuple(weight.shape) for name, weight in Zhang(313).weights.items()}
    expected = {}
    for layer, (_, before, channels) in TABLE.items():
        expected |= {f"{layer}/filter": (3, 3, before, channels), f"{layer}/bias": (channels,)}
        block = layer[:5]
        if layer == f"{block}_{BLOCKS[block][1]}":
            expected |= {f"{block}/scale": (channels,), f"{block}/offset": (channels,)}
    expected |= {"logits/filter": (1, 1, 128, 313), "logits/bias": (313,)}
    assert weights == expected
    assert list(weights) == list(expected)  # first layer first
    # 9 c_in c_out + c_out for each convolution, 2 c for each normalization, 128 * 313 + 313; added up by hand.
    assert sum(np.prod(shape) for shape in weights.values()) == 24_788_345


def test_sides_of_every_layer():
    network = Zhang(313, width=1 / 16)
    x, sides = tf.zeros([1, 176, 176, 1]), {}
    for block, layers in network.blocks.items():
        if block == "conv8":
            x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)
        for layer in layers:
            x = layer(x, None)
            sides[layer.name] = x.shape[1]
            assert x.shape[1] == x.shape[2]
    assert {layer: sides[layer] for layer in TABLE} == {layer: side for layer, (side, _, _) in TABLE.items()}


@pytest.mark.parametrize(("width", "channels"), [(0.5, 32), (0.25, 16), (2, 128)])
def test_width_multiplies_all_channels(width, channels):
    weights = Zhang(20, width=width).weights
    assert weights["conv1_1/filter"].shape[-1] == channels
    assert weights["conv6_3/filter"].shape[2:] == [8 * channels, 8 * channels]
    assert weights["logits/filter"].shape == [1, 1, 2 * channels, 20]


@pytest.mark.parametrize("size", [(8, 8), (64, 40), (72, 136)])
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_output_is_a_quarter(size, dtype):
    network = Zhang(11, width=1 / 16, compute_dtype=dtype)
    lightness = tf.constant(np.random.default_rng(0).uniform(0, 100, [2, *size, 1]), tf.float32)
    logits = network(lightness)
    assert logits.shape == [2, size[0] // 4, size[1] // 4, 11] and logits.dtype == tf.float32
    training = TrainingPass(tf.constant([0, 0]))
    assert network(lightness, training).shape == logits.shape
    assert set(training.statistics) == set(network.statistics)
    assert len(network.statistics) == 3 * 8


def test_what_it_cannot_take_is_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        Zhang(16, width=1 / 16)(tf.zeros([1, 32, 12, 1]))


def test_a_pixel_sees_far_and_the_picture_is_placed_where_it_was():
    """What moves by 8 pixels in the input moves by 2 in the output, away from the borders."""
    network = Zhang(9, width=1 / 16, seed=1)
    lightness = np.full([1, 256, 256, 1], 50, np.float32)
    lightness[0, 120:136, 120:136] = 90
    here = network(tf.constant(lightness)).numpy()
    there = network(tf.constant(np.roll(lightness, 8, axis=2))).numpy()
    np.testing.assert_allclose(there[:, 12:-12, 14:-12], here[:, 12:-12, 12:-14], atol=1e-4)
    changed = np.abs(here - network(tf.fill([1, 256, 256, 1], 50.0)).numpy()).max(axis=-1)[0] > 1e-6
    rows = np.flatnonzero(changed.any(axis=1))
    assert rows.max() - rows.min() > 40  # some 80 pixels to each side at the least
    assert abs((rows.max() + rows.min()) / 2 - 31.5) <= 2  # the middle of 64


def test_pictures_of_any_size_are_coloured_in_tiles_of_any_size(make_bins):
    network = Zhang(20, width=1 / 16, seed=1)
    colorizer = Colorizer(network, Classification(make_bins(20)))
    lightness = np.random.default_rng(0).uniform(0, 100, [43, 70]).astype(np.float32)
    whole = colorizer.predict_ab(lightness, 0.5, smoothing=2)
    assert whole.shape == (43, 70, 2)
    np.testing.assert_allclose(colorizer.predict_ab(lightness, 0.5, tile=17, smoothing=2), whole, atol=1e-3)
    rgb = np.random.default_rng(0).integers(0, 256, [9, 43, 3], np.uint8)
    smoothing = {"smoothing": 1, "temperature": 1.0}
    np.testing.assert_array_equal(colorizer.colorize(rgb, **smoothing), colorizer.colorize(rgb, tile=4, **smoothing))


def test_colours_are_those_of_enlarged_logits(make_bins):
    network, bins = Zhang(20, width=1 / 16, seed=1), make_bins(20)
    lightness = np.random.default_rng(0).uniform(0, 100, [40, 64]).astype(np.float32)
    logits = tf.image.resize(network(lightness[None, ..., None]), [40, 64], "bilinear")
    expected = tf.tensordot(tf.nn.softmax(logits / 0.5), tf.constant(bins.means, tf.float32), 1)[0]
    np.testing.assert_allclose(Colorizer(network, Classification(bins)).predict_ab(lightness, 0.5), expected, atol=1e-3)


def test_a_cell_sees_349_pixels():
    """Added up by hand: 2 pixels for each convolution, times its dilation and the strides before it."""
    network = Zhang(8, activation="elu", width=1 / 16, seed=1)
    for layer in network.submodules:
        if isinstance(layer, Convolution):
            layer.filter.assign(tf.abs(layer.filter))  # so that nothing cancels
    x = tf.fill([1, 400, 400, 1], 51.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(network(x)[0, 50, 50])
    seen = np.flatnonzero(np.abs(tape.gradient(y, x)).sum(axis=(0, 2, 3)))
    assert seen.max() - seen.min() + 1 == 349


def test_convolutions_know_the_width_of_what_they_take_in_training():
    """Where a width is not known a convolution takes it for prediction, and its bfloat16 gradients are not guarded."""
    network, widths = Zhang(8, width=1 / 16), []

    @tf.function(autograph=False)
    def step(x):
        observe = lambda layer, x, y: widths.append((x.shape[2], y.shape[2]))  # noqa: E731
        return network(x, TrainingPass(tf.constant([0, 0]), observe=observe))

    step.get_concrete_function(tf.TensorSpec([2, 176, 176, 1]))
    assert len(widths) == 23
    assert {width for pair in widths for width in pair} == {176, 88, 44, 22}
