"""Pictures continued by their mirror images, as `mode="reflect"` of `np.pad`. No TensorFlow."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf


def mirrored(places: "int | np.ndarray | tf.Tensor", length: "int | tf.Tensor") -> "int | np.ndarray | tf.Tensor":
    """Find the pixel that each place shows when mirror images continue a picture on both sides, again and again.

    The border pixel is not repeated: a picture 0 1 2 continues as 0 1 2 1 0 1 2.

    Args:
        places: any integers, of any shape.
        length: pixels of the picture along this axis, at least 1. If both are tensors, a scalar of the same dtype.

    Returns:
        Integers in [0, length), of the shape and dtype of `places`.
    """
    period = 2 * (length - 1) + 1 // length  # 1 for a single pixel; `max` would not take tensors
    return abs((places + length - 1) % period - (length - 1))
