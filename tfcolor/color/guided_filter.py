"""Smoothing colours without letting them run over edges of lightness."""

import tensorflow as tf

# Variance of L* in a window above which it counts as an edge: steps of more than some 5 units stay sharp.
EDGE_VARIANCE = 25.0


def border(radius: int) -> int:
    """How many pixels around a picture `guided` uses up on each side."""
    return 2 * radius


@tf.function(autograph=False, reduce_retracing=True)
def guided(ab: tf.Tensor, lightness: tf.Tensor, radius: int) -> tf.Tensor:
    """Smooth ab where L* is smooth: the guided filter (He, Sun and Tang 2010, eq. 5, 6 and 8).

    In each window colours are fitted by a line in L*, and each pixel takes the mean of the lines of
    all windows that hold it.

    Args:
        ab: float32 [B, H, W, 2], ab units.
        lightness: float32 [B, H, W, 1], L* in [0, 100].
        radius: windows have sides of 2 radius + 1 pixels; 0 changes nothing.

    Returns:
        float32 [B, H - 4 radius, W - 4 radius, 2], ab units.
    """
    if not radius:
        return ab
    # A constant added to the guide changes nothing but the rounding of the variance.
    guide = lightness - tf.reduce_mean(lightness, axis=[1, 2], keepdims=True)
    mean_guide, mean_ab = _mean(guide, radius), _mean(ab, radius)
    variance = _mean(guide * guide, radius) - mean_guide**2
    covariance = _mean(guide * ab, radius) - mean_guide * mean_ab
    slope = covariance / (tf.maximum(variance, 0.0) + EDGE_VARIANCE)
    offset = mean_ab - slope * mean_guide
    inside = slice(2 * radius, -2 * radius)
    return _mean(slope, radius) * guide[:, inside, inside] + _mean(offset, radius)


def _mean(x, radius):
    """Means over windows that lie inside: [B, H, W, C] -> [B, H - 2 radius, W - 2 radius, C]."""
    side = 2 * radius + 1
    columns = _sums(tf.transpose(_sums(x, side), [0, 2, 1, 3]), side)
    return tf.transpose(columns, [0, 2, 1, 3]) / side**2


def _sums(x, side):
    """Sums over `side` successive rows: [B, H, W, C] -> [B, H - side + 1, W, C].

    They are put together from sums over 1, 2, 4, ... rows, each made of the one before. TensorFlow's pooling
    takes twenty times as long for so few channels.
    """
    num_rows = tf.shape(x)[1] - side + 1
    total, start, length = 0.0, 0, 1
    while start < side:
        if (side - start) & length:
            total += x[:, start : start + num_rows]
            start += length
        x = x[:, :-length] + x[:, length:]
        length *= 2
    return total
