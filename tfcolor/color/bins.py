"""The colour bins: square cells of the ab plane, with their statistics in a dataset.

They are the cells that occur in it, or the 313 of Zhang et al., whether these occur or not. Or they are no cells, but
points with the colours that are nearest to each: see `codebooks`.

No TensorFlow, so that commands can check a bins file before it loads.
"""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from tfcolor.color.prior import rebalancing_weights, smoothed_prior
from tfcolor.color.zhang_bins import EXTENT as LATTICE_EXTENT
from tfcolor.color.zhang_bins import NAME as ZHANG313
from tfcolor.color.zhang_bins import SMOOTHING as ZHANG_SMOOTHING
from tfcolor.color.zhang_bins import WINDOW as LATTICE_WINDOW
from tfcolor.color.zhang_bins import lattice_cells
from tfcolor.utils.errors import InputError
from tfcolor.utils.files import check_names, read_npz, write_npz

EXTENT = 110  # the plane is [-110, 110) on both axes; sRGB spans [-86.2, 98.2] x [-107.9, 94.5]
FORMAT_VERSION = 1
_ROUNDING = 1e-6  # of sums
CELLS, SOM, KMEANS = CODEBOOKS = ("cells", "som", "kmeans")


@dataclass(frozen=True)
class Bins:
    """The bins of the ab plane and their counts in a dataset. Written as `bins.npz`.

    Cell (i, j) holds a in [-extent + i * window, -extent + (i + 1) * window), and b likewise with j.
    Every field is a key of the file; `uniform_share` is written as `lambda`. Only `codebook` is left out for cells, as
    in files written before there were others.

    window: side of a cell in ab units.
    extent: half the side of the plane: 110, or 115 for the 313 bins, whose centres are multiples of 10.
    counts: int64 [n, n], pixels in each cell, n = 2 extent / window; a along the first axis.
    cells: int64 [Q, 2], the cells (i, j) that are bins, in row-major order; of points, those that they lie in.
    centres: float64 [Q, 2], their geometric centres, ab units; or the points, those of a map row by row.
    means: float64 [Q, 2], the mean ab of the pixels in each; the centre if there are none.
    prior: float64 [Q], the distribution p~ over the bins, sum 1.
    weights: float64 [Q], the rebalancing weights, sum(prior * weights) = 1.
    uniform_share: lambda, the share of the uniform distribution in the weights.
    smoothing: sigma of the prior's Gaussian, ab units.
    min_count: the fewest pixels of an occupied cell.
    dataset, split: the photographs that were counted.
    num_images, num_pixels: numbers of photographs and pixels that were counted.
    format_version: version of the file's format.
    codebook: 'cells'; or what the points are: 'som' for a self-organising map, 'kmeans'.
    """

    window: int
    counts: np.ndarray
    cells: np.ndarray
    centres: np.ndarray
    means: np.ndarray
    prior: np.ndarray
    weights: np.ndarray
    uniform_share: float
    smoothing: float
    min_count: int
    dataset: str
    split: str
    num_images: int
    num_pixels: int
    extent: int = EXTENT
    format_version: int = FORMAT_VERSION
    codebook: str = CELLS

    @property
    def num_bins(self) -> int:
        """Q, the number of bins."""
        return len(self.cells)

    @property
    def spacing(self) -> float:
        """The distance between neighbouring centres, ab units: `window` for cells.

        For points it is the distance from a pixel's point to the point nearest to that, averaged over all pixels.
        """
        if self.codebook == CELLS:
            return self.window
        gaps = np.linalg.norm(self.centres[:, None] - self.centres, axis=-1)
        gaps[gaps == 0] = np.inf  # from a point to itself
        return float(self.prior @ gaps.min(axis=1))

    def reweighted(self, uniform_share: float) -> "Bins":
        """Return the same bins with the rebalancing weights of another lambda."""
        weights = rebalancing_weights(self.prior, uniform_share)
        return replace(self, uniform_share=uniform_share, weights=weights)

    def save(self, path: Path) -> None:
        """Write the bins as .npz, without pickles."""
        left_out = {"codebook"} if self.codebook == CELLS else set()
        write_npz(path, {_KEYS[f.name]: getattr(self, f.name) for f in fields(self) if f.name not in left_out})

    @classmethod
    def load(cls, path: Path) -> "Bins":
        """Read a file that `save` wrote.

        Raises:
            InputError: the file is missing, broken, of another version, or inconsistent.
        """
        arrays = {"codebook": np.array(CELLS)} | read_npz(path)
        check_names(path, arrays, set(_KEYS.values()))
        # 0-d arrays become Python numbers and strings again.
        values = {name: arrays[key] if arrays[key].ndim else arrays[key].item() for name, key in _KEYS.items()}
        version = arrays["format_version"].tolist()
        if version != FORMAT_VERSION:
            raise InputError(f"{path} has format version {version}, not {FORMAT_VERSION}")
        bins = cls(**values)
        try:
            bins._check()
        except ValueError as error:
            raise InputError(f"{path} does not hold bins: {error}") from error
        return bins

    def _check(self) -> None:
        """Raise ValueError if the fields do not fit each other."""
        for f in fields(self):
            kind = type(getattr(self, f.name))
            allowed = (int, float) if f.type is float else (f.type,)
            if kind not in allowed:
                raise ValueError(f"{f.name} must be {f.type.__name__}, got {kind.__name__}")
        if not _divides_plane(self.window):
            raise ValueError(f"window must divide {2 * EXTENT}, got {self.window}")
        if self.extent not in (EXTENT, LATTICE_EXTENT):
            raise ValueError(f"extent must be {EXTENT} or {LATTICE_EXTENT}, got {self.extent}")
        n, q = cells_per_axis(self.window, self.extent), max(1, len(self.cells))
        shapes = {"counts": (n, n), "cells": (q, 2), "centres": (q, 2), "means": (q, 2)}
        for name, shape in (shapes | {"prior": (q,), "weights": (q,)}).items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype.kind not in "if" or not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite numbers {shape}, got {array.dtype} {array.shape}")
        if self.cells.dtype.kind != "i" or self.cells.min() < 0 or self.cells.max() >= n:
            raise ValueError(f"cells must be whole numbers from 0 to {n - 1}")
        if not 0 <= self.uniform_share <= 1 or not 0 <= self.smoothing <= 2 * EXTENT or self.min_count < 0:
            raise ValueError(
                f"lambda must be in [0, 1], smoothing in [0, {2 * EXTENT}] and min_count at least 0, "
                f"got {self.uniform_share}, {self.smoothing} and {self.min_count}"
            )
        if min(self.prior.min(), self.weights.min(), self.counts.min()) < 0 or abs(self.prior.sum() - 1) > _ROUNDING:
            raise ValueError("counts, prior and weights must not be negative, and prior must sum to 1")
        if self.codebook not in CODEBOOKS:
            raise ValueError(f"codebook must be one of {', '.join(CODEBOOKS)}, got {self.codebook!r}")
        if self.codebook == SOM and math.isqrt(q) ** 2 != q:
            raise ValueError(f"a self-organising map must have a square number of units, got {q}")


_KEYS = {f.name: {"uniform_share": "lambda"}.get(f.name, f.name) for f in fields(Bins)}


def check_window(window: int) -> int:
    """Return the window if it divides the plane's 220 ab units.

    Raises:
        InputError: it does not.
    """
    if not _divides_plane(window):
        raise InputError(f"`window` must divide {2 * EXTENT} (10 and 5 are the usual ones), got {window}")
    return window


def _divides_plane(window: int) -> bool:
    return window >= 1 and (2 * EXTENT) % window == 0


def check_kind(kind: str, window: int, min_count: int) -> None:
    """Check that a kind of bins, see `count_bins`, allows the other arguments.

    Raises:
        InputError: it does not.
    """
    if kind == ZHANG313 and (window, min_count) != (LATTICE_WINDOW, 1):
        raise InputError(f"{ZHANG313} are 313 cells of {LATTICE_WINDOW} units; leave out `window` and `min_count`")


def cells_per_axis(window: int, extent: int = EXTENT) -> int:
    """Return n, the number of cells along each axis of the plane: 22 for window 10, 44 for window 5."""
    return 2 * extent // window


def cell_of(ab: np.ndarray, window: int, extent: int = EXTENT) -> np.ndarray:
    """Find the cells (i, j) of colours. They are rounded down, not towards 0, so that all cells are equally wide.

    Args:
        ab: float [..., 2], ab units; colours outside the plane belong to its outermost cells.
        window: side of a cell in ab units.
        extent: half the side of the plane.

    Returns:
        int64 [..., 2], each in [0, 2 extent / window).
    """
    cells = np.floor((ab + extent) / window).astype(np.int64)
    return np.clip(cells, 0, cells_per_axis(window, extent) - 1)


def centre_of(cells: np.ndarray, window: int, extent: int = EXTENT) -> np.ndarray:
    """Return the geometric centres, float64 [..., 2] in ab units, of cells int [..., 2]."""
    return (cells + 0.5) * window - extent


def count_bins(
    ab: np.ndarray,
    pixels: np.ndarray,
    window: int,
    *,
    kind: str = "occupied",
    uniform_share: float = 0.5,
    smoothing: float | None = None,
    min_count: int = 1,
    **origin: str | int,
) -> Bins:
    """Count the colours in each cell, and make bins of the cells that occur.

    Args:
        ab: float [N, 2], colours in ab units.
        pixels: int [N], how many pixels have each colour.
        window: side of a cell in ab units; must divide 220.
        kind: 'occupied' for the cells that occur, 'zhang313' for those of `zhang_bins`, with window 10.
        uniform_share: lambda in [0, 1], see `prior.rebalancing_weights`.
        smoothing: sigma in ab units, see `prior.smoothed_prior`; None means 0, and 5 for the 313 bins.
        min_count: a cell with fewer pixels does not count as occupied.
        origin: the fields dataset, split, num_images and num_pixels of the result.

    Returns:
        The bins.

    Raises:
        InputError: no cell has `min_count` pixels, or the kind does not allow the other arguments.
    """
    check_window(window)
    check_kind(kind, window, min_count)
    is_lattice = kind == ZHANG313
    extent = LATTICE_EXTENT if is_lattice else EXTENT
    n = cells_per_axis(window, extent)
    flat = cell_of(ab, window, extent) @ [n, 1]
    counts = np.bincount(flat, weights=pixels, minlength=n * n)  # float64: exact to 2^53
    sums = [np.bincount(flat, weights=pixels * ab[:, axis], minlength=n * n) for axis in (0, 1)]
    chosen = lattice_cells() @ [n, 1] if is_lattice else np.flatnonzero(counts >= max(min_count, 1))
    if not len(chosen):
        raise InputError(f"`min_count` {min_count} leaves no bin: the fullest cell has {counts.max():.0f} pixels")
    cells = np.stack([chosen // n, chosen % n], axis=1)
    centres, counts_grid = centre_of(cells, window, extent), counts.astype(np.int64).reshape(n, n)
    smoothing = (ZHANG_SMOOTHING if is_lattice else 0.0) if smoothing is None else smoothing
    prior = smoothed_prior(counts_grid, cells, window, smoothing)
    num_pixels = counts[chosen, None]
    means = np.stack(sums, axis=1)[chosen] / np.maximum(num_pixels, 1)
    return Bins(
        window=window,
        extent=extent,
        counts=counts_grid,
        cells=cells,
        centres=centres,
        means=np.where(num_pixels > 0, means, centres),
        prior=prior,
        weights=rebalancing_weights(prior, uniform_share),
        uniform_share=uniform_share,
        smoothing=smoothing,
        min_count=min_count,
        **origin,
    )
