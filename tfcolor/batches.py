"""Training data: photographs -> windows of lightness with the colours to predict, by step.

Every draw is a function of (seed, number of the example), so that a run can go on from any step
and several workers can share the work without a word between them.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor import color, photos
from tfcolor.bins import Bins
from tfcolor.encoding import Encoder
from tfcolor.errors import WorkError
from tfcolor.networks.layers import Network
from tfcolor.options import TrainingOptions

log = logging.getLogger(__name__)

_LOCKS = 64  # more than threads that read
_GRAY = 5.0  # ab units; Zhang et al.'s released code
_CACHE_BYTES = 2 * 2**30  # of decoded pixels; photographs beyond that are decoded each time


class Windows:
    """Cuts windows out of photographs, of which as many as fit stay decoded in memory."""

    def __init__(self, paths: list[Path], patch: int, cache_bytes: int = _CACHE_BYTES, zoom: float = 1.0):
        """Remember where the photographs are.

        Args:
            paths: of the photographs; those that cannot be read are skipped with a warning.
            patch: side of the square windows in pixels.
            cache_bytes: how many bytes of decoded pixels to keep.
            zoom: at least 1: by how much windows may be cut larger or smaller, to be resized to `patch`.

        Raises:
            WorkError: where no photograph can be read.
        """
        self.paths, self.patch, self.zoom = paths, patch, zoom
        self._cache: dict[int, np.ndarray] = {}
        self._cache_left = cache_bytes
        self._unreadable: set[int] = set()
        self._lock = threading.Lock()  # of the cache and what is left for it
        self._reading = [threading.Lock() for _ in range(_LOCKS)]  # so that no photograph is read twice at once
        self._readable(0)  # fails here, where the error is still one of Python's

    def cut(self, index: np.int64, place: np.ndarray, size: np.float32 = 0.5) -> np.ndarray:
        """Cut a window.

        Args:
            index: of the photograph; in place of an unreadable one the next is used.
            place: float32 [2] in [0, 1), how far down and right of all places where it fits.
            size: in [0, 1), from smaller by all of the zoom to larger by as much, as far as the photograph goes.

        Returns:
            uint8 [patch, patch, 3], sRGB. Smaller photographs are extended by reflection.
        """
        rgb = self._readable(int(index))
        side = min(round(self.patch * self.zoom ** (2 * float(size) - 1)), *rgb.shape[:2])
        top, left = (place * (np.array(rgb.shape[:2]) - side + 1)).astype(int)
        window = rgb[top : top + side, left : left + side]
        if side == self.patch:
            return window
        return np.asarray(Image.fromarray(window).resize([self.patch] * 2, Image.Resampling.BICUBIC))

    def _readable(self, index: int) -> np.ndarray:
        for turn in range(len(self.paths)):
            rgb = self._pixels((index + turn) % len(self.paths))
            if rgb is not None:
                return rgb
        raise WorkError(f"none of the {len(self.paths)} photographs for training can be read")

    def _pixels(self, index: int) -> np.ndarray | None:
        if index in self._cache:
            return self._cache[index]
        with self._reading[index % _LOCKS]:
            if index in self._cache or index in self._unreadable:
                return self._cache.get(index)
            return self._read(index)

    def _read(self, index: int) -> np.ndarray | None:
        try:
            rgb = photos.read(self.paths[index]).rgb
        except photos.UnreadableImage as error:
            self._unreadable.add(index)
            log.warning("skipping %s: %s", self.paths[index], error)
            return None
        missing = [(0, max(0, self.patch - side)) for side in rgb.shape[:2]]
        rgb = np.pad(rgb, [*missing, (0, 0)], mode="reflect")
        with self._lock:
            if rgb.nbytes <= self._cache_left:
                self._cache_left -= rgb.nbytes
                self._cache[index] = rgb
        return rgb


class TargetMaker:
    """Turns windows of sRGB into what a training step takes."""

    def __init__(
        self,
        bins: Bins,
        encoding: str,
        context: int,
        stride: int = 1,
        downsampling: str = "average",
        mask_gray: bool = False,
        objective: str = "classification",
    ):
        """Prepare the encoding.

        Args:
            bins: with the weights to use.
            encoding: 'soft' (5 nearest bins) or 'hard' (1).
            context: pixels on each side that the network uses up.
            stride: pixels for each one of the network's output.
            downsampling: how colours come to that resolution: the 'average' ab of stride x stride pixels, or
                the 'point' at their upper left, as Zhang et al.'s released code has it.
            mask_gray: whether windows without any |a| or |b| above 5 weigh nothing, as in that code.
            objective: 'classification', or 'regression', for which colours are left as they are.
        """
        self._encode = Encoder(bins, neighbours=1) if encoding == "hard" else Encoder(bins)
        self._weights = tf.constant(bins.weights, tf.float32)
        self._inside = slice(context, -context or None)
        self._stride, self._downsampling, self._mask_gray = stride, downsampling, mask_gray
        self._objective = objective

    @classmethod
    def of(cls, options: TrainingOptions, bins: Bins, network: type[Network]) -> "TargetMaker":
        """What a run with these options needs for a network."""
        form = (options.encoding, network.context, network.stride)
        return cls(bins, *form, options.downsampling, options.mask_gray, options.objective)

    def __call__(self, rgb: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Convert a batch of windows.

        Args:
            rgb: uint8 [B, P, P, 3], sRGB.

        Returns:
            lightness float32 [B, P, P, 1] in [0, 100]; and for the p = (P - 2 * context) / stride
            pixels of the output: the bins' indices int32 [B, p, p, k] and shares float32 [B, p, p, k] of
            the target, and the weight of the pixel's own bin, float32 [B, p, p]; for regression instead
            of these three ab, float32 [B, p, p, 2].
        """
        lab = color.levels_to_lab(rgb)
        ab = self._at_output(lab[:, self._inside, self._inside, 1:])
        if self._objective == "regression":
            return lab[..., :1], ab
        indices, shares = self._encode(ab)
        # v(Z) = w[argmax Z] (Zhang et al. 2016, eq. 3): the nearest bin has the largest share.
        weights = tf.gather(self._weights, indices[..., 0])
        if self._mask_gray:
            is_colored = tf.reduce_any(tf.abs(ab) > _GRAY, axis=[1, 2, 3], keepdims=True)
            weights *= tf.cast(is_colored[..., 0], tf.float32)
        return lab[..., :1], indices, shares, weights

    def _at_output(self, ab):
        if self._stride == 1:
            return ab
        if self._downsampling == "point":
            return ab[:, :: self._stride, :: self._stride]
        return tf.nn.avg_pool2d(ab, self._stride, self._stride, "VALID")


def training_batches(
    windows: Windows | Callable[[int, tf.distribute.InputContext], tf.data.Dataset],
    make_targets: TargetMaker,
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
        make_targets: what is made of them.
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
        .map(make_targets, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
