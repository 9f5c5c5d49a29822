"""The training loop."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from tfcolor.training.schedules import cosine_with_warmup, warmup
from tfcolor.training.state import TrainingState
from tfcolor.training.trainer import StepResult, Trainer

REPORT_STEPS = 10  # losses are read only so often, so that the device can run ahead
CHECKPOINT_STEPS = 50
CHECKPOINT_SECONDS = 30.0  # for slow steps: the longest time without a checkpoint, checked at reports
PREVIEW_STEPS = 250
CALIBRATION_STEPS = 20  # steps before minutes are turned into steps; the first few also compile


def steps_for(minutes: float, seconds_per_step: float) -> int:
    """Return how many steps fit into `minutes`, at least `CALIBRATION_STEPS`."""
    return max(CALIBRATION_STEPS, round(60 * minutes / seconds_per_step))


class Observer:
    """Watches the training loop; this base class does nothing."""

    def total_steps(self, seconds_per_step: float) -> int:
        """Return the total number of steps; called once if it is unknown, with the measured time of a step."""
        raise NotImplementedError

    def pause(self, state: TrainingState) -> None:
        """Called at the start, and every 10 steps before any checkpoint. What it does is not training time."""

    def report(self, state: TrainingState, numbers: dict[str, float]) -> None:
        """Called every 10 steps with the means of `StepResult.numbers`, `learning_rate` and `seconds_per_step`."""

    def checkpoint(self, state: TrainingState) -> None:
        """Called every 50 steps, every 30 seconds, before `total_steps`, and at the end."""

    def preview(self, state: TrainingState) -> None:
        """Called every 250 steps, except at the end."""


class Losses(Observer):
    """Keeps the mean loss of every ten steps."""

    def __init__(self, on_report: Callable[[int, float], None] = lambda step, loss: None):
        """Start empty; `on_report` is also called, with the step and the loss."""
        self.values: list[float] = []
        self._on_report = on_report

    def report(self, state: TrainingState, numbers: dict[str, float]) -> None:
        """Keep the loss."""
        self.values.append(numbers["loss"])
        self._on_report(state.step, numbers["loss"])


def train(
    trainer: Trainer,
    batches: Iterator,
    state: TrainingState,
    total_steps: int | None,
    observer: Observer,
    *,
    learning_rate: float,
    schedule: str = "cosine",
    steps_per_epoch: int = 1,
) -> None:
    """Take training steps up to the total.

    Args:
        trainer: its variables have their values at `state`.
        batches: batches for `trainer.step`, from step `state.step` on.
        state: where to start; it is updated.
        total_steps: where to end, or None to ask the observer.
        observer: told what happens.
        learning_rate: peak of the schedule.
        schedule: 'cosine' to zero at the total, 'plateau' to cut the rate when epochs no longer lower the loss, or
            'constant'; all start with a linear warm-up over 100 steps.
        steps_per_epoch: steps of an epoch for 'plateau'.

    Raises:
        WorkError: after 10 steps in a row that were not finite.
    """
    observer.pause(state)
    results, saved_at = [], time.perf_counter()
    reported_at = saved_at
    while total_steps is None or state.step + len(results) < total_steps:
        step = state.step + len(results)
        if schedule == "cosine":
            rate = cosine_with_warmup(step, total_steps, learning_rate)
        else:
            rate = learning_rate * warmup(step) * (state.plateau.factor if schedule == "plateau" else 1)
        results.append(trainer.step(next(batches), rate, step))
        if len(results) < REPORT_STEPS and step + 1 != total_steps:
            continue
        means = _means(results)  # waits for the device
        now = time.perf_counter()
        seconds_per_step = (now - reported_at) / len(results)
        state.seconds += now - reported_at
        state.count(results, steps_per_epoch)
        results = []
        observer.pause(state)
        reported_at = time.perf_counter()
        if total_steps is None and state.step >= CALIBRATION_STEPS:
            # The checkpoint comes first: the schedule of the steps so far did not depend on the total.
            observer.checkpoint(state)
            total_steps = observer.total_steps(seconds_per_step)
        observer.report(state, means | {"learning_rate": rate, "seconds_per_step": seconds_per_step})
        is_due = state.step % CHECKPOINT_STEPS == 0 or now - saved_at > CHECKPOINT_SECONDS
        if is_due or state.step == total_steps:
            observer.checkpoint(state)
            saved_at = now
        if state.step % PREVIEW_STEPS == 0 and state.step != total_steps:
            observer.preview(state)
            reported_at = time.perf_counter()  # previews do not count as training time


def _means(results: list[StepResult]) -> dict[str, float]:
    """The means over the steps that were not skipped; NaN if all were."""
    finite = [result.numbers for result in results if result.is_finite]
    return {
        name: float(np.mean([numbers[name] for numbers in finite])) if finite else float("nan")
        for name in results[0].numbers
    }
