"""What all objectives have in common: targets, losses, outputs, and the way from outputs to colours."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.networks.inputs import INPUTS
from tfcolor.networks.layers import Network, TrainingPass


class Loss(NamedTuple):
    """What a batch costs.

    values: float32 [B, ...]; their mean over the batch of all replicas is what training lowers.
    plain: of the same shape, without rebalancing weights, for reports.
    """

    values: tf.Tensor
    plain: tf.Tensor


class LossOfVariables(NamedTuple):
    """Some variables and the loss that they are to lower.

    name: for reports and checkpoints; empty for the network itself.
    variables: by name.
    loss: of a batch, as `Objective.batch` gives it, and the pass's randomness.
    """

    name: str
    variables: dict[str, tf.Variable]
    loss: Callable[[tuple[tf.Tensor, ...], TrainingPass], Loss]


class Objective:
    """What a network is trained for.

    A subclass says how many outputs the network has, makes the targets of a window and the loss of a batch, and turns
    outputs into ab. The constructor takes the colour bins and the options named in `registry.OBJECTIVES`.

    predicts_distribution: whether outputs are logits over the bins.
    """

    predicts_distribution = False

    def __init__(self, bins: Bins):
        """Take the colour bins."""
        self.bins = bins

    @property
    def num_outputs(self) -> int:
        """Channels of the network's last layer."""
        raise NotImplementedError

    def targets(self, lab: tf.Tensor, network: type[Network]) -> tuple[tf.Tensor, ...]:
        """What the network is to predict.

        Args:
            lab: windows, float32 [B, P, P, 3], Lab.
            network: its `context` and `stride` say which pixels its outputs stand for.

        Returns:
            Tensors [B, ...], as `pixel_loss` takes them.
        """
        raise NotImplementedError

    def pixel_loss(self, outputs: tf.Tensor, *targets: tf.Tensor) -> Loss:
        """What outputs float32 [B, h, w, num_outputs] cost, given the targets: [B, h, w] each."""
        raise NotImplementedError

    def to_ab(self, outputs: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
        """Outputs float32 [..., num_outputs] -> ab float32 [..., 2], ab units.

        Args:
            outputs: of the network.
            temperature: T in [0, 1] for distributions, see `decoding.annealed_mean`; others do not look at it.
        """
        raise NotImplementedError

    def log_weights(self, uniform_share: float | None) -> tf.Tensor:
        """What to add to outputs for another lambda, float32 [num_outputs]: zeros where that means nothing."""
        return tf.zeros([self.num_outputs])

    def batch(self, lab: tf.Tensor, network: type[Network]) -> tuple[tf.Tensor, ...]:
        """What a training step takes: the network's inputs, and the targets.

        Args:
            lab: windows, float32 [B, P, P, 3], Lab.
            network: the network or its class.
        """
        return INPUTS[network.takes].from_lightness(lab[..., :1]), *self.targets(lab, network)

    def losses(self, network: Network) -> list[LossOfVariables]:
        """The groups of variables that are trained, each with its loss: one, unless a subclass has more.

        It is called once, where variables may be created.
        """

        def loss(batch, training):
            inputs, *targets = batch
            return self.pixel_loss(network(inputs, training), *targets)

        return [LossOfVariables("", network.weights, loss)]

    def least_loss(self, *targets: tf.Tensor) -> float:
        """The loss of a network that predicts just these targets; it cannot fall below."""
        return 0.0
