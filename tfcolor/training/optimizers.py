"""Adam; averages of weights; gradient clipping; learning rate schedules."""

import math
from dataclasses import dataclass

import tensorflow as tf

BETA1, BETA2 = 0.9, 0.99  # Zhang et al. 2016, section 3.1
EPSILON = 1e-8  # Kingma and Ba 2015, algorithm 1
CUT, PATIENCE = 0.2, 10  # of `Plateau`: the factor of a cut, and the epochs before it
WARMUP_STEPS = 100  # about 1 / (1 - beta2): before that, Adam's second moments are poor estimates


class Adam(tf.Module):
    """Adam (Kingma and Ba 2015, algorithm 1) for a set of named weights."""

    def __init__(self, weights: dict[str, tf.Variable], rates: dict[str, float] | None = None):
        """Start with zero moments; call it inside the strategy's scope.

        Args:
            weights: by name.
            rates: factors of the learning rate by name; 1 for those that are not there.
        """
        super().__init__(name="adam")
        self._weights, self._rates = weights, rates or {}
        self._means = {name: tf.Variable(tf.zeros_like(weight)) for name, weight in weights.items()}
        self._squares = {name: tf.Variable(tf.zeros_like(weight)) for name, weight in weights.items()}
        self._updates = tf.Variable(0, dtype=tf.int64)

    @property
    def state(self) -> dict[str, tf.Variable]:
        """Everything that a checkpoint must hold, by name."""
        means = {f"adam/mean/{name}": variable for name, variable in self._means.items()}
        squares = {f"adam/square/{name}": variable for name, variable in self._squares.items()}
        return means | squares | {"adam/updates": self._updates}

    def apply(self, gradients: dict[str, tf.Tensor], learning_rate: tf.Tensor, accept: tf.Tensor) -> None:
        """Update the weights, or leave everything unchanged if `accept` is false.

        Args:
            gradients: by the names of the weights; equal on all replicas.
            learning_rate: float32 scalar.
            accept: bool scalar.
        """
        # A rejected step may hold NaN, which even a factor of zero would spread.
        tf.cond(accept, lambda: self._update(gradients, learning_rate), lambda: None)

    def _update(self, gradients, learning_rate):
        updates = self._updates.assign_add(1)
        power1, power2 = (tf.pow(beta, tf.cast(updates, tf.float32)) for beta in (BETA1, BETA2))
        for name, weight in self._weights.items():
            # One pass over memory. Its epsilon is added before the second moment is corrected; in the paper, after.
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=self._means[name].handle,
                v=self._squares[name].handle,
                beta1_power=power1,
                beta2_power=power2,
                lr=self._rates.get(name, 1.0) * learning_rate,
                beta1=BETA1,
                beta2=BETA2,
                epsilon=EPSILON * tf.sqrt(1 - power2),
                grad=gradients[name],
            )


class WeightAverage(tf.Module):
    """Moving averages of named weights, less noisy than the last weights (Polyak and Juditsky 1992)."""

    def __init__(self, weights: dict[str, tf.Variable], decay: float):
        """Start at the weights; call it inside the strategy's scope.

        Args:
            weights: by name.
            decay: the factor of the old average at each step, in [0, 1). After n steps it is at most
                (1 + n) / (10 + n), so that the initial weights are soon forgotten.
        """
        super().__init__(name="average")
        self._weights, self._decay = weights, decay
        self._averages = {name: tf.Variable(weight) for name, weight in weights.items()}
        self._updates = tf.Variable(0, dtype=tf.int64)

    @property
    def state(self) -> dict[str, tf.Variable]:
        """Everything that a checkpoint must hold, by name."""
        averages = {f"average/{name}": variable for name, variable in self._averages.items()}
        return averages | {"average_updates": self._updates}

    def update(self, accept: tf.Tensor) -> None:
        """Update the averages with the current weights, or do nothing if `accept` is false."""
        updates = tf.cast(self._updates, tf.float32)
        rate = tf.cast(accept, tf.float32) * (1 - tf.minimum(self._decay, (1 + updates) / (10 + updates)))
        for name, weight in self._weights.items():
            self._averages[name].assign_add(rate * (weight - self._averages[name]))
        self._updates.assign_add(tf.cast(accept, tf.int64))


def clip_by_norm(gradients: list[tf.Tensor], limit: float) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Scale gradients so that their global norm is at most `limit` (Pascanu et al. 2013).

    Returns:
        The gradients, and their norm before clipping, float32 scalar.
    """
    norm = tf.linalg.global_norm(gradients)
    scale = limit / tf.maximum(norm, limit)
    return [gradient * scale for gradient in gradients], norm


def warmup(step: int) -> float:
    """Return the factor of the learning rate in the first steps, in (0, 1]."""
    return min(1.0, (step + 1) / WARMUP_STEPS)


@dataclass
class Plateau:
    """Cuts the learning rate when the mean loss of an epoch has not fallen for `PATIENCE` epochs.

    factor: the current factor of the learning rate.
    best: the lowest mean loss of an epoch.
    stale: epochs since then, or since the last cut.
    total, steps: the sum of the losses in the current epoch, and their number.
    """

    factor: float = 1.0
    best: float = math.inf
    stale: int = 0
    total: float = 0.0
    steps: int = 0

    def add(self, loss: float, steps_per_epoch: int) -> None:
        """Add the loss of a step."""
        self.total += loss
        self.steps += 1
        if self.steps < steps_per_epoch:
            return
        mean, self.total, self.steps = self.total / self.steps, 0.0, 0
        if mean < self.best:
            self.best, self.stale = mean, 0
            return
        self.stale += 1
        if self.stale == PATIENCE:
            self.factor, self.stale = self.factor * CUT, 0


def cosine_with_warmup(step: int, total_steps: int | None, peak: float) -> float:
    """Return the learning rate: half a cosine to zero (Loshchilov and Hutter 2017), with a linear warm-up.

    Args:
        step: from 0.
        total_steps: the step at which the rate is zero; None while it is unknown.
        peak: the highest rate.
    """
    decay = 1.0 if total_steps is None else (1 + math.cos(math.pi * min(1.0, step / total_steps))) / 2
    return peak * warmup(step) * decay
