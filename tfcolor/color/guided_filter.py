"""The guided filter: smooths colours without crossing edges of lightness."""

import tensorflow as tf

# Variance of L* in a window above which it counts as an edge: steps of more than about 5 units stay sharp.
EDGE_VARIANCE = 25.0
# The middle of L*. A constant subtracted from the guide changes nothing except rounding, which is finest around 0.
# The mean of the picture would make rounding depend on the tile, and on how many threads sum it up.
MIDDLE = 50.0


def border(radius: int) -> int:
    """Return the width in pixels of the border that `guided` needs around a picture, and cuts off."""
    return 2 * radius


@tf.function(autograph=False, reduce_retracing=True)
def guided(ab: tf.Tensor, lightness: tf.Tensor, radius: int) -> tf.Tensor:
    """Smooth ab where L* is smooth: the guided filter (He, Sun and Tang 2010, eq. 5, 6 and 8).

    Each window fits its colours by a line in L*. Each pixel then gets the mean of the lines of all windows
    around it.

    Args:
        ab: float32 [B, H, W, 2], ab units.
        lightness: float32 [B, H, W, 1], L* in [0, 100].
        radius: the sides of windows are 2 radius + 1 pixels; 0 changes nothing.

    Returns:
        float32 [B, H - 4 radius, W - 4 radius, 2], ab units.
    """
    if not radius:
        return ab
    slope, offset = lines(ab, lightness, radius)
    inside = slice(2 * radius, -2 * radius)
    return slope * (lightness[:, inside, inside] - MIDDLE) + offset


def lines(ab: tf.Tensor, lightness: tf.Tensor, radius: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Fit the lines of the guided filter: each pixel's colour is about slope * (L* - `MIDDLE`) + offset.

    Args:
        ab: float32 [B, H, W, 2], ab units.
        lightness: float32 [B, H, W, 1], L* in [0, 100].
        radius: the sides of windows are 2 radius + 1 pixels, at least 1.

    Returns:
        slope and offset: float32 [B, H - 4 radius, W - 4 radius, 2] each.
    """
    guide = lightness - MIDDLE
    mean_guide, mean_ab = _mean(guide, radius), _mean(ab, radius)
    variance = _mean(guide * guide, radius) - mean_guide * mean_guide
    covariance = _mean(guide * ab, radius) - mean_guide * mean_ab
    slope = covariance / (tf.maximum(variance, 0.0) + EDGE_VARIANCE)
    offset = mean_ab - slope * mean_guide
    return _mean(slope, radius), _mean(offset, radius)


def _mean(x, radius):
    """Means over the windows inside the picture: [B, H, W, C] -> [B, H - 2 radius, W - 2 radius, C]."""
    side = 2 * radius + 1
    rows = tf.transpose(_sums(x, side), [0, 2, 1, 3])
    # The factor stands between the two sums. Next to a product or to another mean TensorFlow would merge it with
    # them if it knows the shapes, and rounding would depend on that.
    return tf.transpose(_sums(rows * (1 / side**2), side), [0, 2, 1, 3])


def _sums(x, side):
    """Sums over `side` successive rows: [B, H, W, C] -> [B, H - side + 1, W, C].

    They are added up from sums over 1, 2, 4, ... rows, each made from the one before. TensorFlow's pooling
    takes twenty times as long for so few channels.
    """
    num_rows = tf.shape(x)[1] - side + 1
    parts, start, length = [], 0, 1
    while start < side:
        if (side - start) & length:
            parts.append(x[:, start : start + num_rows])
            start += length
        x = x[:, :-length] + x[:, length:]
        length *= 2
    return tf.add_n(parts)  # always in the same order; TensorFlow may rearrange a chain of additions
