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
    return float(100 * (1 - np.minimum(distances, MAX_DISTANCE).mean(dtype=np.float64) / MAX_DISTANCE))
