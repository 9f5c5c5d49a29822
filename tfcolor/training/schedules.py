"""Learning rate schedules."""

import math
from dataclasses import dataclass

CUT, PATIENCE = 0.2, 10  # of `Plateau`: the factor of a cut, and the epochs before it
WARMUP_STEPS = 100  # about 1 / (1 - beta2): before that, Adam's second moments are poor estimates


def warmup(step: int) -> float:
    """Return the factor of the learning rate in the first steps, in (0, 1]."""
    return min(1.0, (step + 1) / WARMUP_STEPS)


@dataclass
class Plateau:
    """Cuts the learning rate when the mean loss of an epoch has not fallen for `PATIENCE` epochs.

    factor: the current factor of the learning rate.
    best: the lowest mean loss of an epoch.
    stale: epochs since then, or since the last cut.
    total, steps: the sum of the losses in the current epoch, and their number.
    """

    factor: float = 1.0
    best: float = math.inf
    stale: int = 0
    total: float = 0.0
    steps: int = 0

    def add(self, loss: float, steps_per_epoch: int) -> None:
        """Add the loss of a step."""
        self.total += loss
        self.steps += 1
        if self.steps < steps_per_epoch:
            return
        mean, self.total, self.steps = self.total / self.steps, 0.0, 0
        if mean < self.best:
            self.best, self.stale = mean, 0
            return
        self.stale += 1
        if self.stale == PATIENCE:
            self.factor, self.stale = self.factor * CUT, 0


def cosine_with_warmup(step: int, total_steps: int | None, peak: float) -> float:
    """Return the learning rate: half a cosine to zero (Loshchilov and Hutter 2017), with a linear warm-up.

    Args:
        step: from 0.
        total_steps: the step at which the rate is zero; None while it is unknown.
        peak: the highest rate.
    """
    decay = 1.0 if total_steps is None else (1 + math.cos(math.pi * min(1.0, step / total_steps))) / 2
    return peak * warmup(step) * decay
