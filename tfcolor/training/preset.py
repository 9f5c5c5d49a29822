"""A recipe by name: its stages, and what is made of the last model. No TensorFlow until the last model is made."""

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

_CALIBRATION_PHOTOS = 200  # at most


@dataclass(frozen=True)
class Preset:
    """A recipe; the fields are what `presets` describes.

    summary: the first line of its docstring.
    """

    name: str
    summary: str
    stages: tuple[dict[str, Any], ...]
    calibration: str | None
    decoding: Decoding | None
    half: bool

    def stage_options(self, number: int, given: dict[str, Any], output: Path) -> dict[str, Any]:
        """The options of a stage.

        Args:
            number: of the stage, from 0.
            given: options that take the place of the preset's own in every stage.
            output: folder of the whole; the model before is the one to start from.
        """
        own = dict(self.stages[number])
        if {"steps", "minutes"} & given.keys():
            own = {name: value for name, value in own.items() if name not in ("steps", "minutes")}
        if number:
            own["init"] = str(stage_folder(output, number - 1))
        return own | given


def names() -> list[str]:
    """The names of all presets."""
    return [module.name.replace("_", "-") for module in pkgutil.iter_modules(presets.__path__)]


def load(name: str) -> Preset:
    """Find a preset.

    Raises:
        InputError: where there is none of that name.
    """
    if name not in names():
        raise InputError(f"unknown preset {name!r} (known: {', '.join(names())})")
    module = importlib.import_module(f"{presets.__name__}.{name.replace('-', '_')}")
    decoding = getattr(module, "DECODING", None)
    return Preset(
        name,
        module.__doc__.splitlines()[0],
        tuple(module.STAGES),
        getattr(module, "CALIBRATION", None),
        Decoding(**decoding) if decoding else None,
        getattr(module, "HALF", False),
    )


def stage_folder(output: Path, number: int) -> Path:
    """The run folder of a stage, counted from 0; its name counts from 1."""
    return output / f"stage-{number + 1}"


def write_model(preset: Preset, output: Path, dataset: str | None = None, data_dir: str | None = None) -> Path:
    """Make the model: that of the last stage, calibrated, with its decoding and in 16 bits as the preset says.

    Args:
        preset: whose stages are finished.
        output: folder of the whole; the model is written to `model` in it, whole or not at all, in place of an
            earlier one.
        dataset: whose validation photographs calibrate it; None for the preset's own.
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
        (made / "model").mkdir()
        for name in ("bins.npz", "weights.npz", "model.json"):
            shutil.copyfile(last / name, made / "model" / name)
        if preset.decoding:
            decoding_choice.write(made / "model", preset.decoding, f"the preset {preset.name}")
        if target.exists():
            shutil.rmtree(target)
        (made / "model").rename(target)
    return target
