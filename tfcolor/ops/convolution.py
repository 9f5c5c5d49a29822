"""A convolution with reliable gradients in bfloat16."""

import itertools

import tensorflow as tf

_STRIP = 60  # the greatest width in pixels of a strip of the output, see `is_safe`


def conv2d(x: tf.Tensor, filters: tf.Tensor, stride: int = 1, dilation: int = 1, padding: int = 0) -> tf.Tensor:
    """Convolve in the dtype of x. All sides are padded equally, as in Caffe and unlike TensorFlow's SAME.

    It computes what `tf.nn.conv2d` does, except for the gradient by the filters in bfloat16 on a CPU. There oneDNN
    (TensorFlow 2.21, AMX) can read memory that was never written, and return NaN. This depends on the width
    of the output, see `is_safe`. If the width is not safe, the gradient is summed in float32 over strips of
    columns whose width is.

    Args:
        x: float32 or bfloat16 [B, H, W, C].
        filters: float32 [h, w, C, D].
        stride: distance of outputs, on both axes.
        dilation: distance of the pixels under a filter, on both axes; needs stride 1.
        padding: zeros on each of the four sides.

    Returns:
        In the dtype of x: [B, H', W', D] with H' = (H + 2 padding - dilation (h - 1) - 1) // stride + 1, and W' alike.
    """
    if dilation > 1:
        return _dilated(x, filters, dilation, padding)
    width = x.shape[2] and (x.shape[2] + 2 * padding - filters.shape[1]) // stride + 1  # None in prediction
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if x.dtype != tf.bfloat16 or width is None or on_gpu or is_safe(width):  # of an unknown width no gradient is taken
        if stride == 1 and [2 * padding + 1] * 2 == filters.shape[:2]:
            # The same result without a copy, and on a CPU the gradient by x is up to twice as fast.
            return tf.nn.conv2d(x, tf.cast(filters, x.dtype), strides=1, padding="SAME")
        return tf.nn.conv2d(_padded(x, padding), tf.cast(filters, x.dtype), strides=stride, padding="VALID")
    return _conv2d_in_strips(_padded(x, padding), filters, stride)


def _padded(x, padding):
    return tf.pad(x, [[0, 0], [padding, padding], [padding, padding], [0, 0]]) if padding else x


def _dilated(x, filters, dilation, padding):
    """Convolve every `dilation`-th row and column by itself: TensorFlow has no gradient of dilation on a CPU."""
    inside = padding // dilation if padding % dilation == 0 else 0  # then each part is padded by itself
    x = x if inside else _padded(x, padding)
    sides = [side or tf.shape(x)[axis] for axis, side in ((1, x.shape[1]), (2, x.shape[2]))]
    fill = [[0, -side % dilation] for side in sides]
    y = conv2d(tf.space_to_batch(x, [dilation, dilation], fill), filters, padding=inside)
    return tf.batch_to_space(y, [dilation, dilation], fill)


def is_safe(width: int) -> bool:
    """Whether gradients by bfloat16 filters are safe on a CPU, by the width of the convolution's output.

    In 11,000 steps of training, no width up to 60 and none from 96 to 110 showed a NaN; 62, 94 and several
    ranges above 120 did.
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


def conv2d_transpose(x: tf.Tensor, filters: tf.Tensor) -> tf.Tensor:
    """Enlarge a picture to twice its sides: the transpose of a convolution with 4x4 filters, stride 2 and padding 1.

    The gradient by the filters in bfloat16 is as reliable as that of `conv2d`.

    Args:
        x: float32 or bfloat16 [B, H, W, C].
        filters: float32 [4, 4, D, C].

    Returns:
        [B, 2 H, 2 W, D], in the dtype of x.
    """

    def transpose(x, filters):
        batch, height, width = (x.shape[axis] or tf.shape(x)[axis] for axis in range(3))
        sides = [batch, 2 * height, 2 * width, filters.shape[2]]
        return tf.nn.conv2d_transpose(x, tf.cast(filters, x.dtype), sides, strides=2, padding="SAME")

    @tf.custom_gradient
    def safe_transpose(x, filters):
        def gradient(by_y):
            padded = tf.pad(by_y, [[0, 0], [1, 1], [1, 1], [0, 0]])
            by_x = tf.nn.conv2d(padded, tf.cast(filters, x.dtype), strides=2, padding="VALID")
            return by_x, filter_gradient_in_strips(padded, x, filters.shape, stride=2)

        return transpose(x, filters), gradient

    width, on_gpu = x.shape[2], bool(tf.config.list_physical_devices("GPU"))
    if x.dtype != tf.bfloat16 or width is None or on_gpu or is_safe(width):
        return transpose(x, filters)
    return safe_transpose(x, filters)


def filter_gradient_in_strips(x: tf.Tensor, by_y: tf.Tensor, shape: tf.TensorShape, stride: int = 1) -> tf.Tensor:
    """Compute the gradient by the filters as a sum over strips of the output, each at most 60 pixels wide.

    Args:
        x: input of the convolution, [B, H, W, C].
        by_y: gradient by its output, [B, (H - h) // stride + 1, (W - w) // stride + 1, D], in the dtype of x.
        shape: shape of the filters, [h, w, C, D].
        stride: stride of the convolution.

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
