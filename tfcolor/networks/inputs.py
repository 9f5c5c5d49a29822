"""The kinds of input that networks take, all made from lightness."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from tfcolor.color.lab import lightness_to_gray


@dataclass(frozen=True)
class Input:
    """One kind of input.

    channels: number of channels.
    from_lightness: maps lightness float32 [..., 1], L* in [0, 100], to the input float32 [..., channels].
    """

    channels: int
    from_lightness: Callable[[tf.Tensor], tf.Tensor]


INPUTS = {
    "lightness": Input(1, lambda lightness: lightness),  # CIE L* in [0, 100]
    "gray": Input(1, lightness_to_gray),  # sRGB gray in [0, 1]
    "rgb": Input(3, lambda lightness: tf.repeat(lightness_to_gray(lightness), 3, axis=-1)),  # the same gray three times
    # L*, then a hint for each pixel: its a and b in ab units, and 1 where there is a hint (Zhang et al. 2017,
    # section 3.1). Without hints all three are 0.
    "lightness and hints": Input(
        4, lambda lightness: tf.pad(lightness, [[0, 0]] * (lightness.shape.rank - 1) + [[0, 3]])
    ),
}
