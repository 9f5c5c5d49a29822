"""How likely each colour bin is: cross-entropy against the few bins nearest to the true colour (Zhang et al. 2016)."""

import functools

import numpy as np
import tensorflow as tf

from tfcolor.color.bins import Bins
from tfcolor.color.decoding import annealed_mean
from tfcolor.color.encoding import SOFT_NEIGHBOURS, Encoder
from tfcolor.color.prior import rebalancing_weights
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Loss, Objective
from tfcolor.objectives.targets import output_ab

_GRAY = 5.0  # ab units; Zhang et al.'s released code


class Classification(Objective):
    """A distribution over the colour bins for each pixel."""

    predicts_distribution = True

    def __init__(
        self,
        bins: Bins,
        uniform_share: float | None = None,
        encoding: str = "soft",
        downsampling: str = "average",
        mask_gray: bool = False,
    ):
        """Prepare the encoding.

        Args:
            bins: the colours; outputs decode to their mean ab.
            uniform_share: lambda of the rebalancing weights; None for that of the bins.
            encoding: 'soft' (5 nearest bins) or 'hard' (1).
            downsampling: see `targets.output_ab`.
            mask_gray: whether windows without any |a| or |b| above 5 weigh nothing, as in Zhang et al.'s code.
        """
        super().__init__(bins if uniform_share in (None, bins.uniform_share) else bins.reweighted(uniform_share))
        self._neighbours = 1 if encoding == "hard" else SOFT_NEIGHBOURS
        self._downsampling, self._mask_gray = downsampling, mask_gray
        self._colors = self.bins.means.astype(np.float32)

    @functools.cached_property
    def _encode(self) -> Encoder:
        """Made only for training, and outside of the graph that asks for it."""
        with tf.init_scope():
            return Encoder(self.bins, self._neighbours)

    @property
    def num_outputs(self) -> int:
        """One logit for each bin."""
        return self.bins.num_bins

    def targets(self, lab: tf.Tensor, network: type[Network]) -> tuple[tf.Tensor, ...]:
        """The nearest bins of each pixel, their shares, and the pixel's weight.

        Returns:
            indices int32 [B, p, p, k] and shares float32 [B, p, p, k] of the target, see `encoding.Encoder`; and the
            weight of the pixel's own bin, float32 [B, p, p].
        """
        ab = output_ab(lab, network, self._downsampling)
        indices, shares = self._encode(ab)
        # v(Z) = w[argmax Z] (Zhang et al. 2016, eq. 3): the nearest bin has the largest share.
        weights = tf.gather(tf.constant(self.bins.weights, tf.float32), indices[..., 0])
        if self._mask_gray:
            is_colored = tf.reduce_any(tf.abs(ab) > _GRAY, axis=[1, 2, 3], keepdims=True)
            weights *= tf.cast(is_colored[..., 0], tf.float32)
        return indices, shares, weights

    def pixel_loss(self, outputs: tf.Tensor, indices: tf.Tensor, shares: tf.Tensor, weights: tf.Tensor) -> Loss:
        """The rebalanced cross-entropy in nats."""
        errors = cross_entropy(outputs, indices, shares)
        return Loss(errors * weights, errors)

    def to_ab(self, outputs: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
        """The annealed mean of the distribution."""
        return annealed_mean(outputs, tf.constant(self._colors), temperature)

    def log_weights(self, uniform_share: float | None) -> tf.Tensor:
        """What to add to logits so that they are as if the network had been trained with another lambda.

        Weighting the cross-entropy of a pixel with w of its bin makes the best prediction proportional to w times the
        true distribution. So one network gives all: its own weights are divided out, and others multiplied in.

        Args:
            uniform_share: lambda in [0, 1], or None for that of the training.

        Returns:
            float32 [Q].
        """
        if uniform_share is None:
            return tf.zeros([self.num_outputs])
        wanted, own = (rebalancing_weights(self.bins.prior, s) for s in (uniform_share, self.bins.uniform_share))
        return tf.constant(np.log(wanted / own), tf.float32)

    def least_loss(self, indices: tf.Tensor, shares: tf.Tensor, weights: tf.Tensor) -> float:
        """The entropy of soft targets, weighted."""
        entropy = -tf.reduce_sum(tf.math.xlogy(shares, shares), axis=-1)
        return float(tf.reduce_mean(entropy * weights))


def cross_entropy(ab_logits: tf.Tensor, indices: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of each pixel: -sum_q Z_q log softmax(ab_logits)_q, Z zero except at k bins.

    Since the shares sum to 1 this is logsumexp(ab_logits) - sum_k share_k * ab_logits[index_k].

    Args:
        ab_logits: float32 [..., Q].
        indices: int32 [..., k], bins of the target; see `encoding.Encoder`.
        shares: float32 [..., k], their probabilities, sum 1.

    Returns:
        float32 [...], in nats.
    """
    return _cross_entropy(ab_logits, indices, shares)


@tf.custom_gradient
def _cross_entropy(ab_logits, indices, shares):
    of_target = tf.gather(ab_logits, indices, batch_dims=indices.shape.rank - 1)
    loss = tf.reduce_logsumexp(ab_logits, axis=-1) - tf.reduce_sum(shares * of_target, axis=-1)

    def gradient(by_loss):
        # softmax - Z. TensorFlow would sum up the gradient of the gather on one core: a tenth of a training step.
        places = tf.range(tf.size(by_loss, tf.int32)) * ab_logits.shape[-1]
        places = tf.reshape(places, tf.concat([tf.shape(by_loss), [1]], 0)) + indices
        softmax = tf.reshape(tf.nn.softmax(ab_logits), [-1])
        by_logits = tf.tensor_scatter_nd_sub(softmax, tf.reshape(places, [-1, 1]), tf.reshape(shares, [-1]))
        return by_loss[..., None] * tf.reshape(by_logits, tf.shape(ab_logits)), None, None

    return loss, gradient
