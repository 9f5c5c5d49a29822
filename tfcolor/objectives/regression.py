"""Regression of ab with an L2 loss: the baseline of Zhang et al. (2016), and what auto-encoders are trained for."""

import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Loss, Objective
from tfcolor.objectives.targets import output_ab

AB_SCALE = 20.0  # ab units per unit of output: about the standard deviation of ab in photographs, 16 to 20


class Regression(Objective):
    """One colour for each pixel."""

    def __init__(self, bins: Bins, downsampling: str = "average", bound: int = 0):
        """Prepare the targets.

        Args:
            bins: the colour bins of the photographs, for reports.
            downsampling: see `targets.output_ab`.
            bound: the largest |a| and |b|, ab units, which tanh of the outputs approaches; 0 for outputs without
                bound, in units of `AB_SCALE`. Wallner's auto-encoders have 128, pix2pix 110.
        """
        super().__init__(bins)
        self._downsampling, self._bound = downsampling, bound

    @property
    def num_outputs(self) -> int:
        """a and b."""
        return 2

    def targets(self, lab: tf.Tensor, network: type[Network]) -> tuple[tf.Tensor, ...]:
        """Return the true ab, float32 [B, p, p, 2], ab units; arguments as in `Objective.targets`."""
        return (output_ab(lab, network, self._downsampling),)

    def pixel_loss(self, outputs: tf.Tensor, true_ab: tf.Tensor) -> Loss:
        """Compute the squared distance, see `half_square`."""
        errors = half_square(self.to_ab(outputs, 1.0), true_ab, self._bound or AB_SCALE)
        return Loss(errors, errors)

    def to_ab(self, outputs: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
        """Scale outputs to ab units; the temperature is ignored."""
        return self._bound * tf.tanh(outputs) if self._bound else AB_SCALE * outputs


def half_square(ab: tf.Tensor, true_ab: tf.Tensor, unit: float = AB_SCALE) -> tf.Tensor:
    """Compute the L2 loss of each pixel (Zhang et al. 2016, eq. 1): half the squared distance, which is the mean of a
    and b.

    Args:
        ab: float32 [..., 2], the prediction, ab units.
        true_ab: float32 [..., 2], ab units.
        unit: ab units in which distances are measured.

    Returns:
        float32 [...].
    """
    return tf.reduce_sum(((ab - true_ab) / unit) ** 2, axis=-1) / 2
