"""The true colours that a network's outputs are compared with, made from windows of photographs."""

from collections.abc import Callable

import tensorflow as tf

from tfcolor.color.lab import levels_to_lab
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Objective

_LARGE = 3 * 2**16  # numbers of a batch, from which on the compiler's time is saved within some hundred steps


def output_ab(lab: tf.Tensor, network: type[Network], downsampling: str) -> tf.Tensor:
    """Return the true colours at the resolution of a network's outputs.

    Args:
        lab: float32 [B, P, P, 3], Lab.
        network: its `context` is cut off, and its `stride` sets the resolution.
        downsampling: 'average' for the mean ab of each block of stride x stride pixels, or 'point' for the upper left
            pixel of the block, as in Zhang et al.'s released code.

    Returns:
        ab, float32 [B, p, p, 2], p = (P - 2 context) / stride.
    """
    return output_channels(lab[..., 1:], network, downsampling)


def output_channels(pictures: tf.Tensor, network: type[Network], downsampling: str) -> tf.Tensor:
    """Return channels of pictures, float32 [B, P, P, C], at the resolution of a network's outputs; see `output_ab`."""
    inner, stride = slice(network.context, -network.context or None), network.stride
    pictures = pictures[:, inner, inner]
    if stride == 1:
        return pictures
    if downsampling == "point":
        return pictures[:, ::stride, ::stride]
    return tf.nn.avg_pool2d(pictures, stride, stride, "VALID")


def batch_maker(objective: Objective, network: type[Network]) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Return a function from windows to a batch for a training step.

    It takes windows uint8 [B, P, P, 3], sRGB, and, if the network sees another lightness, this as well: float32
    [B, P, P, 1], L* in [0, 100].

    XLA compiles it for batches of many pixels: in a third of the time, it leaves the cores to the training step.
    """

    def make(rgb, lightness=None):
        return objective.batch(levels_to_lab(rgb), network, lightness)

    by_xla = tf.function(make, autograph=False, jit_compile=True)
    return lambda rgb, *lightness: (by_xla if _is_large(rgb) else make)(rgb, *lightness)


def _is_large(rgb):
    return (rgb.shape.num_elements() or 0) >= _LARGE
