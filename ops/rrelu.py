"""See `tfcolor.ops.rrelu`."""

from tfcolor.ops.rrelu import DRAWS, rrelu

__all__ = ["DRAWS", "rrelu"]
