"""The activations other than rrelu against numbers worked by hand, NumPy in float64, and finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from ops.activations import PRELU_START, elu, lrelu, prelu

STEP = 2.0**-6  # of the finite differences; exact in float32
BFLOAT16_ROUNDING = 2.0**-8  # relative: half of the last of 8 bits


def away_from_zero(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers of both signs, further from zero than a finite difference reaches."""
    rng = np.random.default_rng(seed)
    return (rng.choice([-1, 1], shape) * rng.uniform(0.1, 3, shape)).astype(np.float32)


def gradients(function, *inputs):
    """Gradients of the sum of the function's values."""
    inputs = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(function(*inputs))
    return [gradient.numpy() for gradient in tape.gradient(total, inputs)]


def differences(function, x: np.ndarray) -> np.ndarray:
    """Central finite differences of a function that works on each element by itself."""
    return (function(tf.constant(x + STEP)) - function(tf.constant(x - STEP))).numpy() / (2 * STEP)


class TestLrelu:
    @pytest.mark.parametrize(
        ("a", "x", "expected"),
        [
            (5.5, [-11, -5.5, -0.0, 0, 0.25, 7], [-2, -1, -0.0, 0, 0.25, 7]),
            (100, [-200, -1, 3], [-2, -0.01, 3]),
            (1, [-3, 4], [-3, 4]),
        ],
    )
    def test_negatives_are_divided(self, a, x, expected):
        np.testing.assert_allclose(lrelu(tf.constant(x, tf.float32), a), np.float32(expected), rtol=2e-7)

    def test_it_is_very_leaky_unless_told(self):
        x = tf.constant(away_from_zero(50))
        np.testing.assert_array_equal(lrelu(x), lrelu(x, 5.5))
        assert lrelu(tf.constant(-5.5)) == -1

    @pytest.mark.parametrize("a", [1, 5.5, 100])
    def test_gradient_is_the_slope(self, a):
        x = away_from_zero(4, 30)
        (by_x,) = gradients(lambda x: lrelu(x, a), x)
        np.testing.assert_allclose(by_x, np.where(x < 0, 1 / a, 1), rtol=2e-7)
        np.testing.assert_allclose(by_x, differences(lambda x: lrelu(x, a), x), atol=2e-5)

    @pytest.mark.parametrize("a", [0.99, 0, -5.5, float("nan")])
    def test_divisors_below_1_are_refused(self, a):
        with pytest.raises(ValueError, match=f"`a` must be at least 1, got {a}"):
            lrelu(tf.constant([-1.0]), a)

    def test_nan_and_infinities_stay(self):
        np.testing.assert_array_equal(lrelu(tf.constant([np.nan, np.inf, -np.inf])), [np.nan, np.inf, -np.inf])

    @pytest.mark.parametrize("a", [5.5, 100])
    def test_bfloat16_is_rounded_twice_at_most(self, a):
        x = tf.cast(away_from_zero(5000), tf.bfloat16)
        y = lrelu(x, a)
        assert y.dtype == tf.bfloat16
        wide = tf.cast(x, tf.float64).numpy()
        # The slope is rounded, then the product.
        expected = np.where(wide < 0, wide / a, wide)
        np.testing.assert_allclose(tf.cast(y, tf.float64), expected, rtol=2.1 * BFLOAT16_ROUNDING)


class TestPrelu:
    def test_each_channel_has_its_own_slope(self):
        x = tf.constant([[[-4.0, -4.0, -4.0], [4.0, 0.0, -1.0]]])
        slopes = tf.constant([0.25, -0.5, 2.0])
        np.testing.assert_array_equal(prelu(x, slopes), [[[-1, 2, -8], [4, 0, -2]]])

    def test_it_starts_as_he_et_al_do(self):
        assert PRELU_START == 0.25

    @pytest.mark.parametrize("shape", [[3], [7, 3], [2, 4, 5, 3], [0, 3]])
    def test_values_and_gradients_equal_a_loop(self, shape):
        x = away_from_zero(*shape)
        slopes = np.array([0.25, 0, -0.75], np.float32)
        expected, by_x, by_slopes = x.copy(), np.ones_like(x), np.zeros(3)
        for place in np.ndindex(*shape):
            if x[place] < 0:
                channel = place[-1]
                expected[place] = slopes[channel] * x[place]
                by_x[place] = slopes[channel]
                by_slopes[channel] += x[place]  # He et al. 2015, equations 2 and 3
        np.testing.assert_array_equal(prelu(tf.constant(x), tf.constant(slopes)), expected)
        result = gradients(prelu, x, slopes)
        np.testing.assert_array_equal(result[0], by_x)
        np.testing.assert_allclose(result[1], by_slopes, rtol=1e-5)

    def test_gradients_equal_finite_differences(self):
        x, slopes = away_from_zero(5, 3), np.array([0.25, 0.1, 0.9], np.float32)
        by_x, by_slopes = gradients(prelu, x, slopes)
        np.testing.assert_allclose(by_x, differences(lambda x: prelu(x, slopes), x), atol=2e-5)
        for channel in range(3):
            step = STEP * np.eye(3, dtype=np.float32)[channel]
            above, below = (tf.reduce_sum(prelu(x, slopes + sign * step)).numpy() for sign in (1, -1))
            assert by_slopes[channel] == pytest.approx((above - below) / (2 * STEP), abs=1e-3)

    def test_slopes_are_learned(self):
        slopes = tf.Variable(tf.fill([3], PRELU_START))
        x = tf.constant([[-1.0, -2.0, 5.0]])
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(prelu(x, slopes))
        np.testing.assert_array_equal(tape.gradient(total, slopes), [-1, -2, 0])

    def test_nan_and_infinities_stay(self):
        y = prelu(tf.constant([[np.nan], [np.inf], [-np.inf]]), tf.constant([0.25]))
        np.testing.assert_array_equal(y, [[np.nan], [np.inf], [-np.inf]])

    def test_bfloat16_is_rounded_twice_at_most_and_slopes_stay_float32(self):
        x, slopes = tf.cast(away_from_zero(2000, 3), tf.bfloat16), tf.constant([0.25, 0.1, 0.7])
        with tf.GradientTape() as tape:
            tape.watch(slopes)
            y = prelu(x, slopes)
        assert y.dtype == tf.bfloat16
        wide = tf.cast(x, tf.float64).numpy()
        expected = np.where(wide < 0, wide * slopes, wide)
        np.testing.assert_allclose(tf.cast(y, tf.float64), expected, rtol=2.1 * BFLOAT16_ROUNDING)
        assert tape.gradient(y, slopes).dtype == tf.float32


class TestElu:
    def test_values_equal_expm1(self):
        x = np.concatenate([np.linspace(-20, 20, 1001), [-100, -0.0, 0]]).astype(np.float32)
        expected = np.where(x > 0, x, np.expm1(np.minimum(x, 0).astype(np.float64)))
        np.testing.assert_allclose(elu(tf.constant(x)), expected, rtol=1e-6, atol=1e-7)

    def test_one_by_hand(self):
        np.testing.assert_allclose(elu(tf.constant([-np.log(2.0), 2.0], tf.float32)), [-0.5, 2], rtol=1e-6)

    def test_gradient_is_the_exponential(self):
        x = away_from_zero(4, 50)
        (by_x,) = gradients(elu, x)
        np.testing.assert_allclose(by_x, np.where(x < 0, np.exp(x), 1), rtol=1e-6)
        np.testing.assert_allclose(by_x, differences(elu, x), atol=1e-4)  # STEP^2 / 6 and float32's rounding

    def test_large_inputs_neither_overflow_nor_spoil_the_gradient(self):
        x = np.array([-1e30, -500, 500, 1e30], np.float32)
        np.testing.assert_array_equal(elu(tf.constant(x)), [-1, -1, 500, np.float32(1e30)])
        np.testing.assert_array_equal(gradients(elu, x)[0], [0, 0, 1, 1])

    def test_bfloat16_is_near(self):
        x = tf.cast(away_from_zero(5000), tf.bfloat16)
        y = elu(x)
        assert y.dtype == tf.bfloat16
        wide = tf.cast(x, tf.float64).numpy()
        expected = np.where(wide > 0, wide, np.expm1(wide))
        # The exponential is rounded, then the difference: both are at most 1.
        np.testing.assert_allclose(tf.cast(y, tf.float64), expected, rtol=2.0**-8, atol=BFLOAT16_ROUNDING / 2)
