"""Activation ops: what rrelu costs beside a leaky ReLU without randomness."""

from pathlib import Path

import tensorflow as tf

from benchmarks.measure import Row, alternate, ratios, row
from tfcolor.ops.rrelu import rrelu

ELEMENTS = 10**7


def measure(folder: Path, quick: bool) -> list[Row]:
    """Measure forward and backward of 10^7 elements, in a graph as training does."""
    x, by_y = (tf.random.stateless_normal([ELEMENTS], [1, k]) for k in (2, 3))
    seed = tf.constant([4, 5])
    steps = {"rrelu": both_ways(lambda x: rrelu(x, seed)), "leaky_relu": both_ways(tf.nn.leaky_relu)}

    def run(step):
        for result in step(x, by_y):
            result[0].numpy()  # waits

    contestants = {name: lambda step=step: run(step) for name, step in steps.items()}
    seconds = alternate(contestants, 9 if quick else 25)
    rates = {name: [ELEMENTS / s / 1e6 for s in runs] for name, runs in seconds.items()}
    note = f"forward and backward of {ELEMENTS:,} float32"
    return [
        row("rrelu", rates["rrelu"], "M elements/s", note=note),
        row("tf.nn.leaky_relu", rates["leaky_relu"], "M elements/s"),
        row("time of rrelu / tf.nn.leaky_relu", ratios(seconds["rrelu"], seconds["leaky_relu"]), "x", "< 2.5", note),
    ]


def both_ways(activation):
    """A graph of an activation and its gradient."""

    @tf.function(autograph=False)
    def step(x, by_y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = activation(x)
        return y, tape.gradient(y, x, output_gradients=by_y)

    return step
