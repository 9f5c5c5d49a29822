"""EfficientNet-Lite0 with its head: what a picture shows, as a vector."""

import numpy as np
import tensorflow as tf

from tfcolor.networks.encoders import Encoder, ScaledConvolution, published_convolution
from tfcolor.networks.layers import TrainingPass, initial_filter
from tfcolor.networks.pretrained import read_weights
from tfcolor.utils.errors import InputError

KIND = "lite0"
SIDE = 224  # pixels: of the pictures it was trained on
FEATURES, CLASSES = 1280, 1000
VECTORS = {"logits": CLASSES, "features": FEATURES}  # what can be fused, and how long it is


class Classifier(tf.Module):
    """A classifier of gray pictures, trained on ImageNet.

    size: length of the vector that it gives.
    """

    def __init__(self, vector: str, seed: int, name: str = "classifier"):
        """Create random weights; `pretrained` returns better ones.

        Args:
            vector: 'logits' of the 1,000 classes, or the 1,280 'features' they are made from, means over the picture.
            seed: seed of the weights.
            name: prefix of the names of the weights.
        """
        super().__init__(name=name)
        self.size = VECTORS[vector]
        self._trunk = Encoder(KIND, seed, name)
        seeds = [tf.random.fold_in([seed, 3], k) for k in range(2)]
        self._head = ScaledConvolution(self._trunk.channels[-1], FEATURES, seeds[0], f"{name}_head")
        self._classes = _Dense(FEATURES, CLASSES, seeds[1], f"{name}_classes") if vector == "logits" else None

    @property
    def layers(self) -> list[tf.Module]:
        """All layers, first layer first."""
        return [*self._trunk.layers, self._head, *([self._classes] if self._classes else [])]

    @property
    def weights(self) -> dict[str, tf.Variable]:
        """The variables of all layers by name."""
        return {name: variable for layer in self.layers for name, variable in layer.weights.items()}

    @property
    def fixed(self) -> set[str]:
        """Names of weights that training leaves unchanged: all."""
        return set(self.weights)

    def __call__(self, gray: tf.Tensor, training: TrainingPass | None = None) -> tf.Tensor:
        """Classify pictures.

        Args:
            gray: [B, H, W, 1] in the dtype to compute in, sRGB in [0, 1], of any size.
            training: the training pass; None for prediction.

        Returns:
            float32 [B, size].
        """
        x = tf.cast(tf.image.resize(tf.cast(gray, tf.float32), [SIDE, SIDE]), gray.dtype)
        x = tf.nn.relu6(self._head(self._trunk(x, training)[-1], training))
        features = tf.reduce_mean(tf.cast(x, tf.float32), [1, 2])
        return features if self._classes is None else self._classes(features)

    def pretrained(self) -> dict[str, np.ndarray]:
        """Return the published weights by the names of the variables.

        Raises:
            InputError: if their package is missing or holds other weights.
        """
        published = read_weights(KIND)
        filters, factor, bias = published_convolution(published, KIND, "_conv_head", "_bn1")
        values = self._trunk.pretrained() | self._head.normalized(filters, factor, bias)
        if self._classes:
            values |= self._classes.published(published)
        return values


class _Dense(tf.Module):
    """A matrix and a bias."""

    statistics: dict[str, tf.Variable] = {}  # noqa: RUF012 (none, and never any)

    def __init__(self, channels_in: int, channels_out: int, seed: tf.Tensor, name: str):
        super().__init__(name=name)
        deviation = (1 / channels_in) ** 0.5
        self.filter = tf.Variable(initial_filter([channels_in, channels_out], seed, deviation), name="filter")
        self.bias = tf.Variable(tf.zeros([channels_out]), name="bias")

    @property
    def weights(self) -> dict[str, tf.Variable]:
        return {f"{self.name}/filter": self.filter, f"{self.name}/bias": self.bias}

    def published(self, published: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        try:
            values = {"filter": published["_fc.weight"].T, "bias": published["_fc.bias"]}
        except KeyError as error:
            raise InputError(f"the weights of {KIND} lack {error.args[0]}") from error
        return {f"{self.name}/{part}": value.astype(np.float32) for part, value in values.items()}

    def __call__(self, x):
        return tf.linalg.matmul(x, self.filter) + self.bias
