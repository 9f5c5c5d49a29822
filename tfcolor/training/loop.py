"""The training loop."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from tfcolor.training.optimizers import cosine_with_warmup, warmup
from tfcolor.training.trainer import Position, StepResult, Trainer

REPORT_STEPS = 10  # the loop looks at losses so often, and lets the device run ahead in between
CHECKPOINT_STEPS = 50
CHECKPOINT_SECONDS = 30.0  # or so often, where steps are slow; looked at when losses are
PREVIEW_STEPS = 250
CALIBRATION_STEPS = 20  # timed to make minutes into steps; the first few also compile


def steps_for(minutes: float, seconds_per_step: float) -> int:
    """The whole number of steps, at least the calibration's own, that fit into some minutes."""
    return max(CALIBRATION_STEPS, round(60 * minutes / seconds_per_step))


def train(
    trainer: Trainer,
    batches: Iterator,
    position: Position,
    total_steps: int | None,
    *,
    learning_rate: float,
    schedule: str = "cosine",
    steps_per_epoch: int = 1,
    on_calibrated: Callable[[float], int],
    on_report: Callable[[Position, dict[str, float]], None],
    on_checkpoint: Callable[[Position], None],
    on_preview: Callable[[Position], None],
) -> None:
    """Take steps until the total; `position` moves along.

    Args:
        trainer: with its variables as of `position`.
        batches: what `trainer.step` takes, from `position.step` on.
        position: where to start.
        total_steps: where to end, or None to ask `on_calibrated` for it.
        learning_rate: the schedule's peak.
        schedule: 'cosine' to zero at the total, 'plateau' for cuts where epochs no longer lower the loss, or
            'constant'; all rise over the first 100 steps.
        steps_per_epoch: of 'plateau'.
        on_calibrated: gets the seconds per step once they are known, returns the total.
        on_report: called every 10 steps with their mean losses, gradient norm and rate.
        on_checkpoint: called every 50 steps, every 30 seconds, before `on_calibrated`, and at the end.
        on_preview: called every 250 steps, the end excepted.

    Raises:
        WorkError: after 10 steps in a row that were not finite.
    """
    results, saved = [], time.perf_counter()
    reported = saved
    while total_steps is None or position.step + len(results) < total_steps:
        step = position.step + len(results)
        if schedule == "cosine":
            rate = cosine_with_warmup(step, total_steps, learning_rate)
        else:
            rate = learning_rate * warmup(step) * (position.plateau.factor if schedule == "plateau" else 1)
        results.append(trainer.step(next(batches), rate, step))
        if len(results) < REPORT_STEPS and step + 1 != total_steps:
            continue
        losses = _means(results)  # waits for the device
        now = time.perf_counter()
        seconds_per_step = (now - reported) / len(results)
        position.seconds += now - reported
        reported = now
        position.count(results, steps_per_epoch)
        results = []
        if total_steps is None and position.step >= CALIBRATION_STEPS:
            # Saved first: the learning rate of the steps so far did not know the total.
            on_checkpoint(position)
            total_steps = on_calibrated(seconds_per_step)
        on_report(position, losses | {"learning_rate": rate, "seconds_per_step": seconds_per_step})
        is_due = position.step % CHECKPOINT_STEPS == 0 or now - saved > CHECKPOINT_SECONDS
        if is_due or position.step == total_steps:
            on_checkpoint(position)
            saved = now
        if position.step % PREVIEW_STEPS == 0 and position.step != total_steps:
            on_preview(position)
            reported = time.perf_counter()  # looking is not training


def _means(results: list[StepResult]) -> dict[str, float]:
    """The means over the steps that counted; NaN where none did."""
    finite = [result for result in results if result.is_finite]
    names = ("loss", "plain_loss", "gradient_norm")
    return {name: float(np.mean([getattr(r, name) for r in finite])) if finite else float("nan") for name in names}
