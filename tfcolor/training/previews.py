"""Previews of a network in training: a few fixed validation photographs, in pictures and numbers."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from tfcolor.color.lab import grayed, levels_to_lab, visible
from tfcolor.evaluation.metrics import raw_auc
from tfcolor.networks.layers import Network
from tfcolor.objectives.objective import Objective
from tfcolor.photographs.pixels import Photo, read_photos
from tfcolor.utils.sheets import reduced, sheet

_MAX_PHOTOS = 6
_TEMPERATURE = 0.38  # T of the pictures (Zhang et al. 2016)


class Previews:
    """A few photographs that a network colours during training."""

    def __init__(self, paths: list[Path], objective: Objective, network: Network):
        """Read a few of the photographs, spread over all paths; unreadable and tiny ones are left out."""
        self.objective, self._photos = objective, []
        spread = paths[:: max(1, len(paths) // _MAX_PHOTOS)]
        for _, photo in read_photos(spread):
            if isinstance(photo, Photo) and min(photo.rgb.shape[:2]) > 4 * max(network.context, 8):
                self._photos.append(_cut(reduced(photo.rgb), network.multiple))
            if len(self._photos) == _MAX_PHOTOS:
                break

    def __len__(self) -> int:
        """The number of photographs; may be 0."""
        return len(self._photos)

    def look(self, network: Network) -> tuple[np.ndarray, dict[str, float]]:
        """Colour the photographs.

        Returns:
            A sheet uint8 [H, W, 3] with the rows truth, gray and prediction; and the means over the photographs of
            `loss`, `plain_loss` (without rebalancing weights) and `raw_auc` (at T = 1, in per cent).
        """
        columns, numbers = zip(*(look_at(network, self.objective, rgb) for rgb in self._photos), strict=True)
        rows = [[(caption, column[caption]) for column in columns] for caption in columns[0]]
        return sheet(rows), {name: float(np.mean([n[name] for n in numbers])) for name in numbers[0]}


def _cut(rgb, multiple):
    """Cut a picture to sides that are multiples; a smaller one is enlarged first."""
    scale = multiple / min(rgb.shape[:2])
    if scale > 1:
        height, width = (max(multiple, round(scale * side)) for side in rgb.shape[:2])
        rgb = np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC))
    height, width = (side // multiple * multiple for side in rgb.shape[:2])
    return rgb[:height, :width]


def look_at(network: Network, objective: Objective, rgb: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Colour a photograph with a network in training.

    Args:
        network: the network.
        objective: what it is trained for.
        rgb: uint8 [H, W, 3], sRGB; both sides are multiples of the network's `multiple`.

    Returns:
        Truth, gray and prediction by caption, uint8 [h, w, 3] each, without the network's context at the sides; and
        the numbers of `Previews.look`.
    """
    context = network.context
    inputs, *targets = objective.batch(levels_to_lab(tf.constant(rgb[None])), network)
    outputs = network(inputs)
    loss = objective.pixel_loss(outputs, *targets)
    rgb = rgb[context:-context, context:-context] if context else rgb
    truth = levels_to_lab(tf.constant(rgb))
    outputs = tf.image.resize(outputs, truth.shape[:2], "bilinear")  # changes nothing at a stride of 1
    mean, vivid = (objective.to_ab(outputs, temperature)[0] for temperature in (1.0, _TEMPERATURE))
    numbers = {
        "loss": float(tf.reduce_mean(loss.values)),
        "plain_loss": float(tf.reduce_mean(loss.plain)),
        "raw_auc": raw_auc(tf.norm(mean - truth[..., 1:], axis=-1).numpy()),
    }
    caption = f"prediction, T = {_TEMPERATURE}" if objective.predicts_distribution else "prediction"
    pictures = {
        "truth": rgb,
        "gray": grayed(tf.constant(rgb)).numpy(),
        caption: visible(tf.concat([truth[..., :1], vivid], -1)).numpy(),
    }
    return pictures, numbers
