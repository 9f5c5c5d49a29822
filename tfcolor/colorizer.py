"""The class that users import: a model, and photographs of any size coloured with it in tiles."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfcolor import color
from tfcolor.bins import Bins
from tfcolor.encoding import annealed_mean
from tfcolor.modeldir import find_model, load_model

# The side of a tile in pixels where none is given: at 256 the network sees 13 % more pixels than it
# colours (272^2 / 256^2), and its widest layer takes 50 MB.
AUTO_TILE = 256


class Colorizer:
    """Colours photographs with a trained network.

    A tile is cut with the pixels that the network needs around it, and the picture is extended by
    reflection at its borders: every pixel is coloured, and the size of the tiles changes nothing.
    """

    def __init__(self, network: tf.Module, bins: Bins):
        """Use a network and the bins of its outputs; colours decode to the bins' mean ab."""
        self.network, self.bins = network, bins
        self._colors = tf.constant(bins.means, tf.float32)

    @classmethod
    def load(cls, model: str | Path) -> "Colorizer":
        """Load a shipped model by name, or any model directory.

        Raises:
            InputError: where there is no such model, or it is not whole.
        """
        network, bins, _ = load_model(find_model(str(model)))
        return cls(network, bins)

    def colorize(
        self,
        rgb: np.ndarray,
        temperature: float = 0.38,
        tile: int = AUTO_TILE,
        on_tile: Callable[[int], Any] = lambda done: None,
    ) -> np.ndarray:
        """Colour a photograph, keeping its lightness.

        Args:
            rgb: uint8 [H, W, 3], sRGB, of any size from 1x1; its colour, if any, is not looked at.
            temperature: T in [0, 1], 0 for the most likely colour, 1 for the mean.
            tile: side of the tiles in pixels, at least 1.
            on_tile: called with the number of tiles done.

        Returns:
            uint8 [H, W, 3], sRGB. Colours beyond sRGB lose chroma, not lightness.

        Raises:
            ValueError: for other shapes or types, T or tile out of range.
        """
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
            raise ValueError(f"rgb must be uint8 [H, W, 3] and not empty, got {rgb.dtype} {rgb.shape}")
        padded = _reflect(rgb, self.network.context)
        result = np.empty_like(rgb)
        for done, (inside, around) in enumerate(self._tiles(*rgb.shape[:2], temperature, tile), start=1):
            result[inside] = self._recolor(padded[around], temperature)
            on_tile(done)
        return result

    def predict_ab(self, lightness: np.ndarray, temperature: float = 0.38, tile: int = AUTO_TILE) -> np.ndarray:
        """Predict colours as they are, also those that sRGB cannot show.

        Args:
            lightness: float32 [H, W], L* in [0, 100].
            temperature: T in [0, 1].
            tile: side of the tiles in pixels, at least 1.

        Returns:
            ab, float32 [H, W, 2], ab units.

        Raises:
            ValueError: for other shapes, T or tile out of range.
        """
        if lightness.ndim != 2 or lightness.dtype.kind != "f" or not lightness.size:
            raise ValueError(f"lightness must be float [H, W] and not empty, got {lightness.dtype} {lightness.shape}")
        padded = _reflect(lightness.astype(np.float32), self.network.context)
        result = np.empty([*lightness.shape, 2], np.float32)
        for inside, around in self._tiles(*lightness.shape, temperature, tile):
            result[inside] = self._predict(padded[around][None, ..., None], temperature)[0]
        return result

    def _tiles(self, height: int, width: int, temperature: float, tile: int) -> Iterator[tuple]:
        """Yield each tile's place in the picture, and that of all it needs in the padded one."""
        check_temperature(temperature)
        if tile < 1:
            raise ValueError(f"tile must be at least 1 pixel, got {tile}")
        more = 2 * self.network.context
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                bottom, right = min(top + tile, height), min(left + tile, width)
                yield np.s_[top:bottom, left:right], np.s_[top : bottom + more, left : right + more]

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1]), tf.TensorSpec([])])
    def _predict(self, lightness, temperature):
        return annealed_mean(self.network(lightness), self._colors, temperature)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.uint8), tf.TensorSpec([])])
    def _recolor(self, rgb, temperature):
        lightness = color.rgb_to_lab(color.from_uint8(rgb))[None, ..., :1]
        ab = self._predict(lightness, temperature)[0]
        inside = slice(self.network.context, -self.network.context)
        lab = tf.concat([lightness[0, inside, inside], ab], axis=-1)
        return color.visible(lab)


def check_temperature(temperature: float) -> float:
    """Return T if it is in [0, 1].

    Raises:
        ValueError: otherwise, NaN included.
    """
    if not 0 <= temperature <= 1:
        raise ValueError(f"temperature must be in [0, 1], got {temperature}")
    return temperature


def _reflect(picture: np.ndarray, pixels: int) -> np.ndarray:
    """Extend [H, W, ...] on all sides by reflection, again and again where it is smaller than that."""
    return np.pad(picture, [(pixels, pixels)] * 2 + [(0, 0)] * (picture.ndim - 2), mode="reflect")
