"""Adam against a NumPy loop of the paper's algorithm; rejected steps; clipping; the schedule."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.training.optimizers import WARMUP_STEPS, Adam, Plateau, clip_by_norm, cosine_with_warmup


def numpy_adam(weight, gradients, rates, beta1=0.9, beta2=0.99, epsilon=1e-8):
    """Kingma and Ba 2015, algorithm 1, line by line; beta2 as in Zhang et al. 2016."""
    m = v = np.zeros_like(weight)
    for t, (g, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        weight = weight - rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return weight, m, v


def make(seed=0, steps=12):
    """Two weights, and random gradients of very different sizes for each step."""
    rng = np.random.default_rng(seed)
    start = {"filter": rng.normal(size=[3, 2]), "bias": rng.normal(size=4)}
    gradients = [
        {name: rng.normal(0, 10 ** rng.uniform(-4, 2), w.shape) for name, w in start.items()} for _ in range(steps)
    ]
    weights = {name: tf.Variable(value, dtype=tf.float32) for name, value in start.items()}
    return start, gradients, weights, Adam(weights)


@tf.function
def compiled(adam, gradients, rate, accept):
    adam.apply(gradients, rate, accept)


def apply(adam, gradients, rate=1e-2, accept=True, run=Adam.apply):
    gradients = {name: tf.constant(value, tf.float32) for name, value in gradients.items()}
    run(adam, gradients, tf.constant(rate, tf.float32), tf.constant(accept))


def snapshot(weights, adam):
    return {name: variable.numpy().tobytes() for name, variable in (weights | adam.state).items()}


@pytest.mark.parametrize("run", [Adam.apply, compiled], ids=["eager", "graph"])
def test_equals_the_algorithm(run):
    start, gradients, weights, adam = make()
    rates = np.linspace(1e-1, 1e-3, len(gradients))
    for gradient, rate in zip(gradients, rates, strict=True):
        apply(adam, gradient, rate, run=run)
    for name, weight in weights.items():
        expected, m, v = numpy_adam(start[name], [g[name] for g in gradients], rates)
        np.testing.assert_allclose(weight, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(adam.state[f"adam/mean/{name}"], m, rtol=1e-4)
        np.testing.assert_allclose(adam.state[f"adam/square/{name}"], v, rtol=1e-4)
    assert int(adam.state["adam/updates"]) == len(gradients)


def test_the_first_step_is_the_learning_rate_in_the_gradients_direction():
    """At t = 1 both moments' corrections cancel: g / |g|, whatever its size."""
    weight = tf.Variable(tf.zeros(3))
    apply(Adam({"weight": weight}), {"weight": [1e-3, -2.0, 500.0]}, rate=0.01)
    np.testing.assert_allclose(weight, [-0.01, 0.01, -0.01], rtol=1e-4)


@pytest.mark.parametrize("run", [Adam.apply, compiled], ids=["eager", "graph"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1.0])
@pytest.mark.parametrize("steps_before", [0, 3])
def test_a_rejected_step_changes_no_bit(value, steps_before, run):
    _, gradients, weights, adam = make()
    for gradient in gradients[:steps_before]:
        apply(adam, gradient)
    before = snapshot(weights, adam)
    apply(adam, {name: np.full_like(g, value) for name, g in gradients[0].items()}, accept=False, run=run)
    assert snapshot(weights, adam) == before


def test_after_a_rejected_step_all_goes_on_as_if_it_had_not_been():
    _, gradients, weights, adam = make()
    _, _, others, other = make()
    for gradient in gradients:
        apply(adam, {name: g * np.nan for name, g in gradient.items()}, accept=False)
        apply(adam, gradient)
        apply(other, gradient)
    assert snapshot(weights, adam) == snapshot(others, other)


def test_the_state_has_two_moments_a_weight_and_the_count():
    _, _, weights, adam = make()
    names = {f"adam/{moment}/{name}" for moment in ("mean", "square") for name in weights}
    assert adam.state.keys() == names | {"adam/updates"}
    assert all(not variable.numpy().any() for variable in adam.state.values())


def test_long_gradients_are_shortened_and_short_ones_kept():
    gradients = [tf.constant([3.0, 0.0]), tf.constant([[4.0]])]  # norm 5
    clipped, norm = clip_by_norm(gradients, 1.0)
    assert float(norm) == 5
    np.testing.assert_allclose(clipped[0], [0.6, 0])
    np.testing.assert_allclose(clipped[1], [[0.8]])
    kept, norm = clip_by_norm(gradients, 5.0)
    assert float(norm) == 5
    for before, after in zip(gradients, kept, strict=True):
        np.testing.assert_array_equal(after, before)
    zero, norm = clip_by_norm([tf.zeros(3)], 1.0)
    assert float(norm) == 0
    np.testing.assert_array_equal(zero[0], [0, 0, 0])


def test_the_schedule_rises_linearly_and_falls_like_a_cosine():
    assert cosine_with_warmup(0, None, 3e-4) == pytest.approx(3e-4 / WARMUP_STEPS)
    assert cosine_with_warmup(49, None, 1.0) == pytest.approx(50 / WARMUP_STEPS)
    assert cosine_with_warmup(10**6, None, 3e-4) == 3e-4
    assert cosine_with_warmup(5000, 10_000, 1.0) == pytest.approx(0.5)
    assert cosine_with_warmup(2500, 10_000, 2.0) == pytest.approx(1 + math.sqrt(0.5))  # 1 + cos(45 degrees)
    assert cosine_with_warmup(10_000, 10_000, 1.0) == pytest.approx(0, abs=1e-12)
    rates = [cosine_with_warmup(step, 1000, 1.0) for step in range(1001)]
    assert 0 < rates[0] < rates[-2] * 1e4
    assert (np.diff(rates[:95]) > 0).all()
    assert (np.diff(rates[WARMUP_STEPS:]) < 0).all()
    assert max(rates) <= 1


class TestPlateau:
    """Epochs of two steps whose mean losses are given."""

    @staticmethod
    def after(*means):
        plateau = Plateau()
        for mean in means:
            plateau.add(mean - 0.5, 2)
            plateau.add(mean + 0.5, 2)
        return plateau

    def test_a_loss_that_falls_cuts_nothing(self):
        assert self.after(*range(50, 0, -1)).factor == 1

    def test_ten_stale_epochs_cut_by_a_fifth_and_so_do_the_next_ten(self):
        assert self.after(3, *[3] * 9).factor == 1
        assert self.after(3, *[3] * 10).factor == pytest.approx(0.2)
        assert self.after(3, *[4] * 19).factor == pytest.approx(0.2)
        assert self.after(3, *[4] * 20).factor == pytest.approx(0.04)

    def test_a_better_epoch_begins_anew(self):
        assert self.after(3, *[3] * 9, 2, *[3] * 9).factor == 1

    def test_half_an_epoch_decides_nothing(self):
        plateau = self.after(3, *[3] * 9)
        plateau.add(3.0, 2)
        assert plateau.factor == 1
        plateau.add(3.0, 2)
        assert plateau.factor == pytest.approx(0.2)
