"""Optimizers against NumPy loops of their papers' algorithms; rejected steps; clipping."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor.training.optimizers import Adam, clip_by_norm, optimizer_maker
from tfcolor.training.options import OPTIMIZERS


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


# One step of each, line by line, as functions of the weight, the gradient, the rate and the numbers kept so far.
def numpy_sgd(w, g, rate, kept):
    return w - rate * g


def numpy_momentum(w, g, rate, kept):
    kept["v"] = 0.9 * kept.get("v", 0) + g  # Polyak 1964, as Sutskever et al. 2013 write it without Nesterov's step
    return w - rate * kept["v"]


def numpy_rmsprop(w, g, rate, kept):
    kept["s"] = 0.9 * kept.get("s", 0) + 0.1 * g * g  # Hinton, lecture 6e
    return w - rate * g / np.sqrt(kept["s"] + 1e-7)


def numpy_adagrad(w, g, rate, kept):
    kept["s"] = kept.get("s", 0.1) + g * g  # Duchi et al. 2011, with Keras' start
    return w - rate * g / np.sqrt(kept["s"] + 1e-7)


def numpy_adamw(w, g, rate, kept):
    """Loshchilov and Hutter 2019, algorithm 2 with the schedule's factor in the rate."""
    kept["gradients"] = [*kept.get("gradients", []), g]
    kept["rates"] = [*kept.get("rates", []), rate]
    kept["w"] = kept.get("w", w)
    step = numpy_adam(np.zeros_like(w), kept["gradients"], kept["rates"], 0.5, 0.999)[0]
    change, kept["step"] = step - kept.get("step", 0), step
    return w * (1 - rate * 0.1) + change


NUMPY = {
    "sgd": numpy_sgd,
    "momentum": numpy_momentum,
    "rmsprop": numpy_rmsprop,
    "adagrad": numpy_adagrad,
    "adamw": numpy_adamw,
}


@pytest.mark.parametrize("name", NUMPY)
def test_each_optimizer_equals_its_algorithm_and_rejects_bad_steps(name):
    start, gradients, weights, _ = make()
    optimizer = optimizer_maker(name, 0.5, 0.999, 0.1)({"filter": weights["filter"], "a/filter": weights["bias"]}, {})
    names, rates = {"filter": "filter", "a/filter": "bias"}, np.linspace(1e-2, 1e-3, len(gradients))
    expected, kept = dict(start), {"filter": {}, "bias": {}}
    for gradient, rate in zip(gradients, rates, strict=True):
        given = {key: gradient[own] for key, own in names.items()}
        apply(optimizer, {key: np.full_like(g, np.nan) for key, g in given.items()}, rate, accept=False)
        apply(optimizer, given, rate)
        for own in expected:
            decays = name != "adamw" or own == "bias"  # "filter" has no layer before its name, and does not shrink
            step = NUMPY[name](expected[own], gradient[own], rate, kept[own])
            expected[own] = step if decays else step + expected[own] * rate * 0.1
    for own, weight in weights.items():
        np.testing.assert_allclose(weight, expected[own], rtol=1e-4, atol=1e-5)
    assert all(key.startswith(f"{name}/") for key in optimizer.state)


def test_the_options_name_every_optimizer():
    for name in OPTIMIZERS:
        made = optimizer_maker(name)({"filter": tf.Variable(tf.zeros(3))}, {"filter": 0.5})
        assert type(made).__name__.lower() == name


def test_a_rate_of_its_own_scales_the_step():
    weight = tf.Variable(tf.zeros(1))
    apply(optimizer_maker("sgd")({"filter": weight}, {"filter": 0.5}), {"filter": [2.0]}, rate=0.1)
    np.testing.assert_allclose(weight, [-0.1])


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
