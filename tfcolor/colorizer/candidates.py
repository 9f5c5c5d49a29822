"""Several plausible colourings of one photograph, each coherent over its surfaces.

Pixels with similar predicted distributions are grouped into surfaces. The modes of a surface are its most likely
colours that clearly differ from each other. The k-th candidate pulls every pixel of a surface towards the k-th mode:
it multiplies the pixel's distribution by a Gaussian around this colour, and decodes the product as usual. A colour
that the network finds impossible at a pixel stays impossible there.
"""

import warnings
from dataclasses import replace

import numpy as np
import tensorflow as tf
from scipy.cluster.vq import kmeans2
from scipy.ndimage import gaussian_filter

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border
from tfcolor.colorizer.blocks import enlarged, mean_shares
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.modes import find_modes
from tfcolor.colorizer.tiles import AUTO_TILE

_SURFACES = 6  # at most
_BLOCKS = 40_000  # a picture is divided into about this many blocks, whose mean distributions are grouped
_SMALLEST_BLOCK = 4  # side in pixels: single pixels are too noisy
_PULL = 15.0  # ab units: sigma of the Gaussian around a mode
_BLUR = 1.0  # blocks: sigma that softens the borders of surfaces


def candidates(
    colorizer: Colorizer, lightness: np.ndarray, num: int, decoding: Decoding, tile: int = AUTO_TILE
) -> np.ndarray:
    """Predict several colourings.

    Args:
        colorizer: a model that predicts distributions.
        lightness: float32 [H, W], L* in [0, 100].
        num: number of colourings, at least 2.
        decoding: how colours are decoded.
        tile: side of the tiles in pixels.

    Returns:
        ab, float32 [num, H, W, 2], the most likely colouring first.
    """
    block = max(_SMALLEST_BLOCK, round((lightness.size / _BLOCKS) ** 0.5))
    log_weights = colorizer.objective.log_weights(decoding.uniform_share)
    shares = mean_shares(colorizer, lightness, block, log_weights, tile)  # [h, w, Q]
    memberships, surface_shares = _surfaces(shares)  # [h, w, S], [S, Q]
    pulls = np.stack([_pulls(colorizer.bins.means, each, num) for each in surface_shares])  # [S, num, Q]
    pulls = tf.constant(pulls, tf.float32)
    result = np.empty([num, *lightness.shape, 2], np.float32)
    without_lambda = replace(decoding, uniform_share=None)  # the pulled logits include it
    for part in colorizer.tiles(lightness[None], tile, border(decoding.smoothing)):
        surfaces = tf.constant(
            enlarged(memberships, part.place, part.margin, lightness.shape, block)
        )  # [h + 2 margin, w + 2 margin, S]
        logs = tf.nn.log_softmax(part.outputs + log_weights)
        for k in range(num):
            pulled = logs + tf.tensordot(surfaces, pulls[:, k], axes=1)
            result[k][part.place] = colorizer.colors(replace(part, source=pulled), without_lambda)[0]
    return result


def _surfaces(shares):
    """Group blocks by k-means on the square roots of their distributions (Hellinger distance).

    Returns:
        The membership of each block in each surface, softened at the borders, float32 [h, w, S]; and the mean
        distribution of each surface, [S, Q].
    """
    height, width, num_bins = shares.shape
    flat = shares.reshape(-1, num_bins)
    num = min(_SURFACES, len(flat))
    with warnings.catch_warnings():  # a plain sky gives empty clusters
        warnings.simplefilter("ignore")
        _, labels = kmeans2(np.sqrt(flat).astype(np.float64), num, minit="++", seed=0)
    used = np.unique(labels)
    means = np.stack([flat[labels == label].mean(axis=0) for label in used])
    memberships = np.stack([(labels == label).reshape(height, width) for label in used], axis=-1).astype(np.float32)
    memberships = gaussian_filter(memberships, [_BLUR, _BLUR, 0], mode="nearest")
    return memberships / memberships.sum(axis=-1, keepdims=True), means


def _pulls(colors, shares, num):
    """The logarithms of Gaussians around the modes of a distribution: [num, Q].

    A mode is a bin with a large share around it, weighted by the Gaussian, see `modes.find_modes`.
    """
    distances = np.linalg.norm(colors[:, None] - colors, axis=-1)  # [Q, Q]
    near = np.exp(-(distances**2) / (2 * _PULL**2))
    support = near @ shares
    modes = find_modes(distances, support, num)
    while len(modes) < num:  # few bins, close together: take the farthest
        farthest = distances[:, modes].min(axis=1)
        modes.append(int(np.argmax(np.where(farthest == farthest.max(), support, -1))))
    return -(distances[modes] ** 2) / (2 * _PULL**2)
