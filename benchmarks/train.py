"""Training: the loop compared with its bare step, and the step with Keras, PyTorch and the blog's loop."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import material
from benchmarks.measure import AMX, Row, Scale, alternate, ratios, row, vector_units
from benchmarks.rivals import blog, has_torch, keras_model
from tfcolor.color.bins import Bins
from tfcolor.data.batches import training_batches
from tfcolor.data.datasets import Dataset
from tfcolor.data.windows import Windows
from tfcolor.networks.layers import Network
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.objective import Objective
from tfcolor.objectives.targets import batch_maker
from tfcolor.training.experiment import prepare, train_model
from tfcolor.training.loop import REPORT_STEPS
from tfcolor.training.options import TrainingOptions
from tfcolor.training.recorder import Recorder
from tfcolor.training.run_folder import RunFolder
from tfcolor.training.state import TrainingState
from tfcolor.training.trainer import Trainer, learners_of
from tfcolor.utils import precision

PATCH, NUM_BINS, RATE = 32, 200, 1e-3
COLORED = (PATCH - 2 * Valid8.context) ** 2  # pixels of a window
# By rival, the aim for its seconds over ours.
_BARS = {"Keras float32": ">= 4", "PyTorch float32": ">= 1.1", "PyTorch bfloat16 channels_last": ">= 1.1"}
_NEEDS = {"Keras float32": AMX}  # the bars for these compare bfloat16 in matrix units with float32


def measure(folder: Path, scale: Scale) -> list[Row]:
    """Measure with windows of 32 pixels, of which 16x16 are coloured, 200 bins, and batches of 64."""
    bins = material.bins(scale.of(full=NUM_BINS, quick=NUM_BINS, tiny=16))
    batch_size = scale.of(full=64, quick=64, tiny=2)
    dataset = material.photographs(folder, scale)
    windows = Windows(dataset.paths, PATCH)
    return [*loop_rows(folder, dataset, bins, batch_size, scale), *rival_rows(windows, bins, batch_size, scale)]


def batches(windows: Windows, bins: Bins, encoding: str, batch_size: int) -> tf.data.Dataset:
    """Make the batches on which `train.py` trains, with 'soft' or 'hard' targets."""
    make_batch = batch_maker(Classification(bins, encoding=encoding), Valid8)
    return training_batches(windows, make_batch, seed=0, first_step=0, global_batch=batch_size)


def best_dtype() -> tf.DType:
    """Choose bfloat16 where the processor computes with it, else what `--precision auto` takes on this machine."""
    if {"avx512_bf16", AMX} & set(vector_units()):
        return tf.bfloat16
    return precision.choose("auto", lambda: precision.bfloat16_gain(training=True))


def make_trainer(make_network: Callable[[], Network], objective: Objective, batch_size: int, **options: Any) -> Trainer:
    """Make our step for a network and an objective, with options of `learners_of`."""

    def make():
        network = make_network()
        return network, learners_of(objective, network, **options)

    return Trainer(make, batch_size, tf.distribute.get_strategy())


class PairedRecorder(Recorder):
    """Records a run, and takes ten bare steps after every ten of the loop, so that both see the same machine.

    loop, bare: steps per second of each ten.
    """

    def __init__(self, *arguments: object, trainer: Trainer, batch: tuple):
        """Begin.

        Args:
            arguments: those of `Recorder`.
            trainer: trainer of the run.
            batch: constant tensors for the bare steps.
        """
        super().__init__(*arguments)
        self.loop: list[float] = []
        self.bare: list[float] = []
        self._bare_trainer, self._batch, self._pause = trainer, batch, 0.0

    def report(self, state: TrainingState, numbers: dict[str, float]) -> None:
        """Report as `Recorder` does, then take the bare steps."""
        self.loop.append(1 / (numbers["seconds_per_step"] - self._pause / REPORT_STEPS))
        super().report(state, numbers)
        started = time.perf_counter()
        for _ in range(REPORT_STEPS):
            result = self._bare_trainer.step(self._batch, RATE, 0)
        result.loss.numpy()  # waits, as the loop does after as many
        self._pause = time.perf_counter() - started
        self.bare.append(REPORT_STEPS / self._pause)


def loop_and_step(
    options: TrainingOptions, folder: Path, dataset: Dataset, bins: Bins, batch: tuple, pack: Path | None = None
) -> tuple[list[float], list[float]]:
    """Do a whole run of `train.py` except measuring and writing its model, and time it beside its bare step.

    Args:
        options: options of the run, of at most 240 steps: the first preview would distort the timing.
        folder: folder of the run.
        dataset, bins, pack: see `experiment.prepare`.
        batch: batch for the bare steps.

    Returns:
        The steps per second of the loop and of the bare step, pair by pair, each over ten steps. The first ten are
        left out: they trace, and fill the cache of photographs.
    """
    experiment = prepare(options, RunFolder(folder), dataset, bins, resume=False, pack=pack)
    recorders = []

    def make_recorder(*arguments):
        recorders.append(PairedRecorder(*arguments, trainer=experiment.trainer, batch=batch))
        return recorders[0]

    train_model(experiment, make_recorder)
    return recorders[0].loop[1:], recorders[0].bare[:-1]


def loop_rows(folder: Path, dataset: Dataset, bins: Bins, batch_size: int, scale: Scale) -> list[Row]:
    """Time the loop with its pipeline, checkpoints and logs, and compare it with its step alone."""
    steps = REPORT_STEPS * scale.of(full=8, quick=3, tiny=2)
    options = TrainingOptions.of(dataset=dataset.name, steps=steps, batch_size=batch_size, patch=PATCH)
    batch = next(iter(batches(Windows(dataset.paths[:batch_size], PATCH), bins, "soft", batch_size)))
    rates = loop_and_step(options, folder / "run", dataset, bins, batch)
    loop, bare = ([batch_size * COLORED * rate for rate in each] for each in rates)
    pipeline = pipeline_rate(dataset.paths[:batch_size], bins, batch_size, scale.of(full=40, quick=40, tiny=4))
    return [
        row("train.py's loop", loop, "pixels/s"),
        row("its bare step on constant tensors", bare, "pixels/s"),
        row("loop / bare step", ratios(loop, bare), "x", ">= 0.9", "ten steps each, in turn"),
        row("input pipeline alone / bare step", [pipeline / rate for rate in bare], "x", note="with all cores for it"),
    ]


def pipeline_rate(paths: list[Path], bins: Bins, batch_size: int, steps: int) -> float:
    """Measure the coloured pixels per second of the batches alone, once the photographs are in memory."""
    ready = iter(batches(Windows(paths, PATCH), bins, "soft", batch_size))
    for _ in range(4):
        next(ready)
    started = time.perf_counter()
    for _ in range(steps):
        next(ready)
    return steps * batch_size * COLORED / (time.perf_counter() - started)


def rival_rows(windows: Windows, bins: Bins, batch_size: int, scale: Scale) -> list[Row]:
    """Time one step on one batch with hard targets, for all."""
    batch = next(iter(batches(windows, bins, "hard", batch_size)))
    pixels = batch_size * COLORED
    dtype, num_bins = best_dtype(), bins.num_bins
    trainer = make_trainer(lambda: Valid8(num_bins, compute_dtype=dtype), Classification(bins), batch_size)
    network = Valid8(num_bins)
    keras = keras_model.build(network, bins, RATE)
    examples = keras_model.examples(tf.data.Dataset.from_tensors(batch))
    author = blog.Training(Valid8(num_bins), bins, RATE)
    window = windows.cut(np.int64(0), np.array([0.5, 0.5]))[None]
    blog_seconds = alternate({"blog": lambda: author.step(window)}, scale.of(full=3, quick=3, tiny=1))["blog"]
    blog_rate = COLORED / min(blog_seconds)
    contestants = {
        "ours": lambda: trainer.step(batch, RATE, 0).loss.numpy(),
        "Keras float32": lambda: keras.fit(examples, shuffle=False, verbose=0),
    }
    if has_torch():
        contestants |= _torch_steps(network, batch)
    seconds = alternate(contestants, scale.of(full=7, quick=3, tiny=1))
    ours = seconds.pop("ours")
    rate = [pixels / s for s in ours]
    note = f"ours in {dtype.name}, batches of {batch_size}"
    notes = {"Keras float32": f"{note}; a fit of one step"}
    rivals = [
        row(f"step / {name}", ratios(s, ours), "x", _BARS[name], notes.get(name, note), _NEEDS.get(name))
        for name, s in seconds.items()
    ]
    return [
        row("step", rate, "pixels/s", note=note),
        row("step / the blog's loop", [r / blog_rate for r in rate], "x", ">= 500", "one window a step there", AMX),
        *rivals,
    ]


def _torch_steps(network: Valid8, batch: tuple) -> dict[str, Callable[[], float]]:
    """By name, the steps of two copies of a network in PyTorch."""
    import torch

    from benchmarks.rivals import torch_model

    arrays = [torch.tensor(tensor.numpy()) for tensor in (batch[0], batch[1][..., 0], batch[3])]
    plain = torch_model.Training(torch_model.Valid8(network), RATE)
    best = torch_model.Training(torch_model.Valid8(network, channels_last=True, bfloat16=True), RATE)
    return {
        "PyTorch float32": lambda: plain.step(*arrays),
        "PyTorch bfloat16 channels_last": lambda: best.step(*arrays),
    }
