"""Writes models for other programs, as a SavedModel or a TFLite file; and smaller copies of models."""

import functools
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor.colorizer.exported import Exported
from tfcolor.models.directory import read_weights
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import new_folder, read_json, replacing, write_json, write_npz

Size = tuple[int | None, int | None]  # height and width; None for any


def _functions(exported: Exported, size: Size, batch: int | None) -> dict[str, tf.types.experimental.ConcreteFunction]:
    """The functions from lightness to ab and from pictures to pictures, for pictures of one size or any."""
    lightness = tf.TensorSpec([batch, *size, 1], name="lightness")
    pictures = tf.TensorSpec([batch, *size, 3], tf.uint8, name="pictures")
    graph = functools.partial(tf.function, autograph=False)
    temperature = tf.TensorSpec([], name="temperature")
    return {
        "serving_default": graph(exported.predict).get_concrete_function(lightness, temperature),
        "colorize": graph(exported.colorize).get_concrete_function(pictures, temperature),
    }


def write_saved_model(model: Path, target: Path) -> None:
    """Write a SavedModel for pictures of any size, whole or not at all.

    Its signatures are 'serving_default', from lightness and T to ab, and 'colorize', from pictures and T to pictures.
    """
    exported = Exported(model)
    with new_folder(target) as folder:
        tf.saved_model.save(exported, str(folder), signatures=_functions(exported, (None, None), None))


def write_tflite(model: Path, target: Path, size: Size, pictures: bool = False, int8: bool = False) -> None:
    """Write a TFLite file for one picture at a time, whole or not at all.

    Args:
        model: the model's directory.
        target: the file.
        size: of the pictures; with None for any size.
        pictures: whether it takes and gives pictures; else it takes lightness and gives ab.
        int8: whether weights are rounded to 8 bits.
    """
    exported = Exported(model)
    exported.network.freeze()  # so that filters are constants, which can be rounded
    function = _functions(exported, size, 1)["colorize" if pictures else "serving_default"]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], exported)
    converter.optimizations = [tf.lite.Optimize.DEFAULT] if int8 else []
    with replacing(target) as file:
        file.write(converter.convert())


def write_half(model: Path, target: Path) -> None:
    """Write a copy of a model directory with filters in float16, whole or not at all; loading it gives float32.

    Raises:
        InputError: if a weight is too large for float16.
    """
    arrays = {}
    for name, array in read_weights(model / "weights.npz").items():
        is_large = np.abs(array).max(initial=0) > np.finfo(np.float16).max
        if name.endswith("/filter") and is_large:
            raise InputError(f"{model / 'weights.npz'}: {name} has a weight beyond 65,504, too large for 16 bits")
        arrays[name] = array.astype(np.float16) if name.endswith("/filter") else array
    with new_folder(target) as folder:
        shutil.copyfile(model / "bins.npz", folder / "bins.npz")
        write_npz(folder / "weights.npz", arrays)
        write_json(folder / "model.json", read_json(model / "model.json"))
