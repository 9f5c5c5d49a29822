"""Training data: windows of photographs in batches, by step.

Every draw is a function of (seed, number of the example), so that a run can go on from any step
and several workers can share the work without a word between them.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfcolor.data.windows import Windows


def training_batches(
    windows: Windows | Callable[[int, tf.distribute.InputContext], tf.data.Dataset],
    make_batch: Callable[[tf.Tensor], Any],
    *,
    seed: int,
    first_step: int,
    global_batch: int,
    pipeline: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Endless batches from `first_step` on; the same step gives the same batch, whenever asked.

    Args:
        windows: where the pixels come from. Each epoch visits every photograph once, in a new
            order, with a window from a new place, flipped left to right half of the time. Or what gives a
            dataset of windows from its pipeline's first example on, such as `packs.windows_of`.
        make_batch: what is made of a batch of windows uint8 [B, P, P, 3], such as `targets.batch_maker` gives.
        seed: of all draws.
        first_step: the step of the first batch.
        global_batch: examples per step over all replicas of all workers.
        pipeline: which worker this is; each takes its own share of every step's examples.

    Returns:
        A dataset of batches for one replica each, in the order of the worker's replicas.
    """
    pipeline = pipeline or tf.distribute.InputContext()
    share = global_batch // pipeline.num_input_pipelines

    def window(number):
        step, place_in_share = number // share, number % share
        example = step * global_batch + pipeline.input_pipeline_id * share + place_in_share
        num_photos = len(windows.paths)
        index, epoch = example % num_photos, example // num_photos
        order = tf.stack([tf.cast(seed, tf.int64), epoch])
        index = tf.random.experimental.index_shuffle(index, order, tf.cast(num_photos - 1, tf.int64))
        draws = tf.random.stateless_uniform([4], tf.stack([tf.cast(seed, tf.int64), example]))
        rgb = tf.ensure_shape(
            tf.numpy_function(windows.cut, [index, draws[:2], draws[3]], tf.uint8, stateful=False),
            [windows.patch, windows.patch, 3],
        )
        return tf.where(draws[2] < 0.5, rgb, rgb[:, ::-1])

    if isinstance(windows, Windows):
        counter = tf.data.Dataset.counter(start=first_step * share)
        found = counter.map(window, num_parallel_calls=tf.data.AUTOTUNE)
    else:
        found = windows(first_step * share, pipeline)
    return (
        found.batch(global_batch // max(pipeline.num_replicas_in_sync, 1), drop_remainder=True)
        .map(make_batch, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
