"""rrelu: its values and draws, the gradient that draws again, and that nothing is kept in between."""

import functools
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from ops.rrelu import DRAWS, rrelu

ROOT = Path(__file__).parents[2]
SEED = tf.constant([7, -3])
INTERVALS = {"divisor": (3, 8), "slope": (1 / 8, 1 / 3)}  # of the uniform numbers
STANDARD_ERRORS = 4.5  # exceeded by chance in 7e-6 of all cases; seeds are fixed, so a test always passes or never


def normal(*shape: int, dtype=tf.float32, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).normal(0, 2, shape), dtype)


def seed_of(step: int, layer: int = 0, replica: int = 0) -> tf.Tensor:
    seed = SEED
    for number in (step, layer, replica):
        seed = tf.random.fold_in(seed, number)
    return seed


def drawn(seed: tf.Tensor, *shape: int, draw: str = "divisor", **bounds: float) -> np.ndarray:
    """The uniform numbers: what -1 was divided by or multiplied with."""
    y = rrelu(-tf.ones(shape), seed, draw=draw, **bounds).numpy().astype(np.float64)
    return -1 / y if draw == "divisor" else -y


def gradient_of(activation, x: tf.Tensor, by_y: tf.Tensor | None = None):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = activation(x)
    return y, tape.gradient(y, x, output_gradients=by_y)


def with_gradient(x, by_y, seed):
    return gradient_of(lambda x: rrelu(x, seed), x, by_y)


WAYS = {
    "eager": lambda function: function,
    "graph": tf.function,
    "XLA": lambda function: tf.function(function, jit_compile=True),
}
SIDES = 5, 600  # of most inputs, so that few functions are compiled


@functools.cache
def made(way: str, **options):
    """`with_gradient` with other options, in one of the ways; compiled once for each shape and type."""
    return WAYS[way](lambda x, by_y, seed: gradient_of(lambda x: rrelu(x, seed, **options), x, by_y))


class TestValues:
    @pytest.mark.parametrize(("lower", "upper"), [(3, 8), (0.5, 0.9), (1, 1.5), (0.25, 4), (100, 200), (2, 2)])
    @pytest.mark.parametrize("draw", DRAWS)
    def test_equal_a_loop_with_divisors_in_the_bounds(self, lower, upper, draw):
        x = normal(3, 5, 150)
        y = rrelu(x, SEED, lower, upper, draw=draw).numpy()
        divisors = -1 / rrelu(-tf.ones_like(x), SEED, lower, upper, draw=draw).numpy()
        assert lower * (1 - 1e-6) <= divisors.min() and divisors.max() <= upper * (1 + 1e-6)
        assert divisors.max() - divisors.min() >= 0.98 * (upper - lower)
        expected = np.empty_like(y)
        for place, value in np.ndenumerate(x.numpy()):
            expected[place] = value if value >= 0 else value / divisors[place]
        np.testing.assert_allclose(y, expected, rtol=1e-6)

    @pytest.mark.parametrize(
        ("options", "x", "expected"),
        [
            ({}, -11, -2),  # slope 2 / (3 + 8)
            ({"draw": "slope"}, -48, -11),  # slope (1/3 + 1/8) / 2 = 11 / 48
            ({"lower": 0.5, "upper": 0.75}, -10, -16),
            ({"lower": 0.5, "upper": 0.75, "draw": "slope"}, -6, -10),
            ({"lower": 4, "upper": 4}, -10, -2.5),
            ({"lower": 4, "upper": 4, "draw": "slope"}, -10, -2.5),
        ],
    )
    def test_at_inference_all_have_one_slope(self, options, x, expected):
        y = rrelu(tf.constant([x, 2 * x, 0, 3], tf.float32), None, training=False, **options)
        np.testing.assert_allclose(y, [expected, 2 * expected, 0, 3], rtol=3e-7)

    def test_inference_does_not_look_at_the_seed(self):
        x = normal(500)
        without = rrelu(x, None, training=False)
        np.testing.assert_array_equal(without, rrelu(x, SEED, training=False))
        np.testing.assert_array_equal(without, rrelu(x, seed_of(1), training=False))

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("training", [True, False])
    def test_special_numbers(self, way, training):
        x = tf.constant([np.nan, np.inf, -np.inf, 0.0, -0.0])
        y, by_x = WAYS[way](lambda x: gradient_of(lambda x: rrelu(x, SEED, training=training), x))(x)
        np.testing.assert_array_equal(y, x)
        assert list(np.signbit(y.numpy()[3:])) == [False, True]
        np.testing.assert_array_equal(by_x.numpy()[[1, 3, 4]], 1)
        assert 1 / 8 <= by_x[2] <= 1 / 3

    @pytest.mark.parametrize("way", WAYS)
    def test_every_shape(self, way):
        shapes = [[], [0], [3, 0, 2], [1025], [2, 3, 5, 7, 11]]
        inputs = [tf.fill(shape, -5.0) for shape in shapes]
        results = WAYS[way](lambda *inputs: [with_gradient(x, x, SEED) for x in inputs])(*inputs)
        for shape, (y, by_x) in zip(shapes, results, strict=True):
            assert y.shape.as_list() == by_x.shape.as_list() == shape
            np.testing.assert_array_equal(y, by_x)
            assert np.all(y <= -5 / 8) and np.all(y >= -5 / 2.99)

    @pytest.mark.parametrize("training", [True, False])
    def test_unknown_sides(self, training):
        @tf.function(input_signature=[tf.TensorSpec([None, None, 3]), tf.TensorSpec([2], tf.int32)])
        def both(x, seed):
            return gradient_of(lambda x: rrelu(x, seed, training=training), x)

        assert both.get_concrete_function().output_shapes[0].as_list() == [None, None, 3]
        for shape in ([2, 700, 3], [0, 4, 3], [5, 1, 3]):
            x = normal(*shape)
            for ours, eager in zip(
                both(x, SEED), gradient_of(lambda x: rrelu(x, SEED, training=training), x), strict=True
            ):
                np.testing.assert_allclose(ours, eager, rtol=1e-6)

    def test_unknown_ranks(self):
        activate = tf.function(rrelu, input_signature=[tf.TensorSpec(None), tf.TensorSpec([2], tf.int32)])
        for shape in ([], [4], [30, 50]):
            x = normal(*shape)
            np.testing.assert_allclose(activate(x, SEED), rrelu(x, SEED), rtol=1e-6)

    @pytest.mark.parametrize("way", WAYS)
    def test_bfloat16_is_float32_rounded_once(self, way):
        x, by_y = normal(*SIDES, dtype=tf.bfloat16), normal(*SIDES, dtype=tf.bfloat16, seed=1)
        narrow = made(way)(x, by_y, SEED)
        wide = made(way)(tf.cast(x, tf.float32), tf.cast(by_y, tf.float32), SEED)
        for ours, exact in zip(narrow, wide, strict=True):
            assert ours.dtype == tf.bfloat16
            np.testing.assert_array_equal(tf.cast(ours, tf.float32), tf.cast(tf.cast(exact, tf.bfloat16), tf.float32))

    def test_inputs_are_left_as_they_are(self):
        x, by_y = normal(5000), normal(5000, seed=1)
        before = x.numpy().copy(), by_y.numpy().copy()
        with_gradient(x, by_y, SEED)
        np.testing.assert_array_equal(x, before[0])
        np.testing.assert_array_equal(by_y, before[1])


class TestRefusals:
    @pytest.mark.parametrize(
        ("lower", "upper"), [(8, 3), (0, 8), (-1, 8), (3, math.inf), (math.nan, 8), (3, math.nan), (math.inf, math.inf)]
    )
    @pytest.mark.parametrize("training", [True, False])
    def test_bounds(self, lower, upper, training):
        message = f"bounds must be 0 < `lower` <= `upper`, got {lower} and {upper}"
        with pytest.raises(ValueError, match=message):
            rrelu(tf.ones(3), SEED, lower, upper, training=training)

    def test_draws(self):
        with pytest.raises(ValueError, match="`draw` must be divisor or slope, got 'normal'"):
            rrelu(tf.ones(3), SEED, draw="normal")

    def test_training_without_seed(self):
        with pytest.raises(ValueError, match="rrelu needs a `seed` in training"):
            rrelu(tf.ones(3), None)

    @pytest.mark.parametrize("dtype", [tf.float16, tf.float64, tf.int32, tf.bool])
    def test_dtypes(self, dtype):
        with pytest.raises(TypeError, match=f"`x` must be float32 or bfloat16, got {dtype.name}"):
            rrelu(tf.zeros(3, dtype), SEED)


class TestSeeds:
    def test_the_same_seed_repeats_bit_for_bit(self):
        x = normal(9, 1111)
        first = rrelu(x, SEED).numpy()
        rrelu(x, seed_of(1))  # would advance a state if there were one
        tf.random.set_seed(5)
        assert rrelu(x, SEED).numpy().tobytes() == first.tobytes()
        assert rrelu(x, [7, -3]).numpy().tobytes() == first.tobytes()

    def test_place_and_seed_decide_alone(self):
        numbers = drawn(SEED, 6000)
        np.testing.assert_array_equal(drawn(SEED, 20, 3, 100).ravel(), numbers)
        np.testing.assert_array_equal(drawn(SEED, 1500), numbers[:1500])

    @pytest.mark.parametrize("other", [(7, -2), (8, -3), (-3, 7), (7, 3), (0, 0)])
    def test_different_seeds_differ(self, other):
        # Apart from rounding to float32, new numbers almost never repeat the old ones.
        assert np.isclose(drawn(SEED, 10_000), drawn(other, 10_000), rtol=1e-6, atol=0).mean() < 0.01

    def test_steps_layers_and_replicas_differ(self):
        places = [(step, layer, replica) for step in range(3) for layer in range(3) for replica in range(3)]
        numbers = [drawn(seed_of(*place), 1000) for place in places]
        for i in range(len(places)):
            for j in range(i):
                assert np.isclose(numbers[i], numbers[j], rtol=1e-6, atol=0).mean() < 0.02


def kolmogorov_smirnov(numbers: np.ndarray, low: float, width: float) -> float:
    """The p-value of `stats.kstest(numbers, "uniform", args=(low, width))` for many numbers, in a tenth of its time."""
    n, shares = numbers.size, (np.sort(numbers) - low) / width
    ranks = np.arange(n + 1) / n
    distance = max((shares - ranks[:-1]).max(), (ranks[1:] - shares).max())
    return stats.kstwobign.sf(distance * math.sqrt(n))


def check_uniform(numbers: np.ndarray, low: float, high: float) -> None:
    """Mean and variance within standard errors, and Kolmogorov and Smirnov's test."""
    n, width = numbers.size, high - low
    error = width / math.sqrt(12 * n)
    assert abs(numbers.mean() - (low + high) / 2) < STANDARD_ERRORS * error
    # The fourth central moment of U(0, 1) is 1 / 80, the square of its variance 1 / 144.
    error = width**2 * math.sqrt((1 / 80 - 1 / 144) / n)
    assert abs(numbers.var() - width**2 / 12) < STANDARD_ERRORS * error
    assert kolmogorov_smirnov(numbers.ravel(), low, width) > 1e-4


def check_uncorrelated(a: np.ndarray, b: np.ndarray) -> None:
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < STANDARD_ERRORS / math.sqrt(a.size)


# Neighbours; those that share a word of 64 bits; those that share their fine part.
LAGS = [1, 2, 3, 4, 7, 8, 16, 1023, 1024, 1025, 4096]


def check_neighbours(numbers: np.ndarray) -> None:
    centred = numbers - numbers.mean()
    for lag in LAGS:
        # As `check_uncorrelated(numbers[:-lag], numbers[lag:])`, in a tenth of its time.
        correlation = centred[:-lag] @ centred[lag:] / (centred @ centred)
        assert abs(correlation) < STANDARD_ERRORS / math.sqrt(len(numbers) - lag)


@pytest.fixture(scope="module")
def numbers_of_steps():
    """Uniform numbers [steps, elements]; each step has its seed."""
    minus_ones = -tf.ones(3000)

    @tf.function
    def of(steps):
        return tf.map_fn(lambda step: rrelu(minus_ones, seed_of(step)), steps, fn_output_signature=tf.float32)

    return -1 / of(tf.range(600)).numpy().astype(np.float64)


class TestDraws:
    @pytest.mark.parametrize("draw", DRAWS)
    def test_are_uniform_and_neighbours_uncorrelated(self, draw):
        numbers = drawn(SEED, 3_000_000, draw=draw)
        check_uniform(numbers, *INTERVALS[draw])
        check_neighbours(numbers)

    def test_bounds_below_1(self):
        check_uniform(drawn(SEED, 1_000_000, lower=0.5, upper=0.9), 0.5, 0.9)
        check_uniform(drawn(SEED, 1_000_000, draw="slope", lower=0.5, upper=0.9), 1 / 0.9, 1 / 0.5)

    def test_slopes_of_uniform_divisors(self):
        """Mean ln(8/3) / 5 and mean square 1 / (3 * 8), the integrals of 1/a and 1/a^2 over (3, 8), by 5."""
        slopes = 1 / drawn(seed_of(3), 4_000_000)
        mean, square = math.log(8 / 3) / 5, 1 / 24
        error = math.sqrt((square - mean**2) / slopes.size)
        assert abs(slopes.mean() - mean) < STANDARD_ERRORS * error
        assert abs(slopes.mean() - 2 / 11) > 100 * error

    def test_steps_layers_and_replicas_are_uncorrelated(self):
        places = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (0, 2, 0), (0, 0, 1), (0, 0, 2), (1, 1, 1), (2, 1, 0)]
        correlations = np.corrcoef([drawn(seed_of(*place), 1_000_000) for place in places])
        assert np.abs(correlations - np.eye(len(places))).max() < STANDARD_ERRORS / 1000

    def test_every_element_is_uniform_over_the_steps(self, numbers_of_steps):
        some = numbers_of_steps[:, ::13]
        p_values = stats.kstest(some, "uniform", args=(3, 5), axis=0).pvalue
        assert p_values.shape == (231,)
        assert p_values.min() > 1e-2 / 231
        assert stats.kstest(p_values, "uniform").pvalue > 1e-3
        check_uncorrelated(some[:-1], some[1:])

    @pytest.mark.parametrize("place", [0, 511, 1023, 1024])
    def test_every_element_can_draw_every_number(self, numbers_of_steps, place):
        """Numbers fill all of the 256 pieces into which 8 random bits divide the range, not only a part of each."""
        within_piece = (numbers_of_steps[:, place] - 3) / 5 * 256 % 1
        assert stats.kstest(within_piece, "uniform").pvalue > 1e-4

    def test_bad_draws_would_be_noticed(self):
        n = 1_000_000
        good = np.random.default_rng(0).uniform(3, 8, n)
        expected = stats.kstest(good, "uniform", args=(3, 5)).pvalue
        assert kolmogorov_smirnov(good, 3, 5) == pytest.approx(expected, rel=1e-2)
        check_uniform(good, 3, 8)
        check_neighbours(good)
        coarse = 3 + 5 / 256 * (np.floor((good - 3) / 5 * 256) + 0.5)  # 8 bits and no fine part
        beta = 3 + 5 * np.random.default_rng(0).beta(1.02, 1.02, n)
        for bad in (coarse, beta, 3 + 0.995 * (good - 3), np.sqrt(good**2 + 0.1)):
            with pytest.raises(AssertionError):
                check_uniform(bad, 3, 8)
        for lag in LAGS:
            echo = good.copy()
            echo[lag:] += 0.01 * good[:-lag]
            with pytest.raises(AssertionError):
                check_neighbours(echo)


class TestGradient:
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("draw", DRAWS)
    @pytest.mark.parametrize("training", [True, False])
    def test_has_the_draw_of_the_values(self, way, draw, training):
        x, by_y = normal(*SIDES), normal(*SIDES, seed=1)
        options = ({} if draw == "divisor" else {"draw": draw}) | ({} if training else {"training": False})
        y, by_x = made(way, **options)(x, by_y, SEED)
        x, y, by_y, by_x = (tensor.numpy() for tensor in (x, y, by_y, by_x))
        np.testing.assert_array_equal(by_x[x >= 0], by_y[x >= 0])
        negative = x < 0
        np.testing.assert_allclose(by_x[negative], (by_y * (y / x))[negative], rtol=1e-6)
        assert (np.ptp(y[negative] / x[negative]) > 0.19) == training

    def test_equals_finite_differences(self):
        rng = np.random.default_rng(0)
        x = (rng.choice([-1, 1], 3000) * rng.uniform(0.6, 3, 3000)).astype(np.float32)  # away from zero
        _, by_x = gradient_of(lambda x: rrelu(x, SEED), tf.constant(x))
        above, below = (rrelu(tf.constant(x + step), SEED).numpy() for step in (0.5, -0.5))
        np.testing.assert_allclose(by_x, (above - below) / 1, atol=1e-6)

    # A graph and XLA compute the same, so few powers are enough there; the third has derivatives of all orders.
    @pytest.mark.parametrize(("way", "powers"), [("eager", (1, 2, 3)), ("graph", (1, 3)), ("XLA", (3,))])
    def test_higher_derivatives(self, way, powers):
        """Derivatives of the sums of y, y^2 / 2 and y^3 / 6, with y = slope * x."""
        x = normal(2000)
        slopes = np.where(x < 0, 1 / drawn(SEED, 2000), 1)

        def derivatives(x, power):
            with tf.GradientTape() as third_tape:
                third_tape.watch(x)
                with tf.GradientTape() as second_tape:
                    second_tape.watch(x)
                    with tf.GradientTape() as first_tape:
                        first_tape.watch(x)
                        y = rrelu(x, SEED)
                        total = tf.reduce_sum([y, y * y / 2, y * y * y / 6][power - 1])
                    first = first_tape.gradient(total, x)
                second = second_tape.gradient(first, x)
            return first, second, third_tape.gradient(second, x)

        def expected(power, order):
            if order > power:
                return np.zeros(2000)
            return slopes**power * x.numpy() ** (power - order) / math.factorial(power - order)

        results = WAYS[way](lambda x: [derivatives(x, power) for power in powers])(x)
        for power, orders in zip(powers, results, strict=True):
            # The sum of y has no third derivative; that of tf.nn.leaky_relu has none either.
            for order, result in enumerate(orders[: 2 if power == 1 else 3], start=1):
                np.testing.assert_allclose(result, expected(power, order), rtol=1e-5, atol=1e-9)

    def test_eager_graph_and_xla_agree(self):
        x, by_y = normal(*SIDES), normal(*SIDES, seed=1)
        expected = with_gradient(x, by_y, SEED)
        for way in ("graph", "XLA"):
            for ours, eager in zip(made(way)(x, by_y, SEED), expected, strict=True):
                np.testing.assert_allclose(ours, eager, rtol=1e-6)

    def test_twice_from_one_tape(self):
        x = normal(3000)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = rrelu(x, SEED)
        np.testing.assert_array_equal(tape.gradient(y, x), tape.gradient(y, x))


class TestGraphs:
    def test_inside_a_data_pipeline(self):
        x = normal(4, 600)
        data = tf.data.Dataset.from_tensor_slices(x).enumerate()
        data = data.map(lambda i, row: with_gradient(row, row, seed_of(tf.cast(i, tf.int32))))
        for i, (y, by_x) in enumerate(data):
            np.testing.assert_allclose(y, rrelu(x[i], seed_of(i)), rtol=1e-6)
            np.testing.assert_array_equal(by_x, y)

    def test_saved_and_loaded(self, tmp_path):
        class Activation(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([2], tf.int32)])
            def __call__(self, x, seed):
                return rrelu(x, seed)

        options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
        tf.saved_model.save(Activation(), tmp_path, options=options)
        loaded = tf.saved_model.load(tmp_path)
        for shape in ([3, 1000], [1, 5]):
            x, by_y = normal(*shape), normal(*shape, seed=1)
            result = gradient_of(lambda x: loaded(x, SEED), x, by_y)
            for theirs, ours in zip(result, with_gradient(x, by_y, SEED), strict=True):
                np.testing.assert_allclose(theirs, ours, rtol=1e-6)

    def test_new_seeds_need_no_new_trace(self):
        activate = tf.function(with_gradient)
        x = normal(100)
        for step in range(5):
            activate(x, x, seed_of(step))
        assert activate.experimental_get_tracing_count() == 1

    @pytest.mark.parametrize("way", ["eager", "graph"])  # XLA compiles the same graph
    def test_there_is_no_state(self, way):
        created = []

        def record(create, **options):
            created.append(options)
            return create(**options)

        with tf.variable_creator_scope(record):
            WAYS[way](with_gradient)(normal(10), normal(10), SEED)
            assert not created
            tf.Variable(0)
        assert len(created) == 1  # variables are recorded
        concrete = tf.function(with_gradient).get_concrete_function(normal(10), normal(10), SEED)
        assert not concrete.variables and not concrete.captured_inputs

    def test_the_gradient_draws_again_when_it_is_reached(self):
        """Otherwise the first draw would have to be kept until then."""
        spec = tf.TensorSpec([None, 5])
        graph = tf.function(with_gradient).get_concrete_function(spec, spec, tf.TensorSpec([2], tf.int32)).graph
        by_y = graph.inputs[1].op

        def comes_after(op, first):
            return op is first or any(comes_after(tensor.op, first) for tensor in op.inputs)

        # The random words of the numbers; foldings of the seed are of other types.
        draws = [
            op
            for op in graph.get_operations()
            if op.type == "StatelessRandomUniformFullIntV2" and op.outputs[0].dtype == tf.uint64
        ]
        assert [comes_after(op, by_y) for op in draws] == [False, True]

    def test_xla_too_draws_again(self):
        x = normal(20, 1024)
        compiled = tf.function(with_gradient, jit_compile=True)
        text = compiled.experimental_get_compiler_ir(x, x, SEED)(stage="optimized_hlo")
        words = x.shape.num_elements() // 8
        assert len(re.findall(rf"u64\[{words}\]\S* get-tuple-element", text)) == 2


@pytest.fixture(scope="module")
def stablehlo():
    """Values and gradient as a module in StableHLO, and its arguments."""
    arguments = normal(4, 1500), normal(4, 1500, seed=1), SEED
    compiled = tf.function(with_gradient, jit_compile=True)
    return compiled.experimental_get_compiler_ir(*arguments)(stage="stablehlo"), arguments


class TestStableHLO:
    def test_devices_draw_by_themselves(self, stablehlo):
        text, _ = stablehlo
        assert len(re.findall(r"stablehlo\.rng_bit_generator .*PHILOX", text)) >= 2
        for host in ("custom_call", "infeed", "outfeed", "send", "recv"):
            assert f"stablehlo.{host}" not in text

    def test_jax_computes_the_same(self, stablehlo):
        jax = pytest.importorskip("jax", reason="needs JAX")
        from jax._src.interpreters import mlir
        from jax._src.lib.mlir import ir
        from jax.extend.backend import get_backend
        from jaxlib import _jax

        text, arguments = stablehlo
        backend = get_backend()
        with mlir.make_ir_context():
            devices = _jax.DeviceList(tuple(backend.local_devices()[:1]))
            executable = backend.compile_and_load(ir.Module.parse(text), devices, _jax.CompileOptions())
        results = executable.execute_sharded([jax.device_put(argument.numpy()) for argument in arguments])
        for (theirs,), ours in zip(
            results.disassemble_into_single_device_arrays(), with_gradient(*arguments), strict=True
        ):
            np.testing.assert_allclose(np.asarray(theirs), ours, rtol=1e-6)


MEMORY = """
import functools
import pathlib
import re
import sys

import tensorflow as tf

from ops.rrelu import rrelu

LAYERS, SIZE, SEED = 8, 3_000_000, tf.constant([1, 2])


def relu(x, seed):
    return tf.nn.relu(x)


def stored(x, seed):
    a = tf.random.stateless_uniform(tf.shape(x), seed, 3, 8)
    return tf.where(x < 0, x / a, x)


def chain(activation, x):
    with tf.GradientTape() as tape:
        weights = [tf.constant(0.9)] * LAYERS  # because of them each layer's input has to be kept
        tape.watch(weights)
        for layer, weight in enumerate(weights):
            x = activation(weight * x, tf.random.fold_in(SEED, layer))
        return 0 if tf.executing_eagerly() else tape.gradient(x, weights)


def peak():
    return int(re.search("VmHWM:(.*) kB", pathlib.Path("/proc/self/status").read_text())[1]) / 1000


chains = [functools.partial(chain, activation) for activation in (relu, rrelu, stored)]
if sys.argv[1] == "graph":
    chains = [tf.function(chain, input_signature=[tf.TensorSpec([None])]) for chain in chains]
x = tf.random.normal([SIZE])
for chain in chains:
    chain(x[:10])  # for warming up
for chain in chains:
    chain(x)
    print(peak())
"""


@pytest.mark.slow
@pytest.mark.parametrize("execution", ["eager", "graph"])
def test_nothing_is_kept_for_the_gradient(execution):
    """Eight layers of 12 MB each: slopes that were kept would be 96 MB, as the control shows.

    The peaks are those of one process, so they never fall: in a graph with the gradient, eagerly without it.
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc to see the memory in use")
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", MEMORY, execution]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    relu, rrelu, stored = map(float, process.stdout.split())
    assert stored - relu > 84  # less what the allocator rounds
    assert rrelu - relu < 60  # what one layer needs while it computes


@pytest.mark.gpu
@pytest.mark.parametrize("way", ["eager", "XLA"])
def test_gpus_give_the_numbers_of_cpus(way):
    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("needs a GPU")
    with tf.device("CPU:0"):
        arguments = normal(30, 40, 64), normal(30, 40, 64, seed=1)
        expected = [with_gradient(*arguments, seed_of(step)) for step in range(2)]
    with tf.device("GPU:0"):
        arguments = [tf.identity(argument) for argument in arguments]
        results = [WAYS[way](with_gradient)(*arguments, seed_of(step)) for step in range(2)]
    for result, of_cpu in zip(results, expected, strict=True):
        for ours, theirs in zip(result, of_cpu, strict=True):
            assert tf.DeviceSpec.from_string(ours.device).device_type == "GPU"
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    negative = arguments[0].numpy() < 0
    first, second = (y.numpy()[negative] for y, _ in results)
    assert np.isclose(first, second, rtol=1e-6, atol=0).mean() < 0.01
