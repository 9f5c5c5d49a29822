"""Colours -> bins, for training."""

import numpy as np
import tensorflow as tf

from tfcolor.color.bins import CELLS, Bins, cell_of, cells_per_axis, centre_of

SOFT_NEIGHBOURS = 5  # Zhang et al. 2016, section 2.1
_PARTS = 2  # of a cell's side: a quarter of a cell has fewer candidates for the nearest bins than the whole


class Encoder:
    """Encodes ab values as their k nearest bins, without a dense [..., Q] target.

    For each quarter of a cell it keeps the few bins that can be among the k nearest of a point in it, and
    compares only these. The result is exact, and the cost does not depend on Q.
    """

    def __init__(self, bins: Bins, neighbours: int = SOFT_NEIGHBOURS):
        """Find the candidates of each quarter.

        Args:
            bins: the bins; distances are measured to their centres.
            neighbours: k; 1 is the hard encoding: the bin of a pixel's own cell, or the nearest one if
                its cell is not a bin, or if the bins are no cells.
        """
        self.window, self.extent, self.sigma = bins.window, bins.extent, bins.spacing / 2
        self.neighbours = min(neighbours, bins.num_bins)
        candidates = _candidates(bins, self.neighbours)
        self._candidates = tf.constant(candidates, tf.int32)  # [quarters, C]
        self._centres = tf.constant(bins.centres[candidates], tf.float32)  # [quarters, C, 2]

    def __call__(self, ab: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Encode colours.

        Args:
            ab: float32 [..., 2], ab units.

        Returns:
            indices int32 [..., k], nearest bin first; and shares float32 [..., k] with sum 1, a Gaussian
            of the distance. Its sigma is half the distance between neighbouring centres, `Bins.spacing`: 5 for the
            paper's bins, which are 10 apart (Zhang et al. 2016, section 2.1).
        """
        n = _PARTS * cells_per_axis(self.window, self.extent)
        part = tf.cast(tf.floor((ab + self.extent) / (self.window / _PARTS)), tf.int32)
        part = tf.clip_by_value(part, 0, n - 1)
        part = part[..., 0] * n + part[..., 1]
        offsets = tf.gather(self._centres, part) - ab[..., None, :]  # [..., C, 2]
        squares = tf.reduce_sum(offsets**2, axis=-1)
        # Of equal distances top_k takes the first: the pixel's own cell, by `floor`.
        nearest, place = tf.math.top_k(-squares, self.neighbours)
        indices = tf.gather(tf.gather(self._candidates, part), place, batch_dims=place.shape.rank - 1)
        return indices, tf.nn.softmax(nearest / (2 * self.sigma**2))


def _candidates(bins: Bins, neighbours: int) -> np.ndarray:
    """For each quarter of a cell, find the bins that can be among the nearest of a point in it: int [quarters, C].

    Let h be half a quarter's diagonal, and d the distance from its middle to the k-th nearest bin. A point in
    the quarter is at most h from the middle. So its k nearest bins are at most d + h from it, and at most
    d + 2 h from the middle. The nearest come first, so that a cell's own bin leads. Every quarter keeps as
    many as the one that needs most.
    """
    n, side = _PARTS * cells_per_axis(bins.window, bins.extent), bins.window / _PARTS
    parts = np.stack(np.meshgrid(range(n), range(n), indexing="ij"), axis=-1).reshape(-1, 2)
    middles = (parts + 0.5) * side - bins.extent
    tree = _tree(bins)
    kth_distance = tree.query(middles, k=[neighbours])[0][:, 0]
    reach = kth_distance + side * (2**0.5 + 1e-9)
    needed = tree.query_ball_point(middles, reach, return_length=True).max()
    return tree.query(middles, k=range(1, needed + 1))[1]


def quantised(ab: np.ndarray, bins: Bins) -> np.ndarray:
    """Encode and decode true colours, ab float [H, W, 2] -> float64 [H, W, 2]: the best that the bins allow."""
    return bins.means[bins_of(ab, bins)]


def bins_of(ab: np.ndarray, bins: Bins) -> np.ndarray:
    """Find the bin of each colour, or the nearest if its cell has none: ab float [..., 2] -> int [...]."""
    if bins.codebook != CELLS:
        return _tree(bins).query(ab)[1]
    return nearest_bins(bins)[tuple(np.moveaxis(cell_of(ab, bins.window, bins.extent), -1, 0))]


def nearest_bins(bins: Bins) -> np.ndarray:
    """For each cell of the plane, find its own bin, or the one with the nearest centre if it has none: int [n, n].

    Only for bins that are cells.
    """
    n = cells_per_axis(bins.window, bins.extent)
    cells = np.stack(np.meshgrid(range(n), range(n), indexing="ij"), axis=-1)
    return _tree(bins).query(centre_of(cells, bins.window, bins.extent))[1]


def _tree(bins):
    from scipy.spatial import KDTree  # not above: prediction starts faster without it

    return KDTree(bins.centres)
