"""The network as a Keras 3 model on TensorFlow, trained with `fit` as in Keras's own guides."""

from typing import TYPE_CHECKING

import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.objectives.objective import CLIP_NORM
from tfcolor.training.optimizers import BETA1, BETA2, EPSILON

if TYPE_CHECKING:
    import keras


def build(network: tf.Module, bins: Bins, learning_rate: float, *, bfloat16: bool = False) -> "keras.Model":
    """Build and compile the model with a copy of a network's weights.

    Keras adds Adam's epsilon before it corrects the second moment (Kingma and Ba 2015, before section 2.1), tfcolor
    after that (algorithm 1). The two agree unless a gradient is about as small as epsilon.

    Args:
        network: a `Valid8` with relu, without batch normalization.
        bins: bins of its outputs.
        learning_rate: learning rate of every step.
        bfloat16: whether to convolve in bfloat16; variables, logits and loss stay float32.

    Returns:
        A model of lightness, float32 [B, H, W, 1] in [0, 100], that gives ab_logits, float32 [B, H-16, W-16, Q].
        `fit` takes a dataset made by `examples`; its loss is the weighted cross-entropy, mean over pixels, nats.
    """
    import keras

    policy = "mixed_bfloat16" if bfloat16 else "float32"
    widths = [k * (bins.num_bins // 8) for k in range(1, 8)]
    model = keras.Sequential(
        [
            keras.Input([None, None, 1]),
            keras.layers.Rescaling(1 / 50, offset=-1, dtype="float32"),  # [-1, 1]
            *(keras.layers.Conv2D(width, 3, activation="relu", dtype=policy) for width in widths),
            keras.layers.Conv2D(bins.num_bins, 3, dtype=policy),
            keras.layers.Activation("linear", dtype="float32"),
        ]
    )
    model.set_weights([weight.numpy() for weight in network.weights.values()])
    model.compile(
        optimizer=keras.optimizers.Adam(
            learning_rate, beta_1=BETA1, beta_2=BETA2, epsilon=EPSILON, global_clipnorm=CLIP_NORM
        ),
        # By default it divides by the number of pixels, as tfcolor does, not by the sum of their weights.
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def examples(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Turn tfcolor's batches of hard targets into what `fit` takes, with `shuffle=False`: they are in order.

    Args:
        batches: batches from `Classification.batch` with hard targets.

    Returns:
        Tuples of lightness, float32 [B, P, P, 1] in [0, 100]; indices, int32 [B, p, p]; and pixel_weights, float32
        [B, p, p].
    """
    return batches.map(lambda lightness, indices, shares, pixel_weights: (lightness, indices[..., 0], pixel_weights))
