"""Presets: training recipes by name. Only writing the final model imports TensorFlow."""

import importlib
import pkgutil
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfcolor.color.decoding_options import Decoding
from tfcolor.data import datasets
from tfcolor.training import presets
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import new_folder

_CALIBRATION_PHOTOS = 200  # at most


@dataclass(frozen=True)
class Preset:
    """A recipe; see `presets` for the fields.

    description: its docstring.
    """

    name: str
    description: str
    stages: tuple[dict[str, Any], ...]
    calibration: str | None
    decoding: Decoding | None
    half: bool

    def stage_options(self, number: int, given: dict[str, Any], output: Path) -> dict[str, Any]:
        """Return the options of a stage.

        Args:
            number: number of the stage, from 0.
            given: options that replace the preset's own in every stage.
            output: folder of the preset's run, where the stage before has its model to start from.
        """
        own = dict(self.stages[number])
        if {"steps", "minutes"} & given.keys():
            own = {name: value for name, value in own.items() if name not in ("steps", "minutes")}
        if number:
            own["init"] = str(stage_folder(output, number - 1))
        return own | given

    def check_data(self, names: list[str], given: str | None, data_dir: str | None) -> None:
        """Check that the photographs for all stages and for the calibration can be found.

        Args:
            names: the datasets of the stages.
            given: the dataset that replaces the preset's own; None for its own.
            data_dir: see `datasets.find`.

        Raises:
            InputError: if they cannot.
        """
        try:
            for name in dict.fromkeys(names):
                datasets.find(name, data_dir)
        except InputError as error:
            hint = "" if given else f"; `dataset` takes other photographs than those of the preset {self.name}"
            raise InputError(f"{error}{hint}") from error
        if self.calibration and not datasets.find(given or self.calibration, data_dir).split("val").files:
            raise InputError(f"{given or self.calibration} has no validation photographs to calibrate the model on")


def names() -> list[str]:
    """List the names of all presets."""
    return [module.name.replace("_", "-") for module in pkgutil.iter_modules(presets.__path__)]


def load(name: str) -> Preset:
    """Load a preset by name.

    Raises:
        InputError: if there is no such preset.
    """
    if name not in names():
        raise InputError(f"unknown preset {name!r} (known: {', '.join(names())})")
    module = importlib.import_module(f"{presets.__name__}.{name.replace('-', '_')}")
    decoding = getattr(module, "DECODING", None)
    return Preset(
        name,
        module.__doc__.strip(),
        tuple(module.STAGES),
        getattr(module, "CALIBRATION", None),
        Decoding(**decoding) if decoding else None,
        getattr(module, "HALF", False),
    )


def stage_folder(output: Path, number: int) -> Path:
    """Return the run folder of a stage; `number` counts from 0, the name of the folder from 1."""
    return output / f"stage-{number + 1}"


def write_model(preset: Preset, output: Path, dataset: str | None = None, data_dir: str | None = None) -> Path:
    """Write the final model: the last stage's, calibrated, in 16 bits and with a decoding, as the preset says.

    Args:
        preset: a preset whose stages are finished.
        output: folder of the preset's run. The model is written to `model` in it, whole or not at all, and replaces
            an earlier one.
        dataset: dataset whose validation photographs calibrate the model; None for the preset's own.
        data_dir: see `datasets.find`.

    Returns:
        The model directory.
    """
    from tfcolor.colorizer.export import write_half
    from tfcolor.evaluation import calibration, decoding_choice

    target, last = output / "model", stage_folder(output, len(preset.stages) - 1)
    with tempfile.TemporaryDirectory(dir=output, prefix=".", suffix=".tmp") as folder:
        made = Path(folder)
        if preset.calibration:
            found = datasets.find(dataset or preset.calibration, data_dir)
            paths = found.some_of("val", _CALIBRATION_PHOTOS)
            calibration.calibrate(last, made / "calibrated", paths, f"val split of {found.name}")
            last = made / "calibrated"
        if preset.half:
            write_half(last, made / "half")
            last = made / "half"
        with new_folder(target, replace=True) as model:
            for name in ("bins.npz", "weights.npz", "model.json"):
                shutil.copyfile(last / name, model / name)
            if preset.decoding:
                decoding_choice.write(model, preset.decoding, f"the preset {preset.name}")
    return target
