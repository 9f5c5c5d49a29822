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


def colourfulness(rgb: np.ndarray) -> float:
    """How colourful a picture is (Hasler and Suesstrunk 2003, section 7, equation for M3).

    Args:
        rgb: uint8 [H, W, 3], sRGB.

    Returns:
        0 for gray, some 100 for extremely colourful.
    """
    return _colourfulness(*_opponents(rgb))


def absolute_colourfulness(rgb: np.ndarray) -> float:
    """The same of absolute opponents, as DDColor's and CT2's code computes it; not comparable with the former."""
    return _colourfulness(*map(np.abs, _opponents(rgb)))


def _opponents(rgb):
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    return red - green, (red + green) / 2 - blue


def _colourfulness(red_green, yellow_blue):
    spread = np.hypot(red_green.std(), yellow_blue.std())
    offset = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(spread + 0.3 * offset)


def calibration_error(counts: np.ndarray, confidences: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """The expected calibration error (Guo et al. 2017, eq. 3).

    Args:
        counts: [..., B] predictions whose confidence is in each of B bins.
        confidences: [..., B] the sums of their confidences, in [0, 1] each.
        hits: [..., B] how many of them were right.

    Returns:
        [...], in [0, 1]; NaN where there is no prediction.
    """
    with np.errstate(invalid="ignore"):
        return np.abs(hits - confidences).sum(axis=-1) / counts.sum(axis=-1)
