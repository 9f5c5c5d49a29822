"""Makes the gray input of a training window look like an old photograph: faded, blurred, grainy, compressed.

Only the input changes. The colours to learn stay those of the good photograph.
"""

import tensorflow as tf

_EACH = 0.5  # chance of each kind of damage in a window that is degraded at all
_GAMMA = 0.4  # natural logarithm of the strongest change of the tone curve
_FADE = 0.25  # of the range of gray: how far black and white may move
_BLUR = (0.4, 1.5)  # pixels: sigma of the Gaussian
_GRAIN = (0.01, 0.08)  # of the range of gray: deviation of the noise
_QUALITY = (25, 90)  # of JPEG
_RADIUS = 4  # pixels: of the Gaussian


def degraded(gray: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Degrade a picture, or leave it as it is.

    Args:
        gray: float32 [H, W, 1], sRGB gray in [0, 1].
        seed: int32 or int64 [2], a stateless seed; the same seed does the same.
        share: chance that the picture is degraded, in [0, 1].

    Returns:
        float32 [H, W, 1] in [0, 1].
    """
    draws = tf.random.stateless_uniform([9], seed)
    y = gray
    for chance, change in zip(tf.unstack(draws[1:5]), (_faded, _blurred, _grainy, _compressed), strict=True):
        y = tf.where(chance < _EACH, change(y, draws[5:], seed), y)
    return tf.where(draws[0] < share, y, gray)


def _between(low, high, draw):
    return low + (high - low) * draw


def _faded(gray, draws, seed):
    """Another tone curve, with a brighter black and a darker white."""
    gamma = tf.exp(_between(-_GAMMA, _GAMMA, draws[0]))
    black, white = _FADE * draws[1], 1 - _FADE * draws[2]
    return black + (white - black) * tf.pow(gray, gamma)


def _blurred(gray, draws, seed):
    places = tf.range(-_RADIUS, _RADIUS + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * tf.square(places / _between(*_BLUR, draws[3])))
    weights /= tf.reduce_sum(weights)
    x = tf.pad(gray[None], [[0, 0], [_RADIUS, _RADIUS], [_RADIUS, _RADIUS], [0, 0]], "SYMMETRIC")
    for shape in ([-1, 1, 1, 1], [1, -1, 1, 1]):
        x = tf.nn.conv2d(x, tf.reshape(weights, shape), 1, "VALID")
    return x[0]


def _grainy(gray, draws, seed):
    """Noise that is as coarse as film grain: each value is the mean of 2x2 independent ones, at their deviation."""
    noise = tf.random.stateless_normal(tf.add(tf.shape(gray), [1, 1, 0]), tf.random.fold_in(seed, 1))
    coarse = (noise[1:, 1:] + noise[1:, :-1] + noise[:-1, 1:] + noise[:-1, :-1]) / 2
    return tf.clip_by_value(gray + _between(*_GRAIN, draws[1]) * coarse, 0.0, 1.0)


def _compressed(gray, draws, seed):
    """What JPEG leaves."""
    levels = tf.cast(tf.round(255 * gray), tf.uint8)
    quality = tf.cast(_between(*_QUALITY, draws[2]), tf.int32)
    content = tf.raw_ops.EncodeJpegVariableQuality(images=tf.image.grayscale_to_rgb(levels), quality=quality)
    decoded = tf.io.decode_jpeg(content, channels=3)[..., 1:2]
    return tf.cast(tf.ensure_shape(decoded, gray.shape), tf.float32) / 255
