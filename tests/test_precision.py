"""Precision: bfloat16 only at widths without NaN gradients, and only where it is measured faster."""

import numpy as np
import pytest
import tensorflow as tf

from tfcolor import precision
from tfcolor.errors import InputError
from tfcolor.networks.valid8 import Valid8

SAFE = [17, 18, 32, 48, 61, 62, 112]
UNSAFE = [63, 64, 78, 96, 110, 111, 113, 128, 144, 176, 256]


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    """The widths matter on a CPU only."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])


def never():
    raise AssertionError("nothing was to be measured")


@pytest.mark.parametrize("patch", SAFE)
def test_bfloat16_where_it_is_safe(patch):
    assert precision.choose("bfloat16", Valid8.convolution_widths(patch), never) == tf.bfloat16


@pytest.mark.parametrize("patch", UNSAFE)
def test_bfloat16_is_refused_where_it_is_not(patch):
    with pytest.raises(InputError, match=f"convolutions {patch - 2} to {patch - 16} pixels wide") as refusal:
        precision.choose("bfloat16", Valid8.convolution_widths(patch), never)
    assert "\n" not in str(refusal.value)
    assert precision.choose("auto", Valid8.convolution_widths(patch), never) == tf.float32


@pytest.mark.parametrize("patch", UNSAFE)
def test_a_gpu_has_no_unsafe_widths(patch, monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["GPU"] if kind == "GPU" else [])
    assert precision.choose("bfloat16", Valid8.convolution_widths(patch), never) == tf.bfloat16
    assert precision.choose("auto", Valid8.convolution_widths(patch), lambda: 2.0) == tf.bfloat16


# NaNs were measured at output widths of 62, 94, 121-126, 151-158, 181-190, 211-222 and 241-254.
@pytest.mark.parametrize("width", [62, 94, *range(121, 127), *range(151, 159), 181, 190, 211, 222, 241, 254])
def test_widths_that_showed_nans_are_unsafe(width):
    assert not precision.is_safe(width)


@pytest.mark.parametrize(
    ("gain", "dtype"), [(8.0, tf.bfloat16), (1.3, tf.bfloat16), (1.1, tf.float32), (0.3, tf.float32)]
)
def test_auto_goes_by_the_measured_gain(gain, dtype):
    assert precision.choose("auto", Valid8.convolution_widths(32), lambda: gain) == dtype


@pytest.mark.parametrize("patch", [32, 128])
def test_float32_asks_nothing(patch):
    assert precision.choose("float32", Valid8.convolution_widths(patch), never) == tf.float32


def test_the_gain_is_a_ratio_of_times(monkeypatch):
    assert 0 < precision.bfloat16_gain(repeats=1) < np.inf
    now = 0.0

    def probe(x, filters):
        nonlocal now
        now += 9 if x.dtype == tf.float32 else 3
        return tf.zeros([])

    monkeypatch.setattr(precision, "_probe", probe)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now)
    assert precision.bfloat16_gain(repeats=3) == 3
