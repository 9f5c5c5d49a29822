"""Every objective keeps its promises: targets, losses, outputs and colours fit each other."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from tests.made import made_bins, trainer_of
from tfcolor.color.lab import levels_to_lab
from tfcolor.networks.layers import TrainingPass
from tfcolor.networks.zhang import Zhang
from tfcolor.objectives.objective import Loss, LossOfVariables, Objective
from tfcolor.objectives.registry import OBJECTIVES, ObjectiveChoice, objective_class
from tfcolor.objectives.regression import Regression
from tfcolor.objectives.targets import batch_maker
from tfcolor.training.state import TrainingState
from tfcolor.utils.errors import InputError

RGB = np.repeat(np.repeat(np.random.default_rng(0).integers(0, 256, [2, 4, 4, 3], np.uint8), 8, 1), 8, 2)
SMALL = {"adversarial": {"width": 1 / 16}}
LARGER = {"adversarial": 4}  # how many times larger pictures must be


@pytest.mark.parametrize("name", OBJECTIVES)
class TestEveryObjective:
    @pytest.fixture
    def objective(self, name):
        return ObjectiveChoice(name, SMALL.get(name, {})).make(made_bins(16))

    @pytest.fixture
    def network(self, objective):
        return Zhang(objective.num_outputs, width=1 / 16)

    @pytest.fixture
    def rgb(self, name):
        scale = LARGER.get(name, 1)
        return tf.constant(RGB.repeat(scale, 1).repeat(scale, 2))

    def test_it_is_what_the_registry_says(self, name, objective):
        spec, kind = OBJECTIVES[name], objective_class(name)
        assert kind.__name__ == spec.class_name and issubclass(kind, Objective)
        assert objective.predicts_distribution == spec.predicts_distribution
        assert [*inspect.signature(kind).parameters] == ["bins", *spec.options]
        assert spec.num_outputs in (None, objective.num_outputs)

    def test_outputs_and_targets_have_a_loss_with_a_gradient(self, objective, network):
        inputs, *targets = batch_maker(objective, network)(tf.constant(RGB))
        assert inputs.shape == [2, 32, 32, 1] and all(target.shape[:3] == [2, 8, 8] for target in targets)
        outputs = network(inputs)
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            loss = objective.pixel_loss(outputs, *targets)
        assert loss.values.shape == loss.plain.shape == [2, 8, 8]
        assert (loss.values >= 0).numpy().all()
        assert np.abs(tape.gradient(loss.values, outputs)).max() > 0

    def test_every_weight_of_the_network_is_in_one_group(self, objective, network, rgb):
        groups = objective.losses(network)
        assert groups[0].name == "" and groups[0].variables.keys() == network.weights.keys()
        assert len({group.name for group in groups}) == len(groups)
        batch, training = batch_maker(objective, network)(rgb), TrainingPass(tf.constant([0, 0]))
        for group in groups:
            loss = group.loss(batch, training)
            assert np.isfinite(loss.values).all() and len(loss.values) == len(RGB)

    def test_outputs_become_colours(self, objective):
        outputs = tf.random.stateless_normal([2, 3, 4, objective.num_outputs], [0, 0])
        for temperature in (0.0, 0.38, 1.0):
            ab = objective.to_ab(outputs, temperature)
            assert ab.shape == [2, 3, 4, 2] and np.isfinite(ab).all() and np.abs(ab).max() < 128
        assert objective.log_weights(0.3).shape == objective.log_weights(None).shape == [objective.num_outputs]
        assert not objective.log_weights(None).numpy().any()

    def test_what_is_learned_by_heart_comes_near_the_least_loss_and_near_the_colours(self, objective, rgb):
        trainer = trainer_of(lambda: Zhang(objective.num_outputs, width=1 / 16), 2, objective)
        batch = batch_maker(objective, Zhang)(rgb)
        least = objective.least_loss(*batch[1:])
        losses = [float(trainer.step(batch, 1e-2, step).loss) for step in range(120)]
        assert least <= losses[-1] < least + 0.5 * (losses[0] - least)
        scale = rgb.shape[1] // RGB.shape[1]
        true = levels_to_lab(rgb)[:, :: 8 * scale, :: 8 * scale, 1:]
        outputs = trainer.network(batch[0], TrainingPass(tf.constant([0, 0])))  # averages of batches are too young
        found = objective.to_ab(outputs, 1.0)[:, scale :: 2 * scale, scale :: 2 * scale]
        error, unknowing = (np.linalg.norm(x - true, axis=-1).mean() for x in (found, np.mean(true, axis=(0, 1, 2))))
        assert error < unknowing


class Adversarial(Regression):
    """Regression with a critic of one weight, trained to tell true colours by their distance from gray."""

    def losses(self, network, seed=0):
        scale = tf.Variable(tf.random.stateless_normal([], [seed, 1]))

        def network_loss(batch, training):
            inputs, ab = batch
            predicted = network(inputs, training)
            values = self.pixel_loss(predicted, ab).values - scale * tf.norm(predicted, axis=-1)
            return Loss(values, values)

        def critic_loss(batch, training):
            inputs, ab = batch
            predicted = network(inputs, training)
            values = scale * (tf.norm(predicted, axis=-1) - tf.norm(ab / 20, axis=-1)) + scale**2
            return Loss(values, values)

        critic = LossOfVariables("critic", {"scale": scale}, critic_loss)
        return [LossOfVariables("", network.weights, network_loss), critic]


class TestAnObjectiveWithTwoGroups:
    """As adversarial training has them: each group lowers its own loss with its own optimizer."""

    @pytest.fixture
    def trainer(self):
        return trainer_of(lambda: Zhang(2, width=1 / 16), 2, Adversarial(made_bins()))

    @pytest.fixture
    def batch(self):
        return batch_maker(Regression(made_bins()), Zhang)(tf.constant(RGB))

    def test_a_step_changes_each_group_by_the_gradient_of_its_own_loss(self, trainer, batch):
        """Adam's first step is the learning rate against the sign of the gradient."""
        before = trainer.arrays()
        inputs, ab = batch
        predicted = trainer.network(inputs, TrainingPass(tf.constant([0, 0])))
        difference = tf.reduce_mean(tf.norm(predicted, axis=-1)) - tf.reduce_mean(tf.norm(ab / 20, axis=-1))
        gradient = float(difference + 2 * before["critic/weights/scale"])
        result = trainer.step(batch, 1e-3, 0)
        after = trainer.arrays()
        change = after["critic/weights/scale"] - before["critic/weights/scale"]
        assert change == pytest.approx(-1e-3 * np.sign(gradient), rel=1e-3)
        assert float(result.numbers["critic/gradient_norm"]) == pytest.approx(abs(gradient), rel=1e-3)
        name = next(iter(trainer.network.weights))
        assert (after[f"weights/{name}"] != before[f"weights/{name}"]).any()

    def test_its_checkpoint_holds_both_groups(self, trainer, batch, tmp_path):
        trainer.step(batch, 1e-3, 0)
        saved = trainer.arrays()
        assert {"critic/weights/scale", "critic/adam/updates"} <= saved.keys()
        trainer.save(tmp_path / "c.npz", TrainingState(1))
        trainer.step(batch, 1e-3, 1)
        trainer.restore(tmp_path / "c.npz")
        for name, value in trainer.arrays().items():
            np.testing.assert_array_equal(value, saved[name], err_msg=name)

    def test_a_bad_step_of_one_group_changes_neither(self, trainer, batch):
        before = trainer.arrays()
        bad = (batch[0], batch[1] * np.nan)
        assert not trainer.step(bad, 1e-3, 0).is_finite
        for name, value in trainer.arrays().items():
            np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_unknown_objectives_and_arguments_are_refused():
    with pytest.raises(InputError, match=r"unknown objective 'gan' \(known: .*classification"):
        ObjectiveChoice("gan")
    with pytest.raises(InputError, match="`encoding` is not for regression; leave it out"):
        ObjectiveChoice("regression", {"encoding": "soft"})
    with pytest.raises(InputError, match="`encoding` must be soft or hard, got 'other'"):
        ObjectiveChoice("classification", {"encoding": "other"})
