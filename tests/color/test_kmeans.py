"""k-means of weighted colours, against SciPy's k-means of repeated ones."""

import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

from tfcolor.color.kmeans import fit_kmeans, initial_centres, lloyd_step, nearest

RNG = np.random.default_rng(0)
POINTS, WEIGHTS = RNG.normal(0, 20, [300, 2]), RNG.integers(1, 6, 300)


@pytest.mark.parametrize("steps", [1, 5])
def test_steps_equal_scipys_on_repeated_colours(steps):
    expected, _ = kmeans2(np.repeat(POINTS, WEIGHTS, axis=0), POINTS[:7], iter=steps, minit="matrix")
    centres = POINTS[:7]
    for _ in range(steps):
        centres = lloyd_step(POINTS, WEIGHTS, centres)
    np.testing.assert_allclose(centres, expected, rtol=1e-9)


def test_the_error_is_no_larger_than_scipys():
    repeated = np.repeat(POINTS, WEIGHTS, axis=0)
    theirs = [kmeans2(repeated, 9, iter=100, minit="++", rng=seed)[0] for seed in range(4)]
    best = min((nearest(repeated, centres)[0] ** 2).mean() for centres in theirs)
    ours = (nearest(repeated, fit_kmeans(POINTS, WEIGHTS, 9))[0] ** 2).mean()
    assert 0.9 * best < ours < 1.02 * best


def test_separate_groups_are_found_and_the_fullest_comes_first():
    middles = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, -60.0]])
    points = np.concatenate([middle + RNG.uniform(-1, 1, [40, 2]) for middle in middles])
    weights = np.repeat([1, 5, 2], 40)
    found = fit_kmeans(points, weights, 3)
    np.testing.assert_allclose(found, middles[[1, 2, 0]], atol=1)
    np.testing.assert_array_equal(found, fit_kmeans(points, weights, 3))


def test_starts_are_distinct_colours_and_depend_on_the_seed():
    first, other = (initial_centres(POINTS, WEIGHTS, 20, np.random.default_rng(seed)) for seed in (0, 1))
    assert len(np.unique(first, axis=0)) == 20
    assert {*map(tuple, first)} <= {*map(tuple, POINTS)}
    assert (first != other).any()


def test_a_centre_without_colours_stays():
    centres = np.array([[0.0, 0.0], [500.0, 500.0]])
    np.testing.assert_array_equal(lloyd_step(POINTS, WEIGHTS, centres)[1], [500, 500])
