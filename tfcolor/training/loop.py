"""The training loop."""

import time
from collections.abc import Callable, Iterator

import numpy as np

from tfcolor.training.optimizers import cosine_with_warmup, warmup
from tfcolor.training.state import TrainingState
from tfcolor.training.trainer import StepResult, Trainer

REPORT_STEPS = 10  # steps between two looks at the losses; the device runs ahead in between
CHECKPOINT_STEPS = 50
CHECKPOINT_SECONDS = 30.0  # or so often, where steps are slow; checked when losses are looked at
PREVIEW_STEPS = 250
CALIBRATION_STEPS = 20  # timed to turn minutes into steps; the first few also compile


def steps_for(minutes: float, seconds_per_step: float) -> int:
    """The whole number of steps that fit into some minutes, at least those of the calibration."""
    return max(CALIBRATION_STEPS, round(60 * minutes / seconds_per_step))


class Observer:
    """Watches a loop; this one does nothing."""

    def total_steps(self, seconds_per_step: float) -> int:
        """Called once where the total is not known, with the measured time of a step; returns the total."""
        raise NotImplementedError

    def report(self, state: TrainingState, numbers: dict[str, float]) -> None:
        """Called every 10 steps with the means of `StepResult.numbers`, the learning rate and `seconds_per_step`."""

    def checkpoint(self, state: TrainingState) -> None:
        """Called every 50 steps, every 30 seconds, before `total_steps`, and at the end."""

    def preview(self, state: TrainingState) -> None:
        """Called every 250 steps, but not at the end."""


class Losses(Observer):
    """Keeps the mean loss of every ten steps."""

    def __init__(self, on_report: Callable[[int, float], None] = lambda step, loss: None):
        """Call `on_report` with the step and the loss, too."""
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
    """Take steps until the total; `state` moves along.

    Args:
        trainer: with its variables as of `state`.
        batches: what `trainer.step` takes, from `state.step` on.
        state: where to start.
        total_steps: where to end, or None to ask the observer for it.
        observer: told what happens.
        learning_rate: the schedule's peak.
        schedule: 'cosine' to zero at the total, 'plateau' for cuts where epochs no longer lower the loss, or
            'constant'; all rise over the first 100 steps.
        steps_per_epoch: of 'plateau'.

    Raises:
        WorkError: after 10 steps in a row that were not finite.
    """
    results, saved = [], time.perf_counter()
    reported = saved
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
        seconds_per_step = (now - reported) / len(results)
        state.seconds += now - reported
        reported = now
        state.count(results, steps_per_epoch)
        results = []
        if total_steps is None and state.step >= CALIBRATION_STEPS:
            # Saved first: the learning rate of the steps so far did not know the total.
            observer.checkpoint(state)
            total_steps = observer.total_steps(seconds_per_step)
        observer.report(state, means | {"learning_rate": rate, "seconds_per_step": seconds_per_step})
        is_due = state.step % CHECKPOINT_STEPS == 0 or now - saved > CHECKPOINT_SECONDS
        if is_due or state.step == total_steps:
            observer.checkpoint(state)
            saved = now
        if state.step % PREVIEW_STEPS == 0 and state.step != total_steps:
            observer.preview(state)
            reported = time.perf_counter()  # looking is not training


def _means(results: list[StepResult]) -> dict[str, float]:
    """The means over the steps that counted; NaN where none did."""
    finite = [result.numbers for result in results if result.is_finite]
    return {
        name: float(np.mean([numbers[name] for numbers in finite])) if finite else float("nan")
        for name in results[0].numbers
    }
