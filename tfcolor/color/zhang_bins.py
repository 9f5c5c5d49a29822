"""The 313 bins of Zhang, Isola and Efros (2016), derived from the gamut of sRGB. No TensorFlow."""

from functools import cache

import numpy as np

NAME = "zhang313"
WINDOW = 10
EXTENT = 115  # half the side of the plane; the centres of its cells are the multiples of 10
SMOOTHING = 5.0  # sigma of the prior's Gaussian in ab units, their section 2.2
_GROWTH = 10.0  # ab units; without it the hull would hold 233 lattice points
_SHADES = 256  # along each edge of the colour cube


@cache
def lattice_cells() -> np.ndarray:
    """Find the bins: the multiples of 10 inside the convex hull of sRGB's ab values, grown by a square of +-10.

    Their released list (`pts_in_hull.npy`) holds the same points, a from -90 to 100 and b from -110 to 100.

    Returns:
        int64 [313, 2], cells (i, j) of the plane of `EXTENT`, in row-major order.
    """
    from scipy.spatial import ConvexHull

    gamut = _surface_of_the_gamut()
    corners = gamut[ConvexHull(gamut).vertices]
    square = np.array([[a, b] for a in (-_GROWTH, _GROWTH) for b in (-_GROWTH, _GROWTH)])
    grown = ConvexHull((corners[:, None] + square).reshape(-1, 2))
    n = 2 * EXTENT // WINDOW
    cells = np.stack(np.meshgrid(range(n), range(n), indexing="ij"), axis=-1).reshape(-1, 2)
    points = (cells + 0.5) * WINDOW - EXTENT
    sides = points @ grown.equations[:, :2].T + grown.equations[:, 2]  # negative inside; none is within 0.08 of 0
    return cells[(sides < 0).all(axis=1)]


def _surface_of_the_gamut() -> np.ndarray:
    """Compute ab on the colour cube's six faces, float64 [N, 2]: their hull holds all colours of the cube."""
    from skimage.color import rgb2lab

    shades = np.linspace(0, 1, _SHADES)
    first, second = (plane.ravel() for plane in np.meshgrid(shades, shades))
    faces = [
        np.insert(np.stack([first, second], axis=-1), axis, level, axis=-1) for axis in range(3) for level in (0, 1)
    ]
    return rgb2lab(np.concatenate(faces))[:, 1:]
