"""The directory of a training run: start it, resume it, protect it from overwriting. No TensorFlow.

`config.json` is written first, with the options of the run. `checkpoint.npz` holds how far it has come. `model.json` is
written last, so that a run with it is finished.
"""

import shutil
from pathlib import Path
from typing import Any

from tfcolor.training.options import OPTIONS, TrainingOptions
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import is_empty, make_folder, read_json, write_json

_FILES = ("model.json", "weights.npz", "checkpoint.npz", "bins.npz")
_FOLDERS = ("previews", "tensorboard")


class RunFolder:
    """The directory of a run."""

    def __init__(self, folder: Path):
        """Name the directory; nothing is read or written."""
        self.folder = folder
        self.config_path = folder / "config.json"
        self.checkpoint_path = folder / "checkpoint.npz"
        self.bins_path = folder / "bins.npz"

    @property
    def is_finished(self) -> bool:
        """Whether training is finished and the model is whole."""
        return (self.folder / "model.json").exists()

    def check_new(self, overwrite: bool) -> None:
        """Check that a new run may be written here.

        Raises:
            InputError: if the directory holds a run (unless `overwrite`), or anything else.
        """
        if not self.folder.exists() or (self.folder.is_dir() and is_empty(self.folder)):
            return
        if self._options() is None:
            raise InputError(f"{self.folder} exists and is no training run; give another `output`")
        if not overwrite:
            state = "a finished run" if self.is_finished else "an unfinished run (`resume` continues it)"
            raise InputError(f"{self.folder} holds {state}; `overwrite` replaces it, or give another `output`")

    def start(self, config: dict[str, Any]) -> None:
        """Create the directory, remove the files of an earlier run, and write `config.json`.

        If the process is killed in between, the run can still be resumed or overwritten.
        """
        make_folder(self.folder)
        for name in _FOLDERS:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in _FILES:
            (self.folder / name).unlink(missing_ok=True)
        write_json(self.config_path, config)

    def saved_options(self, given: dict[str, Any]) -> TrainingOptions:
        """Read the options of the run to resume.

        Args:
            given: options given again, by name.

        Returns:
            The options that the run began with.

        Raises:
            InputError: if there is no run, or a given option differs from the run's.
        """
        saved = self._options()
        if saved is None:
            raise InputError(f"{self.folder} holds no run to resume; leave out `resume` to start one")
        known = saved.to_json()
        for name, value in given.items():
            if value != known.get(name, OPTIONS[name].default):
                raise InputError(
                    f"`{name}` {value} differs from the {known.get(name)} that the run in {self.folder} began with; "
                    "resume with the same options"
                )
        return saved

    def _options(self) -> TrainingOptions | None:
        """The options in `config.json`; None if there is no such file, or it is not a run's."""
        try:
            config = self.read_config()
            is_ours = {"total_steps", "precision", "data", "versions"} <= config.keys()
            return TrainingOptions.of(**config["options"]) if is_ours else None
        except (InputError, KeyError, TypeError):
            return None

    def read_config(self) -> dict[str, Any]:
        """Read the content of `config.json`."""
        return read_json(self.config_path)

    def check_data(self, fingerprint: str) -> None:
        """Check that the training photographs are the same as at the start of the run.

        Raises:
            InputError: if they are not.
        """
        if self.read_config()["data"]["fingerprint"] != fingerprint:
            raise InputError(f"the training photographs have changed since the run in {self.folder} began")
