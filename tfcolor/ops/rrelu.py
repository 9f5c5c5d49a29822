"""Randomized leaky ReLU: negatives are scaled by a random number, drawn for every element in every step."""

import tensorflow as tf

_ROW = 1024  # length of the rows of `_uniform`
DRAWS = {"divisor": tf.divide, "slope": tf.multiply}  # which number is uniform, and how it scales negatives


def rrelu(
    x: tf.Tensor,
    seed: tf.Tensor | None,
    lower: float = 3.0,
    upper: float = 8.0,
    training: bool = True,
    draw: str = "divisor",
) -> tf.Tensor:
    """Apply the randomized leaky ReLU: x where x >= 0, else x / a with a random a for each element.

    It is from Xu et al. 2015 ("Empirical Evaluation of Rectified Activations in Convolutional Network",
    section 2.4). In training, a depends only on the seed and the element's place: the same seed gives the same
    numbers again, on any device, with XLA or without. There is no state: fold the step, the layer and
    the replica into the seed with `tf.random.fold_in`. The gradient draws the same numbers a second time
    instead of keeping them, and uses only the sign of the result, which the next layer keeps anyway.

    Two conventions exist for the slope at inference. With 'divisor', the default, a = (lower + upper) / 2 as
    in the paper: slope 2 / 11 = 0.1818 for (3, 8). With 'slope' it is the mean slope, as in PyTorch:
    (1/3 + 1/8) / 2 = 0.2292. The mean of 1 / a in training with 'divisor' is neither of them:
    ln(8 / 3) / 5 = 0.1962, which no convention uses.

    Args:
        x: float32 or bfloat16, of any shape.
        seed: int32 [2], as for TensorFlow's stateless operations. Without training it is not used, and may be None.
        lower, upper: the bounds of a, 0 < lower <= upper.
        training: whether to draw; otherwise all elements have the same a.
        draw: 'divisor' for a ~ U(lower, upper), as in the paper; 'slope' for 1/a ~ U(1/upper, 1/lower), as in
            PyTorch.

    Returns:
        A tensor of the dtype and shape of x.

    Raises:
        ValueError: other bounds, another `draw`, or training without a seed.
        TypeError: x has another dtype.
    """
    x = tf.convert_to_tensor(x)
    if x.dtype not in (tf.float32, tf.bfloat16):
        raise TypeError(f"`x` must be float32 or bfloat16, got {x.dtype.name}")
    if not 0 < lower <= upper < float("inf"):
        raise ValueError(f"bounds must be 0 < `lower` <= `upper`, got {lower} and {upper}")
    if draw not in DRAWS:
        raise ValueError(f"`draw` must be {' or '.join(DRAWS)}, got {draw!r}")
    if training and seed is None:
        raise ValueError("rrelu needs a `seed` in training")
    seed = seed if seed is None else tf.convert_to_tensor(seed, tf.int32)
    low, high = (lower, upper) if draw == "divisor" else (1 / upper, 1 / lower)

    def scaled(values, sign, seed):
        return _scaled(values, sign, seed if training else None, low, high, draw)

    @tf.custom_gradient
    def backward(by_y, sign, nothing):
        """Scale as `forward` does. The derivatives by `sign` are zero, but must be returned."""
        by_x = scaled(by_y, sign, seed if seed is None else seed + _zero_after(by_y))
        return by_x, lambda by: (backward(by, sign, nothing), None, tf.zeros_like(nothing))

    @tf.custom_gradient
    def forward(x):
        y, nothing = scaled(x, x, seed), _trace(x)
        return y, lambda by_y: backward(by_y, y, nothing)  # keeps y, which the next layer keeps anyway

    return forward(x)


def _scaled(values, sign, seed, low, high, draw):
    """Scale values where `sign` is negative, by numbers drawn from (low, high), or without a seed by their mean."""
    values, sign = _unrecorded(values), _unrecorded(sign)
    with tf.device(sign.device):  # draw on the device that uses the numbers, not on the first GPU
        numbers = (low + high) / 2 if seed is None else _uniform(tf.shape(sign), seed, low, high)
        numbers = tf.where(sign < 0, numbers, 1.0)
        return tf.cast(DRAWS[draw](tf.cast(values, tf.float32), numbers), values.dtype)


def _unrecorded(x: tf.Tensor) -> tf.Tensor:
    """Return the same memory as a tensor unknown to any tape.

    In eager execution a tape keeps the inputs of everything that it records, even after `tf.stop_gradient`.
    """
    if tf.executing_eagerly():
        return tf.experimental.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(x))
    return tf.stop_gradient(x)


@tf.custom_gradient
def _trace(x):
    """Return an empty tensor whose derivatives by x are zero, without keeping x."""
    shape, dtype = tf.shape(x), x.dtype
    return tf.zeros([0], dtype), lambda _: tf.zeros(shape, dtype)


def _uniform(shape: tf.Tensor, seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Draw float32 from (low, high).

    Random bits are the cost of rrelu. So each number takes only 8 of them for its coarse part. The fine part runs
    evenly through a row of 1,024 numbers, from a random start that all rows share. Each number is uniform, and
    two numbers have a correlation of at most 1 / 256^2. Words of 64 bits are faster than the same bits as words
    of 32.
    """
    size = tf.reduce_prod(shape)
    rows = (size + _ROW - 1) // _ROW
    words = _words([rows * (_ROW // 8)], seed, tf.uint64)
    coarse = tf.cast(tf.reshape(tf.bitcast(words, tf.uint8), [rows, _ROW]), tf.float32)
    start = _words([], tf.random.fold_in(seed, 0, alg="philox"), tf.uint32)
    start = tf.cast(start, tf.float32) / 2**32
    fine = (tf.range(_ROW, dtype=tf.float32) / _ROW + start) % 1  # for each element uniform in [0, 1)
    step = (high - low) / 256
    drawn = coarse * step + (fine * step + low)
    return tf.reshape(tf.reshape(drawn, [-1])[:size], shape)


def _words(shape, seed, dtype):
    # Integers, since XLA and the other kernels draw the same ones; their float32 numbers differ.
    return tf.random.stateless_uniform(shape, seed, minval=None, maxval=None, dtype=dtype, alg="philox")


def _zero_after(x: tf.Tensor) -> tf.Tensor:
    """Return int32 0 that is not known before x is.

    It makes the gradient's draw look different from the first one. Otherwise graphs and XLA would draw once at
    the start, and keep the numbers.
    """
    first = tf.reshape(x, [-1])[:1]
    return tf.cast(tf.reduce_any((first != first) & (first == first)), tf.int32)  # false, which no compiler notices
