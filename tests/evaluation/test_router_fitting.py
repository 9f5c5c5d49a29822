"""The softmax regression is the one that another method finds, and cross-validation finds what is there to find."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from tfcolor.evaluation import router_fitting
from tfcolor.evaluation.router_fitting import choose, fit, folds_of, soft_labels
from tfcolor.evaluation.routing import Colored, gains, make_router
from tfcolor.utils.errors import WorkError


def made(count: int = 120, seed: int = 0) -> Colored:
    """Two specialists: one is right where the first feature is positive, the other where it is negative."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=[count, 4])
    features[:, 3] = 7  # always the same, so that it says nothing
    true = rng.normal(scale=20, size=[count, 50, 2]).astype(np.float32)
    is_right = np.stack([features[:, 0] > 0, features[:, 0] <= 0], axis=1)  # [N, K]
    ab = true[:, :, None] + np.where(is_right, 3, 30)[:, None, :, None] * np.float32([1, 0])
    errors = np.where(is_right, 3.0, 30.0)
    names = [f"{number}.jpg" for number in range(count)]
    chromas = np.linalg.norm(ab, axis=-1).mean(axis=1)
    return Colored(names, np.arange(count) % 3 // 2, features, errors, chromas, true, ab.astype(np.float32))


def test_labels_by_hand():
    """Errors of 5 and 7 with softness 2: odds of e."""
    np.testing.assert_allclose(soft_labels(np.array([[5.0, 7.0]]), 2.0), [[1 / (1 + np.exp(-1)), 1 / (1 + np.e)]])


def test_the_fit_is_a_minimum_of_the_penalised_cross_entropy():
    """The gradient by finite differences of the loss as its formula says it, at the weights that were found."""
    seen, penalty = made(40), 0.1
    labels, importance = soft_labels(seen.errors, 10.0), seen.importance
    router = fit(seen.features, labels, importance, penalty)
    x = (seen.features - router.mean) / router.scale
    np.testing.assert_allclose(importance @ x[:, :3], 0, atol=1e-12)
    np.testing.assert_allclose(importance @ x[:, :3] ** 2, 1)

    def loss(parameters):
        weights, offsets = parameters[:8].reshape(4, 2), parameters[8:]
        powers = np.exp(x @ weights + offsets)
        log_p = np.log(powers / powers.sum(axis=1, keepdims=True))
        return -importance @ (labels * log_p).sum(axis=1) + penalty / 2 * (weights**2).sum()

    found = np.concatenate([router.weights.ravel(), router.offsets])
    np.testing.assert_allclose(approx_fprime(found, loss, 1e-6), 0, atol=2e-5)
    assert np.abs(approx_fprime(np.zeros(10), loss, 1e-6)).max() > 0.1
    np.testing.assert_array_equal(router.weights[3], 0)
    assert (
        router.probabilities(np.array([2.0, 0, 0, 7]))[0]
        > 0.8
        > 0.2
        > router.probabilities(np.array([-2.0, 0, 0, 7]))[0]
    )


def test_each_dataset_is_divided_evenly():
    folds = folds_of([np.arange(20), np.arange(20, 31)])
    assert np.bincount(folds[:20]).tolist() == [4] * 5 and sorted(np.bincount(folds[20:])) == [2, 2, 2, 2, 3]


def test_datasets_count_the_same():
    importance = made(30).importance
    assert importance[made(30).part == 0].sum() == pytest.approx(0.5) and importance.sum() == pytest.approx(1)


def test_the_router_finds_who_is_right():
    seen, tested = made(), made(seed=1)
    router, settings, error = make_router(seen)
    assert settings.threshold == 0 and error < 5  # the specialists' own errors are 16.5 on average
    found = gains(router, ["one", "other"], seen, tested)
    errors = {name: way["error"] for name, way in found["ways"].items()}
    best = min(errors["one"], errors["other"])
    assert errors["oracle"] == pytest.approx(3) and 2.99 < errors["router"] < 6 < errors["even blend"]
    assert errors["random"] == pytest.approx((errors["one"] + errors["other"]) / 2)
    assert found["ways"]["router"]["raw_auc"] == pytest.approx(100 - errors["router"] / 1.5)
    gain, low, high = found["gain"]
    assert gain == pytest.approx(best - errors["router"]) and low < gain < high and low > 0
    assert found["blended"] == 0 and sum(found["chosen"].values()) == pytest.approx(1)


def test_a_blend_is_measured_as_a_loop_measures_it():
    seen = made(6)
    shares = np.array([[0.3, 0.7], [1, 0], [0, 1], [0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    for number, (one, other) in enumerate(shares):
        ab = one * seen.ab[number, :, 0] + other * seen.ab[number, :, 1]
        expected = np.mean([np.hypot(*difference) for difference in ab - seen.true[number]])
        assert seen.blend_errors(shares)[number] == pytest.approx(expected, rel=1e-5)
        assert seen.blend_chromas(shares)[number] == pytest.approx(np.hypot(*ab.T).mean(), rel=1e-5)


def test_opposite_errors_are_blended():
    """Two specialists, each 10 units wrong, in opposite directions: only their mean is right."""
    rng = np.random.default_rng(0)
    true = np.zeros([40, 20, 2], np.float32)
    ab = np.broadcast_to(np.float32([[10, 0], [-10, 0]]), [40, 20, 2, 2])
    errors = np.full([40, 2], 10.0)
    seen = Colored([str(k) for k in range(40)], np.zeros(40, int), rng.normal(size=[40, 3]), errors, errors, true, ab)
    router, settings, error = make_router(seen)
    assert settings.threshold > 0.5 and error < 0.1
    assert gains(router, ["one", "other"], seen, seen)["ways"]["router"]["networks"] == pytest.approx(2)
    assert make_router(seen, threshold=0.0)[2] == pytest.approx(10)


def test_too_few_photographs():
    with pytest.raises(WorkError, match="9 photographs can be read, and a router needs 10"):
        make_router(made(9))


def test_of_equals_the_lowest_threshold_and_the_strongest_penalty():
    seen = made(40)
    folds = folds_of([np.arange(40)])
    settings, error = choose(seen.features, seen.errors, seen.importance, folds, lambda shares: np.ones(len(shares)))
    assert settings[0] == max(router_fitting.PENALTIES) and settings.threshold == 0 and error == pytest.approx(1)
