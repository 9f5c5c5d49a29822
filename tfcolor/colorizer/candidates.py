"""Several plausible colourings of one photograph, each coherent over its surfaces.

The pixels are grouped into surfaces whose predicted distributions are alike. For each surface the most
likely colours that differ clearly are found, its modes. The k-th candidate draws every pixel of a surface
towards the surface's k-th mode: its distribution is multiplied with a Gaussian around that colour, and
decoded as always. What the network holds impossible at a pixel stays impossible there.
"""

import warnings
from dataclasses import replace

import numpy as np
import tensorflow as tf
from scipy.cluster.vq import kmeans2
from scipy.ndimage import gaussian_filter

from tfcolor.color.decoding_options import Decoding
from tfcolor.color.guided_filter import border
from tfcolor.colorizer.colorizer import Colorizer
from tfcolor.colorizer.tiles import AUTO_TILE
from tfcolor.utils.mirror import mirrored

_SURFACES = 6
_BLOCKS = 40_000  # over which distributions are averaged before they are grouped
_SMALLEST_BLOCK = 4  # pixels a side: single pixels are too noisy
_APART = 20.0  # ab units between a surface's modes: clearly another colour
_PULL = 15.0  # ab units, sigma of the Gaussian around a mode
_BLUR = 1.0  # blocks, by which the borders of surfaces are softened


def candidates(
    colorizer: Colorizer, lightness: np.ndarray, num: int, decoding: Decoding, tile: int = AUTO_TILE
) -> np.ndarray:
    """Predict several colourings.

    Args:
        colorizer: the model; it predicts distributions.
        lightness: float32 [H, W], L* in [0, 100].
        num: how many, 2 or more.
        decoding: how colours are made.
        tile: side of the tiles.

    Returns:
        ab, float32 [num, H, W, 2], the most likely one first.
    """
    block = max(_SMALLEST_BLOCK, round((lightness.size / _BLOCKS) ** 0.5))
    log_weights = colorizer.objective.log_weights(decoding.uniform_share)
    shares = _mean_shares(colorizer, lightness, block, log_weights, tile)  # [h, w, Q]
    members, centres = _surfaces(shares)  # [h, w, S], [S, Q]
    pulls = np.stack([_pulls(colorizer.bins.means, centre, num) for centre in centres])  # [S, num, Q]
    pulls = tf.constant(pulls, tf.float32)
    result = np.empty([num, *lightness.shape, 2], np.float32)
    as_pulled = replace(decoding, uniform_share=None)  # lambda is in the pulled logits already
    for part in colorizer.tiles(lightness[None], tile, border(decoding.smoothing)):
        surfaces = tf.constant(_enlarged(members, part, lightness.shape, block))  # [h + 2 more, w + 2 more, S]
        logs = tf.nn.log_softmax(part.outputs + log_weights)
        for k in range(num):
            pulled = logs + tf.tensordot(surfaces, pulls[:, k], axes=1)
            result[k][part.place] = colorizer.colors(part._replace(outputs=pulled), as_pulled)[0]
    return result


def _mean_shares(colorizer, lightness, block, log_weights, tile):
    """Predicted distributions, averaged over blocks: float32 [ceil(H / block), ceil(W / block), Q]."""
    height, width = (-(-side // block) for side in lightness.shape)
    sums = np.zeros([height * width, colorizer.bins.num_bins], np.float32)
    counts = np.zeros(height * width, np.float32)
    for part in colorizer.tiles(lightness[None], tile):
        rows, columns = (np.arange(side.start, side.stop) // block for side in part.place)
        blocks = (rows[:, None] * width + columns).ravel()
        first, last = blocks.min(), blocks.max() + 1
        shares = tf.reshape(tf.nn.softmax(part.outputs + log_weights), [-1, colorizer.bins.num_bins])
        sums[first:last] += tf.math.unsorted_segment_sum(shares, blocks - first, last - first).numpy()
        counts += np.bincount(blocks, minlength=len(counts))
    return (sums / counts[:, None]).reshape(height, width, -1)


def _surfaces(shares):
    """Group blocks by k-means on the square roots of their distributions (Hellinger's distance).

    Returns:
        Membership of each block in each surface, softened at the borders, float32 [h, w, S]; and the mean
        distribution of each surface, [S, Q].
    """
    height, width, num_bins = shares.shape
    flat = shares.reshape(-1, num_bins)
    num = min(_SURFACES, len(flat))
    with warnings.catch_warnings():  # a plain sky has fewer kinds of blocks than there may be surfaces
        warnings.simplefilter("ignore")
        _, labels = kmeans2(np.sqrt(flat).astype(np.float64), num, minit="++", seed=0)
    used = np.unique(labels)
    centres = np.stack([flat[labels == label].mean(axis=0) for label in used])
    members = np.stack([(labels == label).reshape(height, width) for label in used], axis=-1).astype(np.float32)
    members = gaussian_filter(members, [_BLUR, _BLUR, 0], mode="nearest")
    return members / members.sum(axis=-1, keepdims=True), centres


def _pulls(colors, shares, num):
    """Logarithms of Gaussians around the modes of a distribution: [num, Q].

    A mode is the bin with the largest share within the Gaussian's reach, at a distance from those before.
    """
    distances = np.linalg.norm(colors[:, None] - colors, axis=-1)  # [Q, Q]
    near = np.exp(-(distances**2) / (2 * _PULL**2))
    support, modes = near @ shares, []
    for _ in range(num):
        allowed = np.all(distances[:, modes] >= _APART, axis=1)
        if not allowed.any():  # few bins, close together: as far away as can be
            allowed = distances[:, modes].min(axis=1) == distances[:, modes].min(axis=1).max()
        modes.append(int(np.argmax(np.where(allowed, support, -1))))
    return -(distances[modes] ** 2) / (2 * _PULL**2)


def _enlarged(members, part, shape, block) -> np.ndarray:
    """The memberships of a tile's pixels and of those around it, linear between the centres of blocks."""
    for axis, (side, length) in enumerate(zip(part.place, shape, strict=True)):
        pixels = mirrored(np.arange(side.start - part.more, side.stop + part.more), length)
        centre = (pixels + 0.5) / block - 0.5
        low = np.clip(np.floor(centre).astype(int), 0, members.shape[axis] - 1)
        high = np.minimum(low + 1, members.shape[axis] - 1)
        share = np.clip(centre - low, 0, 1).astype(np.float32).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        members = members.take(low, axis) * (1 - share) + members.take(high, axis) * share
    return members
