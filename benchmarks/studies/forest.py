"""Short runs of the 8-convolution network on photographs of forests, that differ in one thing."""

import time
from collections.abc import Callable

import tensorflow as tf

from benchmarks.studies.settings import Setting
from tfcolor.color.bins import Bins
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.painting import painted
from tfcolor.data.batches import training_batches
from tfcolor.data.datasets import Dataset
from tfcolor.data.scan import scan
from tfcolor.data.windows import Windows
from tfcolor.evaluation.measuring import ColorErrors, inverse_shares, truths
from tfcolor.networks.valid8 import Valid8
from tfcolor.objectives.targets import TargetMaker
from tfcolor.training.loop import train
from tfcolor.training.trainer import Position, Trainer


class Forest:
    """The photographs, and all that runs have in common."""

    def __init__(self, dataset: Dataset, split: str):
        """Count the colours of the training split.

        Args:
            dataset: all photographs; the networks train on the training split.
            split: on which they are measured.
        """
        training = dataset.split("train")
        self._name, self._training = dataset.name, training.paths
        self._found = scan(self._training)
        self._inverse_shares = inverse_shares(self._found.ab, self._found.pixels)
        self._measured = dataset.split(split).paths

    def bins(self, setting: Setting) -> Bins:
        """The colour bins of a setting."""
        options = {"uniform_share": setting.uniform_share, "min_count": setting.min_count}
        return self._found.bins(setting.window, self._name, "train", **options)

    def run(
        self,
        setting: Setting,
        seed: int,
        steps: int,
        temperatures: tuple[float, ...],
        report: Callable[[int, str], None] = lambda step, note: None,
    ) -> tuple[list[float], dict[float, ColorErrors], float]:
        """Train a network and measure it.

        Args:
            setting: what the run is made of.
            seed: of weights, windows and what is drawn; the first two are the same for all settings.
            steps: to train.
            temperatures: at which to measure.
            report: called with the step and a note, now and then.

        Returns:
            The training loss, rebalanced cross-entropy in nats, mean over each ten steps; what was measured at
            each T; and the seconds of training.
        """
        bins = self.bins(setting)
        make_network = lambda: Valid8(bins.num_bins, setting.activation, setting.batch_norm, seed)  # noqa: E731
        strategy = tf.distribute.get_strategy()
        trainer = Trainer(make_network, setting.batch, strategy, seed=seed, average=setting.weight_average)
        windows = Windows(self._training, setting.patch)
        make_targets = TargetMaker(bins, setting.encoding, Valid8.context)
        batches = training_batches(windows, make_targets, seed=seed, first_step=0, global_batch=setting.batch)
        losses = []

        def on_report(position, numbers):
            losses.append(numbers["loss"])
            report(position.step, f"loss {numbers['loss']:.3f}")

        started = time.perf_counter()
        train(
            trainer,
            iter(batches),
            Position(),
            steps,
            learning_rate=setting.learning_rate,
            on_calibrated=lambda seconds: steps,
            on_report=on_report,
            on_checkpoint=lambda position: None,  # a run takes minutes; one that is stopped begins again
            on_preview=lambda position: None,
        )
        seconds = time.perf_counter() - started
        for name, array in trainer.model_arrays().items():
            trainer.network.saved[name].assign(array)
        return losses, self._measure(Colorizer(trainer.network, bins), temperatures), round(seconds, 1)

    def _measure(self, colorizer, temperatures):
        measured = {T: ColorErrors() for T in temperatures}
        for _, truth in truths(self._measured, lambda path, error: None):
            for T, ab in colorizer.predict_sweep(truth.lightness, temperatures).items():
                measured[T].add(truth, ab, painted(truth.lightness, ab), self._inverse_shares)
        return measured
