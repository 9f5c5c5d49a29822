"""Codebooks: bins that are points of the ab plane, fitted to the colours of a dataset, in place of cells.

A self-organising map, as in Richart, Visca and Baliosian (2017), or k-means. A colour belongs to the nearest point. No
TensorFlow until a map is fitted, so that commands can check their arguments.
"""

import math

import numpy as np

from tfcolor.color.bins import EXTENT, SOM, Bins, cell_of, cells_per_axis
from tfcolor.color.kmeans import fit_kmeans, nearest
from tfcolor.color.prior import rebalancing_weights
from tfcolor.utils.errors import InputError

DEFAULT_UNITS = 16
MOST_UNITS = 400  # more take gigabytes to fit, and windows of 5 units give as many bins for nothing
_WINDOW = 10  # ab units: of the grid that counts pixels, and of the cells in which the encoder looks points up
_MERGED = 0.5  # ab units: side of the squares whose colours are fitted as one


def check_units(codebook: str, units: int) -> None:
    """Check the number of units.

    Args:
        codebook: 'som' or 'kmeans'.
        units: the number.

    Raises:
        InputError: a map's is no square number, or the number is out of range.
    """
    if codebook == SOM and (units < 4 or math.isqrt(units) ** 2 != units):
        raise InputError(f"`units` of a self-organising map must be a square number (4, 9, 16, 25 ...), got {units}")
    if not 2 <= units <= MOST_UNITS:
        raise InputError(f"`units` must be in [2, {MOST_UNITS}], got {units}")


def fit_codebook(
    codebook: str,
    ab: np.ndarray,
    pixels: np.ndarray,
    units: int = DEFAULT_UNITS,
    *,
    uniform_share: float = 0.5,
    seed: int = 0,
    **origin: str | int,
) -> Bins:
    """Fit a codebook to colours, and count them.

    Args:
        codebook: 'som' or 'kmeans'.
        ab: float [N, 2], colours in ab units.
        pixels: int [N], how many pixels have each colour.
        units: Q, the number of units.
        uniform_share: lambda in [0, 1], see `prior.rebalancing_weights`.
        seed: of the starts of k-means; a map has nothing random.
        origin: the fields dataset, split, num_images and num_pixels of the result.

    Returns:
        The bins: `centres` are the units, a map's row by row.

    Raises:
        InputError: the number of units does not fit, or there are fewer colours than units.
    """
    check_units(codebook, units)
    points, weights = merged(ab, pixels)
    if len(points) < units:
        raise InputError(f"`units` {units} are more than the {len(points)} different colours of the photographs")
    if codebook == SOM:
        from tfcolor.color.som import fit_som

        centres = fit_som(points, weights, math.isqrt(units))
    else:
        centres = fit_kmeans(points, weights, units, seed)
    return count_units(codebook, centres, ab, pixels, uniform_share=uniform_share, **origin)


def merged(ab: np.ndarray, pixels: np.ndarray, side: float = _MERGED) -> tuple[np.ndarray, np.ndarray]:
    """Put the colours of small squares together, which makes fitting a hundred times faster.

    Args:
        ab: float [N, 2], colours in ab units.
        pixels: int [N], how many pixels have each colour.
        side: of the squares, in ab units.

    Returns:
        The mean colour of each square that has pixels, float64 [M, 2]; and its pixels, float64 [M].
    """
    squares = np.floor(np.asarray(ab, np.float64) / side).astype(np.int64)
    squares -= squares.min(axis=0)
    _, which = np.unique(squares @ [squares[:, 1].max() + 1, 1], return_inverse=True)
    weights = np.bincount(which, pixels)
    sums = [np.bincount(which, pixels * ab[:, axis].astype(np.float64)) for axis in (0, 1)]
    return np.stack(sums, axis=1) / weights[:, None], weights


def count_units(
    codebook: str, centres: np.ndarray, ab: np.ndarray, pixels: np.ndarray, *, uniform_share: float, **origin: str | int
) -> Bins:
    """Make bins of points: count the colours that are nearest to each.

    Args:
        codebook: 'som' or 'kmeans'.
        centres: float [Q, 2], the points in ab units.
        ab: float [N, 2], colours in ab units.
        pixels: int [N], how many pixels have each colour.
        uniform_share: lambda in [0, 1], see `prior.rebalancing_weights`.
        origin: the fields dataset, split, num_images and num_pixels of the result.

    Returns:
        The bins.
    """
    n, which = cells_per_axis(_WINDOW), nearest(ab, centres)[1]
    found = np.bincount(which, pixels, len(centres))
    sums = [np.bincount(which, pixels * ab[:, axis].astype(np.float64), len(centres)) for axis in (0, 1)]
    means = np.stack(sums, axis=1) / np.maximum(found, 1)[:, None]
    prior = found / found.sum()
    return Bins(
        window=_WINDOW,
        extent=EXTENT,
        counts=np.bincount(cell_of(ab, _WINDOW) @ [n, 1], pixels, n * n).astype(np.int64).reshape(n, n),
        cells=cell_of(centres, _WINDOW),
        centres=np.asarray(centres, np.float64),
        means=np.where(found[:, None] > 0, means, centres),
        prior=prior,
        weights=rebalancing_weights(prior, uniform_share),
        uniform_share=uniform_share,
        smoothing=0.0,
        min_count=1,
        codebook=codebook,
        **origin,
    )
