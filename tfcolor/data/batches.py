"""Training data: windows of photographs in batches, by step.

Everything random is a function of the seed and the number of the example. So a run can resume at any step, and
several workers can share the examples without communication.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfcolor.color.lab import gray_to_lightness, levels_to_lightness, lightness_to_gray
from tfcolor.data.degradation import degraded
from tfcolor.data.windows import Windows

_DEGRADATION = 1  # distinguishes the seeds of degraded inputs


def training_batches(
    windows: Windows | Callable[[int, tf.distribute.InputContext, int], tf.data.Dataset],
    make_batch: Callable[[tf.Tensor], Any],
    *,
    seed: int,
    first_step: int,
    global_batch: int,
    pipeline: tf.distribute.InputContext | None = None,
    degrade: float = 0.0,
) -> tf.data.Dataset:
    """Make an endless dataset of batches from `first_step` on; the same step always gives the same batch.

    Args:
        windows: where the pixels come from. With `Windows`, each epoch visits every photograph once, in a new order,
            and cuts a window at a new position, mirrored half of the time. Or a function of the first example, the
            pipeline and the size of a batch that returns a dataset of batches of windows, see `packs.windows_of`.
        make_batch: turns windows uint8 [B, P, P, 3] into a batch; see `targets.batch_maker`. If inputs are degraded,
            it also gets their lightness, float32 [B, P, P, 1].
        seed: seed of everything random.
        first_step: the step of the first batch.
        global_batch: examples per step over all replicas of all workers.
        pipeline: which worker this is; each takes its own share of the examples of every step.
        degrade: share of windows whose lightness is degraded, see `degradation.degraded`.

    Returns:
        A dataset whose elements are batches for one replica, in the order of the worker's replicas.
    """
    pipeline = pipeline or tf.distribute.InputContext()
    share = global_batch // pipeline.num_input_pipelines

    batch_size = global_batch // max(pipeline.num_replicas_in_sync, 1)

    def draw(number):
        step, place_in_share = number // share, number % share
        example = step * global_batch + pipeline.input_pipeline_id * share + place_in_share
        num_photos = len(windows.paths)
        index, epoch = example % num_photos, example // num_photos
        epoch_seed = tf.stack([tf.cast(seed, tf.int64), epoch])
        index = tf.random.experimental.index_shuffle(index, epoch_seed, tf.cast(num_photos - 1, tf.int64))
        draws = tf.random.stateless_uniform([4], tf.stack([tf.cast(seed, tf.int64), example]))
        return index, draws[:2], draws[3], draws[2] >= 0.5

    def cut(*drawn):
        # All windows of a batch at once: a call of Python for each would take as long as half of the cutting.
        rgb = tf.numpy_function(windows.cut_all, drawn, tf.uint8, stateful=False)
        return tf.ensure_shape(rgb, [batch_size, windows.patch, windows.patch, 3])

    if isinstance(windows, Windows):
        numbers = tf.data.Dataset.counter(start=first_step * share)
        drawn = numbers.map(draw).batch(batch_size, drop_remainder=True)
        batches = drawn.map(cut, num_parallel_calls=tf.data.AUTOTUNE)
    else:
        batches = windows(first_step * share, pipeline, batch_size)
    if degrade:
        examples = _with_lightness(batches.unbatch(), first_step * share, pipeline, seed, degrade)
        batches = examples.batch(batch_size, drop_remainder=True)
    return batches.map(make_batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _with_lightness(examples, first, pipeline, seed, degrade):
    """Windows, the first of which is number `first` of this worker, with their lightness, some of it degraded."""

    def add_lightness(number, rgb):
        example = number * pipeline.num_input_pipelines + pipeline.input_pipeline_id
        gray = lightness_to_gray(levels_to_lightness(rgb)[..., None])
        # Another seed than that of the window's place, from which all would follow.
        own_seed = tf.random.fold_in(tf.stack([tf.cast(seed, tf.int64), example]), _DEGRADATION)
        return rgb, gray_to_lightness(degraded(gray, own_seed, degrade))

    numbers = tf.data.Dataset.counter(start=first)
    return tf.data.Dataset.zip(numbers, examples).map(add_lightness, num_parallel_calls=tf.data.AUTOTUNE)
