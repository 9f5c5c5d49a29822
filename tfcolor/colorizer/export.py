"""A model for other programs."""

import shutil
from pathlib import Path
from typing import Any

from tfcolor.utils.errors import InputError
from tfcolor.utils.files import new_folder


def load(model: Path) -> Any:
    """A `tf.Module` whose `predict` maps lightness and T to ab, in float32."""
    import tensorflow as tf

    from tfcolor.color.guided_filter import border, guided
    from tfcolor.colorizer.blending import MULTIPLE
    from tfcolor.colorizer.colorizer import Colorizer
    from tfcolor.models.directory import decoding_of, load_model

    network, bins, description = load_model(model)
    decoding = decoding_of(description)
    radius, more = decoding.smoothing, border(decoding.smoothing)

    class Exported(tf.Module):
        """What is exported."""

        def __init__(self):
            self.network = network
            self._colorizer = Colorizer(network, bins)
            self.log_weights = self._colorizer.log_weights(decoding.uniform_share)

        def predict(self, lightness, temperature):
            """Colour whole pictures.

            Args:
                lightness: float32 [B, H, W, 1], L* in [0, 100], of any size from 1x1.
                temperature: float32 [], T in [0, 1].

            Returns:
                ab: float32 [B, H, W, 2], ab units, rebalanced and smoothed as the model's options say.
            """
            logits, guide = (self._enlarged if network.stride > 1 else self._of_each_pixel)(lightness)
            ab = self._colorizer.decode(logits + self.log_weights, temperature)
            return {"ab": guided(ab, guide, radius)}

        def _of_each_pixel(self, lightness):
            """Logits of all pixels and of those around that smoothing needs, and their lightness."""
            width = network.context + more
            around = _extended(_extended(lightness, width, width, 1), width, width, 2)
            inside = slice(network.context, -network.context)
            return self.network(around), around[:, inside, inside]

        def _enlarged(self, lightness):
            """The same of a network that gives fewer pixels: whole pictures, as `blending` has them."""
            padded = lightness
            for axis in (1, 2):
                padded = _extended(padded, 0, -_length(lightness, axis) % MULTIPLE, axis)
            sides = [_length(padded, 1), _length(padded, 2)]
            logits = tf.image.resize(self.network(padded), sides, "bilinear")
            logits = logits[:, : _length(lightness, 1), : _length(lightness, 2)]
            return tuple(_extended(_extended(x, more, more, 1), more, more, 2) for x in (logits, lightness))

    return Exported()


def _length(x, axis):
    import tensorflow as tf

    return x.shape[axis] or tf.shape(x)[axis]


def _extended(x, before, after, axis):
    """Extend pictures along an axis by their mirror images, again and again where they are too small for one."""
    import tensorflow as tf

    length = _length(x, axis)
    period = tf.maximum(2 * (length - 1), 1)
    place = tf.range(-before, length + after) % period
    return tf.gather(x, tf.minimum(place, period - place), axis=axis)


def signature(size: tuple[int | None, int | None], batch: int | None) -> list:
    """What `predict` takes: pictures of one size, and T."""
    import tensorflow as tf

    return [tf.TensorSpec([batch, *size, 1], name="lightness"), tf.TensorSpec([], name="temperature")]


def write_saved_model(exported: Any, target: Path, size: tuple[int | None, int | None]) -> None:
    """Write a SavedModel with the signature 'serving_default', whole or not at all."""
    import tensorflow as tf

    predict = tf.function(exported.predict, input_signature=signature(size, None), autograph=False)
    exported.__call__ = predict
    with new_folder(target) as folder:
        tf.saved_model.save(exported, str(folder), signatures=predict.get_concrete_function())


def write_half(model: Path, target: Path) -> None:
    """Write a copy of a model directory, whole or not at all, with filters in float16; they compute in float32 again.

    Raises:
        InputError: where a weight is too large for float16.
    """
    import numpy as np

    from tfcolor.models.directory import read_weights
    from tfcolor.utils.files import read_json, write_json, write_npz

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


def write_tflite(exported: Any, target: Path, size: tuple[int | None, int | None]) -> None:
    """Write a TFLite file for one picture at a time, of one size or of any, whole or not at all."""
    import tensorflow as tf

    from tfcolor.utils.files import replacing

    predict = tf.function(exported.predict, input_signature=signature(size, 1), autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([predict.get_concrete_function()], exported)
    with replacing(target) as file:
        file.write(converter.convert())
