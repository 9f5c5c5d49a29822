"""How hints are spread: against Gaussian process regression written out in loops, and by what it means."""

import numpy as np
import scipy.sparse as sp
from scipy.special import softmax

from tfcolor.colorizer.spreading import COLORFULNESS, NEIGHBOURHOOD, SIMILARITY, Neighbourhood, Spreading


def at_cells(numbers: list[int], count: int) -> sp.csr_matrix:
    """Groups of one cell each."""
    return sp.csr_matrix((np.ones(len(numbers)), (np.arange(len(numbers)), numbers)), (len(numbers), count))


def test_the_field_is_that_of_gaussian_process_regression():
    """Rasmussen and Williams 2006, eq. 2.25 and 2.26: k' (K + noise)^-1 y, and k' (K + noise)^-1 k."""
    rng = np.random.default_rng(0)
    lightness = rng.uniform(40, 60, [4, 5])
    shares = softmax(rng.normal(size=[4, 5, 7]), axis=-1)
    mean, variance = rng.uniform(-30, 30, [20, 2]), rng.uniform(50, 200, 20)
    hints, ab = [3, 11, 16], rng.uniform(-40, 40, [3, 2])
    field = Spreading(lightness, shares, mean.reshape(4, 5, 2), variance.reshape(4, 5)).field(at_cells(hints, 20), ab)

    near, level, each = Neighbourhood(lightness).follow(at_cells(hints, 20)), lightness.ravel(), shares.reshape(20, 7)
    relative = mean / np.sqrt(variance)[:, None]

    def covariance(cell, axis, k, other_axis):
        squared = ((np.sqrt(each[cell]) - np.sqrt(each[hints[k]])) ** 2).sum() / 2  # Hellinger's distance
        alike = np.exp(-squared / (2 * 0.23**2)) * (1 - abs(level[cell] - level[hints[k]]) / 20)
        same = (NEIGHBOURHOOD * near[cell, k] + SIMILARITY * alike) if axis == other_axis else 0
        return same + COLORFULNESS * near[cell, k] * relative[cell, axis] * relative[hints[k], other_axis]

    known = [(k, axis) for k in range(3) for axis in range(2)]
    between = np.array([[covariance(hints[k], axis, *other) for other in known] for k, axis in known])
    wanted = [(ab[k, axis] - mean[hints[k], axis]) / variance[hints[k]] ** 0.5 for k, axis in known]
    weights = np.linalg.solve(between + 0.01 * np.eye(6), wanted)
    shift = [[[covariance(cell, axis, *other) for other in known] @ weights for axis in (0, 1)] for cell in range(20)]
    np.testing.assert_allclose(field.shift.reshape(20, 2), shift, rtol=1e-4, atol=1e-5)

    relative[:] = 0  # certainty leaves colourfulness out
    between = np.array([[covariance(hint, 0, k, 0) for k in range(3)] for hint in hints]) + 0.01 * np.eye(3)
    rows = np.array([[covariance(cell, 0, k, 0) for k in range(3)] for cell in range(20)])
    explained = [row @ np.linalg.solve(between, row) for row in rows]
    np.testing.assert_allclose(field.certainty.ravel(), np.clip(explained, 0, 0.98), rtol=1e-4)


def test_a_dull_hint_dulls_other_colours_of_the_same_surface():
    """Red is predicted on the left, blue on the right; the hint says that the red is half as strong."""
    mean, halves = np.zeros([6, 8, 2]), (np.arange(8) < 4).astype(float)
    mean[:, :4], mean[:, 4:] = (40, 0), (0, -40)
    shares = np.broadcast_to(np.stack([halves, 1 - halves], axis=-1), [6, 8, 2])
    for at_edge, duller in ((0.0, True), (40.0, False)):
        lightness = np.full([6, 8], 50.0)
        lightness[:, 4:] += at_edge
        spreading = Spreading(lightness, shares, mean, np.full([6, 8], 400.0))
        shift = spreading.field(at_cells([8 * 3 + 2], 48), np.array([[20.0, 0.0]])).shift
        assert shift[3, 2, 0] < -0.8 and abs(shift[3, 2, 1]) < 1e-6
        assert (shift[3, 5, 1] > 0.05) == duller
        assert duller or abs(shift[:, 4:]).max() < 0.01
