"""Optimizers, averages of weights, and gradient clipping."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from tfcolor.training.options import BETA1, BETA2

EPSILON = 1e-8  # Kingma and Ba 2015, algorithm 1
_MOMENTUM = 0.9  # of `Momentum`, as in Krizhevsky et al. 2012
_SMOOTHING = 0.9  # of `RMSprop` (Hinton's lecture 6e, slide 29)
_ACCUMULATED, _SMALL = 0.1, 1e-7  # the start of Adagrad's sums, and what RMSprop and Adagrad add, as in Keras


class Optimizer(tf.Module):
    """The base class of optimizers: a set of named weights, and further numbers for each.

    A subclass names these numbers in `slots`, with their initial value, and updates one weight in `_update_weight`.
    """

    slots: Mapping[str, float] = {}

    def __init__(self, weights: dict[str, tf.Variable], rates: Mapping[str, float] | None = None):
        """Create the numbers; call it inside the strategy's scope.

        Args:
            weights: by name.
            rates: factors of the learning rate by name; 1 for those that are not there.
        """
        super().__init__(name=type(self).__name__.lower())
        self._weights, self._rates = weights, rates or {}
        self._slots = {
            slot: {name: tf.Variable(tf.fill(weight.shape, start)) for name, weight in weights.items()}
            for slot, start in self.slots.items()
        }
        self._updates = tf.Variable(0, dtype=tf.int64)

    @property
    def state(self) -> dict[str, tf.Variable]:
        """Everything that a checkpoint must hold, by name."""
        numbers = {
            f"{self.name}/{slot}/{name}": variable
            for slot, variables in self._slots.items()
            for name, variable in variables.items()
        }
        return numbers | {f"{self.name}/updates": self._updates}

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
        updates = tf.cast(self._updates.assign_add(1), tf.float32)
        for name, weight in self._weights.items():
            slots = {slot: variables[name] for slot, variables in self._slots.items()}
            self._update_weight(weight, gradients[name], self._rates.get(name, 1.0) * learning_rate, updates, slots)

    def _update_weight(self, weight, gradient, rate, updates, slots):
        """Update a weight and its numbers; `updates` counts from 1."""
        raise NotImplementedError


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1)."""

    slots = {"mean": 0.0, "square": 0.0}  # noqa: RUF012 (a constant)

    def __init__(
        self,
        weights: dict[str, tf.Variable],
        rates: Mapping[str, float] | None = None,
        beta1: float = BETA1,
        beta2: float = BETA2,
    ):
        """Take the decays of both moments, in [0, 1); other arguments as in `Optimizer`."""
        super().__init__(weights, rates)
        self._betas = beta1, beta2

    def _update_weight(self, weight, gradient, rate, updates, slots):
        power1, power2 = (tf.pow(beta, updates) for beta in self._betas)
        # One pass over memory. Its epsilon is added before the second moment is corrected; in the paper, after.
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=slots["mean"].handle,
            v=slots["square"].handle,
            beta1_power=power1,
            beta2_power=power2,
            lr=rate,
            beta1=self._betas[0],
            beta2=self._betas[1],
            epsilon=EPSILON * tf.sqrt(1 - power2),
            grad=gradient,
        )


class AdamW(Adam):
    """Adam, whose filters also shrink by the rate times a factor (Loshchilov and Hutter 2019, algorithm 2)."""

    def __init__(self, weights, rates=None, beta1=BETA1, beta2=BETA2, decay: float = 0.0):
        """Take the factor d in weight -= rate * d * weight; other arguments as in `Adam`."""
        super().__init__(weights, rates, beta1, beta2)
        self._decay = decay
        self._decayed = {id(weight) for name, weight in weights.items() if name.endswith("/filter")}

    def _update_weight(self, weight, gradient, rate, updates, slots):
        if id(weight) in self._decayed:
            weight.assign_sub(rate * self._decay * weight)
        super()._update_weight(weight, gradient, rate, updates, slots)


class Sgd(Optimizer):
    """Stochastic gradient descent."""

    def _update_weight(self, weight, gradient, rate, updates, slots):
        weight.assign_sub(rate * gradient)


class Momentum(Optimizer):
    """Gradient descent with momentum (Polyak 1964): v = 0.9 v + gradient, weight -= rate * v."""

    slots = {"velocity": 0.0}  # noqa: RUF012 (a constant)

    def _update_weight(self, weight, gradient, rate, updates, slots):
        velocity = slots["velocity"].assign(_MOMENTUM * slots["velocity"] + gradient)
        weight.assign_sub(rate * velocity)


class RMSprop(Optimizer):
    """RMSprop (Hinton's lecture 6e): gradients divided by the root of their mean square over the last steps."""

    slots = {"square": 0.0}  # noqa: RUF012 (a constant)

    def _update_weight(self, weight, gradient, rate, updates, slots):
        square = slots["square"].assign(_SMOOTHING * slots["square"] + (1 - _SMOOTHING) * gradient**2)
        weight.assign_sub(rate * gradient * tf.math.rsqrt(square + _SMALL))


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011): gradients divided by the root of the sum of all their squares so far."""

    slots = {"sum": _ACCUMULATED}  # noqa: RUF012 (a constant)

    def _update_weight(self, weight, gradient, rate, updates, slots):
        total = slots["sum"].assign_add(gradient**2)
        weight.assign_sub(rate * gradient * tf.math.rsqrt(total + _SMALL))


def optimizer_maker(
    name: str, beta1: float = BETA1, beta2: float = BETA2, decay: float = 0.0
) -> Callable[[dict[str, tf.Variable], Mapping[str, float]], Optimizer]:
    """Return a function that creates an optimizer of weights, with factors of their learning rates.

    Args:
        name: a name in `options.OPTIMIZERS`.
        beta1, beta2: for 'adam' and 'adamw'.
        decay: for 'adamw'.
    """
    if name == "adam":
        return lambda weights, rates: Adam(weights, rates, beta1, beta2)
    if name == "adamw":
        return lambda weights, rates: AdamW(weights, rates, beta1, beta2, decay)
    return {"sgd": Sgd, "momentum": Momentum, "rmsprop": RMSprop, "adagrad": Adagrad}[name]


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


def clip_by_norm(gradients: list[tf.Tensor], limit: float | None) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Scale gradients so that their global norm is at most `limit` (Pascanu et al. 2013); None for no limit.

    Returns:
        The gradients, and their norm before clipping, float32 scalar.
    """
    norm = tf.linalg.global_norm(gradients)
    if limit is None:
        return gradients, norm
    scale = limit / tf.maximum(norm, limit)
    return [gradient * scale for gradient in gradients], norm
