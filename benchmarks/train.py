"""Training: the loop against its bare step, and the step against Keras, PyTorch and the blog's loop."""

import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks import material
from benchmarks.measure import Row, alternate, ratios, row
from benchmarks.rivals import blog, keras_model, torch_model
from tfcolor.color.bins import Bins
from tfcolor.data.batches import training_batches
from tfcolor.data.datasets import Dataset
from tfcolor.data.windows import Windows
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.targets import TargetMaker
from tfcolor.training.experiment import Experiment
from tfcolor.training.loop import REPORT_STEPS
from tfcolor.training.options import TrainingOptions
from tfcolor.training.run_folder import Run
from tfcolor.training.trainer import Trainer
from tfcolor.utils import precision

PATCH, NUM_BINS, RATE = 32, 200, 1e-3
COLORED = (PATCH - 2 * Valid8.context) ** 2  # pixels of a window


def measure(folder: Path, quick: bool) -> list[Row]:
    """Measure with windows of 32 -> 16, 200 bins, and batches of 64, or 16 where it is to be quick."""
    bins = material.bins(NUM_BINS)
    size = 16 if quick else 64
    windows = Windows(material.photographs(folder), PATCH)
    batch = next(iter(batches(windows, bins, "hard", size)))
    return [*loop_rows(folder, bins, size, quick), *rival_rows(windows, bins, batch, quick)]


def batches(windows: Windows, bins: Bins, encoding: str, size: int) -> tf.data.Dataset:
    """What `train.py` trains on."""
    maker = TargetMaker(bins, encoding, Valid8.context)
    return training_batches(windows, maker, seed=0, first_step=0, global_batch=size)


def best_dtype() -> tf.DType:
    """What `--precision auto` takes here."""
    return precision.choose("auto", lambda: precision.bfloat16_gain(training=True))


def make_trainer(batch_size: int, num_bins: int = NUM_BINS) -> Trainer:
    """Our network and step at their best."""
    dtype = best_dtype()
    return Trainer(lambda: Valid8(num_bins, compute_dtype=dtype), batch_size, tf.distribute.get_strategy())


class Timed(Experiment):
    """The whole of a run of `train.py`, but for the measurement of its model at the end.

    After every ten steps of the loop come a few of the bare step, so that both see the same machine.
    """

    def time_between(self, batch: tuple, steps: int) -> tuple[list[float], list[float]]:
        """Run; returns the loop's and the bare step's steps per second, pair by pair."""
        self._batch, self._steps, self._pause = batch, steps, 0.0
        self._loop, self._bare = [], []
        self.run()
        return self._loop[1:], self._bare[:-1]  # the first ten steps trace, and fill the cache of photographs

    def _report(self, position, numbers):
        self._loop.append(1 / (numbers["seconds_per_step"] - self._pause / REPORT_STEPS))
        super()._report(position, numbers)
        started = time.perf_counter()
        for _ in range(self._steps):
            result = self._trainer.step(self._batch, RATE, 0)
        result.loss.numpy()  # waits, as the loop does after as many
        self._pause = time.perf_counter() - started
        self._bare.append(self._steps / self._pause)

    def _finish(self):
        pass


def loop_rows(folder: Path, bins: Bins, size: int, quick: bool) -> list[Row]:
    """The loop with its pipeline, checkpoints and logs, against its step alone."""
    paths = material.photographs(folder)
    dataset = Dataset("made", paths[0].parent, tuple(path.name for path in paths))
    steps = REPORT_STEPS * (2 if quick else 8)
    options = TrainingOptions(dataset="made", steps=steps, batch_size=size, patch=PATCH)
    experiment = Timed(options, Run(folder / "run"), dataset, bins, resume=False)
    batch = next(iter(batches(Windows(paths[:size], PATCH), bins, "soft", size)))
    loop, bare = ([size * COLORED * rate for rate in rates] for rates in experiment.time_between(batch, REPORT_STEPS))
    pipeline = pipeline_rate(folder, bins, size, 40)
    return [
        row("train.py's loop", loop, "pixels/s"),
        row("its bare step on constant tensors", bare, "pixels/s"),
        row("loop / bare step", ratios(loop, bare), "x", ">= 0.9", "ten steps each, in turn"),
        row("input pipeline alone / bare step", [pipeline / rate for rate in bare], "x", note="with all cores for it"),
    ]


def pipeline_rate(folder: Path, bins: Bins, size: int, steps: int) -> float:
    """Coloured pixels per second of the batches alone, once the photographs are in memory."""
    windows = Windows(material.photographs(folder)[:size], PATCH)
    ready = iter(batches(windows, bins, "soft", size))
    for _ in range(4):
        next(ready)
    started = time.perf_counter()
    for _ in range(steps):
        next(ready)
    return steps * size * COLORED / (time.perf_counter() - started)


def rival_rows(windows: Windows, bins: Bins, batch: tuple, quick: bool) -> list[Row]:
    """One step on one batch with hard targets, for all."""
    import torch

    size = len(batch[0])
    pixels = size * COLORED
    trainer = make_trainer(size)
    network = Valid8(NUM_BINS)
    keras = keras_model.build(network, bins, RATE)
    once = keras_model.examples(tf.data.Dataset.from_tensors(batch))
    arrays = [torch.tensor(t.numpy()) for t in (batch[0], batch[1][..., 0], batch[3])]
    plain = torch_model.Training(torch_model.Valid8(network), RATE)
    best = torch_model.Training(torch_model.Valid8(network, channels_last=True, bfloat16=True), RATE)
    author = blog.Training(Valid8(NUM_BINS), bins, RATE)
    window = windows.cut(np.int64(0), np.array([0.5, 0.5]))[None]
    blog_seconds = alternate({"blog": lambda: author.step(window)}, 3)["blog"]
    blog_rate = COLORED / min(blog_seconds)
    seconds = alternate(
        {
            "ours": lambda: trainer.step(batch, RATE, 0).loss.numpy(),
            "Keras": lambda: keras.fit(once, shuffle=False, verbose=0),
            "PyTorch": lambda: plain.step(*arrays),
            "PyTorch best": lambda: best.step(*arrays),
        },
        2 if quick else 7,
    )
    ours = seconds["ours"]
    rate = [pixels / s for s in ours]
    note = f"ours in {best_dtype().name}, batches of {size}"
    return [
        row("step", rate, "pixels/s", note=note),
        row("step / Keras float32", ratios(seconds["Keras"], ours), "x", ">= 4", f"{note}; a fit of one step"),
        row("step / the blog's loop", [r / blog_rate for r in rate], "x", ">= 500", "one window a step there"),
        row("step / PyTorch float32", ratios(seconds["PyTorch"], ours), "x", ">= 1.1", note),
        row("step / PyTorch bfloat16 channels_last", ratios(seconds["PyTorch best"], ours), "x", ">= 1.1", note),
    ]
