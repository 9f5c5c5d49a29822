"""k-means of weighted colours: Lloyd's algorithm from k-means++ starts. NumPy and SciPy's KD tree.

SciPy's own k-means has no weights.
"""

import numpy as np

STARTS = 4  # the best of them is kept
MOST_STEPS = 300
_TOLERANCE = 1e-3  # ab units: when no centre moves further, they have settled


def fit_kmeans(points: np.ndarray, weights: np.ndarray, num_centres: int, seed: int = 0) -> np.ndarray:
    """Find centres whose mean squared distance to the weighted colours is small.

    Args:
        points: float [N, 2], distinct colours in ab units; at least `num_centres`.
        weights: float [N], the pixels of each, above 0.
        num_centres: Q.
        seed: of the starts.

    Returns:
        float64 [Q, 2], ab units, the centre with most pixels first.
    """
    rng, best = np.random.default_rng(seed), (np.inf, None)
    for _ in range(STARTS):
        centres = initial_centres(points, weights, num_centres, rng)
        for _ in range(MOST_STEPS):
            previous, centres = centres, lloyd_step(points, weights, centres)
            if np.abs(centres - previous).max() < _TOLERANCE:
                break
        distances, which = nearest(points, centres)
        error = weights @ distances**2
        if error < best[0]:
            best = error, centres[np.bincount(which, weights, num_centres).argsort(kind="stable")[::-1]]
    return best[1]


def initial_centres(points: np.ndarray, weights: np.ndarray, num_centres: int, rng: np.random.Generator) -> np.ndarray:
    """Draw colours as centres, far ones more often: k-means++ (Arthur and Vassilvitskii 2007), with weights.

    Args:
        points: float [N, 2], ab units.
        weights: float [N].
        num_centres: Q.
        rng: the source of random numbers.

    Returns:
        float64 [Q, 2], distinct.
    """
    squares, chosen = np.ones(len(points)), []
    for _ in range(num_centres):
        shares = weights * squares
        chosen.append(points[rng.choice(len(points), p=shares / shares.sum())])
        to_last = ((points - chosen[-1]) ** 2).sum(axis=1)
        squares = np.minimum(squares, to_last) if len(chosen) > 1 else to_last
    return np.array(chosen, np.float64)


def lloyd_step(points: np.ndarray, weights: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Move each centre to the weighted mean of the colours that are nearest to it; one without any stays.

    Args:
        points: float [N, 2], ab units.
        weights: float [N].
        centres: float [Q, 2], ab units.

    Returns:
        float64 [Q, 2], ab units.
    """
    which = nearest(points, centres)[1]
    counts = np.bincount(which, weights, len(centres))
    sums = np.stack([np.bincount(which, weights * points[:, axis], len(centres)) for axis in (0, 1)], axis=1)
    return np.where(counts[:, None] > 0, sums / np.where(counts > 0, counts, 1)[:, None], centres)


def nearest(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest of the centres [Q, 2] to each point [..., 2]: distances float64 [...], indices int [...]."""
    from scipy.spatial import KDTree  # not above: commands start faster without it

    return KDTree(centres).query(points)
