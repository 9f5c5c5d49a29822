"""Short runs of the 8-convolution network on photographs of forests."""

import time
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from benchmarks.studies.options import RunOptions
from tfcolor.color.bins import Bins
from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import painted
from tfcolor.data.batches import training_batches
from tfcolor.data.datasets import Dataset
from tfcolor.data.scan import scan
from tfcolor.data.windows import Windows
from tfcolor.evaluation.measuring import ColorErrors, PixelWeights, truths
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.targets import batch_maker
from tfcolor.training.loop import Losses, train
from tfcolor.training.state import TrainingState
from tfcolor.training.trainer import Trainer, learners_of


class RunResult(NamedTuple):
    """The result of a run.

    losses: training losses, rebalanced cross-entropy in nats, the mean over each ten steps.
    measured: errors on the measured photographs, by temperature.
    seconds: duration of training.
    """

    losses: list[float]
    measured: dict[float, ColorErrors]
    seconds: float


class Forest:
    """The photographs, and everything else that the runs share."""

    def __init__(self, dataset: Dataset, split: str):
        """Count the colours of the training split.

        Args:
            dataset: all photographs; the networks train on the training split.
            split: the photographs that are measured.
        """
        training = dataset.split("train")
        self._name, self._training = dataset.name, training.paths
        self._found = scan(self._training)
        self._pixel_weights = PixelWeights.of(self._found.ab, self._found.pixels)
        self._measured = dataset.split(split).paths

    def bins(self, options: RunOptions) -> Bins:
        """Make the colour bins of a run."""
        counting = {"uniform_share": options.uniform_share, "min_count": options.min_count}
        return self._found.bins(options.window, self._name, "train", **counting)

    def run(
        self,
        options: RunOptions,
        seed: int,
        steps: int,
        temperatures: tuple[float, ...],
        report: Callable[[int, str], None] = lambda step, note: None,
    ) -> RunResult:
        """Train a network and measure it.

        Args:
            options: options of the run.
            seed: seed of everything random; all runs with it have the same initial weights and windows.
            steps: number of training steps.
            temperatures: temperatures at which to measure.
            report: called with the step and a note, now and then.
        """
        objective = Classification(self.bins(options), encoding=options.encoding)
        trainer = self._trainer(options, objective, seed)
        windows, make_batch = Windows(self._training, options.patch), batch_maker(objective, Valid8)
        batches = training_batches(windows, make_batch, seed=seed, first_step=0, global_batch=options.batch)
        losses = Losses(lambda step, loss: report(step, f"loss {loss:.3f}"))
        started = time.perf_counter()
        # Nothing is saved: a run takes minutes, and one that is stopped begins again.
        train(trainer, iter(batches), TrainingState(), steps, losses, learning_rate=options.learning_rate)
        seconds = round(time.perf_counter() - started, 1)
        for name, array in trainer.model_arrays().items():
            trainer.network.saved[name].assign(array)
        return RunResult(losses.values, self._measure(Colorizer(trainer.network, objective), temperatures), seconds)

    @staticmethod
    def _trainer(options: RunOptions, objective: Classification, seed: int) -> Trainer:
        def make():
            network = Valid8(objective.num_outputs, options.activation, options.batch_norm, seed)
            return network, learners_of(objective, network)

        return Trainer(make, options.batch, tf.distribute.get_strategy(), seed=seed, average=options.weight_average)

    def _measure(self, colorizer: Colorizer, temperatures: tuple[float, ...]) -> dict[float, ColorErrors]:
        measured = {T: ColorErrors() for T in temperatures}
        decodings = [Decoding(T) for T in temperatures]
        for _, truth in truths(self._measured):
            for errors, ab in zip(measured.values(), colorizer.predict_many(truth.lightness, decodings), strict=True):
                errors.add(truth, ab, painted(truth.lightness, ab), self._pixel_weights)
        return measured
