"""Pix2pix in PyTorch computes what tfcolor's does: outputs, judgements, losses and gradients of both networks."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.networks import pix2pix
from tfcolor.networks.layers import TrainingPass
from tfcolor.networks.patch_gan import PatchGan
from tfcolor.networks.pix2pix import Pix2Pix
from tfcolor.objectives.adversarial import Adversarial

torch = pytest.importorskip("torch")

from benchmarks.pix2pix import made_pictures  # noqa: E402
from benchmarks.rivals import torch_pix2pix  # noqa: E402

DEPTH, SIDE, WIDTH, BATCH = 6, 64, 1 / 8, 3  # the least depth with dropout
LAYOUTS = pytest.mark.parametrize("channels_last", [False, True], ids=["channels_first", "channels_last"])
FORMATS = {False: torch.contiguous_format, True: torch.channels_last}


@pytest.fixture(scope="module")
def objective(make_bins):
    return Adversarial(make_bins(16), width=WIDTH)


@pytest.fixture
def network():
    network = Pix2Pix(2, DEPTH, WIDTH, seed=3)
    vary(network.saved)
    return network


def vary(variables):
    """Let scales, offsets, biases and averages differ from channel to channel, and features be of the order of 1."""
    rng = np.random.default_rng(0)
    for name, variable in variables.items():
        if name.endswith(("/offset", "/bias", "/mean")):
            variable.assign(rng.normal(0, 0.1, variable.shape))
        elif name.endswith(("/scale", "/variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif name.endswith("/filter"):
            variable.assign(5 * variable)


@pytest.fixture
def batch(objective, network):
    return objective.batch(made_pictures(SIDE, BATCH), network)


@pytest.fixture
def without_dropout(monkeypatch):
    monkeypatch.setattr(pix2pix, "_dropped", lambda x, seed: x)


def training_pass():
    return TrainingPass(tf.constant([0, 0]))


def channels_first(tensor):
    return torch.tensor(tensor.numpy().transpose(0, 3, 1, 2))


def relative_error(parameter, ours):
    theirs = parameter.grad.numpy()
    theirs = theirs.transpose(2, 3, 1, 0) if theirs.ndim == 4 else theirs  # a filter, plain or transposed
    return np.linalg.norm(theirs - ours.numpy()) / np.linalg.norm(ours)


@LAYOUTS
@pytest.mark.parametrize("is_training", [False, True], ids=["prediction", "training"])
def test_outputs_are_the_same(channels_last, is_training, network, batch, without_dropout):
    expected = tf.tanh(network(batch[0], training_pass() if is_training else None)).numpy()
    model = torch_pix2pix.Generator(network, dropout=0.0).train(is_training).to(memory_format=FORMATS[channels_last])
    with torch.inference_mode():
        found = model(channels_first(batch[0] / 50 - 1).contiguous(memory_format=FORMATS[channels_last]))
    assert 0.05 < np.std(expected) < 0.95
    np.testing.assert_allclose(found.numpy(), expected.transpose(0, 3, 1, 2), atol=1e-4)


@LAYOUTS
def test_judgements_are_the_same(channels_last, batch):
    judge, pictures = PatchGan(3, "judge", tf.constant([0, 1]), WIDTH), tf.concat([batch[2], batch[1]], axis=-1)
    vary(judge.weights)
    expected, _ = judge(pictures, training_pass())
    model = torch_pix2pix.Discriminator(judge.weights, judge.statistics).to(memory_format=FORMATS[channels_last])
    with torch.inference_mode():
        found = model(channels_first(pictures).contiguous(memory_format=FORMATS[channels_last]))
    assert np.std(expected) > 0.05
    np.testing.assert_allclose(found.numpy(), expected.numpy().transpose(0, 3, 1, 2), atol=1e-4)


def both_passes(objective, network, batch, **options):
    """Losses and gradients of our groups, and a PyTorch step that leaves the weights, with its two models."""
    groups, training = objective.losses(network), training_pass()
    vary(groups[1].variables)
    generator = torch_pix2pix.Generator(network, dropout=0.0)
    discriminator = torch_pix2pix.Discriminator(groups[1].variables, groups[1].statistics)
    losses = torch_pix2pix.Training(generator, discriminator, 0.0, **options).step(*map(channels_first, batch[:2]))
    with tf.GradientTape(persistent=True) as tape:
        ours = [tf.reduce_mean(group.loss(batch, training).values) for group in groups]
    gradients = [tape.gradient(loss, list(group.variables.values())) for loss, group in zip(ours, groups, strict=True)]
    return ours, gradients, losses, (generator, discriminator)


@LAYOUTS
def test_losses_and_gradients_are_the_same(channels_last, objective, network, batch, without_dropout):
    """With a rate of zero, PyTorch's generator too learns from the discriminator's old weights."""
    ours, gradients, losses, models = both_passes(objective, network, batch, channels_last=channels_last)
    np.testing.assert_allclose([losses["loss"], losses["discriminator/loss"]], ours, rtol=1e-5)
    for model, group in zip(models, gradients, strict=True):
        errors = [relative_error(p, own) for p, own in zip(model.parameters(), group, strict=True)]
        assert max(errors) < 1e-3, errors


@LAYOUTS
def test_bfloat16_changes_losses_by_less_than_two_percent(channels_last, objective, network, batch, without_dropout):
    exact, _, losses, _ = both_passes(objective, network, batch, channels_last=channels_last, bfloat16=True)
    found = [losses["loss"], losses["discriminator/loss"]]
    np.testing.assert_allclose(found, exact, rtol=0.02)
    assert not np.allclose(found, exact, rtol=1e-5)


@pytest.mark.parametrize("bfloat16", [False, True])
def test_steps_lower_the_distance(bfloat16, objective, network, batch):
    _, judges = objective.losses(network)
    generator = torch_pix2pix.Generator(network)
    discriminator = torch_pix2pix.Discriminator(judges.variables, judges.statistics)
    before = {name: p.detach().clone() for m in (generator, discriminator) for name, p in m.named_parameters()}
    training = torch_pix2pix.Training(generator, discriminator, 2e-3, channels_last=True, bfloat16=bfloat16)
    losses = [training.step(*map(channels_first, batch[:2])) for _ in range(4)]
    assert losses[3]["loss"] < losses[0]["loss"]
    assert losses[3]["discriminator/loss"] < losses[0]["discriminator/loss"]
    after = {name: p for m in (generator, discriminator) for name, p in m.named_parameters()}
    assert not [name for name, p in after.items() if torch.equal(p, before[name])]


@pytest.mark.parametrize("depth", [5, 6, 7])
def test_as_many_layers_have_dropout_as_in_ours(depth, monkeypatch):
    calls = []
    monkeypatch.setattr(pix2pix, "_dropped", lambda x, seed: calls.append(x.shape[1]) or x)
    network = Pix2Pix(2, depth, 1 / 16)
    network(tf.zeros([1, 2**depth, 2**depth, 1]), training_pass())
    model = torch_pix2pix.Generator(network)
    places = [k for k, layers in enumerate(model.up) if any(isinstance(m, torch.nn.Dropout) for m in layers)]
    assert [2 ** (k + 1) for k in places] == calls  # the sides of what is dropped from
