"""Short names for the activations and convolutions of `tfcolor.ops`, such as `from ops.rrelu import rrelu`."""

from tfcolor.ops import ACTIVATION_NAMES

__all__ = ["ACTIVATION_NAMES"]
