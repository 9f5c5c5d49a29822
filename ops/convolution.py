"""See `tfcolor.ops.convolution`."""

from tfcolor.ops.convolution import conv2d, conv2d_transpose, filter_gradient_in_strips, is_safe

__all__ = ["conv2d", "conv2d_transpose", "filter_gradient_in_strips", "is_safe"]
