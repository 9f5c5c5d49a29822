"""Classification over colour bins: cross-entropy with the bins nearest to the true colour (Zhang et al. 2016)."""

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

_GRAY = 5.0  # ab units: |a| and |b| up to this count as gray, as in Zhang et al.'s released code


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
            bins: the colour bins; outputs are decoded with the mean ab of each.
            uniform_share: lambda of the rebalancing weights; None keeps the lambda of `bins`.
            encoding: 'soft' (the 5 nearest bins) or 'hard' (the nearest one).
            downsampling: see `targets.output_ab`.
            mask_gray: whether windows without any |a| or |b| above 5 get weight 0, as in Zhang et al.'s code.
        """
        super().__init__(bins if uniform_share in (None, bins.uniform_share) else bins.reweighted(uniform_share))
        self._neighbours = 1 if encoding == "hard" else SOFT_NEIGHBOURS
        self._downsampling, self._mask_gray = downsampling, mask_gray
        self._colors = self.bins.means.astype(np.float32)

    @functools.cached_property
    def _encode(self) -> Encoder:
        """The encoder of targets; created when training first needs it, outside the graph that calls it."""
        with tf.init_scope():
            return Encoder(self.bins, self._neighbours)

    @property
    def num_outputs(self) -> int:
        """One logit for each bin."""
        return self.bins.num_bins

    def targets(self, lab: tf.Tensor, network: type[Network]) -> tuple[tf.Tensor, ...]:
        """Find the nearest bins of each pixel, their shares, and the weight of the pixel.

        Returns:
            indices int32 [B, p, p, k] and shares float32 [B, p, p, k] of the k nearest bins, see `encoding.Encoder`;
            and the rebalancing weight of the nearest bin, float32 [B, p, p].
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
        """Compute the rebalanced cross-entropy, in nats; arguments from `targets`."""
        errors = cross_entropy(outputs, indices, shares)
        return Loss(errors * weights, errors)

    def to_ab(self, outputs: tf.Tensor, temperature: float | tf.Tensor) -> tf.Tensor:
        """Compute the annealed mean of the distribution; arguments as in `Objective.to_ab`."""
        return annealed_mean(outputs, tf.constant(self._colors), temperature)

    def log_weights(self, uniform_share: float | None) -> tf.Tensor:
        """Return what to add to logits, as if the network had been trained with another lambda.

        Training with the cross-entropy weighted by w of the true bin makes the best prediction proportional to w times
        the true distribution. So one network serves every lambda: divide its own weights out, multiply others in.

        Args:
            uniform_share: lambda in [0, 1]; None for the lambda of the training.

        Returns:
            float32 [Q].
        """
        if uniform_share is None:
            return tf.zeros([self.num_outputs])
        wanted, own = (rebalancing_weights(self.bins.prior, s) for s in (uniform_share, self.bins.uniform_share))
        return tf.constant(np.log(wanted / own), tf.float32)

    def least_loss(self, indices: tf.Tensor, shares: tf.Tensor, weights: tf.Tensor) -> float:
        """Return the weighted mean entropy of the soft targets."""
        entropy = -tf.reduce_sum(tf.math.xlogy(shares, shares), axis=-1)
        return float(tf.reduce_mean(entropy * weights))


def cross_entropy(ab_logits: tf.Tensor, indices: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Compute the cross-entropy of each pixel: -sum_q Z_q log softmax(ab_logits)_q, where Z is 0 except at k bins.

    Since the shares sum to 1, this equals logsumexp(ab_logits) - sum_k share_k * ab_logits[index_k].

    Args:
        ab_logits: float32 [..., Q].
        indices: int32 [..., k], the bins of the target; see `encoding.Encoder`.
        shares: float32 [..., k], their probabilities, which sum to 1.

    Returns:
        float32 [...], in nats.
    """
    return _cross_entropy(ab_logits, indices, shares)


@tf.custom_gradient
def _cross_entropy(ab_logits, indices, shares):
    greatest = tf.reduce_max(ab_logits, axis=-1, keepdims=True)
    exponentials = tf.exp(ab_logits - greatest)
    total = tf.reduce_sum(exponentials, axis=-1, keepdims=True)
    target_logits = tf.gather(ab_logits, indices, batch_dims=indices.shape.rank - 1)
    loss = tf.squeeze(tf.math.log(total) + greatest, -1) - tf.reduce_sum(shares * target_logits, axis=-1)

    def gradient(upstream):
        # softmax - Z. TensorFlow's own gradient of `gather` runs on one core, and takes a tenth of a training step.
        upstream = upstream[..., None]
        rows = [-1, indices.shape[-1]]
        targets = tf.raw_ops.DenseBincount(
            input=tf.reshape(indices, rows), size=ab_logits.shape[-1], weights=tf.reshape(shares * upstream, rows)
        )
        return exponentials * (upstream / total) - tf.reshape(targets, tf.shape(ab_logits)), None, None

    return loss, gradient
