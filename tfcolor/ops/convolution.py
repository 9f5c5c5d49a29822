"""A convolution whose gradients can be trusted in bfloat16."""

import itertools

import tensorflow as tf

_STRIP = 60  # pixels


def conv2d(x: tf.Tensor, filters: tf.Tensor, stride: int = 1, dilation: int = 1, padding: int = 0) -> tf.Tensor:
    """Convolve in the dtype of x; sides are padded alike, as Caffe does it and TensorFlow's SAME does not.

    As `tf.nn.conv2d`, except for the gradient by a filter in bfloat16 on a CPU. There oneDNN
    (TensorFlow 2.21, AMX) can read memory that was never written, and return NaN. It depends on the
    output's width, see `is_safe`; where a width is not safe the gradient is summed over strips
    of columns that are, in float32.

    Args:
        x: float32 or bfloat16 [B, H, W, C].
        filters: float32 [h, w, C, D].
        stride: between outputs, on both axes.
        dilation: between the pixels that a filter sees, on both axes; with stride 1.
        padding: zeros on each of the four sides.

    Returns:
        The dtype of x, [B, (H + 2 padding - dilation (h - 1) - 1) // stride + 1, likewise of W, D].
    """
    if dilation > 1:
        return _dilated(x, filters, dilation, padding)
    width = x.shape[2] and (x.shape[2] + 2 * padding - filters.shape[1]) // stride + 1  # None in prediction
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if x.dtype != tf.bfloat16 or width is None or on_gpu or is_safe(width):  # without a width it takes no gradient
        if stride == 1 and [2 * padding + 1] * 2 == filters.shape[:2]:
            # The same, and faster: no copy, and on a CPU a gradient by x up to twice as fast.
            return tf.nn.conv2d(x, tf.cast(filters, x.dtype), strides=1, padding="SAME")
        return tf.nn.conv2d(_padded(x, padding), tf.cast(filters, x.dtype), strides=stride, padding="VALID")
    return _conv2d_in_strips(_padded(x, padding), filters, stride)


def _padded(x, padding):
    return tf.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]]) if padding else x


def _dilated(x, filters, dilation, padding):
    """The convolution of every `dilation`-th row and column with each other: a CPU has no gradient of another."""
    inside = padding // dilation if padding % dilation == 0 else 0  # each of them can be padded by itself
    x = x if inside else _padded(x, padding)
    sides = [side or tf.shape(x)[axis] for axis, side in ((1, x.shape[1]), (2, x.shape[2]))]
    fill = [[0, -side % dilation] for side in sides]
    y = conv2d(tf.space_to_batch(x, [dilation, dilation], fill), filters, padding=inside)
    return tf.batch_to_space(y, [dilation, dilation], fill)


def is_safe(width: int) -> bool:
    """Whether bfloat16 filter gradients are safe on a CPU for a convolution's output width.

    None of 60 or less and none from 96 to 110 ever showed a NaN in 11,000 steps of training; 62, 94
    and several ranges above 120 did.
    """
    return width <= _STRIP or 96 <= width <= 110


def _conv2d_in_strips(x, filters, stride):
    @tf.custom_gradient
    def convolve(x, filters):
        cast_filters, strides = tf.cast(filters, x.dtype), [1, stride, stride, 1]
        y = tf.nn.conv2d(x, cast_filters, strides=strides, padding="VALID")

        def gradient(by_y):
            by_x = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x), filter=cast_filters, out_backprop=by_y, strides=strides, padding="VALID"
            )
            return by_x, filter_gradient_in_strips(x, by_y, filters.shape, stride)

        return y, gradient

    return convolve(x, filters)


def filter_gradient_in_strips(x: tf.Tensor, by_y: tf.Tensor, shape: tf.TensorShape, stride: int = 1) -> tf.Tensor:
    """The gradient by the filter: the sum of those of strips of the output, each at most 60 wide.

    Args:
        x: the convolution's input, [B, H, W, C].
        by_y: the gradient by its output, [B, (H - h) // stride + 1, (W - w) // stride + 1, D], in the dtype of x.
        shape: of the filter, [h, w, C, D].
        stride: of the convolution.

    Returns:
        float32 [h, w, C, D].
    """
    width = by_y.shape[2]
    count = -(-width // _STRIP)
    borders = [width * k // count for k in range(count + 1)]
    strips = [
        tf.raw_ops.Conv2DBackpropFilter(
            input=x[:, :, left * stride : (right - 1) * stride + shape[1]],
            filter_sizes=shape,
            out_backprop=by_y[:, :, left:right],
            strides=[1, stride, stride, 1],
            padding="VALID",
        )
        for left, right in itertools.pairwise(borders)
    ]
    return tf.add_n([tf.cast(strip, tf.float32) for strip in strips])
