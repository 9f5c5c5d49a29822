"""The kinds of input that networks take, all made from lightness."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from tfcolor.color.lab import lab_to_rgb


@dataclass(frozen=True)
class Input:
    """One kind of input.

    channels: number of channels.
    from_lightness: maps lightness float32 [..., 1], L* in [0, 100], to the input float32 [..., channels].
    """

    channels: int
    from_lightness: Callable[[tf.Tensor], tf.Tensor]


def _gray(lightness):
    """The sRGB gray of this lightness, in [0, 1]."""
    lab = tf.concat([lightness, tf.zeros_like(lightness), tf.zeros_like(lightness)], axis=-1)
    return tf.clip_by_value(lab_to_rgb(lab)[..., 1:2], 0.0, 1.0)


INPUTS = {
    "lightness": Input(1, lambda lightness: lightness),  # CIE L* in [0, 100]
    "gray": Input(1, _gray),  # sRGB gray in [0, 1]
    "rgb": Input(3, lambda lightness: tf.repeat(_gray(lightness), 3, axis=-1)),  # the same gray three times
    # L*, then a hint for each pixel: its a and b in ab units, and 1 where there is a hint (Zhang et al. 2017,
    # section 3.1). Without hints all three are 0.
    "lightness and hints": Input(
        4, lambda lightness: tf.pad(lightness, [[0, 0]] * (lightness.shape.rank - 1) + [[0, 3]])
    ),
}
