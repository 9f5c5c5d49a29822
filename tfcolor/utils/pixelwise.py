"""Functions of single pixels, compiled: XLA fuses their operations for large pictures."""

import functools
import logging
from collections.abc import Callable

import numpy as np
import tensorflow as tf

log = logging.getLogger(__name__)
_LARGE = 2**22  # pixels of a picture: from here on, XLA saves more time than its compiler takes
_BLOCK = 2**18  # pixels that are computed at once

Function = Callable[..., tf.Tensor | tuple[tf.Tensor, ...]]


def is_large(num_pixels: int) -> bool:
    """Tell whether XLA is faster for a picture of this many pixels, including the time to compile."""
    return num_pixels >= _LARGE


@functools.cache
def compiled(function: Function, by_xla: bool, block: int = _BLOCK) -> Callable[..., list[np.ndarray]]:
    """Compile a function of single pixels; the result is kept for later calls.

    Args:
        function: maps tensors [N, C] to a tensor [N, ...] or several ones.
        by_xla: whether XLA compiles it, for blocks of one size; without XLA, any size will do.
        block: the number of pixels that are computed at once.

    Returns:
        A function from arrays [N, C], not empty, to a list of arrays [N, ...].
    """
    options = {"autograph": False, "jit_compile": by_xla or None}

    @functools.cache
    def graph(*kinds: tuple[tf.DType, tuple[int, ...]]) -> tf.types.experimental.PolymorphicFunction:
        """The function for pixels of these dtypes and channels, traced once for any number of them."""
        signature = [tf.TensorSpec([block if by_xla else None, *channels], dtype) for dtype, channels in kinds]
        return tf.function(function, input_signature=signature, **options)

    def blockwise(*pixels: np.ndarray) -> list[np.ndarray]:
        results: list[np.ndarray] = []
        for first in range(0, len(pixels[0]), block):
            parts = [x[first : first + block] for x in pixels]
            missing = block - len(parts[0])
            if missing and by_xla:
                parts = [np.pad(part, [[0, missing], [0, 0]]) for part in parts]
            tensors = [tf.convert_to_tensor(part) for part in parts]
            found = graph(*((x.dtype, tuple(x.shape[1:])) for x in tensors))(*tensors)
            found = [x.numpy() for x in (found if isinstance(found, tuple) else (found,))]
            results = results or [np.empty([len(pixels[0]), *x.shape[1:]], x.dtype) for x in found]
            for result, x in zip(results, found, strict=True):
                result[first : first + block] = x[: block - missing]
        return results

    return blockwise
