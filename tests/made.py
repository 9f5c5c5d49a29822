"""Bins, trainers and models that tests make for themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor.color.bins import Bins, centre_of, count_bins
from tfcolor.models.directory import save_model
from tfcolor.networks.registry import NetworkChoice
from tfcolor.objectives.classification import Classification
from tfcolor.objectives.registry import ObjectiveChoice
from tfcolor.training.optimizers import optimizer_maker
from tfcolor.training.trainer import Trainer, learners_of


def made_bins(num_bins: int = 16, window: int = 10, seed: int = 0, **options: float) -> Bins:
    """Bins of chosen number and window: random cells of the plane, with random counts."""
    rng = np.random.default_rng(seed)
    n = 220 // window
    plane = np.stack(np.meshgrid(range(n), range(n), indexing="ij"), axis=-1).reshape(-1, 2)
    near = plane[np.linalg.norm(centre_of(plane, window), axis=1) < 80]  # as colours are
    ab = centre_of(rng.permutation(near)[:num_bins], window) + rng.uniform(-0.4, 0.4, [num_bins, 2]) * window
    pixels = rng.integers(1, 1000, num_bins)
    origin = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": int(pixels.sum())}
    return count_bins(ab, pixels, window, **options, **origin)


def ring_bins(radius: float) -> Bins:
    """16 bins around the neutral axis: whatever a pixel's bin, it is a colour."""
    angles = np.arange(16) * 2 * np.pi / 16
    ab = radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    origin = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 16}
    return count_bins(ab, np.ones(16, int), 10, **origin)


def trainer_of(make_network: Callable[[], Any], global_batch: int, objective: Any = None, **options: Any) -> Trainer:
    """A trainer of one network on one device; by default for classification into as many made bins."""

    optimizer = options.pop("optimizer", "adam")

    def make():
        network = make_network()
        learned = objective or Classification(made_bins(network.last.bias.shape[0]))
        return network, learners_of(learned, network, make_optimizer=optimizer_maker(optimizer))

    return Trainer(make, global_batch, options.pop("strategy", None) or tf.distribute.get_strategy(), **options)


def write_model(
    folder: Path,
    network: str = "valid8",
    bins: Bins | None = None,
    objective: str | ObjectiveChoice = "classification",
    seed: int = 1,
    description: dict | None = None,
    **arguments: Any,
) -> Path:
    """Write a model directory with random weights, by default of 16 made bins."""
    folder.mkdir(parents=True, exist_ok=True)
    network_choice = NetworkChoice(network, arguments)
    objective_choice = ObjectiveChoice(objective) if isinstance(objective, str) else objective
    bins = bins or made_bins(16)
    made = network_choice.make(objective_choice.make(bins).num_outputs, seed)
    save_model(folder, made, bins, network_choice, objective_choice, description or {})
    return folder
