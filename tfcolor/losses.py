"""Cross-entropy against a few neighbouring bins per pixel, without a dense target."""

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
    of_target = tf.gather(ab_logits, indices, batch_dims=indices.shape.rank - 1)
    return tf.reduce_logsumexp(ab_logits, axis=-1) - tf.reduce_sum(shares * of_target, axis=-1)
