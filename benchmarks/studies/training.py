"""Training as `train.py` does it, for studies: a run that was stopped goes on. No TensorFlow."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfcolor.commands import train
from tfcolor.utils.files import read_json


def trained(options: Mapping[str, Any], folder: Path, make_recorder: Callable | None = None) -> dict[str, Any]:
    """Train a model unless it is finished.

    Args:
        options: options of `train.py` by name, 'dataset' and 'data_dir' too; those that are None are left out.
        folder: the folder of the run.
        make_recorder: see `experiment.train_model`.

    Returns:
        The content of its `model.json`.
    """
    if not (folder / "model.json").exists():
        more = ["--resume"] if (folder / "config.json").exists() else []
        given, places = train.parse([*as_arguments(options), *more])
        train.train(given, places, folder, make_recorder)
    return read_json(folder / "model.json")


def as_arguments(options: Mapping[str, Any]) -> list[str]:
    """Return options as a command line has them: {'batch_size': 16} as ['--batch-size', '16']."""
    given = {name: value for name, value in options.items() if value is not None}
    return [text for name, value in given.items() for text in (f"--{name.replace('_', '-')}", str(value))]
