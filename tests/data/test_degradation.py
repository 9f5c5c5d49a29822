"""Degraded inputs: each kind of damage, how often, and always the same for the same seed."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from tfcolor.data import degradation
from tfcolor.data.degradation import degraded

GRAY = np.clip(
    np.linspace(0.1, 0.9, 40 * 48).reshape(40, 48, 1) + np.random.default_rng(0).normal(0, 0.1, [40, 48, 1]), 0, 1
).astype(np.float32)


@pytest.fixture(scope="module")
def many():
    """The same picture under 200 seeds, half of them degraded."""
    degrade = tf.function(lambda seed: degraded(tf.constant(GRAY), seed, 0.5), autograph=False)
    return np.stack([degrade(tf.constant([k, 7], tf.int64)) for k in range(200)])


def test_pictures_keep_their_shape_and_range(many):
    assert many.shape == (200, 40, 48, 1) and many.dtype == np.float32
    assert many.min() >= 0 and many.max() <= 1 and np.isfinite(many).all()


def test_as_many_are_degraded_as_asked_for(many):
    """Half of them, of which one in 16 escapes all four kinds of damage."""
    is_same = (many == GRAY).all((1, 2, 3))
    assert is_same.mean() == pytest.approx(0.5 + 0.5 / 16, abs=0.1)
    assert (degraded(tf.constant(GRAY), tf.constant([1, 2]), 0.0).numpy() == GRAY).all()


def test_the_same_seed_does_the_same():
    seeds = [tf.constant([k, 3], tf.int64) for k in range(8)]
    first, again = ([degraded(tf.constant(GRAY), seed, 1.0).numpy() for seed in seeds] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len({each.tobytes() for each in first}) > 5


DRAWS, SEED = tf.constant([0.9, 0.5, 0.2, 0.6]), tf.constant([1, 2])


def test_fading_keeps_the_order_and_narrows_the_range():
    found = degradation._faded(tf.constant(GRAY), DRAWS, SEED).numpy()
    order = np.argsort(GRAY, axis=None)
    assert (np.diff(found.ravel()[order]) >= 0).all()
    assert found.min() >= 0.125 - 1e-6 and found.max() <= 0.95 + 1e-6


def test_blurring_is_scipys():
    found = degradation._blurred(tf.constant(GRAY), DRAWS, SEED).numpy()
    sigma = 0.4 + 1.1 * 0.6
    np.testing.assert_allclose(found[..., 0], gaussian_filter(GRAY[..., 0], sigma, radius=4), atol=1e-5)


def test_grain_has_its_deviation_and_no_mean():
    flat = tf.fill([200, 200, 1], 0.5)
    noise = degradation._grainy(flat, DRAWS, SEED).numpy() - 0.5
    assert noise.std() == pytest.approx(0.01 + 0.07 * 0.5, rel=0.05) and abs(noise.mean()) < 1e-3
    assert np.corrcoef(noise[1:, :, 0].ravel(), noise[:-1, :, 0].ravel())[0, 1] == pytest.approx(0.5, abs=0.05)


def test_compression_is_close_and_not_the_same():
    found = degradation._compressed(tf.constant(GRAY), DRAWS, SEED).numpy()
    assert 0.001 < np.abs(found - GRAY).mean() < 0.1
