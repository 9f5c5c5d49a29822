"""See `tfcolor.ops.convolution`."""

from tfcolor.ops.convolution import conv2d, filter_gradient_in_strips, is_safe

__all__ = ["conv2d", "filter_gradient_in_strips", "is_safe"]
