"""Records a run while it trains: checkpoints, previews, TensorBoard files, and lines on the terminal."""

import functools

import tensorflow as tf

from tfcolor.photographs.pixels import write_png
from tfcolor.training.distribution import agree
from tfcolor.training.loop import Observer, steps_for
from tfcolor.training.previews import Previews
from tfcolor.training.run_folder import RunFolder
from tfcolor.training.state import TrainingState
from tfcolor.training.trainer import Trainer
from tfcolor.utils import tf_config
from tfcolor.utils.console import Progress
from tfcolor.utils.files import write_json


class Recorder(Observer):
    """Records a run; with several machines, only the chief writes and prints."""

    def __init__(
        self,
        folder: RunFolder,
        config: dict,
        trainer: Trainer,
        previews: Previews | None,
        progress: Progress,
        colored_pixels: int,
    ):
        """Keep what is needed; nothing is written yet.

        Args:
            folder: the directory of the run.
            config: the content of its `config.json`; the total number of steps is added once it is known.
            trainer: its network makes the previews.
            previews: the photographs to preview; None except for the chief.
            progress: progress of all steps.
            colored_pixels: pixels that a step predicts, for the rate.
        """
        self._folder, self._config, self._trainer = folder, config, trainer
        self._previews, self._progress, self._colored_pixels = previews, progress, colored_pixels

    def say(self, line: str) -> None:
        """Print a line that stays."""
        if tf_config.is_chief():
            self._progress.log(line)

    def total_steps(self, seconds_per_step: float) -> int:
        """Turn the `minutes` option into steps, the same number on all machines."""
        minutes, seconds = self._config["options"]["minutes"], agree(self._trainer.strategy, seconds_per_step)
        total = steps_for(minutes, seconds)
        self._config["total_steps"] = self._progress.total = total
        if tf_config.is_chief():
            write_json(self._folder.config_path, self._config)
        self.say(f"{minutes:g} minutes are {total} steps of {seconds:.3f} s")
        return total

    def report(self, state: TrainingState, numbers: dict[str, float]) -> None:
        """Write the numbers to TensorBoard and show the loss."""
        if not tf_config.is_chief():
            return
        rate = self._colored_pixels / numbers.pop("seconds_per_step")
        self._log_scalars(state.step, "training", numbers | {"pixels_per_second": rate, "skipped_steps": state.skipped})
        note = f"loss {numbers['loss']:.3f} ({numbers['plain_loss']:.3f} unweighted), {rate / 1e3:.1f} k pixels/s"
        self._progress.update(state.step, note + (f", {state.skipped} skipped" if state.skipped else ""))

    def checkpoint(self, state: TrainingState) -> None:
        """Write a checkpoint."""
        if tf_config.is_chief():
            self._trainer.save(self._folder.checkpoint_path, state)

    def preview(self, state: TrainingState) -> None:
        """Write a sheet of previews, and report their numbers."""
        if not self._previews:
            return
        picture, numbers = self._previews.look(self._trainer.network)
        folder = self._folder.folder / "previews"
        folder.mkdir(exist_ok=True)
        write_png(folder / f"step-{state.step:07d}.png", picture)
        self._log_scalars(state.step, "validation", numbers)
        with self._events.as_default(state.step):
            tf.summary.image("preview", picture[None])
        self.say(
            f"step {state.step}: on unseen photographs loss {numbers['loss']:.3f} "
            f"({numbers['plain_loss']:.3f} unweighted), raw AuC {numbers['raw_auc']:.2f} %"
        )

    def close(self) -> None:
        """Close the TensorBoard file."""
        self._events.close()

    @functools.cached_property
    def _events(self) -> tf.summary.SummaryWriter:
        return tf.summary.create_file_writer(str(self._folder.folder / "tensorboard"))

    def _log_scalars(self, step: int, group: str, numbers: dict[str, float]) -> None:
        with self._events.as_default(step):
            for name, value in numbers.items():
                tf.summary.scalar(f"{group}/{name}", value)
