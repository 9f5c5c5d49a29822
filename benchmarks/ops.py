"""Activations: the time of rrelu compared with a leaky ReLU, which draws nothing."""

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from benchmarks.measure import Row, Scale, alternate, ratios, row
from tfcolor.ops.rrelu import rrelu


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure the forward and backward pass of 10^7 elements in a graph, as in training."""
    elements = scale.of(full=10**7, quick=10**7, tiny=10**3)
    x, by_y = (tf.random.stateless_normal([elements], [1, k]) for k in (2, 3))
    seed = tf.constant([4, 5])
    steps = {"rrelu": both_ways(lambda x: rrelu(x, seed)), "leaky_relu": both_ways(tf.nn.leaky_relu)}

    def run(step):
        for result in step(x, by_y):
            result[0].numpy()  # waits

    contestants = {name: lambda step=step: run(step) for name, step in steps.items()}
    seconds = alternate(contestants, scale.of(full=25, quick=9, tiny=2))
    rates = {name: [elements / s / 1e6 for s in runs] for name, runs in seconds.items()}
    note = f"forward and backward of {elements:,} float32"
    return [
        row("rrelu", rates["rrelu"], "M elements/s", note=note),
        row("tf.nn.leaky_relu", rates["leaky_relu"], "M elements/s"),
        row("time of rrelu / tf.nn.leaky_relu", ratios(seconds["rrelu"], seconds["leaky_relu"]), "x", "< 2.5", note),
    ]


def both_ways(activation: Callable[[tf.Tensor], tf.Tensor]) -> tf.types.experimental.PolymorphicFunction:
    """Make a graph of an activation and its gradient: (x, gradient by y) -> (y, gradient by x)."""

    @tf.function(autograph=False)
    def step(x, by_y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = activation(x)
        return y, tape.gradient(y, x, output_gradients=by_y)

    return step
