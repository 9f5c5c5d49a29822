"""Several plausible colourings of one photograph, each coherent over its surfaces.

The pixels are grouped into surfaces whose predicted distributions are alike. For each surface the most
likely colours that differ clearly are found, its modes. The k-th candidate draws every pixel of a surface
towards the surface's k-th mode: its distribution is multiplied with a Gaussian around that colour, and
decoded as always. What the network holds impossible at a pixel stays impossible there.
"""

import warnings

import numpy as np
import tensorflow as tf
from scipy.cluster.vq import kmeans2
from scipy.ndimage import gaussian_filter

from tfcolor.color.decoding_options import Decoding
from tfcolor.colorizer.colorizer import Colorizer

_SURFACES = 6
_BLOCKS = 40_000  # over which distributions are averaged before they are grouped
_SMALLEST_BLOCK = 4  # pixels a side: single pixels are too noisy
_APART = 20.0  # ab units between a surface's modes: clearly another colour
_PULL = 15.0  # ab units, sigma of the Gaussian around a mode
_BLUR = 1.0  # blocks, by which the borders of surfaces are softened


def candidates(colorizer: Colorizer, lightness: np.ndarray, num: int, decoding: Decoding, tile: int) -> np.ndarray:
    """Predict several colourings.

    Args:
        colorizer: the model.
        lightness: float32 [H, W], L* in [0, 100].
        num: how many, 2 or more.
        decoding: its T and lambda.
        tile: side of the tiles.

    Returns:
        ab, float32 [num, H, W, 2], the most likely one first.
    """
    block = max(_SMALLEST_BLOCK, round((lightness.size / _BLOCKS) ** 0.5))
    shares = _mean_shares(colorizer, lightness, block, decoding, tile)  # [h, w, Q]
    members, centres = _surfaces(shares)  # [h, w, S], [S, Q]
    pulls = np.stack([_pulls(colorizer.bins.means, centre, num) for centre in centres])  # [S, num, Q]
    return _decode(colorizer, lightness, members, block, pulls, decoding, tile)


def _mean_shares(colorizer, lightness, block, decoding, tile):
    """Predicted distributions, averaged over blocks: float32 [ceil(H / block), ceil(W / block), Q]."""
    height, width = (-(-side // block) for side in lightness.shape)
    sums = np.zeros([height * width, colorizer.bins.num_bins], np.float32)
    counts = np.zeros(height * width, np.float32)
    for place, logits in colorizer.logits(lightness, tile, uniform_share=decoding.uniform_share):
        rows, columns = (np.arange(part.start, part.stop) // block for part in place)
        blocks = (rows[:, None] * width + columns).ravel()
        first, last = blocks.min(), blocks.max() + 1
        shares = tf.reshape(tf.nn.softmax(logits), [-1, colorizer.bins.num_bins])
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


def _decode(colorizer, lightness, members, block, pulls, decoding, tile):
    pulls = tf.constant(pulls, tf.float32)
    result = np.empty([pulls.shape[1], *lightness.shape, 2], np.float32)
    for place, logits in colorizer.logits(lightness, tile, uniform_share=decoding.uniform_share):
        surfaces = tf.constant(_enlarged(members, place, block))  # [h, w, S]
        for k in range(pulls.shape[1]):
            pulled = tf.nn.log_softmax(logits) + tf.tensordot(surfaces, pulls[:, k], axes=1)
            result[k][place] = colorizer.decode(pulled, decoding.temperature).numpy()
    return result


def _enlarged(members, place, block) -> np.ndarray:
    """The memberships of a tile's pixels, linear between the centres of blocks: float32 [h, w, S]."""
    for axis, part in enumerate(place):
        centre = (np.arange(part.start, part.stop) + 0.5) / block - 0.5
        low = np.clip(np.floor(centre).astype(int), 0, members.shape[axis] - 1)
        high = np.minimum(low + 1, members.shape[axis] - 1)
        share = np.clip(centre - low, 0, 1).astype(np.float32).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        members = members.take(low, axis) * (1 - share) + members.take(high, axis) * share
    return members
