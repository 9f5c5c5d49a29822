"""The overfitting check: a network that is wired correctly must learn one photograph, or a few, by heart.

It plots the loss for three learning rates, each constant and cut when the loss stops falling. The loss cannot fall
below the entropy of the targets, which is drawn as well.
"""

import itertools
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfcolor.color.bins import Bins
from tfcolor.data.windows import Windows
from tfcolor.objectives.objective import Objective
from tfcolor.objectives.targets import batch_maker
from tfcolor.training.experiment import make_trainer
from tfcolor.training.loop import Losses, train
from tfcolor.training.options import TrainingOptions
from tfcolor.training.state import TrainingState
from tfcolor.utils.console import Progress, print_table
from tfcolor.utils.figures import save_figure
from tfcolor.utils.files import make_folder, write_json

LEARNING_RATES = (1e-2, 1e-3, 1e-4)
SCHEDULES = {"constant": "constant", "plateau": "cut after 10 stale steps"}


def overfit(options: TrainingOptions, paths: list[Path], bins: Bins, folder: Path) -> None:
    """Train on the middles of a few photographs, all in each step, and write `overfit.png` and `overfit.json`.

    Args:
        options: the options of the run; the learning rate, its schedule and the batch size are ignored.
        paths: of the photographs.
        bins: the colour bins.
        folder: folder to write to.
    """
    options = options.with_options(batch_size=len(paths))
    objective = options.objective.make(bins)
    batch, least = _batch(options, objective, paths)
    steps, runs = options.optimization.steps, list(itertools.product(LEARNING_RATES, SCHEDULES))
    curves: dict[tuple[float, str], list[float]] = {}
    with Progress("training", len(runs) * steps, "steps") as progress:
        for number, (rate, schedule) in enumerate(runs):
            losses = Losses(lambda step, loss, first=number * steps: progress.update(first + step))
            trainer = make_trainer(options, objective, tf.distribute.get_strategy(), "float32")
            train(
                trainer, itertools.repeat(batch), TrainingState(), steps, losses, learning_rate=rate, schedule=schedule
            )
            curves[rate, schedule] = losses.values
    make_folder(folder)
    _plot(curves, least, len(paths), folder / "overfit.png")
    content = {f"{rate:g}, {schedule}": losses for (rate, schedule), losses in curves.items()}
    write_json(folder / "overfit.json", {"options": options.to_json(), "entropy": least, "losses": content})
    rows = [
        [f"{rate:g}", SCHEDULES[schedule], f"{curve[0]:.3f}", f"{curve[-1]:.3f}"]
        for (rate, schedule), curve in curves.items()
    ]
    print_table(
        f"{len(paths)} photograph(s), {steps} steps"
        + (f"; the entropy of the targets is {least:.3f}" if least else ""),
        ["learning rate", "reduction", "first loss", "last loss"],
        rows,
    )
    print(f"written to {folder}: overfit.png, overfit.json")


def _batch(options: TrainingOptions, objective: Objective, paths: list[Path]) -> tuple[tuple[tf.Tensor, ...], float]:
    """A batch of the middles of the photographs, and the lowest possible loss."""
    network = make_trainer(options, objective, tf.distribute.get_strategy(), "float32").network
    windows = Windows(paths, options.data.patch)
    rgb = np.stack([windows.cut(index, np.float32([0.5, 0.5])) for index in range(len(paths))])
    batch = batch_maker(objective, network)(tf.constant(rgb))
    return batch, objective.least_loss(*batch[1:])


def _plot(curves: dict[tuple[float, str], list[float]], least: float, num_photos: int, path: Path) -> None:
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes_of = dict(zip(SCHEDULES, figure.subplots(1, 2, sharey=True), strict=True))
    for (rate, schedule), losses in curves.items():
        steps = [10 * k for k in range(1, len(losses) + 1)]
        axes_of[schedule].plot(steps, losses, label=f"{rate:g}")
    for schedule, axes in axes_of.items():
        if least:
            axes.axhline(least, color="0.5", linestyle=":", label="entropy of the targets")
        axes.set(title=f"learning rate {SCHEDULES[schedule]}", xlabel="step", yscale="log")
        axes.grid(alpha=0.3, which="both")
    axes_of["constant"].set_ylabel(f"loss, {'nats, ' if least else ''}mean of ten steps")
    axes_of["constant"].legend(title="learning rate")
    figure.suptitle(f"A network learns {num_photos} photograph{'s' if num_photos > 1 else ''} by heart")
    save_figure(figure, path)
