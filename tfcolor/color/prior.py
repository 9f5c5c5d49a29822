"""Counts of colours -> prior over the bins -> rebalancing weights (Zhang et al. 2016, section 2.2)."""

import numpy as np

from tfcolor.utils.errors import InputError


def smoothed_prior(counts: np.ndarray, cells: np.ndarray, window: int, sigma: float) -> np.ndarray:
    """Estimate the distribution p~ of colours over the occupied bins.

    The counts are normalised, smoothed over the ab plane (not along the list of bins), taken at
    the occupied cells, and normalised again.

    Args:
        counts: [n, n] pixels in each cell of the ab plane.
        cells: int [Q, 2], the occupied cells.
        window: side of a cell in ab units.
        sigma: of the Gaussian in ab units: 5 in the paper, 0 for none.

    Returns:
        float64 [Q], all positive where the counts of the cells are, with sum 1.
    """
    from scipy.ndimage import gaussian_filter  # half of a script's start, so only where it is used

    density = counts / counts.sum()
    if sigma > 0:
        density = gaussian_filter(density, sigma / window, mode="constant")  # nothing beyond the plane
    prior = density[cells[:, 0], cells[:, 1]]
    return prior / prior.sum()


def rebalancing_weights(prior: np.ndarray, uniform_share: float) -> np.ndarray:
    """Weigh each bin by its rarity: w ~ ((1 - lambda) p + lambda / Q)^-1, sum(p w) = 1 (eq. 4).

    Args:
        prior: float [Q], sum 1.
        uniform_share: lambda in [0, 1]: 1 gives every bin weight 1 (no rebalancing), 0 makes
            every bin matter equally; the paper uses 0.5.

    Returns:
        float64 [Q].

    Raises:
        InputError: for lambda 0 where a bin has no share.
    """
    if not uniform_share and not prior.all():
        raise InputError(f"lambda 0 needs pixels in every bin, and {(prior == 0).sum()} of {len(prior)} have none")
    weights = 1 / ((1 - uniform_share) * prior + uniform_share / len(prior))
    return weights / (prior * weights).sum()


def entropy_bits(prior: np.ndarray) -> float:
    """Entropy of a distribution float [Q] with sum 1, in bits; log2(Q) for the uniform one."""
    positive = prior[prior > 0]
    return float(-(positive * np.log2(positive)).sum())
