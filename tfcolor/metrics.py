"""How far predicted colours are from the true ones."""

import numpy as np

MAX_DISTANCE = 150.0  # ab units: the end of the curve (Zhang et al. 2016, section 3.1)


def raw_auc(distances: np.ndarray) -> float:
    """Area under the cumulative curve of ab errors, in per cent (Zhang et al. 2016, "AuC, raw").

    The share of pixels within t, averaged over t = 0 ... 150, is 1 - mean(min(d, 150)) / 150.

    Args:
        distances: float [...], Euclidean distances in ab units between prediction and truth.

    Returns:
        In [0, 100]; 100 for a perfect prediction.
    """
    return rebalanced_auc(distances, np.ones_like(distances))


def rebalanced_auc(distances: np.ndarray, weights: np.ndarray) -> float:
    """The same with pixels that count differently (Zhang et al. 2016, "AuC, rebal").

    Args:
        distances: float [...], Euclidean distances in ab units between prediction and truth.
        weights: float [...], at least one above 0. In the paper 1 / p with p the share of the true
            colour's bin; here by the training split's hard counts with bins of 10 units, and 0 for a
            bin that never occurs there. How rare bins are treated moves the result by points.

    Returns:
        In [0, 100]; 100 for a perfect prediction.
    """
    mean = np.average(np.minimum(distances, MAX_DISTANCE), weights=np.asarray(weights, np.float64))
    return float(100 * (1 - mean / MAX_DISTANCE))
