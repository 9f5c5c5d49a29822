"""The base class of all objectives: targets, losses, and the way from a network's outputs to colours."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.networks.inputs import INPUTS
from tfcolor.networks.layers import Network, TrainingPass

CLIP_NORM = 1.0  # of all gradients of a group together


class Loss(NamedTuple):
    """The loss of a batch, pixel by pixel.

    values: float32 [B, ...]; training lowers their mean over the batch on all replicas.
    plain: the same shape, without rebalancing weights, for reports.
    parts: the terms of the loss by name, tensors of the same shape, for reports.
    """

    values: tf.Tensor
    plain: tf.Tensor
    parts: Mapping[str, tf.Tensor] = MappingProxyType({})


class LossOfVariables(NamedTuple):
    """A group of variables, and the loss they are trained to lower.

    name: for reports and checkpoints; empty for the network itself.
    variables: by name.
    loss: maps a batch from `Objective.batch` and the training pass to its loss. The losses of all groups are computed
        in their order, in one pass, before any variable changes; so one may use what another has put into
        `TrainingPass.kept`.
    statistics: variables by name whose new values the loss puts into `TrainingPass.statistics`; those of the network
        are known already.
    clip: the largest norm of the gradients; larger ones are scaled to it. None for any norm.
    """

    name: str
    variables: dict[str, tf.Variable]
    loss: Callable[[tuple[tf.Tensor, ...], TrainingPass], Loss]
    statistics: Mapping[str, tf.Variable] = MappingProxyType({})
    clip: float | None = CLIP_NORM


class Objective:
    """What a network is trained for.

    A subclass defines the number of outputs, the targets of a window, the loss of a batch, and how outputs become ab.
    Its constructor takes the colour bins and the options that `registry.OBJECTIVES` lists for it.

    predicts_distribution: whether outputs are logits over the bins.
    gives_lightness: whether outputs hold lightness as well as colours, see `to_lab`.
    """

    predicts_distribution = False
    gives_lightness = False

    def __init__(self, bins: Bins):
        """Take the colour bins."""
        self.bins = bins

    @property
    def num_outputs(self) -> int:
        """The number of channels of the network's last layer."""
        raise NotImplementedError

    def targets(self, lab: tf.Tensor, network: type[Network]) -> tuple[tf.Tensor, ...]:
        """Make the targets of windows.

        Args:
            lab: windows, float32 [B, P, P, 3], Lab.
            network: its `context` and `stride` say which pixels its outputs stand for.

        Returns:
            Tensors [B, ...], the targets that `pixel_loss` takes.
        """
        raise NotImplementedError

    def pixel_loss(self, outputs: tf.Tensor, *targets: tf.Tensor) -> Loss:
        """Compute the loss of each pixel, [B, h, w].

        Args:
            outputs: float32 [B, h, w, num_outputs].
            targets: from `targets`.
        """
        raise NotImplementedError

    def to_ab(self, outputs: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
        """Turn outputs into colours, ab float32 [..., 2], ab units.

        Args:
            outputs: float32 [..., num_outputs].
            temperature: T in [0, 1] for distributions, see `decoding.annealed_mean`; ignored otherwise.
        """
        raise NotImplementedError

    def to_lab(self, outputs: tf.Tensor) -> tf.Tensor:
        """Turn outputs float32 [..., num_outputs] into Lab float32 [..., 3], if the network gives lightness as well.

        Raises:
            ValueError: if it gives none.
        """
        raise ValueError("the network gives no lightness")

    def check_side(self, side: int) -> None:
        """Raise InputError if outputs of this many pixels on a side are too small to train with; none are here."""

    def log_weights(self, uniform_share: float | None) -> tf.Tensor:
        """Return what to add to outputs for another lambda, float32 [num_outputs]; zeros if lambda has no meaning."""
        return tf.zeros([self.num_outputs])

    def batch(
        self, lab: tf.Tensor, network: type[Network], lightness: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, ...]:
        """Make a batch for a training step: the network's inputs, then the targets.

        Args:
            lab: windows, float32 [B, P, P, 3], Lab.
            network: the network or its class.
            lightness: what the network sees, float32 [B, P, P, 1], L* in [0, 100]; None for the windows' own lightness.
        """
        lightness = lab[..., :1] if lightness is None else lightness
        return INPUTS[network.takes].from_lightness(lightness), *self.targets(lab, network)

    def losses(self, network: Network, seed: int = 0) -> list[LossOfVariables]:
        """Return the groups of trained variables, each with its loss: here one, the weights of the network.

        Training calls it once, and a subclass may create variables in it.

        Args:
            network: the network.
            seed: seed of the initial values of other variables.
        """

        def loss(batch, training):
            inputs, *targets = batch
            return self.pixel_loss(network(inputs, training), *targets)

        return [LossOfVariables("", network.weights, loss)]

    def least_loss(self, *targets: tf.Tensor) -> float:
        """Return the lowest possible loss for these targets, which a perfect prediction has."""
        return 0.0
