"""How to compute: convolutions in float32 or bfloat16, decided by measurement; with XLA or not, decided by device."""

import time
from collections.abc import Callable

import tensorflow as tf

from tfcolor.utils.options import PRECISION, XLA

_GAIN = 1.25  # bfloat16 must be this much faster to be worth its rounding; it is 1.6 times with AVX512-BF16
_REPEATS = 4


def choose(precision: str, measure_gain: Callable[[], float]) -> tf.DType:
    """Choose the dtype of the convolutions.

    Args:
        precision: 'float32', 'bfloat16', or 'auto' for bfloat16 if it is faster here.
        measure_gain: returns how many times faster bfloat16 is, see `bfloat16_gain`; workers agree on one number.

    Returns:
        tf.float32 or tf.bfloat16.

    Raises:
        ValueError: for another precision.
    """
    PRECISION.check("precision", precision)
    if precision == "auto":
        return tf.bfloat16 if measure_gain() > _GAIN else tf.float32
    return tf.as_dtype(precision)


def for_prediction(precision: str) -> tf.DType:
    """Choose the dtype of the convolutions for prediction on this machine; as `choose`."""
    return choose(precision, lambda: bfloat16_gain(training=False))


def bfloat16_gain(training: bool) -> float:
    """Measure how many times faster a convolution is in bfloat16 than in float32. Takes 0.2 s.

    Matrix units for bfloat16 (AMX, AVX512-BF16, GPUs) make it several times faster. Without them the
    convolution itself is about as fast, and its gradients are ten times slower. The two are timed in
    turn, and their best times are compared. A gain is measured twice, and the smaller one counts: while
    other programs use the cores, one measurement may be far off, and chance must not choose the rounding.

    Args:
        training: whether the gradients count as well.
    """
    gain = _measured_gain(training)
    return gain if gain <= _GAIN else min(gain, _measured_gain(training))


def _measured_gain(training):
    seconds: dict[tf.DType, list[float]] = {tf.float32: [], tf.bfloat16: []}
    # Of smaller ones, much of the time is the same in both.
    arguments = {dtype: (tf.ones([4, 64, 64, 64], dtype), tf.ones([3, 3, 64, 64], dtype)) for dtype in seconds}
    for repeat in range(1 + _REPEATS):
        for dtype, times in seconds.items():
            started = time.perf_counter()
            _probe(*arguments[dtype], training)
            if repeat:  # the first one includes setting up
                times.append(time.perf_counter() - started)
    return min(seconds[tf.float32]) / min(seconds[tf.bfloat16])


def _probe(x, filters, training):
    with tf.GradientTape() as tape:
        tape.watch([x, filters])
        y = tf.nn.conv2d(x, filters, strides=1, padding="VALID")
    results = tape.gradient(y, [x, filters]) if training else [y]
    for result in results:
        result.numpy()  # waits for the device


def use_xla(xla: str) -> bool:
    """Decide whether to compile with XLA.

    On a GPU, XLA fuses operations that are bound by memory. On a CPU it does without oneDNN's convolutions,
    which costs up to 9/10 of the speed, whatever the network. So the device decides.

    Args:
        xla: 'on', 'off', or 'auto' for on if there is a GPU.

    Raises:
        ValueError: for another value.
    """
    XLA.check("xla", xla)
    return bool(tf.config.list_physical_devices("GPU")) if xla == "auto" else xla == "on"
