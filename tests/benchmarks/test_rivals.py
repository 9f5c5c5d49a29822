"""The rivals of the benchmarks do the same work as tfcolor: equal colours, targets, losses, steps and counts."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from skimage.color import rgb2lab
from skimage.io import imread

from benchmarks.rivals import blog, keras_model, skimage_scan
from tests.made import trainer_of
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.data.scan import scan
from tfcolor.networks.layers import TrainingPass
from tfcolor.networks.valid8 import Valid8
from tfcolor.networks.zhang import Zhang
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.targets import batch_maker

NUM_BINS = 33  # no multiple of 8, like most numbers of bins
TEMPERATURE = 0.38
LEARNING_RATE = 1e-3
SIZES = [(37, 21), (32, 16), (1, 1), (5, 40)]  # with and without partial tiles, and smaller than the context
# scikit-image's grays are (-0.0025, 0.0047) from neutral; its other colours are nearer to tfcolor's.
EDGE = 0.005


@pytest.fixture(scope="module")
def bins(make_bins):
    return make_bins(NUM_BINS)


@pytest.fixture
def network():
    return Valid8(NUM_BINS, seed=3)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "batch_norm"])
def predicting(request):
    """A network to predict with, with and without normalization."""
    network = Valid8(NUM_BINS, batch_norm=request.param, seed=3)
    set_statistics(network)
    assert np.std(network(smooth_lightness(40, 40)[None, ..., None])) > 0.1  # no channel-wide zeros
    return network


def set_statistics(network):
    """Give normalization averages, scales and offsets that differ from channel to channel."""
    rng = np.random.default_rng(0)
    for name, variable in network.saved.items():
        if name.endswith(("/mean", "/offset")):
            variable.assign(rng.normal(0, 0.3, variable.shape))
        if name.endswith(("/variance", "/scale")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))


@pytest.fixture(scope="module")
def predict_ab(bins, predicting):
    """What tfcolor predicts."""
    colorizer = Colorizer(predicting, Classification(bins))
    return lambda lightness: colorizer.predict_ab(lightness, TEMPERATURE)


def smooth_lightness(height, width):
    rows, columns = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).normal(0, 5, [height, width])
    return np.clip(50 + 30 * np.sin(rows / 5) * np.cos(columns / 7) + noise, 0, 100).astype(np.float32)


def colorful_windows():
    """Two windows of 32x32 pixels, neither smooth nor gray."""
    return np.random.default_rng(5).integers(0, 256, [2, 32, 32, 3], np.uint8)


def hard_batch(bins):
    return batch_maker(Classification(bins, encoding="hard"), Valid8)(tf.constant(colorful_windows()))


def train_tfcolor(bins, batch_norm=False, steps=3):
    """The losses of some steps and the weights after them."""
    trainer = trainer_of(lambda: Valid8(NUM_BINS, batch_norm=batch_norm, seed=3), 2, Classification(bins))
    batch = hard_batch(bins)
    losses = [float(trainer.step(batch, LEARNING_RATE, 0).loss) for _ in range(steps)]
    return losses, [weight.numpy() for weight in trainer.network.weights.values()]


@pytest.fixture(scope="module")
def trained(bins):
    return train_tfcolor(bins)


def assert_same_training(losses, weights, trained):
    """The same losses to 1e-4, and weights apart by no more than 1e-3 of a step on average.

    On average, since Adam's first steps are as large as the learning rate whatever the size of the gradient: where a
    gradient is rounding alone, its sign is arbitrary.
    """
    expected_losses, expected_weights = trained
    assert expected_losses[2] < expected_losses[0]
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    for weight, expected in zip(weights, expected_weights, strict=True):
        assert weight.shape == expected.shape
        assert np.abs(weight - expected).mean() <= 1e-3 * LEARNING_RATE


@pytest.mark.parametrize("size", SIZES)
def test_blog_predicts_the_same_colors(size, bins, predicting, predict_ab):
    lightness = smooth_lightness(*size)
    ab = blog.predict_ab(predicting, bins, lightness, TEMPERATURE)
    assert ab.dtype == np.float32
    np.testing.assert_allclose(ab, predict_ab(lightness), atol=1e-3)


def test_blog_decodes_at_a_small_temperature(bins):
    ab_logits = np.random.default_rng(2).normal(0, 3, [2, 3, NUM_BINS]).astype(np.float32)
    np.testing.assert_allclose(blog.decode(ab_logits, bins, 1e-4), bins.means[ab_logits.argmax(axis=-1)], rtol=1e-6)


def test_blog_colorizes_alike_inside_srgb(bins, network):
    """Outside sRGB scikit-image clips RGB, and tfcolor reduces chroma."""
    rgb = np.repeat(smooth_lightness(37, 21)[..., None] * 1.5 + 50, 3, axis=-1).astype(np.uint8)
    expected = Colorizer(network, Classification(bins)).colorize(rgb, 1.0).astype(int)
    colored = blog.colorize(network, bins, rgb, 1.0)
    assert colored.dtype == np.uint8
    assert expected.std(axis=-1).mean() > 5
    assert expected.min() > 0
    assert expected.max() < 255
    assert np.abs(colored - expected).max() <= 1


def test_blog_encodes_alike(bins, network):
    rgb = colorful_windows()
    inside = slice(network.context, -network.context)
    _, indices, _, _ = hard_batch(bins)
    for window, expected in zip(rgb[:, inside, inside], indices[..., 0].numpy(), strict=True):
        np.testing.assert_array_equal(blog.encode(window, bins), np.eye(NUM_BINS, dtype=np.float32)[expected])


def test_blog_trains_alike(bins, network, trained):
    training = blog.Training(network, bins, LEARNING_RATE)
    losses = [training.step(colorful_windows()) for _ in range(3)]
    assert_same_training(losses, [weight.numpy() for weight in network.weights.values()], trained)


def test_keras_computes_the_same_logits(bins, network):
    lightness = smooth_lightness(40, 33)[None, ..., None]
    model = keras_model.build(network, bins, LEARNING_RATE)
    np.testing.assert_allclose(model(lightness), network(lightness), atol=1e-4)


def test_keras_in_bfloat16_is_near(bins, network):
    lightness = smooth_lightness(40, 33)[None, ..., None]
    ab_logits = keras_model.build(network, bins, LEARNING_RATE, bfloat16=True)(lightness)
    assert ab_logits.dtype == tf.float32
    assert 1e-4 < np.abs(ab_logits - network(lightness)).max() < 0.1


def fit_keras(bins, network):
    """The losses of three steps and the weights after them."""
    model = keras_model.build(network, bins, LEARNING_RATE)
    batches = tf.data.Dataset.from_tensors(hard_batch(bins)).repeat()
    history = model.fit(keras_model.examples(batches), steps_per_epoch=1, epochs=3, shuffle=False, verbose=0)
    return history.history["loss"], model.get_weights()


def test_keras_has_the_same_losses(bins, network, trained):
    losses, _ = fit_keras(bins, network)
    np.testing.assert_allclose(losses, trained[0], rtol=1e-4)


def test_keras_trains_alike_where_epsilon_does_not_matter(bins, network, monkeypatch):
    """Keras adds epsilon in another place; where that is far below all gradients, the weights are the same, too."""
    monkeypatch.setattr("tfcolor.training.optimizers.EPSILON", 1e-12)
    monkeypatch.setattr(keras_model, "EPSILON", 1e-12)
    assert_same_training(*fit_keras(bins, network), train_tfcolor(bins))


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def torch_model(torch):
    from benchmarks.rivals import torch_model

    return torch_model


@pytest.mark.parametrize("size", SIZES)
def test_torch_predicts_the_same_colors(size, bins, predicting, predict_ab, torch_model):
    lightness = smooth_lightness(*size)
    for channels_last in (False, True):
        model = torch_model.Valid8(predicting, channels_last=channels_last).for_prediction()
        ab = torch_model.predict_ab(model, bins, lightness, TEMPERATURE)
        assert ab.dtype == np.float32
        np.testing.assert_allclose(ab, predict_ab(lightness), atol=1e-3)


@pytest.mark.parametrize("channels_last", [False, True])
def test_torch_computes_the_same_logits(channels_last, predicting, torch, torch_model):
    lightness = smooth_lightness(40, 33)[None, ..., None]
    exact, rounded = (
        torch_model.Valid8(predicting, channels_last=channels_last, bfloat16=bfloat16) for bfloat16 in (False, True)
    )
    expected = predicting(lightness).numpy().transpose(0, 3, 1, 2)
    with torch.inference_mode():
        np.testing.assert_allclose(exact.eval()(torch.tensor(lightness)), expected, atol=1e-4)
        np.testing.assert_allclose(exact.for_prediction()(torch.tensor(lightness)), expected, atol=1e-4)
        ab_logits = rounded.for_prediction()(torch.tensor(lightness))
    assert ab_logits.dtype == torch.float32
    assert 1e-4 < np.abs(ab_logits.numpy() - expected).max() < 0.05 * np.abs(expected).max()
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in exact.layers)


@pytest.mark.parametrize(("channels_last", "batch_norm"), [(False, False), (True, False), (False, True)])
def test_torch_trains_alike(channels_last, batch_norm, bins, trained, torch, torch_model):
    expected = train_tfcolor(bins, batch_norm) if batch_norm else trained
    model = torch_model.Valid8(Valid8(NUM_BINS, batch_norm=batch_norm, seed=3), channels_last=channels_last)
    training = torch_model.Training(model, LEARNING_RATE)
    lightness, indices, _, pixel_weights = (torch.tensor(tensor.numpy()) for tensor in hard_batch(bins))
    losses = [training.step(lightness, indices[..., 0], pixel_weights) for _ in range(3)]
    weights = [parameter.detach().numpy() for parameter in model.parameters()]
    assert_same_training(losses, [w.transpose(2, 3, 1, 0) if w.ndim == 4 else w for w in weights], expected)


def test_torch_trains_in_bfloat16(bins, network, trained, torch, torch_model):
    model = torch_model.Valid8(network, channels_last=True, bfloat16=True)
    training = torch_model.Training(model, LEARNING_RATE)
    lightness, indices, _, pixel_weights = (torch.tensor(tensor.numpy()) for tensor in hard_batch(bins))
    losses = [training.step(lightness, indices[..., 0], pixel_weights) for _ in range(3)]
    np.testing.assert_allclose(losses, trained[0], rtol=1e-2)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def pixels_near_an_edge(paths, window):
    """How many pixels there are, and how many are so near a cell's edge that rounding decides where they belong."""
    ab = np.concatenate([rgb2lab(imread(path))[..., 1:].reshape(-1, 2) for path in paths])
    to_edge = np.abs((ab + window / 2) % window - window / 2)
    return len(ab), (to_edge < EDGE).any(axis=1).sum()


@pytest.mark.parametrize("window", [5, 10])
def test_scikit_image_counts_alike(window, photo_folder):
    paths = sorted(photo_folder.iterdir())
    counts = skimage_scan.count(paths, window)
    expected = scan(paths).bins(window, "made", "train").counts
    num_pixels, near = pixels_near_an_edge(paths, window)
    assert counts.dtype == np.int64
    assert counts.shape == expected.shape
    assert counts.sum() == expected.sum() == num_pixels
    assert near < 0.01 * num_pixels
    assert np.abs(counts - expected).sum() / 2 <= near  # a pixel that moves is counted in two cells


@pytest.mark.realdata
def test_scikit_image_counts_photographs_alike(scenes_folder: Path):
    paths = sorted(scenes_folder.glob("forest_*.jpg"))[:5]
    counts = skimage_scan.count(paths, 10)
    expected = scan(paths).bins(10, "forest", "all").counts
    num_pixels, near = pixels_near_an_edge(paths, 10)
    assert near < 0.02 * num_pixels
    assert np.abs(counts - expected).sum() / 2 <= near


def test_torch_computes_the_same_logits_of_zhangs_network(torch, torch_model):
    network = Zhang(NUM_BINS, width=1 / 8, seed=3)
    set_statistics(network)
    lightness = smooth_lightness(64, 48)[None, ..., None]
    expected = network(lightness).numpy().transpose(0, 3, 1, 2)
    for channels_last in (False, True):
        exact, rounded = (
            torch_model.Zhang(network, channels_last=channels_last, bfloat16=bfloat16).eval()
            for bfloat16 in (False, True)
        )
        with torch.inference_mode():
            np.testing.assert_allclose(exact(torch.tensor(lightness)), expected, atol=1e-3)
            difference = np.abs(rounded(torch.tensor(lightness)).numpy() - expected).max()
        assert 1e-4 < difference < 0.05 * np.abs(expected).max()


def test_multiplications_are_those_of_the_filters():
    from benchmarks import zhang as zhang_bench

    network, sides = Zhang(zhang_bench.NUM_BINS, width=1 / 4), []
    observe = lambda layer, x, y: sides.append((layer, y.shape[1] * y.shape[2]))  # noqa: E731
    network(tf.zeros([1, 64, 64, 1]), TrainingPass(tf.constant([0, 0]), observe=observe))
    counted = sum(np.prod(layer.filter.shape) * pixels for layer, pixels in sides)
    assert zhang_bench.multiplications(1 / 4, 64) == counted
