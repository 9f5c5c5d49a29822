"""A model for other programs: lightness and T in, ab out; or a smaller copy of it.

python -m tfcolor.export --model forest --format savedmodel --output forest-savedmodel
python -m tfcolor.export --model forest --format tflite --size 480x640 --output forest.tflite
python -m tfcolor.export --model runs/mine --format half --output mine
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from tfcolor import DEFAULT_MODEL, console
from tfcolor.errors import InputError
from tfcolor.files import check_new, new_folder

FORMATS = {
    "savedmodel": "for TensorFlow",
    "tflite": "for LiteRT",
    "half": "a model directory of half the size, its filters rounded to 16 bits",
}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tfcolor.export", description=__doc__.splitlines()[0])
    formats = "; ".join(f"{name}: {text}" for name, text in FORMATS.items())
    parser.add_argument("--model", default=DEFAULT_MODEL, help="a shipped model or a model directory")
    parser.add_argument(
        "--format", default="savedmodel", choices=tuple(FORMATS), help=f"{formats} (default savedmodel)"
    )
    parser.add_argument("--size", metavar="HxW", help="of the pictures in pixels, for tflite (default any)")
    parser.add_argument("--output", required=True, help="folder of the SavedModel or the model, or .tflite file")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Check, convert, write."""
    args = parse(arguments)
    from tfcolor.modeldir import find_model, read_description

    size = size_of(args.size, args.format)
    model, target = find_model(args.model), Path(args.output)
    read_description(model)
    check_new(target)
    if args.format == "half":
        write_half(model, target)
    else:
        console.load_tensorflow()
        {"savedmodel": write_saved_model, "tflite": write_tflite}[args.format](load(model), target, size)
    print(f"{args.model}: {args.format} written to {target}")


def size_of(text: str | None, format: str) -> tuple[int | None, int | None]:
    """'480x640' -> (480, 640); (None, None) for any size."""
    if text is None:
        return None, None
    sides = text.lower().split("x")
    if format != "tflite":
        raise InputError(f"--size is for tflite; {format} takes any size")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise InputError(f"--size must be HEIGHTxWIDTH in pixels, such as 480x640, got {text}")
    return int(sides[0]), int(sides[1])


def load(model: Path) -> Any:
    """A `tf.Module` whose `predict` maps lightness and T to ab, in float32."""
    import tensorflow as tf

    from tfcolor.blending import MULTIPLE
    from tfcolor.colorizer import Colorizer
    from tfcolor.modeldir import decoding_of, load_model
    from tfcolor.smoothing import border, guided

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

    from tfcolor.files import read_json, write_json, write_npz
    from tfcolor.modeldir import read_weights

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

    from tfcolor.files import replacing

    predict = tf.function(exported.predict, input_signature=signature(size, 1), autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([predict.get_concrete_function()], exported)
    with replacing(target) as file:
        file.write(converter.convert())


if __name__ == "__main__":
    sys.exit(console.run(main))
