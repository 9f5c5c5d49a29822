"""Every objective keeps its promises: targets, losses, outputs and colours fit each other."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from tests.made import made_bins, trainer_of
from tfcolor.color.lab import levels_to_lab
from tfcolor.networks.layers import TrainingPass
from tfcolor.networks.zhang import Zhang
from tfcolor.objectives.objective import Objective
from tfcolor.objectives.registry import OBJECTIVES, ObjectiveChoice, objective_class
from tfcolor.objectives.targets import batch_maker
from tfcolor.utils.errors import InputError

RGB = np.repeat(np.repeat(np.random.default_rng(0).integers(0, 256, [2, 4, 4, 3], np.uint8), 8, 1), 8, 2)


@pytest.mark.parametrize("name", OBJECTIVES)
class TestEveryObjective:
    @pytest.fixture
    def objective(self, name):
        return ObjectiveChoice(name).make(made_bins(16))

    @pytest.fixture
    def network(self, objective):
        return Zhang(objective.num_outputs, width=1 / 16)

    def test_it_is_what_the_registry_says(self, name, objective):
        spec, kind = OBJECTIVES[name], objective_class(name)
        assert kind.__name__ == spec.class_name and issubclass(kind, Objective)
        assert objective.predicts_distribution == spec.predicts_distribution
        assert [*inspect.signature(kind).parameters] == ["bins", *spec.options]

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

    def test_every_weight_of_the_network_is_in_one_group(self, objective, network):
        groups = objective.losses(network)
        assert groups[0].name == "" and groups[0].variables.keys() == network.weights.keys()
        assert len({group.name for group in groups}) == len(groups)
        batch = batch_maker(objective, network)(tf.constant(RGB))
        for group in groups:
            loss = group.loss(batch, TrainingPass(tf.constant([0, 0])))
            assert np.isfinite(loss.values).all() and len(loss.values) == len(RGB)

    def test_outputs_become_colours(self, objective):
        outputs = tf.random.stateless_normal([2, 3, 4, objective.num_outputs], [0, 0])
        for temperature in (0.0, 0.38, 1.0):
            ab = objective.to_ab(outputs, temperature)
            assert ab.shape == [2, 3, 4, 2] and np.isfinite(ab).all() and np.abs(ab).max() < 128
        assert objective.log_weights(0.3).shape == objective.log_weights(None).shape == [objective.num_outputs]
        assert not objective.log_weights(None).numpy().any()

    def test_what_is_learned_by_heart_comes_near_the_least_loss_and_near_the_colours(self, objective):
        trainer = trainer_of(lambda: Zhang(objective.num_outputs, width=1 / 16), 2, objective)
        batch = batch_maker(objective, Zhang)(tf.constant(RGB))
        least = objective.least_loss(*batch[1:])
        losses = [float(trainer.step(batch, 1e-2, step).loss) for step in range(120)]
        assert least <= losses[-1] < least + 0.5 * (losses[0] - least)
        true = levels_to_lab(tf.constant(RGB))[:, ::8, ::8, 1:]
        outputs = trainer.network(batch[0], TrainingPass(tf.constant([0, 0])))  # averages of batches are too young
        found = objective.to_ab(outputs, 1.0)[:, 1::2, 1::2]
        error, unknowing = (np.linalg.norm(x - true, axis=-1).mean() for x in (found, np.mean(true, axis=(0, 1, 2))))
        assert error < unknowing


def test_unknown_objectives_and_arguments_are_refused():
    with pytest.raises(InputError, match=r"unknown objective 'gan' \(known: .*classification"):
        ObjectiveChoice("gan")
    with pytest.raises(InputError, match="`encoding` is not for regression; leave it out"):
        ObjectiveChoice("regression", {"encoding": "soft"})
    with pytest.raises(InputError, match="`encoding` must be soft or hard, got 'other'"):
        ObjectiveChoice("classification", {"encoding": "other"})
