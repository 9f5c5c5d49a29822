"""The softmax regression is the one that another method finds, and cross-validation finds what is there to find."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

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
    return Colored([f"{k}.jpg" for k in range(count)], np.arange(count) % 3 // 2, features, true, ab.astype(np.float32))


def test_labels_by_hand():
    """Errors of 5 and 7 with softness 2: odds of e."""
    np.testing.assert_allclose(soft_labels(np.array([[5.0, 7.0]]), 2.0), [[1 / (1 + np.exp(-1)), 1 / (1 + np.e)]])


def test_the_fit_is_a_minimum_of_the_penalised_cross_entropy():
    """The gradient by finite differences of the loss as its formula says it, at the weights that were found."""
    seen, penalty = made(40), 0.1
    errors = np.stack([seen.errors(seen.ab[:, :, k]) for k in range(2)], axis=1)
    np.testing.assert_allclose(np.unique(errors.round(3)), [3, 30])
    labels, importance = soft_labels(errors, 10.0), seen.importance
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
    best = min(("one", "other"), key=errors.get)
    assert errors["oracle"] == pytest.approx(3) and 2.99 < errors["router"] < 6 < errors["even blend"]
    assert errors["random"] == pytest.approx((errors["one"] + errors["other"]) / 2)
    assert found["ways"]["router"]["raw_auc"] == pytest.approx(100 - errors["router"] / 1.5)
    assert found["ways"]["router"]["networks"] == pytest.approx(1)
    gain, low, high = found["gains"][best]
    assert gain == pytest.approx(errors[best] - errors["router"]) and 0 < low < gain < high
    assert found["blended"] == 0 and sum(found["chosen"].values()) == pytest.approx(1)


def test_a_blend_is_measured_as_a_loop_measures_it():
    seen = made(6)
    shares = np.array([[0.3, 0.7], [1, 0], [0, 1], [0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    errors = seen.errors(seen.blend(shares), 0.7)
    for number, (one, other) in enumerate(shares):
        ab = 0.7 * (one * seen.ab[number, :, 0] + other * seen.ab[number, :, 1])
        expected = np.mean([np.hypot(*difference) for difference in ab - seen.true[number]])
        assert errors[number] == pytest.approx(expected, rel=1e-5)


def colored(ab: np.ndarray, true: np.ndarray) -> Colored:
    """40 photographs of 20 pixels, all with the same colours, and features that say nothing."""
    features = np.random.default_rng(0).normal(size=[40, 3])
    true, ab = (np.broadcast_to(np.float32(x), [40, 20, *np.shape(x)]) for x in (true, ab))
    return Colored([str(k) for k in range(40)], np.zeros(40, int), features, true, ab)


def test_opposite_errors_are_blended():
    """Two specialists, each 10 units wrong, in opposite directions: only their mean is right."""
    seen = colored([[20, 10], [20, -10]], true=[20, 0])
    router, settings, error = make_router(seen)
    assert settings.threshold > 0.5 and error < 0.1
    assert gains(router, ["one", "other"], seen, seen)["ways"]["router"]["networks"] == pytest.approx(2)
    # Alone, each is best at strength 0.8 (0.8 x 500 = 20 x 20): at (16, 8), the square root of 80 away.
    assert make_router(seen, threshold=0.0)[2] == pytest.approx(80**0.5, rel=1e-5)


def test_a_blend_that_is_only_paler_gains_nothing_at_the_best_strengths():
    """One says the right hue, twice as strongly as it is, the other gray. Their mean is right, as is half of one."""
    seen = colored([[40, 0], [0, 0]], true=[20, 0])
    router, settings, error = make_router(seen)
    assert error == pytest.approx(0, abs=1e-4) and settings.threshold == 0
    ways = gains(router, ["vivid", "gray"], seen, seen)["ways"]
    assert ways["even blend"]["error"] == pytest.approx(0, abs=1e-4) and ways["vivid"]["error"] == pytest.approx(20)
    assert ways["vivid"]["strength"] == 0.5 and ways["vivid"]["error_at_it"] == pytest.approx(0, abs=1e-4)


def test_too_few_photographs():
    with pytest.raises(WorkError, match="9 photographs can be read, and a router needs 10"):
        make_router(made(9))


@pytest.mark.parametrize(("of_blends", "is_taken"), [(0.999, False), (0.9, True)])
def test_a_blend_must_be_worth_its_networks(of_blends, is_taken):
    seen, folds = made(40), folds_of([np.arange(40)])
    errors = np.random.default_rng(0).uniform(5, 9, [40, 2])
    measure = lambda shares: of_blends if shares.max(axis=1).min() < 1 else 1.0  # noqa: E731
    settings, error = choose(seen.features, errors, seen.importance, folds, measure)
    assert (settings.threshold > 0) == is_taken and error == (of_blends if is_taken else 1)
