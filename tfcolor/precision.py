"""float32 or bfloat16 for the convolutions: by measurement, and only where it is safe."""

import statistics
import time
from collections.abc import Callable

import tensorflow as tf

from tfcolor.errors import InputError

_GAIN = 1.2  # bfloat16 must be this much faster to be worth its rounding
_SAFE_WIDTHS = "at most 60, or from 96 to 110"


def is_safe(width: int) -> bool:
    """Whether bfloat16 filter gradients are safe on a CPU for a convolution's output width.

    oneDNN's bfloat16 filter gradient (TensorFlow 2.21, AMX) can read memory that was never written
    and return NaN. It depends on the output width: none of 60 or less and none from 96 to 110
    ever showed it in 11,000 steps; 62, 94 and several ranges above 120 did.
    """
    return width <= 60 or 96 <= width <= 110


def choose(precision: str, widths: list[int], measure_gain: Callable[[], float]) -> tf.DType:
    """Choose the dtype of the convolutions.

    Args:
        precision: 'float32', 'bfloat16', or 'auto' for bfloat16 where it is safe and faster here.
        widths: the output widths of the network's convolutions in training.
        measure_gain: `bfloat16_gain`, or a number on which several workers agreed.

    Returns:
        tf.float32 or tf.bfloat16.

    Raises:
        InputError: where bfloat16 is asked for at widths that are not safe on this device.
        ValueError: for any other precision.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision must be auto, float32 or bfloat16, got {precision!r}")
    if precision == "float32":
        return tf.float32
    safe = bool(tf.config.list_physical_devices("GPU")) or all(map(is_safe, widths))
    if precision == "bfloat16":
        if not safe:
            raise InputError(
                f"this patch gives convolutions {widths[0]} to {widths[-1]} pixels wide, where bfloat16 gradients "
                f"can be NaN on a CPU (safe widths: {_SAFE_WIDTHS}); use a patch of 17 to 62 or 112, or float32"
            )
        return tf.bfloat16
    return tf.bfloat16 if safe and measure_gain() > _GAIN else tf.float32


def bfloat16_gain(repeats: int = 5) -> float:
    """How many times faster a convolution with its gradients is in bfloat16 than in float32.

    Matrix units for bfloat16 (AMX, AVX512-BF16, GPUs) make it 5 to 9 times faster; without them it
    is slower. The two are timed in turn, and the medians compared.
    """
    seconds: dict[tf.DType, list[float]] = {tf.float32: [], tf.bfloat16: []}
    for repeat in range(repeats + 1):
        for dtype, times in seconds.items():
            started = time.perf_counter()
            _probe(tf.ones([8, 32, 32, 64], dtype), tf.ones([3, 3, 64, 64], dtype)).numpy()
            if repeat:  # the first one also traces
                times.append(time.perf_counter() - started)
    return statistics.median(seconds[tf.float32]) / statistics.median(seconds[tf.bfloat16])


@tf.function
def _probe(x, filters):
    with tf.GradientTape() as tape:
        tape.watch([x, filters])
        y = tf.nn.conv2d(x, filters, strides=1, padding="VALID")
    by_x, by_filters = tape.gradient(y, [x, filters])
    return tf.reduce_sum(tf.cast(by_x, tf.float32)) + tf.reduce_sum(tf.cast(by_filters, tf.float32))
