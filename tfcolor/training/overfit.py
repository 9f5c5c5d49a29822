"""The check that everything is wired right: a network must learn one photograph, or a few, by heart.

For three learning rates, kept as they are and cut where the loss does not fall any more, as a plot. The loss cannot
fall below the entropy of its targets, which is drawn beside it.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from tfcolor.color.bins import Bins
from tfcolor.data.windows import Windows
from tfcolor.networks.registry import NETWORKS, network_class
from tfcolor.objectives.targets import TargetMaker
from tfcolor.training.loop import train
from tfcolor.training.options import TrainingOptions
from tfcolor.training.trainer import Position, Trainer
from tfcolor.utils.console import Progress, print_table
from tfcolor.utils.figures import save_figure
from tfcolor.utils.files import make_folder, write_json

LEARNING_RATES = (1e-2, 1e-3, 1e-4)
SCHEDULES = {"constant": "as it is", "plateau": "cut after 10 stale steps"}


def overfit(options: TrainingOptions, paths: list[Path], bins: Bins, folder: Path) -> None:
    """Train on the middles of some photographs, all in each step, and write `overfit.png` and `overfit.json`.

    Args:
        options: of the network and its training; learning rates apart.
        paths: of the photographs.
        bins: the colours.
        folder: to write to.
    """
    batch, least = _batch(options, paths, bins)
    steps, runs = options.steps, list(itertools.product(LEARNING_RATES, SCHEDULES))
    curves: dict[tuple[float, str], list[float]] = {}
    with Progress("training", len(runs) * steps, "steps") as progress:
        for number, (rate, schedule) in enumerate(runs):
            report = lambda step, begun=number * steps: progress.update(begun + step)  # noqa: E731
            curves[rate, schedule] = _losses(options, bins, batch, rate, schedule, steps, report)
    make_folder(folder)
    _plot(curves, least, len(paths), folder / "overfit.png")
    content = {f"{rate:g}, {schedule}": losses for (rate, schedule), losses in curves.items()}
    write_json(folder / "overfit.json", {"options": options.to_json(), "entropy": least, "losses": content})
    rows = [
        [f"{rate:g}", SCHEDULES[schedule], f"{curve[0]:.3f}", f"{curve[-1]:.3f}"]
        for (rate, schedule), curve in curves.items()
    ]
    print_table(
        f"{len(paths)} photograph(s), {steps} steps; the entropy of the targets is {least:.3f}",
        ["learning rate", "reduction", "first loss", "last loss"],
        rows,
    )
    print(f"written to {folder}: overfit.png, overfit.json")


def _batch(options: TrainingOptions, paths: list[Path], bins: Bins) -> tuple[tuple[tf.Tensor, ...], float]:
    """The targets of the photographs' middles, and the loss of a network that predicts just them."""
    network, windows = network_class(options.network), Windows(paths, options.patch)
    rgb = np.stack([windows.cut(index, np.float32([0.5, 0.5])) for index in range(len(paths))])
    batch = TargetMaker.of(options, bins, network)(tf.constant(rgb))
    if options.objective == "regression":
        return batch, 0.0
    _, _, shares, weights = batch
    entropy = -tf.reduce_sum(tf.math.xlogy(shares, shares), axis=-1)
    return batch, float(tf.reduce_mean(entropy * weights))


def _losses(
    options: TrainingOptions,
    bins: Bins,
    batch: tuple[tf.Tensor, ...],
    rate: float,
    schedule: str,
    steps: int,
    report: Callable[[int], None],
) -> list[float]:
    """Means of ten steps each."""
    arguments = {name: getattr(options, name) for name in NETWORKS[options.network].arguments}
    make_network = lambda: network_class(options.network)(bins.num_bins, **arguments, seed=options.seed)  # noqa: E731
    strategy = tf.distribute.get_strategy()
    trainer = Trainer(make_network, len(batch[0]), strategy, seed=options.seed, weight_decay=options.weight_decay)
    losses: list[float] = []

    def on_report(position, numbers):
        losses.append(numbers["loss"])
        report(position.step)

    train(
        trainer,
        itertools.repeat(batch),
        Position(),
        steps,
        learning_rate=rate,
        schedule=schedule,
        on_calibrated=lambda seconds: steps,
        on_report=on_report,
        on_checkpoint=lambda position: None,
        on_preview=lambda position: None,
    )
    return losses


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
    axes_of["constant"].set_ylabel("loss, nats, mean of ten steps")
    axes_of["constant"].legend(title="learning rate")
    figure.suptitle(f"A network learns {num_photos} photograph{'s' if num_photos > 1 else ''} by heart")
    save_figure(figure, path)
