"""Metrics of predicted colours."""

import numpy as np

MAX_DISTANCE = 150.0  # ab units: the end of the curve (Zhang et al. 2016, section 3.1)
# Our own choices: sepia and CSS's `saddlebrown`, `sienna`, `peru` and `tan` have hues from 50 to 79 degrees.
LEAST_CHROMA = 10.0  # ab units: with less, a pixel counts as gray
BROWN_HUES = (40.0, 80.0)  # degrees, of the hue angle in the ab plane


def raw_auc(distances: np.ndarray) -> float:
    """Return the area under the cumulative curve of ab errors, in per cent (Zhang et al. 2016, "AuC, raw").

    The share of pixels within t, averaged over t = 0 ... 150, is 1 - mean(min(d, 150)) / 150.

    Args:
        distances: float [...], Euclidean distances in ab units between prediction and truth.

    Returns:
        In [0, 100]; 100 for a perfect prediction.
    """
    return rebalanced_auc(distances, np.ones_like(distances))


def rebalanced_auc(distances: np.ndarray, weights: np.ndarray) -> float:
    """Return the same area with weighted pixels (Zhang et al. 2016, "AuC, rebal").

    Args:
        distances: float [...], Euclidean distances in ab units between prediction and truth.
        weights: float [...], at least one above 0. In the paper they are 1 / p, where p is the share of the true
            colour's bin. Here p comes from counts of the training split in bins of 10 ab units, and a bin that never
            occurs there has weight 0. The treatment of rare bins moves the result by whole points.

    Returns:
        In [0, 100]; 100 for a perfect prediction.
    """
    mean = np.average(np.minimum(distances, MAX_DISTANCE), weights=np.asarray(weights, np.float64))
    return float(100 * (1 - mean / MAX_DISTANCE))


def colourfulness(rgb: np.ndarray) -> float:
    """Measure how colourful a picture is (Hasler and Suesstrunk 2003, section 7, equation for M3).

    Args:
        rgb: uint8 [H, W, 3], sRGB.

    Returns:
        0 for gray, about 100 for extremely colourful.
    """
    return _colourfulness(*_opponents(rgb))


def brown_pixels(ab: np.ndarray) -> tuple[int, int]:
    """Count the brown pixels among the coloured ones: what a network paints that averages over possible colours.

    Args:
        ab: float [..., 2], ab units.

    Returns:
        The numbers of brown pixels, whose hue angle lies in `BROWN_HUES`, and of coloured pixels, whose chroma is above
        `LEAST_CHROMA`. All brown pixels are coloured.
    """
    a, b = np.moveaxis(ab.astype(np.float64), -1, 0)
    hue = np.degrees(np.arctan2(b, a))
    colored = np.hypot(a, b) > LEAST_CHROMA
    brown = colored & (hue >= BROWN_HUES[0]) & (hue <= BROWN_HUES[1])
    return int(brown.sum()), int(colored.sum())


def absolute_colourfulness(rgb: np.ndarray) -> float:
    """Measure it from absolute opponent values, as the code of DDColor and CT2 does; not comparable with the former."""
    return _colourfulness(*map(np.abs, _opponents(rgb)))


def _opponents(rgb):
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    return red - green, (red + green) / 2 - blue


def _colourfulness(red_green, yellow_blue):
    spread = np.hypot(red_green.std(), yellow_blue.std())
    offset = np.hypot(red_green.mean(), yellow_blue.mean())
    return float(spread + 0.3 * offset)


def calibration_error(counts: np.ndarray, confidences: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Return the expected calibration error (Guo et al. 2017, eq. 3).

    Args:
        counts: [..., B], number of predictions in each of B bins of confidence.
        confidences: [..., B], sum of their confidences, each in [0, 1].
        hits: [..., B], number of them that were right.

    Returns:
        [...], in [0, 1]; NaN without predictions.
    """
    with np.errstate(invalid="ignore"):
        return np.abs(hits - confidences).sum(axis=-1) / counts.sum(axis=-1)
