"""Windows of photographs -> the colours of the pixels that a network's outputs stand for."""

from collections.abc import Callable

import tensorflow as tf

from tfcolor.color.lab import levels_to_lab
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Objective


def output_ab(lab: tf.Tensor, network: type[Network], downsampling: str) -> tf.Tensor:
    """The true colours at the resolution of a network's outputs.

    Args:
        lab: float32 [B, P, P, 3], Lab.
        network: its `context` is cut off, and its `stride` decides the resolution.
        downsampling: 'average' for the mean ab of stride x stride pixels, or 'point' for the pixel at their upper
            left, as Zhang et al.'s released code has it.

    Returns:
        ab, float32 [B, p, p, 2], p = (P - 2 context) / stride.
    """
    inside, stride = slice(network.context, -network.context or None), network.stride
    ab = lab[:, inside, inside, 1:]
    if stride == 1:
        return ab
    if downsampling == "point":
        return ab[:, ::stride, ::stride]
    return tf.nn.avg_pool2d(ab, stride, stride, "VALID")


def batch_maker(objective: Objective, network: type[Network]) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """A function of windows, uint8 [B, P, P, 3], sRGB, that gives what a training step takes."""
    return lambda rgb: objective.batch(levels_to_lab(rgb), network)
