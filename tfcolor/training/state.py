"""The state of a training run besides its variables, as a checkpoint stores it."""

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tfcolor.training.schedules import Plateau
from tfcolor.utils.errors import WorkError

if TYPE_CHECKING:
    from tfcolor.training.trainer import StepResult

log = logging.getLogger(__name__)

MAX_SKIPPED_IN_A_ROW = 10


@dataclass
class TrainingState:
    """How far a run has come.

    step: number of steps taken, including skipped ones.
    skipped: number of skipped steps.
    skipped_in_a_row: number of skipped steps since the last good one.
    seconds: time that training took.
    plateau: state of the 'plateau' schedule.
    """

    step: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    seconds: float = 0.0
    plateau: Plateau = field(default_factory=Plateau)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Convert to arrays for a checkpoint."""
        values = vars(self) | vars(self.plateau)
        return {f"position/{name}": np.array(value) for name, value in values.items() if name != "plateau"}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "TrainingState":
        """Convert from the arrays of a checkpoint."""
        plateau = Plateau(**{name: arrays[f"position/{name}"].item() for name in vars(Plateau())})
        own = {name: arrays[f"position/{name}"].item() for name in vars(cls()) if name != "plateau"}
        return cls(**own, plateau=plateau)

    def count(self, results: list["StepResult"], steps_per_epoch: int = 1) -> None:
        """Count finished steps.

        Args:
            results: the results of the steps.
            steps_per_epoch: steps in which every photograph is seen once.

        Raises:
            WorkError: after 10 steps in a row whose loss or gradient was not finite.
        """
        for result in results:
            self.step += 1
            if result.is_finite:
                self.skipped_in_a_row = 0
                self.plateau.add(float(result.loss), steps_per_epoch)
                continue
            self.skipped += 1
            self.skipped_in_a_row += 1
            log.warning("step %d was skipped: its loss or gradient is not finite", self.step)
            if self.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
                first = self.step - MAX_SKIPPED_IN_A_ROW + 1
                raise WorkError(
                    f"steps {first} to {self.step} all had a loss or gradient that is not finite; they left the "
                    "weights unchanged. Try a lower `learning_rate`, or float32 as `precision`"
                )
