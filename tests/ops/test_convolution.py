"""The convolution against TensorFlow's own, and its bfloat16 filter gradient under poisoned memory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate2d

from ops import convolution

ROOT = Path(__file__).parents[2]
POISON = ROOT.parent / "shared" / "tools" / "poison_alloc.c"


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    """Pretend that there is no GPU: widths matter on a CPU only."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])


# NaNs were measured at output widths of 62, 94, 121-126, 151-158, 181-190, 211-222 and 241-254.
@pytest.mark.parametrize("width", [62, 94, *range(121, 127), *range(151, 159), 181, 190, 211, 222, 241, 254])
def test_widths_that_showed_nans_are_unsafe(width):
    assert not convolution.is_safe(width)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("width", [61, 62, 94, 126, 181])
def test_gradients_in_strips_are_those_of_the_whole(width, stride):
    rng = np.random.default_rng(width)
    # Whole numbers, small enough for bfloat16 and float32 sums to be exact.
    x = tf.constant(rng.integers(-2, 3, [2, 5, width * stride + 2, 3]), tf.float32)
    filters = tf.constant(rng.integers(-2, 3, [3, 3, 3, 4]), tf.float32)
    plain = lambda x: tf.nn.conv2d(x, filters, strides=stride, padding="VALID")  # noqa: E731
    by_y = tf.constant(rng.integers(-1, 2, plain(x).shape), tf.float32)
    assert by_y.shape[2] == width

    expected = gradients(plain, x, filters, by_y)
    result = gradients(lambda x: convolution.conv2d(x, filters, stride), tf.cast(x, tf.bfloat16), filters, by_y)
    assert result[0].dtype == result[1].dtype == tf.bfloat16 and result[2].dtype == tf.float32
    for ours, theirs in zip(result, expected, strict=True):
        largest = np.abs(theirs).max()
        np.testing.assert_allclose(tf.cast(ours, tf.float32), theirs, atol=largest * 2**-8)
    strips = convolution.filter_gradient_in_strips(x, by_y, filters.shape, stride)
    np.testing.assert_array_equal(strips, expected[2])


def gradients(convolve, x, filters, by_y):
    """y, and the gradients by x and by the filters."""
    with tf.GradientTape() as tape:
        tape.watch([x, filters])
        y = convolve(x)
    return y, *tape.gradient(y, [x, filters], output_gradients=tf.cast(by_y, y.dtype))


@pytest.mark.parametrize("size", [(9, 12), (10, 7)])
@pytest.mark.parametrize(("stride", "dilation", "padding"), [(1, 1, 1), (2, 1, 1), (1, 2, 2), (1, 3, 3), (1, 2, 0)])
def test_strides_dilations_and_padding_are_those_of_scipy(size, stride, dilation, padding):
    """Padded by hand, correlated with a filter that has zeros in between, and every `stride`-th kept."""
    rng = np.random.default_rng(0)
    x, filters = rng.normal(size=[2, *size, 3]), rng.normal(size=[3, 3, 3, 4])
    padded = np.pad(x, [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    spread = np.zeros([2 * dilation + 1, 2 * dilation + 1, 3, 4])
    spread[::dilation, ::dilation] = filters
    expected = np.stack(
        [
            [
                sum(correlate2d(image[..., c], spread[..., c, d], mode="valid") for c in range(3))[::stride, ::stride]
                for d in range(4)
            ]
            for image in padded
        ]
    ).transpose(0, 2, 3, 1)
    x, filters = tf.constant(x, tf.float32), tf.constant(filters, tf.float32)
    np.testing.assert_allclose(convolution.conv2d(x, filters, stride, dilation, padding), expected, atol=1e-4)
    unknown = tf.function(
        lambda x: convolution.conv2d(x, filters, stride, dilation, padding),
        input_signature=[tf.TensorSpec([None, None, None, 3])],
    )
    np.testing.assert_allclose(unknown(x), expected, atol=1e-4)


def test_a_dilated_convolution_has_the_gradient_of_one_with_zeros_in_between():
    rng = np.random.default_rng(0)
    x, filters = (tf.constant(rng.normal(size=shape), tf.float32) for shape in ([2, 9, 8, 3], [3, 3, 3, 4]))
    by_y = tf.constant(rng.normal(size=[2, 5, 4, 4]), tf.float32)
    places = tf.constant([[2 * i, 2 * j] for i in range(3) for j in range(3)])

    def spread(x):
        return tf.nn.conv2d(x, tf.scatter_nd(places, tf.reshape(filters, [9, 3, 4]), [5, 5, 3, 4]), 1, "VALID")

    ours = gradients(lambda x: convolution.conv2d(x, filters, dilation=2), x, filters, by_y)
    for one, other in zip(ours, gradients(spread, x, filters, by_y), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_transposed_convolution_is_that_of_a_loop():
    """Each input pixel adds its filter times its value to 4x4 pixels of the output, of which a border of 1 is cut."""
    rng = np.random.default_rng(0)
    x, filters = rng.normal(size=[2, 5, 3, 4]).astype(np.float32), rng.normal(size=[4, 4, 6, 4]).astype(np.float32)
    expected = np.zeros([2, 12, 8, 6])
    for i in range(5):
        for j in range(3):
            expected[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += np.einsum("bc,hwdc->bhwd", x[:, i, j], filters)
    found = convolution.conv2d_transpose(tf.constant(x), tf.constant(filters))
    np.testing.assert_allclose(found, expected[:, 1:-1, 1:-1], rtol=1e-4, atol=1e-4)


def test_a_transposed_convolution_of_unsafe_width_has_the_same_gradients():
    rng = np.random.default_rng(0)
    x = tf.constant(rng.integers(-2, 3, [2, 4, 94, 3]), tf.float32)
    filters = tf.constant(rng.integers(-2, 3, [4, 4, 5, 3]), tf.float32)
    by_y = tf.constant(rng.integers(-1, 2, [2, 8, 188, 5]), tf.float32)
    expected = gradients(lambda x: convolution.conv2d_transpose(x, filters), x, filters, by_y)
    rounded = tf.cast(x, tf.bfloat16)
    result = gradients(lambda x: convolution.conv2d_transpose(x, filters), rounded, filters, by_y)
    for ours, theirs in zip(result, expected, strict=True):
        np.testing.assert_allclose(tf.cast(ours, tf.float32), theirs, atol=np.abs(theirs).max() * 2**-8)


def test_no_strip_is_unsafe(monkeypatch):
    widths = []
    whole = tf.raw_ops.Conv2DBackpropFilter

    def record(*, out_backprop, **options):
        widths.append(out_backprop.shape[2])
        return whole(out_backprop=out_backprop, **options)

    monkeypatch.setattr(tf.raw_ops, "Conv2DBackpropFilter", record)
    for width in range(61, 300, 7):
        widths.clear()
        x, by_y = tf.ones([1, 3, width + 2, 1], tf.bfloat16), tf.ones([1, 1, width, 1], tf.bfloat16)
        convolution.filter_gradient_in_strips(x, by_y, tf.TensorShape([3, 3, 1, 1]))
        assert sum(widths) == width and all(w <= 60 and convolution.is_safe(w) for w in widths)


def test_inputs_of_unknown_width_can_be_convolved():
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.bfloat16)])
    def convolve(x):
        return convolution.conv2d(x, tf.ones([3, 3, 1, 1]))

    np.testing.assert_array_equal(convolve(tf.ones([1, 3, 128, 1], tf.bfloat16)), tf.fill([1, 1, 126, 1], 9.0))


STEPS = """
import sys
import numpy as np
import tensorflow as tf
from tests.made import made_bins
from tfcolor.networks.inputs import INPUTS
from tfcolor.networks.registry import network_class
from tfcolor.objectives.classification import Classification
from tfcolor.training.trainer import Trainer, learners_of

name, patch = sys.argv[1], int(sys.argv[2])
options = {} if name in ("valid8", "unet") else {"width": 0.125}
def make():
    network = network_class(name)(64, **options, compute_dtype=tf.bfloat16)
    return network, learners_of(Classification(made_bins(64)), network, encoder_rate=1.0, whole_encoder=True)
trainer = Trainer(make, 2, tf.distribute.get_strategy())
rng = np.random.default_rng(0)
p = (patch - 2 * trainer.network.context) // trainer.network.stride
for step in range(5):
    lightness = tf.constant(rng.uniform(0, 100, [2, patch, patch, 1]), tf.float32)
    indices = tf.constant(rng.integers(0, 64, [2, p, p, 5]), tf.int32)
    given = INPUTS[trainer.network.takes].from_lightness(lightness)
    batch = given, indices, tf.fill([2, p, p, 5], 0.2), tf.ones([2, p, p])
    result = trainer.step(batch, 1e-3, 0)
    assert result.is_finite, f"step {step}: {result}"
"""


@pytest.fixture(scope="module")
def poison(tmp_path_factory):
    """Build the library that fills fresh memory with NaN; skip where that is impossible, or would prove nothing."""
    if not POISON.exists():
        pytest.skip(f"needs {POISON.name}")
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    if "amx_bf16" not in Path("/proc/cpuinfo").read_text():
        pytest.skip("needs a CPU with bfloat16 matrix units (AMX): others do not use the kernel in question")
    library = tmp_path_factory.mktemp("poison") / "poison_alloc.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, POISON], check=True)
    return library


def run_steps(network, patch, **more):
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | more
    command = [sys.executable, "-c", STEPS, network, str(patch)]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.slow
def test_training_steps_are_finite():
    """Everywhere, so that the steps of the next test run where nothing can be proved with them."""
    run_steps("valid8", 17)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "patch"),
    [("valid8", patch) for patch in (17, 32, 62, 64, 78, 96, 112, 128, 144, 176, 256)]
    + [("zhang", patch) for patch in (56, 96, 128, 176, 256)]
    + [("unet", patch) for patch in (96, 128, 160, 192)]
    + [("beta", 128), ("gamma", 128), ("gamma", 256), ("pix2pix", 256), ("pix2pix", 512)],
)
def test_training_steps_are_finite_where_fresh_memory_is_nan(poison, network, patch):
    run_steps(network, patch, LD_PRELOAD=str(poison))
