"""What an encoder sees in a whole gray photograph: the features by which photographs are told apart."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from tfcolor.color.lab import lightness_to_gray
from tfcolor.colorizer.tiles import cut_with_context
from tfcolor.colorizer.working_size import reduced, reduced_sides
from tfcolor.models.directory import ModelInfo, assign_all, read_weights
from tfcolor.networks.encoders import Encoder
from tfcolor.networks.layers import blank_filters
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_names, read_npz

_WORKING_SIZE = 256  # pixels: that of `unet`, with which the encoder was trained
_MULTIPLE = 32  # pixels: the stride of the last features


class PhotographFeatures:
    """The last features of an EfficientNet-Lite, averaged over a photograph, always in float32.

    They do not depend on other photographs nor on the precision of the models, so that choices by them do not either.
    """

    def __init__(self, kind: str, path: Path):
        """Load an encoder.

        Args:
            kind: 'lite0', 'lite1' or 'lite2'.
            path: an .npz with its weights, and no others.

        Raises:
            InputError: if the file is missing or broken, or does not fit.
        """
        with blank_filters():
            encoder = Encoder(kind, 0)
        arrays = read_weights(path)
        check_names(path, arrays, set(encoder.weights))
        assign_all(encoder.weights, arrays, path)
        for layer in encoder.layers:
            layer.freeze(tf.float32)

        @tf.function(input_signature=[tf.TensorSpec([1, None, None, 1])], autograph=False)
        def see(lightness):
            return tf.reduce_mean(encoder(lightness_to_gray(lightness))[-1], [0, 1, 2])

        self._see = see

    def __call__(self, lightness: np.ndarray) -> np.ndarray:
        """Return the features of a photograph, float64 [C], from its L* in [0, 100], float32 [H, W]."""
        sides = reduced_sides(*lightness.shape, _WORKING_SIZE)
        small = reduced(lightness, sides)[None]
        whole = tuple(slice(0, -(-side // _MULTIPLE) * _MULTIPLE) for side in sides)
        return self._see(cut_with_context(small, whole, 0)[..., None]).numpy().astype(np.float64)


def encoder_of(info: ModelInfo) -> tuple[str, dict[str, np.ndarray]]:
    """Return the kind of a model's encoder and its weights, as they are stored.

    Raises:
        InputError: if the model has none.
    """
    kind = info.network.arguments.get("encoder")
    weights = {name: x for name, x in read_npz(info.folder / "weights.npz").items() if name.startswith("encoder_")}
    if kind is None or not weights:
        raise InputError(f"`features` takes a model with an encoder, a unet; {info.folder} is a {info.network.name}")
    return kind, weights
