"""The project's activation and convolution operations, under a short name; they live in `tfcolor.ops`."""

from tfcolor.ops import ACTIVATION_NAMES

__all__ = ["ACTIVATION_NAMES"]
