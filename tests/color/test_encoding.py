"""Encoding against brute force over all bins; decoding against equation 5 of Zhang et al. 2016."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.color.bins import cell_of, count_bins
from tfcolor.color.decoding import annealed_mean
from tfcolor.color.encoding import Encoder

ORIGIN = {"dataset": "made", "split": "train", "num_images": 1, "num_pixels": 1}


def colors_near(bins, number=3000) -> np.ndarray:
    """Colours, half of them in occupied cells, half anywhere in the plane and outside it."""
    rng = np.random.default_rng(3)
    near = bins.centres[rng.integers(0, bins.num_bins, number)] + rng.uniform(-0.5, 0.5, [number, 2]) * bins.window
    return np.concatenate([near, rng.uniform(-130, 130, [number, 2])]).astype(np.float32)


def brute_force(ab, bins, neighbours):
    """Distances to all centres, sorted; Gaussian shares with sigma = window / 2 (half a cell)."""
    distances = np.linalg.norm(ab[:, None].astype(np.float64) - bins.centres, axis=-1)
    indices = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    shares = np.exp(-(np.take_along_axis(distances, indices, 1) ** 2) / (2 * (bins.window / 2) ** 2))
    with np.errstate(invalid="ignore"):  # 0 / 0 far from all bins, where there is nothing to compare
        return indices, shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("neighbours", [1, 5])
@pytest.mark.parametrize(("window", "num_bins"), [(10, 100), (10, 12), (5, 300), (5, 40)])
def test_equals_brute_force_over_all_bins(make_bins, window, num_bins, neighbours):
    bins = make_bins(num_bins, window, seed=num_bins)
    ab = colors_near(bins)
    indices, shares = (t.numpy() for t in Encoder(bins, neighbours)(tf.constant(ab)))
    expected, expected_shares = brute_force(ab, bins, neighbours)
    np.testing.assert_array_equal(indices, expected)
    near = ~np.isnan(expected_shares).any(axis=1)
    assert near.mean() > 0.5
    np.testing.assert_allclose(shares[near], expected_shares[near], atol=1e-4)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (np.diff(shares, axis=1) <= 0).all()  # nearest first


@pytest.mark.parametrize("neighbours", [1, 5])
def test_the_313_bins_equal_brute_force(neighbours):
    bins = count_bins(np.zeros([1, 2]), np.ones(1), 10, kind="zhang313", **ORIGIN)
    ab = colors_near(bins)
    indices, shares = (t.numpy() for t in Encoder(bins, neighbours)(tf.constant(ab)))
    expected, expected_shares = brute_force(ab, bins, neighbours)
    np.testing.assert_array_equal(indices, expected)
    near = ~np.isnan(expected_shares).any(axis=1)
    np.testing.assert_allclose(shares[near], expected_shares[near], atol=1e-4)


def test_an_example_worked_by_hand():
    """(2, 5) is 3 from (5, 5), 7 from (-5, 5); sigma 5: exp(-9 / 50) and exp(-49 / 50)."""
    bins = count_bins(np.array([[5.0, 5.0], [-5.0, 5.0]]), np.array([1, 1]), 10, **ORIGIN)
    indices, shares = Encoder(bins)(tf.constant([[2.0, 5.0]]))
    np.testing.assert_array_equal(indices, [[1, 0]])  # no more neighbours than bins
    np.testing.assert_allclose(shares, [[0.83527, 0.37531] / np.float64(0.83527 + 0.37531)], atol=1e-5)


@pytest.mark.parametrize("window", [5, 10])
def test_hard_encoding_is_the_pixels_own_cell(make_bins, window):
    """Also at edges and corners of cells, where up to four centres are equally near."""
    bins = make_bins(60, window)
    rng = np.random.default_rng(4)
    corners = bins.cells * window - 110.0
    inside = corners + rng.uniform(0, 0.999, corners.shape) * window
    left = np.stack([corners[:, 0], inside[:, 1]], axis=1)
    bottom = np.stack([inside[:, 0], corners[:, 1]], axis=1)
    for ab in (corners, inside, left, bottom):
        for neighbours in (1, 5):
            indices, shares = Encoder(bins, neighbours)(tf.constant(ab, tf.float32))
            np.testing.assert_array_equal(indices[:, 0], range(60))
            np.testing.assert_array_equal(bins.cells[indices[:, 0]], cell_of(ab, window))
        np.testing.assert_allclose(shares.numpy().max(axis=1), shares[:, 0])


@pytest.mark.parametrize("window", [5, 10])
def test_gray_goes_to_the_cell_above_zero(window):
    around = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    bins = count_bins(around, np.ones(4), window, **ORIGIN)
    index, _ = Encoder(bins, neighbours=1)(tf.zeros([2]))
    np.testing.assert_array_equal(bins.centres[index], [[window / 2, window / 2]])


def test_any_shape_and_in_a_graph(make_bins):
    bins = make_bins(50)
    ab = tf.constant(colors_near(bins, 60).reshape(2, 5, 12, 2))
    indices, shares = Encoder(bins)(ab)
    assert (indices.dtype, shares.dtype) == (tf.int32, tf.float32)
    assert indices.shape == shares.shape == [2, 5, 12, 5]
    flat = tf.function(Encoder(bins))(tf.reshape(ab, [-1, 2]))
    np.testing.assert_array_equal(tf.reshape(indices, [-1, 5]), flat[0])
    np.testing.assert_allclose(tf.reshape(shares, [-1, 5]), flat[1], atol=1e-6)


def random_logits(scale: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.normal(0, scale, [7, 6, 40]).astype(np.float32), rng.uniform(-100, 100, [40, 2]).astype(np.float32)


@pytest.mark.parametrize("temperature", [1.0, 0.7, 0.38, 0.1])
def test_annealed_mean_follows_equation_5(temperature):
    logits, colors = random_logits(2)
    z = np.exp(logits.astype(np.float64))
    z /= z.sum(axis=-1, keepdims=True)
    f = np.exp(np.log(z) / temperature)
    f /= f.sum(axis=-1, keepdims=True)
    if temperature == 1:
        np.testing.assert_allclose(f, z)  # the plain mean
    result = annealed_mean(tf.constant(logits), tf.constant(colors), temperature)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result, f @ colors, atol=1e-3)


def test_temperature_goes_from_the_mean_to_the_mode():
    logits, colors = random_logits(1)
    mode = colors[logits.argmax(axis=-1)]
    results = [annealed_mean(tf.constant(logits), tf.constant(colors), t).numpy() for t in (1, 0.38, 0.1, 1e-3)]
    distances = [np.linalg.norm(result - mode, axis=-1).mean() for result in results]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 20
    assert distances[1] < 0.9 * distances[0]
    for temperature in (0.0, 1e-6, 1e-20):
        result = annealed_mean(tf.constant(logits), tf.constant(colors), temperature)
        np.testing.assert_allclose(result, mode, atol=1e-3)


@pytest.mark.parametrize("size", [1e4, 1e10])
@pytest.mark.parametrize("temperature", [1.0, 0.38, 1e-6, 1e-30, 1e-38, 1e-40, 1e-45, 0.0])
def test_large_logits_and_small_temperatures_give_colours(temperature, size):
    """exp(z / T) without subtracting the maximum is infinite above a logit of 33 at T = 0.38."""
    logits, colors = random_logits(1)
    logits = np.where(logits > 0, size, -size).astype(np.float32)
    logits[..., 7] = 1.1 * size  # the mode, by far, at any temperature
    for decode in (annealed_mean, tf.function(annealed_mean)):
        result = decode(tf.constant(logits), tf.constant(colors), tf.constant(temperature))
        np.testing.assert_allclose(result, np.broadcast_to(colors[7], result.shape), atol=1e-4)
