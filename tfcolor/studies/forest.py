"""The 8-convolution network on photographs of forests: short runs that differ in the activation alone."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfcolor.batches import TargetMaker, Windows, training_batches
from tfcolor.bins import cell_of
from tfcolor.colorizer import Colorizer
from tfcolor.datasets import Dataset
from tfcolor.measuring import inverse_shares
from tfcolor.metrics import raw_auc, rebalanced_auc
from tfcolor.networks.valid8 import Valid8
from tfcolor.predictors import lab_pixels
from tfcolor.scan import scan
from tfcolor.training import Position, Trainer, train

WINDOW = 10
PATCH, BATCH = 64, 4  # large windows: a network pays for 64x64 pixels and gets 48x48
LEARNING_RATE = 1e-3
TEMPERATURE = 0.38


class Forest:
    """The photographs, and all that runs have in common."""

    def __init__(self, dataset: Dataset):
        """Count the colours of the training split.

        Args:
            dataset: all photographs; the networks train on the training split and are measured on the test split.
        """
        training = dataset.split("train")
        found = scan(training.paths)
        self._bins = found.bins(WINDOW, dataset.name, "train")
        self._inverse_shares = inverse_shares(found.ab, found.pixels)
        self._windows = Windows(training.paths, PATCH)
        self._make_targets = TargetMaker(self._bins, "soft", Valid8.context)
        self._test = dataset.split("test").paths

    def run(self, activation: str, seed: int, steps: int, report: Callable[[int, str], None]) -> dict:
        """Train a network and measure it.

        Args:
            activation: a name in `ops.ACTIVATION_NAMES`.
            seed: of weights, windows and what is drawn; the first two are the same for all activations.
            steps: to train.
            report: called with the step and a note, now and then.

        Returns:
            training_loss: rebalanced cross-entropy, nats, mean over each ten steps.
            raw_auc, rebalanced_auc: in per cent, at T = 0.38, over all pixels of the test split.
            seconds: of training.
        """
        make_network = lambda: Valid8(self._bins.num_bins, activation, seed=seed)  # noqa: E731
        trainer = Trainer(make_network, BATCH, tf.distribute.get_strategy(), seed=seed)
        batches = training_batches(self._windows, self._make_targets, seed=seed, first_step=0, global_batch=BATCH)
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
            learning_rate=LEARNING_RATE,
            on_calibrated=lambda seconds: steps,
            on_report=on_report,
            on_checkpoint=lambda position: None,  # a run takes minutes; one that is stopped begins again
            on_preview=lambda position: None,
        )
        seconds = time.perf_counter() - started
        return {"training_loss": losses, **self._measure(trainer.network), "seconds": round(seconds, 1)}

    def _measure(self, network):
        colorizer = Colorizer(network, self._bins)
        distances, weights = [], []
        for lightness, ab in lab_pixels(self._test):
            distances.append(np.linalg.norm(colorizer.predict_ab(lightness, TEMPERATURE) - ab, axis=-1).ravel())
            weights.append(self._inverse_shares[tuple(cell_of(ab.reshape(-1, 2), WINDOW).T)])
        distances, weights = np.concatenate(distances), np.concatenate(weights)
        return {"raw_auc": raw_auc(distances), "rebalanced_auc": rebalanced_auc(distances, weights)}
