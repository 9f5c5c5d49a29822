"""Counts of colours -> prior over the bins -> rebalancing weights (Zhang et al. 2016, section 2.2)."""

import numpy as np

from tfcolor.utils.errors import InputError


def smoothed_prior(counts: np.ndarray, cells: np.ndarray, window: int, sigma: float) -> np.ndarray:
    """Estimate the distribution p~ of colours over the bins.

    The counts are normalised, smoothed over the ab plane (not along the list of bins), read at the cells of
    the bins, and normalised again.

    Args:
        counts: [n, n] pixels in each cell of the ab plane.
        cells: int [Q, 2], the cells of the bins.
        window: side of a cell in ab units.
        sigma: sigma of the Gaussian in ab units: 5 in the paper, 0 for none.

    Returns:
        float64 [Q] with sum 1, positive for every cell that has pixels.
    """
    from scipy.ndimage import gaussian_filter  # imported here: it takes half of a command's start

    density = counts / counts.sum()
    if sigma > 0:
        density = gaussian_filter(density, sigma / window, mode="constant")  # zero outside the plane
    prior = density[cells[:, 0], cells[:, 1]]
    return prior / prior.sum()


def rebalancing_weights(prior: np.ndarray, uniform_share: float) -> np.ndarray:
    """Weigh each bin by its rarity: w ~ ((1 - lambda) p + lambda / Q)^-1, sum(p w) = 1 (eq. 4).

    Args:
        prior: float [Q], sum 1.
        uniform_share: lambda in [0, 1]: 1 gives every bin the weight 1 (no rebalancing), 0 gives all bins
            the same influence; the paper uses 0.5.

    Returns:
        float64 [Q].

    Raises:
        InputError: lambda is 0, and a bin has no pixels.
    """
    if not uniform_share and not prior.all():
        empty = (prior == 0).sum()
        raise InputError(f"`uniform_share` 0 needs pixels in every bin, and {empty} of {len(prior)} have none")
    weights = 1 / ((1 - uniform_share) * prior + uniform_share / len(prior))
    return weights / (prior * weights).sum()


def entropy_bits(prior: np.ndarray) -> float:
    """Compute the entropy in bits of a distribution float [Q] with sum 1; the uniform one has log2(Q)."""
    positive = prior[prior > 0]
    return float(-(positive * np.log2(positive)).sum())
