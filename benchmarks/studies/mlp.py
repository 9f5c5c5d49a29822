"""The 784-1024-128-10 network on which activations are compared, and its training."""

import functools
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from benchmarks.studies import MULTIPLIED
from benchmarks.studies.mnist import Digits
from tfcolor.networks.layers import Activation, BatchNorm, Network, TrainingPass
from tfcolor.ops.activations import lrelu

WIDTHS = (784, 1024, 128, 10)
BATCH = 60
LEARNING_RATE = 1e-4
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma and Ba 2015, algorithm 1


def _multiplied(x, training, index):
    """Negatives are multiplied by one number per layer: drawn from U(3, 8) on each step, its mean in testing."""
    if training is None:
        return tf.where(x < 0, 5.5 * x, x)
    factor = tf.random.stateless_uniform([], tf.random.fold_in(training.seed, index), 3.0, 8.0)
    return tf.where(x < 0, factor * x, x)


class _Leaky100(tf.Module):
    weights, statistics = {}, {}

    def __call__(self, x, training):
        return lrelu(x, 100)


class _Multiplied(tf.Module):
    weights, statistics = {}, {}

    def __init__(self, index: int):
        super().__init__()
        self.index = index

    def __call__(self, x, training):
        return _multiplied(x, training, self.index)


def _plain(kind: str) -> Callable[[int, int], tf.Module]:
    return lambda channels, index: Activation(kind, channels, index, name=f"hidden{index}")


ACTIVATIONS: dict[str, Callable[[int, int], tf.Module]] = {  # name -> (channels, index of the layer) -> layer
    "ReLU": _plain("relu"),
    "LReLU(100)": lambda channels, index: _Leaky100(),
    "LReLU(5.5)": _plain("lrelu"),
    "PReLU": _plain("prelu"),
    "ELU": _plain("elu"),
    "RReLU(3, 8)": _plain("rrelu"),
    MULTIPLIED: lambda channels, index: _Multiplied(index),
}


class Dense(tf.Module):
    """x W^T + b; W is [outputs, inputs], so that both of its products run along rows.

    Weights of inputs that are zero in all of training get no gradient. Here they are constants, and used only in
    testing: the same numbers in less time.
    """

    statistics: dict[str, tf.Variable] = {}  # noqa: RUF012

    def __init__(self, inputs: int, outputs: int, seed: tf.Tensor, name: str, bias: bool, used: int | None = None):
        """Create the weights: He et al. 2015 (eq. 10), N(0, 2 / inputs), and zero biases.

        Args:
            inputs, outputs: numbers of inputs and outputs.
            seed: int32 [2], a stateless seed.
            name: name of the layer.
            bias: whether there is a bias.
            used: number of inputs that are not always zero in training; they come first. None for all.
        """
        super().__init__(name=name)
        weight = tf.random.stateless_normal([outputs, inputs], seed, stddev=(2 / inputs) ** 0.5)
        self.used = used or inputs
        self.weight = tf.Variable(weight[:, : self.used], name="weight")
        self.idle = tf.Variable(weight[:, self.used :], trainable=False, name="idle")
        self.bias = tf.Variable(tf.zeros([outputs]), name="bias") if bias else None

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The variables by name, float32."""
        bias = {} if self.bias is None else {f"{self.name}/bias": self.bias}
        return {f"{self.name}/weight": self.weight} | bias

    def __call__(self, x: tf.Tensor, training: TrainingPass | None) -> tf.Tensor:
        """Map float32 [B, inputs] to [B, outputs]."""
        y = tf.matmul(x[:, : self.used], self.weight, transpose_b=True)
        if training is None and self.idle.shape[1]:
            y += tf.matmul(x[:, self.used :], self.idle, transpose_b=True)
        return y if self.bias is None else y + self.bias


class Mlp(Network):
    """Pixels -> 1024 -> 128 -> 10 logits; an activation after both hidden layers."""

    def __init__(self, activation: str, batch_norm: bool, seed: int, used_pixels: int | None = None):
        """Create the weights; a seed gives the same ones with every activation.

        Args:
            activation: a name in `ACTIVATIONS`.
            batch_norm: whether to normalize before each activation; the offset there replaces the bias.
            seed: seed of the initial weights.
            used_pixels: see `Dense`.
        """
        super().__init__(name="mlp")
        self.layers = []
        last = len(WIDTHS) - 1
        for k in range(1, last + 1):
            name = f"layer{k}"
            bias = k == last or not batch_norm
            used = used_pixels if k == 1 else None
            self.layers.append(Dense(WIDTHS[k - 1], WIDTHS[k], tf.random.fold_in([seed, 0], k), name, bias, used))
            if k < last:
                self.layers += [BatchNorm(WIDTHS[k], name)] if batch_norm else []
                self.layers.append(ACTIVATIONS[activation](WIDTHS[k], k))

    def __call__(self, images: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Map images uint8 [B, 784] to logits float32 [B, 10]."""
        x = tf.cast(images, tf.float32) / 255
        for layer in self.layers:
            x = layer(x, training)
        return x


@dataclass
class Curves:
    """The course of a run.

    test_accuracy: after each epoch, in [0, 1].
    training_loss: the mean cross-entropy over each epoch's batches, before their steps, in nats.
    seconds: duration of the run.
    """

    test_accuracy: list[float]
    training_loss: list[float]
    seconds: float


class MlpTraining:
    """Adam with a rate of 1e-4 on the cross-entropy of batches of 60; each epoch is one call of a graph."""

    def __init__(self, activation: str, batch_norm: bool, training: Digits, test: Digits):
        """Prepare for runs with any seed.

        Args:
            activation: a name in `ACTIVATIONS`.
            batch_norm: whether to normalize before each activation.
            training, test: the digits.
        """
        order, used = inked_first(training.images)
        self._training, self._test = (
            [tf.constant(d.images[:, order]), tf.constant(d.labels)] for d in (training, test)
        )
        self._make_network = functools.partial(Mlp, activation, batch_norm, used_pixels=used)
        self._network = self._make_network(seed=0)
        self._weights = list(self._network.weights.values())
        self._moments = [[tf.Variable(tf.zeros_like(weight)) for weight in self._weights] for _ in range(2)]

    def run(self, seed: int, epochs: int) -> Curves:
        """Train from the beginning.

        Args:
            seed: seed of the initial weights, the order of the digits, and the random activations.
            epochs: how often each digit is seen.
        """
        started = time.perf_counter()
        for variable, value in zip(self._network.variables, self._make_network(seed=seed).variables, strict=True):
            variable.assign(value)
        for moment in itertools.chain(*self._moments):
            moment.assign(tf.zeros_like(moment))
        curves = Curves([], [], 0.0)
        for epoch in range(epochs):
            loss = self._epoch(tf.constant(seed), tf.constant(epoch))
            curves.training_loss.append(float(loss))
            curves.test_accuracy.append(float(self._accuracy()))
        curves.seconds = time.perf_counter() - started
        return curves

    @tf.function
    def _epoch(self, seed, epoch):
        images, labels = self._training
        size = len(images)
        order = tf.random.experimental.stateless_shuffle(tf.range(size), tf.stack([seed, epoch]))
        steps, total = size // BATCH, 0.0
        for i in tf.range(steps):
            chosen = order[i * BATCH : (i + 1) * BATCH]
            total += self._step(seed, epoch * steps + i, tf.gather(images, chosen), tf.gather(labels, chosen))
        return total / tf.cast(steps, tf.float32)

    def _step(self, seed, step, images, labels):
        training = TrainingPass(tf.random.fold_in(tf.stack([seed, 1]), step))
        with tf.GradientTape() as tape:
            logits = self._network(images, training)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        updates = tf.cast(step + 1, tf.float32)
        for weight, mean, square, gradient in zip(
            self._weights, *self._moments, tape.gradient(loss, self._weights), strict=True
        ):
            # All of Adam in one pass over memory: as separate operations it takes as long as the network.
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=BETA1**updates,
                beta2_power=BETA2**updates,
                lr=LEARNING_RATE,
                beta1=BETA1,
                beta2=BETA2,
                epsilon=EPSILON,
                grad=gradient,
            )
        for name, variable in self._network.statistics.items():
            variable.assign(training.statistics[name])
        return loss

    @tf.function
    def _accuracy(self):
        images, labels = self._test
        found = tf.argmax(self._network(images), axis=1, output_type=tf.int32)
        return tf.reduce_mean(tf.cast(found == labels, tf.float32))


def inked_first(images: np.ndarray) -> tuple[np.ndarray, int]:
    """Order the pixels so that those without ink in all images come last; the order means nothing to the network.

    Args:
        images: uint8 [N, pixels].

    Returns:
        The pixels in the new order, int [pixels], and how many have ink, rounded up to a multiple of 16.
    """
    inked = images.any(axis=0)
    return np.argsort(~inked, kind="stable"), min(len(inked), -(-int(inked.sum()) // 16) * 16)
