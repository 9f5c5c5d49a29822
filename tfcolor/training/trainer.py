"""The training step on any `tf.distribute` strategy, and the loop around it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor.models.directory import assign_all, read_weights
from tfcolor.networks.layers import TrainingPass
from tfcolor.objectives import PIXEL_ERRORS
from tfcolor.training.optimizers import Adam, Plateau, WeightAverage, clip_by_norm
from tfcolor.utils.errors import WorkError
from tfcolor.utils.files import check_names, read_npz, write_npz

log = logging.getLogger(__name__)

CLIP_NORM = 1.0
MAX_SKIPPED_IN_A_ROW = 10
_RANDOM = 1  # apart from the seeds of initial weights


@dataclass(frozen=True)
class StepResult:
    """What a step did, equal on all replicas; scalars that stay on the device until they are read.

    loss, plain_loss: the cross-entropy with and without rebalancing weights, mean over pixels, nats; of a
        regression the squared error, see `losses.half_square`, twice.
    gradient_norm: before clipping.
    is_finite: false where the step was skipped, the weights being left as they were.
    """

    loss: tf.Tensor
    plain_loss: tf.Tensor
    gradient_norm: tf.Tensor
    is_finite: tf.Tensor


class Trainer:
    """A network, its optimizer and the step that improves it, on every replica of a strategy."""

    def __init__(
        self,
        make_network: Callable[[], tf.Module],
        global_batch: int,
        strategy: tf.distribute.Strategy,
        xla: bool = False,
        seed: int = 0,
        average: float = 0.0,
        weight_decay: float = 0.0,
    ):
        """Create the variables in the strategy's scope.

        Args:
            make_network: returns a network of `tfcolor.networks`.
            global_batch: windows per step over all replicas.
            strategy: from `make_strategy`.
            xla: whether XLA compiles the network and its gradients, see `precision.use_xla`. It cannot
                where replicas have to exchange what their batches' normalization needs.
            seed: of what is random in the network.
            average: what `optimizers.WeightAverage` keeps at each step; 0 for none.
            weight_decay: of filters: d in the term d/2 |filter|^2 that the loss would have beside what is reported.
        """
        self.strategy = strategy
        self._global_batch = global_batch
        self._seed = tf.constant([seed, _RANDOM])
        self._weight_decay = weight_decay
        with strategy.scope():
            self.network = make_network()
            self._optimizer = Adam(self.network.weights)
            self._average = WeightAverage(self.network.weights, average) if average else None
        self._gradients = self._losses_and_gradients
        if xla and not (self.network.statistics and strategy.num_replicas_in_sync > 1):
            # Compiled inside a replica, never around `strategy.run`.
            self._gradients = tf.function(self._losses_and_gradients, jit_compile=True, autograph=False)

    @property
    def state(self) -> dict[str, tf.Variable]:
        """All variables that a checkpoint must hold, by name."""
        weights = {f"weights/{name}": weight for name, weight in self.network.saved.items()}
        return weights | self._optimizer.state | (self._average.state if self._average else {})

    def step(self, batch: tuple, learning_rate: float, step: int) -> StepResult:
        """Take one step.

        Args:
            batch: per replica, what `batches.TargetMaker` returns.
            learning_rate: of this step.
            step: its number, from 0, which decides what is random in it.

        Returns:
            What happened; a loss or gradient that is not finite leaves all variables untouched.
        """
        return StepResult(*self._step(batch, tf.constant(learning_rate, tf.float32), tf.constant(step, tf.int64)))

    @tf.function(reduce_retracing=True, autograph=False)
    def _step(self, batch, learning_rate, step):
        results = self.strategy.run(self._replica_step, args=(batch, learning_rate, step))
        return [self.strategy.experimental_local_results(result)[0] for result in results]

    def _replica_step(self, batch, learning_rate, step):
        weights = self.network.weights
        replica = tf.distribute.get_replica_context()
        loss, plain_loss, gradients, statistics = self._gradients(self.replica_seed(step), *batch)
        # Summed here, by hand: each replica then updates its own copy with the same numbers.
        gradients, loss, plain_loss = replica.all_reduce("SUM", [gradients, loss, plain_loss])
        gradients, norm = clip_by_norm(gradients, CLIP_NORM)
        is_finite = tf.math.is_finite(norm) & tf.math.is_finite(loss)
        gradients = self._decayed(dict(zip(weights, gradients, strict=True)))
        self._optimizer.apply(gradients, learning_rate, is_finite)
        if self._average:
            self._average.update(is_finite)
        for name, variable in self.network.statistics.items():
            variable.assign(tf.where(is_finite, statistics[name], variable))
        return loss, plain_loss, norm, is_finite

    def _decayed(self, gradients):
        """With those of the L2 term, which come after clipping, as Caffe does it."""
        if not self._weight_decay:
            return gradients
        decays = {name: self._weight_decay * w for name, w in self.network.weights.items() if name.endswith("/filter")}
        return {name: gradient + decays.get(name, 0.0) for name, gradient in gradients.items()}

    def replica_seed(self, step: tf.Tensor) -> tf.Tensor:
        """The seed of a step in the replica that asks, int32 [2]."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.random.fold_in(tf.random.fold_in(self._seed, step), replica)

    def _losses_and_gradients(self, seed, lightness, *targets):
        """This replica's share of the two losses, the gradients of the first, and new statistics."""
        training = TrainingPass(seed)
        with tf.GradientTape() as tape:
            outputs = self.network(lightness, training)
            errors, pixel_weights = PIXEL_ERRORS[self.network.objective](outputs, *targets)  # [B, h, w] each
            pixels = self._global_batch * errors.shape[1] * errors.shape[2]
            loss = tf.reduce_sum(errors * pixel_weights) / pixels
        gradients = tape.gradient(loss, list(self.network.weights.values()))
        return loss, tf.reduce_sum(errors) / pixels, gradients, training.statistics

    def arrays(self) -> dict[str, np.ndarray]:
        """The values of `state`, as this process has them."""
        local = self.strategy.experimental_local_results
        return {name: local(variable)[0].numpy() for name, variable in self.state.items()}

    def model_arrays(self) -> dict[str, np.ndarray]:
        """What becomes the model: the values of the network's `saved`, weights averaged where that is asked for."""
        arrays = self.arrays()
        return {name: arrays.get(f"average/{name}", arrays[f"weights/{name}"]) for name in self.network.saved}

    def save(self, path: Path, position: "Position") -> None:
        """Write a checkpoint, whole or not at all."""
        write_npz(path, self.arrays() | position.to_arrays())

    def start_from(self, path: Path) -> None:
        """Take a model's weights and statistics in place of the initial ones; the optimizer starts anew.

        Args:
            path: `weights.npz` of a model of the same network. Where that classified and this one regresses, the last
                layer keeps its own initial weights.

        Raises:
            InputError: where it does not fit.
        """
        arrays = read_weights(path)
        if self.network.objective == "regression" and not any(name.startswith("ab/") for name in arrays):
            own = {name: weight.numpy() for name, weight in self.network.saved.items() if name.startswith("ab/")}
            arrays = {name: array for name, array in arrays.items() if not name.startswith("logits/")} | own
        check_names(path, arrays, set(self.network.saved))
        self.set_weights(arrays, path)

    def set_weights(self, arrays: dict[str, np.ndarray], source: Path | str) -> None:
        """Take weights and statistics, by the names of `network.saved`, in place of the initial ones.

        Raises:
            InputError: naming their source, where they do not fit.
        """
        assign_all(self.network.saved, arrays, source)
        if self._average:
            averages = {f"average/{name}": array for name, array in arrays.items()}
            assign_all({name: self.state[name] for name in averages if name in self.state}, averages, source)

    def restore(self, path: Path) -> "Position":
        """Read a checkpoint; every variable must be there, and nothing else.

        Raises:
            InputError: where the file does not fit.
        """
        arrays = read_npz(path, set(self.state) | set(Position().to_arrays()))
        assign_all(self.state, arrays, path)
        return Position.from_arrays(arrays)


@dataclass
class Position:
    """How far a run is: the steps taken, how many were skipped, the seconds it took, and how its loss falls."""

    step: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    seconds: float = 0.0
    plateau: Plateau = field(default_factory=Plateau)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """For a checkpoint."""
        values = vars(self) | vars(self.plateau)
        return {f"position/{name}": np.array(value) for name, value in values.items() if name != "plateau"}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Position":
        """From a checkpoint."""
        plateau = Plateau(**{name: arrays[f"position/{name}"].item() for name in vars(Plateau())})
        own = {name: arrays[f"position/{name}"].item() for name in vars(cls()) if name != "plateau"}
        return cls(**own, plateau=plateau)

    def count(self, results: list[StepResult], steps_per_epoch: int = 1) -> None:
        """Take note of finished steps.

        Args:
            results: what they did.
            steps_per_epoch: in which every photograph is seen once.

        Raises:
            WorkError: after 10 steps in a row whose loss or gradient was not finite.
        """
        for result in results:
            self.step += 1
            if result.is_finite:
                self.skipped_in_a_row = 0
                self.plateau.add(float(result.loss), steps_per_epoch)
                continue
            self.skipped += 1
            self.skipped_in_a_row += 1
            log.warning("step %d was skipped: its loss or gradient is not finite", self.step)
            if self.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
                raise WorkError(
                    f"steps {self.step - MAX_SKIPPED_IN_A_ROW + 1} to {self.step} all had a loss or gradient that "
                    "is not finite; the weights are those before them. Try a lower --learning-rate or "
                    "--precision float32"
                )
