"""One device, several, or several machines."""

import numpy as np
import tensorflow as tf

from tfcolor.utils import cluster


def make_strategy() -> tf.distribute.Strategy:
    """Choose the strategy: several machines by TF_CONFIG, all GPUs of this one, or one device.

    Must come before any operation runs: collective operations are set up at the start.
    """
    if cluster.has_cluster():
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def agree(strategy: tf.distribute.Strategy, value: float) -> float:
    """Make all workers of a strategy use one number: the mean of what each of them gives."""
    return float(_mean_of_workers(strategy, np.float32(value)))


def of_chief(strategy: tf.distribute.Strategy, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Make all workers of a strategy use the chief's arrays, float32, of which each has those of the same shapes."""
    _, num_workers = cluster.share()
    mine = {name: array if cluster.is_chief() else np.zeros_like(array) for name, array in arrays.items()}
    return {name: num_workers * _mean_of_workers(strategy, array) for name, array in mine.items()}


def _mean_of_workers(strategy, array):
    @tf.function
    def mean():
        return strategy.run(lambda: tf.distribute.get_replica_context().all_reduce("MEAN", local))

    local = tf.constant(array)
    return strategy.experimental_local_results(mean())[0].numpy()
