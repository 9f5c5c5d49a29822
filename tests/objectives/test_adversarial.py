"""Adversarial training: losses against NumPy, groups that keep apart, and colours that come back."""

import numpy as np
import pytest
import tensorflow as tf

from tests.made import made_bins, trainer_of
from tfcolor.color.lab import levels_to_lab
from tfcolor.networks.layers import TrainingPass
from tfcolor.networks.pix2pix import Pix2Pix
from tfcolor.objectives import adversarial
from tfcolor.objectives.objective import Objective
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.objectives.targets import batch_maker
from tfcolor.training.state import TrainingState
from tfcolor.utils.errors import InputError

RGB = tf.constant(np.random.default_rng(0).integers(0, 256, [2, 8, 8, 3], np.uint8).repeat(16, 1).repeat(16, 2))
SMALL = {"width": 1 / 16}


def make(**options):
    return ObjectiveChoice("adversarial", SMALL | options).make(made_bins(16))


def make_network(objective, **options):
    return Pix2Pix(objective.num_outputs, depth=5, width=1 / 16, **options)


def trainer(objective, **options):
    return trainer_of(lambda: make_network(objective, **options), 2, objective)


def losses(objective):
    """The losses of both groups on one batch; what the network gave; and the batch."""
    network = make_network(objective)
    batch, training = batch_maker(objective, network)(RGB), TrainingPass(tf.constant([0, 1]))
    ours, judges = (group.loss(batch, training) for group in objective.losses(network))
    return ours, judges, network(batch[0], training), batch, training


def softplus(x):
    return np.logaddexp(0, x)


def test_the_losses_are_those_of_pix2pix():
    ours, judges, outputs, (_, colors, _), training = losses(make())
    made = training.kept["made"][0][0].numpy().reshape(2, -1)
    true = judges.parts["on_true"]
    distances = np.abs(np.tanh(outputs) - colors).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(ours.values, 100 * distances + softplus(-made).mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(judges.parts["on_made"], softplus(made).mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(judges.values, (true + judges.parts["on_made"]) / 2, rtol=1e-5)


def test_squares_take_the_place_of_the_cross_entropy():
    ours, judges, outputs, (_, colors, _), training = losses(make(gan="lsgan", l1_weight=10.0))
    made = training.kept["made"][0][0].numpy().reshape(2, -1)
    distances = np.abs(np.tanh(outputs) - colors).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(ours.values, 10 * distances + ((made - 1) ** 2).mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(judges.parts["on_made"], (made**2).mean(axis=1), rtol=1e-4)


def test_several_discriminators_add_up_and_their_features_are_matched():
    ours, _, _, _, training = losses(make(discriminators=3))
    made, true = training.kept["made"], training.kept["true"]
    assert [logits.shape[1] for logits, _ in made] == [14, 6, 2]
    fooling = sum(softplus(-logits.numpy().reshape(2, -1)).mean(axis=1) for logits, _ in made)
    np.testing.assert_allclose(ours.parts["adversarial"], fooling, rtol=1e-4)
    # pix2pixHD: the sum over the four layers, the mean over the discriminators, times 10.
    matching = [
        np.abs(a - b).mean(axis=(1, 2, 3))
        for (_, ours_), (_, theirs) in zip(made, true, strict=True)
        for a, b in zip(ours_, theirs, strict=True)
    ]
    assert len(matching) == 12
    np.testing.assert_allclose(ours.parts["feature_matching"], sum(matching) / 3, rtol=1e-4)
    expected = 100 * ours.parts["distance"] + fooling + 10 * sum(matching) / 3
    np.testing.assert_allclose(ours.values, expected, rtol=1e-4)


def test_pictures_are_halved_by_means_in_which_padding_does_not_count():
    x = np.arange(36, dtype=np.float32).reshape(1, 6, 6, 1)
    halved = adversarial._halved(tf.constant(x))[0, ..., 0].numpy()
    expected = [[x[0, max(0, i - 1) : i + 2, max(0, j - 1) : j + 2].mean() for j in (0, 2, 4)] for i in (0, 2, 4)]
    np.testing.assert_allclose(halved, expected, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"discriminators": 3, "attention": "both"}], ids=["one", "three"])
def test_each_group_moves_by_its_own_loss_alone(options):
    """The network's loss has a gradient by each of its weights, the judges' loss by each weight of each judge."""
    objective = make(**options)
    made = trainer(objective, attention=options.get("attention", "none"))
    batch = batch_maker(objective, made.network)(RGB)
    with tf.GradientTape(persistent=True) as tape:
        training = TrainingPass(made.replica_seed(tf.constant(0, tf.int64)))
        values = [tf.reduce_mean(learner.group.loss(batch, training).values) for learner in made._learners]
    result = made.step(batch, 1e-4, 0)
    for value, learner in zip(values, made._learners, strict=True):
        gradients = tape.gradient(value, learner.group.variables)
        assert all(np.abs(gradient).max() > 0 for name, gradient in gradients.items() if "attention_" not in name)
        norm = np.sqrt(sum((gradient.numpy().astype(float) ** 2).sum() for gradient in gradients.values()))
        assert float(result.numbers[f"{learner.prefix}gradient_norm"]) == pytest.approx(norm, rel=1e-3)


def test_a_step_reports_all_parts_of_the_losses():
    objective = make(discriminators=2)
    made = trainer(objective)
    numbers = made.step(batch_maker(objective, made.network)(RGB), 1e-3, 0).numbers
    assert {"distance", "adversarial", "feature_matching", "discriminator/on_true", "discriminator/on_made"} <= {
        *numbers
    }


@pytest.mark.parametrize(
    "options", [{}, {"discriminators": 2, "attention": "both", "norm": "instance", "space": "rgb"}]
)
def test_a_restored_run_goes_on_as_if_nothing_had_happened(options, tmp_path):
    objective = make(**options)
    network = {key: options[key] for key in ("attention", "norm") if key in options}
    whole, after = trainer(objective, **network), trainer(objective, **network)
    batch = batch_maker(objective, whole.network)(RGB)
    for step in range(3):
        if step == 1:
            whole.save(tmp_path / "checkpoint.npz", TrainingState(step=1))
        whole.step(batch, 1e-3, step)
    after.restore(tmp_path / "checkpoint.npz")
    for step in (1, 2):
        after.step(batch, 1e-3, step)
    for name, value in whole.arrays().items():
        np.testing.assert_array_equal(after.arrays()[name], value, err_msg=name)
    assert any(name.startswith("discriminator/weights/") for name in whole.arrays())


def test_a_step_that_is_not_finite_changes_nothing():
    objective = make(attention="both")
    made = trainer(objective, attention="both")
    inputs, colors, lightness = batch_maker(objective, made.network)(RGB)
    before = made.arrays()
    assert not made.step((inputs, colors * float("nan"), lightness), 1e-3, 0).is_finite
    for name, value in made.arrays().items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


@pytest.mark.parametrize("space", ["lab", "rgb"])
def test_targets_come_back_as_colours(space):
    objective = make(space=space)
    lab = levels_to_lab(RGB)
    colors, lightness = objective.targets(lab, make_network(objective))
    assert np.abs(colors).max() < 1 + 1e-5 and np.abs(lightness).max() < 1 + 1e-5
    outputs = tf.atanh(tf.clip_by_value(colors, -0.99999, 0.99999))
    np.testing.assert_allclose(objective.to_ab(outputs, 1.0), lab[..., 1:], atol=0.5)
    if space == "rgb":
        np.testing.assert_allclose(objective.to_lab(outputs), lab, atol=0.5)


def test_a_network_of_a_and_b_has_no_lightness():
    with pytest.raises(ValueError, match="no lightness"):
        make().to_lab(tf.zeros([1, 2]))


def test_windows_too_small_for_the_discriminators_are_refused():
    make(discriminators=3).check_side(128)
    with pytest.raises(InputError, match=r"at least 96 pixels a side.*give 64.*larger `patch`"):
        make(discriminators=3).check_side(64)
    Objective(made_bins(16)).check_side(1)
