"""Pictures continued beyond their borders by their mirror images."""

from typing import Any


def mirrored(places: Any, length: Any) -> Any:
    """The pixel that each place shows where mirrors stand on the first and the last pixel of a picture.

    Args:
        places: int [...], any whole numbers: a NumPy array or a tensor.
        length: of the picture, at least 1; an int, or for tensors an int32 scalar.

    Returns:
        int [...], each in [0, length): as `numpy.pad` with mode 'reflect' counts them, again and again.
    """
    last = length - 1
    period = 2 * last + 1 // (1 + last)  # 1 for a single pixel
    return abs((places + last) % period - last)
