"""The training step on any `tf.distribute` strategy: losses, gradients, optimizers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfcolor.models.directory import assign_all
from tfcolor.networks.layers import Network, TrainingPass
from tfcolor.objectives.objective import LossOfVariables, Objective
from tfcolor.training.optimizers import Adam, Optimizer, WeightAverage, clip_by_norm
from tfcolor.training.state import TrainingState
from tfcolor.utils.files import read_npz, write_npz

_STEP_SEED = 1  # second part of the seed: initial weights use 0


MakeOptimizer = Callable[[dict[str, tf.Variable], dict[str, float]], Optimizer]


class Learner(NamedTuple):
    """A group of variables with its optimizer.

    group: their name, loss and statistics; its variables are those that learn.
    optimizer: the optimizer of these variables.
    """

    group: LossOfVariables
    optimizer: Optimizer

    @property
    def prefix(self) -> str:
        """What names of reports and checkpoints begin with."""
        return f"{self.group.name}/" if self.group.name else ""


def learners_of(
    objective: Objective,
    network: Network,
    seed: int = 0,
    encoder_rate: float = 0.0,
    whole_encoder: bool = False,
    make_optimizer: MakeOptimizer = Adam,
) -> list[Learner]:
    """Give each group of variables of an objective its own optimizer; call it inside the strategy's scope.

    Args:
        objective: the objective.
        network: the network.
        seed: seed of variables that the objective creates.
        encoder_rate: factor of the learning rate for the network's encoder, if it has one; 0 leaves it unchanged.
        whole_encoder: whether its `fixed` weights learn as well; else they are left unchanged in any case.
        make_optimizer: creates the optimizer of variables, with the factors of their learning rates.
    """
    encoder = network.encoder.weights if network.encoder else {}
    fixed = network.encoder.fixed if network.encoder and not whole_encoder else set()
    learners = []
    for group in objective.losses(network, seed):
        rates = {key: encoder_rate * (key not in fixed) if key in encoder else 1.0 for key in group.variables}
        trained = {key: variable for key, variable in group.variables.items() if rates[key]}
        learners.append(Learner(group._replace(variables=trained), make_optimizer(trained, rates)))
    return learners


@dataclass(frozen=True)
class StepResult:
    """The result of a step, equal on all replicas: scalars that stay on the device until they are read.

    numbers: `loss` and `plain_loss`, the means over the batch with and without rebalancing weights, the parts of the
        loss, and `gradient_norm` before clipping; `<name>/loss` and so on for learners with a name.
    is_finite: false if the step was skipped, with all variables unchanged.
    """

    numbers: dict[str, tf.Tensor]
    is_finite: tf.Tensor

    @property
    def loss(self) -> tf.Tensor:
        """The loss of the network itself."""
        return self.numbers["loss"]


class Trainer:
    """A network with its learners, and the training step, on every replica of a strategy."""

    def __init__(
        self,
        make: Callable[[], tuple[Network, list[Learner]]],
        global_batch: int,
        strategy: tf.distribute.Strategy,
        xla: bool = False,
        seed: int = 0,
        average: float = 0.0,
        weight_decay: float = 0.0,
    ):
        """Create the variables in the strategy's scope.

        Args:
            make: creates the network and the learners.
            global_batch: windows in each step over all replicas.
            strategy: from `distribution.make_strategy`.
            xla: whether XLA compiles the network and its gradients, see `precision.use_xla`; ignored if several
                replicas train a network with batch normalization, which must exchange moments.
            seed: seed of everything random in a step.
            average: decay of `optimizers.WeightAverage` for the network's weights; 0 for no average.
            weight_decay: d in the term d/2 |filter|^2, which is added to every loss but not to the reported losses.
        """
        self.strategy = strategy
        self._global_batch = global_batch
        self._seed = tf.constant([seed, _STEP_SEED])
        self._weight_decay = weight_decay
        with strategy.scope():
            self.network, self._learners = make()
            self._average = WeightAverage(self.network.weights, average) if average else None
        self._statistics = dict(self.network.statistics)
        for learner in self._learners:
            self._statistics |= learner.group.statistics
        self._compute = self._losses_and_gradients
        if xla and not (self._statistics and strategy.num_replicas_in_sync > 1):
            # Compiled inside a replica, never around `strategy.run`.
            self._compute = tf.function(self._losses_and_gradients, jit_compile=True, autograph=False)

    @property
    def state(self) -> dict[str, tf.Variable]:
        """All variables that a checkpoint must hold, by name."""
        state = {f"weights/{name}": weight for name, weight in self.network.saved.items()}
        for group, optimizer in self._learners:
            prefix = f"{group.name}/" if group.name else ""
            if group.name:
                own = {**group.variables, **group.statistics}
                state |= {f"{prefix}weights/{name}": variable for name, variable in own.items()}
            state |= {prefix + name: variable for name, variable in optimizer.state.items()}
        return state | (self._average.state if self._average else {})

    def step(self, batch: tuple, learning_rate: float, step: int) -> StepResult:
        """Take one step.

        Args:
            batch: from `Objective.batch`, for each replica.
            learning_rate: the rate of this step.
            step: its number, from 0, on which everything random in it depends.

        Returns:
            The result; if a loss or gradient is not finite, all variables are unchanged.
        """
        return StepResult(*self._step(batch, tf.constant(learning_rate, tf.float32), tf.constant(step, tf.int64)))

    @tf.function(reduce_retracing=True, autograph=False)
    def _step(self, batch, learning_rate, step):
        results = self.strategy.run(self._replica_step, args=(batch, learning_rate, step))
        return tf.nest.map_structure(lambda result: self.strategy.experimental_local_results(result)[0], results)

    def _replica_step(self, batch, learning_rate, step):
        replica = tf.distribute.get_replica_context()
        computed, statistics = self._compute(self.replica_seed(step), *batch)
        # Summed by hand: each replica then updates its own copy of the variables with the same numbers.
        computed = replica.all_reduce("SUM", computed)
        numbers, updates, is_finite = {}, [], tf.constant(True)
        for learner, (losses, gradients) in zip(self._learners, computed, strict=True):
            gradients, norm = clip_by_norm(gradients, learner.group.clip)
            is_finite &= tf.math.is_finite(norm) & tf.math.is_finite(losses["loss"])
            updates.append(self._decayed(dict(zip(learner.group.variables, gradients, strict=True)), learner))
            numbers |= {learner.prefix + name: value for name, value in (losses | {"gradient_norm": norm}).items()}
        for learner, gradients in zip(self._learners, updates, strict=True):
            learner.optimizer.apply(gradients, learning_rate, is_finite)
        if self._average:
            self._average.update(is_finite)
        for name, variable in self._statistics.items():
            variable.assign(tf.where(is_finite, statistics[name], variable))
        return numbers, is_finite

    def _decayed(self, gradients, learner):
        """The gradients plus the gradient of the L2 term, which is added after clipping, as in Caffe."""
        if not self._weight_decay:
            return gradients
        decays = {n: self._weight_decay * w for n, w in learner.group.variables.items() if n.endswith("/filter")}
        return {name: gradient + decays.get(name, 0.0) for name, gradient in gradients.items()}

    def replica_seed(self, step: tf.Tensor) -> tf.Tensor:
        """Return the seed of a step in the calling replica, int32 [2]."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.random.fold_in(tf.random.fold_in(self._seed, step), replica)

    def _losses_and_gradients(self, seed, *batch):
        """This replica's share of the losses and of the gradients, for each learner; and the new statistics.

        Everything is computed before any variable changes.
        """
        training, computed = TrainingPass(seed), []
        with tf.GradientTape(persistent=True) as tape:  # a later loss may begin with what an earlier one has kept
            losses = [self._shares(learner.group.loss(batch, training)) for learner in self._learners]
        for learner, shares in zip(self._learners, losses, strict=True):
            gradients = tape.gradient(shares["loss"], list(learner.group.variables.values()))
            computed.append((shares, gradients))
        return computed, training.statistics

    def _shares(self, loss):
        """This replica's share of a loss, the plain loss and the parts, by name."""
        total = self._global_batch * np.prod(loss.values.shape[1:], dtype=int)
        values = {"loss": loss.values, "plain_loss": loss.plain, **loss.parts}
        return {name: tf.reduce_sum(value) / total for name, value in values.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the values of `state` in this process."""
        local = self.strategy.experimental_local_results
        return {name: local(variable)[0].numpy() for name, variable in self.state.items()}

    def model_arrays(self) -> dict[str, np.ndarray]:
        """Return the values of the network's `saved` variables for the model, with averaged weights if any."""
        arrays = self.arrays()
        return {name: arrays.get(f"average/{name}", arrays[f"weights/{name}"]) for name in self.network.saved}

    def save(self, path: Path, state: TrainingState) -> None:
        """Write a checkpoint, whole or not at all."""
        write_npz(path, self.arrays() | state.to_arrays())

    def restore(self, path: Path) -> TrainingState:
        """Read a checkpoint, which must hold exactly the variables of `state` and the training state.

        Raises:
            InputError: if the file does not fit.
        """
        arrays = read_npz(path, set(self.state) | set(TrainingState().to_arrays()))
        assign_all(self.state, arrays, path)
        return TrainingState.from_arrays(arrays)

    def set_weights(self, arrays: dict[str, np.ndarray], source: Path | str) -> None:
        """Replace the initial values of the network's `saved` variables, by name.

        Raises:
            InputError: naming `source`, if the arrays do not fit.
        """
        assign_all(self.network.saved, arrays, source)
        if self._average:
            averages = {f"average/{name}": array for name, array in arrays.items()}
            assign_all({name: self.state[name] for name in averages if name in self.state}, averages, source)
