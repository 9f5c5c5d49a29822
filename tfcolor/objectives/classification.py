"""What a network is taught by: cross-entropy against a few neighbouring bins per pixel, or squared distance."""

import tensorflow as tf


def cross_entropy(ab_logits: tf.Tensor, indices: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of each pixel: -sum_q Z_q log softmax(ab_logits)_q, Z zero but at k bins.

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
        # softmax - Z: that of a gather would be summed up on one core, for a tenth of a training step.
        places = tf.range(tf.size(by_loss, tf.int32)) * ab_logits.shape[-1]
        places = tf.reshape(places, tf.concat([tf.shape(by_loss), [1]], 0)) + indices
        softmax = tf.reshape(tf.nn.softmax(ab_logits), [-1])
        by_logits = tf.tensor_scatter_nd_sub(softmax, tf.reshape(places, [-1, 1]), tf.reshape(shares, [-1]))
        return by_loss[..., None] * tf.reshape(by_logits, tf.shape(ab_logits)), None, None

    return loss, gradient


def _of_classification(ab_logits, indices, shares, pixel_weights):
    return cross_entropy(ab_logits, indices, shares), pixel_weights
