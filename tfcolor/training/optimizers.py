"""Adam as a pure function and the class that keeps its moments; clipping; the learning rate."""

import math
from dataclasses import dataclass

import tensorflow as tf

BETA1, BETA2 = 0.9, 0.99  # Zhang et al. 2016, section 3.1
EPSILON = 1e-8  # Kingma and Ba 2015, algorithm 1
CUT, PATIENCE = 0.2, 10  # of `Plateau`: the new rate by the old one, and epochs
WARMUP_STEPS = 100  # Adam's second moments are poor estimates before about 1 / (1 - beta2) steps


def adam_update(
    gradient: tf.Tensor, mean: tf.Tensor, square: tf.Tensor, updates: tf.Tensor, learning_rate: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One update of Adam (Kingma and Ba 2015, algorithm 1).

    Args:
        gradient: float32 [...].
        mean, square: float32 [...], the moments m and v before the update.
        updates: float32 scalar, how many updates there are with this one (t, from 1).
        learning_rate: float32 scalar.

    Returns:
        What to add to the weight, and the new m and v; float32 [...] each.
    """
    mean = BETA1 * mean + (1 - BETA1) * gradient
    square = BETA2 * square + (1 - BETA2) * gradient**2
    unbiased_mean = mean / (1 - BETA1**updates)
    unbiased_square = square / (1 - BETA2**updates)
    return -learning_rate * unbiased_mean / (tf.sqrt(unbiased_square) + EPSILON), mean, square


class Adam(tf.Module):
    """Adam's moments for a set of named weights, and a count of the updates made."""

    def __init__(self, weights: dict[str, tf.Variable]):
        """Start with zero moments; create inside the strategy's scope."""
        super().__init__(name="adam")
        self._weights = weights
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
        """Update the weights, or, where `accept` is false, leave everything as it is.

        Args:
            gradients: by the weights' names, equal on all replicas.
            learning_rate: float32 scalar.
            accept: bool scalar.
        """
        updates = self._updates + tf.cast(accept, tf.int64)
        for name, weight in self._weights.items():
            mean, square = self._means[name], self._squares[name]
            change, *moments = adam_update(
                gradients[name], mean, square, tf.cast(tf.maximum(updates, 1), tf.float32), learning_rate
            )
            # A rejected step may be NaN throughout: it is selected away, never multiplied by zero.
            weight.assign(tf.where(accept, weight + change, weight))
            mean.assign(tf.where(accept, moments[0], mean))
            square.assign(tf.where(accept, moments[1], square))
        self._updates.assign(updates)


class WeightAverage(tf.Module):
    """Moving averages of named weights: less noisy than the last ones (Polyak and Juditsky 1992)."""

    def __init__(self, weights: dict[str, tf.Variable], keep: float):
        """Start at the weights; create inside the strategy's scope.

        Args:
            weights: by name.
            keep: the share of the average that stays at each step, in [0, 1); less in the first steps,
                (1 + n) / (10 + n) after n of them, so that the initial weights are soon forgotten.
        """
        super().__init__(name="average")
        self._weights, self._keep = weights, keep
        self._averages = {name: tf.Variable(weight) for name, weight in weights.items()}
        self._updates = tf.Variable(0, dtype=tf.int64)

    @property
    def state(self) -> dict[str, tf.Variable]:
        """Everything that a checkpoint must hold, by name."""
        averages = {f"average/{name}": variable for name, variable in self._averages.items()}
        return averages | {"average_updates": self._updates}

    def update(self, accept: tf.Tensor) -> None:
        """Take the weights as they are now into the averages, or, where `accept` is false, do nothing."""
        updates = tf.cast(self._updates, tf.float32)
        keep = tf.minimum(self._keep, (1 + updates) / (10 + updates))
        for name, weight in self._weights.items():
            average = self._averages[name]
            average.assign(tf.where(accept, keep * average + (1 - keep) * weight, average))
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
    """The share of the learning rate in the first steps, in (0, 1]."""
    return min(1.0, (step + 1) / WARMUP_STEPS)


@dataclass
class Plateau:
    """Cuts the learning rate by a factor where the mean loss of an epoch has not fallen for some epochs.

    factor: by which the rate is multiplied so far.
    best: the lowest mean of an epoch, nats.
    stale: epochs since then, or since the last cut.
    total, steps: of the epoch under way: the sum of its losses, and how many they are.
    """

    factor: float = 1.0
    best: float = math.inf
    stale: int = 0
    total: float = 0.0
    steps: int = 0

    def add(self, loss: float, steps_per_epoch: int) -> None:
        """Take note of a step's loss."""
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
    """The learning rate: a linear rise, then half a cosine to zero (Loshchilov and Hutter 2017).

    Args:
        step: from 0.
        total_steps: at which the rate is zero, or None while it is not known yet.
        peak: the highest rate.

    Returns:
        The rate of this step.
    """
    fall = 1.0 if total_steps is None else (1 + math.cos(math.pi * min(1.0, step / total_steps))) / 2
    return peak * warmup(step) * fall
