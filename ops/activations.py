"""See `tfcolor.ops.activations`."""

from tfcolor.ops.activations import PRELU_START, elu, lrelu, prelu

__all__ = ["PRELU_START", "elu", "lrelu", "prelu"]
