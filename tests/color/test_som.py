"""The self-organising map: against a loop in NumPy, k-means, and MiniSom, another implementation."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.color.kmeans import lloyd_step, nearest
from tfcolor.color.som import batch_step, fit_som, grid, initial_units, radii


def colors(number: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Colours as in photographs, most of them nearly gray, and their pixels."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 1, [number, 2]) * rng.exponential([10.0, 20.0], [number, 2]), rng.integers(1, 9, number)


def step(points, weights, units, radius):
    shares = np.asarray(weights, float) / np.sum(weights)
    return batch_step(*(tf.constant(x, tf.float64) for x in (points, shares, units, radius))).numpy()


@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_a_step_equals_a_loop_over_colours_and_units(radius):
    points, weights = colors(50)
    units = points[:9]
    sums, counts = np.zeros([9, 2]), np.zeros(9)
    for point, weight in zip(points, weights, strict=True):
        winner = np.argmin([np.hypot(*(point - unit)) for unit in units])
        for q in range(9):
            on_grid = np.hypot(q // 3 - winner // 3, q % 3 - winner % 3)
            share = weight * np.exp(-(on_grid**2) / (2 * radius**2))
            sums[q] += share * point
            counts[q] += share
    np.testing.assert_allclose(step(points, weights, units, radius), sums / counts[:, None], rtol=1e-9)


def test_without_neighbourhood_it_is_a_step_of_k_means():
    points, weights = colors()
    np.testing.assert_allclose(
        step(points, weights, points[:16], 0.01), lloyd_step(points, weights, points[:16]), rtol=1e-9
    )


def test_the_radius_shrinks_from_half_of_the_side_to_half_a_step():
    assert radii(10)[[0, -1]] == pytest.approx([5, 0.5])
    assert (np.diff(radii(4)) < 0).all()
    np.testing.assert_array_equal(grid(2), [[0, 0], [0, 1], [1, 0], [1, 1]])


def test_it_begins_along_the_principal_axes():
    """Variances 100 and 25 along (0.6, 0.8) and (0.8, -0.6): the corners are one deviation away on both axes."""
    axes = np.array([[0.6, 0.8], [0.8, -0.6]])
    ends = np.array([[10 * 2**0.5, 0], [-10 * 2**0.5, 0], [0, 5 * 2**0.5], [0, -5 * 2**0.5]])
    points = [3.0, -4.0] + ends @ axes
    units = initial_units(tf.constant(points), tf.fill([4], tf.constant(0.25, tf.float64)), 3).numpy()
    corners = np.array([3.0, -4.0]) + np.array([[-10, -5], [-10, 5], [10, -5], [10, 5]]) @ axes
    np.testing.assert_allclose(units[[0, 2, 6, 8]], corners, atol=1e-9)
    np.testing.assert_allclose(units[4], [3, -4], atol=1e-9)


def test_weights_are_repetitions_and_the_same_colours_give_the_same_bits():
    points, weights = colors(100)
    fitted = fit_som(points, weights, 3)
    np.testing.assert_allclose(
        fit_som(np.repeat(points, weights, axis=0), np.ones(weights.sum()), 3), fitted, rtol=1e-6
    )
    np.testing.assert_array_equal(fit_som(points, weights, 3), fitted)


@pytest.mark.parametrize("side", [2, 3, 4, 5])
def test_neighbours_on_the_grid_have_similar_colours(side):
    units = fit_som(*colors(), side)
    distances = np.linalg.norm(units[:, None] - units, axis=-1)
    places = grid(side).numpy()
    steps = np.abs(places[:, None] - places).sum(axis=-1)
    means = [distances[steps == k].mean() for k in range(1, 2 * side - 1)]
    assert means == sorted(means)
    # The two units that are nearest to a colour are neighbours on the grid, also diagonally, for nearly all colours.
    first, second = np.argsort(np.linalg.norm(colors()[0][:, None] - units, axis=-1), axis=1)[:, :2].T
    assert (np.abs(places[first] - places[second]).max(axis=1) <= 1).mean() > 0.9


def test_more_units_lower_the_error():
    points, weights = colors()
    errors = [np.average(nearest(points, fit_som(points, weights, side))[0], weights=weights) for side in (2, 3, 5, 7)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 3


@pytest.mark.parametrize("points", [np.arange(16)[:, None] * [1.0, 2.0], np.arange(9)[:, None] * [0.0, 1.0]], ids=len)
def test_colours_on_a_line_are_mapped(points):
    units = fit_som(points, np.ones(len(points)), 3)
    assert np.isfinite(units).all()
    np.testing.assert_allclose(units @ [points[1, 1], -points[1, 0]], 0, atol=1e-9)
    assert np.ptp(units[:, 1]) > 0.5 * np.ptp(points[:, 1])


class TestMiniSom:
    """MiniSom by G. Vettigli: the same algorithm, written by others."""

    @pytest.fixture
    def minisom(self):
        return pytest.importorskip("minisom", reason="MiniSom is not installed: pip install minisom")

    @pytest.mark.parametrize("radius", [0.5, 1.0, 1.7])
    def test_a_batch_step_is_the_same(self, minisom, radius):
        points, _ = colors()
        units = points[::25]
        theirs = minisom.MiniSom(4, 4, 2, sigma=radius, learning_rate=1.0)
        theirs._weights = units.reshape(4, 4, 2).copy()
        theirs.train_batch_offline(points, 1)
        ours = step(points, np.ones(len(points)), units, radius)
        np.testing.assert_allclose(ours.reshape(4, 4, 2), theirs.get_weights(), rtol=1e-9)

    @pytest.mark.parametrize("side", [2, 4])
    def test_the_error_is_no_larger_than_that_of_its_online_map(self, minisom, side):
        """With what the paper's map may have had: radius from half of the side to 1/2, a rate that falls from 1/2."""
        points, _ = colors()
        theirs = minisom.MiniSom(side, side, 2, sigma=side / 2, learning_rate=0.5, random_seed=1)
        theirs._sigma_decay_function = lambda sigma, t, last: sigma * (0.5 / sigma) ** (t / last)
        theirs.random_weights_init(points)
        theirs.train_random(points, 20 * len(points))
        theirs = theirs.quantization_error(points)
        ours = nearest(points, fit_som(points, np.ones(len(points)), side))[0].mean()
        assert ours < 1.03 * theirs
        assert ours > 0.5 * theirs  # both measure the same thing
