"""Training on one device, several devices, or several machines."""

import numpy as np
import tensorflow as tf

from tfcolor.utils import tf_config


def make_strategy() -> tf.distribute.Strategy:
    """Choose a strategy: the machines in TF_CONFIG, all GPUs of this machine, or one device.

    Call it before any operation runs, because TensorFlow sets collective operations up at the start.
    """
    if tf_config.has_cluster():
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def agree(strategy: tf.distribute.Strategy, value: float) -> float:
    """Return the mean of every worker's value, the same number on all workers."""
    return float(_mean_of_workers(strategy, {"value": np.float32(value)})["value"])


def broadcast_from_chief(strategy: tf.distribute.Strategy, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the chief's arrays on all workers.

    Args:
        strategy: from `make_strategy`.
        arrays: float32 by name; every worker passes arrays of the same names and shapes.
    """
    _, num_workers = tf_config.share()
    mine = {name: array if tf_config.is_chief() else np.zeros_like(array) for name, array in arrays.items()}
    return {name: num_workers * mean for name, mean in _mean_of_workers(strategy, mine).items()}


def _mean_of_workers(strategy, arrays):
    if not tf_config.has_cluster():
        return arrays

    @tf.function
    def means():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_reduce("MEAN", local))

    local = {name: tf.constant(array) for name, array in arrays.items()}
    return {name: strategy.experimental_local_results(mean)[0].numpy() for name, mean in means().items()}
