"""What a classifier of photographs sees in coloured pictures (Zhang et al. 2016, section 3.1, with another network).

A classifier that was trained on colour photographs should say the same of a well coloured picture as of the true one.
Beside its answers there is the Frechet distance (Dowson and Landau 1982) between the features of all coloured and of
all true pictures. Heusel et al. (2017) take another network's features for it, so that this is not their FID.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor.networks.encoders import Encoder, published_convolution
from tfcolor.networks.pretrained import read_weights

FEATURES = 1280
_SIDE = 256  # pixels: between the 224 of lite0 and the 260 of lite2, and a multiple of 32


class Classifier:
    """EfficientNet-Lite with its head, as published: trained on the 1,000 classes of ImageNet."""

    def __init__(self, kind: str):
        """Load the published weights.

        Args:
            kind: 'lite0', 'lite1' or 'lite2'.

        Raises:
            InputError: for another kind, or if its weights are missing or broken.
        """
        self.kind, published = kind, read_weights(kind)
        encoder = Encoder(kind, 0, channels=3)
        for name, value in encoder.pretrained().items():
            encoder.weights[name].assign(value)
        for layer in encoder.layers:
            layer.freeze(tf.float32)
        filters, factor, bias = published_convolution(published, kind, "_conv_head", "_bn1")
        head = tf.constant(filters * factor)
        weights, offset = published["_fc.weight"].T, published["_fc.bias"]

        @tf.function(input_signature=[tf.TensorSpec([None, _SIDE, _SIDE, 3])], autograph=False)
        def classify(pictures):
            x = tf.nn.relu6(tf.nn.conv2d(encoder(pictures)[-1], head, 1, "SAME") + bias)
            features = tf.reduce_mean(x, [1, 2])
            return tf.argmax(features @ weights + offset, axis=-1), features

        self._classify = classify

    def __call__(self, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Classify the central squares of pictures, sRGB uint8 [H, W, 3].

        Returns:
            The classes, int64 [N] in [0, 1000), and the features averaged over each picture, float32 [N, 1280].
        """
        classes, features = self._classify(np.stack([_square(picture) for picture in pictures]))
        return classes.numpy(), features.numpy()


def _square(rgb):
    """The central square, resized: float32 [side, side, 3] in [0, 1]."""
    side = min(rgb.shape[:2])
    top, left = ((length - side) // 2 for length in rgb.shape[:2])
    box = (left, top, left + side, top + side)
    resized = Image.fromarray(rgb).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, box)
    return np.asarray(resized, np.float32) / 255


@dataclass
class FeatureSums:
    """What is known of the features of many pictures.

    count: number of pictures.
    total: sum of their features, float64 [F].
    products: sum of the outer products with themselves, float64 [F, F].
    """

    count: int
    total: np.ndarray
    products: np.ndarray

    @classmethod
    def empty(cls, num_features: int = FEATURES) -> "FeatureSums":
        """Return the sums of no picture."""
        return cls(0, np.zeros(num_features), np.zeros([num_features] * 2))

    def add(self, features: np.ndarray) -> None:
        """Add a picture's features, float [F]."""
        features = features.astype(np.float64)
        self.count += 1
        self.total += features
        self.products += np.outer(features, features)

    def merge(self, other: "FeatureSums") -> None:
        """Add the sums of other pictures."""
        self.count += other.count
        self.total += other.total
        self.products += other.products

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean [F] and the covariance [F, F] of at least two pictures."""
        mean = self.total / self.count
        return mean, (self.products - self.count * np.outer(mean, mean)) / (self.count - 1)


def frechet_distance(one: FeatureSums, other: FeatureSums) -> float:
    """Return the squared Frechet distance of two normal distributions (Dowson and Landau 1982, eq. 4).

    It is |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); 0 for equal moments. With few pictures it is too large, and only
    distances of the same number of pictures can be compared.

    Returns:
        At least 0; NaN for less than two pictures each.
    """
    if min(one.count, other.count) < 2:
        return float("nan")
    (mean, covariance), (other_mean, other_covariance) = one.moments(), other.moments()
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    # (C1 C2)^(1/2) has the trace of (C1^(1/2) C2 C1^(1/2))^(1/2), which is symmetric.
    mixed = np.sqrt(np.linalg.eigvalsh(root @ other_covariance @ root).clip(0)).sum()
    difference = np.sum((mean - other_mean) ** 2)
    return float(max(0.0, difference + np.trace(covariance) + np.trace(other_covariance) - 2 * mixed))
