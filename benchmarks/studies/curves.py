"""Records the losses of a run, on training windows and on unseen ones, as it goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import levels_to_lab
from tfcolor.data.datasets import Dataset
from tfcolor.data.windows import Windows
from tfcolor.training.recorder import Recorder
from tfcolor.training.state import TrainingState
from tfcolor.utils.files import replacing

EVERY_SECONDS = 20.0  # of training between two measurements of the validation loss
_WINDOWS, _AT_ONCE = 128, 16
_MIDDLE = np.float32([0.5, 0.5])


class CurveRecorder(Recorder):
    """A recorder that also writes `losses.jsonl` into the folder of the run.

    Each line has the step, the seconds of training so far, and `training_loss`, the mean of ten steps, or
    `validation_loss`, the mean over the middles of 128 validation photographs.
    """

    def __init__(self, *arguments: Any, dataset: Dataset):
        """Keep what is needed.

        Args:
            arguments: those of `Recorder`.
            dataset: the whole dataset.
        """
        super().__init__(*arguments)
        self._path = self._folder.folder / "losses.jsonl"
        paths = dataset.split("val").paths
        windows = Windows(paths[:: -(-len(paths) // _WINDOWS)], self._config["options"]["patch"])
        self._windows = np.stack([windows.cut(np.int64(k), _MIDDLE) for k in range(len(windows.paths))])
        self._measured: float | None = None  # seconds of training at the last measurement

    def pause(self, state: TrainingState) -> None:
        """Measure the validation loss if it is due."""
        if self._measured is None:
            lines = [line for line in read_lines(self._path) if line["step"] <= state.step]
            with replacing(self._path) as file:  # later steps come again
                file.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            done = [line["seconds"] for line in lines if "validation_loss" in line]
            self._measured = done[-1] if done else -EVERY_SECONDS
        if state.seconds - self._measured >= EVERY_SECONDS:
            self._measure(state)

    def report(self, state: TrainingState, numbers: dict[str, float]) -> None:
        """Write the training loss, too."""
        self._write(state, training_loss=numbers["loss"])
        super().report(state, numbers)

    def preview(self, state: TrainingState) -> None:
        """Write the usual previews; at the end, measure once more."""
        super().preview(state)
        if state.step == self._config["total_steps"]:
            self._measure(state)

    def _measure(self, state):
        objective, network, losses = self._previews.objective, self._trainer.network, []
        for start in range(0, len(self._windows), _AT_ONCE):
            lab = levels_to_lab(tf.constant(self._windows[start : start + _AT_ONCE]))
            inputs, *targets = objective.batch(lab, network)
            loss = objective.pixel_loss(network(inputs), *targets).values
            losses.append(tf.reduce_mean(tf.reshape(loss, [len(lab), -1]), axis=-1))
        self._measured = state.seconds
        self._write(state, validation_loss=float(tf.reduce_mean(tf.concat(losses, axis=0))))

    def _write(self, state, **numbers):
        with self._path.open("a") as file:
            file.write(json.dumps({"step": state.step, "seconds": round(state.seconds, 2), **numbers}) + "\n")


def read_lines(path: Path) -> list[dict[str, float]]:
    """Read `losses.jsonl`; a last line that is not whole, after a kill, is left out. A missing file has no lines."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
