"""The plain way: a Python loop over pixels to encode and decode, and a network call for each 16x16 tile."""

import numpy as np
import tensorflow as tf
from skimage.color import lab2rgb, rgb2lab

from tfcolor.color.bins import Bins
from tfcolor.objectives.objective import CLIP_NORM
from tfcolor.training.optimizers import BETA1, BETA2, EPSILON

TILE = 16  # pixels on a side: what is left of 32 after eight 3x3 VALID convolutions


def encode(rgb: np.ndarray, bins: Bins) -> np.ndarray:
    """Encode each pixel as the bin whose centre is nearest to its colour.

    scikit-image puts grays up to (-0.002, 0.005) away from ab = (0, 0), on the other side of a cell's edge: their bin
    may be a neighbour of the one that `tfcolor.color.encoding.Encoder` finds.

    Args:
        rgb: uint8 [h, w, 3], sRGB.
        bins: the Q bins.

    Returns:
        float32 [h, w, Q], one-hot.
    """
    height, width, _ = rgb.shape
    targets = np.zeros([height, width, bins.num_bins], np.float32)
    for row in range(height):
        for column in range(width):
            ab = rgb2lab(rgb[row, column])[1:]
            squares = ((bins.centres - ab) ** 2).sum(axis=1)  # [Q]
            targets[row, column, np.argmin(squares)] = 1
    return targets


def decode(ab_logits: np.ndarray, bins: Bins, temperature: float) -> np.ndarray:
    """Decode each pixel's distribution to its mean colour, once T has sharpened it.

    Args:
        ab_logits: float32 [h, w, Q].
        bins: the Q bins; colours are their means.
        temperature: T in (0, 1].

    Returns:
        ab, float32 [h, w, 2], ab units.
    """
    height, width, _ = ab_logits.shape
    ab = np.empty([height, width, 2], np.float32)
    for row in range(height):
        for column in range(width):
            logits = ab_logits[row, column]
            shares = np.exp((logits - logits.max()) / temperature)
            ab[row, column] = shares @ bins.means / shares.sum()
    return ab


def predict_ab(network: tf.Module, bins: Bins, lightness: np.ndarray, temperature: float) -> np.ndarray:
    """Predict the colours of a picture tile by tile.

    Args:
        network: a `tfcolor.networks.valid8.Valid8`.
        bins: bins of its outputs.
        lightness: float32 [H, W], L* in [0, 100]; extended by reflection at its borders.
        temperature: T in (0, 1].

    Returns:
        ab, float32 [H, W, 2], ab units.
    """
    height, width = lightness.shape
    padded = np.pad(lightness, network.context, mode="reflect")
    side = TILE + 2 * network.context
    ab = np.empty([height, width, 2], np.float32)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            window = padded[top : top + side, left : left + side]  # [32, 32], less at the right and lower border
            ab_logits = network(window[None, ..., None])[0].numpy()  # [16, 16, Q]
            ab[top : top + TILE, left : left + TILE] = decode(ab_logits, bins, temperature)
    return ab


def colorize(network: tf.Module, bins: Bins, rgb: np.ndarray, temperature: float) -> np.ndarray:
    """Colour a photograph; RGB is clipped if sRGB does not have the colour at this lightness.

    Args:
        network: a `tfcolor.networks.valid8.Valid8`.
        bins: bins of its outputs.
        rgb: uint8 [H, W, 3], sRGB, of any size; only its lightness is used.
        temperature: T in (0, 1].

    Returns:
        uint8 [H, W, 3], sRGB.
    """
    lightness = rgb2lab(rgb)[..., :1].astype(np.float32)
    ab = predict_ab(network, bins, lightness[..., 0], temperature)
    colored = lab2rgb(np.concatenate([lightness, ab], axis=-1))
    return np.round(255 * colored).astype(np.uint8)


class Training:
    """The step of a plain training loop: targets pixel by pixel, an eager gradient, Adam written out."""

    def __init__(self, network: tf.Module, bins: Bins, learning_rate: float):
        """Start with zero moments; the steps change the network's own weights.

        Args:
            network: a `tfcolor.networks.valid8.Valid8` without batch normalization.
            bins: bins of its outputs, with the rebalancing weights to use.
            learning_rate: learning rate of every step.
        """
        self._network, self._bins, self._learning_rate = network, bins, learning_rate
        self._weights = list(network.weights.values())
        self._means = [tf.Variable(tf.zeros_like(weight)) for weight in self._weights]
        self._squares = [tf.Variable(tf.zeros_like(weight)) for weight in self._weights]
        self._updates = 0

    def step(self, windows: np.ndarray) -> float:
        """Take one step.

        Args:
            windows: uint8 [B, 32, 32, 3], sRGB.

        Returns:
            The loss before the step: the weighted cross-entropy, mean over pixels, nats.
        """
        inside = slice(self._network.context, -self._network.context)
        lightness = rgb2lab(windows)[..., :1].astype(np.float32)
        targets = np.stack([encode(window, self._bins) for window in windows[:, inside, inside]])  # [B, 16, 16, Q]
        pixel_weights = targets @ self._bins.weights.astype(np.float32)  # [B, 16, 16]
        with tf.GradientTape() as tape:
            errors = tf.nn.softmax_cross_entropy_with_logits(targets, self._network(lightness))
            loss = tf.reduce_mean(pixel_weights * errors)
        gradients = tape.gradient(loss, self._weights)
        self._adam(tf.clip_by_global_norm(gradients, CLIP_NORM)[0])
        return float(loss)

    def _adam(self, gradients: list[tf.Tensor]) -> None:
        """Update the weights (Kingma and Ba 2015, algorithm 1)."""
        self._updates += 1
        for weight, mean, square, gradient in zip(self._weights, self._means, self._squares, gradients, strict=True):
            mean.assign(BETA1 * mean + (1 - BETA1) * gradient)
            square.assign(BETA2 * square + (1 - BETA2) * gradient**2)
            unbiased_mean = mean / (1 - BETA1**self._updates)
            unbiased_square = square / (1 - BETA2**self._updates)
            weight.assign_sub(self._learning_rate * unbiased_mean / (tf.sqrt(unbiased_square) + EPSILON))
